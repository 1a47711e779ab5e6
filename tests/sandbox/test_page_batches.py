"""Batches on the page: their size against the limit, and each request with its calls and problems."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leafing import following, hrefs, polled, said, send

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page.batches import histogram
from cio_facade.sandbox.page.views import bisect
from cio_facade.sandbox.records import Call, RequestRecord
from cio_facade.sandbox.storage import Storage

TRACK = {"type": "track", "userId": "u1", "event": "E"}
STRICT = {"X-Strict-Mode": "1"}


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    base = sandbox.url.removesuffix("/v1")
    with httpx.Client(base_url=base, auth=("key", ""), verify=False) as client:
        yield client


def test_without_batches_the_page_says_what_they_are(page: httpx.Client) -> None:
    assert "No batches yet" in said(page.get("/batches"))


def test_a_batch_is_listed_with_its_size_against_the_limit(page: httpx.Client) -> None:
    body = b'{"batch":[' + b",".join([b'{"type":"track","userId":"u1","event":"E"}'] * 5)
    body += b"]," + b" " * (250_000 - len(body) - 3) + b"}"
    body = body.replace(b"],", b"] ")
    headers = {"X-Request-Id": "<b>req-1", "X-Retry-Count": "3"}
    assert page.post("/v1/batch", content=body, headers=headers).status_code == 200
    answer = page.get("/batches")
    assert "5 250 000 B 50 % 50 000 accepted 200 3 <b>req-1" in said(answer)
    assert '<rect class="part" width="50.0"' in answer.text
    assert "/requests/1" in hrefs(answer)


def test_single_calls_are_listed_when_asked_for(page: httpx.Client) -> None:
    send(page, "track", userId="u1", event="E")
    page.post("/v1/batch", json={"batch": [TRACK]})
    assert "/requests/1" not in hrefs(page.get("/batches"))
    answer = page.get("/batches?singles=1")
    assert [link for link in hrefs(answer) if link.startswith("/requests/")] == ["/requests/2", "/requests/1"]
    assert "/v1/track" in said(answer)


def test_of_a_refused_batch_the_calls_are_counted_too(page: httpx.Client) -> None:
    page.post("/v1/batch", json={"batch": [TRACK] * 7})
    page.post("/v1/batch", json={"batch": [TRACK, {"type": "track"}, TRACK]}, headers=STRICT)
    page.post("/v1/batch", json={"batch": [TRACK, {"type": "track"}]})
    page.post("/v1/batch", json={"batch": [{"type": "track"}] * 4})
    page.post("/v1/batch", content=b"{nope")
    page.post("/v1/batch", json={"batch": []})
    counts = [said(page.get(f"/requests/{number}")).partition(" Calls ")[2].partition(":")[0] for number in range(1, 7)]
    assert counts == ["7", "3", "2", "4", "0", "0"]


def test_batches_are_listed_over_several_pages(page: httpx.Client) -> None:
    for _ in range(60):
        page.post("/v1/batch", json={"batch": [TRACK]})
        send(page, "track", userId="u1", event="E")
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        answer = page.get(f"/batches{query}")
        found += [link for link in hrefs(answer) if link.startswith("/requests/")]
        query = following(answer)
    assert found == [f"/requests/{number}" for number in range(119, 0, -2)]


def test_an_open_list_is_told_nothing_until_a_request_comes(page: httpx.Client) -> None:
    page.post("/v1/batch", json={"batch": [TRACK]})
    asks = polled(page.get("/batches"))
    assert page.get(f"/batches{asks}").status_code == 204
    page.post("/v1/batch", json={"batch": [TRACK]})
    assert "/requests/2" in hrefs(page.get(f"/batches{asks}"))


def test_a_request_is_shown_with_its_calls_and_its_problems(page: httpx.Client) -> None:
    send(page, "track", userId="u0", event="E")
    bad = {"type": "identify", "userId": "<u2>", "timestamp": "yesterday"}
    page.post("/v1/batch", json={"batch": [TRACK, bad, 3]}, headers={**STRICT, "X-Request-Id": "r-1"})
    send(page, "track", userId="u3", event="E")
    answer = page.get("/requests/2")
    words = said(answer)
    for phrase in (
        "Request 2",
        "400, in strict mode",
        "r-1",
        "1 timestamp must be a valid date-time format 400",
        "2 must be of type object type 400",
        "0 track E u1",
        "refused with the batch",
        "1 identify <u2>",
        "(hash",
    ):
        assert phrase in words, phrase
    links = hrefs(answer)
    assert {"/calls/2", "/calls/3", "/people/%3Cu2%3E"} <= set(links)
    assert not {"/calls/1", "/calls/5"} & set(links)


def test_the_calls_of_a_large_request_are_listed_over_several_pages(page: httpx.Client) -> None:
    page.post("/v1/batch", json={"batch": [TRACK] * 250})
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        answer = page.get(f"/requests/1{query}")
        found += [link for link in hrefs(answer) if link.startswith("/calls/")]
        query = following(answer)
    assert found == [f"/calls/{number}" for number in range(1, 251)]


@pytest.mark.parametrize("number", ["99", "x", "0", "-1", "9" * 30, "٣"])
def test_a_request_that_is_not_there_is_not_found_and_the_page_leads_out(page: httpx.Client, number: str) -> None:
    answer = page.get(f"/requests/{number}")
    assert answer.status_code == 404
    assert "/batches" in hrefs(answer)


@given(st.lists(st.integers(1, 2_000), max_size=50))
def test_each_size_is_in_one_tenth_of_the_limit_or_over_it(sizes: list[int]) -> None:
    chart = histogram(sizes, 1_000)
    assert chart.total == len(sizes)
    *tenths, over = (bar.column.counts for bar in chart.bars)
    assert over == (0, sum(size > 1_000 for size in sizes))
    for tenth, counts in enumerate(tenths):
        assert counts == (sum(tenth * 100 < size <= tenth * 100 + 100 for size in sizes), 0)


@given(st.lists(st.integers(0, 4), max_size=12))
def test_the_calls_of_any_request_are_found_by_bisection(counts: list[int]) -> None:
    storage = Storage()
    calls = [Call(place, "track", "{}", 2, {"type": "track", "event": "E"}) for place in range(4)]
    for count in counts:
        storage.record(RequestRecord("2026-01-31T12:00:00.000+00:00", "/v1/batch", status=200), calls[:count])
    for request in range(len(counts) + 2):
        earlier = storage.read("SELECT count(*) FROM received WHERE request < ?", (request,))[0][0]
        assert bisect(storage.read, "received", request) == earlier + 1
    storage.close()
