"""Places on lease in one process. That no window ever holds too many of all is a property: tests/properties."""

import pytest

from cio_facade.places import Hand, Terms

TERMS = Terms.of(3000, 3.0)


def hand(count: int, most: int = 25, *, start: float = 0.0, trip: float = 0.0, spacing: float = 0.001) -> Hand:
    made = Hand(TERMS, most)
    made.add(-trip, 0.0, start, spacing, count)
    return made


def sizes(made: Hand, lease: int, taken: int, *, every: float) -> int:
    """The size of the next order, after a lease of which so many were taken at an even pace."""
    now = 100.0
    made.add(now, now, 0.0, 0.001, lease)
    for _ in range(taken):
        assert made.take(now) is not None
        now += every
    made.take(now)
    return made.wanted()


def test_a_place_may_be_used_from_its_time_on() -> None:
    made = hand(3, start=0.5)
    assert [made.take(0.0), made.take(0.0), made.take(0.51), made.take(0.51)] == [0.5, 0.501, 0.51, None]


def test_a_place_that_is_not_taken_in_time_is_lost() -> None:
    made = hand(3, spacing=1.0)
    assert made.take(TERMS.patience * 1.01) == 1.0
    assert made.take(TERMS.patience * 0.99 + 2) == pytest.approx(TERMS.patience * 0.99 + 2)


def test_the_round_trip_shortens_the_time_in_which_a_place_may_be_taken() -> None:
    made = hand(1, trip=0.02)
    assert made.take(TERMS.patience - 0.019) is None
    assert hand(1, trip=0.02).take(TERMS.patience - 0.021) is not None


def test_leases_are_used_one_after_the_other() -> None:
    made = hand(1)
    made.add(0.0, 0.0, 0.4, 0.001, 1)
    assert [made.take(0.0), made.take(0.0), made.take(0.0)] == [0.0, 0.4, None]


def test_one_place_is_leased_where_one_is_used() -> None:
    made = Hand(TERMS, 25)
    assert made.wanted() == 1
    for _ in range(5):
        assert sizes(made, lease=1, taken=1, every=1.0) == 1
        assert not made.low


def test_more_are_leased_where_more_could_have_been_used() -> None:
    made = Hand(TERMS, 25)
    assert [sizes(made, lease=made.wanted(), taken=made.wanted(), every=0.0) for _ in range(12)] == [
        *(2, 3, 4, 6, 8, 11, 14, 18, 23, 25, 25, 25),
    ]


def test_as_many_are_leased_as_were_used_when_some_were_lost() -> None:
    made = Hand(TERMS, 25)
    for _ in range(12):
        sizes(made, lease=made.wanted(), taken=made.wanted(), every=0.0)
    assert sizes(made, lease=25, taken=4, every=0.01) != 4
    made.take(200.0)
    assert made.wanted() <= 8


def test_the_next_lease_is_asked_for_while_there_are_places() -> None:
    made = Hand(TERMS, 25)
    for _ in range(3):
        sizes(made, lease=made.wanted(), taken=made.wanted(), every=0.0)
    made.add(0.0, 0.0, 300.0, 0.001, 4)
    assert not made.low
    assert made.wanted() == 0
    made.take(300.0), made.take(300.0)
    assert made.low
    assert made.wanted() == 4


def test_the_pace_of_the_limits_is_nearly_the_limit() -> None:
    assert 1 / TERMS.step == pytest.approx(3000 / 3.1)
    assert 3 * TERMS.patience == pytest.approx(0.1)
