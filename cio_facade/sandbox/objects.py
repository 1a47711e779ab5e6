"""The objects of a sandbox, for its users: what they are, and who is related to them."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cio_facade.sandbox.reading import Read
from cio_facade.sandbox.things import USUAL_TYPE

__all__ = ["Object", "ObjectKey", "Objects", "Relationship", "relationships_of"]

# An object of the usual type is named by its id alone, another one with its type.
ObjectKey = str | tuple[str, str | int]

# Objects with their relationships as JSON: one statement, so that they are of one moment.
_SELECT: Final = """
SELECT object_id, type_id, attributes, first_seen, last_seen,
       (SELECT json_group_array(json_array(user_id, person, object_id, type_id, json(attributes), updated))
        FROM (SELECT people.user_id, r.* FROM relationships r JOIN people ON people.id = r.person
              WHERE r.type_id = objects.type_id AND r.object_id = objects.object_id ORDER BY r.person)) AS related
FROM objects
"""
_ONE: Final = f"{_SELECT} WHERE object_id = ? AND type_id = ?"
_ALL: Final = f"{_SELECT} ORDER BY type_id, object_id"
_KEYS: Final = "SELECT object_id, type_id FROM objects ORDER BY type_id, object_id"
_COUNT: Final = "SELECT count(*) FROM objects"


@dataclass(frozen=True, slots=True)
class Relationship:
    """What joins a person and an object.

    Attributes
    ----------
    user_id : str or None
        The person; None for one who is known by an e-mail address alone.
    person : int
        Number of the person.
    object_id, object_type_id : str
        The object.
    attributes : dict
        What is known of the two together.
    updated : str
        When it was said last, ISO 8601 in UTC.
    """

    user_id: str | None
    person: int
    object_id: str
    object_type_id: str
    attributes: dict[str, Any]
    updated: str


@dataclass(frozen=True, slots=True)
class Object:
    """An object, such as a company, as it was at the moment of reading.

    Attributes
    ----------
    object_id, object_type_id : str
        What names it.
    attributes : dict
        What is known of it.
    relationships : tuple of Relationship
        Who is related to it.
    first_seen, last_seen : str
        When it was made and last named by a group call, ISO 8601 in UTC.
    """

    object_id: str
    object_type_id: str
    attributes: dict[str, Any]
    relationships: tuple[Relationship, ...]
    first_seen: str
    last_seen: str

    @property
    def people(self) -> tuple[str, ...]:
        """User ids of those who are related to it, as far as they have one."""
        return tuple(one.user_id for one in self.relationships if one.user_id is not None)


class Objects(Mapping[ObjectKey, Object]):
    """The objects of a sandbox: those of type 1 by their id, the others by id and type.

    Parameters
    ----------
    read : callable
        Runs a query: `Storage.read`.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> from cio_facade.sandbox import Sandbox
    >>> with Sandbox() as sandbox, CustomerIO(api_key="any", base_url=sandbox.url) as cio:
    ...     receipt = cio.group("u1", "acme", {"plan": "pro", "object_type_id": "2"})
    ...     acme = sandbox.objects["acme", 2]
    >>> acme.attributes, acme.people
    ({'plan': 'pro'}, ('u1',))
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def __getitem__(self, key: ObjectKey) -> Object:
        object_id, type_id = (key, USUAL_TYPE) if isinstance(key, str) else key
        rows = self._read(_ONE, (object_id, str(type_id)))
        if not rows:
            raise KeyError(f"there is no object {object_id!r} of type {type_id}")
        return _object(rows[0])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((object_id, type_id) for object_id, type_id in self._read(_KEYS))

    def __len__(self) -> int:
        return int(self._read(_COUNT)[0][0])

    def all(self) -> list[Object]:
        """List them by type and id, all of one moment."""
        return [_object(row) for row in self._read(_ALL)]

    def __repr__(self) -> str:
        return f"<Objects: {len(self)}>"


def relationships_of(told: str) -> tuple[Relationship, ...]:
    """Read relationships from JSON."""
    return tuple(Relationship(*one) for one in orjson.loads(told))


def _object(row: sqlite3.Row) -> Object:
    object_id, type_id, attributes, first_seen, last_seen, related = row
    return Object(object_id, type_id, orjson.loads(attributes), relationships_of(related), first_seen, last_seen)
