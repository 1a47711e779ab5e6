"""From counts to the places of bars. Knows no store and no markup; a chart is drawn in units of its own, 100 high.

>>> chart = stacked([Column("12:00", (3, 1)), Column("12:01", (0, 0))], ("accepted", "refused"))
>>> [(part.kind, part.y, part.height) for part in chart.bars[0].parts]
[('accepted', 40.0, 60.0), ('refused', 20.0, 20.0)]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["HEIGHT", "SLOT", "Bar", "Chart", "Column", "Part", "grain", "nice", "slots", "stacked"]

HEIGHT: Final = 100.0
"""Height of a chart, in its own units."""

SLOT: Final = 10.0
"""Width that a bar and the space after it take."""

_GAP: Final = 2.0
_LEAST: Final = 1.5  # a single call beside thousands is still to be seen

# Seconds that a bar may stand for: such that people know where it begins.
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_GRAINS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(count * _DAY for count in (1, 2, 7)),
)


class Column(NamedTuple):
    """What a bar is to say.

    Attributes
    ----------
    label : str
        What it stands for, such as a time.
    counts : tuple of int
        How many of each kind.
    """

    label: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self.counts)


class Part(NamedTuple):
    """A rectangle of one kind: upper edge and height."""

    kind: str
    y: float
    height: float


class Bar(NamedTuple):
    """A bar: left edge, width, and its parts from the bottom up, none of them empty."""

    x: float
    width: float
    parts: tuple[Part, ...]
    column: Column


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars in their places.

    Attributes
    ----------
    kinds : tuple of str
        What is stacked, from the bottom up.
    top : int
        The count that is as high as the chart; at least 1.
    width : float
        Width in the chart's own units.
    bars : tuple of Bar
        One a column, in their order.
    """

    kinds: tuple[str, ...]
    top: int
    width: float
    bars: tuple[Bar, ...]

    @property
    def total(self) -> int:
        """How many there are in all."""
        return sum(bar.column.total for bar in self.bars)

    @property
    def totals(self) -> tuple[int, ...]:
        """How many of each kind."""
        return tuple(sum(bar.column.counts[place] for bar in self.bars) for place in range(len(self.kinds)))


def stacked(columns: Iterable[Column], kinds: Sequence[str]) -> Chart:
    """Put columns beside each other, to one scale."""
    told = list(columns)
    top = nice(max((column.total for column in told), default=0))
    bars = (
        Bar(number * SLOT, SLOT - _GAP, tuple(_parts(column, kinds, top)), column) for number, column in enumerate(told)
    )
    return Chart(tuple(kinds), top, max(len(told), 1) * SLOT, tuple(bars))


def _parts(column: Column, kinds: Sequence[str], top: int) -> Iterable[Part]:
    heights = [max(count * HEIGHT / top, _LEAST) if count else 0.0 for count in column.counts]
    if (
        heights and (over := sum(heights) - HEIGHT) > 0
    ):  # the least heights are the small ones': the largest can spare it
        heights[heights.index(max(heights))] -= over
    y = HEIGHT
    for kind, height in zip(kinds, heights, strict=True):
        if height:
            y -= height
            yield Part(kind, round(max(y, 0.0), 2), round(height, 2))


def nice(count: int) -> int:
    """Round up to a number that reads well on an axis: 1, 2 or 5 and zeros. At least 1.

    >>> [nice(count) for count in (0, 1, 3, 6, 21, 100, 101)]
    [1, 1, 5, 10, 50, 100, 200]
    """
    power = 1
    while True:
        for step in (1, 2, 5):
            if count <= step * power:
                return step * power
        power *= 10


def grain(seconds: int, most: int) -> int:
    """Choose how many seconds a bar stands for, so that at most so many bars span a time."""
    fitting = (width for width in _GRAINS if seconds <= width * most)
    return next(fitting, -(-seconds // most // _DAY) * _DAY + _DAY)


def slots(start: int, end: int, width: int) -> range:
    """Give the seconds at which bars begin that cover the time from `start` to `end`, on full multiples of `width`."""
    return range(start - start % width, end, width)
