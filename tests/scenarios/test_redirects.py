"""Redirects over real sockets: a POST stays a POST with its body, and the key goes to no stranger."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from server import Reply, ScriptedServer
from table import CALLS, KEY

from cio_facade import CustomerIOError, RefusedError, Report

STATUSES = (301, 302, 303, 307, 308)
ONE_AND_MANY = pytest.mark.parametrize("way", ["send", "send_many"])


def _deliver(client: Any, way: str) -> Any:
    return client.send(CALLS[0]) if way == "send" else client.send_many(iter(CALLS))


def _refusal(client: Any, way: str) -> CustomerIOError:
    with pytest.raises(RefusedError) as raised:
        _deliver(client, way)
    error = raised.value
    if way == "send_many":
        assert isinstance(error.report, Report)
        assert error.report.balanced
        assert error.report.delivered == 0
    assert KEY not in f"{error!r} {vars(error)}"
    return error


def _to(location: str, status: int = 307) -> Reply:
    return Reply(status, headers={"Location": location}, body=b"")


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server that a name other than this machine's leads to: it would take whatever comes."""
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if isinstance(text, str) and text.endswith(".example") else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with ScriptedServer() as server:
        yield server


@ONE_AND_MANY
@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_to_another_loopback_port_keeps_the_post_its_body_and_the_key(
    way: str, status: int, connect: Any
) -> None:
    with ScriptedServer() as other, ScriptedServer(rest=_to(f"{other.url}/elsewhere", status)) as server:
        _deliver(connect(server.url), way)
        (before,), (after,) = server.requests, other.requests
    assert (after.method, after.path) == ("POST", "/v1/elsewhere")
    assert after.body == before.body
    for name in ("authorization", "content-type", "x-strict-mode", "x-request-id", "user-agent"):
        assert after.headers[name] == before.headers[name]
    assert after.headers["host"] == f"127.0.0.1:{other.port}"


@ONE_AND_MANY
def test_a_relative_redirect_stays_with_the_server(way: str, connect: Any) -> None:
    with ScriptedServer([_to("/v2/there?a=b")]) as server:
        _deliver(connect(server.url), way)
        assert server.requests[1].path == "/v2/there?a=b"
        assert server.requests[1].body == server.requests[0].body


@pytest.mark.parametrize(("status", "asked"), [(301, 1), (308, 1), (302, 2), (307, 2)])
def test_what_has_moved_for_good_is_asked_for_once(status: int, asked: int, connect: Any) -> None:
    with (
        ScriptedServer() as other,
        ScriptedServer(rest=_to(f"http://127.0.0.1:{other.port}/v1/track", status)) as server,
    ):
        client = connect(server.url)
        client.send(CALLS[0])
        client.send(CALLS[1])
        assert len(server.requests) == asked
        assert [call["userId"] for call in other.calls] == ["u0", "u1"]
        assert {request.headers["authorization"] for request in other.requests} == {f"Bearer {KEY}"}


@ONE_AND_MANY
@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_to_a_foreign_host_is_refused_and_nothing_reaches_it(
    way: str, status: int, connect: Any, foreign: ScriptedServer
) -> None:
    with ScriptedServer(rest=_to(f"http://cdp.example:{foreign.port}/v1/track", status)) as server:
        error = _refusal(connect(server.url), way)
        assert error.status == status
        assert len(server.requests) == 1
    assert foreign.connections == 0


@ONE_AND_MANY
def test_a_foreign_host_behind_a_loopback_one_is_refused_too(way: str, connect: Any, foreign: ScriptedServer) -> None:
    stranger = f"http://cdp.example:{foreign.port}/v1/track"
    with ScriptedServer(rest=_to(stranger)) as other, ScriptedServer(rest=_to(f"{other.url}/track")) as server:
        _refusal(connect(server.url), way)
    assert foreign.connections == 0


def test_a_server_elsewhere_may_not_send_the_key_to_this_machine(connect: Any, foreign: ScriptedServer) -> None:
    with ScriptedServer() as local:
        foreign.replies(_to(f"{local.url}/track"))
        _refusal(connect(f"http://cdp.example:{foreign.port}/v1"), "send")
        assert local.connections == 0


def test_a_server_elsewhere_may_redirect_to_itself_alone(connect: Any, foreign: ScriptedServer) -> None:
    foreign.replies(_to("/v1/there"), Reply(), _to(f"http://other.example:{foreign.port}/v1/track"))
    client = connect(f"http://cdp.example:{foreign.port}/v1")
    client.send(CALLS[0])
    assert [request.path for request in foreign.requests] == ["/v1/track", "/v1/there"]
    _refusal(client, "send")
    assert len(foreign.requests) == 3


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1.cdp.example/v1/track",
        "https://127.0.0.1@cdp.example/v1/track",
        "http://cdp.customer.io/v1/track",  # a server of the spec, but for all to read
        "https://cdp.customer.io:8443/v1/track",
        "https://cdp.customer.io.example/v1/track",
        "ftp://127.0.0.1/v1/track",
        "javascript:alert(1)",
        "mailto:ann@cdp.example",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "https://xn--a.\xff/",
        "http://\x7f/",
    ],
)
def test_a_redirect_that_must_or_can_not_be_followed_is_refused_at_once(location: str, connect: Any) -> None:
    with ScriptedServer(rest=_to(location)) as server:
        assert _refusal(connect(server.url), "send").attempts == 1
        assert len(server.requests) == 1


@ONE_AND_MANY
@pytest.mark.parametrize("status", STATUSES)
def test_a_circle_of_redirects_ends(way: str, status: int, connect: Any) -> None:
    with ScriptedServer(rest=_to("/v1/track", status)) as server:
        _refusal(connect(server.url), way)
        assert len(server.requests) < 10


def test_two_servers_that_each_send_to_the_other_for_good_end_too(connect: Any) -> None:
    back: list[str] = []
    with (
        ScriptedServer(lambda _: _to(back[0], 308)) as other,
        ScriptedServer(rest=_to(f"{other.url}/track", 308)) as server,
    ):
        back.append(f"{server.url}/track")
        client = connect(server.url)
        for _ in range(2):
            _refusal(client, "send")
        assert len(server.requests) + len(other.requests) < 10


@ONE_AND_MANY
def test_what_fails_behind_a_redirect_is_repeated_from_the_start(way: str, connect: Any) -> None:
    with (
        ScriptedServer([Reply(500), Reply(cut=0, reset=True)]) as other,
        ScriptedServer(rest=_to(f"{other.url}/x")) as server,
    ):
        _deliver(connect(server.url), way)
        assert len(other.requests) == 3
        assert len({request.body for request in other.requests + server.requests}) == 1
        assert [request.headers.get("x-retry-count") for request in other.requests] == [None, "1", "2"]


def test_the_generated_client_follows_the_same_rules(foreign: ScriptedServer) -> None:
    from cio_pipelines.api.calls import track
    from cio_pipelines.models import Track

    from cio_facade import CustomerIO

    call = Track(user_id="u0", event="Signed Up")
    with (
        ScriptedServer() as other,
        ScriptedServer([_to(f"{other.url}/track"), _to(f"http://cdp.example:{foreign.port}/")]) as server,
    ):
        with CustomerIO(KEY, base_url=server.url) as cio:
            assert track.sync_detailed(client=cio.api, body=call).status_code == 200
            assert track.sync_detailed(client=cio.api, body=call).status_code == 307
        assert other.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert foreign.connections == 0
