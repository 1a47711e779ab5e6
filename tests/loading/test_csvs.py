"""CSV files as tables: what columns are, which rows cannot be read, and that every row keeps its number."""

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cio_facade.errors import ValidationError
from cio_facade.loading import texts
from cio_facade.loading.csvs import read_csv
from cio_facade.loading.tables import Table
from cio_facade.loading.texts import Text

SAMPLE = 20_480
Read = Callable[..., Text]


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect(config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    def read_bytes(content: bytes | str, name: str = "people.csv", **options: Any) -> Text:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_csv(connection, [str(path)], scratch=tmp_path, **options)

    return read_bytes


def rows_in(connection: duckdb.DuckDBPyConnection, text: Text) -> list[tuple[Any, ...]]:
    table = connection.sql(f"SELECT * FROM {text.relation} AS t").to_arrow_table()
    return [tuple(row.values()) for row in table.to_pylist()]


def types_in(text: Text) -> dict[str, str]:
    return {column.name: str(column.type) for column in text.columns}


def broken_in(text: Text) -> list[tuple[int, str]]:
    return [(one.row, one.reason) for one in text.broken]


def numbers_in(text: Text) -> list[int]:
    table = Table(
        name="t",
        label="t",
        format="csv",
        relation=text.relation,
        columns=text.columns,
        rows=text.rows,
        fingerprint="",
        connection=None,  # type: ignore[arg-type]
        broken=text.broken,
    )
    return [table.row_of(index) for index in range(text.rows)]


# Columns -------------------------------------------------------------------------------------------------------------


def test_values_have_the_types_that_their_column_is_written_as(connection: Any, read: Read) -> None:
    text = read(
        "name,logins,price,vip,born,seen,at\n"
        "Ann,-3,19.90,true,1990-01-31,2026-01-31 12:00:00.5,2026-01-31T12:00:00+02:00\n"
        "Bob,12,1e-05,False,2000-02-29,2026-01-31T12:00,2026-01-31 12:00:00Z\n"
    )
    assert types_in(text) == {
        "name": "VARCHAR",
        "logins": "BIGINT",
        "price": "DOUBLE",
        "vip": "BOOLEAN",
        "born": "DATE",
        "seen": "TIMESTAMP",
        "at": "TIMESTAMP WITH TIME ZONE",
    }
    (ann, bob) = rows_in(connection, text)
    assert ann[:4] == ("Ann", -3, 19.9, True)
    assert bob[:4] == ("Bob", 12, 0.00001, False)
    assert [str(value) for value in ann[4:]] == [
        "1990-01-31",
        "2026-01-31 12:00:00.500000",
        "2026-01-31 10:00:00+00:00",
    ]
    assert text.copy is None


@pytest.mark.parametrize(
    "cell",
    [
        "00123",
        "-007",
        "+4915112345",
        "1e5",
        "12E4",
        "12345678901234567890",
        "0x1F",
        "1_000",
        "1,5",
        "abc",
        "2026-1-3",
        "31/12/2026",
        "12:00",
        "yes",
        "t",
        "inf",
        "2026-01-31 25:00",
        "2026-02-30",
        "9b2d1f5e-0b1e-4b1e-8b1e-0b1e4b1e8b1e",
    ],
)
def test_what_would_not_come_back_as_it_is_written_stays_text(connection: Any, read: Read, cell: str) -> None:
    text = read(f'code\n"{cell}"\n')
    assert types_in(text) == {"code": "VARCHAR"}
    assert rows_in(connection, text) == [(cell,)]


@pytest.mark.parametrize("cell", ["00123", "+4915112345", "12345678901234567890"])
def test_one_code_far_down_makes_a_column_text(connection: Any, read: Read, cell: str) -> None:
    text = read("n,code\n" + "1,5\n" * SAMPLE + f"2,{cell}\n")
    assert types_in(text) == {"n": "BIGINT", "code": "VARCHAR"}
    assert rows_in(connection, text)[-1] == (2, cell)
    assert text.broken == ()


def test_one_fraction_far_down_makes_whole_numbers_numbers(connection: Any, read: Read) -> None:
    text = read("n,price\n" + "1,5\n" * SAMPLE + "2,5.25\n3,?\n")
    assert types_in(text) == {"n": "BIGINT", "price": "DOUBLE"}
    assert rows_in(connection, text)[-1] == (2, 5.25)
    assert broken_in(text) == [(SAMPLE + 2, "column price: not a DOUBLE")]


def test_whole_numbers_that_a_float_cannot_hold_are_never_made_floats(connection: Any, read: Read) -> None:
    big, far = "12345678901234567", "1,5\n" * SAMPLE
    assert rows_in(connection, read(f"n,ref\n1,{big}\n")) == [(1, int(big))]
    assert types_in(read(f"n,ref\n1,{big}\n2,2.5\n"))["ref"] == "VARCHAR"
    assert types_in(read(f"n,ref\n{far}2,{big}\n3,2.5\n4,3.5\n"))["ref"] == "VARCHAR"
    text = read(f"n,ref\n{far}2,{big}\n3,2.5\n")
    assert types_in(text)["ref"] in ("VARCHAR", "BIGINT")
    assert str(rows_in(connection, text)[SAMPLE][1]) == big


@pytest.mark.parametrize(
    "name",
    ["id", "user_id", "userId", "User ID", "anonymous_id", "order-id", "phone", "Zip", "post_code", "device_token"],
)
def test_columns_that_are_called_like_ids_or_codes_stay_text(connection: Any, read: Read, name: str) -> None:
    text = read(f"{name}\n1\nNaN\nNULL\n1e5\n00123\n")
    assert types_in(text) == {name: "VARCHAR"}
    assert rows_in(connection, text) == [("1",), ("NaN",), ("NULL",), ("1e5",), ("00123",)]


def test_words_for_nothing_are_no_value_where_a_column_is_no_text(connection: Any, read: Read) -> None:
    words = ["NULL", "NaN", "nan", "NA", "n/a", "None", r"\N", " ", ""]
    text = read("name,n,price,born,vip\nx,1,1.5,2026-01-31,true\n" + "".join(f"{w},{w},{w},{w},{w}\n" for w in words))
    assert list(types_in(text).values()) == ["VARCHAR", "BIGINT", "DOUBLE", "DATE", "BOOLEAN"]
    assert rows_in(connection, text)[1:] == [(word or None, None, None, None, None) for word in words]


def test_empty_cells_are_null_quoted_or_not_and_a_column_of_them_is_text(connection: Any, read: Read) -> None:
    text = read('a,b,c\n1,,""\n,"",\n')
    assert types_in(text) == {"a": "BIGINT", "b": "VARCHAR", "c": "VARCHAR"}
    assert rows_in(connection, text) == [(1, None, None), (None, None, None)]


def test_a_type_that_is_asked_for_is_taken(connection: Any, read: Read) -> None:
    types = {"n": "VARCHAR", "user_id": "INT", "price": "DECIMAL(10,2)", "tags": "VARCHAR[]"}
    text = read('user_id,n,price,tags\n007,1,19.90,"[a, b]"\n1.5,2,3,\nx,3,4,\n', types=types)
    assert types_in(text) == {"user_id": "INTEGER", "n": "VARCHAR", "price": "DECIMAL(10,2)", "tags": "VARCHAR[]"}
    assert [str(cell) for cell in rows_in(connection, text)[0]] == ["7", "1", "19.90", "['a', 'b']"]
    assert broken_in(text) == [(row, "column user_id: not an INTEGER") for row in (2, 3)]


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        ({"zipp": "VARCHAR"}, "types.zipp: no column is called so; did you mean zip?"),
        (
            {"zip": "TEXTT"},
            "types.zip: DuckDB has no such type; try VARCHAR, BIGINT, DOUBLE, BOOLEAN, DATE or TIMESTAMP",
        ),
        ({"zip": "INT); DROP TABLE t; --"}, "types.zip: DuckDB has no such type"),
    ],
)
def test_a_type_or_column_that_there_is_not_is_refused(read: Read, types: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read("user_id,zip\n1,2\n", types=types)
    assert str(caught.value).startswith(problem)


# How files are written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_line_ends_and_marks_are_found_out(
    connection: Any, read: Read, delimiter: str, end: str, mark: str
) -> None:
    lines = [["user_id", "note; or, note"], ["u1", "one\nor two"], ["u2", "a,b;c\td|e"]]
    written = end.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    text = read(mark + written)
    assert list(types_in(text)) == lines[0]
    assert rows_in(connection, text) == [tuple(line) for line in lines[1:]]


def test_of_two_delimiters_in_a_header_that_of_the_rows_counts(connection: Any, read: Read) -> None:
    text = read("user_id;name, first\nu1;Ann\n")
    assert rows_in(connection, text) == [("u1", "Ann")]
    assert types_in(text) == {"user_id": "VARCHAR", "name, first": "VARCHAR"}


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("faulty", [False, True])
def test_packed_files_are_unpacked(connection: Any, tmp_path: Path, ending: str, faulty: bool) -> None:
    path = tmp_path / f"people[1]*.csv{ending}"
    content = b"user_id,n\nu1,1\n" + b"u2\n" * faulty + b"u3,3\n"
    if ending == ".gz":
        path.write_bytes(gzip.compress(content[:12]) + gzip.compress(content[12:]))
    elif ending:
        with pa.output_stream(path, compression="zstd") as file:
            file.write(content)
    else:
        path.write_bytes(content)
    (tmp_path / f"people1x.csv{ending}").write_bytes(b"what the name would stand for as a pattern")
    text = read_csv(connection, [str(path)])
    assert rows_in(connection, text) == [("u1", 1), ("u3", 3)]
    assert len(text.broken) == faulty
    text.close()


_CUT = gzip.compress(b"user_id,n\n" + b"u1,1\n" * 999)[:-20]


@pytest.mark.parametrize("content", [b"no gzip", _CUT], ids=["no gzip", "cut short"])
def test_a_packed_file_that_is_damaged_is_refused_in_a_line(read: Read, content: bytes) -> None:
    with pytest.raises(ValidationError, match=r"^people.csv.gz: is damaged or cut short: it cannot be unpacked$"):
        read(content, "people.csv.gz")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1", "shift_jis", "utf-8"])
def test_an_encoding_that_is_named_is_used(connection: Any, read: Read, encoding: str) -> None:
    name = "ミュ" if encoding == "shift_jis" else "Jürgen"
    text = read(f"user_id,name\nu1,{name}\n".encode(encoding), encoding=encoding)
    assert rows_in(connection, text) == [("u1", name)]


def test_utf_16_tells_of_itself(connection: Any, read: Read) -> None:
    assert rows_in(connection, read("user_id\tname\nu1\tJürgen\n".encode("utf-16"), "people.txt")) == [("u1", "Jürgen")]


def test_an_encoding_that_python_does_not_know_is_refused(read: Read) -> None:
    with pytest.raises(ValidationError, match="encoding: Python knows no 'klingon'; try utf-8"):
        read("user_id\n1\n", encoding="klingon")


def test_blanks_after_delimiters_are_none_of_the_cells(connection: Any, read: Read) -> None:
    text = read('user_id, name, n\nu1, "Ann, of York", 5\n')
    assert rows_in(connection, text) == [("u1", "Ann, of York", 5)]


def test_blank_lines_are_no_rows(connection: Any, read: Read) -> None:
    assert rows_in(connection, read("user_id\n\nu1\n\n \nu2\n\n")) == [("u1",), ("u2",)]
    assert rows_in(connection, read(" \nuser_id\n\nu1\n\t\nu2\n\n")) == [("u1",), ("u2",)]
    text = read("\n\nuser_id,n\n\nu1,1\n \nu2\n\nu3,3\n\n")
    assert rows_in(connection, text) == [("u1", 1), ("u3", 3)]
    assert broken_in(text) == [(2, "has 1 columns, not 2")]
    assert numbers_in(text) == [1, 3]


def test_delimiters_at_the_ends_of_lines_are_no_columns(connection: Any, read: Read) -> None:
    assert rows_in(connection, read("a,b,,\n1,2,,\n3,4,,\n")) == [(1, 2), (3, 4)]


def test_a_file_without_rows_has_columns(connection: Any, read: Read) -> None:
    text = read("user_id,n")
    assert (types_in(text), text.rows, rows_in(connection, text)) == ({"user_id": "VARCHAR", "n": "VARCHAR"}, 0, [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty: it has not even a header"),
        (" \n\n", "is empty: it has not even a header"),
        ("a,b,A\n1,2,3\n", "columns 1 and 3 are both called A; each needs a name of its own"),
        (",a\n0,1\n", "column 1 has values and no name; what pandas wrote needs to_csv(..., index=False)"),
        ("u1,ann@example.com\n", "the first line is no header: it holds an e-mail address"),
        (b"user_id,\xff\n", "the header is not UTF-8; --encoding names another"),
        (b"\0\1\2\3", "is no CSV file in UTF-8; for UTF-16 say --encoding utf-16"),
        ('"user_id,n\n1,2\n', "the header cannot be read: its quotes do not match"),
        (",,\n1,2,3\n", "the header has no names"),
    ],
)
def test_a_file_without_a_proper_header_is_refused(read: Read, content: bytes | str, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(content)
    assert str(caught.value) == f"people.csv: {problem}"


def test_a_column_without_a_name_and_without_values_is_left_out(connection: Any, read: Read) -> None:
    text = read("a,,b\n1,,2\n")
    assert types_in(text) == {"a": "BIGINT", "b": "BIGINT"}
    assert rows_in(connection, text) == [(1, 2)]


# Several files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    def read_many(*contents: str | bytes) -> Text:
        paths = [tmp_path / f"part{number}.csv" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_csv(connection, [str(path) for path in paths])

    return read_many


def test_files_follow_each_other_and_their_rows_are_counted_through(connection: Any, many: Read) -> None:
    text = many("user_id,n\nu1,1\nu2,2\n", "\ufeffuser_id,n\r\nu3,3\r\n", "", "user_id,n\n", "user_id,n\nu4,4\n")
    assert rows_in(connection, text) == [("u1", 1), ("u2", 2), ("u3", 3), ("u4", 4)]
    assert text.copy is None


def test_files_may_differ_in_how_they_are_written(connection: Any, many: Read) -> None:
    text = many("user_id,n\nu1,1\nu2\n", "user_id;n\r\nu3;3\r\nu4;4;4\r\n", "user_id\tn\nu5\t5\n".encode("utf-16"))
    assert rows_in(connection, text) == [("u1", 1), ("u3", 3), ("u5", 5)]
    assert broken_in(text) == [(2, "has 1 columns, not 2"), (4, "has 3 columns, not 2")]
    assert numbers_in(text) == [1, 3, 5]
    text.close()


def test_files_of_other_columns_are_refused(many: Read) -> None:
    with pytest.raises(ValidationError, match=r"^part1.csv: has other columns than part0.csv, or in another order; "):
        many("user_id,n\nu1,1\n", "n,user_id\n1,u1\n")


# Rows that cannot be read --------------------------------------------------------------------------------------------


def test_each_row_that_cannot_be_read_is_told_with_its_number_its_reason_and_its_text(
    connection: Any, read: Read, tmp_path: Path
) -> None:
    text = read(
        b'user_id,n,note\nu1,1,ok\nu2,2\nu3,3,"two\nlines"\nu4,4,x,y\nu5,five,"a,b"\nu6,6,\xff\xfe\n'
        b'u7,7,"never closed\nu8,8,ok\nu9,9,"in"side"\nu10,10,"also never',
        types={"n": "BIGINT"},
    )
    assert rows_in(connection, text) == [("u1", 1, "ok"), ("u3", 3, "two\nlines"), ("u8", 8, "ok")]
    assert [(one.row, one.reason, one.line) for one in text.broken] == [
        (2, "has 2 columns, not 3", "u2,2"),
        (4, "has 4 columns, not 3", "u4,4,x,y"),
        (5, "column n: not a BIGINT", 'u5,five,"a,b"'),
        (6, "is not UTF-8; --encoding names another", "u6,6,\ufffd\ufffd"),
        (7, "its quotes do not match", 'u7,7,"never closed'),
        (9, "its quotes do not match", 'u9,9,"in"side"'),
        (10, "its quotes do not match", 'u10,10,"also never'),
    ]
    assert numbers_in(text) == [1, 3, 8]
    assert text.rows == 3
    text.close()
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]


def test_the_copy_is_for_the_user_alone(read: Read) -> None:
    text = read("user_id,n\nu1\n")
    assert text.copy is not None
    assert text.copy.stat().st_mode & 0o777 == 0o600
    text.close()


def test_line_ends_may_differ_within_a_file(connection: Any, read: Read) -> None:
    text = read('a,b\r\n1,x\n2,"p\r\nq"\r3,z\r\n')
    assert rows_in(connection, text) == [(1, "x"), (2, "p\r\nq"), (3, "z")]


def test_several_wrong_cells_of_a_row_are_told_together(connection: Any, read: Read) -> None:
    good = "u,1,2026-01-31,true\n"
    text = read("user_id,n,born,vip\n" + good * SAMPLE + "u,x,y,1\n" + good + "u,1,2026-02-30,true\n")
    assert [(one.row, one.reason, one.line) for one in text.broken] == [
        (SAMPLE + 1, "column n: not a BIGINT; column born: not a DATE; column vip: not a BOOLEAN", "u,x,y,1"),
        (SAMPLE + 3, "column born: not a DATE", "u,1,2026-02-30,true"),
    ]
    assert (text.rows, len(rows_in(connection, text)), text.copy) == (SAMPLE + 1, SAMPLE + 1, None)
    assert numbers_in(text)[-1] == SAMPLE + 2


def test_a_cell_of_any_length_costs_its_row_at_most(connection: Any, read: Read) -> None:
    text = read(f"user_id,note\nu1,{'x' * 3_000_000}\nu2,y\nu3,{'x' * 200_000}\n")
    assert rows_in(connection, text)[0] == ("u2", "y")
    assert [row for row, _ in broken_in(text)] == [1, 3]
    text.close()


@pytest.mark.parametrize("wrong", ["\xff", "x,y"])
def test_a_file_of_which_too_much_cannot_be_read_is_refused(
    read: Read, tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_BROKEN", 3)
    with pytest.raises(ValidationError, match=r"^people.csv: more than 3 rows cannot be read; the first, row 2: \w+"):
        read(b"user_id,note\nu,x\n" + f"u,{wrong}\n".encode("latin-1") * 4)
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]
    text = read(b"user_id,note\nu,x\n" + f"u,{wrong}\n".encode("latin-1") * 3)
    assert len(text.broken) == 3
    text.close()


def test_a_column_of_which_too_much_does_not_fit_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BROKEN", 3)
    with pytest.raises(ValidationError, match=r"the first, row 1: column n: not a BIGINT$"):
        read("user_id,n\n" + "u,x\n" * 4, types={"n": "BIGINT"})


# Against Python's own reader -----------------------------------------------------------------------------------------

TEXTS = {"a": "VARCHAR", "b": "VARCHAR"}


def as_table(cells: list[str]) -> tuple[str | None, ...]:
    return tuple(cell or None for cell in cells)


@given(
    rows=st.lists(st.lists(st.text("a1,;\"'\n\r\té\0", max_size=5), min_size=1, max_size=3)),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
@settings(max_examples=60)
def test_what_python_writes_is_read_as_it_was(connection: Any, rows: list[list[str]], end: str, quoting: Any) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=quoting).writerows([["a", "b"], *rows])
    against_python(connection, written.getvalue())


@given(body=st.text('a1,"\n\ré', max_size=60), unlike=st.booleans())
@example(body='1,"x\n2,y\n3,"z"\n4,"q', unlike=True)
@example(body='\r\n1,"x""y"\r\n\r\n"p\r\nq",2\r\n1,\r', unlike=False)
@settings(max_examples=100)
def test_any_text_is_read_as_python_reads_it(connection: Any, body: str, unlike: bool) -> None:
    against_python(connection, f"a,b\n{body}" + "\n1,2,3\n" * unlike)


def against_python(connection: Any, content: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content.encode())
        text = read_csv(connection, [str(path)], types=TEXTS)
        found = rows_in(connection, text)
        text.close()
    numbers = numbers_in(text)
    assert sorted([*numbers, *(one.row for one in text.broken)]) == list(range(1, text.rows + len(text.broken) + 1))
    assert len(found) == text.rows
    try:
        records = list(csv.reader(io.StringIO(content, newline=""), strict=True))[1:]
    except csv.Error:
        return
    records = [cells for cells in records if len(cells) > 1 or "".join(cells).strip(" \t")]
    for cells in records:
        while len(cells) > 2 and not cells[-1]:
            cells.pop()
    fit = [(number, as_table(cells)) for number, cells in enumerate(records, 1) if len(cells) == 2]
    assert list(zip(numbers, found, strict=True)) == fit
