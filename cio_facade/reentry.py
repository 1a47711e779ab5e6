"""Whether somebody comes in the middle of what his own thread is doing: a signal handler, or a destructor.

To wait for a lock there would be to wait for oneself. So locks that callers may meet know who holds them (`RLock`), and
such a caller is told so instead of being let in: what the lock guards is half done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import RLock

__all__ = ["INSIDE", "is_mine"]

INSIDE = (
    "a signal handler or a destructor asked for it in the middle of what its thread was doing with the outbox; nothing"
    " was done. Take a note of it there, such as a threading.Event, and see to it afterwards"
)


def is_mine(lock: RLock) -> bool:
    """Whether the thread that asks holds a lock."""
    return lock._is_owned()  # type: ignore[no-any-return,attr-defined]  # pyright: ignore  it is what `Condition` asks
