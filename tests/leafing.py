"""What people do with the sandbox's page: read it, follow its links. And what its senders do."""

import html
import re

import httpx

__all__ = ["batch", "following", "hrefs", "polled", "rows", "said", "send"]


def send(page: httpx.Client, type_: str, **call: object) -> None:
    answer = page.post(f"/v1/{type_}", json=call)
    assert answer.status_code == 200, answer.text


def batch(page: httpx.Client, *calls: dict[str, object]) -> None:
    answer = page.post("/v1/batch", json={"batch": calls})
    assert answer.status_code == 200, answer.text


def said(answer: httpx.Response) -> str:
    """What people read on a page: its words without the markup, blanks as one."""
    assert "text/html" in answer.headers["content-type"]
    body = answer.text.partition("<main")[2].partition("</main>")[0]
    words = re.sub(r"<[^>]*>", " ", body[body.index(">") + 1 :])
    return " ".join(html.unescape(words).split())


def hrefs(answer: httpx.Response) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]*)"', answer.text)]


def rows(answer: httpx.Response) -> list[str]:
    """Links of the rows of the first table that is walked by its rows."""
    body = answer.text.partition("<tbody data-rows")[2].partition("</tbody>")[0]
    return [html.unescape(one) for one in re.findall(r'<th scope="row"[^>]*><a[^>]* href="([^"]*)"', body)]


def following(answer: httpx.Response) -> str | None:
    found = re.search(r'rel="next" href="([^"]*)"', answer.text)
    return html.unescape(found[1]) if found else None


def polled(answer: httpx.Response) -> str:
    """The parameters with which a page that is open asks whether there is something new."""
    found = re.search(r'hx-get="([^"]*)"', answer.text)
    assert found, "the page is live"
    return html.unescape(found[1])
