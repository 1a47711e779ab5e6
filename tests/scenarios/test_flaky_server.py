"""A server that does all it can to lose, double and reorder: nothing is lost, nobody's calls change their order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from server import Reply, Request, ScriptedServer

from cio_facade import Limits, Message, Retry, messages
from cio_facade.clock import Clock

_PEOPLE = 40
_SMALL = Limits(call_bytes=1_000, batch_bytes=3_000, in_flight=4, window_requests=30_000)
_PATIENT = Retry(budget=25, base=0.002, cap=0.01)
_FAULTS = [
    Reply(500),
    Reply(503, headers={"Retry-After": "0"}),
    Reply(408),
    Reply(502, body=b"<html>"),
    Reply(cut=0, reset=True),
    Reply(cut=0, close=True),
    Reply(cut=25, reset=True),
    Reply(headers={"Content-Length": "50"}, reset=True),
    Reply(raw=b"nonsense\r\n\r\n", close=True),
    Reply(close=True),
    Reply(413),
]


def _stream(number: int, *, bad: Iterable[int] = ()) -> list[Message]:
    who = random.Random(7)
    return [
        messages.track(f"u{who.randrange(_PEOPLE)}", "Bad" if n in bad else "Good", {"n": n}, message_id=f"m{n}")
        for n in range(number)
    ]


def _arrivals(requests: Iterable[Request]) -> dict[str, list[int]]:
    """For each person, the places of their calls in the stream, in the order of their first arrival."""
    came: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for request in requests:
        for call in request.calls:
            came[call["userId"]].setdefault(call["properties"]["n"])
    return {who: list(places) for who, places in came.items()}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_the_order_of_each_person_is_kept(seed: int, connect: Any) -> None:
    chance = random.Random(seed)
    stream = _stream(600)

    def moody(request: Request) -> Reply:
        fault = chance.choice(_FAULTS)
        small = len(request.calls) == 1
        return Reply() if chance.random() < 0.6 or (small and fault.status == 413) else fault

    with ScriptedServer(moody) as server:
        report = connect(server.url, limits=_SMALL, retry=_PATIENT, clock=Clock()).send_many(iter(stream))
        assert report.complete
        assert report.requests >= len(server.requests), "one may go to a connection that the server has closed"
        arrivals = _arrivals(server.requests)
    assert sum(map(len, arrivals.values())) == len(stream)
    for places in arrivals.values():
        assert places == sorted(places)
    by_id = {f"m{n}": message.call["userId"] for n, message in enumerate(stream)}
    assert {call["messageId"]: call["userId"] for call in server.calls} == by_id


def test_bad_messages_among_faults_cost_themselves_alone(connect: Any) -> None:
    chance = random.Random(11)
    bad = {3, 4, 5, 100, 250, 251, 399}
    taken: set[int] = set()

    def picky(request: Request) -> Reply:
        if chance.random() < 0.2:
            return Reply(500)
        if any(call["event"] == "Bad" for call in request.calls):
            return Reply(400, body=b'{"meta":{"error":"not wanted"}}')
        taken.update(call["properties"]["n"] for call in request.calls)
        return Reply()

    with ScriptedServer(picky) as server:
        client = connect(server.url, limits=_SMALL, retry=_PATIENT, clock=Clock())
        report = client.send_many(iter(_stream(400, bad=bad)))
    assert (report.accepted, report.delivered, report.rejected) == (400, 393, 7)
    assert {letter.index for letter in report.dead_letters} == bad
    assert {letter.message_id for letter in report.dead_letters} == {f"m{n}" for n in bad}
    assert report.reasons == {"not wanted": 7}
    assert taken == set(range(400)) - bad


def test_a_server_that_dies_in_the_middle_leaves_an_account_that_agrees_with_it(connect: Any) -> None:
    taken: set[str] = set()

    def dying(request: Request) -> Reply:
        if len(server.requests) > 20:
            return Reply(cut=0, reset=True)
        taken.update(call["messageId"] for call in request.calls)
        return Reply()

    with ScriptedServer(dying) as server:
        client = connect(server.url, limits=_SMALL, retry=Retry(budget=0.1, base=0.01, cap=0.02), clock=Clock())
        with pytest.raises(Exception, match="no answer") as raised:
            client.send_many(iter(_stream(2_000)))
    report = raised.value.report
    assert report.balanced
    assert report.delivered == len(taken)
    assert report.failed > 0
    lost = {letter.message_id for letter in report.dead_letters}
    assert lost.isdisjoint(taken)
    assert len(lost) == report.failed + report.pending
    assert report.accepted < 2_000, "the iterable is not read on when nothing can be delivered"
