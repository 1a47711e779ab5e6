"""One tree, picklable, and nothing in a text that somebody did not put there."""

import copy
import inspect
import pickle

import pytest

import cio_facade
from cio_facade import errors
from cio_facade.errors import CustomerIOError, RateLimitError, ValidationError
from cio_facade.outcomes import DeadLetter, Report

CLASSES = [getattr(errors, name) for name in errors.__all__]
REPORT = Report(
    accepted=2, delivered=1, rejected=1, dead_letters=(DeadLetter("m1", 0, "why", 400),), reasons={"why": 1}
)
COPIES = [
    copy.copy,
    copy.deepcopy,
    *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)),
]


def full(kind):
    if kind is ValidationError:
        error = kind(field="traits.email", problem="must be text", message_id="m1")
    else:
        error = kind("refused (400)", status=400, message_id="m1", request_id="r1", reasons=("no", "never"), attempts=3)
    if kind is RateLimitError:
        error.retry_after = 1.5
    error.report = REPORT
    return error


def test_every_error_of_the_module_is_public_and_below_the_root():
    defined = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert defined == set(errors.__all__) <= set(cio_facade.__all__)
    assert all(issubclass(kind, CustomerIOError) for kind in CLASSES)
    assert not issubclass(CustomerIOError, (OSError, ValueError, KeyError))


def test_the_tree_in_the_docstring_names_every_error():
    assert all(kind.__name__ in errors.__doc__ for kind in CLASSES)


@pytest.mark.parametrize("again", COPIES)
@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_keeps_all_it_knows_when_it_is_copied_or_pickled(kind, again):
    error = full(kind)
    other = again(error)

    assert type(other) is kind
    assert str(other) == str(error)
    assert repr(other) == repr(error)
    assert vars(other) == vars(error)
    assert other.report == REPORT


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_can_be_made_of_nothing_and_still_be_read(kind):
    error = kind()
    assert (error.status, error.message_id, error.request_id, error.reasons, error.attempts) == (
        None,
        None,
        None,
        (),
        0,
    )
    assert error.report is None
    assert isinstance(str(error), str)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_subclass_of_a_users_own_is_picklable_too(kind):
    error = OwnError("refused") if kind is CustomerIOError else kind("refused")
    assert str(pickle.loads(pickle.dumps(error))) == "refused"


class OwnError(CustomerIOError):
    pass


@pytest.mark.parametrize("kind", CLASSES)
def test_attributes_are_shown_by_neither_str_nor_repr(kind):
    error = kind("refused")
    error.message_id, error.request_id, error.report = "m-secret", "r-secret", REPORT
    assert "secret" not in f"{error} {error!r}"
    assert "why" not in f"{error} {error!r}"


def test_a_validation_error_says_the_field_and_then_the_problem():
    error = ValidationError(field="properties.items[2].price", problem="a bytes cannot be sent")
    assert str(error) == "properties.items[2].price: a bytes cannot be sent"
    assert (error.field, error.problem) == ("properties.items[2].price", "a bytes cannot be sent")


def test_a_rate_limit_error_without_a_wish_of_the_server_says_so():
    assert RateLimitError("too many").retry_after is None
