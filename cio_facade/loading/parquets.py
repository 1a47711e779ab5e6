"""Parquet files as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from cio_facade.errors import ValidationError
from cio_facade.loading.connections import told
from cio_facade.loading.guesses import asked_for
from cio_facade.loading.tables import Column, listed, quoted
from cio_facade.loading.texts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["read_parquet"]


def read_parquet(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[str], *, types: Mapping[str, str] | None = None
) -> Text:
    """Read Parquet files; of several, columns go by their names.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Keeps the order of rows.
    paths : sequence of str
        The files, one or more.
    types : mapping of str to str, optional
        DuckDB's type by column, in place of the file's.

    Raises
    ------
    ValidationError
        A file is no Parquet, a column is not there, or a value does not fit the type that was asked for.

    Examples
    --------
    >>> import tempfile
    >>> path = str(Path(tempfile.mkdtemp()) / "people.parquet")
    >>> connection = duckdb.connect()
    >>> _ = connection.execute(f"COPY (SELECT 'u1' AS user_id, 30 AS age) TO '{path}'")
    >>> text = read_parquet(connection, [path], types={"age": "DOUBLE"})
    >>> [(column.name, str(column.type)) for column in text.columns], text.rows
    ([('user_id', 'VARCHAR'), ('age', 'DOUBLE')], 1)
    """
    label = Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} files"
    relation = f"read_parquet({listed(paths)}{', union_by_name = true' if len(paths) > 1 else ''})"
    try:
        if types:
            relation = _typed(connection, relation, types)
        source = connection.sql(f"SELECT * FROM {relation} LIMIT 0")  # noqa: S608
        columns = tuple(map(Column, source.columns, source.types))
        found = connection.sql(f"SELECT count(*) FROM {relation}").fetchall()  # noqa: S608
    except duckdb.Error as error:
        if isinstance(error, duckdb.InvalidInputException):
            raise ValidationError(field=label, problem="is not Parquet, or not all of it is there") from None
        raise ValidationError(field=label, problem=told(error)) from None
    return Text(relation, columns, found[0][0])


def _typed(connection: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str]) -> str:
    names = connection.sql(f"SELECT * FROM {relation} LIMIT 0").columns  # noqa: S608
    wanted = asked_for(types, names)
    lost = ", ".join(
        f"count(*) FILTER (WHERE {quoted(name)} IS NOT NULL AND TRY_CAST({quoted(name)} AS {kind}) IS NULL)"
        for name, kind in wanted.items()
    )
    (counts,) = connection.sql(f"SELECT {lost} FROM {relation}").fetchall()  # noqa: S608
    for (name, kind), count in zip(wanted.items(), counts, strict=True):
        if count:
            raise ValidationError(
                field=f"column {name}", problem=f"{count} rows do not fit {kind}, which types asks for"
            )
    casts = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in wanted.items())
    return f"(SELECT * REPLACE ({casts}) FROM {relation})"  # noqa: S608
