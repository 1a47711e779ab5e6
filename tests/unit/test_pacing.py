"""When requests may go. That no window ever holds too many is a property: tests/properties."""

import pytest
from leasing import most_in_a_window

from cio_facade import CustomerIO, Limits
from cio_facade.pacing import Pace, part
from cio_facade.testing import FakeClock, RecordingTransport


def departures(pace: Pace, number: int, now: float = 0.0) -> list[float]:
    return [round(pace.reserve(now), 6) for _ in range(number)]


def test_requests_go_at_once_while_there_is_room() -> None:
    pace = Pace(3000, 3)
    assert departures(pace, 30) == [0.0] * 30
    assert 0.0 < pace.reserve(0.0) < 0.01


def test_a_slow_limit_has_no_burst() -> None:
    assert departures(Pace(1, 10), 3) == [0.0, pytest.approx(10, rel=0.02), pytest.approx(20, rel=0.02)]


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
    assert promised == pytest.approx(3, rel=0.02)
    pace.departed(10.0)
    assert pace.reserve(10.0) == pytest.approx(13, rel=0.02)


def test_a_request_that_goes_in_time_changes_nothing() -> None:
    one, other = Pace(600, 1), Pace(600, 1)
    for _ in range(100):
        at = one.reserve(0.0)
        assert other.reserve(0.0) == at
        one.departed(at)


def test_whoever_was_held_up_and_sends_many_at_once_waits_as_long_afterwards() -> None:
    pace = Pace(300, 3)
    gone = [pace.reserve(0.0) for _ in range(2)]
    for at in gone:
        pace.departed(at)
    waiting = [pace.reserve(0.0) for _ in range(50)]  # as many threads, which a busy machine wakes all at once
    late = max(waiting) + 0.1
    for _ in waiting:
        pace.departed(late)
        gone.append(late)
    while gone[-1] < 6:
        gone.append(pace.reserve(gone[-1]))
        pace.departed(gone[-1])
    assert most_in_a_window(gone, 3) <= 300


def test_what_is_longer_on_its_way_than_the_rest_still_finds_room() -> None:
    pace = Pace(300, 3)
    places = departures(pace, 900)
    for first in (0, 1, 300):
        arrivals = [at + (0.05 if number == first else 0.0) for number, at in enumerate(places)]
        assert most_in_a_window(arrivals, 3) <= 300


def test_whoever_only_looks_takes_no_place() -> None:
    pace = Pace(3, 3)
    pace.reserve(0.0)
    looked = [pace.soonest(0.0) for _ in range(9)]
    assert looked == [pace.reserve(0.0)] * 9


def test_429_halves_the_pace_once_a_second() -> None:
    pace = Pace(10, 10)
    for moment in (0.0, 0.01, 0.02):  # the answers to what was already under way
        pace.slow_down(moment)
    pace.reserve(0.02)
    assert pace.reserve(0.02) - 0.02 == pytest.approx(2, rel=0.02)


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
    assert pace.reserve(5.0) - 5.0 == pytest.approx(1 / 0.75, rel=0.02)
    pace.reserve(60.0)
    assert pace.reserve(60.0) - 60.0 == pytest.approx(1, rel=0.02)


def test_additive_increase_finds_the_limit_that_the_server_really_has() -> None:
    pace, now, refused, sent = Pace(1000, 1), 0.0, 0, 0
    room = 0.0  # a server that takes 400 a second, and no burst above 40
    while now < 120:
        at = pace.reserve(now)
        room, now = min(40.0, room + (at - now) * 400), at
        pace.departed(at)
        sent += 1
        if room >= 1:
            room -= 1
        else:
            refused += 1
            pace.slow_down(now)
    assert refused / sent < 0.1
    assert 0.75 < (sent - refused) / 120 / 400 <= 1.0


# A part of the limit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 1 / 2, 1 / 3, 1 / 7, 1 / 8, 1 / 16, 0.29, 0.01])
def test_shares_together_are_never_more_than_the_limit(share: float) -> None:
    requests, seconds = part(3000, 3.0, share)
    assert seconds == 3.0
    assert 3000 * share - 1 < requests <= 3000 * share + 1e-6


def test_a_share_of_less_than_a_request_is_one_in_a_longer_window() -> None:
    assert part(3, 3.0, 1 / 3) == (1, 3.0)
    assert part(10, 3.0, 0.01) == (1, pytest.approx(30.0))
    assert part(1, 1.0, 0.001) == (1, pytest.approx(1000.0))


@pytest.mark.parametrize("share", [1.0, 1 / 4, 0.003])
def test_a_client_keeps_to_its_share(share: float) -> None:
    clock, gone = FakeClock(), list[float]()

    def answer(_: object) -> int:
        gone.append(clock.monotonic())
        return 200

    limits = Limits(window_requests=100, window_seconds=1.0, share=share)
    with CustomerIO(f"key_{share}", clock=clock, limits=limits, transport=RecordingTransport(answer)) as cio:
        for _ in range(250):
            cio.track("u1", "Seen")
    seconds = 1.0 if share * 100 >= 1 else 1.0 / (share * 100)
    most = max(1, round(100 * share))
    assert most * 0.95 <= most_in_a_window(gone, seconds) <= most


def test_clients_with_the_same_share_of_a_key_share_it() -> None:
    clock = FakeClock()
    limits = Limits(window_requests=100, window_seconds=1.0, share=0.01)
    settings = {"clock": clock, "limits": limits, "transport": RecordingTransport()}
    with CustomerIO("one_and_the_same", **settings) as one, CustomerIO("one_and_the_same", **settings) as other:
        one.track("u1", "Seen")
        other.track("u1", "Seen")
    assert clock.monotonic() == pytest.approx(1.0, rel=0.02)
