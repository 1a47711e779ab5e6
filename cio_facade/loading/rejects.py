"""The file of rejected rows: as the source has them, in order, with the row's number and what is wrong with it."""

from __future__ import annotations

import csv
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from cio_facade.errors import ValidationError
from cio_facade.loading.buffers import integers, texts
from cio_facade.loading.connections import connect, memory_of, told
from cio_facade.loading.finding import written_as
from cio_facade.loading.snapshots import whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cio_facade.loading.tables import Broken, Column, Table

__all__ = ["ADDED", "write_rejected"]

ADDED: Final = ("cio_row", "cio_reason", "cio_line")
"""The columns that are added; a file that has them loads as if it had not."""

_BATCH: Final = 2_048
# What it says of itself may quote what it stumbled over.
_OF_THE_ENGINE: Final[tuple[type[Exception], ...]] = (duckdb.Error, pa.ArrowException, OSError)
_DELIMITERS: Final = ",;\t|"
_OPTIONS: Final = {
    "csv": "FORMAT csv, HEADER true",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet, ROW_GROUP_SIZE 20480",
}


def write_rejected(table: Table, rejected: Iterable[tuple[int, str]], path: Path) -> int:
    """Write the rows that cannot be read, and those that were rejected, into a file to be mended and loaded.

    After the source's columns it has ``cio_row``, the row's number, and ``cio_reason``. Of a row that could not be read
    the columns hold what its line has, cell by cell; where they cannot hold it exactly, ``cio_line`` has the line as it
    is. The file has the format of the source (or that of the path's ending), is packed when the path ends with .gz or
    .zst, is for its owner alone, and is there as a whole or not at all. In CSV, it is UTF-8 with commas.

    Parameters
    ----------
    table : Table
        The source.
    rejected : iterable of (int, str)
        Place among the rows that can be read, and why it was rejected; places increase.
    path : Path
        The file.

    Returns
    -------
    int
        How many rows it has; without any there is no file.

    Raises
    ------
    ValidationError
        It cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from cio_facade.loading.sources import open_source
    >>> path = Path(tempfile.mkdtemp()) / "rejected.csv"
    >>> with open_source([{"user_id": "u1", "plan": "pro"}, {"plan": "free"}]) as table:
    ...     write_rejected(table, [(1, "user_id is empty")], path)
    1
    >>> print(path.read_text(), end="")
    user_id,plan,cio_row,cio_reason
    ,free,2,user_id is empty
    """
    rows = iter(rejected)
    first = next(rows, None)
    if first is None and not table.broken:
        return 0
    writing: _Writing | None = None
    try:
        writing = _Writing(table, written_as(path) or table.format)
        with whole(path) as part, connect(part.parent, memory=memory_of(table.connection)) as connection:
            batches = writing.batches(rows if first is None else chain((first,), rows))
            connection.register("rejected", pa.RecordBatchReader.from_batches(writing.schema, batches))
            target = str(part).replace("'", "''")
            form = f"{_OPTIONS[writing.format]}, USE_TMP_FILE false"  # which would be for all to read
            connection.execute(f"COPY ({writing.select}) TO '{target}' ({form})")
    except _OF_THE_ENGINE as error:
        cause = error if writing is None or writing.error is None else writing.error
        if isinstance(cause, _OF_THE_ENGINE):
            raise ValidationError(field=str(path), problem=told(cause)) from None
        raise cause from None
    return writing.rows


class _Writing:
    """Rows on their way into the file.

    Parameters
    ----------
    table : Table
        The source.
    format_ : str
        What the file will be.
    """

    def __init__(self, table: Table, format_: str) -> None:
        self.format, self.rows = format_, 0
        self.error: BaseException | None = None
        """Why there are no more batches, which DuckDB would only quote."""
        self._table = table
        self._own = [column for column in table.columns if column.name.lower() not in ADDED]
        # In a row that cannot be read a cell may be what its column does not hold: then all are texts.
        as_text = format_ == "csv" or (table.format == "csv" and bool(table.broken))
        cells = (f"CAST({one.sql} AS VARCHAR) AS {one.sql}" if as_text else self._cell(one) for one in self._own)
        # In Arrow these are texts.
        again = [] if as_text else [one for one in self._own if str(one.type) in {"JSON", "UUID"}]
        casts = ", ".join(f"CAST({one.sql} AS {one.type}) AS {one.sql}" for one in again)
        self.select = f"SELECT *{f' REPLACE ({casts})' if casts else ''} FROM rejected"  # noqa: S608
        self._query = f"SELECT {', '.join(cells) or 'NULL AS _'} FROM {table.relation}"  # noqa: S608
        with table.cursor() as cursor:
            fields = list(cursor.sql(f"{self._query} LIMIT 0").to_arrow_table().schema)
        added = [
            pa.field("cio_row", pa.int64()),
            pa.field("cio_reason", pa.string()),
            pa.field("cio_line", pa.string()),
        ]
        has_lines = any(self._cells_of(one)[1] is not None for one in table.broken)
        self.schema = pa.schema([*fields, *(added if has_lines else added[:2])])

    def _cell(self, column: Column) -> str:
        """Give a cell as it is written; JSON has no NaN and no infinities."""
        if self.format == "jsonl" and str(column.type) in {"DOUBLE", "FLOAT"}:
            return f"CASE WHEN isfinite({column.sql}) THEN {column.sql} END AS {column.sql}"
        return column.sql

    def batches(self, rejected: Iterator[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
        """Give the rows of the file, in order."""
        try:
            for batch in self._batches(rejected):
                self.rows += batch.num_rows
                yield batch
        except BaseException as error:
            self.error = error
            raise

    def _batches(self, rejected: Iterator[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
        broken = iter(self._table.broken)
        next_broken, following, first = next(broken, None), next(rejected, None), 0
        with self._table.cursor() as cursor:
            reader = cursor.sql(self._query).to_arrow_reader(_BATCH) if following is not None else ()
            for batch in reader:
                chosen: list[tuple[int, str]] = []
                while following is not None and following[0] < first + batch.num_rows:
                    chosen.append(following)
                    following = next(rejected, None)
                until = self._table.row_of(first + batch.num_rows)
                between: list[Broken] = []
                while next_broken is not None and next_broken.row < until:
                    between.append(next_broken)
                    next_broken = next(broken, None)
                yield from self._in_order(batch, first, chosen, between)
                first += batch.num_rows
                if following is None:
                    break
        while next_broken is not None:
            yield self._of_broken([next_broken, *islice(broken, _BATCH - 1)])
            next_broken = next(broken, None)

    def _in_order(
        self, batch: pa.RecordBatch, first: int, chosen: list[tuple[int, str]], between: list[Broken]
    ) -> Iterator[pa.RecordBatch]:
        if not between:
            if chosen:
                yield self._of_rejected(batch, first, chosen)
            return
        both = pa.Table.from_batches([self._of_rejected(batch, first, chosen), self._of_broken(between)])
        yield from both.sort_by("cio_row").to_batches(_BATCH)

    def _of_rejected(self, batch: pa.RecordBatch, first: int, chosen: list[tuple[int, str]]) -> pa.RecordBatch:
        own = batch.take(integers(np.array([index - first for index, _ in chosen]))).columns
        rows = integers(np.array([self._table.row_of(index) for index, _ in chosen]))
        added = [
            rows,
            texts([reason.encode() for _, reason in chosen], pa.string()),
            pa.nulls(len(chosen), pa.string()),
        ]
        return pa.RecordBatch.from_arrays([*own, *added][: len(self.schema)], schema=self.schema)

    def _of_broken(self, broken: Sequence[Broken]) -> pa.RecordBatch:
        found = [self._cells_of(one) for one in broken]
        columns: list[Any] = [[cells.get(one.name) for cells, _ in found] for one in self._own]
        if not columns:
            columns = [[None] * len(found)]
        columns += [[one.row for one in broken], [_clean(one.reason) for one in broken], [line for _, line in found]]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=False)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _cells_of(self, broken: Broken) -> tuple[dict[str, str | None], str | None]:
        """Split the line of a row; gives the line as well, where its cells are not just those of the columns."""
        if broken.line is None:
            return {}, None
        line = _clean(broken.line)
        if self._table.format != "csv":
            return {}, line
        names = [column.name for column in self._table.columns]
        splits = [_split(line, delimiter) for delimiter in _DELIMITERS]
        cells = min(splits, key=lambda split: abs(len(split) - len(names)))
        return {name: cell or None for name, cell in zip(names, cells, strict=False)}, (
            None if len(cells) == len(names) else line
        )


def _split(line: str, delimiter: str) -> list[str]:
    """Split the text of a row; into nothing where it cannot be one with that delimiter."""
    try:
        return next(csv.reader([line], delimiter=delimiter), list[str]())
    except csv.Error:  # a line break that is in no quotes, or a cell of more than 128 kB
        return []


def _clean(text: str) -> str:
    """Leave out what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
