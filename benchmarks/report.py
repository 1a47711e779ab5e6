"""What came out, as values, as tables in Markdown and as JSON."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import distributions
from math import floor, log10
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import attrs

from benchmarks.peers import APART

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Figure",
    "Outcome",
    "Target",
    "as_json",
    "as_text",
    "figure_table",
    "machine",
    "target_table",
    "whole",
    "words",
]

_PACKAGES = (
    "httpx",
    "orjson",
    "duckdb",
    "pyarrow",
    "pandas",
    "customerio-cdp-analytics",
    "segment-analytics-python",
    "rudder-sdk-python",
    "posthog",
    "customerio",
    "async-customerio",
)


@attrs.frozen(kw_only=True)
class Figure:
    """A row: what was measured, of whom, what came out (medians), and how many times as much as others."""

    run: str
    who: str
    values: dict[str, float]
    ratios: dict[str, float] = attrs.field(factory=dict[str, float])


class Target(NamedTuple):
    """What a figure should be."""

    what: str
    wanted: float
    measured: float
    most: bool = False

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.measured <= self.wanted if self.most else self.measured >= self.wanted

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        wanted = f"at {'most' if self.most else 'least'} {self.wanted:g}"
        return self.what, wanted, _three(self.measured), "met" if self.met else "**missed**"


Outcome: TypeAlias = tuple[list[Figure], list[Target]]
"""What a run gives."""


def machine() -> dict[str, Any]:
    """What it ran on: enough to judge the figures, nothing that tells whose it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "processor": _processor(),
        "cores": cores,
        "memory_gb": round(memory),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def words(about: dict[str, Any], sink: str) -> str:
    """Name the machine in a sentence or two."""
    packages = ", ".join(f"{name} {about[name]}" for name in _PACKAGES if name in about)
    hardware = f"{about['cores']} cores of {about['processor']}, {about['memory_gb']} GB"
    return f"{hardware}, {about['system']}, {about['python']}; {packages}. The sink: {sink}."


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as told:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    found = next(distributions(name=package, path=[*sys.path, str(APART)]), None)
    return found and found.version


def as_json(figures: list[Figure], targets: list[Target], **more: Any) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        **more,
        "figures": [attrs.asdict(figure) for figure in figures],
        "targets": [{**target._asdict(), "met": target.met} for target in targets],
    }


def as_text(figures: list[Figure], targets: list[Target]) -> str:
    """Everything, as tables in Markdown."""
    runs = dict.fromkeys(figure.run for figure in figures)
    tables = [f"## {run}\n\n{figure_table([f for f in figures if f.run == run])}" for run in runs]
    return "\n\n".join([*tables, *(["## targets\n\n" + target_table(targets)] if targets else [])])


def figure_table(figures: Sequence[Figure]) -> str:
    """Make a table of the figures of one run: a column for each value and each ratio that some of them has."""
    columns = [key for key in _COLUMNS if any(key in figure.values for figure in figures)]
    ratios = list(dict.fromkeys(name for figure in figures for name in figure.ratios))
    at = 1 + next((n for n, key in enumerate(columns) if key in _COMPARED), len(columns) - 1)
    head = [_COLUMNS[key][0] for key in columns]
    rows = [
        (
            figure.who,
            *(_cell(figure, key) for key in columns[:at]),
            *(_three(figure.ratios[name]) if name in figure.ratios else "" for name in ratios),
            *(_cell(figure, key) for key in columns[at:]),
        )
        for figure in figures
    ]
    return _table(("", *head[:at], *(f"times {name}" for name in ratios), *head[at:]), rows)


def target_table(targets: Iterable[Target]) -> str:
    """Make a table of what was aimed at."""
    return _table(("target", "wanted", "measured", ""), [target.cells() for target in targets])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(figure: Figure, key: str) -> str:
    return _COLUMNS[key][1](figure.values[key]) if key in figure.values else ""


def whole(value: float) -> str:
    """Round to a whole number, in groups of three digits."""
    return f"{value:,.0f}".replace(",", " ")


def _three(value: float) -> str:
    """Three significant digits: noise is not worth more."""
    if value == round(value) and abs(value) < 1000:
        return whole(value)
    digits = 2 - floor(log10(abs(value)))
    return whole(round(value, digits)) if digits <= 0 else f"{value:.{min(digits, 2)}f}"


_COLUMNS = {
    "events": ("events", whole),
    "rows": ("rows", whole),
    "events_per_second": ("events/s", _three),
    "rows_per_second": ("rows/s", _three),
    "calls_per_second": ("calls/s", _three),
    "milliseconds": ("ms", whole),
    "microseconds": ("µs", _three),
    "cpu_seconds_per_100000": ("CPU s per 100 000", _three),
    "adds": ("adds, µs CPU", _three),
    "sum": ("sum, µs CPU", _three),
    "cpu_share": ("processors busy", _three),
    "kernel_share": ("share of the kernel", _three),
    "memory_mb": ("memory MB", whole),
    "growth_mb": ("growth after a fifth, MB", _three),
    "requests": ("requests", whole),
    "lost": ("lost", whole),
    "bytes_per_event": ("bytes an event", whole),
    "connections": ("connections", whole),
    "reconnections": ("reconnections", whole),
    "most_in_flight": ("most in flight", whole),
}
_COMPARED = ("events_per_second", "rows_per_second", "calls_per_second", "milliseconds", "microseconds")
