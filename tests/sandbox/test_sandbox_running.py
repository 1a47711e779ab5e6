"""Starting, stopping, being killed: the sandbox as a process and as a thread of one."""

import gc
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox

CALL = {"userId": "u1", "event": "E"}


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox in a process of its own, and its URL."""
    code = f"from cio_facade.sandbox import serve; serve({', '.join(arguments)})"
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_it_listens_when_the_block_is_entered_and_no_longer_when_it_is_left() -> None:
    with Sandbox() as sandbox:
        address = ("127.0.0.1", httpx.URL(sandbox.url).port or 0)
        socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_it_stops_while_clients_are_connected() -> None:
    with httpx.Client(auth=("key", ""), verify=False) as idle:
        with Sandbox() as sandbox:
            assert idle.post(f"{sandbox.url}/track", json=CALL).status_code == 200
        with pytest.raises(httpx.ConnectError):
            idle.post(f"{sandbox.url}/track", json=CALL)


def test_it_stops_while_a_request_never_ends() -> None:
    head = "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Basic azo=\r\nContent-Length: 9\r\n\r\n"
    with Sandbox() as sandbox:
        stuck = socket.create_connection(("127.0.0.1", httpx.URL(sandbox.url).port or 0))
        stuck.sendall(f"{head}{{".encode())
        httpx.post(f"{sandbox.url}/track", json=CALL, auth=("key", ""), verify=False)
    with stuck:
        assert stuck.recv(1) == b"", "cut off"


def test_it_stops_while_a_connection_is_being_accepted() -> None:
    for _ in range(20):
        with Sandbox() as sandbox:
            address = ("127.0.0.1", httpx.URL(sandbox.url).port or 0)
            connections = [socket.create_connection(address) for _ in range(3)]
        for connection in connections:
            connection.close()
    gc.collect()


def test_a_sandbox_can_be_used_again_and_is_empty_then() -> None:
    sandbox = Sandbox()
    for _ in range(3):
        with sandbox:
            assert sandbox.calls() == []
            answer = httpx.post(f"{sandbox.url}/track", json=CALL, auth=("key", ""), verify=False)
            assert answer.status_code == 200
            assert sandbox.counts().accepted == 1


@pytest.mark.parametrize("sink", [False, True])
def test_a_sandbox_that_runs_is_not_started_again(sink: bool) -> None:
    with Sandbox(sink=sink) as sandbox:
        with pytest.raises(RuntimeError, match="running already"), sandbox:
            pass
        answer = httpx.post(f"{sandbox.url}/track", json=CALL, auth=("key", ""), verify=False)
        assert (answer.status_code, sandbox.counts().accepted) == (200, 1)


def test_two_sandboxes_know_nothing_of_each_other() -> None:
    with Sandbox() as one, Sandbox() as two:
        httpx.post(f"{one.url}/track", json=CALL, auth=("key", ""), verify=False)
        assert (one.counts().accepted, two.counts().accepted) == (1, 0)


def test_what_it_holds_is_told_only_while_it_runs() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="with statement"):
        sandbox.calls()


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        port = httpx.URL(sandbox.url).port or 0
        with pytest.raises(OSError, match="in use"), Sandbox(tmp_path / "sandbox.db", port):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", [-1, 65_536, 70_000, "x", "8080", 1.5, None, True])
def test_a_port_that_is_none_is_told_with_the_range(port: Any) -> None:
    with pytest.raises(ValueError, match=r"^port: .* is none; give one from 0, for a free one, to 65535$"):
        Sandbox(port=port)


@pytest.mark.parametrize("host", ["", " ", "a b", "a\0b", "a" * 300, "a..b", None, 5])
def test_a_host_that_is_none_is_told(host: Any) -> None:
    with pytest.raises(ValueError, match=r"^host: .* is none; give an address of this machine"):
        Sandbox(host=host)


@pytest.mark.filterwarnings("ignore:the sandbox listens")
def test_an_address_that_cannot_be_listened_on_is_one_clear_line() -> None:
    told = r"the sandbox cannot listen on 203\.0\.113\.9, port 0: [\w ]+$"
    with pytest.raises(OSError, match=told), Sandbox(host="203.0.113.9"):
        pass


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": "x"}, "seed: 'x' is no whole number"),
        ({"seed": 1.5}, "seed: 1.5 is no whole number"),
        ({"faults": [5]}, "faults: give texts"),
        ({"region": 5}, "region: 5 is no text"),
        ({"region": "us", "elsewhere": 5}, "elsewhere: 5 is no text"),
        ({"api_keys": [5]}, "api_keys: give texts"),
        ({"api_keys": 5}, "api_keys: give texts"),
        ({"api_keys": [""]}, "api_keys: a key is empty, or holds spaces"),
        ({"api_keys": ["secret\n"]}, "api_keys: a key is empty, or holds spaces"),
        ({"refuse_gzip": "x"}, "refuse_gzip: 'x' is no status"),
    ],
)
def test_an_option_that_is_none_is_told_at_once(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}") as raised:
        Sandbox(**options)
    assert "secret" not in str(raised.value)


def test_an_address_that_others_may_reach_warns() -> None:
    with pytest.warns(UserWarning, match="other machines"), Sandbox(host="0.0.0.0") as sandbox:
        assert sandbox.url.startswith("http://0.0.0.0:")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_it_listens_on_ipv6_loopback_without_a_warning() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with Sandbox(host="::1") as sandbox:
        assert httpx.post(f"{sandbox.url}/track", json=CALL, auth=("key", ""), verify=False).status_code == 200


def test_calls_arrive_from_several_threads_and_none_is_lost() -> None:
    with Sandbox() as sandbox:

        def send(number: int) -> None:
            with httpx.Client(base_url=sandbox.url, auth=("key", ""), verify=False) as client:
                for i in range(20):
                    client.post("/track", json={**CALL, "messageId": f"{number}-{i}"})

        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {call["messageId"] for call in sandbox.calls()} == {f"{n}-{i}" for n in range(4) for i in range(20)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_its_url_and_stops_on_a_signal(number: signal.Signals) -> None:
    with serving("port=0") as (process, url):
        assert httpx.post(f"{url}/track", json=CALL, auth=("key", ""), verify=False).status_code == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_everything_answered_200_outlives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    answered: set[str] = set()
    enough = threading.Event()

    def send(url: str, sender: int) -> None:
        with httpx.Client(base_url=url, auth=("key", ""), verify=False) as client:
            for number in range(10_000):
                ids = [f"{sender}-{number}-{i}" for i in range(50)]
                batch = [{**CALL, "type": "track", "messageId": message_id} for message_id in ids]
                try:
                    client.post("/batch", json={"batch": batch}).raise_for_status()
                except httpx.TransportError:
                    return
                answered.update(ids)
                if number == 5:
                    enough.set()

    with serving(f"db={str(file)!r}", "rate=False") as (process, url):
        senders = [threading.Thread(target=send, args=(url, number)) for number in range(2)]
        for sender in senders:
            sender.start()
        assert enough.wait(10)
        process.kill()
        for sender in senders:
            sender.join()
    with Sandbox(file) as sandbox:
        held = [call["messageId"] for call in sandbox.calls()]
    assert answered <= set(held)
    assert len(held) == len(set(held))
    assert len(held) % 50 == 0, "a batch is kept whole or not at all"


def test_a_store_that_fails_is_500_and_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "sandbox.db"
    with Sandbox(file) as sandbox, httpx.Client(base_url=sandbox.url, auth=("key", ""), verify=False) as client:
        other = sqlite3.connect(file)
        other.execute("ALTER TABLE received RENAME TO hidden")
        answer = client.post("/track", json=CALL)
        other.execute("ALTER TABLE hidden RENAME TO received")
        other.close()
        again = client.post("/track", json=CALL)
        counts = sandbox.counts()
    assert (answer.status_code, answer.json()) == (500, {"meta": {"error": "the sandbox's store failed"}})
    assert (again.status_code, counts.requests, counts.accepted) == (200, 1, 1)
    assert "u1" not in caplog.text


@pytest.mark.parametrize("missing", ["jsonschema_rs", "starlette", "uvicorn"])
def test_without_the_extra_the_import_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from cio_facade.sandbox import Sandbox"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError" in run.stderr
    assert f"the sandbox needs {missing}: pip install 'cio-facade[sandbox]'" in run.stderr


def test_no_connection_is_leaked_that_is_being_accepted_when_the_sandbox_stops() -> None:
    """What the garbage collector finds unclosed is a failure of pytest's."""
    for _ in range(20):
        stopped = threading.Event()
        with ThreadPoolExecutor(4) as others:
            with Sandbox() as sandbox:
                asking = [others.submit(_ask_on_and_on, httpx.URL(sandbox.url), stopped) for _ in range(4)]
                stopped.wait(0.03)
            stopped.set()
        for one in asking:
            one.result()
        gc.collect()


def _ask_on_and_on(url: httpx.URL, stopped: threading.Event) -> None:
    while not stopped.is_set():
        with suppress(OSError), socket.create_connection((url.host, url.port or 0), 1) as connection:
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            connection.recv(10)


def test_sqlite_s_own_name_of_memory_means_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(":memory:") as sandbox:
        httpx.post(f"{sandbox.url}/track", json={"userId": "u1", "event": "E"}, auth=("key", ""))
        assert sandbox.counts().accepted == 1
    assert list(tmp_path.iterdir()) == []
