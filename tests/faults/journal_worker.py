"""A process that appends to a journal, and settles, until it is killed; it says each step on its output, unbuffered.

puts N NUMBER         an append begins: NUMBER calls, of which the first is the N-th of this process
put N FIRST NUMBER    it returned: from now on nothing may take these calls away
settles SEQ ...       about to be settled
synced                all that was settled is in the file
leads                 this process delivers
"""

import os
import random
import sys
from collections.abc import Callable, Sequence

from cio_facade.journal import Journal


def call(worker: int, n: int) -> bytes:
    """The n-th call of a worker, of a size that follows from both."""
    return b'{"by":%d,"n":%d,"x":"%s"}' % (worker, n, b"x" * (n * 37 % 700))


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def append(journal: Journal, worker: int, n: int, number: int) -> range:
    say("puts", n, number)
    seqs = journal.append([call(worker, k) for k in range(n, n + number)])
    say("put", n, seqs[0], number)
    return seqs


def settle(journal: Journal, seqs: Sequence[int], chance: random.Random) -> None:
    say("settles", *seqs)
    journal.settle(seqs, chance.choice(["delivered", "rejected", "failed"]))


def alone(path: str, worker: int, durability: str) -> None:
    """Do everything in one process, and open the file anew now and then."""
    chance = random.Random(worker)
    n = 0
    while True:
        say("opens")
        journal = Journal(path, durability=durability)
        for _ in range(chance.randrange(1, 60)):
            seqs = append(journal, worker, n, number := chance.choice([1, 1, 1, 3, 20, 100, 2_000]))
            n += number
            if chance.random() < 0.6:
                settle(journal, chance.sample(seqs, chance.randint(1, number)), chance)
            if chance.random() < 0.2:
                for group in journal.read(0, 200_000):
                    settle(journal, group.seqs[:5_000], chance)
            if chance.random() < 0.2 and journal.sync():
                say("synced")
        journal.close()


def among(path: str, worker: int, durability: str) -> None:
    """Append; and deliver, as soon as nobody else does."""
    chance = random.Random(worker)
    journal = Journal(path, durability=durability)
    leads, n, after = False, 0, 0
    while True:
        append(journal, worker, n, number := chance.choice([1, 2, 10, 50]))
        n += number
        if not leads and journal.lead():
            leads = True
            say("leads")
        if leads:
            groups = journal.read(after, 100_000)
            for group in groups:
                after = group.seqs[-1] + 1
                settle(journal, group.seqs, chance)
            if groups and chance.random() < 0.3 and journal.sync():
                say("synced")


MODES: dict[str, Callable[[str, int, str], None]] = {"alone": alone, "among": among}

if __name__ == "__main__":
    _, mode, path, worker, durability = sys.argv
    MODES[mode](path, int(worker), durability)
