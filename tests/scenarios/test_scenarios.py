"""One table of scenarios, through the sync and the async client, one call and many, over a real socket."""

from __future__ import annotations

import logging
import pickle
from collections import defaultdict
from typing import Any

import pytest
from server import Request, ScriptedServer
from table import CALLS, EMAIL, KEY, SCENARIOS, Scenario

from cio_facade import CustomerIOError, Report
from cio_facade.testing import FakeClock

pytestmark = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "_"))


@pytest.fixture(autouse=True)
def _no_leaks(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever happens, and however much is logged, by whomever: no key and nothing personal."""
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        _check_discreet(f"{record.getMessage()} {vars(record)}")


def test_send(scenario: Scenario, connect: Any, clock: FakeClock) -> None:
    with ScriptedServer(scenario.script, scenario.rest) as server:
        client = connect(server.url, **scenario.settings)
        if scenario.error is None:
            receipt = client.send(CALLS[0])
            assert receipt.status == scenario.status
            outcome: Any = receipt
        else:
            with pytest.raises(CustomerIOError) as raised:
                client.send(CALLS[0])
            outcome = raised.value
            _check_error(outcome, scenario)
            assert outcome.request_id == server.requests[-1].headers["x-request-id"]
        assert outcome.attempts == len(server.requests)
        assert scenario.attempts in {None, outcome.attempts}
        assert {call["messageId"] for request in _whole(server) for call in request.calls} <= {outcome.message_id}
        _check_pauses(clock, scenario)
        _check_wire(server.requests, scenario, "/v1/track")


def test_send_many(scenario: Scenario, connect: Any, clock: FakeClock) -> None:
    with ScriptedServer(scenario.script, scenario.rest) as server:
        client = connect(server.url, **scenario.settings)
        if scenario.stops:
            assert scenario.error is not None
            with pytest.raises(CustomerIOError) as raised:
                client.send_many(iter(CALLS))
            _check_error(raised.value, scenario)
            report = raised.value.report
        else:
            report = client.send_many(iter(CALLS))
        _check_report(report, scenario, server)
        _check_pauses(clock, scenario)
        _check_wire(server.requests, scenario, "/v1/batch")


def _check_error(error: CustomerIOError, scenario: Scenario) -> None:
    assert type(error) is scenario.error
    assert error.status == scenario.status
    if scenario.reasons is not None:
        assert error.reasons == scenario.reasons
    assert error.request_id
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.status, copy.message_id) == (str(error), error.status, error.message_id)
    assert error.__cause__ is None, "what the cause shows is not in our hands"
    assert error.__context__ is None
    _check_discreet(f"{error} {error!r} {vars(error)}")


def _check_report(report: Report | None, scenario: Scenario, server: ScriptedServer) -> None:
    assert report is not None
    assert report.balanced
    counts = {name: getattr(report, name) for name in ("delivered", "rejected", "failed", "pending")}
    assert {name: count for name, count in counts.items() if count} == scenario.many
    assert report.requests == len(server.requests)
    undelivered = report.accepted - report.delivered
    assert [letter.index for letter in report.dead_letters] == list(range(undelivered))
    assert sum(report.reasons.values()) == undelivered
    for letter in report.dead_letters:
        assert letter.message_id
        assert letter.reason
        assert letter.status == scenario.status
        _check_discreet(str(letter))


def _check_pauses(clock: FakeClock, scenario: Scenario) -> None:
    if scenario.slept is not None:
        assert clock.slept == list(scenario.slept)


def _check_wire(requests: list[Request], scenario: Scenario, path: str) -> None:
    """What holds for every request, and what for those that repeat one."""
    tries: defaultdict[str, list[Request]] = defaultdict(list)
    for request in requests:
        headers = request.headers
        assert (request.method, request.path) == ("POST", path)
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers.get("x-strict-mode") == ("1" if scenario.settings.get("strict", True) else None)
        assert headers["user-agent"].startswith("cio-facade/")
        assert headers["content-type"] == "application/json"
        assert headers["x-timestamp"].endswith("Z")
        tries[headers["x-request-id"]].append(request)
    for same in tries.values():
        assert len({request.body for request in same if request.body}) <= 1
        counts = [request.headers.get("x-retry-count") for request in same]
        assert counts == [None, *(str(number) for number in range(1, len(same)))]


def _whole(server: ScriptedServer) -> list[Request]:
    return [request for request in server.requests if request.body]


def _check_discreet(text: str) -> None:
    assert KEY not in text
    assert EMAIL not in text
