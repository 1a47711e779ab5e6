"""What imports cost: fresh interpreters, turn by turn, with the start of the interpreter itself taken off."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Target

if TYPE_CHECKING:
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["imports"]

_NOTHING, _HTTPX, _OURS = "pass", "import httpx", "import cio_facade"
_STATEMENTS = (
    _HTTPX,
    _OURS,
    "from cio_facade import messages",
    "from cio_facade import CustomerIO",
    "from cio_facade import AsyncCustomerIO",
    "from cio_facade.events.ecommerce import OrderCompleted",
    "from customerio.analytics import Client",
)


def imports(scale: Scale, _: Sink) -> tuple[list[Figure], list[Target]]:
    """Milliseconds of some imports."""
    taken: dict[str, list[float]] = {statement: [] for statement in (_NOTHING, *_STATEMENTS)}
    for number in range(scale.imports + 1):
        for statement, times in taken.items():
            seconds = _seconds(statement)
            if number:  # the first round writes and reads what the others find in the cache
                times.append(seconds)
    start = median(taken[_NOTHING])
    cost = {statement: median(taken[statement]) - start for statement in _STATEMENTS}
    figures = [
        Figure(
            run="import",
            who=statement,
            values={"milliseconds": seconds * 1000},
            ratios={"import httpx": seconds / cost[_HTTPX]} if statement != _HTTPX else {},
        )
        for statement, seconds in cost.items()
    ]
    return figures, [Target("import cio_facade: times import httpx", 1.3, cost[_OURS] / cost[_HTTPX], most=True)]


def _seconds(statement: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return time.perf_counter() - begun
