"""What a client finds around it: an event loop that is not the first one, a proxy that the environment names."""

import asyncio
import gc
import socket
from threading import Thread

import pytest

from cio_facade import AsyncCustomerIO, CustomerIO, NetworkError, Retry, messages
from cio_facade.sandbox import Sandbox


# The connections of a loop that has ended can no longer be closed in it: Python says so when they are collected.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_async_client_serves_one_event_loop_after_the_other():
    with Sandbox() as sandbox:
        cio = AsyncCustomerIO("key", base_url=sandbox.url)

        async def handle(cio, user):
            await asyncio.gather(*(cio.track(user, "Invoked") for _ in range(40)))
            return await cio.send_many(messages.track(user, "Counted") for _ in range(10))

        reports = [asyncio.run(handle(cio, user)) for user in ("u1", "u2")]
        asyncio.run(cio.close())

        assert [report.delivered for report in reports] == [10, 10]
        assert len(sandbox.calls(event="Invoked")) == 80
        del cio
        gc.collect()


@pytest.fixture
def proxy():
    """A proxy that connects to nothing: the first line of each request is kept, the answer is 502."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(4096).split(b"\r\n")[0].decode())
                    connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(name, proxy, monkeypatch):
    address, heard = proxy
    for other in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, address)
    with CustomerIO("key", retry=Retry(budget=0)) as cio, pytest.raises(NetworkError):
        cio.track("u1", "Signed Up")
    assert heard == ["CONNECT cdp.customer.io:443 HTTP/1.1"]


def test_this_machine_is_reached_without_a_proxy(proxy, monkeypatch):
    address, heard = proxy
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Sandbox() as sandbox, CustomerIO("key", base_url=sandbox.url) as cio:
        assert cio.track("u1", "Signed Up").status == 200
    assert heard == []
