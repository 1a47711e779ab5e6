"""Every fault that a network and a server have, on every way of sending, against the real sandbox.

Whatever happens: the account balances, what counts as delivered is there, and nothing is there twice unless its answer
was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from drivers import DRIVERS, FEWER, Driver
from length import times
from proxy import GOOD, Exchange, Fault, Plan, by_chance, each, every, in_turn, said

from cio_facade import Limits, Retry


@dataclass(frozen=True)
class Case:
    """What the network does, and what may come of it: that all is delivered goes without saying.

    Attributes
    ----------
    plan
        Makes the plan, anew for each test.
    repeats
        Whether messages come a second time: never, perhaps, or certainly, since their answers are lost.
    timeout
        Of the client, in seconds: short only where the fault is that nothing comes.
    """

    name: str
    plan: Callable[[], Plan]
    repeats: Literal["never", "perhaps", "surely"] = "never"
    timeout: float = 30.0


def _every(turn: int, **faults: Any) -> Callable[[], Plan]:
    return lambda: every(turn, Fault("fault", **faults))


def _instead(name: str, answer: bytes, repeats: Literal["never", "perhaps", "surely"], **more: Any) -> Case:
    """The server takes the call, and this comes in place of its answer."""
    return Case(name, _every(5, answer=answer, taken=True, **more), repeats)


def _first(number: int, *answers: bytes) -> Callable[[], Plan]:
    """The first requests get these answers, and the server sees none of them."""
    return lambda: in_turn([Fault("fault", answer=answers[n % len(answers)]) for n in range(number)])


def _twice_then_nothing(exchange: Exchange) -> Fault:
    """An answer comes twice; who takes the second for that of the next request believes what never was."""
    if exchange.number % 4 == 2:
        return Fault("fault", answer=said(200) * 2, taken=True)
    return Fault(answer=said(503)) if exchange.number % 4 == 3 else GOOD


_HTML = b"<html><body>502 Bad Gateway</body></html>\xff"
_5XX = [said(status, _HTML) for status in (500, 502, 503, 504)]
_429 = said(429)
_SHORT = 0.3
_SECONDS_OF_OUTAGE = times(0.6, 30.0)

CASES = [
    Case("nothing at all", lambda: each(GOOD)),
    Case("latency both ways", lambda: each(Fault("fault", delay=0.02, delay_answer=0.02))),
    # Connections break.
    Case("reset in a request's head", _every(5, cut_request=20)),
    Case("reset in a request's body", _every(5, cut_request=600)),
    Case("reset instead of the answer", _every(5, cut_answer=0), "surely"),
    Case("reset in the answer's head", _every(5, cut_answer=15), "surely"),
    Case("reset in the answer's body", _every(5, cut_answer=-1), "surely"),
    Case("closed instead of the answer", _every(5, answer=b"", taken=True, close=True), "surely"),
    Case("closed after every answer", lambda: each(Fault("fault", close=True))),
    # Nothing comes. "perhaps" also where the server took nothing: this machine may halt for longer than such a timeout.
    Case("an answer later than the timeout", _every(9, delay_answer=0.7), "surely", timeout=_SHORT),
    Case("an answer of 1 byte a second", _every(9, pace=1.0), "surely", timeout=_SHORT),
    Case("a request that goes on at 1 byte a second", _every(9, pace_request=1.0), "perhaps", timeout=_SHORT),
    Case("half open before the call was taken", _every(9, answer=b"", silent=True), "perhaps", timeout=_SHORT),
    Case("half open after the call was taken", _every(9, silent=True), "surely", timeout=_SHORT),
    # The server, or something before it, has trouble.
    Case("a storm of 5xx", _first(25, *_5XX)),
    Case("5xx after the call was taken", _every(5, answer=said(502, _HTML), taken=True), "surely"),
    Case("503 before the body was read", _every(5, answer=said(503, Connection="close"), unread=True)),
    Case("408", _every(5, answer=said(408, Connection="close"), close=True)),
    Case("a storm of 429", _first(12, _429)),
    Case("429 with Retry-After 0", _first(12, said(429, Retry_After="0"))),
    Case("an outage", lambda: in_turn([*[GOOD] * 5, Fault("fault", outage=_SECONDS_OF_OUTAGE)]), "perhaps"),
    # What comes is not what it should be.
    _instead("200 with a body that is no JSON", said(200, _HTML), "never"),
    _instead("200 with a body that is cut off JSON", said(200, b'{"success": tr'), "never"),
    _instead("200 with JSON of another form", said(200, b'[null, {"errors": 7}]'), "never"),
    _instead("200 without a body", said(200, b""), "never"),
    _instead("200 with a body that is not packed as it says", said(200, _HTML, Content_Encoding="gzip"), "never"),
    _instead("a Content-Length that is too large", said(200, Content_Length="99"), "surely", close=True),
    _instead("a Content-Length that is too small", said(200, b"{} and more", Content_Length="2"), "perhaps"),
    _instead("a Content-Length that is no number", said(200, Content_Length="many"), "surely", close=True),
    _instead(
        "chunks that are none",
        said(200, b"what\r\n", Content_Length=None, Transfer_Encoding="chunked"),
        "surely",
        close=True,
    ),
    _instead("no HTTP at all", b"\x00\x16 what\r\n\r\n", "surely", close=True),
    Case("an answer that comes twice", lambda: _twice_then_nothing, "perhaps"),
    Case(
        "all of it by chance",
        lambda: by_chance(
            4,
            {
                Fault("429", answer=_429): 0.05,
                Fault("500", answer=said(500)): 0.05,
                Fault("502 after taking", answer=said(502), taken=True): 0.05,
                Fault("cut request", cut_request=500): 0.05,
                Fault("cut answer", cut_answer=25): 0.05,
                Fault("lost answer", cut_answer=0): 0.05,
                Fault("slow", delay=0.05): 0.1,
            },
        ),
        "perhaps",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_is_delivered(case: Case, driver: Driver, sandbox: Any, network: Any, given: Any, check: Any) -> None:
    stream = given(times(300, 3000) if driver.batches else times(40, 200))
    with network(sandbox, case.plan()) as net:
        account = net.deliver(driver, stream, timeout=case.timeout)
    repeats = check(account, driver, stream, net.proxy, sandbox)
    assert account.error is None
    assert account.report.complete, account.report.reasons
    assert net.proxy.happened.total() > 0 or case.name == "nothing at all"
    if case.repeats != "perhaps":
        assert (repeats > 0) == (case.repeats == "surely")


@FEWER
def test_a_server_is_left_alone_as_long_as_it_asks(driver: Driver, sandbox: Any, network: Any, given: Any) -> None:
    stream = given(20 if driver.batches else 8)
    with network(sandbox, _first(2, said(503, Retry_After="1"), said(429, Retry_After="1"))()) as net:
        account = net.deliver(driver, stream)
    assert account.report.complete
    attempts: dict[str, list[float]] = {}
    for exchange in net.proxy.exchanges:
        attempts.setdefault(exchange.headers["x-request-id"], []).append(exchange.at)
    pauses = [later - first for first, later in filter(lambda at: len(at) == 2, attempts.values())]
    assert len(pauses) == 2
    assert min(pauses) > 0.95


@pytest.mark.parametrize("way", ["send_many", "async send_many", "outbox"])
def test_a_storm_of_429_makes_the_pace_slower(way: str, sandbox: Any, network: Any, given: Any) -> None:
    """Nothing but the pace holds attempts back here: unheeded, they would go on at 200 a second."""
    limits = Limits(call_bytes=400, batch_bytes=450, in_flight=16, window_requests=200, window_seconds=1)
    seconds, begun = 1.2, time.monotonic()

    def plan(_: Exchange) -> Fault:
        return Fault("429", answer=said(429)) if time.monotonic() < begun + seconds else GOOD

    with network(sandbox, plan) as net:
        account = net.deliver(DRIVERS[way], given(40), limits=limits, retry=Retry(base=0.001, cap=0.001, budget=60))
    assert account.report.complete
    assert 20 < net.proxy.happened["429"] < 0.75 * 200 * seconds
