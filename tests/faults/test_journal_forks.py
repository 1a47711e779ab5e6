"""A process forks while it has a journal open: neither takes the other's locks, and neither waits for ever."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from length import times

from cio_facade.journal import Journal

SCRIPT = Path(__file__).with_name("journal_forker.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def run(path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that forks."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(mode: str, *more: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(SCRIPT), mode, str(path), *map(str, more)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))
        return processes[-1]

    yield start
    for process in processes:
        with process:
            process.kill()


def contents(journal: Journal) -> list[bytes]:
    return [call for group in journal.read(0, 1 << 30) for call in group.calls]


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


def test_a_child_does_not_keep_its_dead_parents_lock(path: Path, run) -> None:
    process = run("leader")
    said = dict(process.stdout.readline().decode().split() for _ in range(2))
    journal = Journal(path)
    assert not journal.lead()
    os.kill(int(said["parent"]), signal.SIGKILL)
    process.wait()
    assert journal.lead(), "the child keeps it"
    process.stdin.write(b"\n")  # the child is alive
    assert process.stdout.readline() == b"followed\n"
    assert contents(journal) == [b"parent", b"child"]
    assert journal.last() == 2
    journal.close()
    assert process.stdout.read() == b""  # the child ended
    assert integrity(path) == "ok"


def test_a_child_that_ends_leaves_its_parent_what_it_has(path: Path, run) -> None:
    process = run("ending")
    said, _ = process.communicate(timeout=60)
    assert said.decode().split("\n") == ["leads", "leads", "leads", "done", ""]
    assert process.returncode == 0
    journal = Journal(path)
    assert not journal.opening.unclean
    assert contents(journal) == [b"parent"] * 3 + [b"child", b"parent"]
    journal.close()
    assert integrity(path) == "ok"


def test_a_child_keeps_what_it_put_after_its_parent_closed(path: Path, run) -> None:
    """SQLite in a child takes the locks of its parent's connection for its own, unless that is closed there."""
    process = run("preload")
    _, child = process.stdout.readline().split()
    process.stdin.write(b"\n")  # the parent closes
    assert process.stdout.readline() == b"put\n"
    journal = Journal(path)
    assert contents(journal) == [b"parent", b"child", b"child, later"]
    journal.append([b"other"])
    os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()
    journal.close()
    journal = Journal(path)
    assert contents(journal) == [b"parent", b"child", b"child, later", b"other"]
    journal.close()
    assert integrity(path) == "ok"


def test_a_child_that_was_forked_in_the_middle_of_a_write_may_not_open_the_file(path: Path, run) -> None:
    process = run("surprised")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"was being written when this process forked" in said
    journal = Journal(path)
    assert contents(journal) == [b"parent", b"parent"]
    journal.close()


def test_a_process_forks_while_its_threads_write(path: Path, run) -> None:
    process = run("busy", forks := times(20, 500))
    said, _ = process.communicate(timeout=times(60, 280))
    assert process.returncode == 0
    journal = Journal(path)
    assert said.split() == [b"done", b"%d" % journal.totals().pending]
    assert contents(journal).count(b"child") == forks
    assert journal.totals().accepted == (journal.totals().pending - forks) * 20 + forks
    journal.close()
    assert integrity(path) == "ok"
