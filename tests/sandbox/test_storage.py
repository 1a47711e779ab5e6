"""What the store keeps, and that reading does not stand in the way of it."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from length import times

from cio_facade.sandbox.reading import StoreClosed
from cio_facade.sandbox.records import Call, Problem, RequestRecord
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.tables import is_empty

TIME = "2026-01-01T00:00:00.000+00:00"
SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n"
ENDLESS = SLOW.replace("LIMIT 1000000", "")


def call(position: int = 0, problem: str | None = None, **said: Any) -> Call:
    return Call(position, "track", "{}", 10, {"userId": "u1", "event": "E", **said}, problem)


def request(status: int = 200, **values: Any) -> RequestRecord:
    return RequestRecord(TIME, "/v1/batch", status=status, **values)


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    with closing(Storage(tmp_path / "s.db" if request.param == "file" else None)) as storage:
        yield storage


def rows(storage: Storage, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in storage.read(query)]


def test_every_call_has_its_verdict(storage: Storage) -> None:
    problem = Problem(400, "type", "wrong", "event", 1)
    mixed = request(lost=1, problems=(problem,))
    storage.record(mixed, [call(0), call(1, "event: wrong")])
    storage.record(request(400, problems=(problem,)), [call(0), call(1, "event: wrong")])
    assert rows(storage, "SELECT request, position, verdict, reason FROM received ORDER BY id") == [
        (1, 0, "accepted", None),
        (1, 1, "lost", "event: wrong"),
        (2, 0, "refused", "refused with the batch"),
        (2, 1, "refused", "event: wrong"),
    ]
    assert (mixed.id, mixed.accepted) == (1, 1)
    assert [(kept.id, kept.verdict) for kept in storage.requests()] == [(1, "partly lost"), (2, "refused")]


def test_a_request_without_a_call_that_could_be_read_has_a_row(storage: Storage) -> None:
    unread = request(lost=1, bytes=7, problems=(Problem(400, "json", "the body is no JSON"),))
    storage.record(unread, [])
    assert rows(storage, "SELECT type, bytes, verdict, reason FROM received") == [
        (None, 7, "lost", "the body is no JSON")
    ]
    assert rows(storage, "SELECT * FROM totals") == [("lost", 1, 7, 0)]


def test_a_repeat_is_seen_within_a_batch_and_across(storage: Storage) -> None:
    storage.record(request(), [call(0, messageId="m"), call(1, messageId="m"), call(2)])
    storage.record(request(), [call(0, messageId="m"), call(1)])
    assert [repeat for (repeat,) in rows(storage, "SELECT repeat FROM received ORDER BY id")] == [0, 1, 0, 1, 0]
    assert storage.counts().repeats == 2


def test_what_was_refused_makes_no_repeat(storage: Storage) -> None:
    storage.record(request(400), [call(messageId="m")])
    storage.record(request(), [call(messageId="m")])
    assert storage.counts().repeats == 0


def test_repeats_are_dropped_on_demand() -> None:
    with closing(Storage(drop_repeats=True)) as storage:
        twice = request()
        storage.record(twice, [call(0, messageId="m"), call(1, messageId="m")])
        assert (twice.accepted, twice.dropped, storage.counts().accepted) == (1, 1, 1)
        assert rows(storage, "SELECT verdict, calls, repeats FROM totals") == [("accepted", 1, 0), ("dropped", 1, 1)]


def test_sums_that_are_kept_are_those_of_the_calls(storage: Storage) -> None:
    chance = random.Random(7)
    for _ in range(30):
        status = chance.choice([200, 200, 400])
        calls = [
            call(i, chance.choice([None, None, "bad"]), event=chance.choice("AB"), messageId=chance.choice("mnopq"))
            for i in range(chance.randrange(6))
        ]
        storage.record(request(status, lost=sum(bool(call.problem) for call in calls)), calls)
    by_second = "SELECT unixepoch(time), type, event, verdict, count(*), sum(bytes) FROM received GROUP BY 1, 2, 3, 4"
    by_verdict = "SELECT verdict, count(*), sum(bytes), sum(repeat) FROM received GROUP BY verdict"
    assert rows(storage, "SELECT * FROM tallies") == rows(storage, by_second)
    assert rows(storage, "SELECT * FROM totals") == rows(storage, by_verdict)
    counts = storage.counts()
    assert counts.by_event == Counter(event for (event,) in rows(storage, "SELECT event FROM calls"))
    assert rows(storage, "SELECT count(*), sum(repeat) FROM calls") == [(counts.accepted, counts.repeats)]


def test_a_request_that_fails_leaves_nothing_and_the_next_is_kept(storage: Storage) -> None:
    bad = Call(1, "track", "{}", 2**70, {"userId": "u2", "event": "E"})  # no column holds such a size
    with pytest.raises(OverflowError):
        storage.record(request(), [call(0), bad])
    assert storage.counts().requests == 0
    assert rows(storage, "SELECT count(*) FROM people") == [(0,)]
    storage.record(request(), [call(0)])
    assert [kept.id for kept in storage.requests()] == [1]


def test_numbers_go_on_in_a_file_that_is_opened_again(tmp_path: Path) -> None:
    for number in (1, 2):
        with closing(Storage(tmp_path / "s.db")) as storage:
            again = request()
            storage.record(again, [call(messageId="m")])
            assert (again.id, storage.counts().repeats) == (number, number - 1)


def test_two_who_write_one_file_do_not_take_the_same_number(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as one, closing(Storage(tmp_path / "s.db")) as two:
        together = threading.Barrier(2, timeout=10)

        def write(store: Storage) -> None:
            for _ in range(40):
                together.wait()
                store.record(request(), [call()])

        threads = [threading.Thread(target=write, args=(store,)) for store in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [kept.id for kept in one.requests()] == list(range(1, 81))


def test_a_file_that_two_make_at_once_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(connection: sqlite3.Connection) -> bool:
        monkeypatch.undo()
        was_empty = is_empty(connection)
        Storage(tmp_path / "s.db").close()
        return was_empty

    monkeypatch.setattr("cio_facade.sandbox.storage.is_empty", overtaken)
    with closing(Storage(tmp_path / "s.db")) as storage:
        storage.record(request(), [call()])
        assert storage.counts().accepted == 1


@pytest.mark.parametrize("another", [False, True], ids=["deleted", "another in its place"])
def test_what_would_be_in_no_file_is_not_taken_in(another: bool, tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with closing(Storage(file)) as storage:
        storage.record(request(), [call()])
        moved = file.rename(tmp_path / "moved.db")
        if another:
            Storage(file).close()
        for write in (lambda: storage.record(request(), [call()]), storage.clear):
            with pytest.raises(sqlite3.OperationalError, match="moved or deleted"):
                write()
        if not another:
            moved.rename(file)
            storage.record(request(), [call()])
            assert storage.counts().accepted == 2


def test_nor_what_would_be_in_a_log_that_nobody_finds(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as storage:
        storage.record(request(), [call()])
        (tmp_path / "s.db-wal").unlink()
        with pytest.raises(sqlite3.OperationalError, match="or its log"):
            storage.record(request(), [call()])


def test_what_is_kept_is_there_for_others_at_once(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as storage, closing(sqlite3.connect(tmp_path / "s.db")) as other:
        storage.record(request(), [call()])
        assert other.execute("SELECT count(*) FROM calls").fetchone() == (1,)


def test_forgetting_leaves_no_row_anywhere(storage: Storage) -> None:
    storage.record(request(problems=(Problem(400, "a", "b"),)), [call()])
    storage.clear()
    tables = rows(storage, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    assert {name: rows(storage, f"SELECT count(*) FROM {name}") for (name,) in tables} == {
        name: [(0,)] for (name,) in tables
    }
    assert storage.counts().requests == 0


def test_a_read_without_end_does_not_keep_those_waiting_who_write(storage: Storage) -> None:
    def read() -> None:
        with suppress(StoreClosed):
            storage.read(ENDLESS)

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.01)
    writer = threading.Thread(target=lambda: [storage.record(request(), [call()]) for _ in range(20)], daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive()
    assert reader.is_alive()
    storage.close()
    reader.join()


def test_a_read_in_memory_that_takes_longer_gives_all_the_same() -> None:
    with closing(Storage()) as storage:
        storage.record(request(), [call()])
        assert rows(storage, f"SELECT ({SLOW}), count(*) FROM calls") == [(1_000_000, 1)]


def test_several_read_at_once(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as storage:
        together = threading.Barrier(6, timeout=5)
        found: list[int] = []

        def read() -> None:
            with storage.snapshot() as read:
                together.wait()  # nobody comes past here unless all have a snapshot of their own
                found.append(read("SELECT count(*) FROM calls")[0][0])

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [0] * 6


def test_a_snapshot_does_not_change_under_the_hands(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as storage, storage.snapshot() as read:
        before = read("SELECT count(*) FROM calls")[0][0]
        storage.record(request(), [call()])
        storage.clear()
        storage.record(request(), [call(), call(1)])
        assert (before, read("SELECT count(*) FROM calls")[0][0]) == (0, 0)
        assert storage.read("SELECT count(*) FROM calls")[0][0] == 2


def test_forgetting_while_others_read(storage: Storage) -> None:
    stop = threading.Event()
    wrong: list[Any] = []

    def read() -> None:
        while not stop.is_set():
            with storage.snapshot() as read:
                ((requests,),) = read("SELECT count(*) FROM requests")
                ((calls,),) = read("SELECT count(*) FROM calls")
            if calls != requests * 3:
                wrong.append((requests, calls))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        for _ in range(3):
            storage.record(request(), [call(0), call(1), call(2)])
        storage.clear()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_closing_ends_the_reads_that_are_under_way(storage: Storage) -> None:
    begun, errors = threading.Event(), list[BaseException]()

    def read() -> None:
        begun.set()
        try:
            storage.read(ENDLESS)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.02)
    moment = time.monotonic()
    storage.close()
    for thread in threads:
        thread.join()
    assert [type(error) for error in errors] == [StoreClosed] * 3
    assert time.monotonic() - moment < 1.5


def test_what_is_closed_says_so(storage: Storage) -> None:
    storage.close()
    storage.close()
    for use in (storage.counts, storage.requests, storage.clear, lambda: storage.record(request(), [call()])):
        with pytest.raises(StoreClosed, match="not run"):
            use()


def test_whoever_opens_a_connection_closes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.13 and later warn of one that is left to the garbage collector."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    (tmp_path / "text").write_text("no database at all, but long enough to be looked at " * 20)
    with closing(connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    monkeypatch.setattr(sqlite3, "connect", noted)
    for path in (None, tmp_path / "s.db"):
        with closing(Storage(path)) as storage:
            storage.record(request(), [call()])
            storage.counts()
            for query in ("SELECT 1", "SELEC", "DELETE FROM people", ENDLESS):
                with suppress(ValueError):
                    storage.query(query, seconds=0.02)
    for refused in ("text", "other.db"):
        with pytest.raises(ValueError, match="name another file"):
            Storage(tmp_path / refused)
    assert len(opened) > 10
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "s.db")) as storage:
        storage.record(request(), [call()])
        storage.counts()
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


def test_a_new_file_that_somebody_else_is_at_work_on_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waited: list[float] = []

        def end(seconds: float) -> None:
            waited.append(seconds)
            other.execute("ROLLBACK")

        monkeypatch.setattr(time, "sleep", end)
        with closing(Storage(tmp_path / "s.db")) as storage:
            assert waited
            assert rows(storage, "PRAGMA journal_mode") == [("wal",)]


OPEN_TOGETHER = """
import sys
from cio_facade.sandbox.storage import Storage
print("ready", flush=True)
for file in sys.stdin:
    try:
        Storage(file.strip()).close()
    except Exception as error:
        print(repr(error), flush=True)
    else:
        print("opened", flush=True)
"""


def test_several_processes_may_make_a_file_at_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPEN_TOGETHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(4)
        ]

        def told() -> list[str]:
            return [process.stdout.readline().strip() for process in processes if process.stdout]

        assert told() == ["ready"] * 4
        for number in range(times(40, 400)):
            for process in processes:
                assert process.stdin
                process.stdin.write(f"{tmp_path / f'{number}.db'}\n")
                process.stdin.flush()
            assert told() == ["opened"] * 4
        for process in processes:
            assert process.stdin
            process.stdin.close()


def test_a_file_of_another_form_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    Storage(file).close()
    with closing(sqlite3.connect(file)) as older:
        older.execute("PRAGMA user_version = 1")
    before = file.read_bytes()
    with pytest.raises(ValueError, match="form 1, which another version of the sandbox wrote") as raised:
        Storage(file)
    assert "\n" not in str(raised.value)
    assert file.read_bytes() == before


def test_a_file_that_is_no_sandbox_is_refused_and_left_alone(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("no database at all, but long enough to be looked at " * 20)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    for file, words in ((text, "no SQLite database"), (other, "not this sandbox's")):
        before = file.read_bytes()
        with pytest.raises(ValueError, match=words):
            Storage(file)
        assert file.read_bytes() == before


def test_a_place_that_cannot_be_opened_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        Storage(tmp_path / "no" / "such" / "folder.db")


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("type = ?", "received_by_type"),
        ("event = ?", "received_by_event"),
        ("event = ? AND type = 'track'", "received_by_event"),
        ("person = ?", "received_by_person"),
        ("person = ? AND event = 'E' AND type = 'track' AND verdict = 'accepted'", "received_by_person"),
        ("verdict = ? AND verdict <> 'accepted'", "received_not_accepted"),
        ("verdict = ? AND verdict <> 'accepted' AND type = 'track'", "received_not_accepted"),
        ("user_id = ? AND person IS NULL", "received_without_person"),
        ("message_id = ? AND verdict = 'accepted'", "received_by_message"),
        ("anonymous_id = ? AND person IS NULL AND user_id IS NULL AND verdict = 'accepted'", "received_anonymously"),
    ],
)
def test_the_newest_calls_are_found_by_the_narrowest_index_and_not_sorted(
    storage: Storage, condition: str, index: str
) -> None:
    newest = f"SELECT * FROM received WHERE {condition} AND id < 1000 ORDER BY id DESC LIMIT 50"
    steps = [row["detail"] for row in storage.read(f"EXPLAIN QUERY PLAN {newest}", ("value",))]
    assert [step.partition(" (")[0] for step in steps] == [f"SEARCH received USING INDEX {index}"]


def test_a_call_costs_no_more_where_there_are_many(storage: Storage) -> None:
    """Of steps of SQLite's machine, which no other load changes."""
    steps: list[int] = []
    for number in range(30):
        done = [0]

        def count(done: list[int] = done) -> None:
            done[0] += 1

        storage._connection.set_progress_handler(count, 10)
        storage.record(request(), [call(i, messageId=f"{number}-{i}") for i in range(100)])
        steps.append(done[0])
    assert max(steps[1:]) < 1.2 * min(steps[1:])
