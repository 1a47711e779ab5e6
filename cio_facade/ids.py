"""Message ids: unique over processes and hosts, and cheap, since each message needs one."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MessageIds", "ids_of_this_process"]


class MessageIds:
    """Gives ids of a random prefix and a counter: ``9f0c...-1a``.

    Messages that are encoded together share one, to which each adds a number: ``9f0c...-1a.3``.
    A new prefix is drawn after a fork, so that parent and child never give the same id; 96 random bits make two equal
    prefixes as unlikely as two equal UUIDs.
    """

    def __init__(self) -> None:
        self._state = self._drawn()

    def __call__(self) -> str:
        """Give the next id, 26 characters or a few more."""
        pid, prefix, numbers = self._state
        if os.getpid() != pid:
            # One assignment, so that two threads that come here at once end with a prefix each, never with half of one.
            pid, prefix, numbers = self._state = self._drawn()
        return f"{prefix}{next(numbers):x}"

    @staticmethod
    def _drawn() -> tuple[int, str, count[int]]:
        return os.getpid(), _prefix(), count()


def ids_of_this_process() -> Callable[[], str]:
    """Make a source of such ids for what stays in its process: not to ask which that is saves a system call each."""
    return map(f"{_prefix()}%x".__mod__, count()).__next__


def _prefix() -> str:
    return f"{os.urandom(12).hex()}-"
