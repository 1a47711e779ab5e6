"""Calls that the engine wrote become bodies: sorted by person, cut from one buffer, without a Python object a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from cio_pipelines import constants

from cio_facade.loading.buffers import flags, integers, numbers, texts
from cio_facade.loading.pieces import Piece
from cio_facade.loading.reading import batches
from cio_facade.packing import BATCH_HEAD, BATCH_TAIL, Parcel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from cio_facade.config import Limits
    from cio_facade.encoding import Encoder
    from cio_facade.loading.pieces import Settled
    from cio_facade.loading.rows import Rows
    from cio_facade.loading.tables import Table

    Numbers = NDArray[np.int64]
    Unchanged = Callable[[ArrayLike, ArrayLike], NDArray[np.bool_] | None]
    Marks = Callable[[Sequence[bytes]], tuple[Sequence[int], Sequence[int]]]

__all__ = ["blocks"]

_GROUP_ROWS: Final = 1 << 14
_GROUP_BODIES: Final = 8
_COMMA: Final = 1
_NONE: Final[Numbers] = np.empty(0, np.int64)


class _Calls(NamedTuple):
    """Calls, each with a comma after it: the indexes of their rows, their lanes and marks."""

    rows: Numbers
    lane: NDArray[np.int16]
    data: pa.Array[Any]
    keys: Numbers
    contents: Numbers


def blocks(
    table: Table,
    sql: str,
    *,
    rows: Rows,
    encoder: Encoder,
    limits: Limits,
    settled: Settled,
    unchanged: Unchanged | None = None,
    marks: Marks | None = None,
    first: int = 0,
) -> Iterator[Piece]:
    """Cut bodies from the calls of a query.

    Of one person the bodies share a lane, so they arrive in the order of the rows.

    Parameters
    ----------
    table : Table
        The source.
    sql : str
        As `expressions.query` writes it.
    rows, encoder : Rows, Encoder
        The other way, for rows of which the engine made no call.
    limits : Limits
        The bytes and calls of a body.
    settled : callable
        Which rows need nothing more.
    unchanged, marks : callable, optional
        Given keys and contents, which rows are what was sent last; and keys and contents of calls that the engine did
        not make. With both, the query must give marks too.
    first : int
        The index of the first row that the query gives.
    """
    if (unchanged is None) != (marks is None):
        raise TypeError("unchanged and marks go together")
    group: list[_Calls] = []
    refused: list[tuple[int, str]] = []
    number = size = 0
    for batch in batches(table, sql, first):
        fit, raw = _parted(batch, settled)
        if raw.num_rows:
            made, unfit = _by_rows(raw, rows, encoder, marks)
            refused += unfit
            fit = [*fit, made]
        group += fit
        number += sum(len(calls.rows) for calls in fit)
        size += sum(calls.data.nbytes for calls in fit)
        if number + len(refused) >= _GROUP_ROWS or size >= _GROUP_BODIES * limits.batch_bytes:
            yield _piece(group, refused, limits, unchanged)
            group, refused, number, size = [], [], 0, 0
    if group or refused:
        yield _piece(group, refused, limits, unchanged)


def _parted(batch: pa.RecordBatch, settled: Settled) -> tuple[list[_Calls], pa.RecordBatch]:
    """Part the calls that the engine made from the rows of which it made none; without those that are settled."""
    done = settled(int(batch.column("i")[0].as_py()), batch.num_rows) if batch.num_rows else None
    if done is not None:
        batch = batch.filter(flags(~done))
    unmade = batch.slice(0, 0)
    if batch.column("call").null_count:
        unmade = batch.filter(batch.column("call").is_null())
        batch = batch.filter(batch.column("call").is_valid())
    if not batch.num_rows:
        return [], unmade
    data = batch.column("call").cast(pa.binary())
    return [_Calls(_numbers(batch, "i"), _lanes(batch), data, *_marks(batch))], unmade


def _by_rows(
    batch: pa.RecordBatch, rows: Rows, encoder: Encoder, marks: Marks | None
) -> tuple[_Calls, list[tuple[int, str]]]:
    """Make calls of rows in Python."""
    indexes = _numbers(batch, "i")
    cells = batch.column("raw")
    columns = pa.RecordBatch.from_arrays(cells.flatten(), names=[field.name for field in cells.type])
    calls, written, places, refused = rows.calls(columns, indexes.tolist())
    chunk = encoder.written(calls, written)
    unfit = {place for place, _ in chunk.refused}
    refused = [*refused, *((places[place], str(error)) for place, error in chunk.refused)]
    index = np.array([index for place, index in enumerate(places) if place not in unfit], np.int64)
    lane = _lanes(batch)[np.searchsorted(indexes, index)]
    data = texts([call + b"," for call in chunk.data], pa.binary())
    keys, contents = (_NONE, _NONE) if marks is None else marks(chunk.data)
    return _Calls(index, lane, data, np.array(keys, np.int64), np.array(contents, np.int64)), refused


def _piece(
    group: Sequence[_Calls], refused: list[tuple[int, str]], limits: Limits, unchanged: Unchanged | None
) -> Piece:
    if not group:
        return Piece(refused=refused)
    calls = _Calls(
        np.concatenate([one.rows for one in group]),
        np.concatenate([one.lane for one in group]),
        pa.concat_arrays([one.data for one in group]),
        np.concatenate([one.keys for one in group]),
        np.concatenate([one.contents for one in group]),
    )
    chosen = np.lexsort((calls.rows, calls.lane))
    same = None if unchanged is None else unchanged(calls.keys, calls.contents)
    alike: Numbers = _NONE
    if same is not None:
        alike = calls.rows[same]
        chosen = chosen[~same[chosen]]
    parcels = list(_parcels(calls.rows[chosen], calls.lane[chosen], calls.data.take(integers(chosen)), limits))
    return Piece(parcels=parcels, refused=refused, unchanged=np.sort(alike).data)


def _parcels(index: Numbers, lane: NDArray[np.int16], data: pa.Array[Any], limits: Limits) -> Iterator[Parcel]:
    """Cut bodies from calls that are sorted by lane."""
    _, places, buffer = data.buffers()
    if not len(data) or places is None or buffer is None:
        return
    ends = np.frombuffer(places, np.int32)[data.offset : data.offset + len(data) + 1].astype(np.int64)
    sizes = np.diff(ends) - _COMMA
    # Where a lane begins, and after the last one.
    borders = np.append(np.flatnonzero(np.diff(lane, prepend=-1)), len(lane))
    text, start = memoryview(buffer), 0
    while start < len(lane):
        stop = _stop(start, ends, borders, limits)
        inside = borders[np.searchsorted(borders, start, "right") : np.searchsorted(borders, stop, "left")]
        at = np.concatenate(([start], inside))
        counts = np.diff(np.append(at, stop)).tolist()
        runs = [(1 << number, count) for number, count in zip(lane[at].tolist(), counts, strict=True)]
        body = b"".join((BATCH_HEAD, text[int(ends[start]) : int(ends[stop]) - _COMMA], BATCH_TAIL))
        yield Parcel(body, sizes[start:stop].data, index[start:stop].data, constants.BATCH_PATH, runs)
        start = stop


def _stop(start: int, ends: Numbers, borders: Numbers, limits: Limits) -> int:
    """Say where a body ends: between two lanes, unless that would leave half of it empty."""
    room = limits.batch_bytes - len(BATCH_HEAD) - len(BATCH_TAIL) + _COMMA
    stop = int(np.searchsorted(ends, ends.item(start) + room, "right")) - 1
    if limits.batch_calls is not None:
        stop = min(stop, start + limits.batch_calls)
    border = borders.item(int(np.searchsorted(borders, stop, "right")) - 1)
    return border if border - start > (stop - start) // 2 else stop


def _numbers(batch: pa.RecordBatch, name: str) -> Numbers:
    return numbers(batch.column(name))


def _lanes(batch: pa.RecordBatch) -> NDArray[np.int16]:
    return numbers(batch.column("lane"))


def _marks(batch: pa.RecordBatch) -> tuple[Numbers, Numbers]:
    """Read the marks, as `changes.marks_of` gives them: the first byte is the highest one."""
    if "k" not in batch.schema.names:
        return _NONE, _NONE
    keys, contents = (numbers(batch.column(name)).byteswap() for name in ("k", "c"))
    return keys.view(np.int64), contents.view(np.int64)
