"""Bodies and heads without an end, clients without haste, and where a key may be found afterwards: nowhere."""

import base64
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import orjson
import pytest

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

CALL = {"userId": "u1", "event": "E"}
BODY = b'{"userId":"u1","event":"E"}'
LIMITS = published()["x-limits"]
KEY = "pk_us_5ec2e7c0ffee"


def opened(sandbox: Sandbox, *lines: str) -> socket.socket:
    """A connection on which the head of a call has been sent."""
    url = httpx.URL(sandbox.url)
    connection = socket.create_connection((url.host, url.port or 0), timeout=5)
    head = ["POST /v1/track HTTP/1.1", f"Host: {url.netloc.decode()}", "Authorization: Basic azo=", "X-Strict-Mode: 1"]
    connection.sendall("\r\n".join([*head, *lines, "", ""]).encode())
    return connection


def answered(connection: socket.socket) -> int:
    """The status of the answer."""
    head = b""
    while b"\r\n" not in head:
        more = connection.recv(4096)
        assert more, "no answer"
        head += more
    return int(head.split()[1])


@pytest.mark.parametrize("announced", [LIMITS["callBytes"] + 1, 10**12, 10**19])
def test_a_body_over_the_limit_by_its_own_announcement_is_refused_before_any_of_it_has_come(
    announced: int, sandbox: Sandbox
) -> None:
    with opened(sandbox, f"Content-Length: {announced}") as connection:
        assert answered(connection) == 413
    (request,) = sandbox.requests()
    assert (request.status, request.verdict) == (413, "refused")


def test_one_that_is_compressed_as_well(sandbox: Sandbox) -> None:
    with opened(sandbox, "Content-Encoding: gzip", f"Content-Length: {10**9}") as connection:
        assert answered(connection) == 413


def test_one_in_chunks_is_refused_as_soon_as_it_is_over_the_limit(sandbox: Sandbox) -> None:
    with opened(sandbox, "Transfer-Encoding: chunked") as connection:
        chunk = b"x" * 1000
        for _ in range(LIMITS["callBytes"] // len(chunk) + 1):
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        assert answered(connection) == 413, "though its end has not come"


def test_a_body_that_comes_a_byte_at_a_time_keeps_nobody_waiting(sandbox: Sandbox, strict: httpx.Client) -> None:
    slow = [opened(sandbox, f"Content-Length: {len(BODY)}") for _ in range(20)]
    for position in range(len(BODY)):
        for connection in slow:
            connection.sendall(BODY[position : position + 1])
        assert strict.post("/track", json=CALL).status_code == 200, "else it waits until its time is up, and raises"
    for connection in slow:
        with connection:
            assert answered(connection) == 200
    assert sandbox.counts().accepted == len(BODY) + len(slow)


@pytest.mark.parametrize("sent", [b"POST /" + b"a" * 100_000, b"POST /v1/track HTTP/1.1\r\nX: " + b"a" * 100_000])
def test_a_head_without_an_end_is_turned_away(sent: bytes, sandbox: Sandbox) -> None:
    url = httpx.URL(sandbox.url)
    with socket.create_connection((url.host, url.port or 0), timeout=5) as connection:
        connection.sendall(sent)
        assert answered(connection) == 400
    assert sandbox.counts().requests == 0


def test_chunks_that_are_none_are_turned_away_without_a_word_in_the_log(
    sandbox: Sandbox, strict: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(sandbox, "Transfer-Encoding: chunked") as connection:
        connection.sendall(b"5\r\n{    \r\n")
        assert strict.post("/track", json=CALL).status_code == 200, "by now the first one is at work"
        connection.sendall(b"nonsense\r\n")
        assert answered(connection) == 400
    assert strict.post("/track", json=CALL).status_code == 200
    assert sandbox.counts().requests == 2
    assert [record.getMessage() for record in caplog.records] == ["Invalid HTTP request received."]


# Batches that are more than they look ---------------------------------------------------------------------------------

KEPT = 10_000
SEEN = {"type": "track", "userId": "u1", "event": "Seen"}


@pytest.mark.parametrize("garbage", [0, "", [], {}, {"type": 1}, {"type": "track", "event": "Bad"}])
def test_of_a_batch_of_garbage_so_many_calls_are_kept_and_all_are_counted(
    garbage: object, sandbox: Sandbox, permissive: httpx.Client
) -> None:
    items = [garbage] * (KEPT + 500)
    body = orjson.dumps({"batch": [SEEN, *items, SEEN]})
    assert permissive.post("/batch", content=body, timeout=60).status_code == 200
    assert (sandbox.counts().accepted, sandbox.counts().lost) == (2, len(items))
    (request,) = sandbox.requests()
    assert (request.verdict, request.lost) == ("partly lost", len(items))
    assert {problem.position for problem in request.problems} == set(range(1, KEPT + 1))
    assert sandbox.sql("SELECT verdict, count(*) AS calls FROM received GROUP BY verdict") == [
        {"verdict": "accepted", "calls": 2},
        {"verdict": "lost", "calls": KEPT},
    ]
    size = len(orjson.dumps(garbage))
    lost = [{"calls": len(items), "bytes": len(items) * size}]
    assert sandbox.sql("SELECT calls, bytes FROM totals WHERE verdict = 'lost'") == lost
    assert sandbox.sql("SELECT calls, bytes FROM periods WHERE verdict = 'lost'") == lost


def test_in_strict_mode_such_a_batch_is_refused_with_all_its_calls(sandbox: Sandbox, strict: httpx.Client) -> None:
    body = orjson.dumps({"batch": [SEEN, *[0] * (KEPT + 500)]})
    assert strict.post("/batch", content=body, timeout=60).status_code == 400
    assert sandbox.sql("SELECT verdict, calls FROM totals") == [{"verdict": "refused", "calls": KEPT + 501}]


def test_a_call_that_is_too_large_is_told_of_however_much_garbage_comes_before_it(strict: httpx.Client) -> None:
    large = {**SEEN, "properties": {"text": "x" * LIMITS["callBytes"]}}
    body = orjson.dumps({"batch": [*[0] * (KEPT + 500), large]})
    assert strict.post("/batch", content=body, timeout=60).status_code == 413


def test_what_a_batch_says_for_all_of_its_calls_may_not_become_gigabytes(
    sandbox: Sandbox, strict: httpx.Client
) -> None:
    batch = {"context": {"text": "x" * 100_000}, "batch": [{"type": "page", "userId": "u1"}] * 1_000}
    answer = strict.post("/batch", json=batch)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["field"] == "batch"
    assert sandbox.counts().accepted == 0
    batch["batch"] = batch["batch"][:100]
    assert strict.post("/batch", json=batch).status_code == 200
    assert sandbox.counts().accepted == 100


# Where a key may be found afterwards ----------------------------------------------------------------------------------


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


FORMS = [
    f"Bearer {KEY}",
    basic(f"{KEY}:"),
    basic(f"{KEY}:{KEY}"),
    basic(KEY),
    basic(f"{KEY}\n:"),
    f"Digest {KEY}",
    KEY,
    f"Bearer {KEY} {KEY}",
    f"Basic {KEY}",
]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    with closing(sqlite3.connect(tmp_path / "sandbox.db")) as database:
        dump = "\n".join(database.iterdump())
    hidden = [KEY, *(base64.b64encode(f"{KEY}{end}".encode()).decode() for end in ("", ":", "\n:"))]
    found = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in hidden:
        assert text not in dump
        assert text.encode() not in found


@pytest.mark.parametrize("options", [{}, {"api_keys": [KEY]}, {"api_keys": ["other"]}, {"region": "eu"}])
def test_no_key_is_in_the_file_or_on_the_page_or_in_an_answer_or_in_the_log(
    options: dict[str, object], kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    sandbox = Sandbox(kept / "sandbox.db", **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with sandbox, httpx.Client(verify=False) as client:
        answers: list[httpx.Response] = []
        for form in FORMS:
            headers = {"Authorization": form.replace("\n", "")}
            for path, body in (("/track", CALL), ("/track", {}), ("/batch", {"batch": [{}]}), ("/nowhere", CALL)):
                for mode in "10":
                    marks = {**headers, "X-Strict-Mode": mode}
                    answers.append(client.post(f"{sandbox.url}{path}", json=body, headers=marks))
            answers.append(client.post(f"{sandbox.url}/track", content=b"{", headers=headers))
            answers.append(client.get(f"{sandbox.url}/track", headers=headers))
        for rules in ("500", "drop-response:0%"):
            sandbox.faults.set(rules)
            answers.append(client.post(f"{sandbox.url}/track", json=CALL, headers={"Authorization": FORMS[0]}))
        answers.append(client.get(sandbox.page))
        answers += [client.get(f"{sandbox.page}requests/{number}") for number in range(1, 30)]
        told = [answer.text + str(answer.headers) for answer in answers]
        records = repr(sandbox.requests())
    for text in (*told, records, caplog.text):
        assert KEY not in text
        assert base64.b64encode(f"{KEY}:".encode()).decode() not in text


def test_two_keys_are_told_apart_by_their_hashes(sandbox: Sandbox) -> None:
    for key in (KEY, "other", KEY):
        httpx.post(f"{sandbox.url}/track", json=CALL, auth=(key, ""), verify=False)
    one, other, again = [request.key for request in sandbox.requests()]
    assert one == again != other
    assert re.fullmatch("[0-9a-f]{16}", one or "")
