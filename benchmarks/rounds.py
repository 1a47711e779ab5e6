"""Measurements in fresh processes, and what is made of several rounds of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["ROOT", "in_turn", "medians", "ratio", "run_module"]

ROOT = Path(__file__).parent.parent
_PATIENCE = 300  # seconds for one measurement


def run_module(name: str, *arguments: object) -> dict[str, Any]:
    """Run a module of this package by itself; gives the JSON that it prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=_PATIENCE)
    return json.loads(done.stdout.splitlines()[-1])  # some clients print


def in_turn(whom: Iterable[str], rounds: int, measure: Callable[[str], dict[str, Any]]) -> dict[str, list[Any]]:
    """Everybody's turn, again and again, so that a busy moment of the machine hits all alike.

    Who cannot be measured is named, loudly, and left out of all rounds.
    """
    results: dict[str, list[Any]] = {who: [] for who in whom}
    for _ in range(rounds):
        for who in list(results):
            try:
                values = measure(who)
            except subprocess.SubprocessError as error:
                values = {"missing": f"it failed: {error}"}
            if "missing" in values:
                print(f"SKIPPED: {who}: {values['missing']}", file=sys.stderr, flush=True)
                del results[who]
            else:
                results[who].append(values)
    return results


def medians(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """The median of each value; what a sink could not tell is left out."""
    known = [key for key in rounds[0] if all(values[key] is not None for values in rounds)]
    return {key: median(values[key] for values in rounds) for key in known}  # type: ignore[type-var,misc]


def ratio(ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]], key: str) -> float:
    """How many times as much: the median of the ratios within each round, which noise between rounds leaves alone."""
    return median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True))
