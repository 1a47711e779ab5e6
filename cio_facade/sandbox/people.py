"""The people of a sandbox, for its users: who they are, what they have and what they did.

A `Person` is a value: what somebody is and has at one moment, read by one statement. It stays as it is whatever is sent
afterwards, so a test can compare before and after. Only what somebody did is read when it is asked for: it may be long.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from cio_facade.sandbox.objects import Relationship, relationships_of
from cio_facade.sandbox.reading import Read
from cio_facade.sandbox.traits import PREFERENCES

__all__ = ["Device", "People", "Person", "suppressed"]


_SELECT: Final = """
SELECT id, user_id, email, traits, first_seen, last_seen,
       (SELECT json_group_array(anonymous_id)
        FROM (SELECT anonymous_id FROM anonymous WHERE person = people.id ORDER BY anonymous_id)) AS anonymous_ids,
       (SELECT json_group_array(previous_id)
        FROM (SELECT previous_id FROM merges WHERE person = people.id ORDER BY previous_id)) AS merged_ids,
       (SELECT json_group_array(json_array(token, type, json(attributes), updated))
        FROM (SELECT * FROM devices WHERE person = people.id ORDER BY token)) AS devices,
       (SELECT json_group_array(json_array(people.user_id, person, object_id, type_id, json(attributes), updated))
        FROM (SELECT * FROM relationships WHERE person = people.id ORDER BY type_id, object_id)) AS related
FROM people
"""
_BY_USER: Final = f"{_SELECT} WHERE user_id = ?"
_BY_NUMBER: Final = f"{_SELECT} WHERE id = ?"
_BY_EMAIL: Final = f"{_SELECT} WHERE email = ? ORDER BY id LIMIT 1"
_BY_LINK: Final = f"{_SELECT} WHERE id = (SELECT person FROM anonymous WHERE anonymous_id = ?)"  # noqa: S608
_ALL: Final = f"{_SELECT} ORDER BY id"
_USER_IDS: Final = "SELECT user_id FROM people WHERE user_id IS NOT NULL ORDER BY id"
_COUNT: Final = "SELECT count(*) FROM people WHERE user_id IS NOT NULL"

_WHY_ABSENT: Final = """
SELECT (SELECT coalesce(user_id, email) FROM people JOIN merges ON person = id WHERE previous_id = :id) AS heir,
       EXISTS (SELECT 1 FROM suppressed WHERE user_id = :id) AS is_suppressed
"""
_SUPPRESSED: Final = "SELECT user_id FROM suppressed"
_CALLS: Final = "SELECT body FROM calls WHERE person = ? AND (? IS NULL OR type = ?) ORDER BY id"


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a person.

    Attributes
    ----------
    token : str
        What identifies it, and push messages are sent to.
    type : str or None
        Its platform, such as ``ios``.
    attributes : dict
        What else is known of it.
    updated : str
        When it was registered last, ISO 8601 in UTC.
    """

    token: str
    type: str | None
    attributes: dict[str, Any]
    updated: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person, as they were at the moment of reading. What they did is read when it is asked for.

    Attributes
    ----------
    number : int
        Names the person in the tables; given once.
    user_id : str or None
        None for somebody who is known by an e-mail address alone.
    email : str or None
        The trait ``email``.
    traits : dict
        What is known of them.
    anonymous_ids : tuple of str
        Anonymous ids that are linked to them.
    merged_ids : tuple of str
        User ids that were merged into theirs.
    devices : tuple of Device
        Their devices.
    relationships : tuple of Relationship
        Objects that they are related to.
    first_seen, last_seen : str
        When they were made, and when the last call came that is theirs; ISO 8601 in UTC.
    """

    number: int
    user_id: str | None
    email: str | None
    traits: dict[str, Any]
    anonymous_ids: tuple[str, ...]
    merged_ids: tuple[str, ...]
    devices: tuple[Device, ...]
    relationships: tuple[Relationship, ...]
    first_seen: str
    last_seen: str
    _read: Read = field(repr=False, compare=False)

    @property
    def subscriptions(self) -> dict[str, Any]:
        """What they want to hear about, and where: ``topics`` and ``channels``, as far as it was said."""
        preferences = self.traits.get(PREFERENCES)
        return cast("dict[str, Any]", preferences) if isinstance(preferences, dict) else {}

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Their accepted calls in the order of arrival, what they did anonymously among them."""
        return self._calls(None)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Of the calls, the tracked events."""
        return self._calls("track")

    @property
    def pages(self) -> list[dict[str, Any]]:
        """Of the calls, the views of pages."""
        return self._calls("page")

    @property
    def screens(self) -> list[dict[str, Any]]:
        """Of the calls, the views of screens."""
        return self._calls("screen")

    def _calls(self, type_: str | None) -> list[dict[str, Any]]:
        return [orjson.loads(body) for (body,) in self._read(_CALLS, (self.number, type_, type_))]


class People(Mapping[str, Person]):
    """The people of a sandbox by user id, in the order in which they were first seen.

    Those without a user id are found by their address, by an anonymous id, or among `all`.

    Parameters
    ----------
    read : callable
        Runs a query: `Storage.read`.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> from cio_facade.sandbox import Sandbox
    >>> with Sandbox() as sandbox, CustomerIO(api_key="any", base_url=sandbox.url) as cio:
    ...     receipt = cio.track(None, "Page Read", anonymous_id="a1")
    ...     receipt = cio.identify("u1", {"email": "ann@example.com"}, anonymous_id="a1")
    ...     ann = sandbox.people["u1"]
    ...     events = [event["event"] for event in ann.events]
    ...     sandbox.people.by_email("ann@example.com") == ann, "u2" in sandbox.people
    (True, False)
    >>> ann.traits, ann.anonymous_ids, events
    ({'email': 'ann@example.com'}, ('a1',), ['Page Read'])
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def __getitem__(self, user_id: str) -> Person:
        if person := self._one(_BY_USER, user_id):
            return person
        raise KeyError(self._why_absent(user_id))

    def __iter__(self) -> Iterator[str]:
        return (user_id for (user_id,) in self._read(_USER_IDS))

    def __len__(self) -> int:
        return int(self._read(_COUNT)[0][0])

    def by_email(self, email: str) -> Person:
        """Find a person by an e-mail address, in whatever case; the one who was there first of several.

        Raises
        ------
        KeyError
            Nobody has it.
        """
        if person := self._one(_BY_EMAIL, email):
            return person
        raise KeyError(f"nobody has the address {email!r}")

    def anonymous(self, anonymous_id: str) -> Person:
        """Find the person that an anonymous id is linked to.

        Raises
        ------
        KeyError
            It is linked to nobody.
        """
        if person := self._one(_BY_LINK, anonymous_id):
            return person
        raise KeyError(f"the anonymous id {anonymous_id!r} is linked to nobody")

    def numbered(self, number: int) -> Person:
        """Find a person by number, as the tables name them.

        Raises
        ------
        KeyError
            There is none with it, or no longer.
        """
        if person := self._one(_BY_NUMBER, number):
            return person
        raise KeyError(f"there is no person with the number {number}")

    def all(self) -> list[Person]:
        """List everybody, those without a user id too, all of one moment."""
        return [self._person(row) for row in self._read(_ALL)]

    def __repr__(self) -> str:
        return f"<People: {len(self)}>"

    def _one(self, query: str, name: str | int) -> Person | None:
        rows = self._read(query, (name,))
        return self._person(rows[0]) if rows else None

    def _person(self, row: sqlite3.Row) -> Person:
        number, user_id, email, traits, first_seen, last_seen, anonymous_ids, merged_ids, devices, related = row
        return Person(
            number=number,
            user_id=user_id,
            email=email,
            traits=orjson.loads(traits),
            anonymous_ids=tuple(orjson.loads(anonymous_ids)),
            merged_ids=tuple(orjson.loads(merged_ids)),
            devices=tuple(Device(*one) for one in orjson.loads(devices)),
            relationships=relationships_of(related),
            first_seen=first_seen,
            last_seen=last_seen,
            _read=self._read,
        )

    def _why_absent(self, user_id: str) -> str:
        ((heir, is_suppressed),) = self._read(_WHY_ABSENT, {"id": user_id})
        if is_suppressed:
            return f"there is no person {user_id!r}: the id is suppressed"
        return f"there is no person {user_id!r}" + (f": merged into {heir!r}" if heir else "")


def suppressed(read: Read) -> frozenset[str]:
    """List the user ids that may not be added again."""
    return frozenset(user_id for (user_id,) in read(_SUPPRESSED))
