"""The stream: the calls as they arrive, those that came before, and one of them with all that is known of it."""

import time
from collections import deque
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.page.arrivals import MOST, Arrivals, News
from cio_facade.sandbox.page.filters import VERDICTS, Filters
from cio_facade.sandbox.page.views import Cursor, View, whole
from cio_facade.sandbox.reading import StoreClosed

__all__ = ["routes"]

# Seconds between two updates at least; after which the page is told how fast calls come; and after which something is
# sent all the same, so that a connection that is gone is noticed.
_PAUSE = 0.2
_BEAT = 1.0
_SIGN = 15.0
# Seconds over which the rate is taken.
_SPAN = 2.0
_FEED = {"Cache-Control": "no-store"}


def routes(view: View, hub: Hub) -> list[BaseRoute]:
    """Make the routes of the stream."""
    stream = _Stream(view, hub)
    return [
        Route("/", stream.home),
        Route("/stream", stream.live),
        Route("/stream/older", stream.older),
        Route("/calls/{number}", stream.call),
    ]


class _Stream:
    def __init__(self, view: View, hub: Hub) -> None:
        self._view = view
        self._hub = hub
        self._arrivals = Arrivals(view.storage)
        self._types = sorted({*view.rules.types.values()})

    async def home(self, request: Request) -> Response:
        return await run_in_threadpool(self._home, request)

    async def older(self, request: Request) -> Response:
        return await run_in_threadpool(self._older, request)

    async def call(self, request: Request) -> Response:
        return await run_in_threadpool(self._call, request)

    async def live(self, request: Request) -> Response:
        filters = Filters.read(request.query_params)
        cursor = Cursor.read(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        return StreamingResponse(self._feed(filters, cursor), media_type="text/event-stream", headers=_FEED)

    def _home(self, request: Request) -> Response:
        filters = Filters.read(request.query_params)
        before = whole(request.query_params.get("before", ""))
        cursor = self._arrivals.latest()
        stretch = self._arrivals.older(filters, cursor.number + 1 if before is None else before)
        return self._view.show(
            request,
            "stream.html",
            filters=filters,
            before=before,
            cursor=cursor,
            stretch=stretch,
            have=len(stretch.rows),
            most=MOST,
            totals=self._arrivals.totals(),
            events=self._arrivals.events(),
            types=self._types,
            verdicts=VERDICTS,
        )

    def _older(self, request: Request) -> Response:
        """Go on where few of the calls fit, until there are enough for a page."""
        filters = Filters.read(request.query_params)
        before = whole(request.query_params.get("before", "")) or 1
        have = min(whole(request.query_params.get("have", "")) or 0, MOST - 1)
        stretch = self._arrivals.older(filters, before, MOST - have)
        return self._view.show(
            request, "stream_older.html", filters=filters, stretch=stretch, have=have + len(stretch.rows), most=MOST
        )

    def _call(self, request: Request) -> Response:
        asked: str = request.path_params["number"]
        number = whole(asked)
        call = None if number is None else self._arrivals.call(number)
        if call is None:
            return self._view.show(request, "call_absent.html", 404, asked=asked)
        return self._view.show(
            request,
            "call.html",
            call=call,
            is_batch=call["path"] == self._view.rules.prefix + self._view.rules.batch_path,
            problems=self._arrivals.problems(call),
            repeats=self._arrivals.repeats(call),
            latest=self._arrivals.latest().number,
        )

    async def _feed(self, filters: Filters, cursor: Cursor) -> AsyncGenerator[str]:
        """Write the events of one who watches: what is new since the cursor at once, then as it comes."""
        watched = _Watched(self._view, self._arrivals, filters, cursor)
        sent = time.monotonic()
        try:
            async for _ in self._hub.watch(_BEAT, _PAUSE):
                update = await run_in_threadpool(watched.update)
                if update or time.monotonic() - sent > _SIGN:
                    yield update or ":\n\n"
                    sent = time.monotonic()
        except StoreClosed:
            pass  # the sandbox stops: the browser asks again, and finds the next one


class _Watched:
    """What one who watches has been sent."""

    def __init__(self, view: View, arrivals: Arrivals, filters: Filters, cursor: Cursor) -> None:
        self._view = view
        self._arrivals = arrivals
        self._filters = filters
        self._cursor = cursor
        self._totals: dict[str, int] = {}
        self._rate = -1
        self._pace = Pace()

    def update(self) -> str:
        """Write what is new as an event; nothing where nothing is."""
        news = self._arrivals.since(self._filters, self._cursor)
        totals = self._arrivals.totals() if news.cursor != self._cursor or not self._totals else self._totals
        rate = self._pace.rate(time.monotonic(), news.cursor.number)
        if (news.cursor, totals, rate) == (self._cursor, self._totals, self._rate):
            return ""
        text = self._view.rendering.text(
            "stream_update.html",
            filters=self._filters,
            news=news,
            totals=totals if totals != self._totals else None,
            rate=rate,
        )
        self._cursor, self._totals, self._rate = news.cursor, totals, rate
        return event(text, news)


class Pace:
    """How many calls a second there are, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, now: float, number: int) -> int:
        """Say it, given the time in seconds and the number of the last call."""
        seen = self._seen
        if seen and number < seen[-1][1]:
            seen.clear()  # everything was forgotten
        seen.append((now, number))
        while len(seen) > 2 and seen[1][0] <= now - _SPAN:
            seen.popleft()
        passed = now - seen[0][0]
        return round((number - seen[0][1]) / passed) if passed else 0


def event(text: str, news: News) -> str:
    """Write a server-sent event: what ends a line there must not stand in the text of one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return f"id: {news.cursor}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
