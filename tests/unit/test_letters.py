"""A dead letter's line: what is written, what edited lines may look like, what is taken out of a message."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.errors import ValidationError
from cio_facade.letters import HIDDEN, Letter, TornError, holds, names, read, torn, without, write

LETTER = Letter(
    message_id="m1",
    outcome="rejected",
    reason="traits.email: [...] is no address",
    said=("traits.email: [...] is no address",),
    status=400,
    at="2026-01-31T12:00:00.000Z",
    call=b'{"messageId":"m1","type":"identify","userId":"u1","traits":{"price":0.10000000000000000555,"id":1e400}}',
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


def test_a_line_says_it_all_with_the_message_as_it_was_encoded():
    line = write(LETTER)
    assert line.endswith(b',"message":%b}' % LETTER.call)
    assert list(json.loads(line)) == ["messageId", "outcome", "reason", "said", "status", "at", "message"]


def test_what_is_written_is_read():
    assert read(write(LETTER)) == LETTER
    unknown = Letter(message_id=None, outcome="rejected", reason="userId: is missing")
    assert read(write(unknown)) == unknown


@given(OBJECTS)
def test_a_message_is_read_as_it_is_written_however_the_line_is_spaced(message):
    text = json.dumps(message)
    line = f'{{ "said" : ["\\"message\\":1,"] , "message" :\t{text} , "reason": "}}" }}'.encode()
    assert read(line).call == text.encode()


def test_what_was_left_out_by_hand_is_not_needed():
    assert read(b'{"message":{"messageId":"m1"}}') == Letter(
        message_id="m1", outcome="rejected", reason="", call=b'{"messageId":"m1"}'
    )


def test_of_two_messages_the_last_counts_as_in_any_json():
    assert read(b'{"message":{"a":1},"message":{"a":2}}').call == b'{"a":2}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"messageId":"m1"', r"is not JSON \(.*, column \d+\)"),
        (b"[1]", "is no object"),
        (b'{"message":"ann@example.com"}', 'has a "message" that is str, not dict'),
        (b'{"said":"ann@example.com","message":{}}', 'has a "said" that is str, not list'),
        (b'{"status":"ann@example.com","message":{}}', 'has a "status" that is str, not int'),
    ],
)
def test_what_is_no_letter_is_told_without_what_it_says(line, words):
    with pytest.raises(ValueError, match=words) as told:
        read(line)
    assert "ann" not in str(told.value)


def test_what_is_left_of_a_line_stays_readable_as_that():
    with pytest.raises(TornError):
        read(torn(b'{"messageId":"m1","rea\0\0\0'))
    assert orjson.loads(torn(b"abc\xff\0\0"))["torn"] == "abc\N{REPLACEMENT CHARACTER}"


def test_nothing_of_the_message_is_in_the_repr():
    assert "price" not in repr(LETTER)


@pytest.mark.parametrize(
    ("hidden", "found"),
    [
        (["email"], ["traits.email", "context.people[0].email", "context.people[1].email"]),
        (["traits.email"], ["traits.email"]),
        (["context.people.email"], ["context.people[0].email", "context.people[1].email"]),
        (["people"], ["context.people"]),
        (["userId", "traits"], ["userId", "traits"]),
        (["e-mail"], []),
    ],
)
def test_a_name_is_hidden_at_any_depth_and_a_path_there_only(hidden, found):
    people = [{"email": "bob@example.com"}, {"email": None, "age": 3}]
    call = {"userId": "u1", "traits": {"email": "ann@example.com", "n": 1}, "context": {"people": people}}
    data, paths = without(orjson.dumps(call), names(hidden))
    assert paths == found
    assert data.count(HIDDEN.encode()) == len(found)


def test_what_is_not_hidden_keeps_its_digits():
    assert without(LETTER.call, names(["userId"]))[0] == LETTER.call.replace(b'"u1"', b'"[redacted]"')


@given(OBJECTS, st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_no_value_of_a_hidden_name_is_left(message, hidden):
    data, paths = without(json.dumps(message).encode(), names(hidden))
    left = json.loads(data)
    assert holds(left, HIDDEN) is bool(paths)

    def check(value):
        if isinstance(value, dict):
            assert all(inner == HIDDEN for name, inner in value.items() if name in hidden)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    check(left)


@pytest.mark.parametrize("redact", ["email", [""], [3], ["messageId"]])
def test_what_cannot_be_hidden_is_told(redact):
    with pytest.raises(ValidationError, match=r"^redact: "):
        names(redact)
