"""`send_many` of both clients: its account, its time, and what nobody expects."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import attrs
import httpx
import pytest
from driving import BOTH, REASONS, SMALL, AsyncDriven, caught, connected, said, stream, tracked, within

from cio_facade import (
    AuthenticationError,
    CustomerIO,
    CustomerIOError,
    DeadLetter,
    Limits,
    Receipt,
    Report,
    messages,
)
from cio_facade.messages import Message
from cio_facade.testing import Answering, FakeClock, RecordingTransport

# Streams and their accounts ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("given", [[], (), iter(()), {}], ids=["list", "tuple", "iterator", "dict"])
def test_an_empty_stream_is_an_empty_account(kind: Any, given: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        report = cio.send_many(given)
    assert (report.accepted, report.requests, report.complete, report.balanced) == (0, 0, True, True)
    assert not transport.requests


@BOTH
def test_one_bad_message_costs_one_message(kind: Any) -> None:
    transport = RecordingTransport(lambda request: said(400, REASONS) if b"Bad" in request.content else 200)
    given = [tracked(n, f"u{n % 5}", "Bad" if n in {40, 77} else "Seen") for n in range(100)]
    given[12] = messages.track("", "Seen", message_id="m12")
    with connected(kind, transport) as cio:
        report = cio.send_many(given)
    assert (report.accepted, report.delivered, report.rejected) == (100, 97, 3)
    assert [(letter.message_id, letter.index, letter.status) for letter in report.dead_letters] == [
        ("m12", 12, None),
        ("m40", 40, 400),
        ("m77", 77, 400),
    ]
    assert report.reasons["event is unknown"] == 2


@BOTH
@pytest.mark.parametrize(
    "nonsense",
    [None, 5, "text", object(), Message, [tracked()], stream(2)],
    ids=lambda nonsense: type(nonsense).__name__,
)
def test_what_is_no_message_is_rejected_with_the_way_out(kind: Any, nonsense: Any) -> None:
    """A generator of generators among them: it is not flattened by guessing."""
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        report = cio.send_many([tracked(0), nonsense, tracked(2)])
    assert (report.delivered, report.rejected) == (2, 1)
    (letter,) = report.dead_letters
    assert letter.index == 1
    assert "messages.track" in letter.reason


@BOTH
def test_generators_may_be_chained(kind: Any) -> None:
    with connected(kind) as cio:
        report = cio.send_many(itertools.chain.from_iterable(stream(10) for _ in range(10)))
    assert report.delivered == 100


@BOTH
@pytest.mark.parametrize("nonsense", [None, 5, tracked()], ids=["None", "int", "message"])
def test_what_is_no_iterable_raises(kind: Any, nonsense: Any) -> None:
    with connected(kind) as cio:
        error = caught(lambda: cio.send_many(nonsense))
    assert isinstance(error, TypeError)


@BOTH
def test_when_the_iterable_raises_what_came_before_is_delivered(kind: Any) -> None:
    def rows() -> Iterator[Message]:
        yield from stream(25)
        yield messages.track("", "Seen")
        raise LookupError("the source is broken")

    transport = RecordingTransport([503])
    with connected(kind, transport, limits=SMALL) as cio:
        error = caught(lambda: cio.send_many(rows()))
    assert isinstance(error, LookupError)
    assert error.args == ("the source is broken",)
    report = error.report
    assert (report.accepted, report.delivered, report.rejected, report.pending) == (26, 25, 1, 0)
    assert len({call["messageId"] for call in transport.calls}) == 25


@BOTH
def test_what_the_iterable_raises_counts_more_than_what_the_server_says_afterwards(kind: Any) -> None:
    def rows() -> Iterator[Message]:
        yield tracked()
        raise LookupError

    with connected(kind, RecordingTransport([401])) as cio:
        error = caught(lambda: cio.send_many(rows()))
    assert isinstance(error, LookupError)
    assert error.report.failed == 1


@BOTH
def test_when_the_callback_raises_the_stream_ends_with_what_was_accepted_delivered(kind: Any) -> None:
    letters: list[DeadLetter] = []

    def on_dead_letter(letter: DeadLetter) -> None:
        letters.append(letter)
        raise LookupError("mine")

    taken = itertools.count()
    given = (message for message in [*stream(5), messages.track("", "x"), *stream(100)] if next(taken) >= 0)
    with connected(kind) as cio:
        error = caught(lambda: cio.send_many(given, on_dead_letter=on_dead_letter))
    assert isinstance(error, LookupError)
    report = error.report
    assert report.balanced
    assert (report.delivered, report.rejected) == (report.accepted - 1, 1)
    assert len(letters) == 1
    assert next(taken) == report.accepted < 50  # no more was read than the chunk it came from


@BOTH
def test_ctrl_c_in_the_callback_carries_the_account_and_asks_no_more(kind: Any) -> None:
    asked = itertools.count()

    def interrupted(letter: DeadLetter) -> None:
        next(asked)
        raise KeyboardInterrupt

    cio = connected(kind)
    error = caught(lambda: cio.send_many([*stream(10), messages.track("", "x")], on_dead_letter=interrupted))
    assert isinstance(error, KeyboardInterrupt)
    report = error.report  # type: ignore[attr-defined]
    assert (report.accepted, report.rejected, report.pending) == (11, 1, 10)  # it does not wait for the rest
    assert next(asked) == 1
    cio.close()


@BOTH
def test_the_callback_gets_every_letter_in_the_callers_thread(kind: Any) -> None:
    heard: list[tuple[int, threading.Thread]] = []
    transport = RecordingTransport(lambda request: 400 if b"Bad" in request.content else 200)
    given = [tracked(n, f"u{n}", "Bad" if n % 10 == 3 else "Seen") for n in range(40)]
    with connected(kind, transport) as cio:
        report = cio.send_many(
            given, on_dead_letter=lambda letter: heard.append((letter.index, threading.current_thread()))
        )
    assert sorted(index for index, _ in heard) == [3, 13, 23, 33] == [letter.index for letter in report.dead_letters]
    assert {thread for _, thread in heard} == {threading.current_thread()}


@BOTH
def test_a_key_that_is_refused_in_the_middle_stops_the_stream_with_its_account(kind: Any) -> None:
    taken = itertools.count()
    transport = RecordingTransport([200, 200, said(401, {"meta": {"error": "unknown key"}})] + [401] * 100)
    with connected(kind, transport, limits=SMALL) as cio:
        error = caught(lambda: cio.send_many(message for message in stream(10_000) if next(taken) >= 0))
    assert isinstance(error, AuthenticationError)
    assert (error.status, error.message_id) == (401, None)
    report = error.report
    assert report is not None
    assert report.balanced
    assert report.delivered > 0
    assert report.failed > 0
    assert report.pending > 0
    assert report.accepted == next(taken) < 1000  # it does not read on in vain
    assert len(transport.requests) <= 2 + SMALL.in_flight
    assert sum(report.reasons.values()) == report.failed + report.pending
    assert any("unknown key" in reason or "not accepted" in reason for reason in report.reasons)
    assert any(reason.startswith("not sent, since delivery stopped") for reason in report.reasons)


@BOTH
def test_after_an_error_the_client_goes_on_serving(kind: Any) -> None:
    with connected(kind, RecordingTransport([401])) as cio:
        assert isinstance(caught(lambda: cio.send_many(stream(3))), AuthenticationError)
        assert cio.send_many(stream(3)).complete


@BOTH
@pytest.mark.parametrize("number", [0, 1, 30])
def test_a_closed_client_says_so_and_sends_nothing(kind: Any, number: int) -> None:
    transport = RecordingTransport()
    cio = connected(CustomerIO, transport) if kind is CustomerIO else connected(AsyncDriven, transport)
    if kind is CustomerIO:
        cio.close()
        cio.close()  # twice does no harm
    else:
        cio.run(cio.real.close())
    for action in (lambda: cio.send(tracked()), lambda: cio.send_many(stream(number))):
        error = caught(action)
        assert isinstance(error, CustomerIOError)
        assert "closed" in str(error)
    assert not transport.requests
    if kind is AsyncDriven:
        cio.close()


# Time ----------------------------------------------------------------------------------------------------------------


@BOTH
def test_when_the_time_is_up_what_is_left_is_pending_and_named(kind: Any) -> None:
    clock = FakeClock()

    def slow(request: httpx.Request) -> Answering:
        clock.advance(1.0)
        return 200

    transport = RecordingTransport(slow)
    limits = Limits(call_bytes=400, batch_bytes=1000, in_flight=1)
    with connected(kind, transport, clock=clock, limits=limits) as cio:
        report = cio.send_many(stream(5000), timeout=4.5)
    assert report.balanced
    assert report.delivered > 0
    assert report.pending > 0
    assert report.accepted < 5000
    assert len(transport.requests) == 5
    assert "not sent: the time was up" in report.reasons
    assert len(report.dead_letters) == report.pending
    # What was answered is no longer pending, however late it was.
    assert report.delivered == len(transport.calls)


@BOTH
@pytest.mark.parametrize("timeout", [0, -1, 1e-9])
def test_no_time_at_all_sends_nothing(kind: Any, timeout: float) -> None:
    transport = RecordingTransport()
    with connected(kind, transport, clock=None) as cio:
        report = cio.send_many(stream(100), timeout=timeout)
    assert report.pending == report.accepted <= 1
    assert not transport.requests


@BOTH
def test_a_pause_for_a_repetition_does_not_outlast_the_time(kind: Any) -> None:
    clock = FakeClock()
    with connected(kind, RecordingTransport([said(503, Retry_After="20")]), clock=clock) as cio:
        report = cio.send_many([tracked()], timeout=5)
    assert clock.monotonic() == 5.0
    assert report.pending == 1
    assert report.reasons == {"under way when delivery stopped: it may have arrived": 1}


@BOTH
def test_waiting_for_the_pace_does_not_outlast_the_time(kind: Any) -> None:
    clock = FakeClock()
    limits = Limits(call_bytes=400, batch_bytes=1000, window_requests=1, window_seconds=60)
    with connected(kind, clock=clock, limits=limits) as cio:
        report = cio.send_many(stream(100), timeout=90)
    assert clock.monotonic() == 90.0
    assert report.requests == 2


@BOTH
def test_a_stream_of_nothing_but_unfit_messages_sees_its_time_too(kind: Any) -> None:
    clock = FakeClock()

    def endless() -> Iterator[Message]:
        while True:
            clock.advance(0.01)
            yield messages.track("", "Seen")

    with connected(kind, clock=clock) as cio:
        report = within(10, lambda: cio.send_many(endless(), timeout=1))
    assert 90 < report.rejected < 110


def test_a_server_that_never_answers_does_not_hold_a_stream_longer_than_its_time() -> None:
    release = threading.Event()

    class Silent(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            release.wait(30)
            return httpx.Response(200)

    try:
        with CustomerIO("key", transport=Silent(), limits=SMALL) as cio:
            begun = time.monotonic()
            report = within(10, lambda: cio.send_many(stream(10_000), timeout=0.05))
            assert time.monotonic() - begun < 5
        assert report.delivered == 0
        assert report.pending == report.accepted
        assert report.reasons["under way when delivery stopped: it may have arrived"] > 0
        assert report.reasons["not sent: the time was up"] > 0
    finally:
        release.set()


# What nobody expects -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_ctrl_c_while_the_source_is_read_carries_the_account(kind: Any, interruption: type[BaseException]) -> None:
    def rows() -> Iterator[Message]:
        yield from stream(25)
        raise interruption

    letters: list[DeadLetter] = []
    transport = RecordingTransport()
    cio = connected(kind, transport, limits=SMALL)
    error = caught(lambda: cio.send_many(rows(), on_dead_letter=letters.append))
    assert isinstance(error, interruption)
    report = error.report  # type: ignore[attr-defined]
    assert (report.accepted, report.balanced) == (25, True)
    assert report.pending == len(report.dead_letters) == len(letters) > 0
    assert set(report.reasons) <= {
        "not sent: interrupted",
        "under way when delivery stopped: it may have arrived",
    }
    cio.close()


class Odd(BaseException):
    """Neither an error of httpx nor an Exception at all."""


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), Odd(), ValueError("odd"), RuntimeError(), MemoryError()])
@pytest.mark.parametrize("way", ["send", "send_many"])
def test_whatever_the_transport_raises_reaches_the_caller(raised: BaseException, way: str) -> None:
    class Raising(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise raised

    letters: list[DeadLetter] = []
    with CustomerIO("key", transport=Raising(), limits=SMALL) as cio:
        if way == "send":
            assert within(10, lambda: caught(lambda: cio.send(tracked()))) is raised
            return
        error = within(10, lambda: caught(lambda: cio.send_many(stream(1000), on_dead_letter=letters.append)))
    assert error is raised
    report = error.report  # type: ignore[attr-defined]
    assert report.balanced
    assert report.pending == report.accepted == len(letters) == len(report.dead_letters)
    assert len({letter.index for letter in letters}) == len(letters)


def test_after_something_odd_nothing_more_is_sent() -> None:
    class OddOnce(RecordingTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if len(self.requests) == 2:
                raise LookupError
            return response

    transport = OddOnce()
    with connected(CustomerIO, transport, limits=attrs.evolve(SMALL, in_flight=1)) as cio:  # others may be quicker
        error = within(10, lambda: caught(lambda: cio.send_many(stream(10_000))))
    assert isinstance(error, LookupError)
    assert error.report.accepted < 1000
    assert "not sent: the transport raised LookupError" in error.report.reasons
    assert len(transport.requests) == 2


@pytest.mark.parametrize("given", [None, 200, "text", object()])
@BOTH
def test_a_transport_that_gives_no_response_hangs_nothing(kind: Any, given: Any) -> None:
    class Strange(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return given

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return given

    with connected(kind, Strange()) as cio:
        for action in (lambda: cio.send(tracked()), lambda: cio.send_many(stream(10))):
            error = within(10, lambda action=action: caught(action))
            assert isinstance(error, Exception)
            assert not isinstance(error, CustomerIOError)


@BOTH
def test_a_failing_clock_hangs_nothing_and_loses_no_account(kind: Any) -> None:
    class Broken(FakeClock):
        def monotonic(self) -> float:
            if self.slept:
                raise LookupError("no time")
            return super().monotonic()

    clock = Broken()
    with connected(kind, RecordingTransport([503] * 1000), clock=clock) as cio:
        error = within(10, lambda: caught(lambda: cio.send_many(stream(10))))
    assert isinstance(error, LookupError)
    assert error.report.pending == 10


def test_a_source_may_use_the_client_it_feeds() -> None:
    transport = RecordingTransport()
    with connected(CustomerIO, transport) as cio:

        def rows() -> Iterator[Message]:
            for n in range(10):
                cio.send(tracked(n))
                yield tracked(n)

        assert within(10, lambda: cio.send_many(rows())).delivered == 10
    assert len(transport.calls) == 20


# Threads -------------------------------------------------------------------------------------------------------------


def test_requests_of_one_stream_are_under_way_at_once() -> None:
    enough, come = threading.Event(), itertools.count(1)

    class Meeting(httpx.BaseTransport):
        """Answers nobody before three have come."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if next(come) == 3:
                enough.set()
            assert enough.wait(10)
            return httpx.Response(200)

    limits = Limits(call_bytes=400, batch_bytes=1000, batch_calls=1, in_flight=3)
    with CustomerIO("key", transport=Meeting(), limits=limits) as cio:
        report = within(20, lambda: cio.send_many(tracked(n, f"u{n}") for n in range(300)))
    assert report.complete


def test_many_threads_may_share_a_client() -> None:
    def answer(request: httpx.Request) -> Answering:
        return 503 if len(transport.requests) % 7 == 0 else 200

    transport = RecordingTransport(answer)
    receipts: list[Receipt] = []
    reports: list[Report] = []

    def work(number: int) -> None:
        receipts.extend(cio.send(messages.track(f"u{number}", "One", {"n": turn})) for turn in range(10))
        reports.append(cio.send_many(messages.track(f"u{number}", "Many", {"n": turn}) for turn in range(50)))

    def all_at_once() -> None:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with connected(CustomerIO, transport, limits=SMALL) as cio:
        within(30, all_at_once)
    assert len({receipt.message_id for receipt in receipts}) == 80
    assert [report.delivered for report in reports] == [50] * 8


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    with connected(CustomerIO, limits=SMALL) as cio:
        cio.send_many(stream(500))
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(5)
    assert not set(threading.enumerate()) - before


# Memory --------------------------------------------------------------------------------------------------------------


@BOTH
def test_no_more_is_read_than_can_be_held_while_the_server_is_behind(kind: Any) -> None:
    answered = itertools.count()
    delivered = 0

    def answer(request: httpx.Request) -> Answering:
        nonlocal delivered
        transport.requests.clear()
        delivered += request.content.count(b'"messageId"')
        return 503 if next(answered) % 5 == 0 else 200

    transport, most = RecordingTransport(answer), 0

    def rows() -> Iterator[Message]:
        nonlocal most
        for number, message in enumerate(stream(3000, people=500)):
            most = max(most, number - delivered)
            yield message

    with connected(kind, transport, limits=SMALL) as cio:
        assert cio.send_many(rows()).complete
    # Sixteen bodies' worth waits, two are under way; a call has a hundred bytes.
    assert most < 300
