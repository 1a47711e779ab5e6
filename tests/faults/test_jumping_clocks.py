"""The wall clock jumps by a day, back and forth; the monotonic one, which all waiting goes by, does not."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from drivers import FEWER, Driver
from proxy import Fault, every, in_turn, said

from cio_facade import Limits, messages
from cio_facade.clock import Clock
from cio_facade.messages import Message

_DAY = 86_400.0


class Jumping(Clock):
    """Each look at it finds another day."""

    def __init__(self) -> None:
        self._days = itertools.cycle([0.0, _DAY, -_DAY, 0.0, -_DAY, -_DAY, _DAY])

    def time(self) -> float:
        return time.time() + next(self._days)


def _nameless(number: int) -> Sequence[Message]:
    """Messages whose ids and timestamps are the library's."""
    return [messages.track(f"u{n % 23}", "Seen", {"n": n}) for n in range(number)]


def test_nothing_is_lost_and_stamps_make_sense(
    driver: Driver, sandbox: Any, network: Any, given: Any, check: Any
) -> None:
    faults = [Fault("lost", cut_answer=0), Fault("503", answer=said(503)), Fault("429", answer=said(429))]
    stream = given(300 if driver.batches else 40)
    begun = datetime.now(UTC)
    with network(sandbox, every(4, *faults)) as net:
        account = net.deliver(driver, stream, clock=Jumping())
    assert check(account, driver, stream, net.proxy, sandbox) > 0
    assert account.report.complete
    near = timedelta(days=1, minutes=5)
    for call in sandbox.calls():
        if "timestamp" in call:
            stamp = datetime.fromisoformat(call["timestamp"])
            assert begun - near < stamp < begun + near
    sent = [datetime.fromisoformat(exchange.headers["x-timestamp"]) - begun for exchange in net.proxy.exchanges]
    assert {round(ahead / timedelta(days=1)) for ahead in sent} == {-1, 0, 1}, "no stamp outlives its time"


def test_ids_stay_unique(driver: Driver, sandbox: Any, network: Any) -> None:
    with network(sandbox, in_turn([])) as net:
        driver.deliver(_nameless(500 if driver.batches else 50), clock=Jumping(), **net.settings)
    ids = [call["messageId"] for call in sandbox.calls()]
    assert len(ids) == len(set(ids)) == (500 if driver.batches else 50)


@FEWER
def test_the_pace_goes_by_the_clock_that_does_not_jump(driver: Driver, sandbox: Any, network: Any, given: Any) -> None:
    """Forty requests at twenty in half a second: they take their second, and no window has more."""
    requests, seconds = 20, 0.5
    limits = Limits(call_bytes=400, batch_bytes=450, window_requests=requests, window_seconds=seconds)
    stream = given(2 * requests)
    with network(sandbox, in_turn([])) as net:
        begun = time.monotonic()
        account = net.deliver(driver, stream, clock=Jumping(), limits=limits)
        took = time.monotonic() - begun
    assert account.report.complete
    assert len(net.proxy.exchanges) == len(stream)
    assert 0.9 < took < 10
    # Departures are spaced. What they meet on the way to the proxy is not theirs, so arrivals get some leave.
    at = [exchange.at for exchange in net.proxy.exchanges]
    for first, last in zip(at, at[requests + 5 :], strict=False):
        assert last - first > seconds * 0.8


@FEWER
@pytest.mark.parametrize("days", [-3, 3])
def test_a_retry_after_that_is_a_date_is_seen_from_the_servers_own_clock(
    days: int, driver: Driver, sandbox: Any, network: Any, given: Any
) -> None:
    """The server says when, and what time it is: on a machine whose day is wrong this is still in a second."""
    now = datetime.now(UTC) + timedelta(days=days)
    then = now + timedelta(seconds=1)
    answer = said(503, Date=format_datetime(now, usegmt=True), Retry_After=format_datetime(then, usegmt=True))
    with network(sandbox, in_turn([Fault("503", answer=answer)])) as net:
        account = net.deliver(driver, given(8))
    assert account.report.complete
    assert net.proxy.exchanges[-1].at - net.proxy.exchanges[0].at >= 0.9
