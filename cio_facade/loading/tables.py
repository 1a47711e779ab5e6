"""A table that is loaded, wherever it came from: its columns, its rows by number, and those that cannot be read."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import attrs

from cio_facade.loading.connections import cursor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

__all__ = ["Broken", "Column", "Table", "listed", "quoted"]


def quoted(name: str) -> str:
    """Write a name as an identifier of SQL.

    Examples
    --------
    >>> print(quoted('a "plan" name'))
    "a ""plan"" name"
    """
    return '"' + name.replace('"', '""') + '"'


def listed(paths: Iterable[str]) -> str:
    """Write names of files as a list of SQL in which DuckDB takes each as it stands, not as a pattern.

    Examples
    --------
    >>> print(listed(["it's.csv", "people[1].csv"]))
    ['it''s.csv', 'people[[]1].csv']
    """
    return "[" + ", ".join("'" + re.sub(r"[*?[]", r"[\g<0>]", path).replace("'", "''") + "'" for path in paths) + "]"


@attrs.frozen
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        As the source has it.
    type : DuckDBPyType
        What DuckDB reads it as.
    """

    name: str
    type: DuckDBPyType

    @property
    def sql(self) -> str:
        """Its name, as an identifier of SQL."""
        return quoted(self.name)


@attrs.frozen
class Broken:
    """A row that cannot be read.

    Attributes
    ----------
    row : int
        Its number, as a person counts records: from 1, without the header.
    reason : str
        What is wrong with it; never a value.
    line : str or None
        Its text, as far as it can be had.
    """

    row: int
    reason: str
    line: str | None = attrs.field(default=None, repr=False)


@attrs.define(kw_only=True, eq=False, slots=False)
class Table:
    """A source that is open. It is to be closed, or used in ``with``.

    Attributes
    ----------
    name : str
        What it is known by: a path or pattern, an URL, SQL, or what the caller named it.
    label : str
        The same for people, in short.
    format : {"csv", "jsonl", "parquet"}
        What rows of it are written as.
    relation : str
        What SQL selects from. The order of its rows is the same each time.
    columns : tuple of Column
        Its columns, in order.
    rows : int
        How many rows can be read.
    fingerprint : str
        Hash of its content, in hexadecimal digits.
    connection : DuckDBPyConnection
        Where the relation is known. A reader that is open owns it: other work meanwhile takes `cursor`.
    row_bytes : int
        About how many bytes a row has.
    broken : sequence of Broken
        Rows that cannot be read, in order.
    can_resume : bool
        Whether a process that comes later can know it again.
    snapshot : Path or None
        The copy that is read in place of the source; whoever gave the folder for it removes it.
    closing : ExitStack
        What is let go of with it.
    """

    name: str
    label: str
    format: Literal["csv", "jsonl", "parquet"]
    relation: str
    columns: tuple[Column, ...]
    rows: int
    fingerprint: str
    connection: DuckDBPyConnection = attrs.field(repr=False)
    row_bytes: int = 0
    broken: Sequence[Broken] = attrs.field(default=(), repr=False)
    can_resume: bool = True
    snapshot: Path | None = None
    closing: ExitStack = attrs.field(factory=ExitStack, repr=False)

    @cached_property
    def _readable_before(self) -> array[int]:
        """For each broken row, how many that can be read come before it."""
        return array("q", (one.row - 1 - place for place, one in enumerate(self.broken)))

    def row_of(self, index: int) -> int:
        """Give the number of a row, as a person counts, by its place among those that can be read.

        Parameters
        ----------
        index : int
            Its place, from 0.

        Examples
        --------
        >>> import duckdb
        >>> table = Table(name="t", label="t", format="csv", relation="t", columns=(), rows=3, fingerprint="",
        ...     connection=duckdb.connect(), broken=[Broken(1, "not UTF-8"), Broken(3, "not UTF-8")])
        >>> [table.row_of(index) for index in range(3)]
        [2, 4, 5]
        """
        return index + 1 + bisect_right(self._readable_before, index)

    def cursor(self) -> DuckDBPyConnection:
        """Open a second connection, for work while a reader is open. Frames in memory are not known there."""
        return cursor_of(self.connection)

    def close(self) -> None:
        """Let go of it, and of what was made to read it. Doing so twice does nothing."""
        self.connection.close()
        self.closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
