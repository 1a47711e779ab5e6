"""A damaged file is put aside, what can be read of it is saved with the same numbers, and what is lost is counted."""

import logging
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from length import times

from cio_facade import salvage
from cio_facade.errors import OutboxError
from cio_facade.journal import Journal

PAGE = 4_096
KEPT = 9_000


def call(n: int) -> bytes:
    return b'{"n":%d,"x":"%s"}' % (n, b"x" * (n * 37 % 400))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outbox of many groups, some of them settled in part; closed."""
    path = tmp_path_factory.mktemp("whole") / "outbox.db"
    journal = Journal(path, durability="relaxed")
    chance = random.Random(1)
    n = 1
    while n <= KEPT:
        number = min(chance.choice([1, 2, 30, 400]), KEPT + 1 - n)
        journal.append([call(n + k) for k in range(number)])
        n += number
    journal.settle(chance.sample(range(1, KEPT + 1), 1_000), "delivered")
    assert journal.totals()[:5] == (KEPT, 1_000, 0, 0, KEPT - 1_000)
    journal.close()
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    return shutil.copyfile(whole, tmp_path / "outbox.db")


def read(journal: Journal) -> dict[int, bytes]:
    return {seq: data for group in journal.read(0, 1 << 40) for seq, data in zip(*group, strict=True)}


def suspect(path: Path) -> None:
    """As a process leaves it that was killed, or that found something wrong."""
    Path(f"{path}-open").write_bytes(b"damaged")


def check_saved(path: Path, whole: Path) -> int:
    """Open the damaged file, twice; gives how many messages were saved."""
    damaged = path.read_bytes()
    original = Journal(shutil.copyfile(whole, path.with_name("original.db")))
    before = read(original)
    original.close()
    journal = Journal(path)
    salvage = journal.opening.salvage
    assert salvage is not None
    assert Path(salvage.aside).read_bytes() == damaged
    saved = read(journal)
    assert journal.opening.waiting == len(saved)
    if salvage.lost is not None:
        # What had been settled may be waiting again where the marks are gone; it is only sent once more.
        assert len(saved) == salvage.saved
        assert salvage.lost == max(0, len(before) - salvage.saved)
    assert all(call(seq) == data for seq, data in saved.items())
    totals = journal.totals()
    assert totals.accepted == totals.delivered + totals.rejected + totals.failed + totals.pending
    assert totals.pending == len(saved)
    [seq] = journal.append([b"more"])
    assert seq > KEPT, "a number is given twice"
    journal.close()
    again = Journal(path)
    assert again.opening == (len(saved) + 1, False, False, None)
    assert read(again) == {**saved, seq: b"more"}
    again.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return len(saved)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_file_that_is_cut_short_keeps_the_rest(path: Path, whole: Path, share: float) -> None:
    size = int(path.stat().st_size * share)
    with path.open("rb+") as file:
        file.truncate(size)
    saved = check_saved(path, whole)
    assert saved > (KEPT - 1_000) * (share - 0.1)


@pytest.mark.parametrize("seed", range(times(8, 200)))
def test_a_file_with_broken_pages_keeps_the_others(path: Path, whole: Path, seed: int) -> None:
    saved: list[int] = []
    chance = random.Random(seed)
    pages = path.stat().st_size // PAGE
    with path.open("rb+") as file:
        for page in [3 + seed] if seed < 4 else chance.sample(range(1, pages), chance.choice([1, 3, 20])):
            file.seek(page * PAGE)
            file.write(chance.randbytes(PAGE) if chance.random() < 0.5 else bytes(PAGE))
    suspect(path)
    saved.append(check_saved(path, whole))
    assert saved[-1] > KEPT / 2 or seed >= 4


def test_what_is_on_both_sides_of_a_broken_page_of_the_tree_is_saved(path: Path, whole: Path) -> None:
    content = path.read_bytes()
    leaves = [page for page in range(len(content) // PAGE) if content[page * PAGE] == 13]
    assert len(leaves) > 8
    with path.open("rb+") as file:
        for leaf in (leaves[len(leaves) // 3], leaves[len(leaves) // 2]):
            file.seek(leaf * PAGE)
            file.write(bytes(PAGE))
    suspect(path)
    assert check_saved(path, whole) > (KEPT - 1_000) * 0.6
    journal = Journal(path)
    numbers = list(read(journal))
    journal.close()
    assert numbers[0] < KEPT / 10
    assert numbers[-2] > KEPT * 9 / 10  # the last was put since


@pytest.mark.parametrize("seed", range(times(15, 400)))
def test_whatever_is_broken_a_file_opens_or_is_left_as_it_is(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([0, 1, 10, 300])):
        place = chance.choice([chance.randrange(len(content)), chance.randrange(3 * PAGE)])
        rubbish = chance.randbytes(chance.choice([1, 4, 500]))
        content[place : place + len(rubbish)] = rubbish
    del content[chance.choice([len(content), chance.randrange(len(content)), chance.randrange(3 * PAGE)]) :]
    path.write_bytes(content)
    suspect(path)
    try:
        journal = Journal(path)
    except OutboxError:
        assert path.read_bytes() == content
        return
    totals = journal.totals()
    assert totals.accepted == totals.delivered + totals.rejected + totals.failed + totals.pending
    assert totals.pending == len(read(journal))
    journal.append([b"more"])
    assert len(read(journal)) == totals.pending + 1
    journal.close()


@pytest.mark.parametrize("step", ["_copy", "flush", "aside", "put_in_place"])
def test_what_is_being_saved_survives_the_end_of_the_process(path: Path, monkeypatch, step: str) -> None:
    def end(*_: object) -> None:
        raise SystemExit

    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)
    once = Journal(shutil.copyfile(path, path.with_name("once.db")))
    expected = read(once)
    once.close()
    with monkeypatch.context() as patched:
        patched.setattr(salvage, step, end)
        with pytest.raises(SystemExit):
            Journal(path)
    assert path.exists() == (step != "put_in_place")
    journal = Journal(path)
    assert read(journal) == expected
    assert journal.totals().failed > 0
    assert journal.append([b"more"])[0] == KEPT + 1
    journal.close()


def test_damage_is_told_when_it_is_met_and_mended_at_the_next_opening(path: Path, whole: Path, caplog) -> None:
    with path.open("rb+") as file:
        for page in range(10, path.stat().st_size // PAGE):
            file.seek(page * PAGE)
            file.write(b"\xff" * 100)
    journal = Journal(path)
    with pytest.raises(OutboxError, match=r"path: .*outbox\.db is damaged; open it again"):
        journal.read(0, 1 << 40)
    other = None
    with pytest.raises(OutboxError, match="close it in all processes"):
        other = Journal(path)
    assert other is None
    journal.close()
    with caplog.at_level(logging.WARNING):
        journal = Journal(path)
    assert journal.opening.salvage is not None
    assert "it was damaged" in caplog.text
    journal.append([b"more"])
    journal.close()


def test_a_file_whose_beginning_is_gone_is_not_touched(path: Path) -> None:
    with path.open("rb+") as file:
        file.write(bytes(100))
    damaged = path.read_bytes()
    with pytest.raises(OutboxError, match="is no outbox; it was left as it is"):
        Journal(path)
    assert path.read_bytes() == damaged


def test_a_damaged_file_with_a_log_keeps_what_is_in_the_log(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    seqs = journal.append([b"in the log"] * 50)
    crashed = tmp_path / "crashed.db"
    shutil.copyfile(f"{path}-wal", f"{crashed}-wal")
    shutil.copyfile(path, crashed)
    journal.close()
    with crashed.open("rb+") as file:
        file.seek(20 * PAGE)
        file.write(b"\xff" * 40 * PAGE)
    journal = Journal(crashed)
    assert journal.opening.salvage is not None
    assert {read(journal)[seq] for seq in seqs} == {b"in the log"}
    journal.close()


def test_damage_that_no_check_sees_is_met_and_mended(path: Path, whole: Path) -> None:
    with path.open("rb+") as file:
        content = file.read()
        place = content.index(b"\n", len(content) // 2)
        file.seek(place)
        file.write(b" ")
    journal = Journal(path)
    with pytest.raises(OutboxError, match=r"is damaged; open it again"):
        journal.read(0, 1 << 40)
    journal.close()
    assert KEPT - 1_000 - 400 <= check_saved(path, whole) < KEPT - 1_000
