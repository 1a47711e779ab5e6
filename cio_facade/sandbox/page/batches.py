"""Requests: batches against the limit of their size, and each request with its calls and its problems."""

from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Row
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page.charts import Chart, Column, stacked
from cio_facade.sandbox.page.views import Read, View, bisect, latest, paged, whole

__all__ = ["Batch", "histogram", "routes"]

# So many requests at most are looked through for a page of those that are asked for.
_LOOKED_AT: Final = 50_000
_MEASURED: Final = 500
_TENTHS: Final = 10

_REQUESTS: Final = """
SELECT * FROM (SELECT * FROM requests WHERE id < :before ORDER BY id DESC LIMIT :window)
WHERE :path IS NULL OR path = :path LIMIT :limit
"""
_REQUEST: Final = "SELECT * FROM requests WHERE id = ?"
_SIZES: Final = f"SELECT bytes FROM ({_REQUESTS.strip()}) WHERE bytes > 0"  # noqa: S608
_CALLS: Final = """
SELECT id, position, type, event, user_id, anonymous_id, group_id, person, bytes, verdict, reason, repeat, effect
FROM received WHERE id >= :start AND request = :request AND position >= :position AND type IS NOT NULL
ORDER BY id LIMIT :limit
"""
_PROBLEMS: Final = """
SELECT position, status, reason, field, message FROM problems
WHERE id >= :start AND request = :request ORDER BY id LIMIT :limit
"""
_LAST_CALL: Final = "SELECT position, body FROM received WHERE id < ? AND request = ? ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Batch:
    """A request as it is listed.

    Attributes
    ----------
    row : Row
        Of the table ``requests``.
    calls : int
        How many calls were read of it.
    fill : float
        Its size, as a share of the limit; over 1 for one that was too large.
    """

    row: Row
    calls: int
    fill: float

    @property
    def per_call(self) -> int | None:
        """Bytes of a call on average, the envelope shared among them; None without calls."""
        return round(self.row["bytes"] / self.calls) if self.calls else None


def histogram(sizes: Iterable[int], limit: int) -> Chart:
    """Count sizes by the tenth of the limit that they fill; those over it are a bar of their own, the last.

    >>> chart = histogram([1, 99, 100, 101], 100)
    >>> [(bar.column.label, bar.column.total) for bar in chart.bars if bar.parts]
    [('0 to 10 %', 1), ('90 to 100 %', 2), ('over the limit', 1)]
    """
    tenths = [0] * (_TENTHS + 1)
    for size in sizes:
        tenths[_TENTHS if size > limit else max(size * _TENTHS - 1, 0) // limit] += 1
    names = [f"{tenth * _TENTHS} to {(tenth + 1) * _TENTHS} %" for tenth in range(_TENTHS)]
    within = [Column(name, (count, 0)) for name, count in zip(names, tenths, strict=False)]
    return stacked([*within, Column("over the limit", (0, tenths[-1]))], ("within", "over"))


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of batches and requests."""
    rules = view.rules
    batch_path = rules.prefix + rules.batch_path

    def limit_of(path: str) -> int:
        return rules.batch_bytes if path == batch_path else rules.call_bytes

    def told(row: Row) -> Batch:
        return Batch(row, _calls(view.read, row), row["bytes"] / limit_of(row["path"]))

    def everything(request: Request) -> Response:
        seen = latest(view.read, "requests")
        if answer := view.unchanged(request, seen):
            return answer
        singles = request.query_params.get("singles") == "1"
        asked = view.number(request, "before")
        before = seen.number + 1 if asked is None else asked
        path = None if singles else batch_path
        found = {"path": path, "before": before, "window": _LOOKED_AT, "limit": view.page + 1}
        rows, more = paged(view.read(_REQUESTS, found), view.page)
        following = rows[-1]["id"] if more else max(before - _LOOKED_AT, 1)
        sizes = [row["bytes"] for row in view.read(_SIZES, found | {"path": batch_path, "limit": _MEASURED})]
        return view.show(
            request,
            "batches.html",
            batches=[told(row) for row in rows],
            singles=singles,
            chart=histogram(sizes, rules.batch_bytes) if sizes else None,
            measured=len(sizes),
            limit=rules.batch_bytes,
            calls_limit=rules.batch_calls,
            next={"before": str(following)} if following > 1 else None,
            first=asked is None,
            seen=seen,
        )

    def one(request: Request) -> Response:
        number = whole(request.path_params["number"])
        row = None if number is None else next(iter(view.read(_REQUEST, (number,))), None)
        if number is None or row is None:
            return view.show(request, "no_request.html", 404)
        position = view.number(request, "position") or 0
        start = bisect(view.read, "received", number)
        calls, more = paged(
            view.read(_CALLS, {"start": start, "request": number, "position": position, "limit": view.page * 2 + 1}),
            view.page * 2,
        )
        start = bisect(view.read, "problems", number)
        problems, others = paged(
            view.read(_PROBLEMS, {"start": start, "request": number, "limit": view.page * 2 + 1}), view.page * 2
        )
        return view.show(
            request,
            "request.html",
            batch=told(row),
            limit=limit_of(row["path"]),
            is_batch=row["path"] == batch_path,
            calls=calls,
            next={"position": str(calls[-1]["position"] + 1)} if more else None,
            first=not position,
            problems=problems,
            more_problems=others,
        )

    return [Route("/batches", everything), Route("/requests/{number}", one)]


def _calls(read: Read, row: Row) -> int:
    """Count the calls that were read of a request. Of one that was answered 200, its own row knows it."""
    if row["status"] == 200 and row["accepted"]:
        return int(row["accepted"] + row["lost"] + row["dropped"])
    after = bisect(read, "received", row["id"] + 1)
    last = read(_LAST_CALL, (after, row["id"]))
    return int(last[0]["position"]) + 1 if last and last[0]["body"] else 0
