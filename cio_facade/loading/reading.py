"""What a query gives, in batches of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from cio_facade.errors import CustomerIOError
from cio_facade.loading.connections import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cio_facade.loading.tables import Table

__all__ = ["batches"]

# A batch of 2048 rows takes twice the time for each.
_LEAST_ROWS, _MOST_ROWS, _BYTES = 2_048, 8_192, 1 << 22
# DuckDB works at 2048 rows together, whatever they weigh: few tables need more than it has at first.
_MORE_MEMORY: Final = ("512MB", "2GB")
_NO_MEMORY: Final = "Out of Memory"


def batches(table: Table, sql: str, first: int = 0) -> Iterator[pa.RecordBatch]:
    """Read what a query gives; with more memory, from where it stopped, when it meets very wide rows.

    Parameters
    ----------
    table : Table
        The source.
    sql : str
        A query of it, whose rows have the same order each time.
    first : int
        The index of the first row that it gives.

    Raises
    ------
    CustomerIOError
        The source cannot be read on, or has more rows than when it was opened. It holds no value.
    """
    rows = max(_LEAST_ROWS, min(_MOST_ROWS, _BYTES // max(1, table.row_bytes)))
    given, most = 0, table.rows - first
    for memory in (*_MORE_MEMORY, None):
        try:
            rest = f"FROM ({sql}) OFFSET {given}" if given else sql
            for batch in table.connection.sql(rest).to_arrow_reader(rows):
                given += batch.num_rows
                if given > most:
                    break
                yield batch
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if memory is None or _NO_MEMORY not in str(error):
                raise CustomerIOError(f"{table.label} cannot be read on: {told(error)}") from None
            table.connection.execute(f"SET memory_limit = '{memory}'")
        else:
            if given > most:
                raise CustomerIOError(f"{table.label} was written to while it was loaded; load it when it is complete")
            return
