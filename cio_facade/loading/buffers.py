"""Arrow's arrays and values, and numpy's, made of each other by their buffers.

To ask Arrow for it has it import pandas where that is installed: 45 MB and a third of a second, for nothing.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["flags", "integers", "number", "numbers", "text", "texts"]

_KINDS: Final = {pa.int16(): np.int16, pa.int64(): np.int64, pa.uint64(): np.uint64}


def numbers(array: pa.Array) -> NDArray[Any]:
    """Look at the whole numbers of an array without nulls.

    Examples
    --------
    >>> numbers(integers(np.array([3, 4, 5])).slice(1)).tolist()
    [4, 5]
    """
    found = np.frombuffer(array.buffers()[1], _KINDS[array.type])
    return found[array.offset : array.offset + len(array)]


def integers(values: NDArray[np.int64]) -> pa.Array:
    """Make an array of whole numbers of 64 bits."""
    data = pa.py_buffer(np.ascontiguousarray(values, np.int64))
    return pa.Array.from_buffers(pa.int64(), len(values), [None, data])


def number(value: int) -> pa.Scalar:
    """Make a whole number of 64 bits."""
    return integers(np.array([value]))[0]


def flags(values: NDArray[np.bool_]) -> pa.Array:
    """Make an array of truth values.

    Examples
    --------
    >>> flags(np.array([True, False, True])).to_pylist()
    [True, False, True]
    """
    data = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, data])


def texts(values: Sequence[bytes], kind: pa.DataType) -> pa.Array:
    """Make an array of texts, or of bytes; all together less than 2 GB.

    Examples
    --------
    >>> texts([b"a", b"", b"bc"], pa.string()).to_pylist()
    ['a', '', 'bc']
    """
    ends = np.fromiter(accumulate(map(len, values), initial=0), np.int32, len(values) + 1)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))])


def text(value: str) -> pa.Scalar:
    """Make a text."""
    return texts([value.encode()], pa.string())[0]
