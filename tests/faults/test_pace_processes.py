"""The pace of real processes, counted at the server: no window ever holds more than the limit."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cio_pipelines import constants
from counting import CountingServer
from leasing import Row, most_in_a_window
from length import times

from cio_facade import leases

REQUESTS = times(constants.WINDOW_REQUESTS // 10, constants.WINDOW_REQUESTS)
SECONDS = constants.WINDOW_SECONDS
WAY = SECONDS / 90  # which leases.py allows for; pacing.py does for more
PHASE = SECONDS * times(1.5, 4)
PROCESSES = 8
LEAST = times(0.5, 0.3)  # of the limit, on a machine that is busy with other things; else it is above 0.9
SENDER = Path(__file__).with_name("pace_sender.py")


class Redis:
    """A server of this test's own, that can be killed."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < until, "the server of Redis does not start"
                time.sleep(0.01)

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait(10)

    def orders(self) -> int:
        """How often the script ran."""
        from redis import Redis as Client

        with Client(port=self.port) as client:
            return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("NOT TESTED: the pace over Redis, for want of a redis-server; `make debian` installs Debian's")
    server = Redis(program, tmp_path)
    server.start()
    yield server
    server.kill()


class Senders:
    """Processes that send as fast as they may."""

    def __init__(self, stack: ExitStack, server: CountingServer, number: int, **how: Any) -> None:
        standard = {"kind": "threads", "senders": 4, "redis": None, "fallback": 1 / number, "share": 1.0}
        settings = {**standard, "url": server.url, "requests": REQUESTS, "seconds": SECONDS, **how}
        self._processes = [
            subprocess.Popen(
                [sys.executable, SENDER, json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(number)
        ]
        for process in self._processes:
            stack.callback(self._end, process)
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def run(self, seconds: float, number: int | None = None) -> float:
        """Have some of them send for so long; gives the seconds of processor time it took them."""
        working = self._processes[:number]
        self.start(seconds, number)
        return sum(float(process.stdout.readline()) for process in working)  # type: ignore[union-attr]

    def start(self, seconds: float, number: int | None = None) -> None:
        for process in self._processes[:number]:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[CountingServer, Senders]]]:
    with ExitStack() as stack:

        def start(number: int, most: tuple[int, float] | None = None, **how: Any) -> tuple[CountingServer, Senders]:
            server = stack.enter_context(CountingServer(most))
            return server, Senders(stack, server, number, **how)

        yield start


def used(arrivals: list[float]) -> float:
    """The part of the limit that was used, once all were connected."""
    arrivals = sorted(arrivals)[PROCESSES:]
    return (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) / (REQUESTS / SECONDS)


def held(server: CountingServer) -> int:
    """Hold all arrivals against the limit; gives the most that one window had.

    What is promised is that no window has more where one request is longer on its way than another by `WAY` at most. As
    much as this machine held one up for longer than that, the window is shorter in which they left.
    """
    window = SECONDS - max(0.0, server.lag - WAY)
    assert most_in_a_window(server.arrivals, window) <= REQUESTS, server.lag
    return most_in_a_window(server.arrivals, SECONDS)


def checked(
    what: str, server: CountingServer, record: Callable[[str, object], None], since: int = 0, **more: object
) -> float:
    """Hold arrivals against the limit, and note what was seen; gives the part of the limit that was used."""
    most, arrivals = held(server), server.arrivals[since:]
    record(what, {"most": most, "of": REQUESTS, "used": round(used(arrivals), 3), "lag": round(server.lag, 3), **more})
    return used(arrivals)


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_one_process(kind: str, start: Any, record_property: Any) -> None:
    server, senders = start(1, kind=kind)
    seconds = senders.run(PHASE)
    assert checked(f"one process, {kind}", server, record_property, cpu=seconds) > LEAST


def test_eight_processes_with_a_share_each(start: Any, record_property: Any) -> None:
    server, senders = start(PROCESSES, share=1 / PROCESSES)
    senders.run(PHASE)
    assert checked("shares", server, record_property) > LEAST
    at_once = len(server.arrivals)
    senders.run(PHASE, PROCESSES // 2)
    # What the idle ones do not use is lost.
    assert checked("shares, half of them idle", server, record_property, at_once) < 0.6


def test_eight_processes_over_redis(redis: Redis, start: Any, record_property: Any) -> None:
    server, senders = start(PROCESSES, redis=redis.url)
    senders.run(PHASE)
    orders = redis.orders()
    trips = round(orders / len(server.arrivals), 3)
    assert checked("Redis", server, record_property, trips=trips) > LEAST
    at_once = len(server.arrivals)
    senders.run(PHASE, PROCESSES // 2)
    trips = round((redis.orders() - orders) / (len(server.arrivals) - at_once), 3)
    assert checked("Redis, half of them idle", server, record_property, at_once, trips=trips) > LEAST


@pytest.mark.parametrize("kind", ["tasks", "forks"])
def test_one_client_over_redis(kind: str, redis: Redis, start: Any, record_property: Any) -> None:
    server, senders = start(1, kind=kind, redis=redis.url, fallback=1 / 4)
    senders.run(PHASE)
    trips = round(redis.orders() / len(server.arrivals), 3)
    assert checked(f"Redis, {kind}", server, record_property, trips=trips) > LEAST


@pytest.mark.parametrize("over_redis", [False, True])
def test_a_server_that_takes_less_slows_all_of_them(
    over_redis: bool, redis: Redis, start: Any, record_property: Any
) -> None:
    takes = REQUESTS // 2
    how = {"redis": redis.url} if over_redis else {"share": 1 / 4}
    server, senders = start(4, (takes, SECONDS), **how)
    seconds = PHASE * times(2, 3)
    senders.run(seconds)
    taken = (len(server.arrivals) - server.refused) / (seconds / SECONDS * takes)
    refused = server.refused / len(server.arrivals)
    record_property(f"half the limit, {'Redis' if over_redis else 'shares'}", {"taken": taken, "refused": refused})
    assert refused < 0.2
    assert taken > LEAST * 0.8


def test_the_script_does_what_its_model_does(redis: Redis) -> None:
    from redis import Redis as Client

    chance, row, now = Random(4), Row(), 1_700_000_000_000_000
    with Client(port=redis.port) as client:
        # Redis' own time is left out, so that both are told the same.
        script = client.register_script("local now = tonumber(ARGV[11])\n" + leases._GRANT)
        for _ in range(5_000):
            now += chance.choice([0, 1, 500, 20_000, 400_000, 3_000_000, -1_000_000])
            count, slow = chance.choice([0, 1, 3, 25]), int(chance.random() < 0.1)
            step, cut_off = chance.choice([1_034, 103_334, 3_100_000]), chance.choice([-1, -1, 0, 700_000])
            args = [count, step, max(33_333, step), 500_000, 2_000_000, slow, cut_off, *leases._AIMD]
            assert script(keys=["row"], args=[*args, now]) == row.grant(now, args)
        assert 0 < client.ttl("row") < 60


def test_redis_is_killed_and_comes_back(redis: Redis, start: Any, record_property: Any) -> None:
    server, senders = start(PROCESSES, redis=redis.url)
    before, away, after = SECONDS, SECONDS * times(1, 3), SECONDS * times(2, 3)
    senders.start(before + away + after)
    began = time.time()
    time.sleep(before)
    redis.kill()
    time.sleep(away)
    redis.start()
    senders.run(0.0)
    checked("Redis, killed and started again", server, record_property)

    def in_between(begin: float, end: float) -> float:
        found = [moment for moment in server.arrivals if began + begin <= moment < began + end]
        return len(found) / (end - begin) / (REQUESTS / SECONDS)

    # They go on by their shares within a second, and all together when the row is open again.
    assert in_between(before + 1.2, before + away) > LEAST
    assert in_between(before + away + 3.5, before + away + after) > LEAST
