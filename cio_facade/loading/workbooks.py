"""Excel workbooks, where DuckDB has its extension for them: the first sheet, written down as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from cio_facade.errors import ValidationError
from cio_facade.loading.connections import told
from cio_facade.loading.queries import copied
from cio_facade.loading.tables import quoted

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["whole_numbers", "write_workbook"]


def write_workbook(connection: duckdb.DuckDBPyConnection, workbook: Path, path: Path) -> None:
    """Write the rows of a workbook's first sheet into a Parquet file.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What reads it.
    workbook, path : Path
        From where, and to where.

    Raises
    ------
    ValidationError
        The extension is not there, or the file is no workbook.
    """
    name = str(workbook).replace("'", "''")
    relation = f"read_xlsx('{name}', header = true)"
    try:
        copied(connection, relation, path, replaced=whole_numbers(connection, relation))
    except duckdb.Error as error:
        raise ValidationError(field=workbook.name, problem=told(error)) from None


def whole_numbers(connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """Find the columns of floats in which all are whole: a workbook has no other numbers, even for ids.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relation is known.
    relation : str
        What to select from.

    Examples
    --------
    >>> whole_numbers(duckdb.connect(), "(SELECT 1.0::DOUBLE AS id, 1.5::DOUBLE AS score)")
    ['"id"::BIGINT AS "id"']
    """
    source = connection.sql(f"FROM {relation}")
    names = [quoted(name) for name, kind in zip(source.columns, source.types, strict=True) if kind.id == "double"]
    if not names:
        return []
    tests = ", ".join(f"coalesce(bool_and({name} = trunc({name}) AND abs({name}) < 1e15), false)" for name in names)
    (are_whole,) = connection.sql(f"SELECT {tests} FROM {relation}").fetchall()  # noqa: S608
    return [f"{name}::BIGINT AS {name}" for name, is_whole in zip(names, are_whole, strict=True) if is_whole]
