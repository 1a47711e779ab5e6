"""One person: what is known, what belongs to it, and the calls that made it so."""

from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any, Final, cast

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.views import Read, View, capped, latest, paged, whole
from cio_facade.sandbox.traits import PREFERENCES

__all__ = ["Entry", "Profile", "entries", "profile", "routes"]

_MOST: Final = 200  # rows of each list beside the timeline

_PERSON: Final = "SELECT id, user_id, email, traits, first_seen, last_seen FROM people WHERE "
_BY_ID: Final = _PERSON + "user_id = ?"
_BY_NUMBER: Final = _PERSON + "id = ?"

_ANONYMOUS: Final = "SELECT anonymous_id FROM anonymous WHERE person = ? ORDER BY anonymous_id LIMIT ?"
_MERGES: Final = "SELECT previous_id, time FROM merges WHERE person = ? ORDER BY time DESC LIMIT ?"
_DEVICES: Final = "SELECT token, type, attributes, updated FROM devices WHERE person = ? ORDER BY updated DESC LIMIT ?"
_RELATIONSHIPS: Final = """
SELECT type_id, object_id, attributes, updated FROM relationships WHERE person = ? ORDER BY type_id, object_id LIMIT ?
"""
_CALLS: Final = """
SELECT id, time, type, timestamp, user_id, anonymous_id, verdict, repeat, effect, body
FROM received WHERE person = :person AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
"""
_MERGED: Final = """
SELECT people.id, people.user_id, merges.time FROM merges JOIN people ON people.id = merges.person WHERE previous_id = ?
"""
_SUPPRESSED: Final = "SELECT time FROM suppressed WHERE user_id = ?"
_ALONE: Final = """
SELECT id, time, type, event, verdict, effect FROM received
WHERE user_id = ? AND person IS NULL ORDER BY id DESC LIMIT 50
"""

# The schema of the event that removes a person.
_DELETION: Final = "UserDeleted"

# What says most of a call, by the member that only calls of its kind have.
_NAMED_BY: Final = ("event", "name", "groupId", "previousId")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a person.

    Attributes
    ----------
    row : Row
        Of the table ``people``.
    traits : mapping
        Without the preferences.
    subscriptions : mapping
        Topics and channels it chose.
    anonymous_ids : list of str
        Ids that are linked to it.
    merges : list of Row
        Ids that were merged into it, the last first.
    devices, relationships : list of (Row, object)
        What belongs to it, each with its attributes.
    """

    row: Row
    traits: Mapping[str, Any]
    subscriptions: Any
    anonymous_ids: list[str]
    merges: list[Row]
    devices: list[tuple[Row, Any]]
    relationships: list[tuple[Row, Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A call in the timeline: its row, and its name in a word or two."""

    row: Row
    name: str


def profile(read: Read, row: Row) -> Profile:
    """Gather what belongs to a person."""
    person = row["id"]
    traits = cast("dict[str, Any]", orjson.loads(row["traits"]))
    subscriptions = traits.pop(PREFERENCES, None)
    return Profile(
        row=row,
        traits=traits,
        subscriptions=subscriptions,
        anonymous_ids=[found["anonymous_id"] for found in read(_ANONYMOUS, (person, _MOST))],
        merges=read(_MERGES, (person, _MOST)),
        devices=[(found, orjson.loads(found["attributes"])) for found in read(_DEVICES, (person, _MOST))],
        relationships=[(found, orjson.loads(found["attributes"])) for found in read(_RELATIONSHIPS, (person, _MOST))],
    )


def entries(read: Read, person: int, before: int | None, limit: int) -> tuple[list[Entry], bool]:
    """List the calls of a person, the last one first, and say whether there are earlier ones."""
    rows, more = paged(read(_CALLS, {"person": person, "before": before, "limit": limit + 1}), limit)
    return [Entry(row, _name(row)) for row in rows], more


def _name(row: Row) -> str:
    body = cast("dict[str, Any]", orjson.loads(row["body"]))
    said = (body.get(member) for member in _NAMED_BY)
    if name := next((one for one in said if isinstance(one, str) and one), None):
        return name
    traits = body.get("traits")
    return ", ".join(cast("dict[str, Any]", traits)) if isinstance(traits, dict) else ""


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of a person's page."""

    def show(request: Request) -> Response:
        found = links.segments(request, "id")
        if not any(found):
            return RedirectResponse("/people", 302)
        if len(found) > 1 and found[0] == links.ELSEWHERE:
            row = _numbered(view.read, found[1])
            if row is None:
                return _absent(view, request, None)
            if row["user_id"]:
                return RedirectResponse(links.person(row["user_id"]), 302)
        else:
            user_id = "/".join(found)
            row = next(iter(view.read(_BY_ID, (user_id,))), None)
            if row is None:
                return _absent(view, request, user_id)
        return _present(view, request, row)

    return [Route("/people/{rest:path}", show)]


def _numbered(read: Read, text: str) -> Row | None:
    number = whole(text)
    return None if number is None else next(iter(read(_BY_NUMBER, (number,))), None)


def _present(view: View, request: Request, row: Row) -> Response:
    seen = latest(view.read, "received WHERE person = ?", row["id"])
    if answer := view.unchanged(request, seen):
        return answer
    before = view.number(request, "before")
    timeline, more = entries(view.read, row["id"], before, view.page)
    return view.show(
        request,
        "person.html",
        person=profile(view.read, row),
        entries=timeline,
        next={"before": str(timeline[-1].row["id"])} if more else None,
        first=before is None,
        seen=seen,
        calls=capped(view.read, "received WHERE person = ?", row["id"]),
    )


def _absent(view: View, request: Request, user_id: str | None) -> Response:
    """Say why there is nobody of that id: merged, suppressed, deleted, refused, or never heard of."""
    if user_id is None:
        return view.show(request, "nobody.html", 404, user_id=None)
    merged = next(iter(view.read(_MERGED, (user_id,))), None)
    suppressed = next(iter(view.read(_SUPPRESSED, (user_id,))), None)
    calls = view.read(_ALONE, (user_id,))
    deleted = next((call for call in calls if _deletes(view, call)), None)
    known = merged or suppressed or deleted
    return view.show(
        request,
        "nobody.html",
        200 if known else 404,
        user_id=user_id,
        merged=merged,
        suppressed=suppressed,
        deleted=deleted,
        calls=calls,
    )


def _deletes(view: View, call: Row) -> bool:
    return call["verdict"] == "accepted" and view.rules.acting.get(call["event"] or "") == _DELETION
