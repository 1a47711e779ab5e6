"""DuckDB, told to be content with little memory, and what it says when something is wrong, in one line.

Measured with 5 million rows of 11 columns, Python and Arrow included: 150 MB. With a second thread it takes 60 to 100
MB more, and is no faster where rows are numbered. Fetching ahead from Parquet costs 40 MB, the usual buffer 30 MB. What
a query sorts goes to the disk: 280 MB, as fast as with more memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AMPLE", "MEMORY", "connect", "cursor_of", "make_room", "memory_of", "told"]

_BYTES: Final = 144_000_000
MEMORY: Final = f"{_BYTES}B"
"""For all else."""
AMPLE: Final = "1GB"
"""For SQL of the user's own, with joins and aggregates, while its rows are written down."""
_BUFFER: Final = "1MB"
_VECTOR: Final = 2048  # rows that DuckDB works at together
_COPIES: Final = 16  # of these rows, in the stages of a query

_EXTENSION = re.compile(r"""["'](\w+)" is an existing extension|required extension '(\w+)|INSTALL (\w+)|LOAD (\w+)""")
_SECRET = re.compile(r"(?i)\b(\w*(?:password|passwd|pwd|secret|token|key)\w*)\s*=\s*[^\s&;\"']+")
_QUERY = re.compile(r"\?[^\s\"']+")

# What these say is about the query and its files. Others may quote the value they stumbled over.
_OF_THE_QUERY: Final = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.IOException,
    duckdb.NotImplementedException,
    duckdb.ParserException,
    duckdb.PermissionException,
)


def connect(folder: Path, *, memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with nothing in it.

    Parameters
    ----------
    folder : Path
        Where it may put what does not fit into memory; it removes that itself.
    memory : str
        How much it may take.
    """
    connection = duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": memory,
            "preserve_insertion_order": True,
            "temp_directory": str(folder / "spill"),
            "python_enable_replacements": False,  # a name in SQL is never a variable of ours
        }
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL disable_parquet_prefetching = true")
    return _thrifty(connection)


def make_room(connection: duckdb.DuckDBPyConnection, row_bytes: int) -> None:
    """Let it take more memory where rows are wide."""
    if (wanted := _VECTOR * row_bytes * _COPIES) > _BYTES:
        connection.execute(f"SET memory_limit = '{wanted}B'")


def memory_of(connection: duckdb.DuckDBPyConnection) -> str:
    """Give how much memory it may take."""
    ((memory,),) = connection.sql("SELECT current_setting('memory_limit')").fetchall()
    return str(memory)


def cursor_of(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Open a second connection to the same, for work while a reader of the first is open."""
    return _thrifty(connection.cursor())


def _thrifty(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    # Each connection has its own of these.
    connection.execute(f"SET streaming_buffer_size = '{_BUFFER}'")
    # In a notebook it is on, and on standard output; without ipywidgets it is off there, and setting it is an error.
    ((shown,),) = connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    if shown:
        connection.execute("SET enable_progress_bar = false")
    return connection


def told(error: BaseException) -> str:
    """Say in one line what DuckDB found wrong, without any value and with the way out.

    Parameters
    ----------
    error : Exception
        What DuckDB raised.

    Examples
    --------
    >>> import duckdb
    >>> try:
    ...     duckdb.sql("SELECT 'ann@example.com'::INT").fetchall()
    ... except duckdb.Error as error:
    ...     print(told(error))
    a value does not convert to INT32; TRY_CAST gives NULL instead
    """
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"needs more than {AMPLE} of memory; begin the SQL with SET memory_limit = '4GB';"
    if "No space left on device" in text:
        return "the disk is full"
    if name := _missing_extension(text):
        return (
            f"needs DuckDB's extension {name}, which is not here and could not be fetched; install it where there is "
            f"a network: python -c \"import duckdb; duckdb.execute('INSTALL {name}')\""
        )
    if isinstance(error, duckdb.ConversionException):
        kind = re.search(r" to ([A-Z]\w*)", text)
        return f"a value does not convert to {kind[1] if kind else 'its type'}; TRY_CAST gives NULL instead"
    if isinstance(error, _OF_THE_QUERY):
        said = re.sub(r"\s+", " ", text.split("\n\nLINE", maxsplit=1)[0]).strip()
        return _SECRET.sub(r"\1=...", _QUERY.sub("?...", said))
    said = text.split(":", maxsplit=1)[0] if ":" in text[:40] else "an error"
    return f"DuckDB stopped with {said}"


def _missing_extension(text: str) -> str | None:
    if "extension" not in text or (found := _EXTENSION.search(text)) is None:
        return None
    return next(name for name in found.groups() if name)
