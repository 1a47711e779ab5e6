"""How many calls came when: the sums by five minutes are those by the second, and are read instead of them."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page.events import over_time, window
from cio_facade.sandbox.records import Call, Problem, RequestRecord
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.tallies import PERIOD, SUMS, during

BEGIN = 1769860800  # 2026-01-31 12:00, where a period begins
HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def storage(file: Path) -> Iterator[Storage]:
    with closing(Storage(file)) as storage:
        yield storage


def keep(storage: Storage, second: float, event: str = "A", number: int = 1, status: int = 200) -> None:
    time = datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")
    said = {"type": "track", "event": event, "userId": "u1"}
    problems = () if status == 200 else (Problem(status, "type", "no"),)
    calls = [Call(place, "track", "{}", 50, said) for place in range(number)]
    storage.record(RequestRecord(time, "/v1/batch", status=status, problems=problems), calls)


def rows(storage: Storage, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in storage.read(query, parameters)]


def forget_seconds(file: Path, start: int, end: int) -> None:
    """Take away the sums by the second of a time: whoever reads them notices."""
    with closing(sqlite3.connect(file)) as db, db:
        taken = db.execute("DELETE FROM tallies WHERE second >= ? AND second < ?", (start, end)).rowcount
    assert taken


def test_sums_by_five_minutes_are_those_by_the_second(storage: Storage) -> None:
    chance = random.Random(5)
    for _ in range(200):  # not in the order of time: a clock may be set back
        keep(
            storage,
            BEGIN + chance.random() * HOUR,
            chance.choice("AB"),
            chance.randint(1, 3),
            chance.choice([200, 400]),
        )
    by_seconds = (
        f"SELECT second / {PERIOD} * {PERIOD} AS period, type, event, verdict, sum(calls), sum(bytes), max(second) "
        "FROM tallies GROUP BY 1, 2, 3, 4"
    )
    assert rows(storage, "SELECT * FROM periods") == rows(storage, by_seconds)


def test_whatever_time_is_asked_for_the_sums_are_those_of_its_seconds(storage: Storage) -> None:
    chance = random.Random(7)
    for _ in range(150):
        keep(storage, BEGIN + chance.randrange(5 * PERIOD), chance.choice("AB"))
    borders = [BEGIN + whole * PERIOD + beside for whole in range(-1, 7) for beside in (-1, 0, 1, 170)]
    sums = "SELECT event, sum(calls), sum(bytes), max(last) FROM {} GROUP BY event"
    for start in borders:
        for end in borders:
            seconds = f"(SELECT *, second AS last FROM tallies WHERE second >= {start} AND second < {end})"
            assert rows(storage, sums.format(SUMS), **during(start, end)) == rows(storage, sums.format(seconds))


def test_what_lies_within_a_long_time_is_not_read_second_by_second(storage: Storage, file: Path) -> None:
    for second in range(BEGIN, BEGIN + DAY, 500):
        keep(storage, second, "A")
    shown = window(storage.read, "all", BEGIN + DAY)
    ask = f"SELECT event, sum(calls), max(last) FROM {SUMS} GROUP BY event"
    before = over_time(storage.read, shown), rows(storage, ask, **shown.told), storage.counts()
    forget_seconds(file, BEGIN + PERIOD, shown.end // PERIOD * PERIOD)
    assert (over_time(storage.read, shown), rows(storage, ask, **shown.told), storage.counts()) == before


def test_nor_does_the_page_read_it_so(file: Path) -> None:
    with closing(Storage(file)) as storage:
        for second in range(BEGIN, BEGIN + DAY, 500):
            keep(storage, second, "A")
    with Sandbox(file) as sandbox, httpx.Client(base_url=sandbox.page) as client:

        def shown() -> list[str]:
            pages = [client.get(path).text for path in ("/events?range=all", "/events/A?range=all")]
            return [page.partition("<main")[2] for page in pages]

        before = shown()
        assert all("173" in page for page in before)
        forget_seconds(file, BEGIN + PERIOD, BEGIN + DAY - 2 * PERIOD)
        assert shown() == before


def test_a_request_of_which_no_call_could_be_read_counts_where_the_calls_do(storage: Storage) -> None:
    keep(storage, BEGIN, number=0, status=401)
    keep(storage, BEGIN, number=2, status=400)
    chart = over_time(storage.read, window(storage.read, "all", BEGIN))
    assert dict(zip(chart.kinds, chart.totals, strict=True))["refused"] == 3
    assert rows(storage, "SELECT calls FROM totals WHERE verdict = 'refused'") == [(3,)]
    assert rows(storage, "SELECT type, event, sum(calls) FROM tallies GROUP BY 1, 2") == [
        ("", "", 1),
        ("track", "A", 2),
    ]
