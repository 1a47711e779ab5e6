"""What workers said they did to a journal, held against what is in its file after they were killed."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from journal_worker import call

from cio_facade.journal import Journal, Opening

__all__ = ["Books", "Worker", "until"]

SCRIPT = Path(__file__).with_name("journal_worker.py")
PATIENCE = 60.0


def until(come: Callable[[], object]) -> None:
    """Wait until something has come to be."""
    end = time.monotonic() + PATIENCE
    while not come():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.001)


class Worker:
    """A process of `journal_worker`, and what it said so far."""

    def __init__(self, mode: str, path: Path, number: int, durability: str = "full") -> None:
        self.number = number
        self.lines: list[list[str]] = []
        self._more = threading.Condition()
        command = [sys.executable, str(SCRIPT), mode, str(path), str(number), durability]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.lines.append(line.decode().split())
                self._more.notify_all()

    def wait_for(self, enough: Callable[[list[list[str]]], bool]) -> None:
        """Wait until what it said is enough."""
        with self._more:
            if not self._more.wait_for(lambda: enough(self.lines) or not self._listener.is_alive(), PATIENCE):
                raise TimeoutError(f"worker {self.number} said only {len(self.lines)} lines")
        if not enough(self.lines):
            self.kill()

    def said(self, word: str) -> bool:
        return any(line[0] == word for line in self.lines)

    def kill(self) -> None:
        """End it by SIGKILL, and take in what it had said."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.stdout.close()
        with self._process.stderr as errors:
            said = errors.read().decode()
        assert "Traceback" not in said, said


class Books:
    """All that may and must be in a file, by what its workers said. A call is named by its worker and its place."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[int, int]] = {}  # what each number stands for, when the append returned
        self.begun: dict[bytes, tuple[int, int, int, int]] = {}  # worker and call; first and number of its append
        self.settled: set[int] = set()  # may be gone
        self.gone: set[int] = set()  # must be gone
        self.appended = 0
        self._ranges: list[tuple[int, int]] = []

    def enter(self, worker: Worker) -> None:
        """Enter what a killed worker said."""
        settling: set[int] = set()
        begun = 0, 0
        for word, *rest in worker.lines:
            numbers = [int(one) for one in rest]
            if word == "puts":
                begun = numbers[0], numbers[1]
            elif word == "put":
                n, first, number = numbers
                self.kept.update({first + k: (worker.number, n + k) for k in range(number)})
                self._ranges.append((first, number))
                self.appended += number
                begun = 0, 0
            elif word == "settles":
                settling.update(numbers)
            elif word == "synced":
                self.gone |= settling
        self.settled |= settling
        first, number = begun
        for n in range(first, first + number):
            self.begun[call(worker.number, n)] = worker.number, n, first, number

    def check(self, path: Path) -> Opening:
        """Open the file and hold it against the books."""
        journal = Journal(path)
        waiting = {seq: data for group in journal.read(0, 1 << 40) for seq, data in zip(*group, strict=True)}
        totals = journal.totals()
        journal.close()
        assert totals.accepted == totals.delivered + totals.rejected + totals.failed + totals.pending
        assert totals.pending == len(waiting)
        assert totals.accepted >= self.appended
        assert (totals.bytes == 0) == (not waiting)
        assert not self.gone & waiting.keys(), "settled, written, and there again"
        self._check_numbers()
        self._check_strangers({data: seq for seq, data in waiting.items() if seq not in self.kept})
        for seq, name in list(self.kept.items()):
            if seq in waiting:
                assert waiting[seq] == call(*name)
            else:
                assert seq in self.settled, "lost"
                del self.kept[seq]
        self.settled &= self.kept.keys()
        self.gone &= self.kept.keys()
        return journal.opening

    def _check_numbers(self) -> None:
        self._ranges.sort()
        for (one, number), (other, _) in pairwise(self._ranges):
            assert one + number <= other, "a number was given twice"

    def _check_strangers(self, strangers: dict[bytes, int]) -> None:
        """What no append returned for is all of one that had begun, or the part of it that was not settled since."""
        for data, seq in strangers.items():
            assert data in self.begun, "nobody appended this"
            worker, n, first, number = self.begun[data]
            for k in range(number):
                other = seq - n + first + k
                assert call(worker, first + k) in strangers or other in self.settled, "half of an append is there"
            self.kept[seq] = worker, n
