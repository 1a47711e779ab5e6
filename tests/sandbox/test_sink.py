"""The mode that only counts: it answers as the API does, and keeps nothing."""

import gzip
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import Rules, published
from cio_facade.sandbox.sink import Sink
from cio_facade.sandbox.threaded import serving

RULES = Rules.read(published())
STRICT = {"X-Strict-Mode": "1"}


@contextmanager
def running() -> Iterator[tuple[Sink, httpx.Client]]:
    sink = Sink(RULES)
    sink.otherwise = PlainTextResponse("elsewhere", 404)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{RULES.prefix}"
    with serving(sink, listener), httpx.Client(base_url=url, auth=("key", ""), verify=False) as client:
        yield sink, client


@pytest.fixture(scope="module")
def module_wide() -> Iterator[tuple[Sink, httpx.Client]]:
    with running() as both:
        yield both


@pytest.fixture
def sink(module_wide: tuple[Sink, httpx.Client]) -> Sink:
    module_wide[0].clear()
    return module_wide[0]


@pytest.fixture
def client(module_wide: tuple[Sink, httpx.Client], sink: Sink) -> httpx.Client:
    return module_wide[1]


def test_calls_are_counted_by_type_and_answered_as_the_api_does(sink: Sink, client: httpx.Client) -> None:
    batch = [{"type": "track"}, {"type": "track"}, {"type": "identify"}]
    answers = [client.post("/batch", json={"batch": batch}), client.post("/track", json={"anything": 1})]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 2
    counts = sink.counts()
    assert (counts.requests, counts.accepted, counts.by_type) == (2, 4, {"identify": 1, "track": 3})
    assert sink.bytes == sum(len(answer.request.content) for answer in answers)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"{}", b'{"batch":1}', b'{"batch":null}'])
def test_what_is_no_batch_has_no_calls_and_does_no_harm(sink: Sink, client: httpx.Client, body: bytes) -> None:
    assert client.post("/batch", content=body).status_code == 200
    assert (sink.counts().requests, sink.counts().accepted) == (1, 0)


def test_items_that_are_no_calls_are_counted_without_a_type(sink: Sink, client: httpx.Client) -> None:
    items: list[Any] = [1, None, {}, {"type": 2}]
    client.post("/batch", json={"batch": items})
    assert sink.counts().by_type == {"": 4}


@pytest.mark.parametrize(("headers", "status"), [(STRICT, 401), ({}, 200)])
def test_a_key_must_be_there(sink: Sink, client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{client.base_url}track", json={}, headers=headers, verify=False)
    assert answer.status_code == status
    assert (sink.counts().accepted, sink.counts().refused + sink.counts().lost) == (0, 1)


def test_a_body_over_the_limit_is_not_held(sink: Sink, client: httpx.Client) -> None:
    answer = client.post("/track", content=b" " * (RULES.call_bytes + 1), headers=STRICT)
    assert answer.status_code == 413
    assert sink.bytes == 0


def test_other_paths_and_methods_are_answered_elsewhere(sink: Sink, client: httpx.Client) -> None:
    assert (client.get("/track").text, client.post("/nowhere").text) == ("elsewhere", "elsewhere")
    assert sink.counts().requests == 0


def test_a_compressed_batch_is_counted(sink: Sink, client: httpx.Client) -> None:
    body = gzip.compress(b'{"batch":[{"type":"track"}]}')
    client.post("/batch", content=body, headers={"Content-Encoding": "gzip"})
    assert sink.counts().by_type == {"track": 1}


def test_a_sandbox_may_be_a_sink(sink: Sink) -> None:
    with Sandbox(sink=True) as sandbox:
        httpx.post(f"{sandbox.url}/track", json={"no": "user"}, auth=("key", ""), headers=STRICT, verify=False)
        assert (sandbox.counts().accepted, sandbox.counts().by_type) == (1, {"track": 1})
        for read in (sandbox.calls, sandbox.requests, lambda: sandbox.sql("SELECT 1"), lambda: sandbox.people["u1"]):
            with pytest.raises(RuntimeError, match="only counts"):
                read()
        sandbox.clear()
        assert sandbox.counts().requests == 0


def test_what_a_sink_has_counted_is_on_its_page_and_at_its_admin_endpoint() -> None:
    with Sandbox(sink=True) as sandbox, httpx.Client(base_url=sandbox.page, auth=("key", ""), verify=False) as client:
        client.post(f"{sandbox.url}/track", json={"no": "user"})
        assert '<td>track</td><td class="num">1</td>' in client.get("/").text
        assert client.get("/_sandbox/counts").json()["by_type"] == {"track": 1}
        assert client.get("/people").status_code == 404
        refused = [client.post("/_sandbox/sql"), client.get("/_sandbox/faults")]
        assert [(answer.status_code, "is a sink" in answer.json()["error"]) for answer in refused] == [(400, True)] * 2
        assert client.post("/_sandbox/clear").status_code == 200
        assert sandbox.counts().accepted == 0


@pytest.mark.parametrize(
    "given",
    [
        {"db": "x.db"},
        {"faults": "500"},
        {"outbox": "x"},
        {"region": "us"},
        {"drop_repeats": True},
        {"api_keys": ["k"]},
        {"refuse_gzip": 415},
    ],
)
def test_a_sink_refuses_what_it_could_not_do(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"leave out {next(iter(given))}"):
        Sandbox(sink=True, **given)
