"""SQL as a source: it may only read, and its rows are written down before they are loaded.

That nothing is changed is held up twice: statements that would are refused, and databases are attached for reading
only, since a query can hide an INSERT in its WITH.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from cio_facade.errors import ValidationError
from cio_facade.loading.connections import told
from cio_facade.loading.finding import not_a_source
from cio_facade.loading.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["copied", "write_query"]

_ROWS_IN_GROUP: Final = 20_480
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.MULTI}
_BEFORE = {duckdb.StatementType.ATTACH, duckdb.StatementType.LOAD, duckdb.StatementType.SET}
_SECRET = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?SECRET\b", re.IGNORECASE)
_ATTACH = re.compile(
    r"\s*ATTACH\s+(?:OR\s+REPLACE\s+)?(?:DATABASE\s+)?(?:IF\s+NOT\s+EXISTS\s+)?'((?:[^']|'')*)'"
    r"(?P<name>\s+AS\s+(?:\"[^\"]+\"|\w+))?\s*(?:\((?P<options>.*)\))?[\s;]*",
    re.IGNORECASE | re.DOTALL,
)
# Parquet has no integers as wide as these, and would keep them as floats.
_WIDE: Final = ("hugeint", "uhugeint")


def write_query(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> None:
    """Run SQL and write its rows into a Parquet file, in order.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What runs it.
    sql : str
        A query; before it ``ATTACH``, ``LOAD``, ``SET`` and ``CREATE SECRET``.
    path : Path
        The file.

    Raises
    ------
    ValidationError
        It is wrong, fails, or would do more than read.
    """
    try:
        *before, query = _checked(duckdb.extract_statements(sql))
        for statement in before:
            connection.execute(_for_reading(statement))
        copied(connection, f"({query.query.strip().rstrip(';')}\n)", path)
    except duckdb.Error as error:
        raise ValidationError(field="source", problem=f"the SQL: {told(error)}") from None


def copied(connection: duckdb.DuckDBPyConnection, relation: str, path: Path, *, replaced: Iterable[str] = ()) -> None:
    """Write rows into a Parquet file, in order.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What reads and writes.
    relation : str
        What to select from.
    path : Path
        The file.
    replaced : iterable of str
        Columns that are other than in the relation, as ``expression AS name``.
    """
    source = connection.sql(f"FROM {relation}")
    wide = [
        f"{quoted(name)}::DECIMAL(38, 0) AS {quoted(name)}"
        for name, kind in zip(source.columns, source.types, strict=True)
        if kind.id in _WIDE
    ]
    changes = ", ".join([*wide, *replaced])
    chosen = f"* REPLACE ({changes})" if changes else "*"
    target = str(path).replace("'", "''")
    # A file of its own beside it would be for all to read, and left there by a kill.
    form = f"FORMAT parquet, ROW_GROUP_SIZE {_ROWS_IN_GROUP}, USE_TMP_FILE false"
    connection.execute(f"COPY (SELECT {chosen} FROM {relation}) TO '{target}' ({form})")  # noqa: S608


def _checked(statements: list[duckdb.Statement]) -> list[duckdb.Statement]:
    """See to it that there is one query, and that what comes before it only prepares it."""
    if not statements:
        raise ValidationError(field="source", problem="the SQL is empty")
    for place, statement in enumerate(statements):
        last = place == len(statements) - 1
        if last and statement.type in _READING:
            continue
        if not last and (statement.type in _BEFORE or _SECRET.match(statement.query)):
            continue
        kind = statement.type.name.replace("_", " ")
        raise ValidationError(
            field="source",
            problem=f"the SQL may only read: one SELECT, before it ATTACH, LOAD, SET or CREATE SECRET; not {kind}"
            + (" without a SELECT after it" if last and statement.type in _BEFORE else ""),
        )
    return statements


def _for_reading(statement: duckdb.Statement) -> str:
    """Have a database attached for reading only; a file that is not there would be made."""
    if statement.type != duckdb.StatementType.ATTACH:
        return statement.query
    if (found := _ATTACH.fullmatch(statement.query)) is None:
        raise ValidationError(field="source", problem="the SQL: ATTACH is written ATTACH 'file' AS name (TYPE sqlite)")
    path, options = found[1].replace("''", "'"), found["options"] or ""
    if ":" not in path and "=" not in path and not Path(path).exists():
        raise not_a_source(path)
    if re.search(r"\bREAD_WRITE\b", options, re.IGNORECASE):
        raise ValidationError(field="source", problem="the SQL may only read; leave out READ_WRITE")
    if not re.search(r"\bREAD_ONLY\b", options, re.IGNORECASE):
        options = f"{options}, READ_ONLY" if options.strip() else "READ_ONLY"
    return f"ATTACH '{found[1]}'{found['name'] or ''} ({options})"
