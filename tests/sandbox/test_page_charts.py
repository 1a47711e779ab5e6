"""Where bars stand: they sum up, stay inside, and no count is too small or too large for the scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.sandbox.page.charts import HEIGHT, SLOT, Column, grain, nice, slots, stacked

KINDS = ("accepted", "refused", "lost")
counts = st.integers(min_value=0, max_value=10**12)
columns = st.lists(st.builds(Column, st.text(max_size=5), st.tuples(counts, counts, counts)), max_size=70)


@given(columns)
def test_parts_lie_on_each_other_within_the_chart(columns: list[Column]) -> None:
    chart = stacked(columns, KINDS)
    for bar in chart.bars:
        floor = HEIGHT
        for part in bar.parts:
            assert part.height > 0
            assert part.y + part.height == pytest.approx(floor, abs=0.02)
            floor = part.y
        assert 0 <= floor <= HEIGHT


@given(columns)
def test_a_part_is_there_for_each_kind_that_has_a_count(columns: list[Column]) -> None:
    for column, bar in zip(columns, stacked(columns, KINDS).bars, strict=True):
        assert bar.column is column
        assert [part.kind for part in bar.parts] == [
            kind for kind, count in zip(KINDS, column.counts, strict=True) if count
        ]


@given(columns)
def test_counts_sum_up(columns: list[Column]) -> None:
    chart = stacked(columns, KINDS)
    assert chart.total == sum(chart.totals) == sum(column.total for column in columns)


@given(columns)
def test_bars_stand_beside_each_other_within_the_width(columns: list[Column]) -> None:
    chart = stacked(columns, KINDS)
    edges = [edge for bar in chart.bars for edge in (bar.x, bar.x + bar.width)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= chart.width for edge in edges)


@given(columns)
def test_the_scale_is_the_same_for_all_bars(columns: list[Column]) -> None:
    """Heights follow the counts, but for what would be too thin to see and what makes room for it."""
    chart = stacked(columns, KINDS)
    assert chart.top >= max((column.total for column in columns), default=0)
    for bar in chart.bars:
        for part in bar.parts:
            exact = bar.column.counts[KINDS.index(part.kind)] * HEIGHT / chart.top
            assert part.height == pytest.approx(exact, abs=len(KINDS) * 1.5 + 0.01)


def test_a_chart_of_nothing_has_a_scale_and_a_width() -> None:
    for empty in ([], [Column("now", (0, 0, 0))]):
        chart = stacked(empty, KINDS)
        assert (chart.top, chart.total, chart.width) == (1, 0, SLOT)
        assert not any(bar.parts for bar in chart.bars)


def test_a_single_call_beside_thousands_is_to_be_seen_and_stays_inside() -> None:
    (bar,) = stacked([Column("now", (99_999, 1, 0))], KINDS).bars
    assert [(part.kind, part.height) for part in bar.parts] == [("accepted", 98.5), ("refused", 1.5)]


@given(counts)
def test_an_axis_ends_at_the_next_number_that_reads_well(count: int) -> None:
    top = nice(count)
    assert top >= count
    assert str(top).rstrip("0") in {"1", "2", "5"}
    assert top == 1 or top < count * 2.5


@given(st.integers(min_value=1, max_value=10**10), st.integers(min_value=1, max_value=100))
def test_so_many_bars_at_most_span_a_time(seconds: int, most: int) -> None:
    width = grain(seconds, most)
    assert seconds <= width * most
    assert width % 60 == 0 or 60 % width == 0


@given(st.integers(0, 10**10), st.integers(1, 10**4), st.integers(1, 10**4))
def test_bars_cover_the_time_and_begin_at_full_multiples(start: int, span: int, width: int) -> None:
    found = slots(start, start + span, width)
    assert found[0] <= start < found[0] + width
    assert found[-1] < start + span <= found[-1] + width
    assert all(second % width == 0 for second in found)
