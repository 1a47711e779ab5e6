"""What it costs to validate messages, encode them and cut bodies, nothing being sent: the same for any number?

``python -m benchmarks.splitting NUMBER [NUMBER ...]`` is one round, and prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Target, whole
from benchmarks.rounds import medians, run_module
from benchmarks.rows import EVENT, small, stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.report import Outcome
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink
    from cio_facade import Message
    from cio_facade.encoding import Chunk, Encoder
    from cio_facade.packing import Packing

__all__ = ["CHUNK", "bodies", "encoder", "packing", "prepared", "splitting"]

CHUNK = 256
"""Messages that are encoded together, as `send_many` does it."""

_MOST_REPEATS = 100


def splitting(scale: Scale, _: Sink) -> Outcome:
    """Microseconds a message, for streams of very different lengths."""
    rounds = [run_module("splitting", *scale.splits) for _ in range(scale.few)]
    cost = medians(rounds)
    dearest = median(max(values.values()) / min(values.values()) for values in rounds)
    figures = [
        Figure(run="splitting", who=f"{whole(int(number))} messages", values={"microseconds": each})
        for number, each in cost.items()
    ]
    return figures, [Target("splitting: cost of a message, dearest length against cheapest", 1.15, dearest, most=True)]


def prepared(number: int = 5_000) -> list[Message]:
    """Messages that a stream of any length goes round in, so that making them is not measured."""
    from cio_facade import messages

    return [messages.track(row[0], EVENT, small(row)) for row in stream(number)]


def encoder() -> Encoder:
    """Make what validates and encodes, as a client does."""
    from cio_facade import Limits
    from cio_facade.clock import Stamps
    from cio_facade.encoding import Encoder
    from cio_facade.ids import MessageIds

    return Encoder(Limits(), MessageIds(), Stamps(time.time))


def packing() -> Packing:
    """Make what keeps calls with their people and cuts bodies, as a client does."""
    from cio_pipelines import constants

    from cio_facade import Limits
    from cio_facade.packing import Packing

    limits = Limits()
    return Packing(constants.BATCH_PATH, limits.batch_bytes, limits.batch_calls)


def chunks(messages: Iterable[Message]) -> Iterator[Chunk]:
    """Encode a stream of messages."""
    encode, left = encoder().many, iter(messages)
    while chunk := list(islice(left, CHUNK)):
        yield encode(chunk)


def bodies(messages: Iterable[Message]) -> Iterator[bytes]:
    """Cut a stream of messages into the bodies of requests."""
    waiting, at = packing(), 0
    for chunk in chunks(messages):
        waiting.feed_many(chunk.data, chunk.keys, range(at, at + len(chunk.data)), chunk.alone)
        at += len(chunk.data)
        while waiting.ready and (parcel := waiting.cut(0)) is not None:
            yield parcel.body()
    while (parcel := waiting.cut(0, everything=True)) is not None:
        yield parcel.body()


def _round(numbers: list[int]) -> dict[str, float]:
    """Microseconds a message of each number, as often as the greatest allows, turn by turn."""
    messages = prepared()
    taken: dict[int, list[float]] = {number: [] for number in numbers}
    _cost(messages, numbers[0])
    for turn in range(_MOST_REPEATS):
        for number, costs in taken.items():
            if turn < max(1, numbers[-1] // number):
                costs.append(_cost(messages, number))
    return {str(number): median(costs) for number, costs in taken.items()}


def _cost(messages: list[Message], number: int) -> float:
    """Microseconds of CPU a message: there is only one thread, and others on the machine are not to count."""
    begun = time.process_time()
    for _ in bodies(islice(cycle(messages), number)):
        pass
    return (time.process_time() - begun) / number * 1e6


if __name__ == "__main__":
    print(json.dumps(_round(sorted(map(int, sys.argv[1:])))))
