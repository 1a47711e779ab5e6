"""Processes that write dead letters and put them back are killed at any moment: each is in its file or its outbox."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
from length import times

from cio_facade.deadletters import DeadLetterFile, Letters
from cio_facade.journal import Journal

WRITER = """
import sys
from cio_facade.deadletters import DeadLetterFile, Letter
path, name = sys.argv[1:]
for number in range(1_000_000):
    ids = [f"{name}-{number}-{place}" for place in range(number % 5 + 1)]
    text = "x" * (number % 7 * 100)
    DeadLetterFile(path).write(
        Letter(message_id=one, outcome="failed", reason=text,
               call=b'{"type":"identify","userId":"u1","messageId":"%b"}' % one.encode()) for one in ids)
    print(*ids, flush=True)
"""

RETRIER = """
import sys
from cio_facade.deadletters import DeadLetterFile
from cio_facade.journal import Journal
letters, outbox = sys.argv[1:]
journal, odd = Journal(outbox), False
while True:
    odd = not odd
    DeadLetterFile(letters).retry(journal.append, wanted=lambda letter: odd is letter.message_id.endswith("-1"))
    print("retried", flush=True)
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill(process: "subprocess.Popen[str]") -> list[str]:
    """Kill; gives the lines it had said in full, and only those."""
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate()
    return [line for line in said.splitlines(keepends=True) if line.endswith("\n")]


def test_no_letter_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    letters, outbox = tmp_path / "dead.jsonl", tmp_path / "outbox.db"
    chance, written = random.Random(4), set[str]()
    for number in range(times(5, 100)):
        processes = [start(WRITER, letters, f"w{number}"), start(RETRIER, letters, outbox)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # what is read ahead with it is not counted
        time.sleep(chance.random() / 5)
        said = [kill(process) for process in processes]
        written |= {one for line in said[0] for one in line.split()}
    journal = Journal(outbox)
    calls = [call for group in journal.read(0, 1 << 30) for call in group.calls]
    journal.close()
    found = {orjson.loads(call)["messageId"] for call in calls} | {one.message_id for one in Letters(letters)}
    assert written <= found
    assert len(written) > times(100, 2_000)
    assert calls  # each round put some back before its kill
    DeadLetterFile(letters).retry(lambda calls: None)  # what was left aside is taken up
    assert not letters.with_name("dead.jsonl.retrying").exists()
    rest = Letters(letters)
    assert not list(rest)
    assert rest.torn or not letters.exists()  # what a kill cut short is kept, and nothing else
