"""Everything at once, for long: 429, 5xx, cuts, lost answers, an outage and processes that are killed."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from drivers import DRIVERS, KEY
from length import times
from proxy import Exchange, Fault, FaultProxy, by_chance, said

from cio_facade import CustomerIO, Limits, Outbox, Retry
from cio_facade.journal import Journal

_SENDER = Path(__file__).with_name("storm_sender.py")
_MESSAGES = times(8_000, 200_000)
_KILLS = times(4, 12)
_SECONDS = times(60, 1500)
# An answer that came shortly before a kill may not be written down yet.
_UNWRITTEN = 0.5
WEATHER = {
    Fault("429", answer=said(429)): 0.02,
    Fault("429 with Retry-After", answer=said(429, Retry_After="1")): 0.002,
    Fault("500", answer=said(500)): 0.03,
    Fault("503 with Retry-After 0", answer=said(503, Retry_After="0")): 0.02,
    Fault("502 after taking", answer=said(502), taken=True): 0.02,
    Fault("cut in the request", cut_request=5_000): 0.03,
    Fault("cut in the answer", cut_answer=30): 0.02,
    Fault("lost answer", cut_answer=0): 0.03,
    Fault("half open", silent=True): 0.002,
    Fault("slow", delay=0.05, delay_answer=0.05): 0.05,
}


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Any, Callable[[], Counter[str]]]]:
    """A sandbox with a file, and how often each message id is in it."""
    sandboxes = pytest.importorskip(
        "cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]"
    )
    file = tmp_path / "sandbox.sqlite"

    def arrived() -> Counter[str]:
        with closing(sqlite3.connect(file)) as connection:
            return Counter(dict(connection.execute("SELECT message_id, count(*) FROM calls GROUP BY message_id")))

    with sandboxes.Sandbox(file, rate=False) as running:
        yield running, arrived


@pytest.mark.parametrize("way", [name for name, driver in DRIVERS.items() if driver.batches])
def test_a_stream_through_a_storm(way: str, stored: Any, network: Any, given: Any) -> None:
    sandbox, arrived = stored
    stream = given(times(3_000, 100_000), 997)
    with network(sandbox, by_chance(7, WEATHER)) as net:
        settings = {"limits": Limits(call_bytes=2_000, batch_bytes=20_000), "timeout": 2.0}
        account = DRIVERS[way].deliver(stream, **{**net.settings, **settings})
    assert account.report.complete
    found = arrived()
    assert found.keys() == account.delivered
    assert all(number <= 1 + net.proxy.lost[key] for key, number in found.items())
    assert found.total() > len(found)


class Senders:
    """Processes on one outbox. One that is killed has a successor with another name."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self.outbox = folder / "outbox"
        self._log = folder / "acknowledged"
        self._log.touch()
        self._url, self._stack = url, stack
        self._running: list[subprocess.Popen[bytes]] = []
        self._names = iter(range(1_000_000))
        self.killed: list[float] = []
        self._read, self.acknowledged = 0, 0

    def start(self) -> None:
        command = [sys.executable, str(_SENDER), self._url, str(self.outbox), str(self._log), f"p{next(self._names)}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.kill)
        self._running.append(process)

    def kill(self, place: int) -> None:
        victim = self._running.pop(place)
        victim.kill()
        victim.wait(10)
        self.killed.append(time.monotonic())
        for pipe in (victim.stdin, victim.stderr):
            assert pipe is not None
            pipe.close()

    def check(self) -> int:
        """How many messages are safe; none of the processes may have ended by itself."""
        for process in self._running:
            assert process.poll() is None, process.communicate()[1].decode()
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        self.acknowledged += new.count(b"\n")
        return self.acknowledged

    def finish(self, seconds: float) -> None:
        for process in self._running:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        for process in self._running:
            _, errors = process.communicate(timeout=seconds)
            assert process.returncode == 0, errors.decode()

    def ids(self) -> set[str]:
        lines = self._log.read_text().splitlines(keepends=True)
        return {line.strip() for line in lines if line.endswith("\n")}


def _doubtful(exchanges: list[Exchange], killed: list[float]) -> Counter[str]:
    """How often each message's answer came so shortly before a kill that it may be forgotten."""
    return Counter(
        key
        for exchange in exchanges
        if exchange.answered is not None and exchange.taken
        if any(exchange.at <= moment <= exchange.answered + _UNWRITTEN for moment in killed)
        for key in exchange.message_ids
    )


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_was_put_arrives_whoever_is_killed(stored: Any, tmp_path: Path) -> None:
    sandbox, arrived = stored
    chance = random.Random(11)
    step = _MESSAGES // (_KILLS + 1)
    next_kill, next_outage = step // 2, _MESSAGES // 3
    deadline = time.monotonic() + _SECONDS
    with FaultProxy(sandbox.url, by_chance(3, WEATHER)) as proxy, ExitStack() as stack:
        senders = Senders(proxy.url, tmp_path, stack)
        for _ in range(2):
            senders.start()
        while (safe := senders.check()) < _MESSAGES or len(senders.killed) < _KILLS:
            assert time.monotonic() < deadline, f"{safe} of {_MESSAGES} after {_SECONDS} s"
            if safe >= next_kill and len(senders.killed) < _KILLS:
                senders.kill(chance.randrange(2))
                senders.start()
                next_kill = safe + chance.randrange(step // 2, step)
            if safe >= next_outage:
                proxy.outage(times(1.0, 30.0))
                next_outage = 10 * _MESSAGES
            time.sleep(0.01)
        senders.finish(deadline - time.monotonic())
        patient = Retry(base=0.01, cap=0.2, budget=600)
        with CustomerIO(KEY, base_url=proxy.url, retry=patient) as client, Outbox(client, senders.outbox) as outbox:
            report = outbox.flush(timeout=60)
    with closing(Journal(senders.outbox)) as journal:
        totals = journal.totals()
    found, promised = arrived(), senders.ids()
    assert report.pending == 0
    assert totals.accepted == totals.delivered == len(found)
    assert len(promised) >= _MESSAGES
    missing = promised - found.keys()
    assert not missing, f"{len(missing)} of {len(promised)} were put safely and are not there"
    doubtful = _doubtful(proxy.exchanges, senders.killed)
    more = {key: number for key, number in found.items() if number > 1 + proxy.lost[key] + doubtful[key]}
    assert not more, f"{len(more)} came again without a reason"
    print(
        f"{len(promised)} messages, {len(proxy.exchanges)} requests, {found.total() - len(found)} repeats"
        f" ({sum(proxy.lost.values())} lost, {sum(doubtful.values())} doubtful); {dict(proxy.happened)}"
    )
