"""Frames, Arrow and dicts as sources: what their values become, and that rows keep their order and are let go of."""

import gc
import json
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import numpy as np
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.errors import ValidationError
from cio_facade.loading.snapshots import snapshot_in
from cio_facade.loading.sources import name_of, open_source


def loaded(source):
    """The columns' types, and the rows as Arrow gives them."""
    with open_source(source) as table:
        types = {column.name: str(column.type) for column in table.columns}
        rows = table.connection.sql(f"FROM {table.relation}").to_arrow_table().to_pylist()
        assert table.rows == len(rows)
        return types, rows


def column(*values):
    """The type of a column of dicts, and its values."""
    types, rows = loaded({"x": value} for value in values)
    return types["x"], [row["x"] for row in rows]


def refusal(source):
    with pytest.raises(ValidationError) as caught:
        open_source(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Plan(Enum):
    PRO = "pro"


# -- dicts

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "type_", "read"),
    [
        ((1, None, -(2**63)), "BIGINT", [1, None, -(2**63)]),
        ((1, 2.5), "DOUBLE", [1.0, 2.5]),
        (("a", None, ""), "VARCHAR", ["a", None, ""]),
        ((True, False), "BOOLEAN", [True, False]),
        ((None, None), "VARCHAR", [None, None]),
        ((Decimal("1.10"), Decimal(20)), "DECIMAL(4,2)", [Decimal("1.10"), Decimal("20.00")]),
        ((date(2026, 5, 1),), "DATE", [date(2026, 5, 1)]),
        ((NOON, NOON.astimezone(timezone(timedelta(hours=2)))), "TIMESTAMP WITH TIME ZONE", [NOON, NOON]),
        ((datetime(2026, 5, 1),), "TIMESTAMP", [datetime(2026, 5, 1)]),
        ((b"x",), "BLOB", [b"x"]),
        ((Plan.PRO, None), "VARCHAR", ["pro", None]),
        ((float("nan"), None, 1.5), "DOUBLE", [None, None, 1.5]),
        ((pd.NA, "a"), "VARCHAR", [None, "a"]),
        ((pd.Timestamp(NOON), pd.NaT), "TIMESTAMP WITH TIME ZONE", [NOON, None]),
        ((np.int64(1), 2), "BIGINT", [1, 2]),
    ],
)
def test_a_column_of_one_type_keeps_it(values, type_, read):
    assert column(*values) == (type_, read)


def test_ids_of_every_kind_are_kept():
    one = uuid.uuid4()
    infers = int(pa.__version__.partition(".")[0]) >= 24  # older ones know no UUID by itself, and it goes as text
    type_, (read,) = column(one)
    assert (type_, str(read)) == (("UUID", str(one)) if infers else ("JSON", f'"{one}"'))


@pytest.mark.parametrize(
    "values",
    [
        (1, "a"),
        (True, 1),
        (2**64, 1),
        (2**53 + 1, 0.5),
        ({"a": 1}, {"b": None}, None),
        ([1, 2], []),
        ([1, "a"],),
        ((1,),),
        ({"a": {"b": [1, {"c": "d"}]}},),
        ({},),
        ({"n": 2**70},),
        ("a", None, [1]),
    ],
)
def test_nested_values_and_columns_of_several_types_are_json(values):
    type_, read = column(*values)
    assert type_ == "JSON"
    assert [None if text is None else json.loads(text) for text in read] == json.loads(json.dumps(values))


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ((date(2026, 5, 1), NOON), ['"2026-05-01"', '"2026-05-01T12:00:00+00:00"']),
        ((datetime(2026, 5, 1), NOON), ['"2026-05-01T00:00:00+00:00"', '"2026-05-01T12:00:00+00:00"']),
        ((Decimal("1.10"), "a"), ["1.10", '"a"']),
        (({"at": NOON, "price": Decimal("1.10")},), ['{"at":"2026-05-01T12:00:00+00:00","price":1.10}']),
        (("a", 1.5, float("nan")), ['"a"', "1.5", None]),
    ],
)
def test_json_is_made_as_in_messages(values, read):
    assert column(*values) == ("JSON", read)


def test_what_has_no_form_in_json_is_told_with_column_and_row():
    assert refusal([{"x": "a"}, {"x": object()}]) == "column x: row 2: a object cannot be sent"
    assert "column x: lengths of time" in refusal([{"x": timedelta(1)}])
    assert "column x: row 1: holds half a character" in refusal([{"x": "\ud800"}])
    assert "row 3 is a int, not a dict" in refusal([{"x": 1}, {"x": 1}, 5])
    assert "a column is known by a int" in refusal([{1: 2}])
    assert "the columns Email and email have the same name" in refusal([{"Email": 1, "email": 2}])
    assert "ann@example.com" not in refusal([{"x": {"ann@example.com": object()}}])


def test_a_key_that_is_missing_is_null_and_keys_may_come_late():
    types, rows = loaded([{"a": 1}, {}, OrderedDict(b="x"), {"c": None}])
    assert types == {"a": "BIGINT", "b": "VARCHAR", "c": "VARCHAR"}
    none = dict.fromkeys("abc")
    assert rows == [{**none, "a": 1}, none, {**none, "b": "x"}, none]


def test_rows_without_any_key_are_rows():
    assert len(loaded([{}, {}])[1]) == 2
    assert loaded([{}] * 10_000 + [{"a": 1}])[0] == {"a": "BIGINT"}


def test_columns_and_types_may_change_far_into_the_rows():
    def rows():
        for i in range(30_000):
            row = {"user_id": f"u{i}", "n": i, "late": None, "mixed": i}
            if i >= 10_000:
                row.update(n=i + 0.5, late=Decimal(i), new={"i": i})
            if i >= 20_000:
                row["mixed"] = f"m{i}"
            yield row

    types, found = loaded(rows())
    assert types["n"] == "DOUBLE"
    assert types["late"].startswith("DECIMAL")
    assert (types["mixed"], types["new"]) == ("JSON", "JSON")
    assert [row["user_id"] for row in found] == [f"u{i}" for i in range(30_000)]
    assert (found[5]["mixed"], found[5]["n"], found[5]["new"]) == ("5", 5.0, None)
    assert (found[25_000]["mixed"], found[25_000]["late"]) == ('"m25000"', Decimal(25_000))
    assert orjson.loads(found[25_000]["new"]) == {"i": 25_000}


def test_rows_are_let_go_of_while_they_are_read():
    class Row(dict):
        pass

    seen = []

    def rows():
        for i in range(40_000):
            if not i % 10_000:
                gc.collect()
                seen.append(sum(isinstance(one, Row) for one in gc.get_objects()))
            yield Row(user_id=f"u{i}")

    with open_source(rows()) as table:
        assert table.rows == 40_000
    assert max(seen) < 20_000


def test_what_a_source_raises_is_raised_and_leaves_nothing(tmp_path):
    def rows():
        yield from ({"user_id": "u1"} for _ in range(10_000))
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        open_source(rows(), state=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name in ("snapshot.part.parquet", "snapshot.part.parquet.3"):
        (tmp_path / name).write_bytes(b"half of it")
    assert snapshot_in(tmp_path) is None
    with open_source([{"user_id": "u1"}], state=tmp_path) as table:
        assert table.rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.parquet"]


def test_a_frame_is_known_by_the_name_it_is_given():
    frame = pd.DataFrame({"a": [1]})
    assert name_of(frame) is None
    with open_source(frame) as table:
        assert (table.can_resume, table.label, table.format) == (False, "DataFrame", "parquet")
    with open_source(frame, name="people") as table:
        assert (table.can_resume, table.name, table.label) == (True, "people", "people")


@settings(max_examples=25)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.text(st.characters(codec="utf-8"))
            | st.lists(st.integers(0, 9), max_size=2),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_dicts_hold_comes_back(rows):
    types, found = loaded(rows)
    names = {name for row in rows for name in row}
    back = [
        {
            name: orjson.loads(row[name]) if types[name] == "JSON" and row[name] is not None else row[name]
            for name in names
        }
        for row in found
    ]
    assert back == [{name: row.get(name) for name in names} for row in rows]


# -- frames

FRAME = {"user_id": ["u1", None, "u3"], "n": [1, None, 3], "score": [1.5, float("nan"), None]}


def test_a_pandas_frame_leaves_out_its_index_and_has_null_for_nan():
    frame = pd.DataFrame(FRAME, index=[7, 8, 9])
    frame["at"] = pd.to_datetime(["2026-05-01", None, "2026-05-02"]).tz_localize("Europe/Berlin")
    frame["day"] = pd.to_datetime(["2026-05-01", None, None])
    frame["plan"] = pd.Categorical(["pro", None, "pro"])
    frame["whole"] = pd.array([1, None, 3], dtype="Int64")
    frame["truth"] = pd.array([True, None, False], dtype="boolean")
    frame["odd"] = pd.Series([1, "a", None], dtype=object).to_numpy()
    frame["nested"] = [{"a": 1}, None, {"b": 2}]
    types, rows = loaded(frame)
    assert types == {
        "user_id": "VARCHAR", "n": "DOUBLE", "score": "DOUBLE", "at": "TIMESTAMP WITH TIME ZONE", "day": "TIMESTAMP",
        "plan": "VARCHAR", "whole": "BIGINT", "truth": "BOOLEAN", "odd": "JSON", "nested": "JSON",
    }  # fmt: skip
    assert rows[0] == {
        "user_id": "u1", "n": 1.0, "score": 1.5, "at": datetime(2026, 4, 30, 22, tzinfo=UTC),
        "day": datetime(2026, 5, 1), "plan": "pro", "whole": 1, "truth": True, "odd": "1", "nested": '{"a":1}',
    }  # fmt: skip
    assert rows[1] == {**dict.fromkeys(rows[0]), "odd": '"a"'}


def test_pandas_names_of_columns_are_texts_and_apart():
    assert loaded(pd.DataFrame([[1, 2]], columns=["a", 5]))[0] == {"a": "BIGINT", "5": "BIGINT"}
    assert "have the same name" in refusal(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert "column a: lengths of time" in refusal(pd.DataFrame({"a": [timedelta(1)]}))
    assert "column a: lengths of time and spans" in refusal(pd.DataFrame({"a": pd.period_range("2026", periods=1)}))


def test_nanoseconds_are_cut_to_microseconds():
    table = pa.table({"at": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))})
    assert loaded(table) == ({"at": "TIMESTAMP"}, [{"at": datetime(2023, 11, 14, 22, 13, 20, 123456)}])


def sources_of_arrow():
    table = pa.table({"user_id": [f"u{i}" for i in range(25_000)], "n": range(25_000)})
    frame = pl.from_arrow(table)
    return {
        "table": table,
        "reader": table.to_reader(max_chunksize=100),
        "dataset": ds.dataset(table),
        "batch": table.combine_chunks().to_batches()[0],
        "polars": frame,
        "lazy": frame.lazy().filter(pl.col("n") >= 0),
        "chunked": pa.concat_tables([table.slice(i * 1000, 1000) for i in range(25)]),
        "pandas": table.to_pandas(),
    }


@pytest.mark.parametrize("kind", sources_of_arrow())
def test_rows_keep_their_order_whatever_they_come_from(kind):
    types, rows = loaded(sources_of_arrow()[kind])
    assert types == {"user_id": "VARCHAR", "n": "BIGINT"}
    assert rows == [{"user_id": f"u{i}", "n": i} for i in range(25_000)]


def test_the_same_rows_have_the_same_fingerprint_whatever_they_come_from():
    prints = set()
    for source in sources_of_arrow().values():
        with open_source(source) as table:
            prints.add(table.fingerprint)
    assert len(prints) == 1


def test_typed_structs_and_lists_stay_what_they_are():
    frame = pl.DataFrame(
        {"tags": [["a"], []], "home": [{"city": "Bonn"}, None], "plan": pl.Series(["x", "y"], dtype=pl.Categorical)}
    )
    types, rows = loaded(frame)
    assert types == {"tags": "VARCHAR[]", "home": "STRUCT(city VARCHAR)", "plan": "VARCHAR"}
    assert rows[0] == {"tags": ["a"], "home": {"city": "Bonn"}, "plan": "x"}


def test_texts_and_times_inside_of_structs_are_written_down_whatever_form_they_have():
    when = datetime(2026, 1, 2, 3, 4, 5)
    home = {"city": "Bonn, by the river", "seen": [{"by": "Ann", "at": when}]}
    frame = pl.DataFrame({"home": [home] * 5_000})
    types, rows = loaded(frame)
    assert types == {"home": 'STRUCT(city VARCHAR, seen STRUCT("by" VARCHAR, "at" TIMESTAMP)[])'}
    assert [row["home"] for row in rows] == [home] * 5_000


def test_spans_of_arrow_are_refused_by_name():
    spans = pa.table({"a": pa.array([None], pa.month_day_nano_interval())})
    with pytest.raises(ValidationError, match="column a: lengths of time"):
        loaded(spans)


def test_a_frame_without_rows_has_columns():
    assert loaded(pd.DataFrame({"a": pd.Series([], dtype="int64")})) == ({"a": "BIGINT"}, [])
    assert loaded(pa.table({"a": pa.array([], pa.string())})) == ({"a": "VARCHAR"}, [])
    assert "no rows" in refusal(iter([]))


def test_objects_without_fields_are_refused_by_column():
    assert "column a: holds objects without any field" in refusal(pa.table({"a": [[{}]]}))
    assert loaded(pa.table({"a": [{}], "b": [1]}))[1] == [{"a": None, "b": 1}]
