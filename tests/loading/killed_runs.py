"""Runs of one load that are killed, one after the other, and what each of them sent: told by the connections it had."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from faults.proxy import Exchange, Fault, FaultProxy
from load_runs import Ended, ended

__all__ = ["Series", "slow_network"]


def slow_network(seed: int, seconds: float) -> Callable[[Exchange], Fault]:
    """Requests and answers take up to so long each, so that kills meet them on their way there and back."""
    chance = random.Random(seed)
    return lambda _: Fault(delay=chance.random() * seconds, delay_answer=chance.random() * seconds)


_MORE = 10  # requests: a fast machine must not have come to the end before it was killed often enough


class Run(NamedTuple):
    """One process, by the numbers of the connections that it had."""

    after: int
    last: int


class Series:
    """Starts a load again and again, until it has come to its end.

    Parameters
    ----------
    proxy : FaultProxy
        The way to the server.
    start : callable
        Starts the load.
    """

    def __init__(self, proxy: FaultProxy, start: Callable[[], subprocess.Popen[str]]) -> None:
        self._proxy, self._start = proxy, start
        self._runs: list[Run] = []
        self._opened = proxy.connections

    def run(self) -> Ended:
        """Let it run to its end."""
        end = ended(self._start())
        self._note()
        return end

    def kill(self, *, requests: int = 0, seconds: float = 0.0, by: signal.Signals = signal.SIGKILL) -> Ended:
        """Kill it when it has made so many requests and so many seconds have gone by since, or a few more are made."""
        made = len(self._proxy.exchanges)
        process = self._start()
        while process.poll() is None and len(self._proxy.exchanges) - made < requests:
            time.sleep(0.001)
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(self._proxy.exchanges) - made < requests + _MORE:
            time.sleep(0.001)
        process.send_signal(by)
        end = ended(process)
        assert end.code == -by or by != signal.SIGKILL, f"it had ended before: {end}"
        self._note()
        return end

    def _note(self) -> None:
        """Wait until the proxy has seen all that the process had connected."""
        with socket.create_connection(("127.0.0.1", self._proxy.port)) as last:
            last.sendall(b"\0")
            assert last.recv(100)
        self._runs.append(Run(self._opened, self._proxy.connections))
        self._opened = self._proxy.connections

    def taken(self) -> list[list[list[str]]]:
        """The message ids that the server took: of each run, of each request. Ask when the proxy has ended."""
        by_run: list[list[list[str]]] = [[] for _ in self._runs]
        numbers = {
            number: place for place, run in enumerate(self._runs) for number in range(run.after + 1, run.last + 1)
        }
        for exchange in self._proxy.exchanges:
            if exchange.taken:
                by_run[numbers[exchange.connection]].append(exchange.message_ids)
        return by_run

    def check_repeats(self, in_flight: int) -> int:
        """Of what a run had sent, only what was in flight when it ended comes again; gives how many messages do.

        A connection has one request on its way. So of each run no more requests may come again than it had connections
        at once, whenever they had left.
        """
        taken = self.taken()
        runs: defaultdict[str, list[int]] = defaultdict(list)
        for place, requests in enumerate(taken):
            for ids in requests:
                for message_id in ids:
                    runs[message_id].append(place)
        assert all(len(places) == len(set(places)) for places in runs.values()), "sent twice by one run"
        for place, requests in enumerate(taken):
            again = [ids for ids in requests if any(runs[message_id][-1] > place for message_id in ids)]
            assert len(again) <= in_flight, f"run {place} had {len(again)} requests that came again"
        return sum(len(places) - 1 for places in runs.values())
