"""The file of rejected rows: it has them all, in order, as the source has them, and loads again when mended."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cio_facade.errors import ValidationError
from cio_facade.loading.rejects import write_rejected
from cio_facade.loading.sources import open_source


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def rejected_of(source, path, rejected, **more):
    with open_source(source, **more) as table:
        return write_rejected(table, rejected, path)


def test_rejected_rows_of_csv_are_csv_with_number_and_reason(tmp_path):
    (tmp_path / "people.csv").write_text('user_id,zip,note\n,01067,"a, ""b"""\nu2,,\nu3,10115,"two\nlines"\n', "utf-8")
    path = tmp_path / "rejected.csv"
    assert rejected_of(tmp_path / "people.csv", path, [(0, "user_id is empty"), (2, "too long")]) == 2
    assert rows_of(path) == [
        ["user_id", "zip", "note", "cio_row", "cio_reason"],
        ["", "01067", 'a, "b"', "1", "user_id is empty"],
        ["u3", "10115", "two\nlines", "3", "too long"],
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["people.csv", "rejected.csv"]


def test_rows_that_cannot_be_read_are_among_them_as_far_as_they_go(tmp_path):
    lines = [
        "user_id;age;plan",
        "u1;30;pro",
        "u2;31",
        "u3;32;pro;x",
        "u4;old;free",
        ";33;pro",
        "u6\xff;34;pro",
        "u7;35;",
    ]
    (tmp_path / "people.csv").write_bytes("\n".join(lines).encode("latin-1"))
    path = tmp_path / "rejected.csv"
    rejected = [(1, "user_id is empty"), (2, "refused")]
    assert rejected_of(tmp_path / "people.csv", path, rejected, types={"age": "BIGINT"}) == 6
    header, *rows = rows_of(path)
    assert header == ["user_id", "age", "plan", "cio_row", "cio_reason", "cio_line"]
    assert [row[3] for row in rows] == ["2", "3", "4", "5", "6", "7"]
    assert rows[0] == ["u2", "31", "", "2", "has 2 columns, not 3", "u2;31"]
    assert rows[1] == ["u3", "32", "pro", "3", "has 4 columns, not 3", "u3;32;pro;x"]
    assert rows[2] == ["u4", "old", "free", "4", "column age: not a BIGINT", ""]
    assert rows[3] == ["", "33", "pro", "5", "user_id is empty", ""]
    assert "not UTF-8" in rows[4][4]
    assert rows[5] == ["u7", "35", "", "7", "refused", ""]


def test_a_mended_file_loads_without_what_was_added(tmp_path):
    (tmp_path / "people.csv").write_text("user_id,plan\n,pro\n")
    path = tmp_path / "rejected.csv"
    rejected_of(tmp_path / "people.csv", path, [(0, "user_id is empty")])
    path.write_text(path.read_text().replace("\n,pro", "\nu1,pro"))
    again = tmp_path / "again.csv"
    assert rejected_of(path, again, [(0, "refused")]) == 1
    assert rows_of(again) == [["user_id", "plan", "cio_row", "cio_reason"], ["u1", "pro", "1", "refused"]]


def test_rejected_rows_of_json_are_json_lines(tmp_path):
    lines = ['{"user_id": "u1", "home": {"city": "Bonn"}, "n": [1]}', '{"user_id": ', '{"user_id": "u3", "home": null}']
    (tmp_path / "people.jsonl").write_text("\n".join(lines))
    path = tmp_path / "rejected.jsonl"
    assert rejected_of(tmp_path / "people.jsonl", path, [(0, "refused"), (1, "too long")]) == 3
    first, second, third = map(json.loads, path.read_text().splitlines())
    assert first["home"] == {"city": "Bonn"}
    assert (first["n"], first["cio_row"], first["cio_reason"]) == ([1], 1, "refused")
    assert (second["user_id"], second["cio_row"], second["cio_line"].strip()) == (None, 2, '{"user_id":')
    assert (third["user_id"], third["cio_row"]) == ("u3", 3)


def test_what_json_has_no_number_for_is_null(tmp_path):
    path = tmp_path / "rejected.jsonl"
    assert rejected_of(pa.table({"n": [float("nan"), float("-inf"), 1.5]}), path, [(n, "bad") for n in range(3)]) == 3
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [None, None, 1.5]


@pytest.mark.parametrize("cell", ['"two\r\nlines"', "x" * 140_000])
def test_a_row_that_no_csv_reader_splits_is_there_all_the_same(tmp_path, cell):
    (tmp_path / "people.csv").write_bytes(f"user_id,age,note\r\nu1,old,{cell}\r\nu2,30,x\r\n".encode())
    path = tmp_path / "rejected.csv"
    assert rejected_of(tmp_path / "people.csv", path, [], types={"age": "BIGINT"}) == 1
    assert "not a BIGINT" in path.read_text("utf-8")


def test_rejected_rows_of_parquet_keep_their_types(tmp_path):
    table = pa.table({"user_id": ["u1", None], "tags": [["a"], []], "at": pa.array([0, 1], pa.timestamp("us", "UTC"))})
    pq.write_table(table, tmp_path / "people.parquet")
    path = tmp_path / "rejected.parquet"
    assert rejected_of(tmp_path / "people.parquet", path, [(1, "user_id is empty")]) == 1
    found = pq.read_table(path)
    assert found.schema.field("at").type == pa.timestamp("us", "UTC")
    assert found.drop_columns("at").to_pylist() == [
        {"user_id": None, "tags": [], "cio_row": 2, "cio_reason": "user_id is empty"}
    ]


def test_a_frames_json_stays_json(tmp_path):
    path = tmp_path / "rejected.parquet"
    assert rejected_of([{"home": {"city": "Bonn"}, "odd": 1}, {"odd": "a"}], path, [(0, "refused")]) == 1
    with open_source(path) as table:
        assert [str(column.type) for column in table.columns] == ["JSON", "JSON", "BIGINT", "VARCHAR"]


def test_packed_sources_get_a_file_of_the_format_of_its_ending(tmp_path):
    (tmp_path / "people.csv").write_text("user_id\nu1\n")
    for ending in ("csv.gz", "csv.zst", "jsonl", "parquet", "out"):
        path = tmp_path / f"rejected.{ending}"
        assert rejected_of(tmp_path / "people.csv", path, [(0, "refused")]) == 1
        if ending == "out":
            assert rows_of(path)[1] == ["u1", "1", "refused"]
            continue
        with open_source(path) as table:
            assert table.connection.sql(f"SELECT user_id, cio_row FROM {table.relation}").fetchall() == [("u1", 1)]


def test_nothing_is_written_when_nothing_was_rejected(tmp_path):
    assert rejected_of([{"user_id": "u1"}], tmp_path / "rejected.csv", []) == 0
    assert list(tmp_path.iterdir()) == []


def test_many_rows_are_written_in_order(tmp_path):
    lines = [f"u{i},{i}" if i % 7 else f"u{i}" for i in range(50_000)]
    (tmp_path / "people.csv").write_text("\n".join(["user_id,n", *lines]))
    path = tmp_path / "rejected.csv"
    with open_source(tmp_path / "people.csv") as table:
        rejected = [(index, "refused") for index in range(0, 20_000, 3)]
        assert write_rejected(table, iter(rejected), path) == len(rejected) + len(table.broken)
    numbers = [int(row[2]) for row in rows_of(path)[1:]]
    assert numbers == sorted(set(numbers))
    assert all(row[0] == f"u{int(row[2]) - 1}" for row in rows_of(path)[1:])


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path):
    def rejected():
        yield 0, "refused"
        raise RuntimeError("the journal is gone")

    path = tmp_path / "rejected.csv"
    path.write_text("of an earlier run")
    with pytest.raises(RuntimeError, match="the journal is gone"):
        rejected_of([{"user_id": "u1"}, {"user_id": "u2"}], path, rejected())
    assert path.read_text() == "of an earlier run"
    with pytest.raises((ValidationError, OSError)):
        rejected_of([{"user_id": "u1"}], tmp_path / "rejected.csv" / "below.csv", [(0, "refused")])
    assert [one.name for one in tmp_path.iterdir()] == ["rejected.csv"]
