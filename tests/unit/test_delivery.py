"""The machine that decides what is sent next and keeps the account. What holds for any stream: tests/properties."""

from collections import deque
from collections.abc import Iterable
from typing import Any

import pytest

from cio_facade import AuthenticationError, DeadLetter, NetworkError, RateLimitError, RefusedError, Retry, ServerError
from cio_facade.answers import Answer
from cio_facade.delivery import Delivery, Send, Wait
from cio_facade.pacing import Pace
from cio_facade.packing import Packing, Parcel
from cio_facade.retrying import Verdict

OK = Answer(200)


def delivery(
    *,
    pace: Pace | None = None,
    retry: Retry | None = None,
    in_flight: int = 1,
    most_calls: int | None = None,
    news: deque[DeadLetter] | None = None,
    **more: Any,
) -> Delivery:
    packing = Packing("/batch", 1000, most_calls)
    return Delivery(
        packing,
        pace or Pace(3000, 3),
        retry or Retry(),
        lambda: 1.0,
        in_flight=in_flight,
        news=news,
        **more,
    )


# Somebody in another shard than u1, of the 64 that there are: who that is differs from process to process.
APART = next(f"u{number}" for number in range(2, 1000) if (hash(f"u{number}") - hash("u1")) % 64)


def feed(machine: Delivery, *people: str, start: int = 0) -> None:
    for number, person in enumerate(people, start):
        machine.feed((person,), b'{"userId":"%b","messageId":"m%d"}' % (person.encode(), number))


def sent(machine: Delivery, now: float = 0.0) -> Send:
    step = machine.next(now)
    assert isinstance(step, Send), step
    return step


def single(*, retry: Retry | None = None, pace: Pace | None = None) -> Delivery:
    machine = Delivery(None, pace or Pace(3000, 3), retry or Retry(), lambda: 1.0)
    data = b'{"userId":"ann@example.com","messageId":"m0"}'
    machine.put(Parcel(data, [len(data)], [0], "/identify", batch=False))
    return machine


# What to do ----------------------------------------------------------------------------------------------------------


def test_there_is_nothing_to_do_until_a_body_is_full() -> None:
    machine = delivery(most_calls=2)
    feed(machine, "u1")
    assert machine.next(0.0) is None
    feed(machine, "u2")
    assert len(sent(machine).parcel) == 2
    assert machine.next(0.0) == Wait(None)


def test_what_is_left_goes_when_the_stream_has_ended() -> None:
    machine = delivery()
    feed(machine, "u1")
    machine.finish()
    step = sent(machine)
    assert machine.next(0.0) == Wait(None)
    machine.completed(step.ticket, OK, 0.1)
    assert machine.next(0.1) is None


def test_no_more_than_so_many_are_under_way() -> None:
    machine = delivery(in_flight=2, most_calls=1)
    feed(machine, *(f"u{number}" for number in range(300)))
    first, _ = sent(machine), sent(machine)
    assert machine.next(0.0) == Wait(None)
    machine.completed(first.ticket, OK, 0.0)
    sent(machine)
    assert machine.next(0.0) == Wait(None)


def test_two_bodies_of_one_person_go_one_after_the_other() -> None:
    machine = delivery(in_flight=2, most_calls=1)
    feed(machine, "u1", "u1")
    step = sent(machine)
    assert machine.next(0.0) == Wait(None)
    machine.completed(step.ticket, OK, 0.0)
    assert sent(machine).parcel.index == [1]


def test_the_pace_is_kept() -> None:
    machine = delivery(in_flight=9, most_calls=1, pace=Pace(1, 2))
    feed(machine, *(f"u{number}" for number in range(100)))
    sent(machine)
    step = machine.next(0.0)
    assert isinstance(step, Wait)
    assert step.until == pytest.approx(2 * 61 / 60)
    assert machine.next(1.0) == step
    assert step.until is not None
    sent(machine, step.until)


def test_waiting_for_the_pace_takes_no_second_place() -> None:
    pace = Pace(1, 2)
    machine = delivery(pace=pace, most_calls=1, in_flight=2)
    feed(machine, *(f"u{number}" for number in range(100)))
    sent(machine)
    for moment in range(10):
        machine.next(moment / 10)
    assert pace.reserve(0.0) == pytest.approx(4 * 61 / 60)


def test_a_repetition_waits_its_pause() -> None:
    machine = single()
    step = sent(machine)
    assert machine.completed(step.ticket, Answer(503, retry_after=3.0), 1.0) is Verdict.AGAIN
    assert machine.next(1.0) == Wait(4.0)
    again = sent(machine, 4.0)
    assert again.parcel is step.parcel
    assert again.ticket != step.ticket


def test_while_one_waits_for_its_repetition_others_go() -> None:
    machine = delivery(most_calls=1, in_flight=2)
    feed(machine, *(f"u{number}" for number in range(100)))
    step = sent(machine)
    machine.completed(step.ticket, Answer(503, retry_after=3.0), 0.0)
    assert set(sent(machine).parcel.index) != set(step.parcel.index)
    sent(machine)
    assert machine.next(0.0) == Wait(3.0)


def test_an_answer_may_come_after_later_ones() -> None:
    machine = delivery(in_flight=3, most_calls=1)
    feed(machine, *(f"u{number}" for number in range(100)))
    steps = [sent(machine) for _ in range(3)]
    for step in reversed(steps):
        machine.completed(step.ticket, OK, 0.0)
    assert machine.close().delivered == 3


def test_429_slows_the_pace_for_all_that_share_it() -> None:
    pace = Pace(10, 10)
    machine = single(pace=pace)
    machine.completed(sent(machine).ticket, Answer(429), 0.0)
    pace.reserve(1.0)
    assert pace.reserve(1.0) - 1.0 > 1.5


# What becomes of it --------------------------------------------------------------------------------------------------


def test_a_refused_batch_is_halved_until_the_culprits_are_alone() -> None:
    machine = delivery()
    culprits = {3, 11}
    feed(machine, *(f"u{number % 5}" for number in range(16)))
    machine.finish()
    requests = 0
    while (step := machine.next(0.0)) is not None:
        assert isinstance(step, Send)
        requests += 1
        bad = culprits & set(step.parcel.index)
        machine.completed(step.ticket, Answer(400, ("userId: no such person",)) if bad else OK, 0.0)
    report = machine.close()
    assert (report.accepted, report.delivered, report.rejected) == (16, 14, 2)
    assert [(letter.message_id, letter.index, letter.status) for letter in report.dead_letters] == [
        ("m3", 3, 400),
        ("m11", 11, 400),
    ]
    assert report.reasons == {"userId: no such person": 2}
    assert report.requests == requests < 20
    assert machine.failure() is None


def test_a_body_the_server_finds_too_large_is_halved_too() -> None:
    machine = delivery()
    feed(machine, "u1", "u2")
    machine.finish()
    assert machine.completed(sent(machine).ticket, Answer(413), 0.0) is Verdict.SPLIT
    for _ in range(2):
        machine.completed(sent(machine).ticket, OK, 0.0)
    assert machine.close().complete


def test_the_second_half_of_a_persons_calls_waits_even_when_the_first_is_rejected() -> None:
    machine = delivery(in_flight=5)
    feed(machine, "u1", "u1")
    machine.finish()
    machine.completed(sent(machine).ticket, Answer(400), 0.0)
    first = sent(machine)
    assert machine.next(0.0) == Wait(None)
    machine.completed(first.ticket, Answer(400), 0.0)
    assert sent(machine).parcel.index == [1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (403, AuthenticationError), (404, RefusedError), (307, RefusedError)],
)
def test_a_refusal_of_the_key_or_the_address_stops_everything(status: int, kind: type[Exception]) -> None:
    machine = delivery(most_calls=2, in_flight=2)
    feed(machine, *(f"u{number}" for number in range(6)))
    step, other = sent(machine), sent(machine)
    assert machine.completed(step.ticket, Answer(status, ("says why",)), 0.0) is Verdict.GIVE_UP
    assert machine.closed
    assert machine.next(0.0) == Wait(None)  # for what is under way
    machine.completed(other.ticket, OK, 0.0)
    assert machine.next(0.0) is None
    report = machine.close()
    assert (report.delivered, report.failed, report.pending) == (2, 2, 2)
    assert report.balanced
    assert report.reasons["says why"] == 2
    (rest,) = set(report.reasons) - {"says why"}
    assert rest.startswith("not sent, since delivery stopped:")
    assert "says why" not in rest  # the server's words are of those calls
    error = machine.failure()
    assert isinstance(error, kind)
    assert (error.status, error.reasons) == (status, ("says why",))


@pytest.mark.parametrize(
    ("status", "kind"), [(0, NetworkError), (408, RefusedError), (429, RateLimitError), (500, ServerError)]
)
def test_when_the_budget_is_spent_the_last_answer_is_the_error(status: int, kind: type[Exception]) -> None:
    machine = single(retry=Retry(budget=1.0))
    machine.completed(sent(machine).ticket, Answer(503), 0.0)
    verdict = machine.completed(sent(machine, 0.9).ticket, Answer(status, request_id="r1"), 0.9)
    assert verdict is Verdict.GIVE_UP
    error = machine.error()
    assert type(error) is kind
    assert (error.status, error.attempts, error.message_id, error.request_id) == (status or None, 2, "m0", "r1")


def test_the_error_of_a_whole_batch_names_no_message() -> None:
    machine = delivery()
    feed(machine, "u1", "u2")
    machine.finish()
    machine.completed(sent(machine).ticket, Answer(401), 0.0)
    error = machine.error()
    assert error is not None
    assert error.message_id is None


def test_the_error_is_that_on_which_delivery_gave_up_and_not_a_later_refusal() -> None:
    machine = delivery(most_calls=1, in_flight=2)
    feed(machine, *(f"u{number}" for number in range(100)))
    one, other = sent(machine), sent(machine)
    machine.completed(one.ticket, Answer(401), 0.0)
    machine.completed(other.ticket, Answer(400, ("nonsense",)), 0.0)
    assert isinstance(machine.failure(), AuthenticationError)


def test_refusals_alone_are_no_failure() -> None:
    machine = single()
    machine.completed(sent(machine).ticket, Answer(400), 0.0)
    assert machine.failure() is None
    assert isinstance(machine.error(), RefusedError)


def test_repetitions_are_counted_apart() -> None:
    machine = single()
    for moment, answer in enumerate([Answer(503), Answer(429), Answer(0), OK]):
        machine.completed(sent(machine, moment * 6.0).ticket, answer, moment * 6.0)
    report = machine.close()
    assert (report.requests, report.retries, report.delivered) == (4, 3, 1)


# Letters -------------------------------------------------------------------------------------------------------------


def test_letters_tell_what_was_under_way_from_what_was_not_sent() -> None:
    machine = delivery(most_calls=1, in_flight=3)
    feed(machine, *(f"u{number}" for number in range(200)))
    flying, tried, delivered = sent(machine), sent(machine), sent(machine)
    machine.completed(tried.ticket, Answer(503, retry_after=20.0), 0.0)
    machine.completed(delivered.ticket, OK, 0.0)
    machine.refuse("userId: is empty", "mine")
    machine.stop("not sent: the time was up")
    report = machine.close()
    assert report.pending == 199
    assert len(report.dead_letters) == 200
    reasons = {letter.index: letter.reason for letter in report.dead_letters}
    assert reasons[flying.parcel.index[0]] == "under way when delivery stopped: it may have arrived"
    assert reasons[tried.parcel.index[0]] == "under way when delivery stopped: it may have arrived"
    assert reasons[200] == "userId: is empty"
    assert sorted(report.reasons.values()) == [1, 2, 197]


def test_what_waits_behind_a_first_half_has_its_letter_too() -> None:
    machine = delivery()
    feed(machine, "u1", "u1", "u1", "u1")
    machine.finish()
    machine.completed(sent(machine).ticket, Answer(400), 0.0)
    machine.completed(sent(machine).ticket, Answer(400), 0.0)
    sent(machine)
    machine.stop("not sent: interrupted")
    report = machine.close()
    assert [letter.index for letter in report.dead_letters] == [0, 1, 2, 3]
    assert report.pending == 4


def test_the_first_10_000_letters_are_kept_and_all_are_counted_and_handed_over() -> None:
    news: deque[DeadLetter] = deque()
    machine = delivery(news=news)
    for _ in range(10_050):
        machine.refuse("userId: is empty")
    report = machine.close()
    assert len(report.dead_letters) == 10_000
    assert (report.dead_letters[0].index, report.dead_letters[-1].index) == (0, 9_999)
    assert report.reasons == {"userId: is empty": 10_050}
    assert len(news) == 10_050


def test_reasons_beyond_a_thousand_are_counted_together() -> None:
    machine = delivery()
    for number in range(1_200):
        machine.refuse(f"is {number} bytes")
    machine.refuse("is 7 bytes")
    reasons = machine.close().reasons
    assert len(reasons) == 1_001
    assert (reasons["other reasons"], reasons["is 7 bytes"]) == (200, 2)


def test_a_letter_comes_as_soon_as_it_is_known() -> None:
    news: deque[DeadLetter] = deque()
    machine = delivery(news=news)
    machine.refuse("event: is required for track", "m7")
    assert list(news) == [DeadLetter("m7", 0, "event: is required for track", None)]


def test_letters_say_nothing_of_what_a_server_repeats_of_any_call_in_the_batch() -> None:
    machine = delivery()
    feed(machine, "ann@example.com", "ben@example.com")
    machine.finish()
    machine.completed(sent(machine).ticket, Answer(403, ("no access for ann@example.com",)), 0.0)
    assert machine.close().reasons == {"no access for [...]": 2}
    assert "ann" not in str(machine.error())


def test_a_refusal_without_words_is_still_given_a_reason() -> None:
    machine = single()
    machine.completed(sent(machine).ticket, Answer(400), 0.0)
    assert machine.close().reasons == {"the server refused the call (400)": 1}


@pytest.mark.parametrize("data", [b"", b"no json", b"[1]", b'{"messageId":5}', b"{}"])
def test_a_body_of_somebody_elses_making_needs_no_message_id(data: bytes) -> None:
    machine = delivery()
    machine.put(Parcel(data, [len(data)], [0], "/batch", batch=False))
    machine.completed(sent(machine).ticket, Answer(400, ("no",)), 0.0)
    (letter,) = machine.close().dead_letters
    assert letter.message_id is None
    assert letter.reason


# Parcels that others have cut ----------------------------------------------------------------------------------------


def cut(index: Iterable[int], *runs: tuple[int, int]) -> Parcel:
    places = list(index)
    return Parcel.of([b"0" for _ in places], places, "/batch", runs)


def test_a_parcel_waits_for_those_before_it_that_hold_the_same_people() -> None:
    machine = Delivery(None, Pace(3000, 3), Retry(), lambda: 1.0, in_flight=9)
    for number, mask in enumerate([0b001, 0b011, 0b010, 0b100]):
        machine.put(cut([number], (mask, 1)))
    first = sent(machine)
    # 1 waits for 0, and 2 must not overtake 1; 3 has nothing to do with them.
    assert (first.parcel.index, sent(machine).parcel.index) == ([0], [3])
    assert machine.next(0.0) == Wait(None)
    machine.completed(first.ticket, OK, 0.0)
    second = sent(machine)
    assert second.parcel.index == [1]
    assert machine.next(0.0) == Wait(None)
    machine.completed(second.ticket, OK, 0.0)
    assert sent(machine).parcel.index == [2]


def test_parcels_without_people_hold_nobody_back() -> None:
    machine = Delivery(None, Pace(3000, 3), Retry(), lambda: 1.0, in_flight=9)
    for number in range(3):
        machine.put(cut([number]))
    assert [sent(machine).parcel.index for _ in range(3)] == [[0], [1], [2]]


def test_parcels_still_waiting_have_their_letters() -> None:
    machine = Delivery(None, Pace(3000, 3), Retry(), lambda: 1.0)
    machine.put(cut([0, 1], (1, 2)))
    machine.put(cut([2], (1, 1)))
    machine.stop("not sent: shut down")
    report = machine.close()
    assert (report.accepted, report.pending) == (3, 3)
    assert report.reasons == {"not sent: shut down": 3}


# Calls that the server cannot bear -----------------------------------------------------------------------------------


def carried(machine: Delivery, *, poison: bytes, until: float, now: float = 0.0, step: float = 0.01) -> float:
    """Have a server answer that says 500 whenever this is in a body; gives the time when that was over."""
    while now < until and not machine.finished:
        if isinstance(todo := machine.next(now), Send):
            bad = poison in todo.parcel.data
            machine.completed(todo.ticket, Answer(500) if bad else OK, now)
        elif todo is None or todo.until is None:
            break
        else:
            now = min(until, max(now + step, todo.until))
    return now


@pytest.mark.parametrize("patient", [False, True])
def test_one_call_that_the_server_cannot_bear_fails_alone_while_others_get_through(patient: bool) -> None:
    machine = delivery(retry=Retry(base=0.1, cap=0.2, budget=1), in_flight=4, patient=patient, linger=0.0)
    feed(machine, *(f"u{n}" for n in range(40)))
    now, number = 0.0, 40
    while machine.report().failed == 0 and now < 60:
        feed(machine, f"u{number}", start=number)  # the stream goes on
        number += 1
        now = carried(machine, poison=b'"m17"', now=now, until=now + 0.02) + 0.01
    report = machine.report()
    assert [letter.message_id for letter in report.dead_letters] == ["m17"]
    assert (report.failed, report.rejected, machine.closed) == (1, 0, False)
    machine.finish()
    carried(machine, poison=b'"m17"', now=now, until=now + 60)
    assert machine.report().delivered == number - 1
    assert machine.failure() is None


def test_where_nobody_gets_through_a_patient_delivery_fails_nobody() -> None:
    machine = delivery(retry=Retry(base=0.1, cap=0.2, budget=1), in_flight=4, patient=True, linger=0.0)
    feed(machine, *(f"u{n}" for n in range(40)))
    carried(machine, poison=b"", until=30)
    report = machine.report()
    assert (report.pending, report.failed, machine.closed) == (40, 0, False)
    assert machine.trouble is not None
    assert "500" in machine.trouble
    machine.finish()
    carried(machine, poison=b"none", now=30, until=60)
    assert machine.report().complete
    assert machine.trouble is None


def test_where_nobody_gets_through_any_other_delivery_stops() -> None:
    machine = delivery(retry=Retry(base=0.1, cap=0.2, budget=1), patient=False, linger=0.0)
    feed(machine, *(f"u{n}" for n in range(40)))
    carried(machine, poison=b"", until=30)
    assert machine.closed
    assert isinstance(machine.failure(), ServerError)
    assert machine.report().balanced


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_key_is_no_fault_of_a_call_though_others_got_through(status: int) -> None:
    machine = delivery(most_calls=1, in_flight=2, patient=True)
    feed(machine, "u1", APART)
    first, second = sent(machine), sent(machine)
    machine.completed(second.ticket, OK, 1.0)
    assert machine.completed(first.ticket, Answer(status), 1.0) is Verdict.GIVE_UP
    assert (machine.report().pending, machine.report().failed) == (1, 0)
    again = sent(machine, 1.0 + Retry().cap)
    machine.completed(again.ticket, OK, 10.0)
    assert machine.report().complete


def test_429_is_nobodys_fault_though_others_get_through() -> None:
    machine = delivery(most_calls=1, in_flight=2, patient=True, retry=Retry(budget=0))
    feed(machine, "u1", APART)
    first, second = sent(machine), sent(machine)
    machine.completed(second.ticket, OK, 1.0)
    machine.completed(first.ticket, Answer(429), 1.0)
    assert (machine.report().pending, machine.report().failed) == (1, 0)


def test_what_got_through_before_the_last_attempt_but_one_says_nothing_of_now() -> None:
    machine = delivery(most_calls=1, in_flight=2, patient=True, retry=Retry(base=1, cap=1, budget=5))
    feed(machine, "u1", APART)
    first, second = sent(machine), sent(machine)
    machine.completed(second.ticket, OK, 0.5)
    now, ticket = 1.0, first.ticket
    while machine.completed(ticket, Answer(500), now) is Verdict.AGAIN:
        now += 1.5
        ticket = sent(machine, now).ticket
    assert (machine.report().pending, machine.report().failed) == (1, 0)
    assert machine.trouble is not None


# Waiting for others --------------------------------------------------------------------------------------------------


def test_what_fills_no_body_leaves_when_it_has_waited_long_enough() -> None:
    machine = delivery(linger=0.5)
    feed(machine, "u1")
    assert machine.next(1.0) == Wait(1.5)
    assert machine.next(1.4) == Wait(1.5)
    assert len(sent(machine, 1.5).parcel) == 1


def test_flush_lets_what_came_before_leave_at_once_and_nothing_later() -> None:
    machine = delivery(linger=0.5, in_flight=9)
    feed(machine, "u1")
    assert isinstance(machine.next(0.0), Wait)
    machine.flush()
    sent(machine, 0.1)
    feed(machine, "u2", start=1)
    assert machine.next(0.1) == Wait(0.6)


def test_the_least_index_that_is_not_settled_is_known_wherever_it_is() -> None:
    machine = delivery(most_calls=1, in_flight=1, retry=Retry(base=1))
    assert machine.oldest is None
    feed(machine, "u1", "u2")
    first = sent(machine)
    assert machine.oldest == 0  # under way
    machine.completed(first.ticket, Answer(503), 0.0)
    assert machine.oldest == 0  # waiting to be repeated
    again = sent(machine, 9.0)
    machine.completed(again.ticket, OK, 9.0)
    assert machine.oldest == 1  # not sent yet
    machine.completed(sent(machine, 10.0).ticket, OK, 10.0)
    assert machine.oldest is None
