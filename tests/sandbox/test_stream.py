"""The stream of calls, watched over a real socket: nothing missing, nothing twice, whatever comes between."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from pages import feed, read

from cio_facade.sandbox import Sandbox, threaded
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.page import stream
from cio_facade.sandbox.page.arrivals import News
from cio_facade.sandbox.page.stream import Pace
from cio_facade.sandbox.page.views import Cursor


def batch(first: int, count: int, **more: object) -> str:
    calls = [{"type": "track", "userId": "u1", "event": f"e{number}", **more} for number in range(first, first + count)]
    return json.dumps({"batch": calls})


@pytest.fixture
def fast() -> Iterator[Sandbox]:
    with Sandbox(rate=False) as sandbox:
        yield sandbox


def test_what_came_before_is_sent_at_once_and_what_comes_is_sent_as_it_comes(
    sandbox: Sandbox, permissive: httpx.Client
) -> None:
    permissive.post("/track", json={"userId": "u1", "event": "Before"})
    with feed(sandbox.page) as events:
        (first,) = events.until(1)
        assert [row.cells[3] for row in first.page.rows] == ["Before"]
        permissive.post("/identify", json={"userId": "u2", "traits": {"plan": "pro"}})
        (second,) = events.until(1)
    (row,) = second.page.rows
    assert row.cells[1:3] == ["accepted", "identify"]
    assert row.cells[4:7] == ["u2", "person created; set plan", "39 B"]


def test_what_is_refused_and_what_is_lost_say_why(sandbox: Sandbox, permissive: httpx.Client) -> None:
    with feed(sandbox.page) as events:
        permissive.post("/track", json={"userId": "u1"}, headers={"X-Strict-Mode": "1", "X-Retry-Count": "2"})
        permissive.post("/track", content=b"no json")
        lost, refused = sorted(
            (row for event in events.until(2) for row in event.page.rows), key=lambda row: row.verdict
        )
    assert (refused.verdict, refused.cells[5]) == ("refused", "event: is required")
    assert refused.cells[7] == "#1 400 strict retry 2"
    assert (lost.verdict, lost.cells[2], lost.cells[5]) == ("lost", "none", "the body is no JSON")


def test_the_filters_narrow_what_arrives(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/track", json={"userId": "u1", "event": "Wanted"})
    with feed(sandbox.page, event="Wanted", person="u1") as events:
        events.until(1)
        permissive.post("/batch", content=batch(0, 5))
        permissive.post("/track", json={"userId": "u2", "event": "Wanted"})
        permissive.post("/track", json={"userId": "u1", "event": "Wanted"})
        found = events.until(1)
    assert [row.id for event in found for row in event.page.rows] == [8]


def test_after_a_break_it_goes_on_where_it_was(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/batch", content=batch(0, 3))
    with feed(sandbox.page) as events:
        last = events.until(3)[-1].id
    permissive.post("/batch", content=batch(3, 2))
    seen = []
    for parameters in ({"after": last}, {"after": "0@", "last": last}):
        with feed(sandbox.page, **parameters) as events:
            seen.append([row.id for event in events.until(2) for row in event.page.rows])
    assert seen == [[5, 4], [5, 4]]


def test_the_page_goes_on_where_it_was_rendered(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/batch", content=batch(0, 3))
    page = read(sandbox.page, person="u1")
    address = page.attribute("feed", "hx-sse:connect") or ""
    assert [row.id for row in page.rows] == [3, 2, 1]
    permissive.post("/batch", content=batch(3, 1))
    after = httpx.URL(address).params["after"]
    assert httpx.URL(address).params["person"] == "u1"
    with feed(sandbox.page, after=after) as events:
        assert [row.id for event in events.until(1) for row in event.page.rows] == [4]


@pytest.mark.parametrize("cursor", ["nonsense", "-1@", "0@", "@", "9" * 40 + "@x", "\xff@\xff"])
def test_a_cursor_that_is_none_is_the_beginning(sandbox: Sandbox, permissive: httpx.Client, cursor: str) -> None:
    permissive.post("/batch", content=batch(0, 3))
    with feed(sandbox.page, after=cursor) as events:
        assert [row.id for row in events.until(3)[0].page.rows] == [3, 2, 1]


def test_more_than_a_page_holds_are_counted(sandbox: Sandbox, permissive: httpx.Client) -> None:
    with feed(sandbox.page) as events:
        next(iter(events))
        permissive.post("/batch", content=batch(0, 250))
        (event,) = events.until(250)
    assert [row.id for row in event.page.rows] == list(range(250, 190, -1))
    assert event.page.gaps == ["190 more came in between"]
    assert "/?before=191" in event.page.links
    assert [row.id for row in read(sandbox.page, "/?before=191").rows] == list(range(190, 90, -1))


def test_more_than_are_looked_at_are_said(
    sandbox: Sandbox, permissive: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cio_facade.sandbox.page.arrivals._LOOKED_AT", 10)
    permissive.post("/batch", content=batch(0, 35))
    with feed(sandbox.page, person="u1") as events:
        (event,) = events.until(10)
    assert [row.id for row in event.page.rows] == list(range(35, 25, -1))
    assert event.page.gaps == ["More may have come in between ; 25 calls were not looked through"]


def test_under_load_nothing_is_missing_and_nothing_comes_twice(fast: Sandbox) -> None:
    batches, size = 60, 250

    def send() -> None:
        with httpx.Client(base_url=fast.url, auth=("key", "")) as client:
            for number in range(batches):
                assert client.post("/batch", content=batch(number * size, size)).status_code == 200

    sender = threading.Thread(target=send)
    with feed(fast.page) as events, feed(fast.page, verdict="accepted") as narrowed:
        begun = time.monotonic()
        sender.start()
        all_, some = (one.until(batches * size, 30) for one in (events, narrowed))
        passed = time.monotonic() - begun
        sender.join()
    for found in (all_, some):
        ids = [row.id for event in found for row in reversed(event.page.rows)]
        assert ids == sorted(set(ids))
        assert ids[-1] == batches * size
        assert sum(event.total for event in found) == batches * size
        assert max(len(event.page.rows) for event in found) <= 100
        assert len(found) <= passed / 0.2 + 2


def test_the_totals_follow(sandbox: Sandbox, permissive: httpx.Client) -> None:
    with feed(sandbox.page) as events:
        assert "accepted0" in next(iter(events)).page.text.replace("\n", "")
        for _ in range(2):
            permissive.post("/track", json={"userId": "u1", "event": "E", "messageId": "m1"})
        permissive.post("/track", json={"userId": "u1"})
        text = events.until(3)[-1].page.text.replace("\n", "")
    assert "accepted2refused0lost1dropped0repeats1people1" in text


def test_when_everything_is_forgotten_the_list_begins_anew(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/batch", content=batch(0, 3))
    with feed(sandbox.page) as events:
        events.until(3)
        sandbox.clear()
        permissive.post("/track", json={"userId": "u9", "event": "Anew"})
        found = [event for event in events.until(1) if event.page.rows]
    assert [row.id for row in found[-1].page.rows] == [1]
    assert ("template", "innerHTML") in {
        (tag.replace("hx-partial", "template"), said.get("hx-swap")) for tag, said in found[-1].page.tags
    }


def test_a_quiet_stream_shows_that_it_lives(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_BEAT", "_PAUSE", "_SIGN"):
        monkeypatch.setattr(stream, name, 0.01)
    with feed(sandbox.page) as events:
        for text in events.response.iter_text():
            if text == ":\n\n":
                break
        else:
            pytest.fail("the stream ended")


def test_the_server_stops_at_once_with_streams_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threaded, "_GRACE", 60)
    with Sandbox() as sandbox, feed(sandbox.page) as first, feed(sandbox.page) as second:
        for one in (first, second):
            next(iter(one))
        begun = time.monotonic()
        sandbox.__exit__(None, None, None)
        assert time.monotonic() - begun < 15  # well before what is under way is cut off
        for one in (first, second):
            assert list(one) == []  # ended in order: httpx raises otherwise


def test_what_is_hostile_is_told_as_text(sandbox: Sandbox, permissive: httpx.Client) -> None:
    name = "<script>alert(1)</script>\r\ndata: x\n\nid: 7\n\u2028\x00\u202e</td>"
    with feed(sandbox.page) as events:
        permissive.post("/track", json={"userId": "<b>\"'", "event": name})
        (event,) = (one for one in events.until(1) if one.page.rows)
    assert event.id.startswith("1@")
    assert "<script" not in event.page.html
    (row,) = event.page.rows
    assert row.cells[3] == (
        "<script>alert(1)</script> U+000D U+000A data: x U+000A U+000A id: 7 U+000A U+2028 U+0000 U+202E </td>"
    )
    assert row.cells[4] == "<b>\"'"


def test_no_end_of_a_line_ends_an_event() -> None:
    written = stream.event("a\r\nb\rc\n\nid: 9", News(Cursor(3, "now")))
    assert written == "id: 3@now\ndata: a\ndata: b\ndata: c\ndata: \ndata: id: 9\n\n"


def test_a_hub_makes_one_time_of_what_is_announced_in_a_pause() -> None:
    async def watch() -> list[bool]:
        hub = Hub()
        found: list[bool] = []
        async for is_new in hub.watch(0.05, 0.02):
            found.append(is_new)
            if len(found) == 2:
                for _ in range(5):
                    hub.announce()
            elif len(found) == 4:
                hub.close()
        return found

    assert asyncio.run(watch()) == [True, False, True, False]


def test_a_hub_that_closes_ends_a_pause() -> None:
    async def watch() -> float:
        hub = Hub()
        begun = time.monotonic()
        async for _ in hub.watch(60, 60):
            asyncio.get_running_loop().call_later(0.01, hub.close)
        return time.monotonic() - begun

    assert asyncio.run(watch()) < 5


def test_a_hub_forgets_those_who_leave() -> None:
    async def watch() -> int:
        hub = Hub()
        watching = hub.watch(0.01)
        await anext(watching)
        await watching.aclose()
        return len(hub._watchers)

    assert asyncio.run(watch()) == 0


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    assert [pace.rate(second, second * 100) for second in range(6)] == [0, 100, 100, 100, 100, 100]
    assert [pace.rate(second, 500) for second in range(6, 10)] == [50, 0, 0, 0]
    assert pace.rate(10, 3) == 0  # everything was forgotten
    assert pace.rate(11, 5) == 2
