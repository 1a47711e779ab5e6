"""The pace that processes share: asking ahead, without waiting; when Redis is away, and when it is back."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import time
from itertools import pairwise
from typing import Any

import pytest
from leasing import Row, StubRedis, most_in_a_window

from cio_facade import CustomerIO, Limits, ValidationError, leases
from cio_facade.clock import Clock
from cio_facade.config import Settings
from cio_facade.leases import RedisPace
from cio_facade.pacing import Pace
from cio_facade.testing import FakeClock, RecordingTransport

LIMITS = Limits(window_requests=3000, window_seconds=3.0)
SETTINGS = Settings.resolve("sk_us_secret", None, None, strict=True, timeout=1.0)


class _NoThread:
    """What the thread would do is done by hand."""

    def __init__(self, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "Thread", _NoThread)


def made(redis: Any, clock: Clock, limits: Limits = LIMITS, **settings: Any) -> RedisPace:
    pace = RedisPace(redis, **settings)
    pace.bind(SETTINGS, limits, clock)
    return pace


def ask(pace: RedisPace) -> int:
    """Do what the thread would do now; tells how many orders that were."""
    office, number = pace._office.get(), 0
    while (order := office.order()) is not None:
        office.fetch(order)
        number += 1
    return number


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def redis(clock: FakeClock) -> StubRedis:
    return StubRedis(clock.monotonic)


@pytest.fixture
def pace(redis: StubRedis, clock: FakeClock, no_threads: None) -> RedisPace:
    return made(redis, clock)


# While Redis answers -------------------------------------------------------------------------------------------------


def test_a_place_is_not_known_until_a_lease_has_come(pace: RedisPace, clock: FakeClock) -> None:
    assert pace.reserve(clock.monotonic()) is None
    assert ask(pace) == 1
    assert pace.reserve(clock.monotonic()) == 0.0


def test_there_is_one_order_at_a_time(pace: RedisPace, redis: StubRedis) -> None:
    assert [pace.reserve(0.0) for _ in range(100)] == [None] * 100
    ask(pace)
    assert len(redis.orders) == 1


def test_most_requests_cost_no_round_trip(pace: RedisPace, redis: StubRedis, clock: FakeClock) -> None:
    gone: list[float] = []
    while clock.monotonic() < 4:
        at = pace.reserve(clock.monotonic())
        ask(pace)
        if at is None:
            clock.advance(0.001)
        else:
            clock.advance(max(0.0, at - clock.monotonic()))
            gone.append(clock.monotonic())
    assert len(gone) > 3700
    assert len(redis.orders) < len(gone) / 20
    assert most_in_a_window(gone, 3.0) <= 3000


def test_two_processes_share_one_row(redis: StubRedis, clock: FakeClock, no_threads: None) -> None:
    one, other = made(redis, clock), made(redis, clock)
    places: list[float] = []
    for _ in range(50):
        for pace in (one, other):
            at = pace.reserve(0.0)
            places += [at] if at is not None else []
            ask(pace)
    places.sort()
    assert len(places) > 50
    assert min(after - before for before, after in pairwise(places)) >= 3.1 / 3000 - 1e-9


def test_what_is_in_redis_says_nothing_of_the_key(pace: RedisPace, redis: StubRedis) -> None:
    pace.reserve(0.0)
    ask(pace)
    (key,) = redis.keys
    assert key.startswith("cio_facade:pace:")
    assert "secret" not in key + repr(redis.orders)


def test_429_halves_the_pace_of_all_once_a_second(redis: StubRedis, clock: FakeClock, no_threads: None) -> None:
    one, other = made(redis, clock), made(redis, clock)
    for moment in (0.0, 0.1, 0.9):
        clock.advance(moment - clock.monotonic())
        for pace in (one, other):
            pace.slow_down(clock.monotonic())
            ask(pace)
    assert len(redis.orders) == 2
    assert one.rate == pytest.approx(3000 / 3.1 / 2, rel=0.001)
    clock.advance(4.1)  # since the first: 5 seconds of a twentieth each
    other.reserve(clock.monotonic())
    ask(other)
    assert other.rate == pytest.approx(3000 / 3.1 * 0.75, rel=0.001)
    clock.advance(30.0)
    one.reserve(clock.monotonic())
    ask(one)
    assert one.rate == pytest.approx(3000 / 3.1, rel=0.001)


def test_a_place_is_used_in_time_or_not_at_all(pace: RedisPace, clock: FakeClock) -> None:
    pace.reserve(0.0)
    ask(pace)
    clock.advance(pace.patience * 1.1)
    assert pace.reserve(clock.monotonic()) is None
    assert pace.patience == pytest.approx(3.0 / 90)


# While it does not ---------------------------------------------------------------------------------------------------


def poll(pace: RedisPace, clock: FakeClock, seconds: float) -> list[float]:
    """Ask every millisecond for so long; gives the places, which are used at their time."""
    found: list[float] = []
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        at = pace.reserve(clock.monotonic())
        found += [] if at is None else [at]
        ask(pace)
        clock.advance(0.001)
    return found


def test_without_redis_a_process_goes_on_by_its_share(
    pace: RedisPace, redis: StubRedis, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    redis.away = True
    assert poll(pace, clock, 0.5) == []
    places = poll(pace, clock, 10.0)
    assert len(places) == pytest.approx(10 * 1000 / 16, rel=0.1)
    assert len(redis.orders) == pytest.approx(20, abs=2)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "ConnectionError" in record.getMessage()
    assert "secret" not in caplog.text


def test_it_goes_back_to_redis_when_that_is_back(
    pace: RedisPace, redis: StubRedis, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    redis.away = True
    poll(pace, clock, 2.0)
    redis.away = False
    poll(pace, clock, 0.6)
    # The row is closed at first, so that others come back too; the share goes on meanwhile.
    assert len(poll(pace, clock, 1.0)) == pytest.approx(1000 / 16, rel=0.2)
    poll(pace, clock, 1.5)
    assert len(poll(pace, clock, 1.0)) == pytest.approx(3000 / 3.1, rel=0.05)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def come_back(pace: RedisPace, redis: StubRedis, clock: FakeClock) -> float:
    """Have Redis go and come; tells when the row opens."""
    redis.away = True
    poll(pace, clock, 2.0)
    redis.away = False
    poll(pace, clock, 0.6)
    opens = redis.row.open / 1e6 - 1e9
    assert clock.monotonic() < opens
    return opens


def test_the_share_ends_before_the_row_opens(pace: RedisPace, redis: StubRedis, clock: FakeClock) -> None:
    opens = come_back(pace, redis, clock)
    clock.advance(opens - clock.monotonic() - 4 * pace.patience)
    assert pace.reserve(clock.monotonic()) is not None
    clock.advance(2 * pace.patience)
    assert pace.reserve(clock.monotonic()) is None


def test_whoever_comes_new_to_a_closed_row_waits_for_what_others_may_still_have(
    pace: RedisPace, redis: StubRedis, clock: FakeClock
) -> None:
    come_back(pace, redis, clock)
    redis.row.open = round(1e15 + 1e6 * (clock.monotonic() + 2))  # as if it had been closed just now
    new = made(StubRedis(clock.monotonic, redis.row), clock)
    assert poll(new, clock, 0.5) == []
    assert poll(new, clock, 0.5)


def test_a_429_while_redis_is_away_is_told_when_it_is_back(pace: RedisPace, redis: StubRedis, clock: FakeClock) -> None:
    redis.away = True
    pace.slow_down(clock.monotonic())
    ask(pace)
    redis.away = False
    clock.advance(1.0)
    ask(pace)
    assert redis.row.share == 0.5


def test_whoever_wakes_up_after_an_outage_asks_before_it_goes_on_alone(
    pace: RedisPace, redis: StubRedis, clock: FakeClock
) -> None:
    redis.away = True
    assert poll(pace, clock, 2.0)
    redis.away = False
    clock.advance(60.0)
    assert pace.reserve(clock.monotonic()) is None


def test_another_outage_after_a_rest_is_waited_out_as_the_first(
    pace: RedisPace, redis: StubRedis, clock: FakeClock
) -> None:
    redis.away = True
    assert poll(pace, clock, 2.0)
    clock.advance(60.0)
    assert poll(pace, clock, 0.5) == []
    assert poll(pace, clock, 0.5)


def test_answers_that_come_late_are_of_no_use(
    pace: RedisPace, redis: StubRedis, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    redis.seconds = lambda: clock.advance(0.05)
    places = poll(pace, clock, 10.0)
    assert 0 < len(places) < 10 * 1000 / 16
    assert "a late answer" in caplog.text


def test_one_late_answer_costs_one_lease(pace: RedisPace, redis: StubRedis, clock: FakeClock, caplog: Any) -> None:
    redis.seconds = lambda: clock.advance(0.05)
    pace.reserve(0.0)
    ask(pace)
    redis.seconds = lambda: None
    assert len(poll(pace, clock, 1.0)) > 900
    assert not caplog.records


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("away", [0.01, 0.7, 3.0])
@pytest.mark.parametrize("quiet", [0.0, 3.0])
def test_no_window_holds_too_many_when_redis_goes_and_comes(
    forgets: bool, away: float, quiet: float, clock: FakeClock, no_threads: None
) -> None:
    limits = Limits(window_requests=300, window_seconds=3.0)
    row = Row()
    clients = [StubRedis(clock.monotonic, row) for _ in range(8)]
    paces = [made(client, clock, limits, fallback_share=1 / 8) for client in clients]
    places: list[float] = []
    while (now := clock.monotonic()) < 15:
        for client in clients:
            client.broken |= client.away
            client.away = 3.3 <= now < 3.3 + away
        if clients[0].away and forgets:
            row.forget()
        for number, pace in enumerate(paces):
            if number % 2 and 3.2 < now < 3.3 + quiet:
                continue  # half of them are idle for a while
            at = pace.reserve(now)
            places += [] if at is None else [at]
            ask(pace)
        clock.advance(0.02)
    assert most_in_a_window(places, 3.0) <= 300
    assert len([at for at in places if 12 <= at < 15]) > 270


def test_where_no_thread_can_be_started_the_share_goes_on(
    redis: StubRedis, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(_NoThread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(leases, "Thread", Refused)
    pace = made(redis, clock)
    found = []
    while clock.monotonic() < 6:
        found.append(pace.reserve(clock.monotonic()))
        clock.advance(0.001)
    assert len([at for at in found[5000:] if at is not None]) == pytest.approx(1000 / 16, rel=0.1)
    assert redis.orders == []


# With its thread -----------------------------------------------------------------------------------------------------


def wait_for(pace: RedisPace) -> float:
    until = time.monotonic() + 10
    while (at := pace.reserve(time.monotonic())) is None:
        assert time.monotonic() < until
        time.sleep(0.001)
    return at


@pytest.fixture
def real() -> RedisPace:
    return made(StubRedis(time.monotonic), Clock())


def test_a_thread_fetches_and_ends_when_there_is_nothing_to_do(real: RedisPace, monkeypatch: Any) -> None:
    monkeypatch.setattr(leases, "_IDLE", 0.02)
    wait_for(real)
    thread = real._office.get()._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    wait_for(real)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_places_of_its_own(real: RedisPace) -> None:
    wait_for(real)
    office = real._office.get()
    office._turn.acquire()  # as another thread may at that moment
    if not (pid := os.fork()):
        fine = real._office.get() is not office and wait_for(real) is not None
        os._exit(0 if fine else 1)
    office._turn.release()
    assert os.waitpid(pid, 0)[1] == 0


# What is given to it -------------------------------------------------------------------------------------------------


def test_a_client_says_what_is_paced(clock: FakeClock, redis: StubRedis, no_threads: None) -> None:
    shared = RedisPace(redis)
    for _ in range(2):
        CustomerIO("key", limits=LIMITS, clock=clock, pace=shared, transport=RecordingTransport()).close()
    with pytest.raises(ValidationError, match="pace: belongs to a client with another key"):
        CustomerIO("other", limits=LIMITS, clock=clock, pace=shared, transport=RecordingTransport())


def test_a_client_sends_by_it(redis: StubRedis) -> None:
    with CustomerIO("key", pace=RedisPace(StubRedis(time.monotonic)), transport=RecordingTransport()) as cio:
        assert [cio.track("u1", "Seen").status for _ in range(20)] == [200] * 20


def test_a_pace_of_ones_own_is_taken_as_it_is() -> None:
    pace = Pace(3000, 3.0)
    with CustomerIO("key", pace=pace, clock=FakeClock(), transport=RecordingTransport()) as cio:
        for _ in range(30):
            cio.track("u1", "Seen")
    assert pace.soonest(0.0) > 0.0


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"redis": "localhost:6379"}, "redis: must be an address"),
        ({"redis": "redis://:hidden@host:port/0"}, "redis: must be an address"),
        ({"redis": 6379}, "redis: must be an address"),
        ({"redis": "redis://host", "lease": 0}, "lease: must be 1 or more"),
        ({"redis": "redis://host", "fallback_share": 0}, "fallback_share: must be above 0"),
        ({"redis": "redis://host", "fallback_share": 1.5}, "fallback_share: must be above 0"),
    ],
)
def test_what_is_wrong_is_named(settings: Any, problem: str) -> None:
    pytest.importorskip("redis", reason="needs the extra [redis]")
    with pytest.raises(ValidationError, match=problem) as caught:
        RedisPace(**settings)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert pickle.loads(pickle.dumps(caught.value)).field == caught.value.field


def test_a_client_for_asyncio_is_none() -> None:
    asynchronous = pytest.importorskip("redis.asyncio", reason="needs the extra [redis]")
    with pytest.raises(ValidationError, match=r"redis: must be an address .* or redis\.Redis"):
        RedisPace(asynchronous.Redis())


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_addresses_of_both_kinds_are_taken_and_not_shown(scheme: str) -> None:
    pytest.importorskip("redis", reason="needs the extra [redis]")
    assert repr(RedisPace(f"{scheme}://user:secret@host:6380/1")) == "<RedisPace>"


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"cio-facade\[redis\]"):
        RedisPace("redis://host")
