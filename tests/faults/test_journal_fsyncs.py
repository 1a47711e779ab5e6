"""What SIGKILL cannot show: that a commit is on the disk before `append` returns. The system calls are counted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMITS = 100
PROGRAM = """
import os, sys
from cio_facade.journal import Journal
_, path, durability, group, settle = sys.argv
journal = Journal(path, durability=durability)
journal.append([b"first"])  # makes the log
os.access("/begin", 0)
for n in range(100):
    seqs = journal.append([b"x" * 350] * int(group))
    if settle == "settle":
        journal.settle(seqs, "delivered")
        assert journal.sync()
os.access("/end", 0)
journal.close()
"""


def calls_between(path: Path, durability: str, group: int, settle: str = "") -> list[str]:
    """Give the system calls that write, between the first commit and closing, by their names."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("NOT TESTED: counting fsyncs needs strace")
    trace = path.with_name("trace")
    what = "trace=fsync,fdatasync,sync_file_range,msync,access,faccessat,faccessat2"
    program = [sys.executable, "-c", PROGRAM, str(path), durability, str(group), settle]
    command = [strace, "-f", "-e", what, "-o", trace, *program]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    if "ptrace" in tried.stderr:
        pytest.skip(f"NOT TESTED: strace may not trace here: {tried.stderr}")
    assert tried.returncode == 0, tried.stderr
    lines = trace.read_text().splitlines()
    [begin] = [n for n, line in enumerate(lines) if '"/begin"' in line]
    [end] = [n for n, line in enumerate(lines) if '"/end"' in line]
    return [line.split()[1].partition("(")[0] for line in lines[begin + 1 : end] if "sync" in line]


@pytest.mark.parametrize("group", [1, 10])
def test_a_full_commit_is_one_sync(tmp_path: Path, group: int) -> None:
    assert len(calls_between(tmp_path / "outbox.db", "full", group)) == COMMITS


def test_a_relaxed_commit_is_none(tmp_path: Path) -> None:
    assert calls_between(tmp_path / "outbox.db", "relaxed", 10) == []


def test_outcomes_need_none(tmp_path: Path) -> None:
    assert len(calls_between(tmp_path / "outbox.db", "full", 10, "settle")) == COMMITS


def test_a_long_life_costs_little_more_for_checkpoints(tmp_path: Path) -> None:
    syncs = calls_between(tmp_path / "outbox.db", "full", 1_400)  # 49 MB, a checkpoint in 16 MiB
    assert COMMITS < len(syncs) <= COMMITS + 4 * 5
