"""The connections of asyncio: what they carry, when one is used again, and what is made of a server that misbehaves."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import trustme
from driving import within

from cio_facade import sessions as room
from cio_facade.sessions import Sessions, sessions

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request as it is told to, on a real socket."""

    def __init__(self, answer: bytes = OK, hang_up: bool = False) -> None:
        self.answer, self.hang_up = answer, hang_up
        self.connections = self.most = self.requests = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-len"))
                self.bodies.append(await reader.readexactly(length))
                self.requests += 1
                writer.write(self.answer)
                await writer.drain()
                if self.hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def talk(
    action: Callable[[Sessions, str], Awaitable[Any]], handle: Handle, most: int = 2, host: str = "127.0.0.1"
) -> Any:
    """What comes of an action with sessions to a server; neither may hang."""

    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handle(reader, writer)

    async def main() -> Any:
        server = await asyncio.start_server(kept, host, 0)
        port = server.sockets[0].getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        carrier = Sessions(most, httpx.AsyncHTTPTransport)
        try:
            return await action(carrier, f"http://{name}:{port}/v1/track")
        finally:
            await carrier.aclose()
            server.close()
            for writer in writers:
                writer.transport.abort()
            for _ in range(3):  # what was closed needs turns to end
                await asyncio.sleep(0)

    return within(20, lambda: asyncio.run(main()))


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110  what is waited for happens in another task or at the other end
        await asyncio.sleep(0)


async def post(carrier: httpx.AsyncBaseTransport, url: str, body: bytes = b"{}", seconds: float = 5) -> httpx.Response:
    timeout = httpx.Timeout(seconds).as_dict()
    request = httpx.Request("POST", url, content=body, extensions={"timeout": timeout})
    response = await carrier.handle_async_request(request)
    try:
        await response.aread()
    finally:  # as httpx's client does: else the connection is the garbage collector's
        await response.aclose()
    return response


# What they carry -----------------------------------------------------------------------------------------------------


def test_one_connection_carries_one_request_after_the_other() -> None:
    server = Server()

    async def action(carrier: Sessions, url: str) -> list[bytes]:
        return [(await post(carrier, url)).content for _ in range(5)]

    assert talk(action, server.serve) == [b"{}"] * 5
    assert (server.connections, server.requests) == (1, 5)


@pytest.mark.parametrize("size", [0, 1, 20_000, 2_000_000])
def test_bodies_of_every_size_arrive_whole(size: int) -> None:
    server, body = Server(), b"x" * size
    talk(lambda carrier, url: post(carrier, url, body), server.serve)
    assert server.bodies == [body]


def test_there_are_never_more_connections_than_allowed() -> None:
    server = Server()

    async def action(carrier: Sessions, url: str) -> None:
        await asyncio.gather(*(post(carrier, url) for _ in range(50)))

    talk(action, server.serve, most=3)
    assert (server.connections, server.requests) == (3, 50)


def test_a_host_may_be_an_address_of_the_sixth_version() -> None:
    server = Server()
    assert talk(post, server.serve, host="::1").status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
    ],
)
def test_answers_may_be_framed_in_every_way(answer: bytes) -> None:
    server = Server(answer, hang_up=b"102" not in answer and b"chunked" not in answer)
    assert talk(post, server.serve).content == b"{}"


# Which connection is used again --------------------------------------------------------------------------------------


def test_a_connection_by_which_something_came_unasked_is_not_used_again() -> None:
    """An answer that comes twice must not be taken for that to the next request."""
    server = Server(OK + OK)

    async def action(carrier: Sessions, url: str) -> None:
        for _ in range(3):
            assert (await post(carrier, url)).content == b"{}"

    talk(action, server.serve)
    assert server.connections == 3


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(room, "IDLE_SECONDS", 0.0)

    async def action(carrier: Sessions, url: str) -> None:
        for _ in range(2):
            await post(carrier, url)

    talk(action, server.serve)
    assert server.connections == 2


def test_a_connection_whose_answer_was_not_read_is_not_used_again() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")

    async def action(carrier: Sessions, url: str) -> None:
        for _ in range(3):
            request = httpx.Request("POST", url, content=b"{}")
            response = await carrier.handle_async_request(request)
            await response.aclose()
            await response.aclose()

    talk(action, server.serve, most=1)
    assert server.connections == 3


def test_a_request_that_is_cancelled_gives_its_place_back() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async def action(carrier: Sessions, url: str) -> None:
        for _ in range(3):
            task = asyncio.create_task(post(carrier, url))
            await asked.wait()
            asked.clear()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    talk(action, silent, most=1)


# What goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, httpx.RemoteProtocolError),
    ],
)
def test_what_is_no_whole_answer_is_an_error_of_the_way(answer: bytes, error: type[Exception]) -> None:
    server = Server(answer, hang_up=True)
    with pytest.raises(error):
        talk(post, server.serve)


def test_a_server_that_never_answers_is_waited_for_no_longer_than_the_timeout() -> None:
    server = Server(b"")
    with pytest.raises(httpx.ReadTimeout):
        talk(partial(post, seconds=0.02), server.serve)


def test_a_server_that_does_not_read_is_waited_for_no_longer_than_the_timeout() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        await asyncio.sleep(0.5)
        writer.transport.abort()

    with pytest.raises(httpx.TransportError):
        talk(partial(post, body=b"x" * 20_000_000, seconds=0.05), deaf)


def test_an_answer_that_comes_before_the_server_has_all_counts() -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def action(carrier: Sessions, url: str) -> int:
        response = await post(carrier, url, b"x" * 20_000_000)
        return response.status_code

    assert talk(action, hasty) == 413


def test_a_full_house_is_waited_for_no_longer_than_the_timeout() -> None:
    server = Server(b"")

    async def action(carrier: Sessions, url: str) -> None:
        first = asyncio.create_task(post(carrier, url))
        await until(lambda: server.requests)
        with pytest.raises(httpx.ConnectTimeout):
            await post(carrier, url, seconds=0.02)
        first.cancel()

    talk(action, server.serve, most=1)


def test_a_header_that_is_none_is_refused_before_anything_is_sent() -> None:
    server = Server()

    async def action(carrier: Sessions, url: str) -> None:
        request = httpx.Request("POST", url, headers={"X-Request-Id": "a\r\nX-Evil: b"}, content=b"{}")
        with pytest.raises(httpx.LocalProtocolError):
            await carrier.handle_async_request(request)

    talk(action, server.serve)
    assert server.requests == 0


def test_a_host_without_an_address_is_an_error_of_the_way() -> None:
    async def main() -> None:
        for host in ("no-such-host.invalid", "a" * 70 + ".example"):
            carrier = Sessions(1, httpx.AsyncHTTPTransport)
            with pytest.raises((httpx.ConnectError, httpx.LocalProtocolError)):
                await post(carrier, f"http://{host}/v1/track")
            await carrier.aclose()

    within(20, lambda: asyncio.run(main()))


# Whom else they ask --------------------------------------------------------------------------------------------------


def test_a_proxy_is_httpx_s_to_talk_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert isinstance(sessions("https://cdp.example/v1", 1), httpx.AsyncHTTPTransport)
    assert isinstance(sessions("http://127.0.0.1:9/v1", 1), Sessions)


def test_what_stands_in_for_httpx_in_a_test_is_asked() -> None:
    async def main() -> int:
        carrier = Sessions(1, httpx.AsyncHTTPTransport)
        with respx.mock:
            respx.post("https://cdp.example/v1/track").mock(return_value=httpx.Response(207))
            return (await post(carrier, "https://cdp.example/v1/track")).status_code

    assert asyncio.run(main()) == 207


def test_what_traces_httpx_s_transport_sees_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    server, seen = Server(), []
    original = httpx.AsyncHTTPTransport.handle_async_request

    async def traced(self: Any, request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return await original(self, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", traced)
    talk(post, server.serve)
    assert (seen, server.requests) == (["/v1/track"], 1)


# TLS -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An authority that issues certificates, and is trusted by what is made from now on."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


def over_tls(authority: Any, name: str, handle: Handle) -> Any:
    """What comes of posts to a server whose certificate is for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def main() -> list[int]:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1/track"
        carrier = Sessions(2, httpx.AsyncHTTPTransport)
        try:
            return [(await post(carrier, url, b"x" * 200_000)).status_code for _ in range(2)]
        finally:
            await carrier.aclose()
            server.close()
            for _ in range(10):
                await asyncio.sleep(0)

    return within(20, lambda: asyncio.run(main()))


def test_a_server_is_reached_over_tls(authority: Any) -> None:
    server = Server()
    assert over_tls(authority, "localhost", server.serve) == [200, 200]
    assert server.connections == 1


def test_a_certificate_for_another_name_is_refused(authority: Any) -> None:
    server = Server()
    with pytest.raises(httpx.ConnectError, match="certificate"):
        over_tls(authority, "elsewhere.example", server.serve)
    assert server.requests == 0


def test_a_certificate_of_nobody_is_refused(authority: Any) -> None:
    server = Server()
    with pytest.raises(httpx.ConnectError, match="certificate"):
        over_tls(trustme.CA(), "localhost", server.serve)
    assert server.requests == 0
