"""What an observer is told of requests and messages, and what becomes of its own trouble."""

import contextvars
import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cio_pipelines import models
from cio_pipelines.api.calls import track
from driving import BOTH, SMALL, caught, connected, stream, tracked

from cio_facade import CustomerIO, NetworkError, Retry, messages
from cio_facade.clock import Clock
from cio_facade.observing import Attempt, Count, Gauges, Observer
from cio_facade.testing import FakeClock, RecordingTransport


class Notes(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.requests: list[Attempt] = []
        self.counts: Counter[str] = Counter()
        self.readers: list[Callable[[], Gauges]] = []

    def on_request(self, request: Attempt) -> None:
        self.requests.append(request)

    def on_count(self, what: Count, number: int) -> None:
        self.counts[what] += number

    def on_gauges(self, read: Callable[[], Gauges]) -> None:
        self.readers.append(read)


# Requests ------------------------------------------------------------------------------------------------------------


@BOTH
def test_each_attempt_is_told_after_its_answer(kind: Any) -> None:
    clock = FakeClock()

    def answer(request: httpx.Request) -> Any:
        clock.advance(0.25)
        return (503, httpx.ReadTimeout("slow"), 200)[len(transport.requests) - 1]

    notes, transport = Notes(), RecordingTransport(answer)
    with connected(kind, transport, observer=notes, clock=clock) as cio:
        cio.send(tracked())
    told = [(one.status, one.error, one.attempt, one.calls, one.path) for one in notes.requests]
    assert told == [(503, None, 1, 1, "/track"), (0, "ReadTimeout", 2, 1, "/track"), (200, None, 3, 1, "/track")]
    for one, request in zip(notes.requests, transport.requests, strict=True):
        assert one.bytes == len(request.content)
        assert one.request_id == request.headers["X-Request-Id"]
        assert one.url == str(request.url)
        assert one.seconds == pytest.approx(0.25)
    first, second, _ = notes.requests
    assert first.began == FakeClock().time()
    assert second.began == pytest.approx(first.began + 0.25 + clock.slept[0])


@BOTH
def test_a_stream_is_told_by_batches_with_their_size_as_it_was_sent(kind: Any) -> None:
    notes, transport = Notes(), RecordingTransport()
    with connected(kind, transport, observer=notes, gzip=True) as cio:
        cio.send_many(messages.track(f"u{n}", "Seen", {"text": "x" * 200}) for n in range(100))
    (one,) = notes.requests
    assert (one.path, one.calls) == ("/batch", 100)
    assert one.bytes == len(transport.requests[0].content) < 10_000


def test_a_call_of_the_generated_client_is_told_too() -> None:
    notes = Notes()
    with connected(CustomerIO, RecordingTransport([503, 200]), observer=notes) as cio:
        track.sync_detailed(client=cio.api, body=models.Track.from_dict({"userId": "u1", "event": "Seen"}))
    assert [(one.status, one.attempt) for one in notes.requests] == [(503, 1), (200, 2)]
    assert notes.counts == {"accepted": 1, "delivered": 1, "retries": 1}


@BOTH
def test_a_stream_is_told_in_the_context_of_its_caller(kind: Any) -> None:
    where: contextvars.ContextVar[str] = contextvars.ContextVar("where", default="nowhere")
    seen: set[str] = set()

    class Looking(Observer):
        def on_request(self, request: Attempt) -> None:
            seen.add(where.get())

    with connected(kind, observer=Looking(), limits=SMALL, clock=Clock()) as cio:
        where.set("here")
        if kind is CustomerIO:
            cio.send_many(stream(50))
        else:

            async def send() -> None:
                where.set("here")
                await cio.real.send_many(stream(50))

            cio.run(send())
    assert seen == {"here"}


# Counts --------------------------------------------------------------------------------------------------------------


@BOTH
def test_counts_agree_with_the_account(kind: Any) -> None:
    notes = Notes()
    unfit = messages.track("u1", "Seen", {"broken": object()})
    with connected(kind, RecordingTransport([503]), observer=notes, limits=SMALL) as cio:
        report = cio.send_many([*stream(50), unfit])
    assert notes.counts == {
        "accepted": report.accepted,
        "delivered": report.delivered,
        "rejected": report.rejected,
        "retries": report.retries,
    }
    assert (report.accepted, report.delivered, report.rejected) == (51, 50, 1)


@BOTH
def test_single_calls_are_counted(kind: Any) -> None:
    notes = Notes()
    with connected(kind, RecordingTransport([200, 400]), observer=notes) as cio:
        cio.send(tracked())
        caught(lambda: cio.send(tracked()))
    assert notes.counts == {"accepted": 2, "delivered": 1, "rejected": 1}
    notes = Notes()
    with connected(kind, RecordingTransport([503] * 99), observer=notes, retry=Retry(budget=0)) as cio:
        caught(lambda: cio.send(tracked()))
    assert notes.counts == {"accepted": 1, "failed": 1}


# Gauges --------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_client_can_be_asked_for_its_pace(kind: Any) -> None:
    notes = Notes()
    with connected(kind, observer=notes) as cio:
        (read,) = notes.readers
        assert read() == Gauges(pace=read().pace)
        before = read().pace
        assert before is not None
        assert 0 < before <= 1_000
        del cio


# Its own trouble -----------------------------------------------------------------------------------------------------


class Broken(Observer):
    def on_request(self, *given: Any) -> None:
        raise LookupError("of the observer")

    on_count = on_gauges = on_request


@BOTH
def test_what_an_observer_raises_is_logged_once_and_goes_no_further(kind: Any, caplog: Any) -> None:
    observer = Broken()
    with connected(kind, observer=observer) as cio:
        for _ in range(3):
            assert cio.send(tracked()).status == 200
        assert cio.send_many(stream(20)).delivered == 20
    with connected(kind, observer=observer) as cio:
        cio.send(tracked())
    reported = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(reported) == 3  # of each method once
    assert all(record.name.startswith("cio_facade") and record.exc_info for record in reported)


@BOTH
def test_ctrl_c_passes(kind: Any) -> None:
    class Interrupted(Observer):
        def on_request(self, request: Attempt) -> None:
            raise KeyboardInterrupt

    with connected(CustomerIO, observer=Interrupted()) as cio:
        assert isinstance(caught(lambda: cio.send(tracked())), KeyboardInterrupt)


def test_an_observer_that_does_nothing_is_no_trouble(caplog: Any) -> None:
    with connected(CustomerIO, observer=Observer()) as cio:
        cio.send(tracked())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nothing_that_is_told_is_of_the_messages_or_the_key() -> None:
    notes = Notes()
    with CustomerIO("secret-key", transport=RecordingTransport([400]), observer=notes, clock=FakeClock()) as cio:
        caught(lambda: cio.track("ann@example.com", "Diagnosis", {"a": "private"}))
    for word in ("secret-key", "ann", "Diagnosis", "private"):
        assert word not in repr(notes.requests)


def test_an_error_on_the_way_is_told_by_its_class_alone() -> None:
    notes = Notes()
    transport = RecordingTransport([httpx.ConnectError("secret-key at 10.0.0.1")])
    with CustomerIO("key", transport=transport, observer=notes, retry=Retry(budget=0), clock=FakeClock()) as cio:
        assert isinstance(caught(lambda: cio.send(tracked())), NetworkError)
    assert notes.requests[0].error == "ConnectError"


def test_without_an_observer_nothing_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cio_facade.observing"], "Attempt", None)
    with connected(CustomerIO) as cio:
        assert cio.send(tracked()).status == 200
