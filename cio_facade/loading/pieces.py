"""What a source gives at a time, ready to be delivered: bodies that were cut from a buffer, or calls to be packed."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cio_facade.loading.buffers import flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from cio_facade.encoding import Chunk, Encoder
    from cio_facade.loading.rows import Rows
    from cio_facade.packing import Parcel

    Settled = Callable[[int, int], NDArray[np.bool_] | None]
    """Which of so many rows, from the first on, need nothing more; None: none does."""

    Unchanged = Callable[[Sequence[bytes]], Sequence[bool]]
    """Which calls are what was sent last."""

__all__ = ["Piece", "messages"]

_GROUP = 512  # messages that are encoded together


class Piece(NamedTuple):
    """Some rows of a source.

    Attributes
    ----------
    parcels : sequence of Parcel
        Bodies, cut and ready.
    chunk : Chunk or None
        Calls that are still to be packed.
    places : sequence of int
        The row index of each call of the chunk.
    refused : sequence of (int, str)
        Row index, and why it is not fit to be sent.
    unchanged : sequence of int
        Rows that are what was sent last.
    """

    parcels: Sequence[Parcel] = ()
    chunk: Chunk | None = None
    places: Sequence[int] = ()
    refused: Sequence[tuple[int, str]] = ()
    unchanged: Sequence[int] = ()


def messages(
    batches: Iterable[pa.RecordBatch],
    rows: Rows,
    encoder: Encoder,
    *,
    settled: Settled,
    unchanged: Unchanged | None = None,
) -> Iterator[Piece]:
    """Make each row a call, in Python.

    Parameters
    ----------
    batches : iterable of RecordBatch
        The rows in order, from the first.
    rows : Rows
        What makes calls of them.
    encoder : Encoder
        What says whether those are fit.
    settled : callable
        Which rows need nothing more.
    unchanged : callable, optional
        Which calls are what was sent last.
    """
    first = 0
    for batch in batches:
        done = settled(first, batch.num_rows)
        indexes: Sequence[int] = range(first, first + batch.num_rows)
        first += batch.num_rows
        if done is not None:
            batch = batch.filter(flags(~done))  # noqa: PLW2901  the rest of it is nobody's concern
            indexes = [indexes[place] for place in np.flatnonzero(~done).tolist()]
        for start in range(0, batch.num_rows, _GROUP):
            yield _piece(batch.slice(start, _GROUP), indexes[start : start + _GROUP], rows, encoder, unchanged)


def _piece(
    batch: pa.RecordBatch, indexes: Sequence[int], rows: Rows, encoder: Encoder, unchanged: Unchanged | None
) -> Piece:
    calls, written, places, refused = rows.calls(batch, indexes)
    chunk = encoder.written(calls, written)
    if chunk.refused:
        refused = [*refused, *((places[place], str(error)) for place, error in chunk.refused)]
        unfit = {place for place, _ in chunk.refused}
        places = [index for place, index in enumerate(places) if place not in unfit]
    same: Sequence[int] = ()
    if unchanged is not None and any(is_same := unchanged(chunk.data)):
        differs = [not one for one in is_same]
        same = list(compress(places, is_same))
        places = list(compress(places, differs))
        chunk = _chosen(chunk, differs)
    return Piece(chunk=chunk, places=places, refused=refused, unchanged=same)


def _chosen(chunk: Chunk, wanted: Sequence[bool]) -> Chunk:
    """Leave calls out of a chunk."""
    alone = {
        new: (chunk.alone or {})[old]
        for new, old in enumerate(compress(range(len(wanted)), wanted))
        if old in (chunk.alone or {})
    }
    return chunk._replace(
        data=list(compress(chunk.data, wanted)), keys=list(compress(chunk.keys, wanted)), alone=alone or None
    )
