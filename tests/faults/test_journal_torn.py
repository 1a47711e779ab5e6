"""The log is cut or overwritten anywhere: all that was committed before that place is there, and nothing in half.

Cutting is what a power cut does, which no SIGKILL shows: the kernel outlives a killed process.
"""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from length import times

from cio_facade.journal import Journal, Totals

HEADER = 32
FRAME = 24 + 4_096


@dataclass
class State:
    """What a journal held when its log was so long."""

    end: int
    waiting: dict[int, bytes]
    totals: Totals


def waiting(journal: Journal) -> dict[int, bytes]:
    return {seq: data for group in journal.read(0, 1 << 40) for seq, data in zip(*group, strict=True)}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[State]]:
    """A journal as a power cut finds it, and what it held after each commit."""
    path = tmp_path_factory.mktemp("life") / "outbox.db"
    log = Path(f"{path}-wal")
    chance = random.Random(3)
    journal = Journal(path, durability="relaxed", now=lambda: 1.0)
    states = [State(0, {}, journal.totals())]
    while len(states) < 120:
        if states[-1].waiting and chance.random() < 0.4:
            seqs = list(states[-1].waiting)
            journal.settle(chance.sample(seqs, chance.randint(1, len(seqs))), chance.choice(["delivered", "failed"]))
            journal.sync()
        else:
            journal.append([b'{"n":"%s"}' % (b"x" * chance.randrange(500)) for _ in range(chance.choice([1, 5, 60]))])
        assert log.stat().st_size > states[-1].end, "the log began anew, so its length says nothing"
        states.append(State(log.stat().st_size, waiting(journal), journal.totals()))
    kept = path.with_name("kept.db")
    for ending in ("", "-wal"):
        shutil.copyfile(f"{path}{ending}", f"{kept}{ending}")
    journal.close()
    return kept, states


def reopened(kept: Path, folder: Path, log: bytes) -> Journal:
    """Open a copy with this log."""
    folder.mkdir()
    path = folder / "outbox.db"
    shutil.copyfile(kept, path)
    Path(f"{path}-wal").write_bytes(log)
    return Journal(path, durability="relaxed")


def goes_on(journal: Journal, state: State) -> None:
    """A journal in this state takes more, and is closed and opened again."""
    [seq] = journal.append([b"{more}"])
    assert seq == max(state.totals.accepted, *state.waiting, 0) + 1
    path = journal._database.path
    journal.close()
    again = Journal(path)
    assert waiting(again) == {**state.waiting, seq: b"{more}"}
    assert not again.opening.unclean
    again.close()


def places(states: list[State]) -> list[int]:
    """Where a cut is worth trying: around ends of commits and of frames, within both headers, and anywhere."""
    chance = random.Random(5)
    end = states[-1].end
    near = [state.end + shift for state in chance.sample(states[1:], times(15, 110)) for shift in (-1, 0, 1, 8, 9, 24)]
    frames = [HEADER + chance.randrange((end - HEADER) // FRAME) * FRAME + shift for shift in (-4_096, 0, 1, 23, 25)]
    return [0, 1, 8, 31, 32, 33, *near, *frames, *(chance.randrange(end) for _ in range(times(30, 1_000)))]


def test_a_log_that_is_cut_holds_what_was_committed_before(life: tuple[Path, list[State]], tmp_path: Path) -> None:
    kept, states = life
    log = Path(f"{kept}-wal").read_bytes()
    for number, cut in enumerate(places(states)):
        journal = reopened(kept, tmp_path / str(number), log[:cut])
        state = [state for state in states if state.end <= cut][-1]
        assert waiting(journal) == state.waiting, cut
        assert journal.totals() == state.totals
        assert journal.opening.unclean == (cut > 0)
        if cut > HEADER:
            # Of less than nine bytes nobody can tell whether they are of this round of the log.
            assert journal.opening.torn == (min(cut, len(log)) - max(HEADER, state.end) > 8), cut
        assert journal.opening.salvage is None
        goes_on(journal, state)


def test_a_log_that_is_overwritten_holds_what_was_committed_before(
    life: tuple[Path, list[State]], tmp_path: Path
) -> None:
    kept, states = life
    log = Path(f"{kept}-wal").read_bytes()
    chance = random.Random(6)
    for number, place in enumerate(min(place, len(log) - 1) for place in places(states)):
        rubbish = bytes(
            chance.randrange(1, 256) ^ old for old in log[place : place + chance.choice([1, 4, 100, 9_000])]
        )
        broken = log[:place] + rubbish + log[place + len(rubbish) :]
        journal = reopened(kept, tmp_path / str(number), broken)
        before = [state for state in states if state.end <= place][-1]
        state = before if place >= HEADER else states[0]
        assert waiting(journal) == state.waiting
        assert journal.totals() == state.totals
        frames = range(max(HEADER, state.end), len(log), FRAME)
        if place < HEADER or any(broken[at + 8 : at + 16] == log[16:24] for at in frames):
            assert journal.opening.torn, place
            assert "cut short" in journal.opening.words
        goes_on(journal, state)


def test_zeros_at_the_end_of_a_log_are_nothing(life: tuple[Path, list[State]], tmp_path: Path) -> None:
    kept, states = life
    log = Path(f"{kept}-wal").read_bytes()
    journal = reopened(kept, tmp_path / "zeros", log + bytes(50_000))
    assert waiting(journal) == states[-1].waiting
    assert not journal.opening.torn
    goes_on(journal, states[-1])


def test_what_an_earlier_round_of_the_log_left_is_not_a_torn_write(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    journal = Journal(path, durability="relaxed")
    journal.append([b"x" * 100_000])
    journal._database._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    journal.append([b"y" * 1_000])
    log = Path(f"{path}-wal").read_bytes()
    assert len(log) > 100_000
    for cut in (len(log), len(log) - FRAME * 5):
        other = reopened(path, tmp_path / str(cut), log[:cut])
        assert [len(data) for data in waiting(other).values()] == [100_000, 1_000]
        assert other.opening.unclean
        assert not other.opening.torn
        other.close()
    other = reopened(path, tmp_path / "torn", log[: HEADER + FRAME + 30] + log[HEADER + FRAME + 130 :])
    assert [len(data) for data in waiting(other).values()] == [100_000]
    assert other.opening.torn
    other.close()
    journal.close()
