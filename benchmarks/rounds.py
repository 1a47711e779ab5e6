"""Measurements in fresh processes, and what is made of several rounds of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["medians", "ratio", "run_module"]

_ROOT = Path(__file__).parent.parent


def run_module(name: str, *arguments: object) -> dict[str, Any]:
    """Run a module of this package by itself; gives the JSON that it prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def medians(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """The median of each value; what a sink could not tell is left out."""
    known = {key for values in rounds for key, value in values.items() if value is not None}
    return {key: median(values[key] for values in rounds) for key in rounds[0] if key in known}


def ratio(ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]], key: str) -> float:
    """How many times as much: the median of the ratios within each round, which noise between rounds leaves alone."""
    return median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True))
