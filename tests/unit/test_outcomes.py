"""Receipts, letters and accounts."""

import pickle

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.outcomes import DeadLetter, Receipt, Report

COUNTS = st.integers(0, 10**9)


def test_a_receipt_says_id_status_and_attempts():
    receipt = Receipt("m1", 200, 2)
    assert (receipt.message_id, receipt.status, receipt.attempts) == ("m1", 200, 2)


def test_a_dead_letter_says_which_and_why():
    letter = DeadLetter(message_id=None, index=7, reason="userId: is empty", status=None)
    assert (letter.message_id, letter.index, letter.reason, letter.status) == (None, 7, "userId: is empty", None)


@pytest.mark.parametrize("outcome", [Receipt("m1", 200, 1), DeadLetter("m1", 0, "why", None), Report(accepted=1)])
def test_outcomes_are_frozen_values_that_compare_by_content_and_can_be_pickled(outcome):
    again = pickle.loads(pickle.dumps(outcome))
    assert again == outcome
    assert again is not outcome
    with pytest.raises(FrozenInstanceError):
        again.message_id = "m2"


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_report_balances_when_every_message_has_one_fate(delivered, rejected, failed, pending):
    fates = {"delivered": delivered, "rejected": rejected, "failed": failed, "pending": pending}
    total = sum(fates.values())
    assert Report(accepted=total, **fates).balanced
    assert not Report(accepted=total + 1, **fates).balanced
    assert Report(accepted=total, **fates).complete is (total == delivered)


def test_an_empty_report_is_complete_and_balanced():
    assert Report().balanced
    assert Report().complete
    assert Report().dead_letters == ()
    assert Report().reasons == {}


def test_a_report_shows_numbers_and_no_letters():
    report = Report(
        accepted=1, rejected=1, dead_letters=(DeadLetter("m1", 0, "told why", 400),), reasons={"told why": 1}
    )
    assert "accepted=1" in repr(report)
    assert "told why" not in repr(report)
    assert "m1" not in repr(report)


def test_reports_that_differ_in_a_number_are_not_equal():
    assert Report(accepted=1, delivered=1) != Report(accepted=1, failed=1)


def test_reports_do_not_share_their_reasons():
    assert Report().reasons is not Report().reasons


def test_a_report_takes_its_letters_along_when_pickled():
    report = Report(accepted=1, failed=1, dead_letters=(DeadLetter("m1", 0, "why", 503),), reasons={"why": 1})
    again = pickle.loads(pickle.dumps(report))
    assert (again.dead_letters, again.reasons) == (report.dead_letters, {"why": 1})
