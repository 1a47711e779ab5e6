"""Bad messages among a thousand good ones: each costs itself alone, on a good network and on a bad one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from cio_pipelines import constants
from drivers import Driver
from length import times
from proxy import GOOD, Fault, Plan, by_chance, each, said

from cio_facade import Limits, messages
from cio_facade.messages import Message

# The server's own limits but one, so that what it refuses gets as far as that: a batch takes all thousand.
LOOSE = Limits(event_name_bytes=None)
LONG_NAME = "e" * (constants.EVENT_NAME_BYTES + 1)
BAD = pytest.mark.parametrize("bad", [1, 2, 50])
TROUBLE = {
    Fault("lost", cut_answer=0): 0.1,
    Fault("cut", cut_request=900): 0.1,
    Fault("503", answer=said(503)): 0.1,
    Fault("502 after taking", answer=said(502), taken=True): 0.05,
}


def _spoilt(given: Sequence[Message], bad: int) -> tuple[list[Message], list[int]]:
    """The same messages, of which some have names that the server does not take."""
    places = sorted(random.Random(bad).sample(range(len(given)), bad))
    stream = list(given)
    for place in places:
        call = stream[place].call
        stream[place] = messages.track(call["userId"], LONG_NAME, call["properties"], message_id=call["messageId"])
    return stream, places


@BAD
@pytest.mark.parametrize("trouble", [False, True], ids=["", "on a bad network"])
def test_each_bad_message_costs_itself_alone(
    bad: int, trouble: bool, driver: Driver, sandbox: Any, network: Any, given: Any, check: Any
) -> None:
    stream, places = _spoilt(given(1000 if driver.batches else times(70, 1000)), bad)
    plan: Plan = by_chance(bad, TROUBLE) if trouble else each(GOOD)
    with network(sandbox, plan) as net:
        account = net.deliver(driver, stream, limits=LOOSE)
    repeats = check(account, driver, stream, net.proxy, sandbox)
    report = account.report
    assert (report.accepted, report.delivered, report.rejected) == (len(stream), len(stream) - bad, bad)
    refused = {stream[place].call["messageId"] for place in places}
    assert account.delivered == {message.call["messageId"] for message in stream} - refused
    if driver.batches:
        assert {(letter.message_id, letter.status) for letter in account.letters} == {(key, 400) for key in refused}
    if not trouble:
        assert repeats == 0
        if driver.batches and driver.raises:  # one batch, then two requests a level for each of the bad
            assert len(net.proxy.exchanges) <= 2 + bad * 2 * (len(stream).bit_length())
