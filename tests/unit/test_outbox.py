"""The outbox, both twins, in memory and in a file: safe when put, accounted for, never longer than it was told."""

import logging
import threading
import time
import warnings
from collections import Counter
from contextlib import suppress
from itertools import count
from weakref import WeakSet

import httpx
import pytest
from boxing import QUICK, TWINS, Held, Twin, eventually, ids, opened
from driving import tracked, within

from cio_facade import CustomerIO, Limits, Outbox, OutboxError, OutboxFullError, Retry, ValidationError, boxes, messages
from cio_facade.deadletters import DeadLetterFile, Letters
from cio_facade.journal import Journal
from cio_facade.observing import Gauges, Observer
from cio_facade.testing import RecordingTransport

UNFIT = messages.track("", "Seen")
NEVER = 1000.0
"""Seconds of a flush_interval that nothing waits for."""

PLACES = pytest.mark.parametrize("place", ["memory", "file"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def where(place, path):
    return path if place == "file" else None


def numbered(first, number, people=7):
    return [tracked(n, f"u{n % people}") for n in range(first, first + number)]


def names(first, number):
    return [f"m{n}" for n in range(first, first + number)]


# Putting -------------------------------------------------------------------------------------------------------------


@TWINS
@PLACES
def test_what_is_put_is_delivered_once_and_accounted_for(kind, place, where):
    transport = RecordingTransport()
    with opened(kind, transport, where) as box:
        assert box.put(tracked(0)) is True
        assert box.put_many(numbered(1, 999)) == 999
        report = box.close(10)
    assert (report.accepted, report.delivered, report.complete, report.balanced) == (1000, 1000, True, True)
    assert sorted(ids(transport)) == sorted(names(0, 1000))


@TWINS
@PLACES
def test_an_unfit_message_is_an_error_of_put_and_leaves_nothing_behind(kind, place, where):
    with opened(kind, None, where) as box:
        with pytest.raises(ValidationError, match="userId"):
            box.put(UNFIT)
        assert box.flush(5).accepted == 0


@TWINS
@PLACES
def test_unfit_messages_among_many_are_counted_and_the_others_go_on(kind, place, where):
    outcomes = []
    with opened(kind, None, where, on_outcome=outcomes.append) as box:
        assert box.put_many([tracked(0), UNFIT, tracked(1)]) == 2
        report = box.close(10)
    assert (report.accepted, report.delivered, report.rejected, report.balanced) == (3, 2, 1, True)
    assert Counter(outcome.outcome for outcome in outcomes) == {"delivered": 2, "rejected": 1}


@TWINS
@PLACES
def test_what_a_source_gave_before_it_raised_is_taken(kind, place, where):
    def source():
        yield from numbered(0, 10)
        raise LookupError

    with opened(kind, None, where) as box:
        with pytest.raises(LookupError):
            box.put_many(source())
        assert box.flush(5).delivered == 10


def test_what_a_slow_source_gave_does_not_wait_for_all_of_it():
    transport = RecordingTransport()

    def source():
        yield tracked(0)
        time.sleep(0.02)
        yield tracked(1)
        eventually(lambda: transport.calls)
        yield tracked(2)

    with opened("sync", transport) as box:
        assert within(10, lambda: box.put_many(source())) == 3


@TWINS
def test_a_message_is_in_the_file_when_put_returns_though_nothing_gets_through(kind, path):
    transport = Held()
    with opened(kind, transport, path) as box:
        for n in range(5):
            box.put(tracked(n))
            other = Journal(path)
            assert other.totals().pending == n + 1
            other.close()


@TWINS
def test_an_async_source_is_taken_one_by_one(kind):
    if kind == "sync":
        pytest.skip("async only")

    async def source():
        for message in [*numbered(0, 5), UNFIT]:
            yield message

    with opened(kind) as box:
        assert box.put_many(source()) == 5
        assert box.flush(5).rejected == 1


@TWINS
@PLACES
def test_nothing_is_taken_after_the_end(kind, place, where):
    with opened(kind, None, where) as box:
        box.put(tracked(0))
        box.close(10)
        for action in (lambda: box.put(tracked(1)), lambda: box.put_many([tracked(1)])):
            with pytest.raises(OutboxError, match="closed"):
                action()


@TWINS
@PLACES
@pytest.mark.parametrize("batch", [1, 40])
def test_a_call_that_no_batch_takes_travels_too(kind, place, where, batch):
    merge = messages.merge({"userId": "u1"}, {"userId": "u2"}) if hasattr(messages, "merge") else tracked(99)
    transport = RecordingTransport()
    with opened(kind, transport, where) as box:
        box.put(merge)
        assert box.put_many([merge, *numbered(0, batch)]) == batch + 1
        assert box.flush(10).complete
    assert len(transport.calls) == batch + 2


# Waiting for delivery ------------------------------------------------------------------------------------------------


@TWINS
@PLACES
def test_flush_and_close_of_nothing_return_at_once(kind, place, where):
    with opened(kind, None, where, flush_interval=NEVER) as box:
        for action in (box.flush, box.flush, box.close):
            report = within(5, action)
            assert report.accepted == 0
            assert report.balanced


@TWINS
@PLACES
def test_flush_does_not_wait_for_bodies_to_be_full(kind, place, where):
    with opened(kind, None, where, flush_interval=NEVER) as box:
        for n in range(3):
            box.put(tracked(n))
            assert within(5, box.flush).delivered == n + 1


@TWINS
def test_flush_of_more_than_fits_into_memory_waits_for_no_full_body_either(kind, path):
    """The file is read on while the flush goes on: what comes of it then is meant too."""
    with opened(kind, None, path, flush_interval=NEVER) as box:
        assert box.put_many(numbered(0, 701, people=40)) == 701
        assert within(10, box.flush).delivered == 701


@TWINS
@PLACES
@pytest.mark.parametrize("action", ["flush", "close"])
def test_they_never_take_longer_than_they_were_given(kind, place, where, action):
    transport = Held()
    with opened(kind, transport, where) as box:
        box.put_many(numbered(0, 50))
        begun = time.monotonic()
        report = within(20, lambda: getattr(box, action)(0.05))
        assert time.monotonic() - begun < 1.5
        assert (report.accepted, report.pending, report.balanced) == (50, 50, True)


@TWINS
@PLACES
@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_at_all_asks_how_things_stand(kind, place, where, timeout):
    transport = Held()
    with opened(kind, transport, where) as box:
        box.put(tracked())
        assert within(5, lambda: box.flush(timeout)).pending == 1


@TWINS
@PLACES
def test_for_ever_may_be_said_as_infinity(kind, place, where):
    forever = float("inf")
    with opened(kind, None, where, flush_interval=forever, max_messages=10, exit_timeout=forever) as box:
        box.put(tracked(0), timeout=forever)
        assert within(5, lambda: box.flush(forever)).delivered == 1
        assert within(5, lambda: box.close(forever)).delivered == 1


@TWINS
@PLACES
def test_flush_waits_for_what_was_put_before_it_only(kind, place, where):
    enough = threading.Event()
    with opened(kind, None, where, limits=Limits()) as box:

        def go_on():
            for n in count(1):
                if enough.is_set():
                    return
                box.put(tracked(n))

        box.put(tracked(0))
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for _ in range(3):
                report = within(10, box.flush)
                assert report.delivered > 0
                assert report.balanced
        finally:
            enough.set()
            thread.join()


@TWINS
@PLACES
def test_the_account_balances_at_any_moment(kind, place, where):
    done = threading.Event()
    with opened(kind, None, where) as box:

        def put():
            for n in range(100):
                box.put(tracked(n))
            done.set()

        thread = threading.Thread(target=put)
        thread.start()
        while not done.is_set():
            report = box.account
            assert report.balanced, report
        thread.join()
        assert box.flush(10).delivered == 100


@TWINS
@PLACES
def test_the_end_may_be_said_twice_and_its_account_stays(kind, place, where):
    with opened(kind, None, where) as box:
        box.put(tracked())
        first = box.close(10)
        assert box.close() == box.flush() == box.account == first


def is_taken(lock):
    """Whether another thread holds a lock."""
    if lock.acquire(blocking=False):
        lock.release()
        return False
    return True


@PLACES
def test_who_ends_it_while_another_does_waits_as_long_as_was_said_and_gets_the_same_account(place, where):
    transport, reports = Held(), []
    with opened("sync", transport, where) as box:
        box.put(tracked())
        threads = [threading.Thread(target=lambda: reports.append(box.close(10))) for _ in range(2)]
        threads[0].start()
        eventually(lambda: is_taken(box.real._closing))
        for timeout in (0.01, 0, -0.5):
            assert within(5, lambda timeout=timeout: box.close(timeout)).pending == 1
        assert not reports
        threads[1].start()
        transport.go.set()
        for thread in threads:
            thread.join(10)
    assert reports[0].complete
    assert reports[0] is reports[1]


@PLACES
def test_the_end_of_a_with_block_is_the_end(where):
    transport = RecordingTransport()
    with CustomerIO("key", transport=transport) as cio:
        with Outbox(cio, where) as box:
            box.put(tracked())
        assert box.account.complete
    assert len(transport.calls) == 1


@TWINS
@PLACES
def test_a_refused_key_keeps_everything_until_it_is_accepted(kind, place, where, caplog):
    accepted = threading.Event()
    transport = RecordingTransport(lambda _: 200 if accepted.is_set() else 401)
    with opened(kind, transport, where) as box:
        box.put_many(numbered(0, 30))
        report = within(10, lambda: box.flush(0.3))
        assert (report.pending, report.delivered, report.failed, report.rejected) == (30, 0, 0, 0)
        eventually(lambda: "nothing gets through at the moment" in caplog.text)
        accepted.set()
        assert within(10, lambda: box.flush(8)).delivered == 30
        eventually(lambda: "messages get through again" in caplog.text)
    assert caplog.text.count("nothing gets through") == 1
    assert set(ids(transport)) == set(names(0, 30))


@TWINS
@PLACES
@pytest.mark.parametrize("answer", [500, 429, httpx.ConnectError("down"), httpx.ReadTimeout("slow")])
def test_trouble_that_outlasts_the_budget_fails_nothing(kind, place, where, answer):
    through = threading.Event()
    transport = RecordingTransport(lambda _: 200 if through.is_set() else answer)
    with opened(kind, transport, where) as box:
        box.put_many(numbered(0, 20))
        assert within(10, lambda: box.flush(0.15)).pending == 20
        through.set()
        report = within(15, lambda: box.flush(12))
    assert (report.delivered, report.failed) == (20, 0)


# No room -------------------------------------------------------------------------------------------------------------

FEW = {"max_messages": {"max_messages": 4}, "max_bytes": {"max_bytes": 700}}
LIMITED = pytest.mark.parametrize("few", list(FEW))


def filled(box):
    """Put until there is no room; gives how many went in."""
    number = 0
    with suppress(OutboxFullError):
        while box.put(tracked(number), timeout=0):
            number += 1
    return number


@TWINS
@PLACES
@LIMITED
def test_block_waits_for_room(kind, place, where, few):
    transport = Held()
    with opened(kind, transport, where, **FEW[few]) as box:
        number = filled(box)
        assert number >= 2
        begun = time.monotonic()
        with pytest.raises(OutboxFullError, match="full"):
            box.put(tracked(90), timeout=0.05)
        assert 0.04 < time.monotonic() - begun < 2
        threading.Timer(0.05, transport.go.set).start()
        assert within(10, lambda: box.put(tracked(91))) is True
        report = box.flush(10)
    assert report.delivered == report.accepted == number + 1


@TWINS
@PLACES
@LIMITED
def test_raise_raises_and_keeps_nothing_of_it(kind, place, where, few):
    transport = Held()
    with opened(kind, transport, where, on_full="raise", **FEW[few]) as box:
        number = filled(box)
        for _ in range(3):
            with pytest.raises(OutboxFullError, match="full"):
                box.put(tracked(90))
        assert box.account.accepted == number
        transport.go.set()
        assert box.flush(10).delivered == number
        assert box.put(tracked(91)) is True


@TWINS
@PLACES
@LIMITED
def test_drop_newest_gives_false_counts_and_tells(kind, place, where, few):
    transport, outcomes = Held(), []
    with opened(kind, transport, where, on_full="drop_newest", on_outcome=outcomes.append, **FEW[few]) as box:
        number = filled(box)
        assert box.put(tracked(90)) is False
        assert box.put_many([tracked(91)]) == 0
        report = box.account
        assert (report.accepted, report.rejected, report.balanced) == (number + 3, 3, True)
        assert report.reasons["outbox full"] == 3
        transport.go.set()
        assert box.close(10).delivered == number
    dropped = [outcome for outcome in outcomes if outcome.outcome == "rejected"]
    assert [outcome.message_id for outcome in dropped] == [f"m{number}", "m90", "m91"]
    assert {outcome.reason for outcome in dropped} == {"outbox full"}
    assert len(outcomes) == number + 3


@TWINS
@PLACES
def test_a_message_that_never_fits_is_an_error_at_once(kind, place, where):
    large = messages.track("u1", "Seen", {"text": "x" * 200}, message_id="large")
    with opened(kind, None, where, max_bytes=150) as box:
        with pytest.raises(OutboxFullError):
            within(5, lambda: box.put(large))
        with pytest.raises(OutboxFullError):
            within(5, lambda: box.put_many([large]))
        assert box.put(tracked()) is True
        assert box.flush(5).delivered == 1


@TWINS
@PLACES
@LIMITED
def test_many_more_than_ever_fit_go_in_parts(kind, place, where, few):
    transport = RecordingTransport()
    with opened(kind, transport, where, **FEW[few]) as box:
        assert within(20, lambda: box.put_many(numbered(0, 20))) == 20
        assert box.flush(10).delivered == 20
    assert sorted(ids(transport)) == sorted(names(0, 20))


@TWINS
@PLACES
def test_the_end_wakes_who_waits_for_room(kind, place, where):
    transport, raised = Held(), []
    with opened(kind, transport, where, max_messages=1) as box:
        box.put(tracked(0))

        def wait_for_room():
            try:
                box.put(tracked(1))
            except OutboxError as error:
                raised.append(error)

        thread = threading.Thread(target=wait_for_room)
        thread.start()
        assert transport.reached.wait(10)
        assert box.close(0.1).pending >= 1
        thread.join(10)
        assert not thread.is_alive()
    assert [str(error) for error in raised] == ["the outbox is closed; the message was not taken"]


@pytest.mark.parametrize("mistake", [
    {"max_messages": 0}, {"max_bytes": -1}, {"flush_interval": 0}, {"flush_interval": float("nan")}, {"lanes": 0},
    {"lanes": "2"}, {"max_messages": True}, {"exit_timeout": -1}, {"exit_timeout": None}, {"on_full": "wait"},
    {"durability": "some"}, {"redact": "email", "dead_letters": "x"},
])  # fmt: skip
@TWINS
def test_a_wrong_setting_is_named(kind, mistake):
    with pytest.raises(ValidationError, match=next(iter(mistake))):
        Twin(kind, RecordingTransport(), **mistake)


# When they leave -----------------------------------------------------------------------------------------------------


@TWINS
@PLACES
def test_a_lone_message_leaves_by_itself(kind, place, where):
    transport = RecordingTransport()
    with opened(kind, transport, where, flush_interval=0.05) as box:
        for n in range(3):
            begun = time.monotonic()
            box.put(tracked(n))
            eventually(lambda n=n: len(transport.calls) == n + 1, 5)
            assert time.monotonic() - begun < 2


@TWINS
@PLACES
def test_full_bodies_leave_at_once(kind, place, where):
    transport = RecordingTransport()
    with opened(kind, transport, where, flush_interval=NEVER) as box:
        box.put_many(numbered(0, 100, people=1))
        eventually(lambda: len(transport.calls) > 80)


@TWINS
@PLACES
@pytest.mark.parametrize("lanes", [1, 4])
def test_each_persons_messages_keep_their_order_through_trouble(kind, place, where, lanes):
    turns = count()
    transport = RecordingTransport(lambda _: (200, 503, 200, 429, 200, 200, 500)[next(turns) % 7])
    delivered = []

    def note(outcome):
        if outcome.outcome == "delivered":
            delivered.append(outcome.message_id)

    with opened(kind, transport, where, lanes=lanes, on_outcome=note) as box:
        for start in range(0, 150, 50):
            box.put_many(numbered(start, 25, people=5))
            for message in numbered(start + 25, 25, people=5):
                box.put(message)
        assert within(70, lambda: box.close(60)).complete
    by_person = {}
    for name in delivered:
        by_person.setdefault(int(name[1:]) % 5, []).append(int(name[1:]))
    assert all(order == sorted(order) for order in by_person.values())
    assert sum(map(len, by_person.values())) == 150


@TWINS
@PLACES
def test_what_is_refused_keeps_no_flush_waiting(kind, place, where, monkeypatch):
    monkeypatch.setattr(boxes.Settings, "tend_every", 60.0)
    told = []
    with opened(kind, RecordingTransport(), where, on_outcome=told.append) as box:
        assert box.put_many([tracked(0), UNFIT]) == 1
        assert within(20, lambda: box.flush(15)).balanced
        assert box.put_many([UNFIT]) == 0  # nothing else is to be done
        begun = time.monotonic()
        report = within(20, lambda: box.flush(15))
        assert time.monotonic() - begun < 10
        assert (report.delivered, report.rejected, len(told)) == (1, 2, 3)


@TWINS
@PLACES
def test_one_lane_is_one_order_for_all(kind, place, where):
    transport = RecordingTransport()
    with opened(kind, transport, where, lanes=1) as box:
        box.put_many(numbered(0, 60, people=200))
        for message in numbered(60, 20, people=200):
            box.put(message)
        assert box.flush(10).complete
    assert ids(transport) == names(0, 80)


# Outcomes ------------------------------------------------------------------------------------------------------------


def answering(request):
    """Refuse what says bad, alone; be in trouble for nobody."""
    body = request.content
    if b"Bad" in body:
        return httpx.Response(400, json={"meta": {"errors": ["event is unknown"]}})
    return 200


@TWINS
@PLACES
def test_each_message_has_its_outcome_once(kind, place, where):
    outcomes, transport = [], RecordingTransport(answering)
    with opened(kind, transport, where, on_outcome=outcomes.append) as box:
        box.put_many(tracked(n, f"u{n % 7}", "Bad" if n % 10 == 3 else "Seen") for n in range(100))
        report = within(20, lambda: box.close(15))
    assert (report.delivered, report.rejected, report.balanced) == (90, 10, True)
    assert sorted(outcome.message_id for outcome in outcomes) == sorted(names(0, 100))
    refused = [outcome for outcome in outcomes if outcome.outcome == "rejected"]
    assert {(outcome.status, outcome.reason) for outcome in refused} == {(400, "event is unknown")}
    assert {outcome.message_id for outcome in refused} == {f"m{n}" for n in range(3, 100, 10)}


@TWINS
@PLACES
@pytest.mark.parametrize("error", [LookupError("u1"), SystemExit(1)])
def test_what_on_outcome_raises_is_said_once_and_ends_nothing(kind, place, where, error, caplog):
    def fail(_):
        raise error

    with opened(kind, None, where, on_outcome=fail) as box:
        for n in range(3):
            box.put_many(numbered(10 * n, 10))
            assert within(10, lambda: box.flush(8)).delivered == 10 * n + 10
    said = [record.getMessage() for record in caplog.records if "on_outcome" in record.getMessage()]
    assert said == [f"on_outcome raised {type(error).__name__} (said once)"]


@PLACES
@pytest.mark.parametrize("on_full", ["block", "raise", "drop_newest"])
def test_on_outcome_may_put_and_never_waits(place, where, on_full):
    follow_ups, told = count(1000), []

    def again(outcome):
        try:
            if outcome.message_id.startswith("m") and len(outcome.message_id) < 5:
                box.put_many(
                    [tracked(next(follow_ups)), UNFIT] if on_full == "drop_newest" else [tracked(next(follow_ups))]
                )
        finally:
            told.append(outcome)

    with opened("sync", None, where, on_full=on_full, max_messages=5, lanes=1, on_outcome=again) as box:
        for n in range(40):
            try:
                box.put(tracked(n))
            except OutboxFullError:
                box.flush(5)
        # What is put while the outbox is being closed may stay in its file: until then nothing is being put any more.
        eventually(lambda: len(told) == box.account.accepted and not box.account.pending)
        report = within(10, lambda: box.close(8))
    assert report.balanced
    assert report.pending == 0
    assert report.delivered > 40 or on_full != "block"


@PLACES
def test_on_outcome_that_fills_the_outbox_is_told_so_instead_of_waiting(place, where):
    """It would wait for the thread that it is in."""
    told, numbers = [], count(100)

    def fill(_):
        if not told:
            try:
                for n in numbers:
                    box.put(tracked(n))
            except OutboxFullError:
                told.append(n)

    with opened("sync", None, where, max_messages=3, lanes=1, on_outcome=fill) as box:
        box.put(tracked(0))
        eventually(lambda: told)
        report = within(10, lambda: box.close(8))
    assert report.delivered == 1 + told[0] - 100


@TWINS
@PLACES
def test_the_end_waits_for_who_is_being_told(kind, place, where):
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(outcome):
        inside.set()
        assert go_on.wait(10)
        heard.append(outcome.message_id)

    with opened(kind, None, where, on_outcome=slow) as box:
        box.put(tracked())
        assert inside.wait(10)
        threading.Timer(0.05, go_on.set).start()
        assert within(10, lambda: box.close(8)).complete
        assert heard == ["m0"]


@PLACES
@pytest.mark.parametrize("what", ["flush", "close"])
def test_on_outcome_cannot_wait_for_itself(place, where, what, caplog):
    with opened("sync", None, where, on_outcome=lambda _: getattr(box, what)()) as box:
        box.put_many(numbered(0, 30))
        assert within(10, lambda: box.flush(8)).delivered == 30
    assert "on_outcome raised OutboxError (said once)" in caplog.text


# Dead letters --------------------------------------------------------------------------------------------------------


@TWINS
@PLACES
def test_what_is_refused_is_in_the_file_of_dead_letters(kind, place, where, tmp_path):
    file = tmp_path / "letters.jsonl"
    transport = RecordingTransport(answering)
    with opened(kind, transport, where, dead_letters=file, redact=["userId"]) as box:
        box.put_many([tracked(0), tracked(1, "ann@example.com", "Bad")])
        assert box.flush(10).rejected == 1
    (letter,) = Letters(file)
    assert (letter.message_id, letter.outcome, letter.reason, letter.status) == (
        "m1", "rejected", "event is unknown", 400,
    )  # fmt: skip
    assert "ann@example.com" not in file.read_text()


@TWINS
def test_a_file_has_its_dead_letters_beside_it(kind, path):
    with opened(kind, RecordingTransport(answering), path) as box:
        box.put(tracked(0, event="Bad"))
        box.flush(10)
    assert [letter.message_id for letter in Letters(f"{path}.dead.jsonl")] == ["m0"]


@TWINS
def test_a_message_stays_in_the_outbox_while_its_letter_cannot_be_written(kind, path, monkeypatch, caplog):
    full, outcomes = threading.Event(), []
    full.set()
    write = DeadLetterFile.write

    def refusing(self, letters):
        if full.is_set():
            raise OSError(28, "No space left on device")
        write(self, letters)

    monkeypatch.setattr(DeadLetterFile, "write", refusing)
    with opened(kind, RecordingTransport(answering), path, on_outcome=outcomes.append) as box:
        box.put(tracked(0, event="Bad"))
        report = box.flush(0.1)
        assert (report.pending, report.rejected, report.balanced) == (1, 0, True)
        assert not outcomes
        full.clear()
        report = within(10, lambda: box.flush(8))
        assert (report.pending, report.rejected) == (0, 1)
        eventually(lambda: outcomes)
    assert caplog.text.count("dead letters cannot be written") == 1
    assert [letter.message_id for letter in Letters(f"{path}.dead.jsonl")] == ["m0"]


@TWINS
def test_a_letter_is_safe_before_its_message_is_let_go(kind, path, monkeypatch):
    """Killed between the two, the message is sent again; never is it in neither."""
    order = []
    settle = Journal.settle
    monkeypatch.setattr(Journal, "settle", lambda self, *args: (order.append("settled"), settle(self, *args))[1])
    monkeypatch.setattr(DeadLetterFile, "write", lambda _, letters: order.append("written") if list(letters) else None)
    with opened(kind, RecordingTransport(answering), path) as box:
        box.put(tracked(0, event="Bad"))
        box.flush(10)
    assert order == ["written", "settled"]


@TWINS
def test_what_memory_gives_up_at_the_end_is_among_the_dead_letters(kind, tmp_path):
    file, transport = tmp_path / "letters.jsonl", Held()
    with opened(kind, transport, dead_letters=file) as box:
        box.put_many(numbered(0, 30))
        assert transport.reached.wait(10)
        report = box.close(0.01)
    assert report.pending == 30
    assert sorted(letter.message_id for letter in Letters(file)) == sorted(names(0, 30))
    assert {letter.outcome for letter in Letters(file)} == {"pending"}


# In a file -----------------------------------------------------------------------------------------------------------


@TWINS
def test_who_opens_the_file_next_delivers_what_is_left(kind, path):
    first, second = Held(), RecordingTransport()
    with opened(kind, first, path) as box:
        box.put_many(numbered(0, 40))
        assert box.close(0.01).pending == 40
    with opened(kind, second, path) as box:
        assert box.real.opening.waiting == 40
        report = within(10, lambda: box.flush(8))
    assert (report.accepted, report.delivered, report.pending) == (40, 40, 0)
    assert sorted(ids(second)) == sorted(names(0, 40))


@TWINS
def test_the_account_of_a_reopened_file_is_of_this_time(kind, path):
    for start in (0, 10):
        with opened(kind, None, path) as box:
            box.put_many(numbered(start, 10))
            report = box.close(10)
            assert (report.accepted, report.delivered) == (10, 10)


def test_in_memory_nothing_was_found():
    with opened("sync") as box:
        assert box.real.opening is None


@TWINS
def test_several_outboxes_on_one_file_deliver_once_and_all_know_it(kind, path):
    transports = [RecordingTransport() for _ in range(3)]
    boxes = [Twin(kind, transport, path) for transport in transports]
    try:
        for start in range(0, 60, 20):
            for number, box in enumerate(boxes):
                box.put_many(numbered(100 * number + start, 20))
        for box in boxes:
            within(20, lambda box=box: box.flush(15))
        assert {box.account.pending for box in boxes} == {0}
    finally:
        for box in boxes:
            box.end()
    arrived = [name for transport in transports for name in ids(transport)]
    assert len(arrived) == len(set(arrived)) == 180
    assert sorted(map(len, map(ids, transports))) == [0, 0, 180]


@TWINS
def test_when_the_one_who_delivers_ends_another_takes_over_even_while_it_waits(kind, path):
    first, second = Held(), RecordingTransport()
    one = Twin(kind, first, path)
    other = Twin(kind, second, path, flush_interval=NEVER)
    try:
        one.put(tracked(0))
        other.put(tracked(1))
        threading.Timer(0.1, lambda: one.close(0)).start()
        assert within(10, lambda: other.flush(8)).pending == 0
    finally:
        first.go.set()
        one.end()
        other.end()
    assert sorted(ids(second)) == ["m0", "m1"]


@TWINS
def test_who_delivers_does_not_leave_what_is_under_way_for_another_to_send_again(kind, path):
    first, second = Held(), RecordingTransport()
    one = Twin(kind, first, path)
    other = Twin(kind, second, path)
    try:
        one.account  # noqa: B018  begins, and so is the one who delivers
        other.put(tracked(0))
        assert first.reached.wait(10), "the message of the other is under way"
        threading.Timer(0.1, first.go.set).start()
        assert within(10, lambda: one.close(8)).pending == 0
        assert within(10, lambda: other.close(8)).pending == 0
    finally:
        first.go.set()
        one.end()
        other.end()
    assert (ids(first), ids(second)) == (["m0"], [])


@TWINS
def test_a_file_that_cannot_be_read_for_a_while_ends_nothing(kind, path, monkeypatch, caplog):
    broken, last = threading.Event(), Journal.last

    def failing(self):
        if broken.is_set():
            raise OutboxError("path: it cannot be used: disk I/O error")
        return last(self)

    monkeypatch.setattr(Journal, "last", failing)
    with opened(kind, None, path) as box:
        box.put(tracked(0))
        broken.set()
        eventually(lambda: "disk I/O error" in caplog.text)
        broken.clear()
        box.put(tracked(1))
        assert within(10, lambda: box.flush(8)).delivered == 2
    assert caplog.text.count("disk I/O error") == 1


@TWINS
@PLACES
def test_relaxed_keeps_the_same_account(kind, place, where):
    with opened(kind, None, where, durability="relaxed") as box:
        box.put_many(numbered(0, 100))
        assert box.close(10).complete


# Poison, and odd transports ------------------------------------------------------------------------------------------


def poisonous(request):
    return 500 if b"Poison" in request.content else 200


@TWINS
@PLACES
def test_a_call_that_the_server_cannot_bear_fails_once_the_others_get_through(kind, place, where, tmp_path):
    file, transport = tmp_path / "letters.jsonl", RecordingTransport(poisonous)
    with opened(kind, transport, where, dead_letters=file) as box:
        box.put_many(tracked(n, f"u{n}", "Poison" if n == 17 else "Seen") for n in range(40))
        numbers = count(100)

        def settled():
            box.put(tracked(next(numbers), f"u{next(numbers)}"))  # others go on coming
            return box.account.failed

        eventually(settled)
        report = within(10, lambda: box.flush(8))
    assert (report.failed, report.rejected, report.pending) == (1, 0, 0)
    assert [(letter.message_id, letter.outcome, letter.status) for letter in Letters(file)] == [("m17", "failed", 500)]


@TWINS
@PLACES
def test_alone_it_stays_since_nobody_knows_whose_fault_it_is(kind, place, where):
    with opened(kind, RecordingTransport(poisonous), where) as box:
        box.put(tracked(0, event="Poison"))
        report = box.flush(0.3)
        assert (report.pending, report.failed) == (1, 0)


@TWINS
@PLACES
@pytest.mark.parametrize("error", [LookupError("odd"), RuntimeError(), MemoryError()])
def test_a_transport_that_raises_something_odd_is_tried_again(kind, place, where, error):
    class OddAtFirst(RecordingTransport):
        left = 3

        def _answered(self, request):
            if self.left:
                self.left -= 1
                raise error
            return super()._answered(request)

    with opened(kind, OddAtFirst(), where) as box:
        box.put(tracked())
        assert within(10, lambda: box.flush(8)).delivered == 1


class End(BaseException):
    """What no transport should raise."""


@TWINS
@PLACES
def test_an_outbox_that_has_stopped_says_so(kind, place, where):
    class Ending(RecordingTransport):
        def _answered(self, request):
            raise End

    with opened(kind, Ending(), where) as box:
        box.put(tracked(0))
        assert within(10, box.flush).pending == 1
        with pytest.raises(OutboxError, match="stopped, since something raised End"):
            box.put(tracked(1))
        report = within(10, box.close)
        assert (report.pending, report.balanced) == (1, True)


# Threads -------------------------------------------------------------------------------------------------------------


@TWINS
@PLACES
def test_eight_threads_put_at_once_and_each_message_arrives_once(kind, place, where):
    transport = RecordingTransport()
    with opened(kind, transport, where) as box:

        def put(thread):
            for n in range(20):
                box.put(tracked(100 * thread + n, f"u{thread}"))
            box.put_many(numbered(100 * thread + 20, 20))

        threads = [threading.Thread(target=put, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert within(15, lambda: box.flush(12)).delivered == 320
    assert len(ids(transport)) == len(set(ids(transport))) == 320


@TWINS
def test_what_is_named_at_the_end_of_the_process_is_not_what_was_closed_before(kind):
    with opened(kind, Held()) as box:
        box.put(tracked())
        assert box.close(0).pending == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            boxes._at_exit()


class Readers(Observer):
    """Keeps what it may ask for gauges."""

    def __init__(self):
        self.readers = []

    def on_gauges(self, read):
        self.readers.append(read)


@PLACES
def test_an_outbox_tells_of_what_waits_until_it_is_closed(place, where):
    transport, observer = Held(), Readers()
    with CustomerIO("key", transport=transport, observer=observer) as cio, Outbox(cio, where) as box:
        box.put(tracked())
        read = observer.readers[-1]
        assert read().pending == 1
        transport.go.set()
        box.close(10)
        assert read() == Gauges()


def test_in_the_child_of_a_fork_nothing_is_held_and_what_waits_is_the_parents():
    """Its threads, which may have been at anything, are not there."""
    observer = Readers()
    with CustomerIO("key", transport=RecordingTransport(), observer=observer) as cio:
        box = Outbox(cio)
        parents = box._new_backlog()
        parents.hold(parents.encoder.many([tracked(0)]), 100)
        assert box._closing.acquire()
        assert box._beginning.acquire()
        box._forget()
        assert observer.readers[-1]() == Gauges()
        box.put(tracked(1))
        assert within(5, lambda: box.close(10)).accepted == 1


def test_the_child_of_a_fork_sees_to_its_own_end_once_and_to_nobody_elses(monkeypatch):
    registered = []
    monkeypatch.setattr(boxes, "_all", WeakSet())
    monkeypatch.setattr(boxes, "_begun", set())
    monkeypatch.setattr(boxes.atexit, "register", registered.append)
    with CustomerIO("key", transport=RecordingTransport()) as cio:
        box = Outbox(cio)
        box._new_backlog()
        assert boxes._begun == {box}
        registered.clear()
        boxes._in_child()
        assert not boxes._begun
        for n in range(2):
            box.put(tracked(n))
        assert box.close(10).complete
    assert registered == [boxes._at_exit]


@PLACES
def test_no_thread_is_left_behind(place, where):
    before = set(threading.enumerate())
    with opened("sync", None, where) as box:
        box.put_many(numbered(0, 100))
        box.flush(10)
    eventually(lambda: not set(threading.enumerate()) - before)


def test_nothing_runs_before_it_is_used(path):
    before = threading.active_count()
    with CustomerIO("key", transport=RecordingTransport()) as cio:
        boxes = [Outbox(cio), Outbox(cio, path)]
        assert threading.active_count() == before
        for box in boxes:
            box.close(0)


def test_no_data_of_anybody_is_in_what_is_logged_or_shown(path, caplog):
    caplog.set_level(logging.DEBUG)

    def refuse(request):
        return httpx.Response(400, json={"errors": [request.content.decode()]})

    with opened("sync", RecordingTransport(refuse), path, on_outcome=lambda _: 1 / 0) as box:
        box.put(tracked(0, "ann@example.com"))
        report = box.flush(10)
        assert "ann@example.com" not in repr(box.real)
    assert report.rejected == 1
    assert "ann@example.com" not in caplog.text + repr(report) + repr(report.reasons)


def test_a_pause_that_the_server_asks_for_delays_no_one_elses_retry():
    """One thread sleeps till the far moment; one that has a nearer one must not sleep with it."""
    turns = count()
    answers = [httpx.Response(503, headers={"Retry-After": "4"}), 503, 503]
    transport = RecordingTransport(lambda _: answers[n] if (n := next(turns)) < 3 else 200)
    limits = Limits(call_bytes=400, batch_bytes=1000, batch_calls=1, in_flight=4)
    settings = {"limits": limits, "retry": Retry(base=0.01, cap=0.02, budget=30), "flush_interval": NEVER}
    with opened("sync", transport, **settings) as box:
        box.put_many(tracked(n, f"u{n}") for n in range(40))
        eventually(lambda: box.account.retries >= 2, 3)


def test_quick_and_never_are_what_these_tests_mean():
    assert QUICK.budget < 0.1 < NEVER
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with opened("sync", flush_interval=1e-6) as box:
            box.put(tracked())
            assert box.flush(5).complete


def test_closing_twice_at_once_counts_what_is_left_once(tmp_path):
    transport = Held()
    letters = tmp_path / "letters.jsonl"
    with CustomerIO("key", transport=transport) as cio:
        box = Outbox(cio, dead_letters=letters, flush_interval=0.01)
        box.put(tracked(1))
        reports = []
        threads = [threading.Thread(target=lambda: reports.append(box.close(0.2))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        transport.go.set()
    assert [report.pending for report in reports] == [1, 1]
    assert max(len(report.dead_letters) for report in reports) == 1
    assert len(letters.read_bytes().splitlines()) == 1
