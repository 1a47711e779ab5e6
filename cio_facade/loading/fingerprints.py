"""Hashes by which it is noticed that a source has changed."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from cio_facade.loading.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

__all__ = ["of_files", "of_rows"]

_SIZE = 16  # bytes
_CHUNK = 1 << 20


def of_files(paths: Iterable[Path]) -> str:
    """Hash the bytes of files, in order.

    Parameters
    ----------
    paths : iterable of Path
        The files.

    Examples
    --------
    >>> of_files([])
    'cae66941d9efbd404e4d88758ea67670'
    """
    whole = blake2b(digest_size=_SIZE)
    for path in paths:
        one = blake2b(digest_size=_SIZE)
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                one.update(chunk)
        whole.update(one.digest())
    return whole.hexdigest()


def of_rows(connection: DuckDBPyConnection, relation: str) -> str:
    """Hash rows and their order, whatever file they are in.

    The bytes of a snapshot would not do: a new version of what writes it writes others.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relation is known.
    relation : str
        What to select from.

    Examples
    --------
    >>> import duckdb
    >>> connection = duckdb.connect()
    >>> one, other = (of_rows(connection, f"(VALUES {rows})") for rows in ("(1), (2)", "(2), (1)"))
    >>> one == other
    False
    """
    source = connection.sql(f"SELECT * FROM {relation} LIMIT 0")  # noqa: S608
    looks = repr([(name, str(kind)) for name, kind in zip(source.columns, source.types, strict=True)])
    names = ", ".join(quoted(name) for name in source.columns)
    row = connection.sql(
        f"SELECT count(*), bit_xor(h), sum(h) FROM (SELECT hash(row_number() OVER (), {names}) AS h FROM {relation})"  # noqa: S608
    ).fetchall()
    return blake2b(repr((looks, row)).encode(), digest_size=_SIZE).hexdigest()
