"""Both ways over the same rows: the engine's calls are those that go over messages, and so are the verdicts."""

from __future__ import annotations

import json
from datetime import UTC
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from calling import NAMESPACE, SMALL, STAMP, encoder, opened
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st

from cio_facade.config import Limits
from cio_facade.loading import blocks, expressions, pieces
from cio_facade.loading.mapping import wishes_of
from cio_facade.loading.plans import plan_for
from cio_facade.loading.rows import Rows
from cio_facade.loading.tables import Table

KINDS = ("identify", "track", "page", "screen")


def parsed(call: bytes) -> dict[str, Any]:
    return json.loads(call, parse_float=Decimal)


def by_messages(table: Table, plan: Any, limits: Limits) -> tuple[dict[int, bytes], dict[int, str]]:
    """The calls and verdicts of all rows, over messages."""
    calls: dict[int, bytes] = {}
    refused: dict[int, str] = {}
    reader = table.connection.sql(f"SELECT * FROM {table.relation}").to_arrow_reader(1000)
    rows = Rows(plan, namespace=NAMESPACE, stamp=STAMP)
    for piece in pieces.messages(reader, rows, encoder(limits), settled=lambda *_: None):
        calls |= dict(zip(piece.places, piece.chunk.data if piece.chunk else (), strict=True))
        refused |= dict(piece.refused)
    return calls, refused


def by_engine(table: Table, plan: Any, limits: Limits) -> tuple[dict[int, bytes], dict[int, str], int]:
    """The same by the engine, and how many rows it gave to the other way."""
    sql = expressions.query(plan, table, limits=limits, namespace=NAMESPACE, stamp=STAMP)
    assert sql is not None
    unmade = table.connection.sql(f"SELECT count(*) FROM ({sql}) WHERE call IS NULL").fetchall()[0][0]
    calls: dict[int, bytes] = {}
    refused: list[tuple[int, str]] = []
    rows = Rows(plan, namespace=NAMESPACE, stamp=STAMP)
    for piece in blocks.blocks(table, sql, rows=rows, encoder=encoder(limits), limits=limits, settled=lambda *_: None):
        refused += piece.refused
        for parcel in piece.parcels:
            assert len(parcel.body()) <= limits.batch_bytes
            assert len(parcel) <= (limits.batch_calls or len(parcel))
            assert len(json.loads(parcel.body())["batch"]) == len(parcel) == sum(number for _, number in parcel.runs)
            for position, index in enumerate(parcel.index):
                assert index not in calls
                calls[index] = parcel.call(position)
    assert len(dict(refused)) == len(refused)
    return calls, dict(refused), unmade


def same(table: Table, as_: str = "identify", limits: Limits = SMALL, **wishes: Any) -> tuple[int, int]:
    """Check that both ways come to the same; gives how many rows there are, and how many went the other way."""
    plan = plan_for(wishes_of(as_, **wishes), table.columns)
    expected, reasons = by_messages(table, plan, limits)
    calls, refused, unmade = by_engine(table, plan, limits)
    assert refused == reasons
    assert calls.keys() == expected.keys()
    for index, call in calls.items():
        ours, theirs = parsed(call), parsed(expected[index])
        ids = ours.pop("messageId"), theirs.pop("messageId")
        assert ids[0] == ids[1] or {UUID(one).version for one in ids} == {5}  # of texts that are not written alike
        assert list(ours.items()) == list(theirs.items()), index
    assert calls.keys() | refused.keys() == set(range(table.rows))
    return table.rows, unmade


def values(kind: str, *texts: str) -> Table:
    """A table with an id and a column of a type."""
    cells = ", ".join(f"({number}, CAST({text} AS {kind}))" for number, text in enumerate([*texts, "NULL"]))
    return opened(f"(SELECT 'u' || n AS user_id, v FROM (VALUES {cells}) AS t (n, v))")


SORTS = {
    "BOOLEAN": ("true", "false"),
    "TINYINT": ("-128", "127"),
    "BIGINT": ("-9223372036854775808", "9223372036854775807", "0"),
    "UBIGINT": ("18446744073709551615",),
    "HUGEINT": ("170141183460469231731687303715884105727", "-5"),
    "UHUGEINT": ("99999999999999999999999999999999999999", "5"),
    "DOUBLE": ("1e20", "0.1", "-0.1", "5e-324", "1.7976931348623157e308", "1e15", "1e16", "3", "'nan'", "'inf'",
               "'-inf'", "-0.0::DOUBLE"),
    "FLOAT": ("0.1", "1e20", "16777216", "'nan'"),
    "DECIMAL(10,2)": ("1.50", "-0.05", "99999999.99"),
    "DECIMAL(2,2)": ("0.50", "-0.05", "0"),
    "DECIMAL(38,10)": ("0.0000000001", "-1234567890123456789012345678.0123456789"),
    "DECIMAL(38,38)": ("0.00000000000000000000000000000000000001", "-0.5"),
    "VARCHAR": (
        "'plain'",
        "''",
        "' '",
        "'it''s \"quoted\" \\ / '",
        "chr(0) || chr(31) || chr(127)",
        "chr(8232) || chr(8233) || chr(133)",
        "'𐎀 ß 漢字'",
        "'a' || chr(10) || chr(9) || chr(13)",
    ),
    "ENUM('a', 'b \"c\"')": ("'a'", "'b \"c\"'"),
    "UUID": ("'6A0FCA3F-654A-4B5B-A26A-A97F56A9B5E2'",),
    "DATE": ("'0001-01-01'", "'0999-12-31'", "'2024-02-29'", "'9999-12-31'", "'10000-01-01'", "'0001-01-01 (BC)'",
             "'infinity'", "'-infinity'"),
    "TIMESTAMP": ("'2024-01-01'", "'2024-01-01 12:00:00.5'", "'2024-01-01 12:00:00.000001'", "'0001-01-01'",
                  "'0999-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'10000-01-01'", "'infinity'",
                  "'1969-12-31 23:59:59.75'", "'0044-03-15 (BC)'"),
    "TIMESTAMPTZ": ("'2024-01-01 00:00:00+02'", "'2024-01-01 12:00:00.5+00'", "'1969-12-31 23:59:59.75+00'",
                    "'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'", "'infinity'", "'-infinity'",
                    "'10000-01-01 00:00:00+00'"),
    "TIMESTAMP_S": ("'2024-01-01'", "'1969-12-31 23:59:59'", "'9999-12-31 23:59:59'", "'10000-01-01'"),
    "TIMESTAMP_MS": ("'2024-01-01 12:00:00.5'", "'2024-01-01'", "'1969-12-31 23:59:59.001'"),
    "TIMESTAMP_NS": ("'2024-01-01 12:00:00.000000001'", "'2024-01-01'", "'1969-12-31 23:59:59.123456789'",
                     "'2024-01-01 12:00:00.5'"),
    "STRUCT(a INTEGER, \"b \"\"c\" VARCHAR)": ("{'a': 1, 'b \"c': 'x'}", "{'a': NULL, 'b \"c': NULL}"),
    "STRUCT(day TIMESTAMP, n DOUBLE)": ("{'day': '2024-01-01 00:00:00.5', 'n': 'nan'}",
                                        "{'day': '10000-01-01', 'n': 1}",
                                       "{'day': NULL, 'n': NULL}"),
    "INTEGER[]": ("[]", "[1, NULL, 2]"),
    "INTEGER[2]": ("[1, NULL]",),
    "DOUBLE[]": ("['nan'::DOUBLE, 1.5]", "[0.1]"),
    "DECIMAL(5,2)[]": ("[1.50, NULL]",),
    "STRUCT(a VARCHAR, b INTEGER[])[]": ("[{'a': 'x', 'b': [1]}, {'a': NULL, 'b': NULL}, NULL]", "[]"),
    "VARCHAR[][]": ("[['a', NULL], NULL, []]",),
    "JSON": (
        """'{"a": [1, 2.50, 1e400, "\\u00e9", null], "info": -0}'""",
        "'null'", "' null '", "'NaN'", "'[1, NaN]'", "'[1,]'", """'{"a": -Infinity}'""",
        """'"x"'""", "'5'", "'{}'", """'[' || repeat('[', 200) || repeat(']', 200) || ']'""",
        "'9' || repeat('9', 4400)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SORTS)
def test_a_cell_of_any_type_becomes_the_same_json(kind: str) -> None:
    same(values(kind, *SORTS[kind]), limits=Limits())


def test_empty_cells_are_left_out_or_sent_as_null_by_both() -> None:
    cells = ", ".join(f"CAST(CASE WHEN n % {place + 2} > 0 THEN {texts[0]} END AS {kind}) AS c{place}"
                      for place, (kind, texts) in enumerate(SORTS.items()) if kind != "JSON")  # fmt: skip
    table = opened(f"(SELECT n AS user_id, {cells} FROM range(40) AS t (n))")
    assert same(table, nulls="skip")[1] < 40
    same(table, nulls="send", event="Seen", as_="track")


IDS = {
    "VARCHAR": ("'u1'", "''", "' '", "chr(160) || chr(8232)", "chr(31)", "'ü'", "' u'", "repeat('x', 150)",
                "repeat('x', 151)", "repeat('ü', 76)", "'a\"b\\c'"),
    "BIGINT": ("0", "-5"),
    "HUGEINT": ("170141183460469231731687303715884105727",),
    "DECIMAL(20,0)": ("7",),
    "DOUBLE": ("1", "1.5", "'nan'", "'inf'", "-0.0", "9007199254740991", "9007199254740992", "1e300"),
    "FLOAT": ("1", "16777216", "0.1"),
    "UUID": ("'6A0FCA3F-654A-4B5B-A26A-A97F56A9B5E2'",),
}  # fmt: skip


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_the_same_and_refused_with_the_same_words(kind: str) -> None:
    table = values(kind, *IDS[kind])
    for column in ("user_id", "anonymous_id"):
        same(table, mapping={"v": column, "user_id": ""}, limits=Limits())
    same(table, "track", mapping={"v": "message_id"}, event="Seen", limits=Limits())


def test_addresses_are_judged_alike() -> None:
    given = ("'a@b.c'", "'a@b'", "''", "' '", "'a b@c.d'", "'a@b..c'", "'ü@ö.de'", "'a@b@c'", "'a@b_c.d'", "'@b'",
             "'a@b.c' || chr(10)", "'a' || chr(0) || '@b.c'", "'A+x@B-1.c'")  # fmt: skip
    table = values("VARCHAR", *given)
    same(table, mapping={"v": "traits.email"})
    same(table, mapping={"v": "traits.email", "user_id": ""}, identify_by="email")


TIMES = {
    "VARCHAR": ("'2026-01-31T12:00:00Z'", "'2026-02-30T12:00:00Z'", "'2026-01-31T12:00:00.123+02:00'", "' '", "'now'",
                "'2026-01-31 12:00:00Z'", "'2026-01-31T24:00:00Z'", "'0000-01-31T12:00:00Z'", "'2026-01-31T12:00:00'",
                "'2026-01-31T12:00:00.1Z'", "'2026-01-31T12:00:00+24:00'", "'2024-02-29T12:00:60Z'"),
    "DATE": SORTS["DATE"],
    "TIMESTAMP": SORTS["TIMESTAMP"],
    "TIMESTAMPTZ": SORTS["TIMESTAMPTZ"],
    "BIGINT": ("0", "-1", "253402300799", "253402300800", "-62135596800", "-62135596801", "9223372036854775807"),
    "UBIGINT": ("1700000000", "18446744073709551615"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TIMES)
def test_times_of_calls_are_the_same_and_refused_with_the_same_words(kind: str) -> None:
    same(values(kind, *TIMES[kind]), "track", mapping={"v": "timestamp"}, event="Seen")


def test_names_of_events_are_judged_row_by_row() -> None:
    given = ("'Seen'", "''", "' '", "'User Deleted'", "'Device Created or Updated'", "'Report Delivery Event'",
             "repeat('x', 101)", "'Order Completed'")  # fmt: skip
    same(values("VARCHAR", *given), "track", mapping={"v": "event"})
    same(values("VARCHAR", *given), "page", mapping={"v": "name"})


def test_any_name_of_a_column_and_any_path_are_the_same() -> None:
    names = ['a "b"', "c\\d", "e''f", "g\th", "ü漢𐎀", "select", "i", "c0", "lane"]
    named = ", ".join("n AS " + '"' + name.replace('"', '""') + '"' for name in names)
    table = opened(f"(SELECT 'u' || n AS user_id, 'Ulm' AS city, NULL::INT AS zip, {named} FROM range(3) AS t (n))")
    mapping = {"city": "traits.address.city", "zip": "traits.address.zip", "i": "context.ip"}
    for nulls in ("skip", "send"):
        assert same(table, mapping=mapping, nulls=nulls) == (3, 0)


def test_what_is_too_big_is_refused_by_both_with_its_size() -> None:
    table = opened("(SELECT 'u' || n AS user_id, repeat('é', n::INT) AS v FROM range(900, 960) AS t (n))")
    rows, unmade = same(table)
    assert 0 < unmade < rows


def test_ids_of_messages_are_those_of_the_other_way_where_the_bytes_are() -> None:
    table = opened("(SELECT 'u' || n AS user_id, n AS v, 'é\"' AS t FROM range(20) AS t (n))")
    plan = plan_for(wishes_of("identify"), table.columns)
    assert by_engine(table, plan, SMALL)[0] == by_messages(table, plan, SMALL)[0]


CELLS = st.fixed_dictionaries(
    {
        "user_id": st.none() | st.text(max_size=4) | st.sampled_from(["u1", "u2", " ", "u3"]),
        "email": st.none() | st.sampled_from(["a@b.c", "", "x", "ü@b.c"]),
        "text": st.none() | st.text(max_size=1200, alphabet=st.characters(exclude_categories=["Cs"])),
        "number": st.none() | st.floats(),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "exact": st.none() | st.decimals(-1000, 1000, places=3),
        "day": st.none() | st.dates(),
        "at": st.none() | st.datetimes(timezones=st.just(UTC)),
    }
)
SCHEMA = pa.schema(
    [("user_id", pa.string()), ("email", pa.string()), ("text", pa.string()), ("number", pa.float64()),
     ("whole", pa.int64()), ("exact", pa.decimal128(12, 3)), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC"))]
)  # fmt: skip


@settings(deadline=None, max_examples=settings().max_examples // 6)
@drawn_from(
    rows=st.lists(CELLS, min_size=1, max_size=40), as_=st.sampled_from(KINDS), nulls=st.sampled_from(["skip", "send"])
)
def test_any_table_comes_to_the_same(rows: list[dict[str, Any]], as_: str, nulls: str) -> None:
    connection = duckdb.connect()
    connection.register("drawn", pa.Table.from_pylist(rows, SCHEMA))
    connection.execute("CREATE TABLE source AS SELECT * FROM drawn")
    table = opened("source", connection)
    same(table, as_, nulls=nulls, **({"event": "Seen"} if as_ == "track" else {}))
    connection.close()
