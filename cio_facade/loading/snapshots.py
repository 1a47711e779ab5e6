"""Snapshots: a copy of a source that is no file, so that it can be read again, by a process that comes later too."""

from __future__ import annotations

import errno
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cio_facade.errors import ValidationError
from cio_facade.loading.arrays import JSON, in_json, united

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

__all__ = ["SNAPSHOT", "snapshot_in", "whole", "write_batches"]

SNAPSHOT: Final = "snapshot"
_UNFINISHED: Final = ".part"
_ROWS: Final = 20_000
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def snapshot_in(folder: Path) -> Path | None:
    """Give the snapshot that is in a folder, if one is there and whole.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(snapshot_in(Path(folder)))
    None
    """
    found = sorted(path for path in folder.glob(f"{SNAPSHOT}.*") if _UNFINISHED not in path.suffixes)
    return found[0] if found else None


@contextmanager
def whole(path: Path) -> Generator[Path]:
    """Give a file to write to, for its owner alone; it takes the place of `path` when all went well.

    Parameters
    ----------
    path : Path
        Where it is to be.
    """
    # The ending that tells what is in it stays the last one.
    part = path.with_name(f"{path.name.partition('.')[0]}{_UNFINISHED}{''.join(path.suffixes)}")
    try:
        part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in part.parent.iterdir():  # by a process that was killed
            if left.name.startswith(part.name):
                left.unlink()
        part.touch(mode=0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        yield part
    except OSError as error:
        if error.errno in _FULL:
            raise _unwritten(path, error) from error
        raise  # the source's own
    else:
        try:
            part.chmod(0o600)  # whoever wrote it may have made it anew
            part.replace(path)
        except OSError as error:
            raise _unwritten(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> ValidationError:
    problem = "the disk is full" if error.errno in _FULL else error.strerror or "the system refuses it"
    return ValidationError(field=str(path), problem=f"cannot be written: {problem}")


def write_batches(batches: Iterable[pa.RecordBatch], path: Path) -> None:
    """Write batches into a Parquet file; columns and types may be added to on the way.

    As long as the next batch fits what came before, it goes into the same file. Otherwise another one is begun, and in
    the end all are copied into one, as what fits them all.

    Parameters
    ----------
    batches : iterable of RecordBatch
        In order.
    path : Path
        The file.

    Raises
    ------
    ValidationError
        There are no rows, or a value has no form in JSON.
    """
    with ExitStack() as stack:
        parts: list[Path] = []
        schema: pa.Schema | None = None
        writer: Any = None
        first = 0
        for batch in _joined(batches):
            known, schema = schema, _united(schema, batch.schema)
            if writer is None or schema != known:
                if writer is not None:
                    writer.close()
                parts.append(path.with_name(f"{path.name}.{len(parts)}"))
                stack.callback(parts[-1].unlink, missing_ok=True)
                writer = stack.enter_context(_writer(parts[-1], schema))
            writer.write_batch(_fitted(batch, schema, first))
            first += batch.num_rows
        if schema is None:
            raise ValidationError(field="source", problem="has no rows, and so no columns")
        writer.close()
        final = _storable(schema)
        if len(parts) == 1 and final == schema:
            parts[0].replace(path)
        else:
            _copy(parts, path, final)


def _copy(parts: Iterable[Path], path: Path, schema: pa.Schema) -> None:
    first = 0
    with _writer(path, schema) as target:
        for part in parts:
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(_ROWS):
                    target.write_batch(_fitted(batch, schema, first))
                    first += batch.num_rows


def _writer(path: Path, schema: pa.Schema) -> Any:
    for field in schema:
        if _has_hollow(field.type):
            problem = "holds objects without any field, which Parquet cannot hold; leave it out"
            raise ValidationError(field=f"column {field.name}", problem=problem)
    return pq.ParquetWriter(path, schema, compression="snappy")


def _has_hollow(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return not kind.num_fields or any(_has_hollow(kind.field(place).type) for place in range(kind.num_fields))
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _has_hollow(kind.value_type)


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put small batches together: each becomes a group of rows in the file."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if waiting and (batch.schema != waiting[0].schema or rows + batch.num_rows > _ROWS):
            yield _one(waiting)
            waiting, rows = [], 0
        waiting.append(batch)
        rows += batch.num_rows
    if waiting:
        yield _one(waiting)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _united(known: pa.Schema | None, schema: pa.Schema) -> pa.Schema:
    """Give what holds both, the known columns first."""
    if known is None or known == schema:
        return schema
    kinds = {field.name: field.type for field in known}
    for field in schema:
        kinds[field.name] = united(kinds.get(field.name, pa.null()), field.type)
    return pa.schema(list(kinds.items()))


def _fitted(batch: pa.RecordBatch, schema: pa.Schema, first: int) -> pa.RecordBatch:
    """Bring a batch to a schema that holds it."""
    if batch.schema == schema:
        return batch
    arrays: list[pa.Array[Any]] = []
    for field in schema:
        place = batch.schema.get_field_index(field.name)
        if place < 0:
            arrays.append(pa.nulls(batch.num_rows, field.type))
        elif field.type == JSON:
            arrays.append(in_json(field.name, batch.column(place), first))
        else:
            arrays.append(_cast(field, batch.column(place)))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(field: pa.Field, array: pa.Array[Any]) -> pa.Array[Any]:
    try:
        return array.cast(field.type)
    except pa.ArrowException:
        problem = f"is {array.type} in some rows and {field.type} in others, which does not hold all its values"
        raise ValidationError(field=f"column {field.name}", problem=problem) from None


def _storable(schema: pa.Schema) -> pa.Schema:
    """Give columns without any value a type that all readers of Parquet know."""
    named = [field for field in schema if field.name]
    return pa.schema([(field.name, _filled(field.type)) for field in named] or [("_", pa.string())])


def _filled(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_filled(kind.value_type))
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return pa.struct([(field.name, _filled(field.type)) for field in fields])
    return kind
