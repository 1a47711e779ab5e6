"""A journal against a plain dict: append, read, settle, lose power, be killed, open again, in any order."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from length import times

from cio_facade.errors import OutboxFullError
from cio_facade.journal import Journal

MOST_MESSAGES, MOST_BYTES = 60, 3_000_000
OUTCOMES = ["delivered", "rejected", "failed"]


class Model(RuleBasedStateMachine):
    """The file, and what should be in it."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal"))
        self.round = 0
        self.next, self.written = 1, {"delivered": 0, "rejected": 0, "failed": 0}
        self.waiting: dict[int, bytes] = {}
        self.noted: dict[int, str] = {}
        self.journal = self.opened(self.folder / "0")

    def opened(self, folder: Path) -> Journal:
        folder.mkdir(exist_ok=True)
        self.path = folder / "outbox.db"
        return Journal(self.path, durability="relaxed", max_messages=MOST_MESSAGES, max_bytes=MOST_BYTES)

    def wrote(self) -> None:
        """What was noted is in the file now."""
        for seq, outcome in self.noted.items():
            if self.waiting.pop(seq, None) is not None:
                self.written[outcome] += 1
        self.noted = {}

    @rule(sizes=st.lists(st.one_of(st.integers(2, 90), st.integers(200_000, 700_000)), min_size=1, max_size=25))
    def append(self, sizes: list[int]) -> None:
        calls = [b"%d" % (self.next + n) + b"." * size for n, size in enumerate(sizes)]
        try:
            seqs = self.journal.append(calls)
        except OutboxFullError:
            self.wrote()
            left = sum(map(len, self.waiting.values()))
            assert len(self.waiting) + len(calls) > MOST_MESSAGES or self.bytes() + sum(map(len, calls)) > MOST_BYTES
            assert self.bytes() >= left
        else:
            self.wrote()
            assert list(seqs) == list(range(self.next, self.next + len(calls)))
            self.next += len(calls)
            self.waiting.update(zip(seqs, calls, strict=True))
            assert len(self.waiting) <= MOST_MESSAGES
            assert self.bytes() <= MOST_BYTES

    def bytes(self) -> int:
        return self.journal.totals().bytes

    @precondition(lambda self: self.next > 1)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def settle(self, data: st.DataObject, outcome: str) -> None:
        """Any numbers: those that wait, that are settled, and that nobody had."""
        around = st.integers(-1, self.next + 3)
        seqs = data.draw(st.one_of(st.lists(around, max_size=30), st.just(sorted(self.waiting))))
        self.journal.settle(seqs, outcome)
        self.noted.update(dict.fromkeys(seqs, outcome))

    @rule()
    def sync(self) -> None:
        assert self.journal.sync()
        self.wrote()

    @rule(data=st.data(), enough=st.sampled_from([1, 500, 400_000, 1 << 40]))
    def read(self, data: st.DataObject, enough: int) -> None:
        after = data.draw(st.integers(0, self.next + 1))
        found = [pair for group in self.journal.read(after, enough) for pair in zip(*group, strict=True)]
        left = [(seq, call) for seq, call in self.waiting.items() if seq >= after and seq not in self.noted]
        assert found == left[: len(found)]
        assert bool(found) == bool(left)
        assert found == left or sum(len(call) + 1 for _, call in found) >= min(enough, 1)
        if enough == 1 << 40:
            assert found == left

    @rule()
    def close(self) -> None:
        self.journal.close()
        self.wrote()
        self.journal = self.opened(self.path.parent)
        assert self.journal.opening == (len(self.waiting), False, False, None)

    @rule()
    def lose_power(self) -> None:
        """Go on with the files as they are on disk; what was only noted is forgotten."""
        self.round += 1
        folder = self.folder / str(self.round)
        folder.mkdir()
        for ending in ("", "-wal"):
            if Path(f"{self.path}{ending}").exists():
                shutil.copyfile(f"{self.path}{ending}", f"{folder / 'outbox.db'}{ending}")
        gone, self.journal = self.journal, self.opened(folder)
        gone.close()
        self.noted = {}
        assert self.journal.opening.waiting == len(self.waiting)
        assert not self.journal.opening.torn
        assert self.journal.opening.salvage is None

    @rule(outcome=st.sampled_from(OUTCOMES))
    def another(self, outcome: str) -> None:
        """Another journal puts a message, and settles one that this one may have settled too, unwritten."""
        assert self.journal.sync()
        self.wrote()
        other = Journal(self.path, durability="relaxed")
        assert other.opening == (len(self.waiting), False, False, None)
        [seq] = other.append([b"another"])
        self.waiting[seq] = b"another"
        self.next += 1
        first = min(self.waiting)
        other.settle([first], outcome)
        self.noted = {first: outcome}
        other.close()
        self.wrote()
        assert self.journal.last() == seq

    @invariant()
    def the_account_balances(self) -> None:
        totals = self.journal._database
        with totals.reading() as database:
            account = database.execute("SELECT next, accepted, delivered, rejected, failed FROM account").fetchone()
        assert account == (self.next, self.next - 1, *self.written.values())
        assert sum(self.written.values()) + len(self.waiting) == self.next - 1

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            shutil.rmtree(self.folder)


Model.TestCase.settings = settings(
    max_examples=times(20, 300), stateful_step_count=times(25, 40), deadline=None, derandomize=times(True, False)
)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
class TestJournal(Model.TestCase):
    """Run the model."""
