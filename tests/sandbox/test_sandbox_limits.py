"""Bytes, lengths and requests: each limit at its last allowed value and one beyond."""

import asyncio
import copy
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.sandbox import Sandbox, bodies
from cio_facade.sandbox.rate import Window
from cio_facade.sandbox.records import Refusal
from cio_facade.sandbox.rules import published

CALL_BYTES = published()["x-limits"]["callBytes"]
BATCH_BYTES = published()["x-limits"]["batchBytes"]


def call_of(size: int) -> dict[str, Any]:
    """A track call of exactly so many bytes as compact JSON."""
    call = {"type": "track", "userId": "u1", "event": "E", "properties": {"filler": ""}}
    call["properties"] = {"filler": "x" * (size - len(compact(call)))}
    return call


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def batch_of(size: int) -> bytes:
    """A batch of exactly so many bytes."""
    part = CALL_BYTES // 2
    items = [call_of(part) for _ in range(size // (part + 1) - 1)]
    rest = size - len(compact({"batch": [*items, 0]})) + 1
    return compact({"batch": [*items, call_of(rest)]})


def test_a_call_may_be_as_large_as_the_limit_and_no_larger(strict: httpx.Client, sandbox: Sandbox) -> None:
    assert strict.post("/track", content=compact(call_of(CALL_BYTES))).status_code == 200
    answer = strict.post("/track", content=compact(call_of(CALL_BYTES + 1)))
    assert (answer.status_code, list(answer.json()["meta"])) == (413, ["error"])
    assert [request.bytes for request in sandbox.requests()] == [CALL_BYTES, CALL_BYTES + 1]


def test_a_batch_may_be_as_large_as_the_limit_and_no_larger(strict: httpx.Client) -> None:
    assert strict.post("/batch", content=batch_of(BATCH_BYTES)).status_code == 200
    assert strict.post("/batch", content=batch_of(BATCH_BYTES + 1)).status_code == 413


def test_a_call_in_a_batch_has_the_limit_of_a_call(strict: httpx.Client, sandbox: Sandbox) -> None:
    good = call_of(CALL_BYTES)
    assert strict.post("/batch", content=compact({"batch": [good]})).status_code == 200
    answer = strict.post("/batch", content=compact({"batch": [good, call_of(CALL_BYTES + 1)]}))
    assert answer.status_code == 413
    (error,) = answer.json()["errors"]
    assert (error["reason"], error["field"]) == ("size", "batch[1]")
    assert sandbox.counts().accepted == 1


def test_an_oversize_request_in_permissive_mode_is_answered_200_and_lost(
    permissive: httpx.Client, sandbox: Sandbox
) -> None:
    assert permissive.post("/track", content=compact(call_of(CALL_BYTES + 1))).status_code == 200
    assert permissive.post("/batch", content=batch_of(BATCH_BYTES + 1)).status_code == 200
    large = compact({"batch": [call_of(100), call_of(CALL_BYTES + 1)]})
    assert permissive.post("/batch", content=large).status_code == 200
    assert [request.verdict for request in sandbox.requests()] == ["lost", "lost", "partly lost"]
    assert (sandbox.counts().accepted, sandbox.counts().lost) == (1, 3)


def test_sizes_are_bytes_of_utf_8_and_not_characters(strict: httpx.Client) -> None:
    call = {"userId": "u1", "event": "E", "properties": {"text": "\u6f22" * (CALL_BYTES // 3)}}
    assert len(compact(call).decode()) < CALL_BYTES < len(compact(call))
    assert strict.post("/track", content=compact(call)).status_code == 413
    call["properties"] = {"text": "\u6f22" * (CALL_BYTES // 3 - 50)}
    assert strict.post("/track", content=compact(call)).status_code == 200


def test_a_body_without_an_end_is_read_up_to_the_limit_and_no_further() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield b"x" * 1000

    with pytest.raises(Refusal):
        asyncio.run(bodies.read(endless(), "", 10_000))
    assert taken == 11_000


def test_the_connection_survives_a_body_that_was_not_read(strict: httpx.Client) -> None:
    assert strict.post("/track", content=b"x" * 10 * BATCH_BYTES).status_code == 413
    assert strict.post("/track", json={"userId": "u1", "event": "E"}).status_code == 200


def test_what_gzip_makes_larger_counts_unpacked(strict: httpx.Client) -> None:
    call = compact(call_of(CALL_BYTES))
    packed = gzip.compress(call, compresslevel=0)
    assert len(packed) > CALL_BYTES
    assert strict.post("/track", content=packed, headers={"Content-Encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_gzipped_body_is_unpacked(encoding: str, strict: httpx.Client, sandbox: Sandbox) -> None:
    call = {"type": "track", "userId": "u1", "event": "E"}
    answer = strict.post("/track", content=gzip.compress(compact(call)), headers={"Content-Encoding": encoding})
    assert answer.status_code == 200
    assert sandbox.calls() == [call]
    assert sandbox.requests()[0].bytes == len(compact(call))


def test_the_limit_holds_for_what_is_unpacked(strict: httpx.Client) -> None:
    packed = {"Content-Encoding": "gzip"}
    fits, bomb = gzip.compress(compact(call_of(CALL_BYTES))), gzip.compress(b" " * 40 * BATCH_BYTES, 1)
    assert strict.post("/track", content=fits, headers=packed).status_code == 200
    assert (
        strict.post("/track", content=gzip.compress(compact(call_of(CALL_BYTES + 1))), headers=packed).status_code
        == 413
    )
    assert strict.post("/batch", content=bomb, headers=packed).status_code == 413


def test_a_bomb_is_unpacked_no_further_than_the_limit() -> None:
    bomb = gzip.compress(b" " * 5_000_000)

    async def whole() -> AsyncIterator[bytes]:
        yield bomb

    tracemalloc.start()
    with pytest.raises(Refusal):
        asyncio.run(bodies.read(whole(), "gzip", 10_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"{}", "gzip"),
        (gzip.compress(b"{}")[:-4], "gzip"),
        (gzip.compress(b"{}") + b"more", "gzip"),
        (b"", "gzip"),
        (b"{}", "br"),
    ],
    ids=["plain", "cut off", "more than gzip", "empty", "another encoding"],
)
def test_an_encoding_that_cannot_be_undone_is_refused(content: bytes, encoding: str, strict: httpx.Client) -> None:
    answer = strict.post("/track", content=content, headers={"Content-Encoding": encoding})
    assert (answer.status_code, list(answer.json()["meta"])) == (400, ["errors"])


def test_too_many_requests_of_a_key_are_429_in_either_mode() -> None:
    document = copy.deepcopy(dict(published()))
    document["x-limits"]["window"] = {"requests": 3, "seconds": 3600}
    call = {"userId": "u1", "event": "E"}
    with Sandbox(document=document) as sandbox, httpx.Client(base_url=sandbox.url, verify=False) as client:
        statuses = [client.post("/track", json=call, auth=("one", "")).status_code for _ in range(5)]
        answer = client.post("/track", json=call, auth=("one", ""))
        other = client.post("/track", json=call, auth=("two", "")).status_code
        counts = sandbox.counts()
        sandbox.clear()
        after = client.post("/track", json=call, auth=("one", "")).status_code
    assert statuses == [200, 200, 200, 429, 429]
    assert answer.json() == {"meta": {"error": "too many requests"}}
    assert "Retry-After" not in answer.headers
    assert (counts.accepted, counts.refused, counts.lost) == (4, 3, 0)
    assert (other, after) == (200, 200)


def test_the_rate_limit_can_be_switched_off() -> None:
    document = copy.deepcopy(dict(published()))
    document["x-limits"]["window"] = {"requests": 1, "seconds": 3600}
    with Sandbox(document=document, rate=False) as sandbox, httpx.Client(base_url=sandbox.url, verify=False) as client:
        answers = {
            client.post("/track", json={"userId": "u1", "event": "E"}, auth=("k", "")).status_code for _ in range(5)
        }
    assert answers == {200}


def test_limits_follow_the_specification() -> None:
    document = copy.deepcopy(dict(published()))
    document["x-limits"] = {"callBytes": 200, "batchBytes": 300, "batchCalls": 2}
    with (
        Sandbox(document=document) as sandbox,
        httpx.Client(base_url=sandbox.url, auth=("k", ""), headers={"X-Strict-Mode": "1"}, verify=False) as client,
    ):
        statuses = [
            client.post("/track", content=compact(call_of(201))).status_code,
            client.post("/batch", content=compact({"batch": [call_of(90)] * 2})).status_code,
            client.post("/batch", content=compact({"batch": [call_of(80)] * 3})).status_code,
            client.post("/track", json={"userId": "u" * 170, "event": "E"}).status_code,
        ]
    assert statuses == [413, 200, 413, 200]


def test_a_window_ends_when_its_seconds_have_passed() -> None:
    window = Window(2, 3)
    assert [window.admit("key", now) for now in (0, 1, 2.999, 3, 3.999, 4)] == [True, True, False, True, False, True]


def test_a_window_remembers_only_keys_that_had_a_request_in_it() -> None:
    window = Window(2, 3)
    for now in range(1000):
        window.admit(f"key {now}", now)
        window.admit("always", now)
    assert len(window) == 4  # of the last three seconds, and the one of all


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=80))
def test_each_key_is_admitted_as_if_it_were_alone(requests: list[tuple[str, float]]) -> None:
    shared, alone, now = Window(2, 3), {key: Window(2, 3) for key in "abc"}, 0.0
    for key, pause in requests:
        now += pause
        assert shared.admit(key, now) == alone[key].admit(key, now)


@given(st.lists(st.floats(0, 2), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(pauses: list[float]) -> None:
    window, now = Window(5, 3), 0.0
    admitted: list[float] = []
    for pause in pauses:
        now += pause
        if window.admit("key", now):
            admitted.append(now)
        else:
            assert sum(now - 3 < moment for moment in admitted) == 5, "turned away without need"
    assert all(later - earlier >= 3 for earlier, later in zip(admitted, admitted[5:], strict=False))


@pytest.mark.parametrize("status", [415, 400])
def test_compressed_bodies_can_be_refused(status: int) -> None:
    packed = {"Content-Encoding": "gzip", "X-Strict-Mode": "1"}
    call = compact({"userId": "u1", "event": "E"})
    with Sandbox(refuse_gzip=status) as sandbox, httpx.Client(base_url=sandbox.url, auth=("key", "")) as client:
        assert client.post("/track", content=gzip.compress(call), headers=packed).status_code == status
        assert client.post("/track", content=call, headers={"X-Strict-Mode": "1"}).status_code == 200
        assert [(record.status, record.accepted) for record in sandbox.requests()] == [(status, 0), (200, 1)]
        assert sandbox.requests()[0].problems[0].reason == "encoding"


@pytest.mark.parametrize("status", [0, 99, 200, 307, 600])
def test_what_refuses_nothing_is_no_answer_to_compressed_bodies(status: int) -> None:
    with pytest.raises(ValueError, match=f"refuse_gzip: {status} "):
        Sandbox(refuse_gzip=status)
