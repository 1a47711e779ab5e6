"""The file of a durable outbox: what is appended is read until it is settled. Crashes: tests/faults."""

import logging
import os
import sqlite3
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cio_facade import database, ledger, recovery
from cio_facade import journal as journal_room
from cio_facade.errors import OutboxError, OutboxFullError
from cio_facade.journal import Group, Journal
from cio_facade.locks import BusyError, LockFile
from cio_facade.salvage import Salvage

MEBIBYTE = 1 << 20


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: how long a disk takes is no matter here, and one disk serves all tests."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Journal]]:
    """Opens journals on the path, and closes them all at the end."""
    journals: list[Journal] = []

    def open_(where: Path = path, **settings: object) -> Journal:
        journals.append(Journal(where, durability="relaxed", **settings))
        return journals[-1]

    yield open_
    for journal in journals:
        journal.close()


def calls(number: int, size: int = 10) -> list[bytes]:
    return [b'{"n":%*d}' % (size - 6, n) for n in range(number)]


def waiting(journal: Journal, after: int = 0) -> dict[int, bytes]:
    return {seq: call for group in journal.read(after, 100 * MEBIBYTE) for seq, call in zip(*group, strict=True)}


def balanced(journal: Journal) -> bool:
    totals = journal.totals()
    assert totals.pending == len(waiting(journal))
    return totals.accepted == totals.delivered + totals.rejected + totals.failed + totals.pending


# Appending and reading


def test_what_is_appended_is_read_in_order_until_it_is_settled(opened) -> None:
    journal = opened()
    assert list(journal.append([b"{1}", b"{2}"])) == [1, 2]
    assert list(journal.append([b"{3}"])) == [3]
    assert journal.read(0, MEBIBYTE) == [Group(range(1, 3), [b"{1}", b"{2}"]), Group(range(3, 4), [b"{3}"])]
    journal.settle([1, 3], "delivered")
    assert waiting(journal) == {2: b"{2}"}
    assert journal.sync()
    assert waiting(journal) == {2: b"{2}"}


def test_a_file_remembers(opened) -> None:
    journal = opened()
    journal.append(calls(5))
    journal.settle([2, 4], "rejected")
    journal.close()
    again = opened()
    assert again.opening == (3, False, False, None)
    assert list(waiting(again)) == [1, 3, 5]
    assert again.totals()[:5] == (5, 0, 2, 0, 3)


def test_a_number_is_never_given_twice(opened) -> None:
    journal = opened()
    journal.settle(journal.append(calls(3)), "delivered")
    journal.close()
    journal = opened()
    assert waiting(journal) == {}
    assert journal.append(calls(1))[0] == 4


def test_nothing_to_append_is_nothing(opened) -> None:
    journal = opened()
    assert len(journal.append([])) == 0
    assert journal.totals()[:6] == (0, 0, 0, 0, 0, 0)


def test_a_call_of_two_lines_is_refused_with_those_beside_it(opened) -> None:
    journal = opened()
    with pytest.raises(OutboxError, match="line break"):
        journal.append([b"{}", b"{\n}"])
    assert waiting(journal) == {}


def test_reading_goes_on_where_it_is_told(opened) -> None:
    journal = opened()
    for _ in range(3):
        journal.append(calls(4))
    assert list(waiting(journal, after=6)) == [6, 7, 8, 9, 10, 11, 12]
    assert list(waiting(journal, after=5)) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert waiting(journal, after=13) == {}


def test_reading_stops_when_there_is_enough_but_gives_something(opened) -> None:
    journal = opened()
    for _ in range(5):
        journal.append(calls(10, size=100))
    assert [len(group.calls) for group in journal.read(0, 1)] == [10]
    assert [group.seqs[0] for group in journal.read(0, 1_500)] == [1, 11]


def test_a_large_append_is_read_in_pieces(opened) -> None:
    journal = opened()
    given = calls(1_200, size=1_000)
    seqs = journal.append(given)
    pieces = journal.read(0, 1)
    assert len(pieces) == 1
    assert sum(map(len, pieces[0].calls)) < MEBIBYTE
    assert list(waiting(journal).items()) == list(zip(seqs, given, strict=True))


def test_a_call_larger_than_a_piece_is_kept(opened) -> None:
    journal = opened()
    given = [b"{}", b"x" * MEBIBYTE, b"{}"]
    journal.append(given)
    assert list(waiting(journal).values()) == given


def test_anybody_can_read_the_file(path: Path, opened) -> None:
    opened().append([b'{"a":1}', b'{"a":2}'])
    with sqlite3.connect(path) as other:
        [(data,)] = other.execute("SELECT CAST(data AS TEXT) FROM packed")
    other.close()
    assert data.splitlines() == ['{"a":1}', '{"a":2}']


# Settling


@pytest.mark.parametrize("outcome", ["delivered", "rejected", "failed"])
def test_an_outcome_is_counted_once(opened, outcome: str) -> None:
    journal = opened()
    seqs = journal.append(calls(4))
    journal.settle(seqs[:3], outcome)
    journal.settle(seqs[:3], outcome)
    assert journal.sync()
    journal.settle(seqs, "failed")
    journal.settle([0, 5, 77, -3], "delivered")
    totals = journal.totals()
    assert getattr(totals, outcome) >= 3
    assert sum(totals[1:4]) == totals.accepted == 4
    assert totals.pending == totals.bytes == 0


def test_settling_out_of_order_over_many_groups(opened) -> None:
    journal = opened()
    seqs = [seq for size in range(1, 20) for seq in journal.append(calls(size))]
    for part in (seqs[::3], seqs[1::3]):
        journal.settle(part[::-1], "delivered")
        journal.sync()
        assert balanced(journal)
    assert list(waiting(journal)) == seqs[2::3]
    journal.settle(seqs, "rejected")
    assert journal.totals()[:5] == (190, 127, 63, 0, 0)
    assert waiting(journal) == {}


def test_bytes_are_those_of_the_messages_in_the_file(opened) -> None:
    journal = opened()
    first, second = journal.append(calls(3, size=50)), journal.append(calls(2, size=70))
    assert journal.totals().bytes == 290
    journal.settle(first, "delivered")
    assert journal.totals().bytes == 140
    journal.settle(second[:1], "delivered")
    assert journal.totals().bytes == 140
    journal.settle(second, "delivered")
    assert journal.totals().bytes == 0


def test_many_outcomes_are_written_without_being_asked(path: Path, opened) -> None:
    journal, other = opened(), opened()
    journal.settle(journal.append(calls(30_000)), "delivered")
    assert other.totals().pending == 0


def test_outcomes_are_written_with_the_next_messages(opened) -> None:
    journal, other = opened(), opened()
    journal.settle(journal.append(calls(1)), "delivered")
    assert other.totals().delivered == 0
    journal.append(calls(1))
    assert other.totals().delivered == 1


def test_a_file_shrinks_when_a_backlog_is_gone(path: Path, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_room, "_FREE_PAGES", 100)
    journal = opened()
    seqs = journal.append([b"x" * 100_000] * 20)
    journal.close()
    assert path.stat().st_size > 2_000_000
    journal = opened()
    journal.settle(seqs, "delivered")
    assert journal.totals().pending == 0
    journal.close()
    assert path.stat().st_size < 100_000


# Limits


def test_at_most_so_many_messages_wait(opened) -> None:
    journal = opened(max_messages=5)
    seqs = journal.append(calls(4))
    with pytest.raises(OutboxFullError, match="max_messages=5"):
        journal.append(calls(2))
    journal.append(calls(1))
    assert len(waiting(journal)) == journal.totals().accepted == 5
    journal.settle(seqs[:2], "delivered")
    journal.append(calls(2))
    assert journal.totals().pending == 5


def test_at_most_so_many_bytes_wait(opened) -> None:
    journal = opened(max_bytes=1_000)
    seqs = journal.append(calls(9, size=100))
    with pytest.raises(OutboxFullError, match="max_bytes=1000"):
        journal.append(calls(1, size=101))
    journal.append(calls(1, size=100))
    journal.settle(seqs, "failed")
    journal.append(calls(9, size=100))


def test_limits_count_what_others_put(opened) -> None:
    one, other = opened(max_messages=3), opened(max_messages=3)
    one.append(calls(2))
    with pytest.raises(OutboxFullError):
        other.append(calls(2))


# Threads


def test_threads_each_get_their_own_numbers(opened) -> None:
    journal = opened()
    taken: dict[int, bytes] = {}

    def put(name: int) -> None:
        for n in range(20):
            given = [b"%d-%d-%d" % (name, n, k) for k in range(1 + n % 3)]
            taken.update(zip(journal.append(given), given, strict=True))

    threads = [threading.Thread(target=put, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiting(journal) == taken
    assert len(taken) == 8 * 39
    assert balanced(journal)


class Gate:
    """Holds the first commit until others wait behind it."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commits: list[int] = []
        self.entered, self.go = threading.Event(), threading.Event()
        keep = journal._keep

        def held(puts: list) -> None:
            self.commits.append(len(puts))
            self.entered.set()
            assert self.go.wait(10)
            keep(puts)

        monkeypatch.setattr(journal, "_keep", held)


def together(journal: Journal, gate: Gate, appends: list[list[bytes]]) -> list[range | Exception]:
    """Append from a thread each, all but the first while the first commits."""
    outcomes: dict[int, range | Exception] = {}

    def put(n: int) -> None:
        try:
            outcomes[n] = journal.append(appends[n])
        except OutboxError as error:
            outcomes[n] = error

    threads = [threading.Thread(target=put, args=(n,)) for n in range(len(appends))]
    threads[0].start()
    assert gate.entered.wait(10)
    for n, thread in enumerate(threads[1:], 1):
        thread.start()
        while journal._batch is None or len(journal._batch.puts) < n:
            assert thread.is_alive()
    gate.go.set()
    for thread in threads:
        thread.join()
    return [outcomes[n] for n in range(len(appends))]


def test_threads_that_wait_share_a_commit(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened()
    gate = Gate(journal, monkeypatch)
    outcomes = together(journal, gate, [calls(2)] * 6)
    assert gate.commits == [1, 5]
    assert sorted(seq for outcome in outcomes for seq in outcome) == list(range(1, 13))
    assert len(journal.read(0, MEBIBYTE)) == 2  # a row a commit
    assert balanced(journal)


def test_of_a_shared_commit_only_those_without_room_are_refused(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(max_messages=6)
    outcomes = together(journal, Gate(journal, monkeypatch), [calls(1), calls(3), calls(4), calls(2)])
    assert [type(outcome) for outcome in outcomes] == [range, range, OutboxFullError, range]
    assert sorted(waiting(journal)) == sorted(seq for n in (0, 1, 3) for seq in outcomes[n]) == [1, 2, 3, 4, 5, 6]


def test_of_a_shared_commit_that_fails_each_is_tried_alone(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened()
    monkeypatch.setattr(journal._database, "make_room", no_more_than(1_000))
    outcomes = together(journal, Gate(journal, monkeypatch), [calls(1), calls(1), calls(200), calls(1)])
    assert [type(outcome) for outcome in outcomes] == [range, range, OutboxError, range]
    assert len(waiting(journal)) == 3


def no_more_than(most: int) -> Callable[[int], None]:
    def make_room(size: int) -> None:
        if size > most:
            raise OutboxError("the disk is full")

    return make_room


def test_an_interrupt_leaves_nothing_half_done(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened()

    def interrupt() -> float:
        raise KeyboardInterrupt

    journal.settle(journal.append(calls(1)), "delivered")
    with monkeypatch.context() as patched:
        patched.setattr(journal, "_now", interrupt)
        with pytest.raises(KeyboardInterrupt):
            journal.append(calls(3))
    assert waiting(journal) == {}
    assert list(journal.append(calls(1))) == [2]
    assert journal.totals().delivered == 1


# Several journals on a file


def test_one_of_several_delivers(opened) -> None:
    one, other = opened(), opened()
    assert one.lead()
    assert one.lead()
    assert not other.lead()
    one.close()
    assert not one.lead()
    assert other.lead()


def test_a_file_that_others_have_open_is_not_taken_for_one_that_was_left(opened) -> None:
    one, other = opened(), opened()
    other.append(calls(2))
    one.close()
    assert opened().opening == (2, False, False, None)


def test_a_journal_notices_what_others_wrote(opened) -> None:
    one, other = opened(), opened()
    assert other.last() == 0
    one.append(calls(1))
    assert other.last() == 1
    assert list(waiting(other)) == [1]


def test_nobody_else_writes_meanwhile(path: Path, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite before 3.51.3 can damage its log where connections write or checkpoint at the same time."""
    free: list[bool] = []
    other = LockFile(f"{path}-lock")

    def look(*_: object) -> float:
        free.append(other.take())
        return 1.0

    journal = opened(now=look)
    seqs = journal.append(calls(3))
    monkeypatch.setattr(ledger, "settle", look)
    journal.settle(seqs, "delivered")
    journal.sync()
    monkeypatch.setattr(recovery, "waiting", look)
    opened()
    assert free == [False, False, False, False]
    assert other.take()
    other.close()


def test_a_name_of_another_kind_is_the_same_file(path: Path, tmp_path: Path, opened) -> None:
    one = opened()
    (tmp_path / "link.db").symlink_to(path)
    other = opened(tmp_path / "link.db")
    assert one.lead()
    assert not other.lead()
    assert not (tmp_path / "link.db-lock").exists()


def test_a_name_may_have_any_characters(tmp_path: Path, opened) -> None:
    where = tmp_path / "é a?b#c%20d&mode=ro.db"
    opened(where).append(calls(1))
    assert where.exists()


# Files


def test_nobody_else_may_read_the_files(path: Path, tmp_path: Path, opened) -> None:
    before = os.umask(0)
    try:
        opened().append(calls(1))
    finally:
        os.umask(before)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [
        f"outbox.db{ending}" for ending in ("", "-deliver", "-lock", "-open", "-shm", "-wal")
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_closed_file_is_whole_without_its_log(path: Path, tmp_path: Path, opened) -> None:
    journal = opened()
    journal.append(calls(3))
    journal.close()
    journal.close()
    assert sorted(file.name for file in tmp_path.iterdir() if file.stat().st_size) == ["outbox.db"]


def test_a_closed_journal_says_so(opened) -> None:
    journal = opened()
    journal.append(calls(1))
    journal.close()
    for use in (lambda: journal.append(calls(1)), lambda: journal.read(0, 1), journal.totals, journal.last):
        with pytest.raises(OutboxError, match="closed"):
            use()
    journal.settle([1], "delivered")
    assert not journal.sync()


def test_an_empty_file_becomes_an_outbox(path: Path, opened) -> None:
    path.touch()
    assert list(opened().append(calls(1))) == [1]


def test_a_log_without_its_database_is_put_aside(path: Path, tmp_path: Path, opened) -> None:
    Path(f"{path}-wal").write_bytes(b"left")
    opened().append(calls(1))
    [aside] = tmp_path.glob("outbox.db.damaged-*-wal")
    assert aside.read_bytes() == b"left"


def test_a_file_that_is_replaced_is_not_written_to(path: Path, opened) -> None:
    journal = opened()
    journal.append(calls(1))
    path.unlink()
    for _ in range(2):
        with pytest.raises(OutboxError, match=r"path: .*outbox\.db"):
            journal.append(calls(1))
        path.touch()
    assert path.stat().st_size == 0


# What is refused


def test_a_file_of_something_else_is_left_as_it_is(path: Path, opened) -> None:
    for content in (b"Dear diary", b"x" * 5_000):
        path.write_bytes(content)
        with pytest.raises(OutboxError, match=r"path: .*outbox\.db is no outbox"):
            opened()
        assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_of_something_else_is_left_as_it_is(path: Path, opened, mode: str) -> None:
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA journal_mode = {mode}")
    other.execute("CREATE TABLE diary (line)")
    other.commit()
    files = {file: file.read_bytes() for file in path.parent.glob("outbox.db*") if not file.name.endswith("-shm")}
    with pytest.raises(OutboxError, match="no outbox"):
        opened()
    assert files == {file: file.read_bytes() for file in files}
    other.close()


def test_a_file_of_a_later_version_is_left_as_it_is(path: Path, opened) -> None:
    opened().close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 2")
    other.close()
    content = path.read_bytes()
    with pytest.raises(OutboxError, match=r"later version .*Update cio-facade"):
        opened()
    assert path.read_bytes() == content


def test_a_file_of_an_earlier_version_is_brought_up_to_date(path: Path, opened, monkeypatch) -> None:
    journal = opened()
    journal.append(calls(2))
    journal.close()
    monkeypatch.setattr(recovery, "_FORM", 3)
    monkeypatch.setattr(recovery, "_STEPS", {1: "CREATE TABLE one (x)", 2: "ALTER TABLE one ADD COLUMN y"})
    assert len(waiting(opened())) == 2
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA user_version").fetchone() == (3,)
    assert other.execute("SELECT x, y FROM one").fetchall() == []
    other.close()


def test_a_place_that_is_none_is_named(tmp_path: Path, opened) -> None:
    with pytest.raises(OutboxError, match=r"path: the directory .*nowhere does not exist; make it first"):
        opened(tmp_path / "nowhere" / "outbox.db")
    with pytest.raises(OutboxError, match=r"path: .* is a directory; name a file in it"):
        opened(tmp_path)
    with pytest.raises(OutboxError, match="path: "):
        opened(tmp_path / ("x" * 300))


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Callable[[int, int], Path]]:
    """Makes an outbox, in a directory that everybody can reach, and becomes somebody without rights on it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Journal(folder / "outbox.db").close()

        def lock(rights: int, others: int) -> Path:
            for file in folder.iterdir():
                file.chmod(others)
            (folder / "outbox.db").chmod(0o444)
            folder.chmod(rights)
            if os.getuid() == 0:
                os.seteuid(65_534)
            return folder / "outbox.db"

        yield lock
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_place_that_may_not_be_written_is_named(locked) -> None:
    with pytest.raises(OutboxError, match=r"path: cannot open .*outbox\.db-lock: Permission denied"):
        Journal(locked(0o555, 0o444))


def test_a_file_that_may_not_be_written_is_named(locked) -> None:
    with pytest.raises(OutboxError, match=r"path: .*outbox\.db cannot be used: .*readonly"):
        Journal(locked(0o777, 0o666))


def test_a_system_without_flock_is_told(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(OutboxError, match=r"flock.*leave path out"):
        opened()


# Time, words


def test_the_age_is_that_of_the_oldest_message(opened) -> None:
    moments = iter([100.0, 50.0, 200.0])  # a clock that jumps changes nothing but the age
    journal = opened(now=lambda: next(moments))
    assert journal.totals().oldest is None
    for _ in range(3):
        journal.append(calls(1))
    assert journal.totals().oldest == 100.0
    journal.settle([1], "delivered")
    assert journal.totals().oldest == 50.0
    assert list(waiting(journal)) == [2, 3]


def test_an_opening_says_what_was_found() -> None:
    assert database.Opening(3).words == "3 waiting"
    assert database.Opening(3, unclean=True).words == "it was not closed; 3 waiting"
    assert "cut short" in database.Opening(3, unclean=True, torn=True).words
    damaged = database.Opening(2, True, False, Salvage(2, 5, "/x.damaged-1"))
    assert damaged.words == "it was damaged: 2 messages saved, 5 lost; the damaged file is now /x.damaged-1"
    assert "an unknown number lost" in damaged._replace(salvage=Salvage(2, None, "/x")).words


def test_a_good_opening_is_not_logged(opened, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        opened().append(calls(1))
        opened().close()
    assert caplog.text == ""


# Another process that holds the lock ----------------------------------------------------------------------------------


def test_a_process_that_was_stopped_while_it_wrote_holds_up_no_reader(
    opened: Callable[..., Journal], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_MOMENT", 0.001)
    journal = opened()
    seqs = journal.append([b"{}", b"{}"])
    other = LockFile(f"{path}-lock")
    assert other.take()
    journal.settle(seqs[:1], "delivered")
    assert not journal.sync()
    assert [group.calls for group in journal.read(0, 1)] == [[b"{}"]]
    assert journal.totals().pending == 2  # not written yet
    other.close()
    assert journal.sync()
    assert journal.totals().pending == 1


def test_messages_are_refused_when_the_file_is_held_for_too_long_and_none_is_kept(
    opened: Callable[..., Journal], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_MOMENT", 0.001)
    monkeypatch.setattr(journal_room, "_PATIENCE", 0.01)
    journal = opened()
    other = LockFile(f"{path}-lock")
    assert other.take()
    with pytest.raises(OutboxError, match="another process"):
        journal.append([b"{}"])
    other.close()
    assert journal.totals().accepted == 0
    assert len(journal.append([b"{}"])) == 1


def test_a_put_that_was_kept_is_not_kept_again_when_another_has_to_wait(
    opened: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two share a commit, which fails together; alone the first is kept, and the second meets another process."""
    journal = opened()
    make_room, transaction = journal._database.make_room, journal._database.transaction
    begun: list[int] = []

    def little_room(size: int) -> None:
        if size > 5:
            raise OutboxError("the disk is full")
        make_room(size)

    def busy_once(synchronous: Any) -> Any:
        begun.append(1)
        if len(begun) == 2:
            raise BusyError("another process")
        return transaction(synchronous)

    monkeypatch.setattr(journal._database, "make_room", little_room)
    monkeypatch.setattr(journal._database, "transaction", busy_once)
    batch = journal_room._Batch(ledger.Put([b"[1]"]))
    batch.puts.append(ledger.Put([b"[2]"]))
    journal._commit(batch)
    assert [put.done for put in batch.puts] == [True, True]
    assert sorted(waiting(journal).values()) == [b"[1]", b"[2]"]


def test_when_one_of_a_shared_commit_waits_in_vain_the_others_are_told_what_became_of_theirs(
    opened: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share a commit, which fails; each alone: one is kept, one finds no room, one fails, one meets another."""
    monkeypatch.setattr(journal_room, "_PATIENCE", 0.0)
    journal = opened(max_messages=1)
    puts = [ledger.Put([b"[%d]" % n]) for n in range(4)]
    batch = journal_room._Batch(puts[0])
    batch.puts += puts[1:]
    failures = [OutboxError("together"), None, None, OutboxError("alone"), BusyError("another process")]
    transaction = journal._database.transaction

    def failing(synchronous: Any) -> Any:
        if (failure := failures.pop(0)) is not None:
            raise failure
        return transaction(synchronous)

    monkeypatch.setattr(journal._database, "transaction", failing)
    journal._commit(batch)
    monkeypatch.undo()
    assert not failures
    assert waiting(journal) == dict.fromkeys(puts[0].seqs(), b"[0]")
    for put, words in zip(puts[1:], ("no room", "alone", "another process"), strict=True):
        with pytest.raises(OutboxError, match=words):
            put.seqs()
