"""The system's clock, and how the present is written."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cio_facade.clock import Clock, Stamps


def test_a_stamp_is_utc_to_the_millisecond():
    assert Stamps(lambda: 1_767_225_600.123)() == "2026-01-01T00:00:00.123Z"
    assert Stamps(lambda: 1_767_225_600)() == "2026-01-01T00:00:00.000Z"


@given(st.floats(0, 4_102_444_800))
@example(1_767_225_599.9999999)
@example(1_767_225_600.0004)
def test_a_stamp_is_never_later_than_the_present_and_at_most_two_milliseconds_behind(now):
    text = Stamps(lambda: now)()
    stamped = datetime.fromisoformat(text)
    assert text.endswith("Z")
    assert len(text) == 24
    assert -0.000_001 <= (datetime.fromtimestamp(now, UTC) - stamped).total_seconds() < 0.002


def test_a_millisecond_is_formatted_once_and_the_next_one_anew():
    now = iter([1.0, 1.0001, 1.0009, 1.0015, 1.0])
    stamps = Stamps(lambda: next(now))
    first, second, third, fourth, again = (stamps() for _ in range(5))
    assert first is second is third
    assert fourth == "1970-01-01T00:00:01.001Z"
    assert again == first


def test_the_clock_tells_the_systems_time():
    clock = Clock()
    assert clock.time() == pytest.approx(time.time(), abs=5)
    assert clock.monotonic() <= clock.monotonic()


def test_sleeping_for_no_time_returns():
    clock = Clock()
    clock.sleep(0)
    asyncio.run(clock.asleep(0))
