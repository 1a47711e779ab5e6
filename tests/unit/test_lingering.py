"""How long calls wait for others: no longer than they may, and no shorter than it is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.lingering import Linger


def waiting(newest):
    """Whether something waits after an index, where this one is the newest that does."""
    return lambda index: newest > index


def test_what_comes_while_something_waits_is_due_with_it():
    linger = Linger(1.0)
    linger.newest = 0
    linger.look(0.0, waiting(0))
    linger.newest = 5
    linger.look(0.9, waiting(5))
    assert (linger.at, linger.over) == (1.0, -1)
    linger.look(1.0, waiting(5))
    assert (linger.at, linger.over) == (None, 5)


def test_time_begins_anew_for_what_comes_afterwards():
    linger = Linger(1.0)
    linger.newest = 0
    linger.look(0.0, waiting(0))
    linger.look(1.0, waiting(0))
    linger.newest = 1
    linger.look(5.0, waiting(1))
    assert (linger.at, linger.over) == (6.0, 0)


def test_nothing_waits_for_the_time_when_nothing_waits():
    linger = Linger(1.0)
    linger.newest = 0
    linger.look(0.0, waiting(0))
    linger.look(0.5, waiting(-1))
    assert linger.at is None
    assert linger.begins


def test_the_end_of_waiting_is_for_what_has_come():
    linger = Linger(1.0)
    linger.newest = 3
    linger.look(0.0, waiting(3))
    linger.end()
    assert (linger.at, linger.over, linger.begins) == (None, 3, True)


def test_for_ever_has_no_time():
    linger = Linger(None)
    linger.newest = 0
    linger.look(1e9, waiting(0))
    assert (linger.at, linger.begins, linger.over) == (None, False, -1)
    linger.end()
    assert linger.over == 0


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=40), st.sampled_from([0.5, 1.0]))
def test_no_call_waits_longer_than_it_may_and_none_that_is_alone_less(steps, seconds):
    """Somebody looks whenever something comes, and at the time that is said."""
    linger, now, gone, came = Linger(seconds), 0.0, -1, {}

    def look(moment):
        nonlocal gone
        linger.look(moment, waiting(linger.newest if gone < linger.newest else -1))
        for index in range(gone + 1, linger.over + 1):
            assert moment - came[index] <= seconds + 1e-9
        gone = max(gone, linger.over)

    for pause, comes in steps:
        while linger.at is not None and linger.at <= now + pause:
            look(linger.at)
        now += pause
        alone = gone == linger.newest
        if comes:
            linger.newest += 1
            came[linger.newest] = now
        look(now)
        if comes and alone:
            assert linger.at == pytest.approx(now + seconds)
