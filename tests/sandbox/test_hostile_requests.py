"""Whatever bytes come, the sandbox answers or hangs up: never with a 500, and the next call is served."""

import gzip
import json
from collections.abc import Iterator

import pytest
from cio_pipelines.constants import CALL_BYTES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from length import times
from rawhttp import Head, ask, request

from cio_facade.sandbox import Sandbox

CALL = {"type": "track", "userId": "u1", "event": "Seen", "properties": {"n": 1}}
GOOD = json.dumps(CALL).encode()
BATCH = json.dumps({"batch": [CALL, CALL]}).encode()
KEY = (b"Authorization", b"Basic azo=")
ENDPOINTS = [b"/v1/" + name for name in (b"identify", b"track", b"page", b"screen", b"group", b"alias", b"batch")]
HUGE = 200_000

many = settings(max_examples=times(120, 2_500), deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(rate=False) as sandbox:
        yield sandbox
        # After all of this a good call is served, and what was kept can be read.
        assert ask(sandbox.url, request(b"POST", b"/v1/track", [KEY, (b"X-Strict-Mode", b"1")], GOOD)) == 200
        assert all(isinstance(call, dict) for call in sandbox.calls())
        assert len(sandbox.requests()) == sandbox.counts().requests


# Characters that may stand in a header, and in the target of a request.
visible = st.binary(max_size=60).map(lambda text: bytes(32 + byte % 95 for byte in text))
targets = visible.map(lambda text: text.replace(b" ", b"%20"))

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**400, -(2**63), 2**64, 1e308, "\ud800", "\x00", "a" * 151, "é" * 60, "<script>"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(list(CALL)), inner, max_size=4)
    ),
    max_leaves=12,
)
calls = st.builds(
    lambda over, drop: {**{n: v for n, v in CALL.items() if n not in drop}, **over},
    st.dictionaries(
        st.sampled_from(
            [
                *CALL,
                "anonymousId",
                "groupId",
                "previousId",
                "messageId",
                "timestamp",
                "traits",
                "context",
                "integrations",
            ]
        )
        | st.text(max_size=8),
        values,
        max_size=5,
    ),
    st.sets(st.sampled_from(list(CALL))),
)
batches = st.builds(
    lambda items, over: {"batch": items, **over},
    st.lists(calls | values, max_size=5) | values,
    st.dictionaries(st.sampled_from(["context", "integrations", "sentAt", "type"]), values, max_size=2),
)
documents = (calls | batches | values).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A good body with a byte changed, a piece cut out or doubled, or an end that is missing."""
    body = bytearray(draw(st.sampled_from([GOOD, BATCH])))
    place, piece = draw(st.integers(0, len(body) - 1)), draw(st.binary(max_size=4))
    body[place : place + draw(st.integers(0, 20))] = piece
    return bytes(body[: draw(st.integers(0, len(body)))]) if draw(st.booleans()) else bytes(body)


bodies = st.one_of(
    documents,
    spoiled(),
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"\xef\xbb\xbf" + GOOD,
            GOOD + GOOD,
            GOOD.decode().encode("utf-16"),
            b'{"userId":"u1","userId":"u2","event":"E"}',
            b'{"userId":"u1","event":"\\ud800"}',
            b'{"userId":"\\u0000","event":"E"}',
            b'{"userId":"u1","event":"E","properties":{"n":NaN}}',
            b'{"userId":"u1","event":"E","properties":{"n":1e999}}',
            b'{"batch":[' + b",".join([b"{}"] * 5_000) + b"]}",
            b"x" * (CALL_BYTES + 1),
        ]
    ),
)
packed = st.one_of(
    bodies.map(gzip.compress),
    bodies,
    bodies.map(lambda body: gzip.compress(body)[:-4]),
    bodies.map(lambda body: gzip.compress(body) * 2),
)

odd = st.one_of(visible, st.binary(max_size=30).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b"")))
CHOICES: dict[bytes, list[bytes]] = {
    b"X-Strict-Mode": [b"1", b"0", b"", b"true", b"1, 1"],
    b"Content-Type": [
        b"text/plain",
        b"multipart/form-data",
        b"application/x-www-form-urlencoded",
        b"a/b; charset=utf-16",
    ],
    b"Content-Encoding": [b"gzip", b"br", b"identity", b"gzip, gzip", b"deflate"],
    b"Authorization": [b"Basic azo=", b"Basic", b"Basic !!!", b"Basic /w==", b"Bearer pk_us_1", b"Bearer \xff"],
    b"X-Retry-Count": [b"1", b"-1", b"9" * 400, b"1e3", b"\xb2"],
    b"X-Request-Id": [b"r" * 5_000, b"\xff\xfe"],
    b"Host": [b"localhost", b"example.com"],
    b"Cookie": [b"a=b"],
    b"Expect": [b"100-continue"],
    b"Upgrade": [b"websocket", b"h2c"],
}
headers = st.lists(
    st.one_of(*[st.tuples(st.just(name), st.sampled_from(known) | odd) for name, known in CHOICES.items()]), max_size=5
)
METHODS = [b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"post", b"P"]
PATHS = [*ENDPOINTS, b"*", b"/", b"//", b"/v1", b"/v1/", b"/v1/track/", b"/v1/track?x=1", b"/%00", b"/%ff"]
CHUNKS = [b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffff\r\n"]
# Of a head that is longer, the server need not take in more.
LONGEST_HEAD = 60_000


@given(path=st.sampled_from(ENDPOINTS), given_headers=headers, body=packed)
@example(path=b"/v1/track", given_headers=[KEY, (b"X-Padding", b"p" * HUGE)], body=GOOD)
@example(path=b"/v1/track", given_headers=[KEY, *[(b"X-%d" % number, b"1") for number in range(5_000)]], body=GOOD)
@many
def test_any_body_and_any_headers_are_answered_and_never_with_500(
    path: bytes, given_headers: Head, body: bytes, running: Sandbox
) -> None:
    sent = request(b"POST", path, [KEY, *given_headers], body)
    status = ask(running.url, sent)
    assert 200 <= status < 500 if status is not None else len(sent) > LONGEST_HEAD


@given(
    method=st.sampled_from(METHODS)
    | st.binary(min_size=1, max_size=10).map(lambda text: bytes(65 + byte % 26 for byte in text)),
    path=st.sampled_from(PATHS) | targets.map(lambda text: b"/v1/" + text) | targets,
    given_headers=headers,
)
@example(method=b"POST", path=b"/v1/" + b"p" * HUGE, given_headers=[KEY])
@example(method=b"POST", path=b"/v1/%f0%28%8c%28/%ed%a0%80", given_headers=[KEY])
@many
def test_any_method_and_any_path_are_answered_and_never_with_500(
    method: bytes, path: bytes, given_headers: Head, running: Sandbox
) -> None:
    status = ask(running.url, request(method, path, given_headers, b""))
    assert status is None or 200 <= status < 500


@given(
    length=st.integers(0, 10**20).map(lambda number: b"%d" % number) | st.sampled_from([b"-1", b"1, 2", b"x", b""]),
    chunked=st.booleans(),
    body=st.just(GOOD) | st.binary(max_size=40) | st.sampled_from(CHUNKS),
)
@many
def test_a_body_that_is_not_as_long_as_it_says_is_no_accident(
    length: bytes, chunked: bool, body: bytes, running: Sandbox
) -> None:
    told = (b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", length)
    status = ask(running.url, request(b"POST", b"/v1/track", [KEY, told], body), whole=False)
    assert status is None or 200 <= status < 500


@given(st.binary(max_size=300))
@many
def test_what_is_no_http_is_turned_away(running: Sandbox, sent: bytes) -> None:
    status = ask(running.url, sent, whole=False)
    assert status is None or 400 <= status < 500
