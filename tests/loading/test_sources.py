"""What a source may be, and what is said when it is nothing; that rows keep their order and can be read again."""

import gzip
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cio_facade.errors import NetworkError, ValidationError
from cio_facade.loading.connections import connect
from cio_facade.loading.finding import files
from cio_facade.loading.snapshots import snapshot_in
from cio_facade.loading.sources import name_of, open_source
from cio_facade.loading.tables import Broken, Table, listed
from cio_facade.loading.urls import fetch
from cio_facade.loading.workbooks import whole_numbers

PEOPLE = "user_id,plan\nu1,pro\nu2,free\nu3,\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(table):
    return table.connection.sql(f"FROM {table.relation}").fetchall()


def refusal(source, **more):
    with pytest.raises(ValidationError) as caught:
        open_source(source, **more)
    text = str(caught.value)
    assert "\n" not in text
    return text


def numbers(path, first, count):
    pq.write_table(pa.table({"user_id": [f"u{i}" for i in range(first, first + count)]}), path)


def offline(monkeypatch):
    """An extension that is not installed cannot be had: nothing is fetched by a test."""
    real = connect

    def connect_offline(folder, **how):
        connection = real(folder, **how)
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        return connection

    monkeypatch.setattr("cio_facade.loading.sources.connect", connect_offline)


# -- files


def test_a_file_is_read_where_it_is(folder):
    (folder / "people.csv").write_text(PEOPLE)
    with open_source("people.csv") as table:
        assert rows_of(table) == [("u1", "pro"), ("u2", "free"), ("u3", None)]
        assert (table.rows, table.format, table.label) == (3, "csv", "people.csv")
        assert table.name == str(folder / "people.csv") == name_of("people.csv")
        assert table.can_resume
        assert table.snapshot is None


@pytest.mark.parametrize("name", ["it's.csv", "a[1].csv", "50%.csv", "a*?.csv", "äöü.csv", "select.csv", "from x.csv"])
def test_a_file_may_have_any_name(folder, name):
    (folder / name).write_text(PEOPLE)
    (folder / "a1.csv").write_text("user_id,plan\n")
    with open_source(name) as table:
        assert table.rows == 3


def test_the_fingerprint_is_that_of_the_content(folder):
    (folder / "one.csv").write_text(PEOPLE)
    (folder / "two.csv").write_text(PEOPLE)
    (folder / "three.csv").write_text(PEOPLE + "u4,\n")
    prints = []
    for name in ("one.csv", "two.csv", "three.csv"):
        with open_source(name) as table:
            prints.append(table.fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_files_of_a_pattern_are_read_in_natural_order(folder):
    for place, number in enumerate((1, 2, 10)):
        numbers(folder / f"part-{number}.parquet", place * 2, 2)
    with open_source("part-*.parquet") as table:
        assert rows_of(table) == [(f"u{i}",) for i in range(6)]
        assert table.label == "part-*.parquet (3 files)"
        assert table.name == str(folder / "part-*.parquet")


def test_files_of_a_pattern_may_have_columns_of_their_own(folder):
    pq.write_table(pa.table({"user_id": ["u1"], "plan": ["pro"]}), folder / "a.parquet")
    pq.write_table(pa.table({"age": [30], "user_id": ["u2"]}), folder / "b.parquet")
    with open_source("*.parquet") as table:
        assert [column.name for column in table.columns] == ["user_id", "plan", "age"]
        assert rows_of(table) == [("u1", "pro", None), ("u2", None, 30)]


def test_what_the_names_of_folders_say_is_a_column(folder):
    for country in ("de", "fr"):
        (folder / f"country={country}").mkdir()
        numbers(folder / f"country={country}" / "0.parquet", 0, 1)
    with open_source("**/*.parquet") as table:
        assert rows_of(table) == [("u0", "de"), ("u0", "fr")]


def test_a_pattern_does_not_mean_folders(folder):
    (folder / "a.csv").mkdir()
    (folder / "b.csv").write_text(PEOPLE)
    assert files("*.csv") == [folder / "b.csv"]


def test_types_are_taken_from_the_caller(folder):
    pq.write_table(pa.table({"zip": [1067, None], "age": ["30", "31"]}), folder / "people.parquet")
    with open_source("people.parquet", types={"zip": "VARCHAR", "age": "INTEGER"}) as table:
        assert rows_of(table) == [("1067", 30), (None, 31)]
        assert [str(column.type) for column in table.columns] == ["VARCHAR", "INTEGER"]


def test_a_type_that_does_not_fit_is_told_without_the_value(folder):
    pq.write_table(pa.table({"age": ["30", "ann@example.com"]}), folder / "people.parquet")
    assert (
        refusal("people.parquet", types={"age": "INTEGER"})
        == "column age: 1 rows do not fit INTEGER, which types asks for"
    )


def test_nothing_is_left_in_the_working_folder(folder):
    (folder / "people.csv").write_text(PEOPLE)
    with open_source("people.csv") as table:
        table.connection.sql(f"FROM {table.relation} ORDER BY 1 DESC").fetchall()
    assert [path.name for path in folder.iterdir()] == ["people.csv"]


# -- what is no source


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("people.cvs", "there is no file people.cvs; did you mean people.csv?"),
        ("dta/people.csv", "there is no file dta/people.csv; did you mean data?"),
        ("nothing-like-it", "there is no file nothing-like-it; SQL begins with SELECT"),
        ("*.json", "no file matches *.json"),
        ("data", "data is a folder; give a pattern, such as 'data/*.parquet'"),
        ("notes.md", "notes.md does not say by its ending what is in it; known are .csv"),
        ("shop.duckdb", "shop.duckdb is a database; ask it: \"ATTACH '"),
        ("broken.parquet", "broken.parquet: is not Parquet"),
        ("*.*", "means files of"),
        (5, "is a int; a file, pattern, URL, SQL"),
        ({"user_id": "u1"}, "is a dict;"),
        (["people.csv", "more.csv"], "row 1 is a str, not a dict; for several files give a pattern"),
        ([], "has no rows"),
        ("", "is empty;"),
        ("x" * 5000, "is neither a file nor SQL"),
        ("people\0.csv", "there is no file"),
        ("gone.csv", "gone.csv is a link to a file that is not there"),
        ("pipe", "pipe is read once only; write what it gives into a file"),
        ("-", "standard input is read once only; write"),
    ],
)
def test_what_is_no_source_is_told_with_a_hint(folder, source, words):
    (folder / "people.csv").write_text(PEOPLE)
    (folder / "data").mkdir()
    numbers(folder / "data" / "0.parquet", 0, 1)
    (folder / "notes.md").write_text("# Notes")
    (folder / "shop.duckdb").touch()
    (folder / "broken.parquet").write_bytes(b"PAR1 no more")
    (folder / "gone.csv").symlink_to("nowhere.csv")
    os.mkfifo(folder / "pipe")
    (folder / "more.json").write_text("[]") if source == "*.*" else None
    (folder / "notes.md").unlink() if source == "*.*" else None
    (folder / "shop.duckdb").unlink() if source == "*.*" else None
    assert words in refusal(source)


# -- SQL


def test_the_rows_of_a_query_are_written_down_in_their_order(folder):
    numbers(folder / "people.parquet", 0, 5)
    state = folder / "state"
    with open_source("-- the last first\nFROM 'people.parquet' ORDER BY user_id DESC; ", state=state) as table:
        assert rows_of(table) == [(f"u{i}",) for i in (4, 3, 2, 1, 0)]
        assert (table.label, table.format, table.rows) == ("query", "parquet", 5)
        assert table.snapshot == snapshot_in(state) == state / "snapshot.parquet"
        assert table.snapshot.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in state.iterdir()] == ["snapshot.parquet"]


def test_what_was_written_down_is_read_in_place_of_the_source(folder):
    numbers(folder / "people.parquet", 0, 2)
    state, query = folder / "state", "SELECT * FROM 'people.parquet'"
    with open_source(query, state=state) as table:
        fingerprint = table.fingerprint
    (folder / "people.parquet").unlink()
    with open_source(query, state=state, snapshot=snapshot_in(state)) as table:
        assert (table.rows, table.fingerprint) == (2, fingerprint)


def test_the_fingerprint_of_rows_does_not_depend_on_the_file_that_has_them(folder):
    rows = [{"user_id": f"u{i}", "n": i} for i in range(3)]
    query = "SELECT 'u' || i AS user_id, i AS n FROM range(3) AS t(i)"
    prints = []
    for source in (rows, rows[::-1], query, query + " WHERE i < 2"):
        with open_source(source) as table:
            prints.append(table.fingerprint)
    assert prints[0] == prints[2]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE people",
        "COPY (SELECT 1) TO 'out.csv'",
        "SELECT 1; DROP TABLE people",
        "CREATE TABLE people (id INT); SELECT 1",
        "CREATE PERSISTENT SECRET s (TYPE s3); SELECT 1",
        "ATTACH 'shop.duckdb' AS shop",
        "SELECT 1; SELECT 2",
        "INSERT INTO people VALUES (1) RETURNING *",
        "PRAGMA database_list",
    ],
)
def test_sql_may_only_read(folder, sql):
    assert "the SQL may only read" in refusal(sql)
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM 'people.parquet'", "No files found"),
        ("SELECT mail FROM (SELECT 1 AS email)", "mail"),
        ("SELECT * FORM people", "syntax error"),
        ("SELECT 'ann@example.com'::INT AS n", "a value does not convert to INT32"),
        ("SELECT error('ann@example.com')", "DuckDB stopped"),
        ("SELECT ;;", "the SQL"),
        ("ATTACH 'shpo.duckdb' AS shop; FROM shop.people", "did you mean shop.duckdb?"),
        ("ATTACH 'shop.duckdb' AS shop (READ_WRITE); FROM shop.people", "leave out READ_WRITE"),
        ("SET memory_limit = '1MB'; SELECT list(i) FROM range(3000000) AS t(i)", "SET memory_limit"),
    ],
)
def test_what_is_wrong_with_sql_is_told_in_a_line_without_values(folder, sql, words):
    duckdb.connect(folder / "shop.duckdb").close()
    text = refusal(sql)
    assert words in text
    assert "ann@" not in text


def test_a_variable_of_ours_is_no_table():
    assert "state" in refusal("SELECT * FROM state")


def test_a_database_is_attached_for_reading_only(folder):
    with duckdb.connect(folder / "shop.duckdb") as shop:
        shop.execute("CREATE TABLE people AS SELECT 'u1' AS user_id")
    with open_source("ATTACH 'shop.duckdb' AS shop; SELECT * FROM shop.people") as table:
        assert rows_of(table) == [("u1",)]
    writing = "INSERT INTO shop.people VALUES ('u2') RETURNING *"
    refusal(f"ATTACH 'shop.duckdb' AS shop; WITH new AS ({writing}) SELECT * FROM new")
    with duckdb.connect(folder / "shop.duckdb") as shop:
        assert shop.sql("FROM people").fetchall() == [("u1",)]


def test_wide_integers_of_a_query_keep_all_digits():
    with open_source("SELECT sum(i) AS n, 170141183460469231731687303715884105 AS wide FROM range(4) AS t(i)") as table:
        assert [str(value) for value in rows_of(table)[0]] == ["6", "170141183460469231731687303715884105"]


def test_keys_in_sql_are_not_in_its_name():
    name = name_of("CREATE SECRET s (TYPE s3, SECRET 'hush'); SELECT 1")
    assert "hush" not in name
    assert name == name_of("CREATE SECRET s (TYPE s3, SECRET 'hush'); SELECT 1")
    assert name != name_of("SELECT 1")


# -- elsewhere


class _Files(BaseHTTPRequestHandler):
    files: dict[str, bytes] = {}  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        body = self.files.get(self.path.partition("?")[0])
        if self.path == "/moved.csv":
            self.send_response(302)
            self.send_header("Location", "/people.csv")
            self.end_headers()
            return
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"") + (5 if "short" in self.path else 0)))
        if "encoded" in self.path:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


@contextmanager
def serving(**files):
    handler = type("Handler", (_Files,), {"files": {f"/{name}": body for name, body in files.items()}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_file_is_fetched_over_http_once(tmp_path):
    bodies = {"people.csv": b"user_id,zip\nu1,01067\nu2\n", "people.csv.gz": gzip.compress(PEOPLE.encode())}
    with serving(**bodies) as (url, asked):
        with open_source(f"{url}/people.csv?token=hush", state=tmp_path) as table:
            assert rows_of(table) == [("u1", "01067")]
            assert [broken.row for broken in table.broken] == [2]
            assert (table.format, table.label, table.snapshot) == ("csv", "people.csv", tmp_path / "snapshot.csv")
            assert "hush" not in table.name
        with open_source(f"{url}/people.csv?token=hush", state=tmp_path, snapshot=snapshot_in(tmp_path)) as table:
            assert table.rows == 1
        assert asked == ["/people.csv?token=hush"]
        with open_source(f"{url}/people.csv.gz") as table:
            assert table.rows == 3
        with open_source(f"{url}/moved.csv") as table:
            assert table.rows == 1


def test_a_packed_file_is_taken_as_it_is_though_it_is_called_an_encoding():
    packed = gzip.compress(PEOPLE.encode())
    with serving(**{"encoded.csv.gz": packed, "encoded.csv": packed}) as (url, _):
        for name in ("encoded.csv.gz", "encoded.csv"):
            with open_source(f"{url}/{name}") as table:
                assert table.rows == 3


def test_what_cannot_be_fetched_leaves_nothing(tmp_path):
    with serving(**{"short.csv": PEOPLE.encode()}) as (url, _):
        assert "answered 404" in refusal(f"{url}/none.csv?token=hush", state=tmp_path)
        with pytest.raises(NetworkError, match="could not be fetched: RemoteProtocolError"):
            open_source(f"{url}/short.csv", state=tmp_path)
        assert "does not say by its ending" in refusal(f"{url}/export", state=tmp_path)
    with pytest.raises(NetworkError, match=r"could not be fetched: ConnectError$"):
        open_source(f"{url}/people.csv", state=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/people.parquet",
        "gs://bucket/people.csv",
        "SELECT * FROM 's3://bucket/people.parquet'",
        "ATTACH 'dbname=shop password=hush' AS shop (TYPE postgres); FROM shop.people",
        "people.xlsx",
    ],
)
def test_an_extension_that_is_not_there_is_told_with_how_to_install_it(folder, monkeypatch, source):
    offline(monkeypatch)
    (folder / "people.xlsx").touch()
    text = refusal(source)
    assert "needs DuckDB's extension" in text
    assert "INSTALL" in text
    assert "hush" not in text


def test_files_of_object_stores_are_copied_as_they_are(tmp_path):
    for name in ("people.csv", "people.parquet"):
        (tmp_path / "people.csv").write_bytes(b"user_id\r\n\xff\n\n")
        numbers(tmp_path / "people.parquet", 0, 3)
        with connect(tmp_path) as connection:
            fetch(connection, str(tmp_path / name), tmp_path / f"copy-{name}")
    assert (tmp_path / "copy-people.csv").read_bytes() == b"user_id\r\n\xff\n\n"
    assert pq.read_table(tmp_path / "copy-people.parquet").num_rows == 3


def test_floats_of_a_workbook_are_whole_numbers_where_all_are():
    rows = "(VALUES (1.0::DOUBLE, 1.5::DOUBLE, NULL::DOUBLE, 'x'), (NULL, 2.0, NULL, 'y')) AS t(id, score, none, name)"
    with duckdb.connect() as connection:
        assert whole_numbers(connection, rows) == ['"id"::BIGINT AS "id"']


# -- tables


def test_rows_are_numbered_with_those_that_cannot_be_read():
    with duckdb.connect() as connection:
        broken = [Broken(row, "is not UTF-8") for row in (1, 2, 5, 9)]
        table = Table(
            name="t", label="t", format="csv", relation="t", columns=(), rows=5, fingerprint="",
            connection=connection, broken=broken,
        )  # fmt: skip
        assert [table.row_of(index) for index in range(5)] == [3, 4, 6, 7, 8]
        assert table.row_of(5) == 10


def test_a_cursor_works_while_a_reader_is_open(folder):
    numbers(folder / "people.parquet", 0, 50_000)
    with open_source("people.parquet") as table:
        reader = table.connection.sql(f"FROM {table.relation}").to_arrow_reader(1000)
        first = reader.read_next_batch()
        with table.cursor() as other:
            assert other.sql(f"SELECT count(*) FROM {table.relation}").fetchall() == [(50_000,)]
            assert other.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        second = reader.read_next_batch()
        assert (first["user_id"][0].as_py(), second["user_id"][0].as_py()) == ("u0", "u1000")


def test_names_of_files_are_no_patterns():
    assert listed(["a*.csv"]) == "['a[*].csv']"
    assert Path("a[*].csv").name != "a*.csv"
