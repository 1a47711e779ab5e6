"""A file system of a few megabytes fills up: appends are refused whole, outcomes go on, it drains, and goes on."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from length import times

from cio_facade.errors import OutboxError
from cio_facade.journal import Journal


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a small file system needs the right to mount one")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 3 MB; SQLite gets an I/O error, not that the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def read(journal: Journal) -> dict[int, bytes]:
    return {seq: data for group in journal.read(0, 1 << 40) for seq, data in zip(*group, strict=True)}


def fill(journal: Journal, calls: list[bytes]) -> dict[int, bytes]:
    """Append until it is refused; gives what was taken."""
    taken: dict[int, bytes] = {}
    while True:
        try:
            seqs = journal.append(calls)
        except OutboxError as error:
            if "the disk is full; the message was not taken" not in str(error):
                raise
            return taken
        taken.update(zip(seqs, calls, strict=True))
        assert len(taken) < 1_000_000


def drain(journal: Journal, waiting: dict[int, bytes], some: int) -> None:
    """Settle a few at a time, as deliveries come back."""
    seqs = list(waiting)
    for at in range(0, len(seqs), some):
        journal.settle(seqs[at : at + some], "delivered")
        assert journal.sync(), "an outcome could not be written"
    assert journal.totals()[3:6] == (0, 0, 0)


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("number", [1, 30, 1_000])
def test_a_disk_that_is_full_takes_outcomes_drains_and_goes_on(small_disk: Path, number: int, durability: str) -> None:
    path = small_disk / "outbox.db"
    journal = Journal(path, durability=durability)
    calls = [b'{"n":%d,"x":"%s"}' % (n, b"x" * (300 if number > 1 else 3_000)) for n in range(number)]
    for again in range(times(2, 20)):
        taken = fill(journal, calls)
        assert sum(map(len, taken.values())) > 1_500_000, "most of the disk is of use"
        assert read(journal) == taken
        assert journal.totals().pending == len(taken)
        if again % 2:
            journal.close()
            journal = Journal(path, durability=durability)
            assert journal.opening == (len(taken), False, False, None)
        with pytest.raises(OutboxError, match="disk is full"):
            journal.append(calls * (2_000 // number))
        drain(journal, taken, 7 * number)
    journal.append(calls[:1])
    journal.close()


def test_a_disk_that_others_fill_is_survived(small_disk: Path) -> None:
    """Nothing can be written then, not even an outcome: it is kept in memory, and written when there is room."""
    journal = Journal(small_disk / "outbox.db")
    taken = dict(zip(journal.append([b"x" * 300] * 3_000), [b"x" * 300] * 3_000, strict=True))
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(512))
            except OSError:
                break
    with pytest.raises(OutboxError, match="disk is full"):
        journal.append([b"y" * 300] * 100)
    left = list(taken)
    for at in range(0, len(left), 10):
        journal.settle(left[at : at + 10], "delivered")
        journal.sync()
    assert read(journal) == {}, "none of them is sent again"
    ballast.unlink()
    assert journal.sync()
    assert journal.totals()[:6] == (3_000, 3_000, 0, 0, 0, 0)
    journal.append([b"z"])
    journal.close()


def test_a_full_disk_is_told_when_the_file_is_opened(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(4 * 1_048_576 - 4_096))
    with pytest.raises(OutboxError, match="the disk is full"):
        Journal(small_disk / "outbox.db")
    (small_disk / "ballast").unlink()
    journal = Journal(small_disk / "outbox.db")
    assert list(journal.append([b"x"])) == [1]
    journal.close()


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path, small_files: None) -> None:
    journal = Journal(tmp_path / "outbox.db", durability="relaxed")
    calls = [b"x" * 300] * 100
    for _ in range(2):
        taken = fill(journal, calls)
        assert read(journal) == taken
        assert sum(map(len, taken.values())) > 1_000_000
        journal.settle(list(taken), "delivered")
        assert journal.totals().pending == 0
    journal.close()
