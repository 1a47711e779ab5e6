"""The list of people, and who is suppressed."""

from collections.abc import Iterable, Iterator
from sqlite3 import Row
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.views import MANY, Read, View, capped, latest, paged

__all__ = ["Found", "routes", "search"]

# The end of all texts that begin alike: no character comes after it.
_LAST: Final = "\U0010ffff"

# A text within an id is looked for among so many people, the newest: there is no index for it.
_LOOKED_AT: Final = 50_000

_MEMBERS: Final = f"""
SELECT people.id, people.user_id, people.email, people.first_seen, people.last_seen, {{matched}} AS matched,
       (SELECT count(*) FROM (SELECT 1 FROM received WHERE person = people.id LIMIT {MANY})) AS calls,
       (SELECT count(*) FROM (SELECT 1 FROM devices WHERE person = people.id LIMIT {MANY})) AS devices,
       (SELECT min(anonymous_id) FROM anonymous WHERE person = people.id) AS anonymous_id
"""  # noqa: S608 - names of this module, no input

_NEWEST: Final = (
    _MEMBERS.format(matched="NULL")
    + "FROM people WHERE :before IS NULL OR people.id < :before ORDER BY people.id DESC LIMIT :limit"
)

# By each of these in turn: where it is looked up, and whose it is.
_ARMS: Final = tuple(
    _MEMBERS.format(matched=f"{table}.{column}")
    + f"FROM {table} {join} WHERE {table}.{column} >= :from AND {table}.{column} < :end"
    f" AND ({table}.{column}, people.id) > (:after, :number) ORDER BY {table}.{column}, {order} LIMIT :limit"
    for table, column, join, order in (
        ("people", "user_id", "", "people.id"),
        ("people", "email", "", "people.id"),
        ("anonymous", "anonymous_id", "JOIN people ON people.id = anonymous.person", "anonymous.person"),
    )
)
_WITHIN: Final = (
    "WITH found AS MATERIALIZED (SELECT id FROM (SELECT id, user_id, email FROM people"  # noqa: S608 - as above
    " ORDER BY id DESC LIMIT :window)"
    " WHERE user_id LIKE :pattern ESCAPE '\\' OR email LIKE :pattern ESCAPE '\\' LIMIT :limit)"
    + _MEMBERS.format(matched="NULL")
    + "FROM found CROSS JOIN people ON people.id = found.id"
)

_SUPPRESSED: Final = "SELECT user_id, time FROM suppressed WHERE user_id > :after ORDER BY user_id LIMIT :limit"


class Found(NamedTuple):
    """A page of people.

    Attributes
    ----------
    rows : list of Row
        The people.
    next : dict of str to str, or None
        Parameters of the page after it; None where there is none.
    within : bool
        Whether nothing began with what was asked for, and these have it somewhere within.
    """

    rows: list[Row]
    next: dict[str, str] | None
    within: bool = False


def newest(read: Read, before: int | None, limit: int) -> Found:
    """List people, the last that came first."""
    rows, more = paged(read(_NEWEST, {"before": before, "limit": limit + 1}), limit)
    return Found(rows, {"before": str(rows[-1]["id"])} if more else None)


def search(read: Read, text: str, last: tuple[int, str, int] | None, limit: int) -> Found:
    """Look for people whose user id, e-mail or anonymous id begins with a text; else for those that have it within.

    Parameters
    ----------
    read : callable
        Of the store.
    text : str
        What to look for.
    last : (int, str, int) or None
        Where the page before it ended: by which of the three, what was found, and whose number it is.
    limit : int
        Most people of a page.
    """
    rows: list[tuple[int, Row]] = []
    first, after, number = last or (0, "", 0)
    for arm in range(first, len(_ARMS)):
        told = {"from": after or text, "end": text + _LAST, "after": after, "number": number}
        rows += ((arm, row) for row in read(_ARMS[arm], told | {"limit": limit + 1 - len(rows)}))
        after, number = "", 0
    page, more = paged(rows, limit)
    if page or last:
        arm, end = page[-1] if page else (0, None)
        following = {"by": str(arm), "after": end["matched"], "number": str(end["id"])} if more and end else None
        return Found(list(_once(row for _, row in page)), following)
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    told = {"pattern": f"%{escaped}%", "window": _LOOKED_AT, "limit": limit}
    return Found(read(_WITHIN, told), None, within=True)


def _once(rows: Iterable[Row]) -> Iterator[Row]:
    """Leave out whom several of its ids have found already."""
    seen: set[int] = set()
    for row in rows:
        if row["id"] not in seen:
            seen.add(row["id"])
            yield row


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of the list of people."""

    def show(request: Request) -> Response:
        seen = latest(view.read, "received")
        if answer := view.unchanged(request, seen):
            return answer
        text = request.query_params.get("q", "").strip()
        before = view.number(request, "before")
        last = _last(view, request)
        found = search(view.read, text, last, view.page) if text else newest(view.read, before, view.page)
        return view.show(
            request,
            "people.html",
            found=found,
            text=text,
            first=before is None and last is None,
            seen=seen,
            total=capped(view.read, "people"),
            suppressed=capped(view.read, "suppressed"),
            hint=_hint(view.read, text) if text else None,
        )

    def suppressed(request: Request) -> Response:
        after = request.query_params.get("after", "")
        rows, more = paged(view.read(_SUPPRESSED, {"after": after, "limit": view.page + 1}), view.page)
        following = {"after": rows[-1]["user_id"]} if more else None
        return view.show(request, "suppressed.html", rows=rows, next=following, total=capped(view.read, "suppressed"))

    return [Route("/people", show), Route("/suppressed", suppressed)]


def _last(view: View, request: Request) -> tuple[int, str, int] | None:
    after, number = request.query_params.get("after"), view.number(request, "number")
    return None if after is None or number is None else (view.number(request, "by") or 0, after, number)


def _hint(read: Read, text: str) -> tuple[str, str] | None:
    """Say what became of an id that has no person of its own any more, and where to read on."""
    if read("SELECT 1 FROM people WHERE user_id = ?", (text,)):
        return None
    if read("SELECT 1 FROM merges WHERE previous_id = ?", (text,)):
        return "was merged into another", links.person(text)
    if read("SELECT 1 FROM suppressed WHERE user_id = ?", (text,)):
        return "is suppressed", links.person(text)
    return None
