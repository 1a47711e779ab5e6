"""What servers say, in all the forms in which they say it, and nothing of what they repeat."""

import json
import pickle

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.answers import Answer, error_for, reasons_in, scrubbed
from cio_facade.errors import (
    AuthenticationError,
    NetworkError,
    RateLimitError,
    RefusedError,
    ServerError,
)

SECRET = "ann@example.com"


def body(said):
    return json.dumps(said).encode()


# Reasons --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ({"meta": {"errors": ["event is required", "userId is empty"]}}, ("event is required", "userId is empty")),
        ({"meta": {"error": "unauthorized"}}, ("unauthorized",)),
        ({"errors": [{"reason": "required", "field": "userId", "message": "gone"}]}, ("userId: gone (required)",)),
        ({"errors": [{"reason": "required", "message": ""}]}, ("required",)),
        ({"errors": [{"reason": "required", "field": "userId"}]}, ("userId: required",)),
        ({"errors": [{"message": "is missing"}]}, ("is missing",)),
        ({"errors": [{"reason": "same", "message": "same"}]}, ("same",)),
        ({"error": "no"}, ("no",)),
        ({"error": {"message": "no", "code": 7}}, ("no",)),
        ({"message": "no"}, ("no",)),
        (["no", {"message": "never"}], ("no", "never")),
        ("no", ("no",)),
        ({"meta": {"errors": [" no \n"]}}, ("no",)),
        ({"meta": {"errors": ["a"]}, "errors": ["b"]}, ("a", "b")),
    ],
    ids=str,
)  # fmt: skip
def test_the_reasons_are_found_in_every_form_of_a_body(said, reasons):
    assert reasons_in(body(said)) == reasons


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"7", b'""', b'" "', b"true", b"<html>Bad Gateway</html>", b"no", b"\xff\xfe", b"{",
     b'{"meta": null}', b'{"meta": 7}', b'{"meta": {"errors": null}}', b'{"errors": {}}',
     b'{"errors": [null, 7, [], {}]}',
     b'{"message": null}', b'{"errors": [{"reason": 7}]}', b'{"code": "x"}', b"NaN"],
)  # fmt: skip
def test_a_body_without_reasons_gives_none(content):
    assert reasons_in(content) == ()


@pytest.mark.parametrize("levels", [100, 1_000, 100_000])
def test_a_body_that_is_deep_beyond_reason_does_no_harm(levels):
    reasons_in(b"[" * levels + b'"x"' + b"]" * levels)
    reasons_in(b'{"meta":' * levels + b'"x"' + b"}" * levels)


def test_a_body_of_many_reasons_gives_the_first_ten():
    assert reasons_in(body({"errors": [str(n) for n in range(50)]})) == tuple(map(str, range(10)))


NAMES = st.sampled_from(["meta", "error", "errors", "message", "reason", "field"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(BODIES)
@settings(max_examples=60)
def test_reasons_are_text_whatever_a_body_holds(said):
    found = reasons_in(orjson.dumps(said))
    assert all(isinstance(reason, str) and reason for reason in found)
    assert len(found) <= 10


@given(st.binary(max_size=50))
@settings(max_examples=50)
def test_no_body_raises(content):
    reasons_in(content)


# What they repeat -----------------------------------------------------------------------------------------------------

CALL = {
    "type": "identify",
    "userId": "user-1",
    "messageId": "id-1",
    "traits": {
        "email": SECRET,
        "name": "Zoë O'Hara",
        "quoted": 'the "best"',
        "city": "東京",
        "age": 47,
        "score": 99.5,
        "vip": True,
        "phones": ["+49 30 123456"],
        "deep": {"er": ["hidden-value"]},
    },
}


@pytest.mark.parametrize(
    "value",
    [SECRET, SECRET.upper(), "user-1", "Zoë O'Hara", 'the "best"', 'the \\"best\\"', "東京", "47", "99.5",
     "+49 30 123456", "hidden-value"],
)  # fmt: skip
@pytest.mark.parametrize(
    "sentence", ["{} is wrong", "wrong: {}", "'{}'", '"{}"', "a={};b", "{}", "{}, {}", "bad ({})."]
)
def test_a_value_of_the_call_is_taken_out_of_a_reason(sentence, value):
    reasons = scrubbed((sentence.format(value, value),), orjson.dumps(CALL))
    assert value.lower() not in reasons[0].lower()
    assert "[...]" in reasons[0]


def test_a_value_inside_text_of_a_script_without_spaces_is_taken_out():
    assert "東京" not in scrubbed(("値「東京」は無効です",), orjson.dumps(CALL))[0]


def test_names_of_fields_and_the_rest_of_a_reason_stay():
    reasons = ("traits.email must be an address", "identify id-1: 470 is over 100", "vip is True")
    assert scrubbed(reasons, orjson.dumps(CALL)) == reasons


def test_a_value_goes_whole_even_where_another_is_a_part_of_it():
    call = orjson.dumps({"type": "identify", "userId": "ann", "traits": {"email": SECRET, "domain": "example.com"}})
    assert scrubbed((f"{SECRET} is taken",), call) == ("[...] is taken",)


def test_words_that_only_look_like_values_stay():
    call = orjson.dumps({"type": "track", "properties": {"a": "a", "b": "require", "c": "miss", "d": "u-1234"}})
    assert scrubbed(("a field is required or missing",), call) == ("a field is required or missing",)
    assert scrubbed(("field_u-1234x",), call) == ("field_[...]x",), "too long to stand there by chance"


def test_values_are_taken_out_of_a_batch_too():
    data = b"[" + orjson.dumps({"type": "track", "event": "e", "userId": "user-2"}) + b"," + orjson.dumps(CALL) + b"]"
    assert scrubbed(("user-2 and user-1",), data) == ("[...] and [...]",)


def test_a_whole_call_that_a_server_repeats_is_taken_out():
    for sentence in ("cannot read {}", "cannot read {} sorry", "{}"):
        reason = scrubbed((sentence.replace("{}", json.dumps(CALL)),), orjson.dumps(CALL))[0]
        assert SECRET not in reason
        assert "Hara" not in reason
        assert "東京" not in reason


def test_a_long_reason_is_shortened_after_its_values_are_out():
    for padding in range(280, 305):
        reason = scrubbed(("x" * padding + " " + SECRET,), orjson.dumps(CALL))[0]
        assert len(reason) <= 300
        assert "ann" not in reason


def test_a_call_that_cannot_be_read_leaves_no_reason():
    assert scrubbed((f"{SECRET} is wrong",), b"{") == ()


@given(
    value=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=2, max_size=12),
    head=st.sampled_from(["", "wrong: ", "'", '"', "value="]),
    tail=st.sampled_from(["", " is wrong", "'", '"', ", sorry"]),
)
@settings(max_examples=100)
def test_no_value_survives_in_a_reason(value, head, tail):
    call = orjson.dumps({"type": "track", "properties": {"a": value}})
    reason = scrubbed((f"{head}{value}{tail}",), call)[0]
    assert value not in reason.replace("[...]", "") or value in f"{head}{tail}"


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0, NetworkError),
        (300, RefusedError),
        (301, RefusedError),
        (308, RefusedError),
        (400, RefusedError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, RefusedError),
        (408, RefusedError),
        (413, RefusedError),
        (422, RefusedError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (522, ServerError),
        (599, ServerError),
    ],
)
def test_a_status_is_an_error_that_a_caller_can_act_on(status, kind):
    error = error_for(Answer(status))
    assert type(error) is kind
    assert error.status == (status or None)
    assert (str(status) in str(error)) is (status != 0)


def test_an_error_carries_all_that_is_known():
    answer = Answer(400, ("event is required", "sorry"), None, "r1")
    error = error_for(answer, message_id="m1", attempts=3)
    assert str(error) == ("the server refused the call (400): event is required; sorry [after 3 attempts, request r1]")
    assert (error.status, error.message_id, error.request_id, error.attempts) == (400, "m1", "r1", 3)
    assert error.reasons == ("event is required", "sorry")
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_an_error_says_whether_it_is_a_redirect():
    assert "redirects" in str(error_for(Answer(300)))
    assert "redirects" in str(error_for(Answer(399)))
    assert "redirects" not in str(error_for(Answer(400)))


def test_an_error_of_one_attempt_does_not_count_it():
    assert str(error_for(Answer(503), attempts=1)) == "the server failed (503)"


def test_a_rate_limit_error_knows_how_long_to_wait():
    assert error_for(Answer(429, retry_after=2.5)).retry_after == 2.5
    assert error_for(Answer(429)).retry_after is None
