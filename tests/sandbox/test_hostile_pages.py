"""Whatever is asked of the page and the admin endpoints, no answer is a 500; and every link leads somewhere."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from length import times
from rawhttp import Head, ask, request

from cio_facade.sandbox import Sandbox

many = settings(max_examples=times(150, 2_500), deadline=None, suppress_health_check=list(HealthCheck))

# Names that mean something to HTML, to addresses, to SQL or to a terminal.
ODD = [
    "..",
    ".",
    "a/b",
    "a b",
    "?x=1&y=2",
    "#",
    "%2F",
    "<script>alert(1)</script>",
    "'; --",
    '"',
    "é漢\U0001f600",
    "\x00",
    "\x1b[31m",
    "-",
]
LINK = re.compile(r'(?:href|src|hx-get|action)="(/[^"]*)"')
FIELD = re.compile(r'name="([^"]+)"')
# The stream of events never ends.
ENDLESS = "/stream"
MOST_PAGES = 400


def calls() -> Iterator[dict[str, Any]]:
    """A little of everything, under odd names."""
    for number, odd in enumerate(ODD):
        yield {
            "type": "identify",
            "userId": odd,
            "anonymousId": f"a{number}",
            "traits": {odd: odd, "email": f"{number}@x"},
        }
        yield {"type": "track", "userId": odd, "event": odd, "properties": {odd: odd}, "messageId": odd}
        yield {"type": "page", "anonymousId": odd, "name": odd}
        yield {"type": "screen", "userId": odd, "name": odd}
        yield {"type": "group", "userId": odd, "groupId": odd, "traits": {"object_type_id": odd, "name": odd}}
        device = {"token": odd, "type": "ios"}
        yield {"type": "track", "userId": odd, "event": "Device Created or Updated", "context": {"device": device}}
        yield {"type": "track", "event": "Report Delivery Event", "properties": {"deliveryId": odd, "metric": "opened"}}
        yield {"type": "track", "userId": odd}
    yield {"type": "alias", "userId": ODD[0], "previousId": ODD[2]}
    yield {"type": "track", "userId": ODD[3], "event": "User Suppressed"}
    yield {"type": "track", "userId": ODD[4], "event": "User Deleted"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(rate=False) as sandbox, httpx.Client(base_url=sandbox.url, auth=("key", ""), verify=False) as client:
        for call in calls():
            client.post(f"/{call['type']}", json=call)
        client.post("/batch", json={"batch": list(calls())})
        client.post("/batch", content=b"[", headers={"X-Strict-Mode": "1"})
        client.post("/nothing")
        yield sandbox


@pytest.fixture(scope="module")
def spare() -> Iterator[Sandbox]:
    """One that is cleared, asked and set at will."""
    with Sandbox(rate=False) as sandbox:
        yield sandbox


def root(sandbox: Sandbox) -> str:
    return sandbox.url.removesuffix("/v1")


@pytest.fixture(scope="module")
def crawled(running: Sandbox) -> tuple[list[str], list[str]]:
    """The addresses that links lead to from the first page on, each seen to be there, and the names of all fields."""
    seen, fields, waiting = {"/"}, set(), ["/"]
    with httpx.Client(base_url=root(running), verify=False, timeout=30) as client:
        while waiting and len(seen) < MOST_PAGES:
            address = waiting.pop(0)
            answer = client.get(address)
            assert answer.status_code < 400, address
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            fields.update(FIELD.findall(answer.text))
            for link in LINK.findall(answer.text):
                found = html.unescape(link).partition("#")[0]
                if found not in seen and found.partition("?")[0] != ENDLESS:
                    seen.add(found)
                    waiting.append(found)
    return sorted(seen), sorted(fields)


def test_every_link_leads_somewhere(crawled: tuple[list[str], list[str]]) -> None:
    addresses, _ = crawled
    assert len(addresses) > 2 * len(ODD)
    rooms = {address.split("/")[1].partition("?")[0] for address in addresses}
    assert rooms >= {"people", "objects", "events", "batches", "requests", "static"}


texts = st.one_of(
    st.sampled_from([odd.encode() for odd in ODD]),
    st.sampled_from([b"0", b"-1", b"1e9", b"9" * 30, b"2026-01-01", b"accepted", b"track", b"null", b"\xed\xa0\x80"]),
    st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
)  # fmt: skip
encoded = texts.map(lambda text: quote_from_bytes(text, safe="").encode())


@given(data=st.data())
@many
def test_any_page_with_any_parameters_is_answered_and_never_with_500(
    data: st.DataObject, running: Sandbox, crawled: tuple[list[str], list[str]]
) -> None:
    addresses, fields = crawled
    path, _, query = data.draw(st.sampled_from(addresses)).partition("?")
    segments = path.encode().split(b"/")[1:]
    if data.draw(st.booleans()):
        segments[-1] = data.draw(encoded)
    segments += data.draw(st.lists(encoded, max_size=2))
    names = st.sampled_from([name.encode() for name in (*fields, "id", "type", "before", "after", "limit", "page")])
    pairs = data.draw(st.lists(st.tuples(names | encoded, encoded), max_size=4))
    asked = b"&".join([query.encode(), *(b"%s=%s" % pair for pair in pairs)])
    headers = data.draw(
        st.lists(st.sampled_from([(b"HX-Request", b"true"), (b"Last-Event-ID", b"x"), (b"Accept", b"?")]), max_size=2)
    )
    method = data.draw(st.sampled_from([b"GET", b"GET", b"GET", b"HEAD", b"POST"]))
    status = ask(running.url, request(method, b"/" + b"/".join(segments) + b"?" + asked, headers, b""))
    assert status is not None
    assert status < 500


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
QUERIES = [
    "SELECT 1",
    "SELECT ?",
    "SELECT :a",
    "",
    ";",
    "DROP TABLE received",
    "SELECT x'ff', 1e999, NULL",
    "\x00",
    "SELECT '",
]
asks = st.one_of(
    values,
    st.fixed_dictionaries(
        {},
        optional={
            "query": st.sampled_from(QUERIES) | values,
            "parameters": values | st.lists(values, max_size=2),
            "rules": st.lists(st.sampled_from(["429:5%", "slow:0ms", "x", "429:500%"]) | values, max_size=3) | values,
            "seed": values,
        },
    ),
)
ORIGINS = [b"http://127.0.0.1", b"http://[", b"null", b"http://[::1", b"//", b"http://a:b:c", b"\xff"]
HOSTS = [b"127.0.0.1", b"[", b"[::1", b"[::1]:x", b"a:b:c", b"\xff", b"localhost:99999999"]
origins = st.lists(
    st.tuples(st.just(b"Origin"), st.sampled_from(ORIGINS))
    | st.tuples(st.just(b"Host"), st.sampled_from(HOSTS))
    | st.tuples(st.just(b"Content-Encoding"), st.sampled_from([b"gzip", b"br"])),
    max_size=2,
)


@given(
    method=st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS"]),
    path=st.sampled_from([b"/faults", b"/counts", b"/clear", b"/sql", b"/", b"", b"/nothing"]),
    body=asks.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")) | st.binary(max_size=30),
    headers=origins,
)
@example(method=b"POST", path=b"/sql", body=b"[" * 100_000, headers=[])
@example(method=b"POST", path=b"/sql", body=b'{"query": "SELECT 1"}', headers=[(b"Origin", b"http://[")])
@many
def test_the_admin_endpoints_answer_anything_and_never_with_500(
    method: bytes, path: bytes, body: bytes, headers: Head, spare: Sandbox
) -> None:
    status = ask(spare.url, request(method, b"/_sandbox" + path, headers, body))
    assert status is not None
    assert status < 500


def test_the_page_of_another_site_is_not_answered(running: Sandbox) -> None:
    for headers in ([(b"Origin", b"http://example.com")], [(b"Origin", b"http://[")]):
        assert ask(running.url, request(b"POST", b"/_sandbox/clear", headers, b"")) == 403
    assert running.counts().requests > 0
