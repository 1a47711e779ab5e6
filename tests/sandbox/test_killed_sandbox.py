"""Killed with SIGKILL under load, again and again: what was answered 200 is in the file, and all of it agrees."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest
from length import times

from cio_facade import CustomerIO, CustomerIOError, Retry, messages
from cio_facade.sandbox.checks import said
from cio_facade.sandbox.records import Call, Problem, RequestRecord
from cio_facade.sandbox.rules import Rules, published
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.workspace import Workspace

KILLS: Final = times(3, 20)
BATCH: Final = 40


@contextmanager
def sandbox_process(file: Path, **options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    code = f"from cio_facade.sandbox import serve; serve(db={str(file)!r}, **{options!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def some_call(chance: random.Random, message_id: str) -> dict[str, Any]:
    """A call that changes the workspace, of few people, so that they meet."""
    who = {"userId": f"u{chance.randrange(12)}"}
    nameless = {"anonymousId": f"a{chance.randrange(12)}"}
    word = chance.choice("xyz")

    def event(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "track", **who, "event": name, "properties": properties}

    made = chance.choice(
        [
            {"type": "identify", **who, "traits": {"plan": word, "email": f"{chance.randrange(9)}@example.com"}},
            {"type": "identify", **who, **nameless, "traits": {word: chance.random()}},
            {"type": "identify", **nameless, "traits": {word: None, "seen": word}},
            {"type": "alias", **who, "previousId": f"u{chance.randrange(12)}"},
            {"type": "group", **who, "groupId": word, "traits": {"size": chance.randrange(5)}},
            {"type": "page", **nameless, "name": word},
            event("Order Completed", {"order_id": word}),
            {"type": "track", **nameless, "event": "Seen", "properties": {}},
            event("User Deleted", {}),
            event("User Suppressed", {}) if chance.random() < 0.6 else event("User Unsuppressed", {}),
        ]
    )
    return {**made, "messageId": message_id}


class Load:
    """Clients that send until the server is gone, and know what was answered 200."""

    def __init__(self, url: str, run: int, enough: int) -> None:
        self.answered: set[str] = set()
        self.delivered = 0
        self.wrong: httpx.Response | None = None
        self._url, self._run, self._left = url, run, enough
        self._gone = threading.Event()
        self._enough = threading.Event()
        ways: list[Callable[[], None]] = [self._batches, self._batches, self._singles, self._our_client]
        self._threads = [threading.Thread(target=way, daemon=True) for way in ways]

    def until_it_is_killed(self, process: subprocess.Popen[str]) -> None:
        for thread in self._threads:
            thread.start()
        assert self._enough.wait(20), (len(self.answered), self.wrong and self.wrong.text)
        os.kill(process.pid, signal.SIGKILL)
        self._gone.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _batches(self) -> None:
        self._send("/batch", lambda ids, chance: {"batch": [some_call(chance, name) for name in ids]}, BATCH)

    def _singles(self) -> None:
        self._send("/track", lambda ids, _: {"userId": "u1", "event": "Single", "messageId": ids[0]}, 1)

    def _send(self, path: str, body: Callable[[list[str], random.Random], dict[str, Any]], size: int) -> None:
        me = f"{self._run}-{threading.get_ident()}"
        chance = random.Random(me)
        with httpx.Client(base_url=self._url, auth=("key", ""), verify=False, timeout=5) as client:
            for number in range(100_000):
                ids = [f"{me}-{number}-{i}" for i in range(size)]
                try:
                    answer = client.post(path, json=body(ids, chance))
                except httpx.TransportError:  # the end, or a response that was dropped on demand
                    if self._gone.wait(0.01):
                        return
                    continue
                if answer.status_code != 200:
                    self.wrong = answer
                    return
                self.answered.update(ids)
                self._left -= 1
                if self._left <= 0:
                    self._enough.set()

    def _our_client(self) -> None:
        numbers = count()
        with CustomerIO("key", base_url=self._url, retry=Retry(budget=0)) as cio:
            while not self._gone.is_set():
                ours = (messages.track("u2", "Ours", message_id=f"ours-{self._run}-{n}") for n in islice(numbers, 300))
                try:
                    report = cio.send_many(ours)
                except CustomerIOError as error:
                    report = error.report
                self.delivered += report.delivered


def contents(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, in order."""
    with closing(sqlite3.connect(file)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        return {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for (name,) in tables.fetchall()}


def rebuilt(file: Path, into: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a new store makes of the calls of another one."""
    with closing(Storage(file)) as old, closing(Storage(into, Workspace(Rules.read(published()).acting))) as new:
        requests = {kept.id: kept for kept in old.requests()}
        received = old.read("SELECT request, position, type, body, bytes, verdict, reason FROM received ORDER BY id")
        for number, rows in groupby(received, key=itemgetter("request")):
            calls = [
                Call(
                    row["position"],
                    row["type"],
                    row["body"],
                    row["bytes"],
                    said(orjson.loads(row["body"])),
                    row["reason"] if row["verdict"] == "lost" else None,
                )
                for row in rows
            ]
            kept = requests[number]
            assert isinstance(kept, RequestRecord)
            assert all(isinstance(problem, Problem) for problem in kept.problems)
            new.record(kept, calls)
            assert kept.id == number
    return contents(into)


@pytest.mark.parametrize("faults", [(), ("drop-response:5%",)], ids=["plain", "responses dropped"])
def test_all_that_was_answered_is_in_the_file_and_agrees(tmp_path: Path, faults: tuple[str, ...]) -> None:
    file = tmp_path / "sandbox.db"
    chance = random.Random(6)
    answered: set[str] = set()
    before = 0
    for run in range(KILLS):
        with sandbox_process(file, rate=False, faults=faults, seed=run) as (process, url):
            load = Load(url, run, enough=chance.randrange(5, 30))
            load.until_it_is_killed(process)
        answered |= load.answered
        with closing(Storage(file)) as storage:
            requests = [number for (number,) in storage.read("SELECT id FROM requests ORDER BY id")]
            held = [name for (name,) in storage.read("SELECT message_id FROM calls ORDER BY id")]
            sizes = storage.read(
                "SELECT accepted, count(*) FROM requests JOIN received ON request = requests.id GROUP BY request"
            )
        assert answered <= set(held)
        assert sum(name.startswith(f"ours-{run}-") for name in set(held)) >= load.delivered
        assert all(accepted == calls for accepted, calls in sizes)
        batches = Counter(name.rpartition("-")[0] for name in held if not name.startswith("ours"))
        assert set(batches.values()) <= {1, BATCH}, "a batch is kept whole or not at all"
        assert requests == list(range(1, len(requests) + 1)), "numbers go on where they were"
        assert len(requests) > before
        before = len(requests)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert rebuilt(file, tmp_path / "again.db") == contents(file)


def test_the_workspace_that_is_compared_is_not_empty(tmp_path: Path) -> None:
    chance = random.Random(1)
    checked = Workspace(Rules.read(published()).acting)
    with closing(Storage(tmp_path / "s.db", checked)) as storage:
        for number in range(20):
            bodies = [some_call(chance, f"{number}-{i}") for i in range(BATCH)]
            calls = [Call(i, body["type"], "{}", 2, body) for i, body in enumerate(bodies)]
            storage.record(RequestRecord("2026-01-01T00:00:00.000+00:00", "/v1/batch", status=200), calls)
    filled = {name for name, rows in contents(tmp_path / "s.db").items() if rows}
    assert filled >= {"people", "objects", "relationships", "anonymous", "merges", "suppressed", "received", "tallies"}
