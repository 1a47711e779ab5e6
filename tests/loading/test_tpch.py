"""TPC-H at scale 0.1 into the sandbox: 15 000 customers, and 150 000 orders with 600 000 line items.

Every row is accounted for, and what the sandbox holds is compared with the source by SQL, in both directions. Numbers
are compared exactly: as decimals, from their digits.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from load_runs import run_load

from cio_facade import CustomerIO, load
from cio_facade.sandbox import Sandbox

duckdb = pytest.importorskip("duckdb")

_CUSTOMERS, _ORDERS = 15_000, 150_000

_ORDERS_WITH_LINES = """
SELECT orders.*, lines
FROM '{0}/orders.parquet' AS orders
JOIN (SELECT l_orderkey, list({{{1}}} ORDER BY l_linenumber) AS lines FROM '{0}/lineitem.parquet' GROUP BY ALL)
  ON l_orderkey = o_orderkey
ORDER BY o_orderkey
"""
_ORDER = ("o_orderkey", "o_orderstatus", "o_totalprice", "o_orderpriority", "o_clerk", "o_shippriority", "o_comment")
_EXACT = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")
_LINE = ("l_linenumber", "l_partkey", *_EXACT, "l_returnflag", "l_shipdate")
_COMPLETED = """
SELECT o_custkey AS user_id, o_orderdate + INTERVAL 8 HOUR AS timestamp, o_orderkey::VARCHAR AS order_id,
       o_totalprice AS total, 'EUR' AS currency, products
FROM '{0}/orders.parquet'
JOIN (SELECT l_orderkey, list({{product_id: l_partkey::VARCHAR, price: l_extendedprice, quantity: l_quantity}}
                              ORDER BY l_linenumber) AS products
      FROM '{0}/lineitem.parquet' GROUP BY ALL)
  ON l_orderkey = o_orderkey
ORDER BY o_orderkey
"""


@pytest.fixture(scope="module")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables customer, orders and lineitem as Parquet."""
    folder = tmp_path_factory.mktemp("tpch")
    generator = Path(sys.executable).parent / "tpchgen-cli"
    tables = "customer,orders,lineitem"
    subprocess.run([generator, "parquet", "-s", "0.1", "-T", tables, "-o", folder, "-q"], check=True, timeout=100)
    return folder


class Held:
    """What a sandbox holds, for SQL: the table ``calls``, a row for each call, in the order of arrival.

    Parameters
    ----------
    file : Path
        The sandbox's database.
    inside : dict of str to str
        What is expected in traits or properties: name to DuckDB type; VARCHAR for numbers too, to have their digits.
    """

    def __init__(self, file: Path, **inside: str) -> None:
        bodies = file.with_suffix(".jsonl")
        with bodies.open("w", encoding="utf-8") as lines, closing(sqlite3.connect(file)) as database:
            for (body,) in database.execute("SELECT body FROM calls ORDER BY id"):
                lines.write(f"{body}\n")
        columns = dict.fromkeys(("type", "userId", "event", "messageId", "timestamp"), "VARCHAR") | inside
        self.sql = duckdb.connect()
        self.sql.execute("CREATE MACRO exact(number) AS (number::VARCHAR)::DECIMAL(38, 10)")
        self.sql.execute(
            f"CREATE TABLE calls AS SELECT row_number() OVER () AS arrived, *"
            f" FROM read_json('{bodies}', format = 'newline_delimited', columns = {columns})"
        )
        found = self.sql.execute(f"DESCRIBE FROM read_json('{bodies}', sample_size = -1)").fetchall()
        self.types = {name: type_ for name, type_, *_ in found}
        """What each part of the calls is found to be, in all of them."""
        bodies.unlink()

    def one(self, query: str) -> Any:
        """The one value that a query gives."""
        [[value]] = self.sql.execute(query).fetchall()
        return value

    def assert_equal(self, held: str, source: str) -> None:
        """The rows of two queries are the same, each as often."""
        self.sql.execute(f"CREATE OR REPLACE TABLE held AS {held}; CREATE OR REPLACE TABLE source AS {source}")
        missing = self.one("SELECT count(*) FROM (FROM source EXCEPT ALL FROM held)")
        foreign = self.one("SELECT count(*) FROM (FROM held EXCEPT ALL FROM source)")
        assert (missing, foreign) == (0, 0)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox.db") as running:
        yield running


def check_customers(file: Path, tpch: Path) -> None:
    held = Held(
        file,
        traits="STRUCT(c_name VARCHAR, c_address VARCHAR, c_nationkey VARCHAR, c_phone VARCHAR, c_acctbal VARCHAR,"
        " c_mktsegment VARCHAR, c_comment VARCHAR)",
    )
    assert held.types["traits"] == (
        "STRUCT(c_name VARCHAR, c_address VARCHAR, c_nationkey BIGINT, c_phone VARCHAR, c_acctbal DOUBLE,"
        " c_mktsegment VARCHAR, c_comment VARCHAR)"
    )
    held.assert_equal(
        "SELECT * REPLACE (exact(c_acctbal) AS c_acctbal) FROM (SELECT type, userId, unnest(traits) FROM calls)",
        f"""
        SELECT 'identify', c_custkey::VARCHAR, c_name, c_address, c_nationkey::VARCHAR, c_phone, exact(c_acctbal),
               c_mktsegment, c_comment
        FROM '{tpch}/customer.parquet'
        """,
    )
    assert held.one("SELECT count(DISTINCT messageId) FROM calls") == _CUSTOMERS


def check_order(held: Held, order: str) -> None:
    """What was sent of each person came in the order of the source, and each call has an id of its own."""
    assert held.one("SELECT count(DISTINCT messageId) FROM calls") == _ORDERS
    before = f"lag({order}) OVER (PARTITION BY userId ORDER BY arrived)"
    assert held.one(f"SELECT count(*) FROM (SELECT {order} < {before} AS is_late FROM calls) WHERE is_late") == 0


def test_customers_are_loaded_by_the_command_line(tpch: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    end = run_load(
        sandbox.url, tmp_path / "state", tpch / "customer.parquet", "--as=identify", "--map=c_custkey=user_id"
    )
    assert (end.code, end.report["rows"], end.report["delivered"]) == (0, _CUSTOMERS, _CUSTOMERS), end
    assert (end.report["way"], end.report["retries"], end.report["reasons"]) == ("vectorised", 0, {})
    assert sandbox.counts().accepted == _CUSTOMERS
    check_customers(tmp_path / "sandbox.db", tpch)


def test_customers_are_loaded_by_python_from_a_frame(tpch: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    frame = pytest.importorskip("polars").read_parquet(tpch / "customer.parquet")
    with CustomerIO("sandbox", base_url=sandbox.url) as cio:
        report = load(frame, "identify", client=cio, mapping={"c_custkey": "user_id"})
    assert (report.rows, report.delivered) == (_CUSTOMERS, _CUSTOMERS)
    assert report.complete
    assert report.balanced
    check_customers(tmp_path / "sandbox.db", tpch)


def test_orders_with_their_lines_are_loaded_by_the_command_line(tpch: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    end = run_load(
        sandbox.url,
        tmp_path / "state",
        _ORDERS_WITH_LINES.format(tpch, _columns("{0}: {0}", _LINE)),
        *("--as=track", "--event=Order Placed", "--map=o_custkey=user_id", "--map=o_orderdate=timestamp"),
    )
    assert (end.code, end.report["rows"], end.report["delivered"]) == (0, _ORDERS, _ORDERS), end
    assert (end.report["retries"], end.report["reasons"]) == (0, {})
    held = Held(
        tmp_path / "sandbox.db",
        properties=f"STRUCT({_columns('{} VARCHAR', _ORDER)}, lines STRUCT({_columns('{} VARCHAR', _LINE)})[])",
    )
    for name in (*_ORDER, *_LINE, "lines"):
        assert f"{name} " in held.types["properties"]
    assert held.types["properties"].count(",") == len(_ORDER) + len(_LINE) - 1, "other properties"
    held.assert_equal(
        """
        SELECT * REPLACE (exact(o_totalprice) AS o_totalprice, len(lines) AS lines)
        FROM (SELECT type, event, userId, timestamp, unnest(properties) FROM calls)
        """,
        f"""
        SELECT 'track', 'Order Placed', o_custkey::VARCHAR, o_orderdate::VARCHAR || 'T00:00:00Z',
               {_columns("{}::VARCHAR", _ORDER)}, number
        FROM (SELECT * REPLACE (exact(o_totalprice) AS o_totalprice) FROM '{tpch}/orders.parquet')
        JOIN (SELECT l_orderkey, count(*) AS number FROM '{tpch}/lineitem.parquet' GROUP BY ALL)
          ON l_orderkey = o_orderkey
        """,
    )
    exact = ", ".join(f"exact({name}) AS {name}" for name in _EXACT)
    held.assert_equal(
        f"SELECT * REPLACE ({exact})"
        " FROM (SELECT properties.o_orderkey, unnest(properties.lines, recursive := true) FROM calls)",
        f"SELECT l_orderkey::VARCHAR, {_columns('{}::VARCHAR', _LINE)}"
        f" FROM (SELECT * REPLACE ({exact}) FROM '{tpch}/lineitem.parquet')",
    )
    check_order(held, "properties.o_orderkey::BIGINT")


def test_orders_are_loaded_by_python_as_semantic_events(tpch: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    reader = duckdb.connect().sql(_COMPLETED.format(tpch)).to_arrow_reader(10_000)
    with CustomerIO("sandbox", base_url=sandbox.url) as cio:
        report = load(reader, "Order Completed", client=cio)
    assert (report.rows, report.delivered, report.retries) == (_ORDERS, _ORDERS, 0)
    assert report.complete
    held = Held(
        tmp_path / "sandbox.db",
        properties="STRUCT(order_id VARCHAR, total VARCHAR, currency VARCHAR,"
        " products STRUCT(product_id VARCHAR, price VARCHAR, quantity VARCHAR)[])",
    )
    assert held.types["properties"].count(",") == 3 + 2, "other properties"
    products = "[[one.product_id, exact(one.price)::VARCHAR, exact(one.quantity)::VARCHAR] FOR one IN {}]"
    held.assert_equal(
        f"""
        SELECT event, userId, timestamp, properties.order_id, exact(properties.total), properties.currency,
               {products.format("properties.products")}
        FROM calls
        """,
        f"""
        SELECT 'Order Completed', user_id::VARCHAR, strftime(timestamp, '%Y-%m-%dT%H:%M:%SZ'), order_id, exact(total),
               currency, {products.format("products")}
        FROM ({_COMPLETED.format(tpch)})
        """,
    )
    check_order(held, "properties.order_id::BIGINT")


def _columns(form: str, names: Sequence[str]) -> str:
    return ", ".join(map(form.format, names))
