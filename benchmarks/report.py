"""What came out, as values, as a table and as JSON."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import attrs

__all__ = ["Figure", "Target", "as_json", "as_text", "machine"]

_PACKAGES = ("httpx", "orjson", "customerio-cdp-analytics")
_COLUMNS = ("run", "who", "events", "figure", "compared", "CPU s / 100 000", "memory MB", "requests", "lost")


@attrs.frozen(kw_only=True)
class Figure:
    """A row: what was measured, of whom, what came out (medians), and how many times as much as others."""

    run: str
    who: str
    values: dict[str, float]
    ratios: dict[str, float] = attrs.field(factory=dict[str, float])

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        value = self.values.get
        figure = next(
            (form.format(value(key)).replace(",", " ") for key, form in _FORMS.items() if key in self.values), ""
        )
        return (
            self.run,
            self.who,
            _whole(value("events")),
            figure,
            ", ".join(f"{ratio:.2f} x {whom}" for whom, ratio in self.ratios.items()),
            f"{value('cpu_seconds_per_100000'):.2f}" if "cpu_seconds_per_100000" in self.values else "",
            _whole(value("memory_mb")),
            _whole(value("requests")),
            _whole(value("lost")),
        )


_FORMS = {"events_per_second": "{:,.0f}/s", "milliseconds": "{:.0f} ms", "microseconds": "{:.0f} µs"}


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
        return self.what, wanted, f"{self.measured:.2f}", "met" if self.met else "MISSED"


def machine() -> dict[str, Any]:
    """What it ran on: enough to judge the figures, nothing that names the machine."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    packages = {name: found for name in _PACKAGES if (found := _version(name))}
    return {"cores": cores, "memory_gb": round(memory), "system": sys.platform, "python": python, **packages}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def as_json(figures: list[Figure], targets: list[Target], **more: Any) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        **more,
        "figures": [attrs.asdict(figure) for figure in figures],
        "targets": [{**target._asdict(), "met": target.met} for target in targets],
    }


def as_text(figures: list[Figure], targets: list[Target]) -> str:
    """Everything, as tables in Markdown."""
    tables = [_table(_COLUMNS, [figure.cells() for figure in figures])]
    if targets:
        tables.append(_table(("target", "wanted", "measured", ""), [target.cells() for target in targets]))
    return "\n\n".join(tables)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines)


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}".replace(",", " ")
