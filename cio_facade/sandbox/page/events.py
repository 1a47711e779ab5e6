"""Events by name, and how many calls came when; one event with what its calls carried."""

import time
from collections.abc import Callable
from sqlite3 import Row
from typing import Any, Final, NamedTuple, cast

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.charts import Chart, Column, grain, slots, stacked
from cio_facade.sandbox.page.shapes import compare
from cio_facade.sandbox.page.telling import stamp
from cio_facade.sandbox.page.views import Read, View, latest
from cio_facade.sandbox.tallies import SUMS, during

__all__ = ["RANGES", "Range", "Window", "over_time", "routes", "window"]

_VERDICTS: Final = ("accepted", "lost", "refused", "dropped")
_MOST_BARS: Final = 60
_MOST_EVENTS: Final = 200
_EXAMINED: Final = 200

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE


_OFTEN: Final = 2
_SELDOM: Final = 10


class Range(NamedTuple):
    """A time up to now that a chart may show.

    Attributes
    ----------
    name : str
        As it stands in the address.
    words : str
        For people.
    seconds : int or None
        Its length; None goes back to the first call.
    """

    name: str
    words: str
    seconds: int | None


RANGES: Final = (
    Range("1m", "last minute", _MINUTE),
    Range("15m", "15 minutes", 15 * _MINUTE),
    Range("1h", "hour", _HOUR),
    Range("1d", "day", 24 * _HOUR),
    Range("all", "all", None),
)

_ENDS: Final = "SELECT (SELECT min(second) FROM tallies), (SELECT max(second) FROM tallies)"
_ANY: Final = "SELECT 1 FROM tallies WHERE second >= ? LIMIT 1"
_VERDICT_SUMS: Final = ", ".join(
    f"coalesce(sum(calls) FILTER (WHERE verdict = '{verdict}'), 0) AS {verdict}" for verdict in _VERDICTS
)
# Read bar by bar, in the order of the table: to group all at once would sort it.
_BAR: Final = f"SELECT {_VERDICT_SUMS} FROM {SUMS} WHERE :event IS NULL OR event = :event"  # noqa: S608 - names, no input
_BY: Final = f"""
SELECT {{name}} AS name, sum(calls) AS calls, sum(bytes) AS bytes, max(last) AS last, {_VERDICT_SUMS}
FROM {SUMS} WHERE {{condition}} GROUP BY {{name}} ORDER BY calls DESC, name LIMIT :limit
"""  # noqa: S608 - as above
_BY_EVENT: Final = _BY.format(name="event", condition="event <> ''")
_BY_TYPE: Final = _BY.format(name="type", condition="type <> ''")
_ONE: Final = _BY.format(name="event", condition="event = :event")
_CALLS: Final = """
SELECT id, time, type, timestamp, user_id, anonymous_id, group_id, person, verdict, reason, repeat, effect, bytes, body
FROM received WHERE event = :event ORDER BY id DESC LIMIT :limit
"""


class Window(NamedTuple):
    """The time a chart shows.

    Attributes
    ----------
    range : Range
        What was chosen.
    start, end : int
        Seconds since 1970 at which it begins, a bar's beginning, and before which it ends.
    width : int
        Seconds that a bar stands for.
    """

    range: Range
    start: int
    end: int
    width: int

    @property
    def every(self) -> int:
        """Seconds after which an open page asks again: what is longer to count changes less to the eye."""
        return _OFTEN if self.end - self.start <= _HOUR else _SELDOM

    @property
    def told(self) -> dict[str, Any]:
        """The same as parameters of a query."""
        return during(self.start, self.end)


def window(read: Read, asked: str | None, now: int) -> Window:
    """Choose what a chart shows: the range that is asked for, else a short one in which something came."""
    end = now + 1
    chosen = next((one for one in RANGES if one.name == asked), None)
    if chosen is None:
        fitting = (one for one in RANGES[1:] if one.seconds and read(_ANY, (end - one.seconds,)))
        chosen = next(fitting, RANGES[-1])
    if chosen.seconds is not None:
        start = end - chosen.seconds
    else:
        ((first, last),) = read(_ENDS, ())
        start, end = (now, end) if first is None else (first, last + 1)
    width = grain(end - start, _MOST_BARS)
    return Window(chosen, slots(start, end, width)[0], end, width)


def over_time(read: Read, shown: Window, event: str | None = None) -> Chart:
    """Count calls by time and verdict: those of an event, or all."""
    columns: list[Column] = []
    for second in slots(shown.start, shown.end, shown.width):
        told = {**during(second, min(second + shown.width, shown.end)), "event": event}
        columns += (Column(stamp(second), tuple(row)) for row in read(_BAR, told))
    return stacked(columns, _VERDICTS)


def routes(view: View, clock: Callable[[], float] = time.time) -> list[BaseRoute]:
    """Make the routes of events."""

    def everything(request: Request) -> Response:
        shown = window(view.read, request.query_params.get("range"), int(clock()))
        last = latest(view.read, "received")
        seen = f"{last}.{shown.end // shown.width}"
        if answer := view.unchanged(request, seen):
            return answer
        told = {**shown.told, "limit": _MOST_EVENTS}
        return view.show(
            request,
            "events.html",
            events=view.read(_BY_EVENT, told),
            types=view.read(_BY_TYPE, told),
            chart=over_time(view.read, shown),
            ranges=RANGES,
            shown=shown,
            most=_MOST_EVENTS,
            seen=seen,
            any=bool(last.number),
        )

    def one(request: Request) -> Response:
        name = "/".join(links.segments(request, "id"))
        if not name:
            return RedirectResponse("/events", 302)
        shown = window(view.read, request.query_params.get("range"), int(clock()))
        calls = view.read(_CALLS, {"event": name, "limit": _EXAMINED})
        shape = view.shapes.get(name)
        if not calls and shape is None:
            return view.show(request, "no_event.html", 404, name=name)
        seen = f"{latest(view.read, 'received WHERE event = ?', name)}.{shown.end // shown.width}"
        if answer := view.unchanged(request, seen):
            return answer
        counted = view.read(_ONE, {**shown.told, "event": name, "limit": 1})
        return view.show(
            request,
            "event.html",
            name=name,
            count=counted[0] if counted else None,
            calls=calls[: view.page],
            examined=len(calls),
            shape=shape,
            properties=compare(map(_said, calls), shape),
            chart=over_time(view.read, shown, name),
            ranges=RANGES,
            shown=shown,
            seen=seen,
        )

    return [Route("/events", everything), Route("/events/{rest:path}", one)]


def _said(row: Row) -> dict[str, Any]:
    try:
        body = orjson.loads(row["body"])
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
