"""The journal of a load: what was synced is there, whatever happens; each row counts once, by its first outcome."""

import errno
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from load_worker import ROWS, outcome_of

from cio_facade.errors import CustomerIOError
from cio_facade.loading import stores
from cio_facade.loading.journal import LoadJournal, Totals
from cio_facade.loading.marks import BLOCK

OUTCOMES = ("delivered", "rejected", "unchanged")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[LoadJournal]:
    journal = LoadJournal(path, now=lambda: 0.0)
    yield journal
    journal.close()


def again(path: Path, *, rows: int = 10, fingerprint: str = "f", now: float = 5.0) -> LoadJournal:
    journal = LoadJournal(path, now=lambda: now)
    journal.begin(fingerprint, rows, {})
    return journal


def bitmaps(path: Path) -> dict[str, set[int]]:
    """Which rows have an outcome, read from the file by other means."""
    found: dict[str, set[int]] = {outcome: set() for outcome in OUTCOMES}
    database = sqlite3.connect(path)
    for block, *bits in database.execute("SELECT block, delivered, rejected, unchanged FROM blocks"):
        for outcome, bitmap in zip(OUTCOMES, bits, strict=True):
            number = int.from_bytes(bitmap or b"", "little")
            found[outcome] |= {block * BLOCK + place for place, bit in enumerate(bin(number)[:1:-1]) if bit == "1"}
    database.close()
    return found


# Begin and go on -----------------------------------------------------------------------------------------------------


def test_a_load_is_new_then_resumed_then_finished(path: Path, journal: LoadJournal) -> None:
    assert not journal.unfinished
    begun = journal.begin("f", 10, {"plan": 1})
    assert (begun.state, begun.stamp, begun.totals) == ("new", "1970-01-01T00:00:00.000Z", Totals())
    assert not journal.unfinished  # what it loads may still be read anew
    journal.note(range(4), "delivered")
    assert journal.unfinished
    assert not journal.finish()
    journal.close()

    journal = LoadJournal(path, now=lambda: 5.0)
    assert journal.unfinished
    begun = journal.begin("f", 10, {"plan": 1})
    assert (begun.state, begun.stamp) == ("resumed", "1970-01-01T00:00:00.000Z")
    assert begun.totals == Totals(4, 0, 0)
    assert "4 of 10 rows" in begun.words
    assert journal.first_open() == 4
    journal.note(range(4, 10), "delivered")
    assert journal.finish()
    journal.close()

    journal = LoadJournal(path, now=lambda: 9.0)
    assert not journal.unfinished
    begun = journal.begin("f", 10, {"plan": 1})
    assert begun.state == "finished"
    assert "1970-01-01T00:00:05.000Z" in begun.words
    assert journal.totals() == begun.totals == Totals(10, 0, 0)
    journal.close()


@pytest.mark.parametrize(("fingerprint", "rows", "description"), [("g", 10, {}), ("f", 11, {}), ("f", 10, {"x": 1})])
def test_what_changed_while_it_was_interrupted_is_noticed(
    path: Path, journal: LoadJournal, fingerprint: str, rows: int, description: dict[str, int]
) -> None:
    journal.begin("f", 10, {})
    journal.note([1], "delivered")
    journal.close()
    journal = LoadJournal(path)
    begun = journal.begin(fingerprint, rows, description)
    assert begun.state == "changed"
    assert ("the source has changed" if not description else "what is sent of it has changed") in begun.words
    assert "1 of 10 rows" in begun.words
    assert journal.unfinished
    begun = journal.begin(fingerprint, rows, description, again=True)
    assert (begun.state, begun.totals) == ("new", Totals())
    assert journal.settled(0, rows) is None
    journal.close()


def test_what_changed_before_anything_was_settled_is_a_new_load(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 10, {})
    journal.note([1], "failed", "nobody got through")
    journal.close()
    journal = LoadJournal(path)
    assert journal.begin("g", 12, {}).state == "new"
    journal.close()


def test_a_finished_load_of_a_source_that_changed_is_a_new_one(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 2, {})
    journal.note([0], "delivered")
    journal.note([1], "rejected", "why")
    assert journal.finish()
    assert list(journal.rejected()) == [(1, "why")], "what was rejected can be read until the next load begins"
    begun = journal.begin("g", 5, {})
    assert begun.state == "new"
    assert "the source has changed" in begun.words
    assert list(journal.rejected()) == []
    assert journal.reasons() == {}
    assert journal.totals() == Totals()


def test_again_begins_anew_with_a_stamp_of_its_own(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 1, {})
    journal.note([0], "delivered")
    journal.finish()
    journal.close()
    journal = LoadJournal(path, now=lambda: 60.0)
    begun = journal.begin("f", 1, {}, again=True)
    assert (begun.state, begun.stamp) == ("new", "1970-01-01T00:01:00.000Z")
    assert journal.first_open() == 0
    journal.close()


def test_a_source_without_rows_is_finished_at_once(journal: LoadJournal) -> None:
    journal.begin("f", 0, {})
    assert journal.first_open() == 0
    assert journal.finish()


# Noting --------------------------------------------------------------------------------------------------------------


def test_the_first_outcome_stays_and_counts_once(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 10, {})
    journal.note([3, 3], "rejected", "first")
    journal.note([3, 4, 4], "delivered")
    journal.note([3], "rejected", "second")
    journal.note([4], "rejected", "late")
    journal.sync()
    journal.note(list(range(10)) * 5, "delivered")
    assert journal.totals() == Totals(9, 1, 0)
    assert list(journal.rejected()) == [(3, "first")]
    journal.close()
    assert bitmaps(path) == {"delivered": set(range(10)) - {3}, "rejected": {3}, "unchanged": set()}


def test_what_failed_stays_open(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 2, {})
    journal.note([0, 1], "failed", "nobody got through")
    assert journal.first_open() == 0
    journal.note([0], "delivered")
    journal.note([0], "failed")
    assert journal.totals() == Totals(1, 0, 0)
    assert not journal.finish()


@pytest.mark.parametrize(
    "given_as",
    [list, tuple, np.array, lambda rows: memoryview(np.array(rows)), lambda rows: np.array(rows, np.uint32)],
    ids=["list", "tuple", "array", "memoryview", "32 bits"],
)
@pytest.mark.parametrize("number", [1, 3_000])
def test_rows_are_given_as_it_comes(journal: LoadJournal, given_as: type, number: int) -> None:
    rows = random.Random(1).sample(range(3 * BLOCK), number)
    journal.begin("f", 3 * BLOCK, {})
    journal.note(given_as(rows), "delivered")
    journal.note(given_as([]), "delivered")
    settled = journal.settled(0, 3 * BLOCK)
    assert np.flatnonzero(settled).tolist() == sorted(rows)
    assert journal.totals().delivered == number


@pytest.mark.parametrize("rows", [[-1], [10], list(range(-1, 50))])
def test_a_row_that_is_none_is_refused(journal: LoadJournal, rows: list[int]) -> None:
    journal.begin("f", 10, {})
    with pytest.raises(ValueError, match="there is no row"):
        journal.note(rows, "delivered")


def test_settled_tells_of_any_stretch_also_over_blocks(journal: LoadJournal) -> None:
    journal.begin("f", 4 * BLOCK, {})
    assert journal.settled(0, 4 * BLOCK) is None
    journal.note(range(BLOCK - 2, BLOCK + 3), "unchanged")
    journal.note(range(2 * BLOCK, 3 * BLOCK), "delivered")
    journal.sync()  # a block that is full leaves the memory
    assert journal.settled(BLOCK - 4, 4).tolist() == [False, False, True, True]
    assert journal.settled(BLOCK, 4).tolist() == [True, True, True, False]
    assert journal.settled(2 * BLOCK - 1, BLOCK + 2).tolist() == [False, *[True] * BLOCK, False]
    assert journal.settled(0, 100) is None
    assert journal.settled(3 * BLOCK, 10) is None
    journal.note(range(4 * BLOCK), "delivered")
    assert journal.first_open() == 4 * BLOCK
    journal.sync()
    assert journal.first_open() == 4 * BLOCK
    assert journal.finish()


def test_rejected_rows_come_in_order_with_their_reasons(path: Path, journal: LoadJournal) -> None:
    number = 25_000
    rows = list(range(number))
    random.Random(2).shuffle(rows)
    journal.begin("f", number, {})
    for at in range(0, number, 1_000):
        journal.note(rows[at : at + 1_000], "rejected", f"reason {at % 7_000}")
    for outcome in ("", "x"):
        journal.note(rows[:1], "rejected", outcome)
    said = {row: f"reason {at // 1_000 * 1_000 % 7_000}" for at, row in enumerate(rows)}
    assert list(journal.rejected()) == sorted(said.items())
    assert sum(journal.reasons().values()) == number
    assert list(journal.reasons(1).values()) == [max(journal.reasons().values())]
    journal.close()
    database = sqlite3.connect(path)
    assert database.execute("SELECT count(*) FROM reasons").fetchone() == (7,)
    database.close()


def test_threads_note_and_sync_at_once(path: Path, journal: LoadJournal) -> None:
    number, threads = 60_000, 6
    journal.begin("f", number, {})
    raised: list[BaseException] = []

    def work(part: int) -> None:
        chance = random.Random(part)
        try:
            for _ in range(60):
                first = chance.randrange(number - 1_000)
                rows = range(first, first + 1_000)
                journal.note([row for row in rows if row % 2], "delivered")
                journal.note([row for row in rows if row % 2 == 0], "rejected", f"reason {part}")
                journal.sync()
        except BaseException as error:
            raised.append(error)

    workers = [threading.Thread(target=work, args=(part,)) for part in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not raised
    totals, rejected = journal.totals(), list(journal.rejected())
    journal.close()
    found = bitmaps(path)
    assert totals == Totals(len(found["delivered"]), len(found["rejected"]), 0)
    assert {row for row, _ in rejected} == found["rejected"]
    assert all(row % 2 for row in found["delivered"])


steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([*OUTCOMES, "failed"]),
            st.lists(st.integers(0, 2 * BLOCK + 100), max_size=40)
            | st.builds(
                lambda first, size: list(range(first, min(first + size, 2 * BLOCK + 101))),
                st.integers(0, 2 * BLOCK + 100),
                st.integers(1, 70_000),
            ),
            st.sampled_from(["a", "b"]),
        ),
        st.sampled_from(["sync", "reopen"]),
    ),
    max_size=12,
)


@given(steps)
def test_it_is_a_dict_that_never_changes_its_mind(tmp_path_factory: pytest.TempPathFactory, does: list) -> None:
    path = tmp_path_factory.getbasetemp() / "model.db"  # the same for all examples: to make one is slow
    rows = 2 * BLOCK + 101
    journal, model = LoadJournal(path), {}
    assert journal.begin("f", rows, {}, again=True).state == "new"
    for step in does:
        if step == "sync":
            journal.sync()
        elif step == "reopen":
            journal.close()
            journal = again(path, rows=rows)
        else:
            outcome, indexes, reason = step
            journal.note(indexes, outcome, reason)
            if outcome != "failed":
                for index in indexes:
                    model.setdefault(index, (outcome, reason))
    settled = journal.settled(0, rows)
    assert (set() if settled is None else set(np.flatnonzero(settled).tolist())) == model.keys()
    assert journal.first_open() == next(row for row in range(rows + 1) if row not in model)
    assert journal.totals() == tuple(sum(one == name for one, _ in model.values()) for name in OUTCOMES)
    assert dict(journal.rejected()) == {row: why for row, (one, why) in model.items() if one == "rejected"}
    journal.close()


# Accidents -----------------------------------------------------------------------------------------------------------


def test_what_was_synced_survives_a_kill_at_any_moment(path: Path) -> None:
    chance = random.Random(5)
    kills = finished = 0
    synced = 0
    for seed in range(20):
        command = [sys.executable, str(Path(__file__).with_name("load_worker.py")), str(path), str(seed)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert worker.stdout is not None
        state, found = worker.stdout.readline().split()[1:]
        assert state == (b"new" if seed == 0 else b"resumed")
        assert int(found) >= synced, "what was synced is gone"
        synced = int(found)
        for _ in range(chance.randrange(1, 12)):  # then it is killed, wherever it is
            line = worker.stdout.readline()
            if line:
                synced = int(line.split()[1])
        worker.send_signal(signal.SIGKILL)
        rest, _ = worker.communicate()
        for line in rest.splitlines(keepends=True):
            if line.endswith(b"\n"):
                synced = int(line.split()[1])
        kills += worker.returncode == -signal.SIGKILL
        finished += worker.returncode == 0
    assert kills > 10
    journal = again(path, rows=ROWS, fingerprint="same")
    totals, rejected = journal.totals(), list(journal.rejected())
    assert sum(totals) >= synced > 0
    journal.close()
    found = bitmaps(path)
    assert totals == tuple(len(found[outcome]) for outcome in OUTCOMES)
    assert {row for row, _ in rejected} == found["rejected"]
    for outcome, rows in found.items():
        assert {outcome_of(row) for row in rows} <= {outcome}


def test_a_full_disk_is_one_clear_line_and_nothing_noted_is_lost(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 100_000, {})
    journal.note([0], "delivered")
    journal.sync()
    with journal._store.reading() as database:
        [pages] = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    journal.note(range(1, 50_000), "rejected", "why")
    with pytest.raises(CustomerIOError, match=r"the disk is full: .*journal\.db.*make room and run it again") as error:
        journal.sync()
    assert "\n" not in str(error.value)
    journal.note([50_000], "rejected", "later")
    assert journal.totals() == Totals(1, 50_000, 0)
    with journal._store.reading() as database:
        database.execute("PRAGMA max_page_count = 1000000").fetchall()
    journal.sync()
    assert sum(1 for _ in journal.rejected()) == 50_000
    assert journal.reasons() == {"why": 49_999, "later": 1}
    journal.close()
    journal = again(path, rows=100_000)
    assert journal.totals() == Totals(1, 50_000, 0)
    journal.close()


@pytest.mark.parametrize("fails", [True, False])
def test_what_is_noted_while_a_sync_is_under_way_is_kept_too(
    path: Path, journal: LoadJournal, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    journal.begin("f", 2 * BLOCK, {})
    journal.note([0], "rejected", "before")
    transaction = journal._store.transaction

    @contextmanager
    def meanwhile(**settings: bool) -> Iterator[sqlite3.Connection]:
        with transaction(**settings) as database:
            journal.note([1], "rejected", "meanwhile")
            journal.note(range(BLOCK), "delivered")  # the block is full now
            if fails:
                raise CustomerIOError
            yield database

    monkeypatch.setattr(journal._store, "transaction", meanwhile)
    if fails:
        with pytest.raises(CustomerIOError):
            journal.sync()
    else:
        journal.sync()
    monkeypatch.undo()
    journal.close()
    journal = again(path, rows=2 * BLOCK)
    assert journal.totals() == Totals(BLOCK - 2, 2, 0)
    assert list(journal.rejected()) == [(0, "before"), (1, "meanwhile")]
    journal.close()


def test_a_limit_on_the_size_of_files_is_a_full_disk(path: Path) -> None:
    journal = again(path, rows=1_000_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        journal.note(range(100_000), "rejected", "why")
        with pytest.raises(CustomerIOError, match="the disk is full"):
            journal.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.sync()
    journal.close()
    journal = again(path, rows=1_000_000)
    assert journal.totals().rejected == 100_000
    journal.close()


def test_two_processes_do_not_share_a_load(path: Path) -> None:
    journal = again(path)
    code = (
        "import sys; from pathlib import Path; from cio_facade.loading.journal import LoadJournal\n"
        "try: LoadJournal(Path(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "another process has" in other.stdout
    assert "is running already" in other.stdout
    assert other.stdout.count("\n") == 1
    with pytest.raises(CustomerIOError, match="another process has"):
        LoadJournal(path)
    journal.close()
    again(path).close()


def test_without_lock_files_sqlite_keeps_others_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_HAS_LOCKS", False)
    journal = again(path)
    with pytest.raises(CustomerIOError, match="another process has"):
        LoadJournal(path)
    journal.note([1], "delivered")
    journal.close()
    journal = again(path)
    assert journal.totals() == Totals(1, 0, 0)
    journal.close()


@pytest.mark.parametrize("content", [b"user_id,plan\n" * 1_000, b"x"])
def test_a_file_that_is_no_journal_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CustomerIOError, match=r"journal\.db is not the journal of a load.*Move it away") as error:
        LoadJournal(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_another_sqlite_file_is_left_as_it_is(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE people (id TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(CustomerIOError, match="is not the journal of a load"):
        LoadJournal(path)
    assert path.read_bytes() == before


def test_a_later_version_is_left_as_it_is(path: Path) -> None:
    again(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(CustomerIOError, match=r"later version \(form 2.*update cio-facade"):
        LoadJournal(path)


@pytest.mark.parametrize("where", ["pages", "cut", "bitmap", "totals"])
def test_a_damaged_file_says_what_to_do(path: Path, where: str) -> None:
    journal = again(path, rows=200_000)
    journal.note(range(100_000), "rejected", "why")
    journal.close()
    size = path.stat().st_size
    if where == "pages":
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 8192))
    elif where == "cut":
        os.truncate(path, size // 2 // 4096 * 4096)
    else:
        database = sqlite3.connect(path)
        if where == "bitmap":
            database.execute("UPDATE blocks SET rejected = x'00'")
        else:
            database.execute("UPDATE load SET rejected = 7")
        database.commit()
        database.close()
    with pytest.raises(CustomerIOError, match=r"is damaged; move it away and begin again.*same message ids") as error:
        again(path, rows=200_000)
    assert "\n" not in str(error.value)


def test_an_empty_file_and_one_whose_making_was_cut_short_are_new(path: Path) -> None:
    path.touch()
    again(path).close()
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    journal = LoadJournal(path)
    assert journal.begin("f", 1, {}).state == "new"
    journal.close()


def test_the_log_of_a_file_that_was_moved_away_is_not_played_into_a_new_one(path: Path) -> None:
    journal = again(path)
    journal.note([1], "delivered")
    journal.sync()
    log = path.with_name("journal.db-wal")
    left = log.read_bytes()
    assert left
    journal.close()
    path.rename(path.with_name("aside.db"))
    log.write_bytes(left)
    journal = LoadJournal(path)
    assert not journal.unfinished
    assert journal.begin("f", 10, {}).state == "new"
    journal.close()
    assert len(list(path.parent.glob("*.damaged-*-wal"))) == 1


def test_its_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(CustomerIOError, match="does not exist; make it first"):
        LoadJournal(tmp_path / "no" / "journal.db")


def test_a_file_that_may_not_be_made_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CustomerIOError, match="Permission denied"):
        LoadJournal(path)


def test_only_its_owner_may_read_it(path: Path, journal: LoadJournal) -> None:
    journal.begin("f", 1, {})
    assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}


def test_when_it_is_closed_it_says_so(journal: LoadJournal) -> None:
    journal.begin("f", 1, {})
    journal.close()
    journal.close()
    journal.note([0], "delivered")
    with pytest.raises(CustomerIOError, match="the journal of a load is closed"):
        journal.sync()
