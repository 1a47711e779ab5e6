"""The figures of the streams as a picture: bars on a logarithmic scale, readable on light and on dark ground."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from benchmarks.contenders import ASYNC, DURABLE, GZIP, OURS, OUTBOX
from benchmarks.report import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.report import Figure

__all__ = ["plot"]

_RATE = "events_per_second"
_RUNS = {"small events": "small", "large events": "large"}
_OURS = {OURS, ASYNC, GZIP, OUTBOX, DURABLE}
_LEFT, _WIDTH, _RIGHT, _TOP, _BAR, _ROW = 270, 520, 80, 48, 11, 34
# It has a ground of its own: a picture knows the system's colours, not those that its page was switched to.
_STYLE = """
.paper { fill: #ffffff; }
text { font: 12px sans-serif; fill: #1f2328; }
.ours { font-weight: bold; }
.number { font-size: 10px; }
.grid { stroke: #d1d9e0; }
.small { fill: #0969da; }
.large { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; }
  text { fill: #e6edf3; }
  .grid { stroke: #3d444d; }
  .small { fill: #58a6ff; }
  .large { fill: #f0883e; }
}
"""


def plot(figures: Sequence[Figure]) -> str:
    """Draw events a second of all contenders, small and large ones, as SVG; the fastest first."""
    rates = {
        run: {figure.who: figure.values[_RATE] for figure in figures if figure.run == run and _RATE in figure.values}
        for run in _RUNS
    }
    whom = sorted(
        {who for of in rates.values() for who in of}, key=lambda who: -max(of.get(who, 0) for of in rates.values())
    )
    every = [rate for of in rates.values() for rate in of.values()]
    low = floor(log10(min(every)))
    high = max(low + 1, ceil(log10(max(every))))
    height = _TOP + _ROW * len(whom) + 10
    width = _LEFT + _WIDTH + _RIGHT
    size = f'viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Events a second of each client">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        *_legend(),
        *_grid(low, high, height),
    ]
    for row, who in enumerate(whom):
        lines += _bars(who, rates, _TOP + _ROW * row + 8, low, high)
    return "\n".join([*lines, "</svg>\n"])


def _legend() -> Iterator[str]:
    for place, (run, kind) in enumerate(_RUNS.items()):
        x = _LEFT + 190 * place
        yield f'<rect class="{kind}" x="{x}" y="6" width="11" height="11"/>'
        yield f'<text x="{x + 17}" y="16">{run} a second</text>'


def _grid(low: int, high: int, height: int) -> Iterator[str]:
    for power in range(low, high + 1):
        x = _LEFT + _WIDTH * (power - low) / (high - low)
        yield f'<path class="grid" d="M{x:.1f} {_TOP} V{height - 6}"/>'
        yield f'<text x="{x:.1f}" y="{_TOP - 6}" text-anchor="middle">{whole(10**power)}</text>'


def _bars(who: str, rates: dict[str, dict[str, float]], y: int, low: int, high: int) -> Iterator[str]:
    name = ' class="ours"' if who in _OURS else ""
    yield f'<text{name} x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(who)}</text>'
    for place, (run, kind) in enumerate(_RUNS.items()):
        if who in rates[run]:
            rate, top = rates[run][who], y + _BAR * place
            length = _WIDTH * (log10(rate) - low) / (high - low)
            yield f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 1}"/>'
            number = whole(round(rate, 2 - floor(log10(rate))))
            yield f'<text class="number" x="{_LEFT + length + 5:.1f}" y="{top + 9}">{number}</text>'
