"""What became of the rows of a source, a mark for each: in memory while something of its block is open. Pure.

Rows are marked in blocks of 65 536. A block whose rows are all settled is let go, so that memory does not grow with the
source. What goes to the disk is a bitmap for each outcome.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Indexes = Sequence[int] | NDArray[np.integer[Any]]
    """Row indexes: a list, a range, a memoryview or an array of integers."""

__all__ = ["BLOCK", "BYTES", "OUTCOMES", "Marks", "Settling"]

Settling = Literal["delivered", "rejected", "unchanged"]
OUTCOMES: Final[tuple[Settling, ...]] = ("delivered", "rejected", "unchanged")
"""Those after which a row needs nothing more; their numbers from 1 are the marks, and 0 is open."""

_SHIFT: Final = 16
BLOCK: Final = 1 << _SHIFT
"""Rows of a block."""
BYTES: Final = BLOCK // 8
"""Of a block's bitmap."""

_MASK: Final = BLOCK - 1
_FEW: Final = 24  # rows that are marked sooner one by one


class Marks:
    """Marks of rows. The first outcome of a row is the one that stays.

    Parameters
    ----------
    rows : int
        Rows of the source.

    Attributes
    ----------
    counts : Counter of str
        Rows by outcome.
    changed : set of int
        Blocks in which rows were marked; whoever has written them down empties it.

    Examples
    --------
    >>> marks = Marks(100)
    >>> marks.note([7, 3, 7], "delivered"), marks.note([3, 4], "rejected")
    (array('q', [3, 7]), array('q', [4]))
    >>> marks.counts["delivered"], marks.first_open()
    (2, 0)
    >>> marks.settled(2, 4)
    array([False,  True,  True, False])
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.counts: Counter[Settling] = Counter()
        self.changed: set[int] = set()
        self._blocks: dict[int, bytearray | None] = {}  # None: all are settled

    def note(self, indexes: Indexes, outcome: Settling) -> array[int]:
        """Mark rows, in any order.

        Returns
        -------
        array of int
            Those that were open, in order.

        Raises
        ------
        ValueError
            There is no such row.
        """
        mark = OUTCOMES.index(outcome) + 1
        fresh = self._few(indexes, mark) if len(indexes) <= _FEW else self._many(indexes, mark)
        self.counts[outcome] += len(fresh)
        return fresh

    def settled(self, first: int, number: int) -> NDArray[np.bool_] | None:
        """Tell which of so many rows from the first on are settled; None when none is."""
        found: NDArray[np.bool_] | None = None
        for block in range(first >> _SHIFT, ((first + number - 1) >> _SHIFT) + 1):
            if block in self._blocks:
                if found is None:
                    found = np.zeros(number, np.bool_)
                start = block << _SHIFT
                begin, end = max(first, start), min(first + number, start + BLOCK)
                marks = self._blocks[block]
                found[begin - first : end - first] = (
                    True if marks is None else np.frombuffer(marks, np.uint8)[begin - start : end - start] != 0
                )
        return found if found is not None and found.any() else None

    def first_open(self) -> int:
        """Give the first row that is not settled; the number of rows when all are."""
        for block in range((self.rows + _MASK) >> _SHIFT):
            if block not in self._blocks:
                return block << _SHIFT
            marks = self._blocks[block]
            if marks is not None and (place := marks.find(0)) >= 0:
                return min(self.rows, (block << _SHIFT) + place)
        return self.rows

    def bitmaps(self, block: int) -> list[bytes | None]:
        """Give the bitmap of each outcome, in the order of `OUTCOMES`; None where no row has it."""
        marks = np.frombuffer(self._open(block), np.uint8)
        found = [marks == mark for mark in range(1, len(OUTCOMES) + 1)]
        return [np.packbits(rows, bitorder="little").tobytes() if rows.any() else None for rows in found]

    def restore(self, block: int, bitmaps: Sequence[bytes | None]) -> None:
        """Take up what `bitmaps` gave; the counts, too."""
        marks = bytearray(BLOCK)
        view = np.frombuffer(marks, np.uint8)
        for mark, (outcome, bitmap) in enumerate(zip(OUTCOMES, bitmaps, strict=True), 1):
            if bitmap is not None:
                rows = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little").view(np.bool_)
                view[rows] = mark
                self.counts[outcome] += int(np.count_nonzero(rows))
        self._blocks[block] = marks
        self.let_go(block)

    def let_go(self, block: int) -> None:
        """Take a block out of memory, when all its rows are settled."""
        marks = self._open(block)
        if marks.find(0, 0, self.rows - (block << _SHIFT)) < 0:
            self._blocks[block] = None

    def _open(self, block: int) -> bytearray:
        marks = self._blocks.get(block)
        return bytearray(BLOCK) if marks is None else marks

    def _marks_of(self, block: int) -> bytearray | None:
        """Give the marks of a block; None when all its rows are settled."""
        if block not in self._blocks:
            self._blocks[block] = bytearray(BLOCK)
        return self._blocks[block]

    def _few(self, indexes: Indexes, mark: int) -> array[int]:
        fresh: list[int] = []
        for index in map(int, indexes):
            self._check(index, index)
            marks = self._marks_of(index >> _SHIFT)
            if marks is not None and not marks[index & _MASK]:
                marks[index & _MASK] = mark
                self.changed.add(index >> _SHIFT)
                fresh.append(index)
        return array("q", sorted(fresh))

    def _many(self, indexes: Indexes, mark: int) -> array[int]:
        rows = np.sort(np.asarray(indexes, np.int64))
        rows = rows[np.append(True, rows[1:] != rows[:-1])]  # `numpy.unique` takes ten times as long
        self._check(int(rows[0]), int(rows[-1]))
        fresh = array("q")
        for part in np.split(rows, np.flatnonzero(np.diff(rows >> _SHIFT)) + 1):
            block = int(part[0]) >> _SHIFT
            marks = self._marks_of(block)
            if marks is None:
                continue
            view = np.frombuffer(marks, np.uint8)
            new = part[view[part & _MASK] == 0]
            if new.size:
                view[new & _MASK] = mark
                self.changed.add(block)
                fresh.frombytes(new.tobytes())
        return fresh

    def _check(self, least: int, greatest: int) -> None:
        if least < 0 or greatest >= self.rows:
            raise ValueError(f"there is no row {least if least < 0 else greatest}: there are {self.rows}")
