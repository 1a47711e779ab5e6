"""SQL of users: it reads, and can do nothing else; its mistakes have one error."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.sandbox.queries import QueryError
from cio_facade.sandbox.reading import Readers, StoreClosed
from cio_facade.sandbox.records import Call, RequestRecord
from cio_facade.sandbox.storage import Storage

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
MANY = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) SELECT i FROM n"


def record(storage: Storage, *message_ids: str) -> None:
    calls = [
        Call(i, "track", f'{{"messageId":"{name}"}}', 9, {"userId": "u1", "event": "E", "messageId": name})
        for i, name in enumerate(message_ids)
    ]
    storage.record(RequestRecord("2026-01-01T00:00:00.000+00:00", "/v1/batch", status=200), calls)


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    with closing(Storage(tmp_path / "s.db" if request.param == "file" else None)) as storage:
        record(storage, "m1", "m2")
        yield storage


def test_a_query_gives_columns_and_rows(storage: Storage) -> None:
    answer = storage.query("SELECT message_id, bytes AS size FROM calls WHERE event = ? ORDER BY id", ("E",))
    assert answer == (("message_id", "size"), [("m1", 9), ("m2", 9)], False)
    assert storage.query("SELECT count(*) FROM calls WHERE event = :event", {"event": "no"}).rows == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH some AS (SELECT * FROM calls) SELECT count(*) FROM some",
        "SELECT value FROM json_each('[1]')",
        "SELECT body ->> 'messageId', row_number() OVER (ORDER BY id) FROM received",
        "SELECT name FROM sqlite_master UNION SELECT name FROM pragma_table_info('calls')",
        "PRAGMA table_info(calls)",
        "EXPLAIN QUERY PLAN SELECT * FROM calls WHERE event = 'E'",
        "VALUES (1), (2)",
        "/* a comment */ SELECT 1; -- another",
    ],
)
def test_all_that_reads_is_possible(storage: Storage, sql: str) -> None:
    assert storage.query(sql).rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM received",
        "INSERT INTO suppressed (user_id, time) VALUES ('a', 'b')",
        "UPDATE people SET traits = '{}' RETURNING id",
        "WITH x AS (SELECT 1) DELETE FROM requests",
        "REPLACE INTO suppressed (user_id, time) VALUES ('a', 'b')",
        "CREATE TABLE mine (x)",
        "CREATE TEMP TABLE mine AS SELECT 1",
        "CREATE TEMP VIEW mine AS SELECT 1",
        "DROP TABLE problems",
        "ALTER TABLE problems ADD COLUMN x",
        "VACUUM",
        "VACUUM INTO '/tmp/never.db'",
        "REINDEX",
        "ANALYZE",
        "ATTACH DATABASE ':memory:' AS other",
        "DETACH DATABASE main",
        "BEGIN",
        "BEGIN EXCLUSIVE",
        "COMMIT",
        "SAVEPOINT s",
        "PRAGMA user_version = 9",
        "PRAGMA user_version",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "SELECT * FROM pragma_user_version",
        "SELECT load_extension('x')",
        "CREATE VIRTUAL TABLE mine USING fts5 (x)",
    ],
)
def test_all_else_is_refused_and_changes_nothing(storage: Storage, sql: str) -> None:
    with pytest.raises(QueryError):
        storage.query(sql)
    record(storage, "m3")  # no lock was left, no transaction is open
    assert storage.counts().accepted == 3
    assert storage.query("SELECT count(*) FROM sqlite_master WHERE name = 'mine'").rows == [(0,)]


@pytest.mark.parametrize(
    ("sql", "parameters", "words"),
    [
        ("SELEC 1", (), "syntax"),
        ("SELECT * FROM absent", (), "no such table"),
        ("SELECT 1; SELECT 2", (), "one statement"),
        ("SELECT ?", (), "binding"),
        ("SELECT 1", (1,), "binding"),
        ("SELECT :a", {"b": 1}, "binding"),
        ("SELECT ?", ({},), "binding|type"),
        ("SELECT ?", (2**63,), "too large"),
        ("", (), "no statement"),
        ("-- nothing", (), "no statement"),
        ("SELECT '\ud800'", (), "surrogates"),
        ("SELECT 1\0", (), "null"),
        ("SELECT json('{')", (), "malformed JSON"),
        ("SELECT zeroblob(1000000000)", (), "too big"),
        ("DELETE FROM received", (), "only reading"),
    ],
)
def test_mistakes_are_told_in_one_line(storage: Storage, sql: str, parameters: tuple[object, ...], words: str) -> None:
    with pytest.raises(QueryError, match=words) as raised:
        storage.query(sql, parameters)
    assert isinstance(raised.value, ValueError)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=30) | st.sampled_from(["SELECT ", "?", ";", "'", "x'"]).flatmap(lambda a: st.just(a * 3)))
@settings(max_examples=50, deadline=None)
def test_no_text_raises_anything_else(sql: str) -> None:
    with closing(Storage()) as storage, suppress(QueryError):
        storage.query(sql, seconds=1)


def test_an_endless_query_is_ended(storage: Storage) -> None:
    with pytest.raises(QueryError, match=r"more than 0\.05 s"):
        storage.query(ENDLESS, seconds=0.05)


def test_an_endless_query_of_many_rows_is_ended(storage: Storage) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT i FROM n"
    with pytest.raises(QueryError, match=r"more than 0\.05 s"):
        storage.query(endless, seconds=0.05, rows=10**9)


def test_rows_past_the_limit_are_left_out_and_said_to_be_there(storage: Storage) -> None:
    assert storage.query(MANY, rows=3) == (("i",), [(1,), (2,), (3,)], True)
    assert storage.query(MANY, rows=200).more is False


def test_an_answer_has_a_largest_size(storage: Storage) -> None:
    with pytest.raises(QueryError, match="larger than"):
        storage.query(MANY.replace("SELECT i FROM", "SELECT zeroblob(10000000) FROM"))


def test_text_that_is_none_can_be_read(storage: Storage) -> None:
    assert storage.query("SELECT CAST(x'41ff' AS TEXT), x'41ff'").rows == [("A\ufffd", b"A\xff")]


def test_writing_goes_on_while_a_query_runs(storage: Storage) -> None:
    def run() -> None:
        with suppress(StoreClosed):
            storage.query(ENDLESS, seconds=600)

    slow = threading.Thread(target=run)
    slow.start()
    for number in range(20):
        record(storage, f"w{number}")
    assert storage.counts().accepted == 22
    assert slow.is_alive()
    storage.close()
    slow.join()


def test_a_query_sees_what_was_committed_before_it(storage: Storage) -> None:
    for number in range(5):
        record(storage, f"n{number}")
        assert storage.query("SELECT count(*) FROM calls").rows == [(3 + number,)]


def test_a_query_that_runs_when_the_store_closes_is_told_so(storage: Storage) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            storage.query(ENDLESS, seconds=600)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    begun = time.monotonic()
    storage.close()
    thread.join()
    assert time.monotonic() - begun < 1
    assert [type(error) for error in errors] == [StoreClosed]
    with pytest.raises(StoreClosed):
        storage.query("SELECT 1")


def test_a_file_is_queried_without_a_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with closing(Storage(file)) as storage:
        record(storage, "m1")
    before = file.read_bytes()
    with closing(Readers(file)) as readers:
        assert readers.query("SELECT message_id FROM calls").rows == [("m1",)]
        with pytest.raises(QueryError):
            readers.query("DELETE FROM received")
    assert file.read_bytes() == before


def test_a_file_is_queried_beside_a_sandbox_that_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with closing(Storage(file)) as storage, closing(Readers(file)) as readers:
        record(storage, "m1")
        assert readers.query("SELECT message_id FROM calls").rows == [("m1",)]


def test_what_is_no_file_of_a_sandbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Readers(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at " * 20)
    with pytest.raises(ValueError, match="no SQLite database"):
        Readers(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"):
        Readers(tmp_path / "empty")
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ValueError, match="not this sandbox's"):
        Readers(tmp_path / "other")
