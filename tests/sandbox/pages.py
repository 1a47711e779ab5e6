"""Reading the page as a browser does: rows of the list, what a text says, and the events of the stream."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

import httpx

__all__ = ["Event", "Feed", "Page", "Row", "feed", "read"]


@dataclass
class Row:
    """A row of the list of calls."""

    id: int
    cells: list[str] = field(default_factory=list[str])

    @property
    def verdict(self) -> str:
        return self.cells[1].split()[0]


class Page(HTMLParser):
    """What a page says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.rows: list[Row] = []
        self.gaps: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._row: Row | None = None
        self._gap = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag == "tr":
            self._row = Row(int(said["data-id"] or 0)) if "data-id" in said else None
            self._gap = said.get("class") == "gap"
            if self._row:
                self.rows.append(self._row)
            if self._gap:
                self.gaps.append("")
        elif tag == "td" and self._row:
            self._row.cells.append("")
        elif tag == "a" and said.get("href") and "hidden" not in said:
            self.links.append(said["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._row, self._gap = None, False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._row and self._row.cells:
            self._row.cells[-1] = _squeezed(f"{self._row.cells[-1]} {data}")
        if self._gap:
            self.gaps[-1] = _squeezed(f"{self.gaps[-1]} {data}")

    def attribute(self, id_: str, name: str) -> str | None:
        """An attribute of the element with an id; None where there is none."""
        return next((said.get(name) for _, said in self.tags if said.get("id") == id_), None)


class Event(NamedTuple):
    """A server-sent event: the page's own part of it."""

    id: str
    page: Page

    @property
    def total(self) -> int:
        """Calls that it shows or counts."""
        counted = (re.search(r"([\d\u202f]+) more came in between", gap) for gap in self.page.gaps)
        return len(self.page.rows) + sum(int(found[1].replace("\u202f", "")) for found in counted if found)


class Feed:
    """The events of a stream that is open."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = _lines(response)

    def __iter__(self) -> Iterator[Event]:
        id_, data = "", list[str]()
        for line in self._lines:
            name, _, value = line.partition(": ")
            if not line and data:
                yield Event(id_, Page("\n".join(data)))
                data = []
            elif name == "id":
                id_ = value
            elif name == "data":
                data.append(value)

    def until(self, calls: int, seconds: float = 10.0) -> list[Event]:
        """Events, until they told of so many calls."""
        found: list[Event] = []
        end = time.monotonic() + seconds
        for event in self:
            found.append(event)
            if sum(one.total for one in found) >= calls or time.monotonic() > end:
                break
        return found


def _squeezed(text: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


def _lines(response: httpx.Response) -> Iterator[str]:
    """Lines as the format has them, which are fewer than those that Python knows."""
    rest = ""
    for text in response.iter_text():
        *lines, rest = (rest + text).split("\n")
        yield from lines


@contextmanager
def feed(address: str, after: str = "", last: str = "", **filters: str) -> Iterator[Feed]:
    """Open a stream of a sandbox's page."""
    headers = {"Last-Event-ID": last} if last else {}
    with (
        httpx.Client(base_url=address, timeout=10) as client,
        client.stream("GET", "/stream", params={**filters, "after": after}, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Feed(response)


def read(address: str, path: str = "/", status: int = 200, **parameters: str | int) -> Page:
    """Get a page of a sandbox."""
    answer = httpx.get(httpx.URL(address).join(path), params=parameters or None)
    assert answer.status_code == status, answer.text
    return Page(answer.text)
