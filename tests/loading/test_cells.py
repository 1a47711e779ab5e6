"""The cells of a column as values to send."""

import json
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest

from cio_facade.loading.cells import Role, cells
from cio_facade.values import to_json

YEARS = "is not in the years 1 to 9999"


def sent(sql: str, role: Role = "value") -> list[Any]:
    """What the cells of a column are on the wire, decimals exact."""
    values, unfit = read(sql, role)
    assert not unfit
    text = orjson.dumps(values, to_json, orjson.OPT_PASSTHROUGH_DATETIME)
    found: list[Any] = json.loads(text, parse_float=Decimal)
    return found


@cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect(config={"threads": 1})
    opened.execute("SET TimeZone = 'UTC'")
    return opened


def read(sql: str, role: Role = "value") -> tuple[list[Any], dict[int, str]]:
    relation = connection().sql(f"SELECT unnest([{sql}]) AS x" if not sql.startswith("SELECT") else sql)
    batch = relation.to_arrow_reader(1000).read_next_batch()
    return cells(batch.column(0), role, relation.types[0])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1, NULL, -5", [1, None, -5]),
        ("170141183460469231731687303715884105727::HUGEINT", [2**127 - 1]),
        ("18446744073709551615::UBIGINT", [2**64 - 1]),
        ("true, NULL, false", [True, None, False]),
        ("1.5::DOUBLE, 'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, NULL", [Decimal("1.5"), None, None, None, None]),
        ("0.10::DECIMAL(5,2), NULL", [Decimal("0.10"), None]),
        ("0.0000000000000000001::DECIMAL(38,19)", [Decimal("0.0000000000000000001")]),
        ("'a', '', ' ', NULL, 'é'", ["a", "", " ", None, "é"]),
        ("'b'::ENUM('a', 'b'), NULL", ["b", None]),
        ("'00000000-0000-4000-8000-000000000001'::UUID", ["00000000-0000-4000-8000-000000000001"]),
        ("DATE '2024-02-29', NULL", ["2024-02-29", None]),
        ("TIME '12:00:01', TIME '12:00:01.5', NULL", ["12:00:01", "12:00:01.500000", None]),
        ("TIMESTAMP '2024-01-01 00:00:00', NULL", ["2024-01-01T00:00:00Z", None]),
        (
            "TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-01-01 00:00:00.5'",
            ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.500000Z"],
        ),
        (
            "TIMESTAMP '1969-12-31 23:59:59.25', TIMESTAMP '1969-12-31 23:59:59'",
            ["1969-12-31T23:59:59.250000Z", "1969-12-31T23:59:59Z"],
        ),
        ("TIMESTAMPTZ '2024-01-01 00:00:00+02'", ["2023-12-31T22:00:00Z"]),
        ("TIMESTAMP_S '2024-01-01 00:00:01'", ["2024-01-01T00:00:01Z"]),
        ("TIMESTAMP_MS '2024-01-01 00:00:01.5'", ["2024-01-01T00:00:01.500Z"]),
        ("TIMESTAMP_NS '2024-01-01 00:00:01.123456789'", ["2024-01-01T00:00:01.123456789Z"]),
        (
            "TIMESTAMP '0001-01-01', TIMESTAMP '9999-12-31 23:59:59.999999'",
            ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"],
        ),
        ("DATE '0001-01-01', DATE '9999-12-31'", ["0001-01-01", "9999-12-31"]),
        ("[1, NULL], [], NULL", [[1, None], [], None]),
        ("[1.50::DECIMAL(5,2)]", [[Decimal("1.50")]]),
        ("[1.5::DOUBLE, 'nan'::DOUBLE]", [[Decimal("1.5"), None]]),
        ("[TIMESTAMP '2024-01-01', NULL], NULL, []", [["2024-01-01T00:00:00Z", None], None, []]),
        ("{'a': 1, 'b': NULL::INT}, NULL", [{"a": 1, "b": None}, None]),
        (
            "{'d': DATE '2024-01-01', 't': [TIMESTAMPTZ '2024-01-01 00:00:00+00']}",
            [{"d": "2024-01-01", "t": ["2024-01-01T00:00:00Z"]}],
        ),
        ("NULL, {'d': DATE '2024-01-01'}, {'d': NULL}", [None, {"d": "2024-01-01"}, {"d": None}]),
        ("MAP{'k': 1}, NULL", [{"k": 1}, None]),
        ("MAP{'k': TIMESTAMP '2024-01-01'}, NULL, MAP{}", [{"k": "2024-01-01T00:00:00Z"}, None, {}]),
        ("array_value(DATE '2024-01-01', DATE '2024-01-02')", [["2024-01-01", "2024-01-02"]]),
        (
            """'{"a": 1.10}'::JSON, 'null'::JSON, NULL, '"x"'::JSON, '[1]'::JSON""",
            [{"a": Decimal("1.10")}, None, None, "x", [1]],
        ),
        ("""{'j': '{"x": 1}'::JSON, 'n': NULL::JSON}""", [{"j": {"x": 1}, "n": None}]),
        ("""['{"x": 1}'::JSON, NULL]""", [[{"x": 1}, None]]),
        ("""MAP{'k': '[1]'::JSON}""", [{"k": [1]}]),
        ("""{'a': [{'j': '1.10'::JSON, 'o': 'JSON'}]}""", [{"a": [{"j": Decimal("1.10"), "o": "JSON"}]}]),
        ("'JSON'::ENUM('JSON')", ["JSON"]),
    ],
)
def test_every_type_is_what_json_has(sql: str, expected: list[Any]) -> None:
    assert sent(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1, NULL", ["1", None]),
        ("170141183460469231731687303715884105727::HUGEINT", [str(2**127 - 1)]),
        ("12::DECIMAL(38,0)", ["12"]),
        ("1.0::DOUBLE, 'nan'::DOUBLE, NULL, -2.0::DOUBLE", ["1", None, None, "-2"]),
        ("1.0::FLOAT", ["1"]),
        ("'u1', '', ' ', NULL", ["u1", None, None, None]),
        ("""'"u1"'::JSON, '5'::JSON, 'null'::JSON, '" "'::JSON""", ["u1", 5, None, None]),
    ],
)
def test_ids_are_texts_and_digits(sql: str, expected: list[Any]) -> None:
    assert read(sql, "id") == (expected, {})


@pytest.mark.parametrize(
    "sql", ["1.5::DOUBLE", "9007199254740992::DOUBLE", "1e300::DOUBLE", "true", "1.0::DECIMAL(3,1)"]
)
def test_what_is_no_id_is_left_for_validation_to_refuse(sql: str) -> None:
    (value,), unfit = read(sql, "id")
    assert not isinstance(value, str)
    assert not unfit


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DATE '2024-02-29', NULL", ["2024-02-29T00:00:00Z", None]),
        ("0, -1, 1704067200, NULL", ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2024-01-01T00:00:00Z", None]),
        ("1704067200::UINTEGER", ["2024-01-01T00:00:00Z"]),
        ("TIMESTAMP '2024-01-01 12:00:00'", ["2024-01-01T12:00:00Z"]),
        ("'2024-01-01T12:00:00Z', '', 'soon'", ["2024-01-01T12:00:00Z", None, "soon"]),
    ],
)
def test_points_in_time_are_dates_seconds_and_texts(sql: str, expected: list[Any]) -> None:
    assert read(sql, "time") == (expected, {})


@pytest.mark.parametrize(
    ("sql", "role"),
    [
        ("TIMESTAMP 'infinity'", "value"),
        ("TIMESTAMP '-infinity'", "value"),
        ("TIMESTAMP '10000-01-01'", "value"),
        ("TIMESTAMPTZ 'infinity'", "time"),
        ("DATE 'infinity'", "value"),
        ("DATE '10000-01-01'", "time"),
        ("DATE '0001-01-01 (BC)'", "value"),
        ("1704067200000", "time"),
        ("18446744073709551615::UBIGINT", "time"),
        ("[TIMESTAMP 'infinity']", "value"),
        ("{'a': [DATE 'infinity']}", "value"),
    ],
)
def test_a_time_outside_the_calendar_costs_its_row(sql: str, role: Role) -> None:
    """Milliseconds for seconds are found so, too."""
    kind = "SELECT unnest([NULL, {}, NULL]) AS x"
    assert read(kind.format(sql), role) == ([None, None, None], {1: YEARS})


def test_the_others_of_a_column_are_read_all_the_same() -> None:
    values, unfit = read("TIMESTAMP '2024-01-01', TIMESTAMP 'infinity', TIMESTAMP '2024-01-02 00:00:00.5'")
    assert values == ["2024-01-01T00:00:00Z", None, "2024-01-02T00:00:00.500000Z"]
    assert unfit == {1: YEARS}


def test_json_that_is_none_costs_its_row() -> None:
    array = pa.array(['"a"', "{", None, "[" * 100_000, "NaN", '"\\ud800"'])
    values, unfit = cells(array, "value", duckdb.type("JSON"))
    assert values == ["a", None, None, None, None, None]
    assert unfit == dict.fromkeys((1, 3, 4, 5), "is not JSON")
    assert cells(array, "id", duckdb.type("JSON"))[1] == {1: "is not JSON", 3: "is not JSON"}


def test_a_whole_object_may_be_text() -> None:
    array = pa.array(['{"a": 1.10}', "", None, "[1]", "null", "x"])
    values, unfit = cells(array, "object")
    assert values == [{"a": Decimal("1.10")}, None, None, None, None, None]
    assert unfit == {3: "is not a JSON object", 5: "is not JSON"}


def test_a_part_of_a_batch_is_read_as_the_whole_is() -> None:
    values = [[{"t": 1}], None, [], [{"t": 2}, None]]
    kind = pa.list_(pa.struct([("t", pa.timestamp("s"))]))
    whole = pa.array(values, kind)
    assert cells(whole.slice(1), "value")[0] == cells(whole, "value")[0][1:]
    maps = pa.array([[("a", 1)], None, [("b", 2)]], pa.map_(pa.string(), pa.timestamp("s")))
    assert cells(maps.slice(1), "value")[0] == [None, {"b": "1970-01-01T00:00:02Z"}]


def test_arguments_that_are_blank_are_empty() -> None:
    assert cells(pa.array(["a", " ", ""]), "argument") == (["a", None, None], {})
    assert cells(pa.array([], pa.string()), "argument") == ([], {})
