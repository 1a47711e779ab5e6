"""Whatever does not come, nobody waits for it longer than was said."""

from __future__ import annotations

import time
from typing import Any

import pytest
from drivers import KEY, Driver
from driving import BOTH, within
from proxy import Fault, each, said

from cio_facade import Limits, Retry

NOTHING_COMES = [
    Fault("half open", answer=b"", silent=True),
    Fault("half open after taking", silent=True),
    Fault("1 byte a second", pace=1.0),
    Fault("an hour's latency", delay_answer=3600),
    Fault("outage", outage=3600),
    Fault("503 for an hour", answer=said(503, Retry_After="20")),
]


@BOTH
@pytest.mark.parametrize("fault", NOTHING_COMES, ids=lambda fault: fault.name)
def test_a_stream_ends_when_its_time_is_up(kind: Any, fault: Fault, sandbox: Any, network: Any, given: Any) -> None:
    with network(sandbox, each(fault), grace=0.0) as net:
        with kind(KEY, **{**net.settings, "limits": Limits(), "timeout": 30.0}) as cio:
            begun = time.monotonic()
            report = within(25, lambda: cio.send_many(given(50), timeout=0.3))
            took = time.monotonic() - begun
        assert took < 3
    assert report.balanced
    # On a slow machine the time may be up before all are read.
    assert 0 < report.accepted <= 50
    assert (report.delivered, report.pending) == (0, report.accepted)
    assert net.proxy.lost.total() in (0, 50) or report.accepted < 50


def test_an_answer_whose_head_comes_in_drops_is_not_waited_for_to_its_end(
    driver: Driver, sandbox: Any, network: Any, given: Any
) -> None:
    """Each drop comes in time, and the whole would take a minute: an attempt ends, and then the budget does."""
    with network(sandbox, each(Fault("drops", pace=0.1)), grace=0.0) as net:
        settings = {"timeout": 0.4, "retry": Retry(base=0.01, cap=0.05, budget=0.6)}
        begun = time.monotonic()
        account = within(30, lambda: net.deliver(driver, given(4, people=4), **settings))
        took = time.monotonic() - begun
    assert account.report.balanced
    assert account.report.delivered == 0
    assert took < 5
