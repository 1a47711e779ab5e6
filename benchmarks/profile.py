"""Where the time of `send_many` goes: each step is measured with all that precede it, and what it adds is its own.

``python -m benchmarks.profile SIZE EVENTS ROUNDS KIND ORIGIN`` measures, turn by turn in one process, and prints JSON.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections import deque
from contextlib import ExitStack
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import loops, ours, splitting
from benchmarks.report import Figure
from benchmarks.rounds import run_module
from benchmarks.rows import EVENT, SIZES, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.report import Outcome
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink
    from cio_facade import CustomerIO, Message

__all__ = ["profile"]

_WARM_UP = 5_000


def profile(scale: Scale, sink: Sink) -> Outcome:
    """Microseconds of CPU that each step adds to an event, and what is busy meanwhile."""
    figures = [*_profile("small", scale.steps, scale, sink), *_profile("large", scale.steps // 4, scale, sink)]
    return figures, []


def _profile(size: str, events: int, scale: Scale, sink: Sink) -> Iterator[Figure]:
    before = 0.0
    for name, values in run_module("profile", size, events, scale.few, *sink).items():
        adds = {}
        if name.startswith(_STEP):
            adds, before = {"adds": values["sum"] - before}, values["sum"]
        yield Figure(run=f"profile, {size} events", who=name.removeprefix(_STEP), values={**adds, **values})


_STEP = "+ "


def _steps(size: str, origin: str, opened: ExitStack) -> dict[str, Callable[[int], object]]:
    """Give what is measured, by name: a name that begins with a plus is a step, with all before it."""
    from cio_facade.messages import track

    build = SIZES[size]

    def messages(number: int) -> Iterator[Message]:
        return (track(row[0], EVENT, build(row)) for row in stream(number))

    nowhere = opened.enter_context(_nowhere())
    library, ideal = (opened.enter_context(open_(origin, 0)) for open_ in (ours.send_many, loops.ideal))
    return {
        f"{_STEP}the row, and the dict of its properties": lambda n: _exhaust(map(build, stream(n))),
        f"{_STEP}the message": lambda n: _exhaust(messages(n)),
        f"{_STEP}validation, id, time, JSON": lambda n: _exhaust(splitting.chunks(messages(n))),
        f"{_STEP}waiting by person, cutting, joining": lambda n: _exhaust(splitting.bodies(messages(n))),
        f"{_STEP}deciding, and the account": lambda n: _delivered(messages(n)),
        f"{_STEP}threads, and httpx without a network": lambda n: nowhere.send_many(messages(n)),
        f"{_STEP}the connection": lambda n: library(stream(n), build),
        "the ideal loop, all in all": lambda n: ideal(stream(n), build),
    }


def _exhaust(values: Iterable[object]) -> None:
    deque(values, maxlen=0)


class _NoPace:
    """A request may go whenever it likes."""

    def reserve(self, now: float) -> float:
        return now

    def departed(self, now: float) -> None:
        """Nothing is counted."""

    def slow_down(self, now: float) -> None:
        """Nobody says 429."""


def _delivered(messages: Iterator[Message]) -> None:
    """Do all that `send_many` does but for threads and HTTP: each body is accepted the moment it is cut."""
    from cio_facade import Retry
    from cio_facade.answers import Answer
    from cio_facade.delivery import Delivery, Send

    delivery, encode, at = Delivery(splitting.packing(), _NoPace(), Retry(), random.random), splitting.encoder().many, 0

    def send() -> None:
        while isinstance(step := delivery.next(time.monotonic()), Send):
            step.parcel.body()
            delivery.completed(step.ticket, Answer(200), time.monotonic())

    while taken := list(islice(messages, splitting.CHUNK)):
        chunk = encode(taken)
        if delivery.feed_many(chunk, range(at, at + len(taken))):
            send()
        at += len(taken)
    delivery.finish()
    send()


def _nowhere() -> CustomerIO:
    """A client whose transport answers at once."""
    import httpx

    from cio_facade import CustomerIO

    class Nowhere(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.read()
            return httpx.Response(200, content=b"{}")

    return CustomerIO("benchmark-key", transport=Nowhere())


def _round(steps: dict[str, Callable[[int], object]], events: int) -> dict[str, dict[str, float]]:
    """Microseconds of CPU an event, the part of a second that this is, and what part of it is the kernel's."""
    values: dict[str, dict[str, float]] = {}
    for name, step in steps.items():
        used, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        step(events)
        now, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begun
        kernel = now.ru_stime - used.ru_stime
        cpu = now.ru_utime - used.ru_utime + kernel
        values[name] = {"sum": cpu / events * 1e6, "cpu_share": cpu / seconds, "kernel_share": kernel / max(cpu, 1e-9)}
    return values


def main() -> None:
    size, events, rounds, _, origin = sys.argv[1:]
    with ExitStack() as opened:
        steps = _steps(size, origin, opened)
        _round(steps, min(int(events), _WARM_UP))
        all_rounds = [_round(steps, int(events)) for _ in range(int(rounds))]
    medians = {
        name: {key: median(values[name][key] for values in all_rounds) for key in all_rounds[0][name]} for name in steps
    }
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
