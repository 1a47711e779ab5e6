"""A process that loads nothing but notes what became of rows, until it is killed; it says what it has synced.

settled N  so many rows were noted when a sync returned
"""

import os
import random
import sys
from pathlib import Path

from cio_facade.loading.journal import LoadJournal

ROWS = 200_000


def outcome_of(row: int) -> str:
    """What becomes of a row, in every run."""
    return ("delivered", "delivered", "rejected", "unchanged")[row * 7919 % 4]


def main(path: str, seed: int) -> None:
    chance = random.Random(seed)
    journal = LoadJournal(Path(path))
    begun = journal.begin("same", ROWS, {})
    os.write(1, f"began {begun.state} {sum(begun.totals)}\n".encode())
    while journal.first_open() < ROWS:
        first = max(0, min(journal.first_open() + chance.randrange(-500, 70_000), ROWS - 1))
        rows = range(first, min(ROWS, first + chance.choice([1, 20, 3_000])))
        for outcome in ("delivered", "rejected", "unchanged"):
            some = [row for row in rows if outcome_of(row) == outcome]
            chance.shuffle(some)
            journal.note(some, outcome, f"reason {first % 3}")
        if chance.random() < 0.5:
            noted = sum(journal.totals())
            journal.sync()
            os.write(1, f"settled {noted}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
