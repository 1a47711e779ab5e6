"""Tables of SQL, and what both ways make of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import duckdb

from cio_facade.config import Limits
from cio_facade.encoding import Encoder
from cio_facade.loading import blocks, expressions
from cio_facade.loading.mapping import wishes_of
from cio_facade.loading.plans import plan_for
from cio_facade.loading.rows import Rows
from cio_facade.loading.tables import Column, Table

__all__ = ["NAMESPACE", "SMALL", "STAMP", "cut", "encoder", "opened", "queried"]

NAMESPACE = UUID("00112233-4455-6677-8899-aabbccddeeff")
STAMP = "2026-01-31T12:00:00Z"
SMALL = Limits(call_bytes=2_000, batch_bytes=5_000, batch_calls=17)


def opened(relation: str, connection: duckdb.DuckDBPyConnection | None = None) -> Table:
    """A table of what SQL selects."""
    connection = connection or duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    found = connection.sql(f"SELECT * FROM {relation}")
    columns = tuple(Column(name, kind) for name, kind in zip(found.columns, found.types, strict=True))
    rows = found.count("*").fetchall()[0][0]
    return Table(name="t", label="t", format="parquet", relation=relation, columns=columns, rows=rows, fingerprint="",
                 connection=connection)  # fmt: skip


def encoder(limits: Limits) -> Encoder:
    return Encoder(limits, lambda: "id")


def queried(table: Table, as_: str = "identify", limits: Limits = SMALL, *, start: int = 0, changes: bool = False,
            **wishes: Any) -> str | None:  # fmt: skip
    """The query of a table."""
    plan = plan_for(wishes_of(as_, **wishes), table.columns)
    return expressions.query(plan, table, limits=limits, namespace=NAMESPACE, stamp=STAMP, start=start, changes=changes)


def cut(table: Table, as_: str = "identify", limits: Limits = SMALL, *, start: int = 0, changes: bool = False,
        settled: Any = lambda *_: None, unchanged: Any = None, marks: Any = None, **wishes: Any) -> Any:  # fmt: skip
    """The pieces of a table."""
    plan = plan_for(wishes_of(as_, **wishes), table.columns)
    sql = queried(table, as_, limits, start=start, changes=changes, **wishes)
    assert sql is not None
    rows = Rows(plan, namespace=NAMESPACE, stamp=STAMP)
    return blocks.blocks(table, sql, rows=rows, encoder=encoder(limits), limits=limits, settled=settled,
                         unchanged=unchanged, marks=marks)  # fmt: skip
