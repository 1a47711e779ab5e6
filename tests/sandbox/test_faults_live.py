"""Faults over real sockets: what the client sees, and what the sandbox keeps of it."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from driving import AsyncDriven, within

from cio_facade import CustomerIO, Limits, Retry, messages
from cio_facade.sandbox import Sandbox

CALL = {"userId": "u1", "event": "E"}


@pytest.fixture(autouse=True)
def quiet(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever goes wrong on demand is no failure of the server: it logs nothing."""
    yield
    sandbox.faults.clear()
    assert caplog.text == ""


def raw(sandbox: Sandbox, path: str = "/track") -> socket.socket:
    """A connection on which a whole call has been sent."""
    url = httpx.URL(sandbox.url + path)
    connection = socket.create_connection((url.host, url.port or 0), timeout=5)
    body = b'{"userId":"u1","event":"E"}'
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nAuthorization: Basic azo=\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def everything(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(1000), b""))


@pytest.mark.parametrize("status", [400, 401, 413, 418, 429, 500, 503, 599])
def test_a_status_is_answered_in_either_mode_and_nothing_is_kept(
    status: int, sandbox: Sandbox, permissive: httpx.Client
) -> None:
    sandbox.faults.set(f"{status}@1-2")
    answers = [permissive.post("/track", json=CALL, headers={"X-Strict-Mode": mode}) for mode in "10"]
    assert [answer.status_code for answer in answers] == [status] * 2
    assert all(answer.json()["meta"] for answer in answers)
    assert permissive.post("/track", json=CALL).status_code == 200
    requests = sandbox.requests()
    assert [(one.status, one.verdict, one.fault) for one in requests[:2]] == [(status, "refused", str(status))] * 2
    assert requests[0].reason == f"a fault on demand: {status}"
    assert (requests[2].fault, sandbox.counts().accepted, sandbox.counts().refused) == (None, 1, 2)


def test_a_request_that_fails_has_a_row_among_the_calls(sandbox: Sandbox, strict: httpx.Client) -> None:
    sandbox.faults.set("500")
    strict.post("/batch", json={"batch": [{**CALL, "type": "track"}] * 3})
    (row,) = sandbox.sql("SELECT type, verdict, reason, user_id, body FROM received")
    assert row == {
        "type": None,
        "verdict": "refused",
        "reason": "a fault on demand: 500",
        "user_id": None,
        "body": "",
    }


def test_an_answer_may_ask_to_wait(sandbox: Sandbox, strict: httpx.Client) -> None:
    sandbox.faults.set("429:retry-after=2s@1")
    assert strict.post("/track", json=CALL).headers["Retry-After"] == "2"
    assert "Retry-After" not in strict.post("/track", json=CALL).headers


def test_a_reset_is_econnreset_at_the_client_and_nothing_is_kept(sandbox: Sandbox) -> None:
    sandbox.faults.set("reset")
    with raw(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    (request,) = sandbox.requests()
    assert (request.status, request.verdict, request.fault, request.accepted) == (0, "refused", "reset", 0)
    assert request.reason == "a fault on demand: reset"
    assert sandbox.calls() == []


def test_a_dropped_response_is_a_closed_connection_and_the_call_is_kept(sandbox: Sandbox) -> None:
    sandbox.faults.set("drop-response")
    assert everything(raw(sandbox)) == b""
    (request,) = sandbox.requests()
    assert (request.status, request.verdict, request.fault, request.accepted) == (200, "accepted", "drop-response", 1)
    assert [call["userId"] for call in sandbox.calls()] == ["u1"]


def test_an_answer_that_is_closed_midway_announces_more_than_it_brings(sandbox: Sandbox) -> None:
    sandbox.faults.set("close-midway")
    head, _, body = everything(raw(sandbox)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: 2" in head.lower()
    assert body == b"{"
    assert (sandbox.counts().accepted, sandbox.requests()[0].fault) == (1, "close-midway")


def test_a_slow_answer_comes_late_and_the_call_is_kept_before(sandbox: Sandbox, strict: httpx.Client) -> None:
    sandbox.faults.set("slow:150ms", "slow:50ms")
    begun = time.perf_counter()
    assert strict.post("/track", json=CALL).status_code == 200
    assert time.perf_counter() - begun >= 0.2
    assert sandbox.requests()[0].fault == "slow:150ms, slow:50ms"
    sandbox.faults.set("slow:60s")
    with pytest.raises(httpx.ReadTimeout):
        strict.post("/track", json=CALL, timeout=0.1)
    assert sandbox.counts().accepted == 2


def test_a_slow_answer_keeps_nobody_else_waiting(sandbox: Sandbox, strict: httpx.Client) -> None:
    sandbox.faults.set("slow:60s@1")
    with raw(sandbox):
        while not sandbox.counts().requests:
            pass
        assert strict.post("/track", json=CALL, timeout=5).status_code == 200


def test_a_sandbox_stops_while_an_answer_is_held_back() -> None:
    with Sandbox(faults="slow:60s") as sandbox:
        stuck = raw(sandbox)
        while not sandbox.counts().requests:
            pass
    assert everything(stuck) == b""


def test_faults_may_come_together(sandbox: Sandbox) -> None:
    sandbox.faults.set("slow:50ms", "reset")
    begun = time.perf_counter()
    with raw(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert time.perf_counter() - begun >= 0.05
    assert sandbox.requests()[0].fault == "slow:50ms, reset"


def test_faults_concern_the_endpoints_alone(sandbox: Sandbox, strict: httpx.Client) -> None:
    sandbox.faults.set("500@1")
    assert strict.get(sandbox.page).status_code == 200
    assert strict.get("/track").status_code == 405
    assert strict.post("/nowhere", json=CALL).status_code == 404
    assert strict.post("/track", json=CALL).status_code == 500


def test_faults_change_while_the_server_runs(sandbox: Sandbox, strict: httpx.Client) -> None:
    found: list[int] = []
    for rules in (["429"], [], ["500"]):
        sandbox.faults.set(*rules)
        found.append(strict.post("/track", json=CALL).status_code)
    assert found == [429, 200, 500]


def test_a_fresh_start_repeats_the_faults_and_keeps_them_set(sandbox: Sandbox, strict: httpx.Client) -> None:
    def run() -> list[int]:
        sandbox.clear()
        return [strict.post("/track", json=CALL).status_code for _ in range(20)]

    sandbox.faults.set("500:50%", seed=5)
    first = run()
    assert first == run()
    assert set(first) == {200, 500}


def test_faults_given_at_the_start_hold_from_the_first_request() -> None:
    sandbox = Sandbox(faults=["500@1"], seed=1)
    assert list(sandbox.faults) == ["500@1"]
    for _ in range(2):
        with sandbox:
            answers = [httpx.post(f"{sandbox.url}/track", json=CALL, auth=("k", ""), verify=False) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [500, 200]


def test_a_bad_fault_is_told_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="the fault '42' "):
        Sandbox(faults="42")


@pytest.mark.parametrize("kind", [CustomerIO, AsyncDriven])
def test_the_clients_of_this_house_get_over_all_of_them(kind: Any, sandbox: Sandbox) -> None:
    number = 1000
    rules = ("429:5%", "500:2%", "reset:2%", "drop-response:2%", "close-midway:2%", "slow:1ms:5%")
    sandbox.faults.set(*rules, seed=1)

    def deliver() -> None:
        limits = Limits(batch_calls=3)  # some hundred requests
        with kind("key", base_url=sandbox.url, retry=Retry(base=0.001, cap=0.01), limits=limits) as client:
            report = client.send_many(
                messages.track(f"u{n % 50}", "Seen", {"n": n}, message_id=f"m{n}") for n in range(number)
            )
        assert (report.accepted, report.delivered) == (number, number)

    within(30, deliver)
    counts = sandbox.counts()
    marked = {fault for request in sandbox.requests() if (fault := request.fault)}
    assert {call["messageId"] for call in sandbox.calls()} == {f"m{n}" for n in range(number)}
    assert counts.accepted == number + counts.repeats
    assert counts.repeats > 0
    assert marked >= {"429", "500", "reset", "drop-response", "close-midway", "slow:1ms"}
