"""What is logged, and what never is: neither the key nor what messages hold, not even when a server repeats it."""

import base64
import json
import logging
import pickle
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from driving import BOTH, REASONS, caught, connected, said, tracked
from scenarios.server import Reply, Request, ScriptedServer

from cio_facade import CustomerIO, CustomerIOError, Report, Retry, messages
from cio_facade.testing import RecordingTransport

KEY = "sk_us_0123456789abcdef"
OLD_KEY = "oldformkey123"
CALL = messages.track(
    'Jürgen "der Große" O\'Neill',
    "Diagnosis Received",
    {
        "email": "Ann.Secret@Example.com",
        "phone": "+49 171 5550000",
        "amount": 471125.0625,
        "type": "confidential-kind",
        "nested": [{"street": "Geheimweg 7"}, ["zweite Zeile\nmit Umbruch"]],
        "html": "<b>bold&secret</b>",
    },
    anonymous_id="anon-8842",
    context={"ip": "203.0.113.77"},
    message_id="the-message-id",
)
SECRETS = (
    KEY,
    "0123456789abcdef",
    OLD_KEY,
    base64.b64encode(f"{OLD_KEY}:".encode()).decode(),
    "rgen",
    "Große",
    "gro",
    "Neill",
    "Diagnosis",
    "ann.secret",
    "example.com",
    "5550000",
    "471125",
    "confidential",
    "Geheimweg",
    "zweite",
    "Umbruch",
    "bold&",
    "anon-8842",
    "203.0.113.77",
)


def check(text: str) -> None:
    for secret in SECRETS:
        assert secret.lower() not in text.lower(), f"{secret!r} is shown"


def shown(error: BaseException) -> str:
    """All that an error shows, in logs, in trackers and after a journey between processes."""
    other = pickle.loads(pickle.dumps(error))
    return "\n".join(
        [
            *(str(error), repr(error), repr(vars(error)), str(other), repr(other), repr(vars(other))),
            *traceback.format_exception(error),
        ]
    )


ORDINARY = set(vars(logging.makeLogRecord({})))  # times and numbers of threads, which hold any digits by chance


def records(caplog: pytest.LogCaptureFixture) -> str:
    """All that is logged: texts, arguments and fields."""
    shown = []
    for record in caplog.records:
        fields = {name: value for name, value in vars(record).items() if name not in ORDINARY}
        shown.append(f"{record.getMessage()} {record.args!r} {record.exc_text} {fields!r}")
    return "\n".join(shown)


# Servers that repeat what they were told -----------------------------------------------------------------------------


def repeating(form: str, status: int) -> Callable[[Request], Reply]:
    """A server that answers with all it knows."""

    def answer(request: Request) -> Reply:
        body, header = request.body.decode(), request.headers["authorization"]
        call = json.loads(body)
        call = call.get("batch", [call])[0]
        texts = [
            f"cannot process {body} of {header}",
            f"cannot process {json.dumps(json.loads(body))}",  # escaped anew
            f'userId "{call["userId"]}" of {call["properties"]["email"].lower()} is wrong',
            f"userId {json.dumps(call['userId'])} is wrong",
            f"prefix{call['properties']['email']}suffix, tel{call['properties']['phone']}",
            f"{call['properties']['amount']} is too much for {call['context']['ip']}:{call['anonymousId']}",
            f"{call['event']} with {call['properties']['type']} and {call['properties']['html']}",
            f"{'x' * 280} {call['properties']['email']} {header}",
            call["properties"]["nested"][1][0],
        ]
        said = {
            "meta.errors": {"meta": {"errors": texts}},
            "meta.error": {"meta": {"error": texts[0]}},
            "errors": {"errors": [{"reason": text, "field": call["userId"], "message": text} for text in texts]},
            "objects": {"errors": [{"message": body, "field": call}], "meta": {"error": call}},
            "call": json.loads(body),
            "text": None,
        }[form]
        content = body + header if said is None else json.dumps(said, ensure_ascii=form != "meta.errors")
        return Reply(status, {"Content-Type": "application/json"}, content.encode())

    return answer


@pytest.fixture(scope="module")
def connect() -> Iterator[Callable[[Any, str, str, int], Any]]:
    """Clients of one server that repeats: making them anew for each test would take longer than the tests."""
    answer: list[Callable[[Request], Reply]] = []
    clients: dict[tuple[Any, str], Any] = {}

    def connect(kind: Any, key: str, form: str, status: int) -> Any:
        answer[:] = [repeating(form, status)]
        if (kind, key) not in clients:
            clients[kind, key] = stack.enter_context(kind(key, base_url=server.url, retry=Retry(budget=0)))
        return clients[kind, key]

    def reply(request: Request) -> Reply:
        return answer[0](request)

    with ScriptedServer(reply) as server, ExitStack() as stack:
        yield connect


@pytest.mark.parametrize("status", [400, 401, 500])
@pytest.mark.parametrize("form", ["meta.errors", "meta.error", "errors", "objects", "call", "text"])
@pytest.mark.parametrize("key", [KEY, OLD_KEY])
@BOTH
def test_nothing_of_a_call_or_the_key_is_shown_when_the_server_repeats_it(
    kind: Any, key: str, form: str, status: int, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)  # the root: httpx, httpcore and asyncio too
    cio = connect(kind, key, form, status)
    error = caught(lambda: cio.send(CALL))
    assert isinstance(error, CustomerIOError)
    check(shown(error))
    try:
        report = cio.send_many([CALL, CALL])
    except CustomerIOError as stopped:
        check(shown(stopped))
        report = stopped.report or Report()
    assert report.dead_letters[0].message_id == "the-message-id"
    check(repr(report) + repr(report.dead_letters) + repr(report.reasons))
    assert {"cio_facade", "httpx"} <= {record.name.split(".")[0] for record in caplog.records}
    check(records(caplog))


@BOTH
def test_what_the_server_says_beside_it_is_kept(kind: Any) -> None:
    transport = RecordingTransport(
        [said(400, {"errors": [{"field": "traits.email", "reason": "format", "message": "ann@x.io is no address"}]})]
    )
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.send(messages.identify("u1", {"email": "ann@x.io"})))
    assert isinstance(error, CustomerIOError)
    assert error.reasons == ("traits.email: [...] is no address (format)",)


@BOTH
def test_a_success_is_logged_without_what_was_sent(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer() as server, kind(KEY, base_url=server.url) as cio:
        cio.send(CALL)
        cio.send_many([CALL] * 3)
    assert len(server.calls) == 4
    check(records(caplog))


@BOTH
def test_what_is_refused_before_it_is_sent_is_not_shown(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    unfit = messages.track("Jürgen Große", "Diagnosis", {"secret": object()}, anonymous_id=4711.25)  # type: ignore[arg-type]
    with connected(kind) as cio:
        check(shown(caught(lambda: cio.send(unfit))))
        check(repr(cio.send_many([unfit]).dead_letters))
    check(records(caplog))


@BOTH
def test_no_repr_shows_the_key(kind: Any) -> None:
    with kind(KEY, transport=RecordingTransport()) as cio:
        client = cio if isinstance(cio, CustomerIO) else cio.real
        check(repr(client) + str(client) + repr(client.api) + repr(vars(client)))


# What is logged ------------------------------------------------------------------------------------------------------

FIELDS = {
    "cio_path": "/track",
    "cio_calls": 1,
    "cio_request_id": str,
    "cio_seconds": float,
    "cio_bytes": int,
}


@BOTH
def test_each_request_is_one_record_with_fields(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cio_facade")
    transport = RecordingTransport([503, httpx.ConnectError("down"), 200])
    with connected(kind, transport) as cio:
        cio.send(tracked())
    found = [record for record in caplog.records if record.name.startswith("cio_facade")]
    assert [(record.levelname, record.cio_status, record.cio_attempt) for record in found] == [
        ("INFO", 503, 1),
        ("INFO", 0, 2),
        ("DEBUG", 200, 3),
    ]
    for record, request in zip(found, transport.requests, strict=True):
        for name, value in FIELDS.items():
            field = getattr(record, name)
            assert isinstance(field, value) if isinstance(value, type) else field == value
        assert record.cio_request_id == request.headers["X-Request-Id"]
        assert record.cio_bytes == len(request.content)
    assert found[0].getMessage() == "/track answered 503 to 1 calls"
    assert found[1].getMessage() == "/track answered nothing to 1 calls"


@BOTH
def test_an_error_and_the_log_name_the_same_request(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cio_facade")
    with connected(kind, RecordingTransport([said(400, REASONS)])) as cio:
        error = caught(lambda: cio.send(tracked()))
    assert isinstance(error, CustomerIOError)
    assert error.request_id in {getattr(record, "cio_request_id", None) for record in caplog.records}


def test_nothing_is_printed_unless_logging_is_configured() -> None:
    script = """
        from cio_facade import CustomerIO, CustomerIOError, messages
        from cio_facade.testing import FakeClock, RecordingTransport
        with CustomerIO("key", transport=RecordingTransport([503, 400, 401]), clock=FakeClock()) as cio:
            for _ in range(2):
                try:
                    cio.send(messages.track("u1", "Seen"))
                except CustomerIOError:
                    pass
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_every_logger_is_below_cio_facade() -> None:
    names = [name for name in logging.root.manager.loggerDict if name.startswith("cio")]
    assert all(name == "cio_facade" or name.startswith("cio_facade.") for name in names)
    assert not [h for h in logging.getLogger("cio_facade").handlers if not isinstance(h, logging.NullHandler)]
    assert logging.getLogger("cio_facade").level == logging.NOTSET
