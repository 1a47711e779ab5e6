"""Whole lines at the end of a file: all of them, or none. What an accident left there before is mended first."""

from __future__ import annotations

import os
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from cio_facade.letters import is_whole, torn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO
    from pathlib import Path

__all__ = ["append"]


def append(path: Path, lines: Sequence[bytes]) -> None:
    """Add lines to a file, which is made when it is absent, for its owner alone. They are on the disk then.

    Raises
    ------
    OSError
        The disk is full, or the file cannot be written. Nothing of the lines stays in it.
    """
    if not lines:
        return
    new = not path.exists()
    with open(path, "a+b", buffering=0, opener=_private) as file:
        end = file.seek(0, os.SEEK_END)
        end, first = _mended(file, end)
        data = memoryview(b"\n".join([*first, *lines, b""]))
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(end)
            raise
    if new and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name is to survive a power cut, too
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _mended(file: FileIO, end: int) -> tuple[int, list[bytes]]:
    """Give where to write, and what must come first, when the last line has no end or is cut short."""
    if end == 0:
        return end, []
    with mmap(file.fileno(), 0, access=ACCESS_READ) as view:
        start = view.rfind(b"\n") + 1
        tail = view[start:]
    if not tail.strip():
        return end, []
    if is_whole(tail):
        return end, [b""]
    file.truncate(start)
    return start, [torn(tail)]
