"""Frames, Arrow and iterables of dicts as batches of Arrow, a chunk at a time.

NaN, NaT and ``pandas.NA`` are no values: they become NULL. Of pandas the index is left out. What is typed keeps its
types, structs and lists too; what is Python's own is brought to Arrow by `arrays`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from cio_facade.errors import ValidationError
from cio_facade.loading.arrays import array_of, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["batches_of", "is_frame"]

_ROWS: Final = 20_000
_DICTS: Final = 4_096


def is_frame(source: object) -> bool:
    """Tell whether rows can be had of it.

    Examples
    --------
    >>> is_frame([{"user_id": "u1"}]), is_frame({"user_id": "u1"}), is_frame("people.csv")
    (True, False, False)
    """
    if _kind(source) != "rows":
        return True
    return isinstance(source, Iterable) and not isinstance(source, (str, bytes, Mapping))


def batches_of(source: Any) -> Iterator[pa.RecordBatch]:
    """Give the rows of a frame, a chunk at a time.

    Parameters
    ----------
    source : DataFrame, LazyFrame, Table, RecordBatchReader, Dataset or iterable of dict
        Of pandas, polars or Arrow, or anything that hands out an Arrow stream. Dicts may have different keys; a key
        that is missing is NULL.

    Raises
    ------
    ValidationError
        A row is no dict, or a value has no form in JSON.

    Examples
    --------
    >>> next(batches_of([{"user_id": "u1"}, {"age": 30}])).to_pydict()
    {'user_id': ['u1', None], 'age': [None, 30]}
    """
    match _kind(source):
        case "pandas":
            yield from _of_pandas(source)
        case "lazy":
            frames = source.collect_batches(chunk_size=_ROWS, maintain_order=True)
            batches = chain.from_iterable(map(pa.RecordBatchReader.from_stream, frames))
            yield from _of_stream(batches, pa.RecordBatchReader.from_stream(source.limit(0).collect()).schema)
        case "dataset":
            yield from _of_stream(source.to_batches(batch_size=_ROWS), source.schema)
        case "batch":
            yield from _of_stream([one := pa.record_batch(source)], one.schema)
        case "stream":
            reader = pa.RecordBatchReader.from_stream(source)
            yield from _of_stream(reader, reader.schema)
        case _:
            yield from _of_dicts(source)


def _kind(source: object) -> str:
    """Tell what it is, without importing what is not loaded: nobody can have made such a frame then."""
    if (pandas := sys.modules.get("pandas")) is not None and isinstance(source, pandas.DataFrame):
        return "pandas"
    if (polars := sys.modules.get("polars")) is not None and isinstance(source, polars.LazyFrame):
        return "lazy"
    if hasattr(source, "__arrow_c_stream__"):
        return "stream"
    if hasattr(source, "to_batches") and hasattr(source, "schema"):
        return "dataset"
    return "batch" if hasattr(source, "__arrow_c_array__") else "rows"


def _of_pandas(frame: Any) -> Iterator[pa.RecordBatch]:
    names = [str(name) for name in frame.columns]
    _see_to(names)
    for start in range(0, max(1, len(frame)), _ROWS):
        part = frame.iloc[start : start + _ROWS]
        yield _batch(names, [_of_series(name, part.iloc[:, i], start) for i, name in enumerate(names)])


def _of_series(name: str, series: Any, first: int) -> pa.Array[Any]:
    if series.dtype == object:
        return array_of(name, series.tolist(), first)
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        return array_of(name, series.tolist(), first)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _of_stream(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    _see_to(schema.names)
    empty = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
    for batch in chain(batches, (empty,)):  # without rows, too, there are columns
        for start in range(0, max(1, batch.num_rows), _ROWS):
            yield _batch(batch.schema.names, batch.slice(start, _ROWS).columns)


def _of_dicts(rows: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    iterator, first = iter(rows), 0
    while chunk := list(islice(iterator, _DICTS)):
        for place, row in enumerate(chunk):
            if not isinstance(row, Mapping):
                raise _no_row(first + place + 1, row)
        names = list(dict.fromkeys(chain.from_iterable(chunk)))
        _see_to(names)
        yield _batch(names, [array_of(name, [row.get(name) for row in chunk], first) for name in names], len(chunk))
        first += len(chunk)


def _batch(names: Sequence[str], arrays: Sequence[pa.Array[Any]], rows: int = 0) -> pa.RecordBatch:
    if not names:  # dicts without any key are rows all the same
        return pa.RecordBatch.from_arrays([pa.nulls(rows)], names=[""])
    return pa.RecordBatch.from_arrays(list(map(tidy, names, arrays)), names=list(names))


def _no_row(number: int, row: object) -> ValidationError:
    hint = "; for several files give a pattern, such as 'people-*.csv'" if isinstance(row, str) else ""
    return ValidationError(field="source", problem=f"row {number} is a {type(row).__name__}, not a dict{hint}")


def _see_to(names: Sequence[Any]) -> None:
    """See to it that columns are known by text, and apart. DuckDB does not tell capital letters from small ones."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if not isinstance(name, str):
            raise ValidationError(field="source", problem=f"a column is known by a {type(name).__name__}, not a text")
        if seen.setdefault(name.lower(), place) != place:
            other = names[seen[name.lower()]]
            raise ValidationError(field="source", problem=f"the columns {other} and {name} have the same name")
