"""Records of two numbers, a key and a content, sorted by key: in memory, and in a file that never changes.

What is new is merged with a file into another one, in one pass. To look keys up, only the parts of the file are read
that may hold them, so neither the memory nor the time grows with the file. Keys are taken to be hashes: where they are
not spread evenly, it is slow.
"""

from __future__ import annotations

import os
from functools import reduce
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["GONE", "NONE", "Layers", "RecordFile", "merged", "packed", "unpacked"]

GONE: Final = -(1 << 63)
"""In the place of a content: there is no record of the key any more."""

_ROW: Final = 16  # bytes
_CHUNK: Final = 1 << 16  # records
# Keys that are looked up at once, and records between two of them that are sooner read than passed over.
_AT_ONCE: Final = 2_048
_GAP: Final = 256
# By the highest bits of their keys, records are in so many parts.
_PARTS: Final = 1 << 16
_SHIFT: Final = np.int64(48)

NONE: Final[Numbers] = np.empty((0, 2), np.int64)
"""No record: a row is a record, and its columns are key and content."""


def merged(older: Numbers, newer: Numbers) -> Numbers:
    """Sort records; of those that have a key, the last one stays.

    Examples
    --------
    >>> merged(np.array([[1, 10], [3, 30]]), np.array([[3, 31], [2, 20], [2, 21]])).tolist()
    [[1, 10], [2, 21], [3, 31]]
    """
    both = np.concatenate((older, newer))
    both = both[np.argsort(both[:, 0], kind="stable")]
    last = np.ones(len(both), np.bool_)
    np.not_equal(both[1:, 0], both[:-1, 0], out=last[:-1])
    return both[last]


def packed(records: Numbers) -> bytes:
    """Write records as bytes: signed numbers of 64 bits, little-endian."""
    return records.astype("<i8", copy=False).tobytes()


def unpacked(data: bytes) -> Numbers:
    """Read what `packed` wrote."""
    return np.frombuffer(data, "<i8").astype(np.int64, copy=False).reshape(-1, 2)


class Layers:
    """Records in memory, to which few can be added at little cost: each layer has twice as many as the one on it.

    Examples
    --------
    >>> layers = Layers()
    >>> layers.add(np.array([[1, 10], [2, 20]]))
    >>> layers.add(np.array([[2, 21]]))
    >>> layers.find(np.array([2, 3]))
    (array([21,  0]), array([ True, False]))
    >>> layers.whole().tolist()
    [[1, 10], [2, 21]]
    """

    def __init__(self) -> None:
        self._layers: list[Numbers] = []

    def __len__(self) -> int:
        """Count the records; one that is in two layers counts twice."""
        return sum(map(len, self._layers))

    def add(self, records: Numbers) -> None:
        """Add records in any order; the last one of a key counts."""
        layers = self._layers
        layers.append(merged(NONE, records))
        while len(layers) > 1 and len(layers[-2]) < 2 * len(layers[-1]):
            newer = layers.pop()
            layers[-1] = merged(layers[-1], newer)

    def find(self, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Look keys up; gives their contents, and whether they are there."""
        contents, there = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        for records in self._layers:
            found, is_here = _find(records, keys)
            contents[is_here] = found[is_here]
            there |= is_here
        return contents, there

    def whole(self) -> Numbers:
        """Give all of them, sorted, a key only once."""
        return reduce(merged, self._layers, NONE)


class RecordFile:
    """A file of sorted records, open.

    Parameters
    ----------
    path : path
        The file.

    Attributes
    ----------
    number : int
        Of its records.
    sum : int
        A checksum over all of it.

    Raises
    ------
    OSError
        It is not there, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     RecordFile.write(Path(folder) / "1", [], np.array([[1, 10], [2, 20]]))
    ...     one = RecordFile(Path(folder) / "1")
    ...     RecordFile.write(Path(folder) / "2", one.chunks(), np.array([[2, GONE], [3, 30]]))
    ...     two = RecordFile(Path(folder) / "2")
    ...     contents, there = two.find(np.array([3, 2, 1]))
    ...     print(contents[there], there)
    ...     one.close(), two.close()
    [30 10] [ True False  True]
    (None, None)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        try:
            self.number = os.fstat(self._file.fileno()).st_size // _ROW
            self.sum = 0
            sizes = np.zeros(_PARTS, np.int64)
            for chunk in self.chunks():
                self.sum = crc32(packed(chunk), self.sum)
                sizes += np.bincount(_parts(chunk[:, 0]), minlength=_PARTS)
            self._starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        except BaseException:
            self._file.close()
            raise

    @staticmethod
    def write(path: Path, old: Iterator[Numbers] | list[Numbers], news: Numbers) -> None:
        """Merge records with newer ones into a file, without those that are gone. It is on the disk then.

        Parameters
        ----------
        path : path
            The file; it is made for its owner alone.
        old : iterable of array
            All records in order, as `chunks` gives them.
        news : array
            Newer ones, sorted, a key only once.
        """
        path.unlink(missing_ok=True)
        with open(path, "xb", opener=_private) as file:
            begin = 0
            for chunk in old:
                highest: np.int64 = chunk[-1, 0]
                end = int(np.searchsorted(news[:, 0], highest, side="right"))
                file.write(_without_gone(merged(chunk, news[begin:end])))
                begin = end
            file.write(_without_gone(news[begin:]))
            file.flush()
            os.fsync(file.fileno())

    def chunks(self) -> Iterator[Numbers]:
        """Go through the records in order, many at a time."""
        for start in range(0, self.number, _CHUNK):
            yield unpacked(self._read(start, min(self.number, start + _CHUNK)))

    def find(self, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Look keys up; gives their contents, and whether they are there."""
        contents, there = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
        order = np.argsort(keys)
        for at in range(0, len(keys), _AT_ONCE):
            some = order[at : at + _AT_ONCE]
            contents[some], there[some] = _find(self._around(keys[some]), keys[some])
        return contents, there

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _around(self, keys: Numbers) -> Numbers:
        """Read the parts in which sorted keys would be."""
        parts = _parts(keys)
        starts, ends = self._starts[parts], self._starts[parts + 1]
        first = np.ones(len(keys), np.bool_)  # of some that are read in one go
        np.greater(starts[1:], ends[:-1] + _GAP, out=first[1:])
        last = np.append(first[1:], True)
        reads = zip(starts[first].tolist(), ends[last].tolist(), strict=True)
        return unpacked(b"".join([self._read(start, end) for start, end in reads]))

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start * _ROW)
        return self._file.read((end - start) * _ROW)


def _find(records: Numbers, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    if not len(records):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
    places = np.searchsorted(np.ascontiguousarray(records[:, 0]), keys)
    places[places == len(records)] = 0
    found = records[places]
    return found[:, 1], found[:, 0] == keys


def _parts(keys: Numbers) -> Numbers:
    return (keys >> _SHIFT) + _PARTS // 2


def _without_gone(records: Numbers) -> bytes:
    return packed(records[records[:, 1] != GONE])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
