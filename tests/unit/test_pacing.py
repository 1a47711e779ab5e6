"""When requests may go. That no window ever holds too many is a property: tests/properties."""

import pytest

from cio_facade.pacing import Pace


def departures(pace: Pace, number: int, now: float = 0.0) -> list[float]:
    return [round(pace.reserve(now), 6) for _ in range(number)]


def test_requests_go_at_once_while_there_is_room() -> None:
    pace = Pace(3000, 3)
    assert departures(pace, 50) == [0.0] * 50
    assert 0.0 < pace.reserve(0.0) < 0.01


def test_a_slow_limit_has_no_burst() -> None:
    assert departures(Pace(1, 10), 3) == [0.0, pytest.approx(10, rel=0.01), pytest.approx(20, rel=0.01)]


def test_a_place_is_never_in_the_past() -> None:
    pace = Pace(3, 3)
    pace.reserve(0.0)
    assert pace.reserve(100.0) == 100.0


def test_leisure_is_not_saved_up() -> None:
    pace = Pace(60, 60)
    pace.reserve(0.0)
    after_an_hour = departures(pace, 61, now=3600.0)
    assert after_an_hour[-1] - after_an_hour[0] > 59


def test_a_request_that_goes_late_opens_its_window_then() -> None:
    pace = Pace(1, 3)
    pace.reserve(0.0)
    promised = pace.reserve(0.0)
    assert promised == pytest.approx(3, rel=0.01)
    pace.departed(10.0)
    assert pace.reserve(10.0) == pytest.approx(13, rel=0.01)


def test_a_request_that_goes_in_time_changes_nothing() -> None:
    one, other = Pace(600, 1), Pace(600, 1)
    for _ in range(100):
        at = one.reserve(0.0)
        assert other.reserve(0.0) == at
        one.departed(at)


def test_429_halves_the_pace_once_a_second() -> None:
    pace = Pace(10, 10)
    for moment in (0.0, 0.01, 0.02):  # the answers to what was already under way
        pace.slow_down(moment)
    pace.reserve(0.02)
    assert pace.reserve(0.02) - 0.02 == pytest.approx(2, rel=0.01)


def test_429_again_and_again_leaves_a_hundredth_of_the_pace() -> None:
    pace = Pace(10, 10)
    for second in range(200):
        pace.slow_down(second * 1.0)
        pace.reserve(second * 1.0)
    first = pace.reserve(1e6 - 1)
    assert first == 1e6 - 1  # and by then it has recovered
    again = Pace(10, 10)
    for second in range(100):
        again.slow_down(second * 1.0)
    again.reserve(99.0)
    assert 5 < again.reserve(99.0) - 99.0 <= 101


def test_the_pace_comes_back_by_a_twentieth_a_second() -> None:
    pace = Pace(10, 10)
    pace.slow_down(0.0)
    pace.reserve(5.0)  # half a pace and 5 twentieths
    assert pace.reserve(5.0) - 5.0 == pytest.approx(1 / 0.75, rel=0.01)
    pace.reserve(60.0)
    assert pace.reserve(60.0) - 60.0 == pytest.approx(1, rel=0.01)
