"""Stopping without breaking off: Ctrl-C means "no more rows", so that what is under way can be finished and undone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Brake", "Stopped"]

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HEARD = b"\nStopping and cleaning up; once more breaks off at once.\n"


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """The user asked to stop."""


class Brake:
    """While this context lasts, a first Ctrl-C (or SIGTERM) is noted; a second one interrupts at once."""

    def __init__(self) -> None:
        self._pulled = False
        self._former: dict[signal.Signals, Any] = {}

    def rows(self, rows: Iterable[_T]) -> Iterator[_T]:
        """Hand on rows until somebody asks to stop.

        Raises
        ------
        Stopped
            In place of the next row.
        """
        for row in rows:
            if self._pulled:
                raise Stopped
            yield row

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._pull) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _pull(self, *_: object) -> None:
        if self._pulled:
            raise KeyboardInterrupt
        self._pulled = True
        os.write(2, _HEARD)  # a signal handler may come in the midst of a print, which cannot be entered twice
