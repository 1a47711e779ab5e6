"""What else is kept of rows that were settled: whom they concerned, and what people were last sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cio_facade.loading.changes import marks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cio_facade.delivery import Settled
    from cio_facade.loading.audit import Audit
    from cio_facade.loading.changes import Changes

__all__ = ["ChangesWatch", "audited"]

_ID = b',"messageId":'  # what comes last


def audited(audit: Audit) -> Callable[[Settled], None]:
    """Make what writes down whom calls concerned."""

    def write(settled: Settled) -> None:
        parcel = settled.parcel
        calls = (orjson.loads(parcel.call(place)) for place in range(len(parcel)))
        audit.note([_person(call) for call in calls], settled.outcome, settled.reason)

    return write


def _person(call: dict[str, Any]) -> str:
    return str(call.get("userId") or call.get("anonymousId") or call.get("traits", {}).get("email", ""))


class ChangesWatch:
    """Tells calls that are what was sent last from the others, and remembers what was delivered.

    Parameters
    ----------
    changes : Changes
        Where that is kept.
    stamp : str
        The time that calls carry which have none of their own: it is no change.
    """

    def __init__(self, changes: Changes, stamp: str) -> None:
        self.changes = changes
        self._time = f',"timestamp":"{stamp}"'.encode()

    def unchanged(self, calls: Sequence[bytes]) -> Sequence[bool]:
        """Tell which calls are what was sent last."""
        found = self.changes.unchanged(*self.marks(calls)) if calls else None
        return [False] * len(calls) if found is None else found.tolist()

    def settled(self, settled: Settled) -> None:
        """Remember what was delivered."""
        parcel = settled.parcel
        keys, contents = self.marks([parcel.call(place) for place in range(len(parcel))])
        if settled.outcome == "delivered":
            self.changes.delivered(keys, contents)
        else:
            self.changes.dropped(keys)

    def marks(self, calls: Sequence[bytes]) -> tuple[list[int], list[int]]:
        """Give whom each call is about, and what it says, as `Changes` wants it."""
        marks = [marks_of(call, self._tail(call)) for call in calls]
        return [key for key, _ in marks], [content for _, content in marks]

    def _tail(self, call: bytes) -> int:
        """How many bytes at the end are no content."""
        end = call.rfind(_ID)
        return len(call) - end + (len(self._time) if call.endswith(self._time, 0, end) else 0)
