"""Objects by type, each with its attributes and the people related to it."""

from sqlite3 import Row
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.views import MANY, View, capped, latest, paged

__all__ = ["routes"]

# From type to type, without a look at the objects between.
_TYPES: Final = f"""
WITH RECURSIVE types (type_id) AS (
    SELECT min(type_id) FROM objects
    UNION ALL
    SELECT (SELECT min(objects.type_id) FROM objects WHERE objects.type_id > types.type_id) FROM types
    WHERE types.type_id IS NOT NULL
)
SELECT type_id,
       (SELECT count(*) FROM (SELECT 1 FROM objects WHERE objects.type_id = types.type_id LIMIT {MANY})) AS objects
FROM types WHERE type_id IS NOT NULL LIMIT 100
"""  # noqa: S608 - a number of ours
_OBJECTS: Final = f"""
SELECT type_id, object_id, attributes, first_seen, last_seen,
       (SELECT count(*) FROM (
            SELECT 1 FROM relationships
            WHERE relationships.type_id = objects.type_id AND relationships.object_id = objects.object_id LIMIT {MANY}
       )) AS people
FROM objects WHERE type_id = :type AND object_id > :after AND object_id >= :text AND object_id < :end
ORDER BY object_id LIMIT :limit
"""  # noqa: S608 - a number of ours
_OBJECT: Final = (
    "SELECT type_id, object_id, attributes, first_seen, last_seen FROM objects WHERE type_id = ? AND object_id = ?"
)
_RELATED: Final = """
SELECT relationships.person, people.user_id, people.email, relationships.attributes, relationships.updated
FROM relationships JOIN people ON people.id = relationships.person
WHERE type_id = :type AND object_id = :id AND relationships.person > :after
ORDER BY relationships.person LIMIT :limit
"""

_LAST: Final = "\U0010ffff"


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of the objects."""

    def everything(request: Request) -> Response:
        seen = latest(view.read, "received")
        if answer := view.unchanged(request, seen):
            return answer
        types = view.read(_TYPES)
        chosen = request.query_params.get("type") or (types[0]["type_id"] if types else "")
        text, after = request.query_params.get("q", "").strip(), request.query_params.get("after", "")
        told = {"type": chosen, "after": after, "text": text, "end": text + _LAST, "limit": view.page + 1}
        rows, more = paged(view.read(_OBJECTS, told), view.page)
        following = {"type": chosen, "after": rows[-1]["object_id"]} if more else None
        objects = [(row, _parsed(row)) for row in rows]
        return view.show(
            request,
            "objects.html",
            types=types,
            chosen=chosen,
            text=text,
            objects=objects,
            next=following,
            first=not after,
            seen=seen,
        )

    def one(request: Request) -> Response:
        found = links.segments(request, "type", "id")
        if not any(found):
            return RedirectResponse("/objects", 302)
        type_id, object_id = found[0], "/".join(found[1:])
        row = next(iter(view.read(_OBJECT, (type_id, object_id))), None)
        if row is None:
            return view.show(request, "no_object.html", 404, type_id=type_id, object_id=object_id)
        seen = latest(view.read, "received")
        if answer := view.unchanged(request, seen):
            return answer
        after = view.number(request, "after") or 0
        told = {"type": type_id, "id": object_id, "after": after, "limit": view.page + 1}
        rows, more = paged(view.read(_RELATED, told), view.page)
        return view.show(
            request,
            "object.html",
            object=row,
            attributes=_parsed(row),
            people=[(person, _parsed(person)) for person in rows],
            total=capped(view.read, "relationships WHERE type_id = ? AND object_id = ?", type_id, object_id),
            next={"after": str(rows[-1]["person"])} if more else None,
            first=not after,
            seen=seen,
        )

    return [Route("/objects", everything), Route("/objects/{rest:path}", one)]


def _parsed(row: Row) -> Any:
    return orjson.loads(row["attributes"])
