"""The place in the pace that the next request has: taken once, kept while it is good, asked for ever less often."""

import pytest

from cio_facade.departures import Departures


class Places:
    """A pace that gives what it is told to, and remembers what it was asked."""

    def __init__(self, *given, patience=1.0):
        self._given = list(given)
        self.patience, self.rate = patience, 1.0
        self.asked, self.gone = [], []

    def reserve(self, now):
        self.asked.append(now)
        return self._given.pop(0)

    def departed(self, now):
        self.gone.append(now)

    def slow_down(self, now):
        raise AssertionError


def test_a_place_is_taken_once_and_kept_until_its_time():
    pace = Places(5.0)
    departures = Departures(pace)
    assert [departures.at(now) for now in (0.0, 1.0, 5.0, 6.0)] == [5.0] * 4
    assert pace.asked == [0.0]


def test_after_a_departure_the_next_has_a_place_of_its_own():
    pace = Places(0.0, 1.0)
    departures = Departures(pace)
    departures.at(0.0)
    departures.departed(0.5)
    assert departures.at(0.5) == 1.0
    assert pace.gone == [0.5]


def test_a_place_whose_time_is_long_past_is_given_up():
    pace = Places(0.0, 9.0, patience=1.0)
    departures = Departures(pace)
    departures.at(0.0)
    assert departures.at(1.0) == 0.0
    assert departures.at(1.001) == 9.0


def test_a_pace_that_does_not_know_yet_is_asked_ever_less_often_and_soon_again_later():
    pace = Places(*[None] * 8, 0.0, None)
    departures, now, pauses = Departures(pace), 0.0, []
    for _ in range(8):
        at = departures.at(now)
        pauses.append(at - now)
        now = at
    assert pauses == pytest.approx([0.002, 0.004, 0.008, 0.016, 0.032, 0.032, 0.032, 0.032])
    departures.at(0.0)
    departures.departed(0.0)
    assert departures.at(1.0) == pytest.approx(1.002)
