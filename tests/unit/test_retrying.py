"""What follows an answer: the table of verdicts, and how long to wait."""

import math

import attrs
import pytest

from cio_facade import Retry, ValidationError
from cio_facade.answers import Answer
from cio_facade.retrying import Verdict


def judged(
    status: int,
    *,
    retry_after: float | None = None,
    attempts: int = 1,
    elapsed: float = 0.0,
    calls: int = 1,
    jitter: float = 1.0,
    retry: Retry | None = None,
) -> tuple[Verdict, float]:
    answer = Answer(status, retry_after=retry_after)
    return (retry or Retry()).judge(answer, attempts=attempts, elapsed=elapsed, calls=calls, jitter=jitter)


@pytest.mark.parametrize("calls", [1, 100])
@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 201, 202, 204, 299), Verdict.DONE),
        ((0, 408, 425, 429, 500, 501, 502, 503, 504, 520, 522, 524, 599), Verdict.AGAIN),
        ((401, 403, 404, 405, 406, 409, 410, 418, 451, 300, 301, 302, 304, 307, 308, 100), Verdict.GIVE_UP),
    ],
)
def test_verdicts_that_do_not_depend_on_the_number_of_calls(
    statuses: tuple[int, ...], verdict: Verdict, calls: int
) -> None:
    assert {judged(status, calls=calls)[0] for status in statuses} == {verdict}


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_batch_is_split_and_a_refused_call_rejected(status: int) -> None:
    assert judged(status, calls=2) == (Verdict.SPLIT, 0.0)
    assert judged(status, calls=1) == (Verdict.REJECT, 0.0)


def test_a_refusal_is_never_repeated_however_large_the_budget() -> None:
    for status in (400, 401, 403, 404, 413):
        assert judged(status, retry=Retry(budget=math.inf))[0] in {Verdict.REJECT, Verdict.GIVE_UP}


def test_the_pause_doubles_up_to_the_cap() -> None:
    pauses = [judged(503, attempts=attempts)[1] for attempts in range(1, 9)]
    assert pauses == [0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]


def test_the_pause_is_drawn_from_all_of_the_range() -> None:
    assert [judged(503, jitter=jitter)[1] for jitter in (0.0, 0.25, 1.0)] == [0.0, 0.1, 0.4]


def test_many_attempts_do_not_overflow() -> None:
    assert judged(503, attempts=10**6, retry=Retry(budget=math.inf)) == (Verdict.AGAIN, 5.0)


@pytest.mark.parametrize("status", [0, 408, 429, 503])
def test_the_pause_the_server_asks_for_is_kept_even_above_the_cap(status: int) -> None:
    assert judged(status, retry_after=12.5, jitter=0.1) == (Verdict.AGAIN, 12.5)


def test_an_invitation_to_repeat_at_once_is_not_taken() -> None:
    """Repeating in a circle without a pause would hammer a server that is in trouble."""
    assert judged(503, retry_after=0.0) == (Verdict.AGAIN, 0.4)


def test_no_attempt_begins_after_the_budget() -> None:
    assert judged(503, elapsed=29.5, jitter=1.0) == (Verdict.AGAIN, 0.4)
    assert judged(503, elapsed=29.6, jitter=1.0) == (Verdict.GIVE_UP, 0.0)
    assert judged(503, retry_after=30.0)[0] is Verdict.GIVE_UP


def test_no_budget_means_one_attempt() -> None:
    assert judged(503, jitter=0.0, retry=Retry(budget=0)) == (Verdict.GIVE_UP, 0.0)


@pytest.mark.parametrize("field", ["budget", "base", "cap"])
@pytest.mark.parametrize("value", [-1, -0.001, math.nan])
def test_a_setting_that_is_no_time_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValidationError) as caught:
        Retry(**{field: value})
    assert caught.value.field == f"retry.{field}"


def test_settings_are_frozen_and_compare_by_content() -> None:
    assert Retry(budget=5) == Retry(budget=5) != Retry()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Retry().budget = 1  # type: ignore[misc]
