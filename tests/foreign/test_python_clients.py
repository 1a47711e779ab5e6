"""The vendor's Python client, and Segment's, which it was made from: what arrives, and what they think happened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, NamedTuple

import customerio.analytics
import customerio.analytics.consumer
import customerio.analytics.request
import pytest
import segment.analytics
import segment.analytics.consumer
import segment.analytics.request
from access import KEY
from cio_pipelines.constants import BATCH_BYTES, CALL_BYTES

from cio_facade.sandbox import Sandbox

# They ask for the time as newer Pythons advise against.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


class Foreign(NamedTuple):
    """A client: its class, and the modules that send."""

    client: Any
    consumer: ModuleType
    request: ModuleType
    version: str


VENDOR = Foreign(
    customerio.analytics.Client,
    customerio.analytics.consumer,
    customerio.analytics.request,
    customerio.analytics.__version__,
)
SEGMENT = Foreign(
    segment.analytics.Client, segment.analytics.consumer, segment.analytics.request, segment.analytics.__version__
)


@pytest.fixture(params=[pytest.param(VENDOR, id="customerio-cdp"), pytest.param(SEGMENT, id="segment")])
def foreign(request: pytest.FixtureRequest) -> Foreign:
    return request.param


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Their loggers print to a stream of their own."""
    for name in ("customerio", "segment"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
    for name in ("customerio", "segment"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients know nothing of strict mode: the header is put into the sessions that they send with."""
    for client in (VENDOR, SEGMENT):
        monkeypatch.setitem(client.request._session.headers, "X-Strict-Mode", "1")


Say = Callable[[Any], Any]


Told = list[tuple[Exception, list[Any]]]


def sent(foreign: Foreign, host: str, *says: Say, key: str = KEY, **settings: Any) -> Told:
    """Have a client send in one batch what is said to it, and give what its on_error was told.

    Its thread is played by this one, so that nothing depends on time.
    """
    told: Told = []
    settings = {"max_retries": 0, "upload_size": len(says), "upload_interval": 60, **settings}
    # One that may not send starts no thread; one that may puts calls into its queue.
    client = foreign.client(key, host=host, on_error=lambda *error: told.append(error), send=False, **settings)
    client.send = True
    for say in says:
        accepted, _ = say(client)
        assert accepted
    (consumer,) = client.consumers
    while client.queue.qsize():
        consumer.upload()
    return told


EVERY_TYPE: dict[str, tuple[Say, dict[str, Any]]] = {
    "identify": (
        lambda client: client.identify("u1", {"email": "u1@example.com", "plan": "pro"}),
        {"userId": "u1", "traits": {"email": "u1@example.com", "plan": "pro"}},
    ),
    "track": (
        lambda client: client.track("u1", "Course Started", {"title": "Intro", "price": 9.5}, timestamp=WHEN),
        {"userId": "u1", "event": "Course Started", "properties": {"title": "Intro", "price": 9.5}},
    ),
    "page": (
        lambda client: client.page("u1", "Docs", "Home", {"url": "https://example.com/"}),
        {"userId": "u1", "category": "Docs", "name": "Home", "properties": {"url": "https://example.com/"}},
    ),
    "screen": (
        lambda client: client.screen("u1", "Feeds", "Feed", {"tab": 1}),
        {"userId": "u1", "category": "Feeds", "name": "Feed", "properties": {"tab": 1}},
    ),
    "group": (
        lambda client: client.group("u1", "acme", {"name": "ACME", "object_type_id": "1"}),
        {"userId": "u1", "groupId": "acme", "traits": {"name": "ACME", "object_type_id": "1"}},
    ),
    "alias": (lambda client: client.alias("old", "u1"), {"previousId": "old", "userId": "u1"}),
}
SAYS = [say for say, _ in EVERY_TYPE.values()]


def nameless(client: Any) -> Any:
    """A call that the server refuses and the client does not: the address is a number."""
    return client.identify("u1", {"email": 7})


# What arrives ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_a_batch_of_every_type_arrives_as_it_was_said(
    foreign: Foreign, gzip: bool, host: str, sandbox: Sandbox
) -> None:
    assert sent(foreign, host, *SAYS, gzip=gzip) == []
    (request,) = sandbox.requests()
    assert (request.path, request.status, request.accepted, request.verdict) == ("/v1/batch", 200, 6, "accepted")
    calls = sandbox.calls()
    assert [call["type"] for call in calls] == list(EVERY_TYPE)
    for call, (_, said) in zip(calls, EVERY_TYPE.values(), strict=True):
        assert {name: value for name, value in call.items() if name in said} == said
        assert call["context"]["library"]["version"] == foreign.version
        assert call["integrations"] == {}
    assert datetime.fromisoformat(calls[1]["timestamp"]) == WHEN
    assert len({call["messageId"] for call in calls}) == 6


@pytest.mark.usefixtures("strict")
def test_a_client_with_its_own_thread_delivers_what_it_flushes(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    told: Told = []
    client = foreign.client(
        KEY, host=host, on_error=lambda *error: told.append(error), upload_interval=0.01, max_retries=0
    )
    for number in range(50):
        client.track("u1", f"Event {number}")
    client.shutdown()
    assert told == []
    assert [call["event"] for call in sandbox.calls()] == [f"Event {number}" for number in range(50)]
    assert sandbox.counts().accepted == 50


@pytest.mark.usefixtures("strict")
def test_a_client_that_sends_at_once_delivers_each_call_as_a_batch_of_one(
    foreign: Foreign, host: str, sandbox: Sandbox
) -> None:
    client = foreign.client(KEY, host=host, sync_mode=True)
    for say in SAYS:
        say(client)
    assert [(request.path, request.accepted) for request in sandbox.requests()] == [("/v1/batch", 1)] * 6


@pytest.mark.usefixtures("strict")
def test_anonymous_calls_and_message_ids_of_their_own_arrive(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    say = lambda client: client.track(event="Seen", anonymous_id="a1", message_id="m1")  # noqa: E731
    assert sent(foreign, host, say, say) == []
    assert [(call["anonymousId"], call["messageId"]) for call in sandbox.calls()] == [("a1", "m1")] * 2
    assert sandbox.counts().repeats == 1


@pytest.mark.usefixtures("strict")
def test_numbers_as_ids_leave_as_text(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    assert sent(foreign, host, lambda client: client.track(7, "Seen")) == []
    assert sandbox.calls()[0]["userId"] == "7"


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("key", ["pk_us_1234", "sk_eu_1234"])
def test_a_key_of_the_newer_form_travels_as_a_bearer_token_and_is_let_in(key: str) -> None:
    with Sandbox(api_keys=[key]) as sandbox:
        assert sent(VENDOR, sandbox.url.removesuffix("/v1"), SAYS[0], key=f"{key}\n") == []
        assert sandbox.counts().accepted == 1


# What goes wrong, and what they make of it ----------------------------------------------------------------------------


def test_a_wrong_key_loses_everything_and_the_client_does_not_notice(
    foreign: Foreign, host: str, sandbox: Sandbox
) -> None:
    assert sent(foreign, host, *SAYS, key="another") == []
    (request,) = sandbox.requests()
    assert (request.status, request.verdict, request.problems[0].reason) == (200, "lost", "authentication")
    assert sandbox.calls() == []


def test_a_faulty_call_is_lost_and_the_client_does_not_notice(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    assert sent(foreign, host, SAYS[1], nameless, SAYS[1]) == []
    (request,) = sandbox.requests()
    assert (request.status, request.verdict, request.accepted, request.lost) == (200, "partly lost", 2, 1)
    assert request.problems[0].place == "batch[1].traits.email"


def full_batch(client: Any) -> Any:
    """A call of a size that the client's own bound on batches, checked after each call, lets sixteen of in."""
    return client.track("u1", "Seen", {"text": "x" * (31_650 - 400)})


def test_a_batch_that_the_client_itself_makes_too_large_is_lost_and_it_does_not_notice(
    foreign: Foreign, host: str, sandbox: Sandbox
) -> None:
    assert sent(foreign, host, *[full_batch] * 16) == []
    assert BATCH_BYTES > foreign.consumer.BATCH_SIZE_LIMIT
    first, *others = sandbox.requests()
    assert (first.status, first.verdict, first.problems[0].reason) == (200, "lost", "size")
    assert first.bytes > BATCH_BYTES
    assert others == []


@pytest.mark.usefixtures("strict")
def test_in_strict_mode_the_client_hears_of_all_three(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    for says, key, status in (
        (SAYS, "another", 401),
        ([SAYS[1], nameless], KEY, 400),
        ([full_batch] * 16, KEY, 413),
    ):
        sandbox.clear()
        ((_, batch),) = sent(foreign, host, *says, key=key)
        assert len(batch) == len(says)
        assert [(request.status, request.verdict) for request in sandbox.requests()] == [(status, "refused")]
        assert sandbox.calls() == []


@pytest.mark.usefixtures("strict")
def test_segments_client_tells_the_reason_and_the_vendors_trips_over_a_code_that_never_comes(
    host: str, sandbox: Sandbox
) -> None:
    ((error, _),) = sent(SEGMENT, host, nameless)
    assert (error.status, error.code) == (400, "unknown")
    assert "traits.email" in error.message
    ((error, _),) = sent(VENDOR, host, nameless)
    assert isinstance(error, KeyError)
    assert error.args == ("code",)


@pytest.mark.usefixtures("strict")
def test_the_vendors_client_sends_what_is_refused_again_and_segments_does_not(
    host: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backoff._sync.time.sleep", lambda seconds: None)
    sent(SEGMENT, host, nameless, max_retries=2)
    assert len(sandbox.requests()) == 1
    sandbox.clear()
    sent(VENDOR, host, nameless, max_retries=2)
    assert [request.status for request in sandbox.requests()] == [400, 400, 400]


def test_the_client_itself_refuses_a_call_over_the_limit(foreign: Foreign, host: str, sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="exceeds"):
        sent(foreign, host, lambda client: client.track("u1", "Seen", {"text": "x" * CALL_BYTES}))
    assert sandbox.requests() == []
