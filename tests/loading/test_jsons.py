"""JSON files as tables: what keys hold, which rows cannot be read, and that every value stays what it was."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.errors import ValidationError
from cio_facade.loading import texts
from cio_facade.loading.jsons import read_json
from cio_facade.loading.texts import Text

Read = Callable[..., Text]


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    def read_bytes(content: bytes | str, name: str = "people.jsonl", **options: Any) -> Text:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_json(connection, [str(path)], scratch=tmp_path, **options)

    return read_bytes


def rows_in(connection: duckdb.DuckDBPyConnection, text: Text) -> list[tuple[Any, ...]]:
    table = connection.sql(f"SELECT * FROM {text.relation} AS t").to_arrow_table()
    return [tuple(row.values()) for row in table.to_pylist()]


def types_in(text: Text) -> dict[str, str]:
    return {column.name: str(column.type) for column in text.columns}


def broken_in(text: Text) -> list[tuple[int, str]]:
    return [(one.row, one.reason) for one in text.broken]


# Columns -------------------------------------------------------------------------------------------------------------


def test_columns_have_the_json_type_that_all_their_values_have(connection: Any, read: Read) -> None:
    text = read(
        '{"user_id":"007","n":1,"price":1.5,"vip":true,"at":"2026-01-31T12:00:00Z",'
        '"uuid":"9b2d1f5e-0b1e-4b1e-8b1e-0b1e4b1e8b1e"}\n'
        '{"user_id":"1e5","n":-9223372036854775808,"price":2,"vip":false,"nothing":null}\n'
    )
    assert types_in(text) == {
        "user_id": "VARCHAR",
        "n": "BIGINT",
        "price": "DOUBLE",
        "vip": "BOOLEAN",
        "at": "VARCHAR",
        "uuid": "VARCHAR",
        "nothing": "VARCHAR",
    }
    assert rows_in(connection, text) == [
        ("007", 1, 1.5, True, "2026-01-31T12:00:00Z", "9b2d1f5e-0b1e-4b1e-8b1e-0b1e4b1e8b1e", None),
        ("1e5", -(2**63), 2.0, False, None, None, None),
    ]
    assert text.copy is None


def test_where_types_differ_each_value_keeps_its_own(connection: Any, read: Read) -> None:
    values: list[Any] = [1, "1", "x", 1.5, True, None, {"a": [1, "2", None]}, [], "2026-01-31"]
    text = read("".join(json.dumps({"v": value}) + "\n" for value in values))
    assert types_in(text) == {"v": "JSON"}
    assert [None if cell is None else json.loads(cell) for (cell,) in rows_in(connection, text)] == values


def test_objects_and_arrays_keep_the_keys_that_they_have(connection: Any, read: Read) -> None:
    text = read('{"a":{"x":1},"l":[{"p":1},{"q":"2"}]}\n{"a":{"y":null,"x":"1"},"l":[1.0,"b"]}\n{"a":{}}\n')
    assert types_in(text) == {"a": "JSON", "l": "JSON"}
    assert rows_in(connection, text) == [
        ('{"x":1}', '[{"p":1},{"q":"2"}]'),
        ('{"y":null,"x":"1"}', '[1.0,"b"]'),
        ("{}", None),
    ]


def test_a_key_that_comes_late_is_a_column_too(connection: Any, read: Read) -> None:
    text = read('{"a":1}\n' * 30_000 + '{"a":"x","b":1}\n')
    assert types_in(text) == {"a": "JSON", "b": "BIGINT"}
    assert rows_in(connection, text)[-1] == ('"x"', 1)


def test_many_shapes_of_rows_make_one_table(connection: Any, read: Read) -> None:
    text = read("".join(json.dumps({"id": number, f"k{number % 700}": number}) + "\n" for number in range(1_500)))
    assert len(text.columns) == 701
    assert set(types_in(text).values()) == {"BIGINT"}


@pytest.mark.parametrize("number", ["18446744073709551615", "9223372036854775808"])
def test_whole_numbers_of_any_size_keep_their_digits(connection: Any, read: Read, number: str) -> None:
    text = read(f'{{"n":5}}\n{{"n":{number}}}\n')
    assert types_in(text) == {"n": "JSON"}
    assert [json.loads(cell, parse_float=Decimal) for (cell,) in rows_in(connection, text)] == [5, int(number)]
    text.close()


def test_names_may_hold_anything(connection: Any, read: Read) -> None:
    row = {"a.b": 1, 'q"r': 2, "s't": 3, "new\nline": 4, "SELECT": 5, " ": 6, "ü": 7}
    text = read(json.dumps(row))
    assert list(types_in(text)) == list(row)
    assert rows_in(connection, text) == [tuple(row.values())]


def test_a_type_that_is_asked_for_is_taken(connection: Any, read: Read) -> None:
    rows = [{"n": "30"}, {"n": 31, "zip": 10115}, {"n": None, "zip": "01234"}, {"n": "old"}, {"n": 2.5}, {"n": [1]}]
    text = read("".join(json.dumps(row) + "\n" for row in rows), types={"n": "INTEGER", "zip": "VARCHAR"})
    assert types_in(text) == {"n": "INTEGER", "zip": "VARCHAR"}
    assert rows_in(connection, text) == [(30, None), (31, "10115"), (None, "01234")]
    assert broken_in(text) == [(row, "column n: not an INTEGER") for row in (4, 5, 6)]
    assert text.broken[0].line == '{"n": "old"}'
    assert text.rows == 3


def test_a_type_of_a_key_that_there_is_not_is_refused(read: Read) -> None:
    with pytest.raises(ValidationError, match=r"^types.zipp: no column is called so; did you mean zip\?$"):
        read('{"zip":1}', types={"zipp": "VARCHAR"})


# How files are written -----------------------------------------------------------------------------------------------

ROWS = [{"user_id": "u1", "n": 1}, {"user_id": "Jürgen", "n": 2}]
WRITTEN = {
    "lines": "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS),
    "blank lines": "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\r\n \r\n",
    "array": json.dumps(ROWS, ensure_ascii=False),
    "array over lines": json.dumps(ROWS, ensure_ascii=False, indent=2),
    "objects over lines": "\n".join(json.dumps(row, ensure_ascii=False, indent=2) for row in ROWS),
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["people.json", "people.jsonl"])
def test_lines_arrays_and_objects_over_lines_are_told_apart(
    connection: Any, read: Read, tmp_path: Path, form: str, encoding: str, name: str
) -> None:
    given_ = {"encoding": encoding} if encoding == "cp1252" else {}
    text = read(WRITTEN[form].encode(encoding), name, **given_)
    assert rows_in(connection, text) == [tuple(row.values()) for row in ROWS]
    assert (text.broken, text.rows) == ((), 2)
    text.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_one_object_over_several_lines_is_one_row(connection: Any, read: Read) -> None:
    text = read('{\n  "user_id": "u1",\n  "address": {\n    "city": "Ulm"\n  }\n}\n', "one.json")
    assert rows_in(connection, text) == [("u1", '{"city":"Ulm"}')]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("more", ["", "[]\n"])
def test_packed_files_are_unpacked(connection: Any, tmp_path: Path, ending: str, more: str) -> None:
    path = tmp_path / f"people[1].jsonl{ending}"
    content = f'{{"n":1}}\n{more}'.encode()
    if ending == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        with pa.output_stream(path, compression="zstd") as file:
            file.write(content)
    text = read_json(connection, [str(path)])
    assert rows_in(connection, text) == [(1,)]
    text.close()


def test_files_follow_each_other_and_their_rows_are_counted_through(connection: Any, tmp_path: Path) -> None:
    contents = ['{"a":1}\n{"a":\n', "", '[{"a":2},\n{"b":3}]', '{"a":4}\n']
    paths = [tmp_path / f"part{number}.json" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    text = read_json(connection, [str(path) for path in paths])
    assert rows_in(connection, text) == [(1, None), (2, None), (None, 3), (4, None)]
    assert broken_in(text) == [(2, "is not JSON: unexpected end of data")]
    text.close()


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        ("", "a.jsonl", "is empty: it has no keys"),
        ("{}\n{}\n", "a.jsonl", "is empty: it has no keys"),
        ("[]", "a.json", "is empty: it has no keys"),
        ("name\n1\n", "a.jsonl", "has no row that can be read; the first is not JSON: "),
        ('{"a":1,"A":2}\n', "a.jsonl", "the keys a and A differ by case alone; give one of them another name"),
        ('{"":1}\n', "a.jsonl", "a key is empty: each needs a name"),
        ('[{"a":1},{"a":}]', "a.json", "is not JSON: unexpected character, near row "),
        ('[{"a":1},{"a":"secret', "a.json", "is not JSON"),
        ("no gzip", "a.jsonl.gz", "is damaged or cut short: it cannot be unpacked"),
    ],
)
def test_a_file_that_is_no_table_is_refused(read: Read, content: str, name: str, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(content, name)
    assert str(caught.value).startswith(f"{name}: {problem}")
    assert "secret" not in str(caught.value)


# Rows that cannot be read --------------------------------------------------------------------------------------------


def _words_for(text: bytes) -> str:
    """What the parser of this version says of it."""
    with pytest.raises(orjson.JSONDecodeError) as caught:
        orjson.loads(text)
    return caught.value.msg


def test_each_line_that_cannot_be_read_is_told_with_its_number_its_reason_and_its_text(
    connection: Any, read: Read, tmp_path: Path
) -> None:
    text = read(
        b'{"user_id":"u1","n":1}\n{"user_id":"u2","n":\n\n[3]\nnull\n{"user_id":"u5","n":NaN}\n{"user_id":"\xff"}\n'
        b'{"user_id":"u7",}\n{"user_id":"\\ud800"}\n{"user_id":"u9","n":9,"n":10}\n'
    )
    no_value = _words_for(b'{"user_id":"u5","n":NaN}')
    assert rows_in(connection, text) == [("u1", 1), ("u9", 10)]
    assert broken_in(text) == [
        (2, "is not JSON: unexpected end of data"),
        (3, "is not a JSON object"),
        (4, "is not a JSON object"),
        (5, f"is not JSON: {no_value}"),
        (6, "is not UTF-8; --encoding names another"),
        (7, "is not JSON: trailing comma is not allowed"),
        (8, "is not JSON: no low surrogate in string"),
    ]
    assert [one.line for one in text.broken][:2] == ['{"user_id":"u2","n":', "[3]"]
    text.close()
    assert [path.name for path in tmp_path.iterdir()] == ["people.jsonl"]


def test_elements_of_an_array_that_are_no_objects_cost_themselves(connection: Any, read: Read) -> None:
    text = read('[{"a":1}, 5, null, {"a":NaN}, {"a":2}]', "a.json")
    assert rows_in(connection, text) == [(1,), (2,)]
    assert [row for row, _ in broken_in(text)] == [2, 3, 4]
    text.close()


def test_a_key_that_is_there_twice_holds_what_came_last(connection: Any, read: Read) -> None:
    text = read('{"a":1,"a":"x"}\n')
    assert (types_in(text), rows_in(connection, text), text.broken) == ({"a": "VARCHAR"}, [("x",)], ())
    text.close()


def test_a_row_of_any_length_costs_itself_at_most(connection: Any, read: Read) -> None:
    text = read(f'{{"a":"{"x" * 2_000_000}"}}\n{{"a":"y"}}\n')
    assert rows_in(connection, text) == [("y",)]
    assert broken_in(text) == [(1, f"is longer than {1 << 20} bytes")]
    text.close()


def test_a_file_of_which_too_much_cannot_be_read_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BROKEN", 3)
    with pytest.raises(
        ValidationError, match=r"^people.jsonl: more than 3 rows cannot be read; the first, row 2: is not"
    ):
        read('{"a":1}\n' + "[]\n" * 4)


# Whatever rows there are ---------------------------------------------------------------------------------------------

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
LINES = st.dictionaries(st.sampled_from(["a", "b", "c.d", 'e"f']), VALUES) | st.sampled_from(
    ["[1]", "{", '{"a":}', "x"]
)


@given(lines=st.lists(LINES, max_size=12))
@settings(max_examples=60)
def test_every_value_that_can_be_read_is_the_table_s_and_every_other_row_is_told(
    connection: Any, lines: list[Any]
) -> None:
    kept = {number: line for number, line in enumerate(lines, 1) if isinstance(line, dict)}
    content = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=True) for line in lines)
    if not any(kept.values()):
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_text(content)
        text = read_json(connection, [str(path)])
        found = rows_in(connection, text)
        text.close()
    columns = types_in(text)
    read = [
        {
            name: json.loads(cell) if type_ == "JSON" else cell
            for (name, type_), cell in zip(columns.items(), row, strict=True)
            if cell is not None
        }
        for row in found
    ]
    assert read == [{name: value for name, value in row.items() if value is not None} for row in kept.values()]
    assert [one.row for one in text.broken] == [number for number in range(1, len(lines) + 1) if number not in kept]
    for row, line in zip(read, kept.values(), strict=True):
        assert all(type(value) is type(line[name]) or columns[name] == "DOUBLE" for name, value in row.items())
