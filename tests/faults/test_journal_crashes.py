"""Processes that append and settle are killed at any moment: what an append returned for is in the file."""

import random
import sqlite3
import time
from pathlib import Path

import pytest
from journal_books import Books, Worker, until
from length import times


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_nothing_is_lost_when_the_process_is_killed(tmp_path: Path, durability: str) -> None:
    path = tmp_path / "outbox.db"
    chance = random.Random(4)
    books, openings = Books(), []
    for number in range(times(12, 250)):
        worker = Worker("alone", path, number, durability)
        lines = chance.choice([1, 2, 3, 5, 20, 100, 400])
        worker.wait_for(lambda said, lines=lines: len(said) >= lines)
        time.sleep(chance.random() / 500)  # no matter where it is then
        worker.kill()
        books.enter(worker)
        if number % 2:  # else the next worker opens the file as it is
            openings.append(books.check(path))
    assert books.appended > 1_000
    assert sum(opening.unclean for opening in openings) > len(openings) / 2
    assert not any(opening.salvage for opening in openings)
    assert integrity(path) == "ok"


def test_of_several_processes_one_delivers_and_when_it_is_killed_another_does(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    books = Books()
    workers = [Worker("among", path, number) for number in range(4)]
    killed = 0
    for number in range(4, times(8, 100)):
        until(lambda: any(worker.said("leads") for worker in workers))
        [leader] = [worker for worker in workers if worker.said("leads")]  # the others wait for its end
        leader.wait_for(lambda said: sum(line[0] == "settles" for line in said) >= 20)
        leader.kill()
        workers.remove(leader)
        books.enter(leader)
        killed += 1
        workers.append(Worker("among", path, number))
    for worker in workers:
        worker.wait_for(lambda said: len(said) >= 20)
        worker.kill()
        books.enter(worker)
    assert killed >= 4
    books.check(path)
    assert integrity(path) == "ok"
