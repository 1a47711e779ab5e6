"""A message to bytes, once: what is measured is what is sent, and it reads as what was meant."""

import copy
import dataclasses
import enum
import json
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import orjson
import pandas as pd
import pytest
from cio_pipelines import constants, models
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_checks import CALLS, SCHEMAS, json_of, problems

from cio_facade import devices, objects
from cio_facade.config import Limits
from cio_facade.encoding import Encoder
from cio_facade.errors import ValidationError
from cio_facade.messages import Message, alias, identify, page, track

NOW = "2026-01-31T12:00:00.000Z"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENCODER = Encoder(Limits(), lambda: "id-1")
STREAM = Encoder(Limits(), lambda: "id-1", lambda: NOW)


def refusal(message, encoder=ENCODER):
    with pytest.raises(ValidationError) as refused:
        encoder.encode(message)
    return refused.value


# The envelope ---------------------------------------------------------------------------------------------------------


def test_a_message_becomes_its_call_with_an_id():
    data, keys, kind, message_id = ENCODER.encode(track("u1", "Signed Up", {"plan": "pro"}))
    assert json.loads(data) == {
        "type": "track",
        "userId": "u1",
        "event": "Signed Up",
        "properties": {"plan": "pro"},
        "messageId": "id-1",
    }
    assert (keys, kind, message_id) == (("u1",), "track", "id-1")


def test_a_stream_stamps_what_has_no_time_of_its_own():
    assert json.loads(STREAM.encode(track("u1", "e")).data)["timestamp"] == NOW
    assert json.loads(STREAM.encode(track("u1", "e", timestamp=NOON)).data)["timestamp"] == "2026-01-31T12:00:00+00:00"
    assert b"timestamp" not in ENCODER.encode(track("u1", "e")).data


def test_an_id_that_is_given_is_kept():
    assert ENCODER.encode(track("u1", "e", message_id="m1")).message_id == "m1"
    assert ENCODER.encode(track("u1", "e", message_id=UUID(int=1))).message_id == str(UUID(int=1))
    assert STREAM.encode(track("u1", "e", message_id="m1", timestamp=NOON)).data.count(b"messageId") == 1


def test_each_time_a_message_is_handed_over_it_is_another_call():
    numbers = iter(range(10))
    encoder = Encoder(Limits(), lambda: f"id-{next(numbers)}")
    message = track("u1", "e")
    assert [encoder.encode(message).message_id for _ in range(3)] == ["id-0", "id-1", "id-2"]
    assert message == track("u1", "e")


def test_no_id_is_drawn_for_a_message_that_is_not_valid():
    drawn = []
    encoder = Encoder(Limits(), lambda: drawn.append(1) or "id")
    with pytest.raises(ValidationError) as refused:
        encoder.encode(track(float("nan"), "e"))
    assert drawn == []
    assert refused.value.message_id is None


def test_a_refused_message_is_named_by_the_id_it_was_given_and_by_no_other():
    for message_id in ("m1", None):
        with pytest.raises(ValidationError) as refused:
            ENCODER.encode(track("u1", "e", {"a": b"x"}, message_id=message_id))
        assert refused.value.message_id == message_id


def test_text_is_sent_as_utf_8_and_not_escaped():
    data = ENCODER.encode(track("u1", "e", {"name": "Zoë 漢字 \U0001f600"})).data
    assert "Zoë 漢字 \U0001f600".encode() in data
    assert b"\\u" not in data


def test_a_mapping_of_another_kind_is_a_call_too():
    call = MappingProxyType({"type": "track", "userId": "u1", "event": "e", "properties": MappingProxyType({"a": 1})})
    assert json.loads(ENCODER.encode(Message(call)).data)["properties"] == {"a": 1}


# Many messages at once ------------------------------------------------------------------------------------------------


def test_messages_that_are_encoded_together_share_a_time_and_an_id_to_which_each_adds_a_number():
    drawn = iter("ab")
    encoder = Encoder(Limits(), lambda: next(drawn), lambda: NOW)
    chunk = encoder.many([track(f"u{n}", "e") for n in range(300)])
    calls = [json.loads(call) for call in chunk.data]
    assert [call["messageId"] for call in calls] == [f"a.{n:x}" for n in range(300)]
    assert {call["timestamp"] for call in calls} == {NOW}
    assert list(calls[0]) == list(json.loads(STREAM.encode(track("u0", "e")).data))
    assert chunk[1:] == ([f"u{n}" for n in range(300)], None, [])
    assert json.loads(encoder.many([track("u1", "e")]).data[0])["messageId"] == "b.0"


def test_what_is_not_fit_among_many_is_told_by_its_place_and_stops_nothing():
    messages = [track("u1", "e"), track("", "e", message_id="m1"), None, page("u1"), track("u2", "e", {"a": b"x"})]
    chunk = STREAM.many([*messages, alias("u3", "a1")])
    assert [json.loads(call)["type"] for call in chunk.data] == ["track", "page", "alias"]
    assert chunk.keys == ["u1", "u1", ("u3", "a1")]
    assert [(place, error.field, error.message_id) for place, error in chunk.refused] == [
        (1, "userId", "m1"), (2, "message", None), (4, "properties.a", None)
    ]  # fmt: skip
    assert all(error.__traceback__ is None for _, error in chunk.refused)


def test_many_may_be_none():
    assert STREAM.many([]) == ([], [], None, [])


def test_types_that_no_batch_takes_are_given_their_paths(monkeypatch):
    monkeypatch.setattr(constants, "BATCHABLE", constants.BATCHABLE - {"alias"})
    of_one_look, of_two = (STREAM.many(messages) for messages in ([alias("u", "a")], [track("", "e"), alias("u", "a")]))
    assert of_one_look.alone == of_two.alone == {0: constants.PATHS["alias"]}
    assert STREAM.many([track("u", "e")]).alone is None


# Sizes ----------------------------------------------------------------------------------------------------------------


def padded(encoder, size, letter="x", **fields):
    """A message whose call has so many bytes."""
    empty = len(encoder.encode(track("u1", "e", {"text": ""}, **fields)).data)
    room, width = size - empty, len(letter.encode())
    return track("u1", "e", {"text": letter * (room // width) + "x" * (room % width)}, **fields)


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\U0001f600"])
@pytest.mark.parametrize("fields", [{}, {"message_id": "m1"}, {"timestamp": NOON}], ids=["bare", "id", "time"])
@pytest.mark.parametrize("encoder", [ENCODER, STREAM], ids=["single", "stream"])
def test_the_limit_of_a_call_is_exact_and_counts_its_own_bytes(encoder, letter, fields):
    fits = encoder.encode(padded(encoder, constants.CALL_BYTES, letter, **fields))
    assert len(fits.data) == constants.CALL_BYTES

    refused = refusal(padded(encoder, constants.CALL_BYTES + 1, letter, **fields), encoder)
    assert (refused.field, refused.problem) == (
        "message",
        f"is {constants.CALL_BYTES + 1} bytes; a call has at most {constants.CALL_BYTES} (limits.call_bytes)",
    )


def test_the_limit_is_a_setting():
    encoder = Encoder(Limits(call_bytes=100), lambda: "id-1")
    assert len(encoder.encode(padded(encoder, 100)).data) == 100
    assert refusal(padded(encoder, 101), encoder).field == "message"


def test_what_json_must_escape_counts_as_it_is_escaped():
    plain_text, control = (len(ENCODER.encode(track("u1", "e", {"a": text})).data) for text in ("x", "\x01"))
    assert control - plain_text == len("\\u0001") - 1


# Values ---------------------------------------------------------------------------------------------------------------


class Plan(enum.StrEnum):
    PRO = "pro"


class Colour(enum.Enum):
    RED = ("r", 1)


@dataclasses.dataclass
class Point:
    x: object
    _hidden: int = 1


@attrs.frozen
class Line:
    start: object


ZONES = [UTC, ZoneInfo("America/St_Johns"), ZoneInfo("Europe/Amsterdam"), ZoneInfo("Asia/Kathmandu")]
INTEGERS = st.integers(-(2**70), 2**70)


def moment(value):
    return value.astimezone(UTC) if value.utcoffset().total_seconds() % 60 else value


# Each value beside what is read back from its JSON.
PAIRS = st.one_of(
    st.none().map(lambda v: (v, v)),
    st.booleans().map(lambda v: (v, v)),
    INTEGERS.map(lambda v: (v, v)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: (v, v)),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), Decimal("NaN"), pd.NaT, pd.NA]).map(
        lambda v: (v, None)
    ),
    st.text(max_size=8).map(lambda v: (v, v)),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.sampled_from(ZONES)).map(
        lambda v: (v, moment(v).isoformat())
    ),
    st.dates().map(lambda v: (v, v.isoformat())),
    st.decimals(-(10**9), 10**9, places=2).map(lambda v: (v, float(v))),
    st.uuids().map(lambda v: (v, str(v))),
    st.just((Plan.PRO, "pro")),
    st.just((Colour.RED, ["r", 1])),
    st.sets(st.integers(-9, 9), max_size=4).map(lambda v: (v, sorted(v))),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: (np.int64(v), v)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: (np.float64(v), v)),
    st.lists(st.integers(-9, 9), max_size=3).map(lambda v: (np.array(v, dtype=np.int16), v)),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(
        lambda v: (pd.Timestamp(v, tz="UTC"), pd.Timestamp(v, tz="UTC").isoformat())
    ),
)
KEYS = st.one_of(
    st.text(max_size=4).map(lambda v: (v, v)),
    INTEGERS.filter(lambda v: abs(v) < 2**63).map(lambda v: (v, str(v))),
    st.uuids().map(lambda v: (v, str(v))),
    st.dates().map(lambda v: (v, v.isoformat())),
)


def both(build):
    """From a strategy of pairs to one of pairs of containers."""
    return lambda inner: st.lists(inner, max_size=3).map(lambda some: build([v for v, _ in some], [w for _, w in some]))


def nest(inner):
    members = st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda member: member[0][1])
    return st.one_of(
        both(lambda values, forms: (values, forms))(inner),
        both(lambda values, forms: (tuple(values), forms))(inner),
        members.map(lambda some: ({k: v for (k, _), (v, _) in some}, {k: w for (_, k), (_, w) in some})),
        inner.map(lambda pair: (Point(pair[0]), {"x": pair[1], "_hidden": 1})),
        inner.map(lambda pair: (Line(pair[0]), {"start": pair[1]})),
        inner.map(lambda pair: (MappingProxyType({"a": pair[0]}), {"a": pair[1]})),
    )


VALUES = st.recursive(PAIRS, nest, max_leaves=10)


@given(VALUES)
@settings(max_examples=150)
def test_what_is_encoded_reads_as_what_was_meant(pair):
    value, form = pair
    encoded = STREAM.encode(track("u1", "e", {"v": value}))
    assert json.loads(encoded.data) == {
        "type": "track",
        "userId": "u1",
        "event": "e",
        "properties": {"v": form},
        "timestamp": NOW,
        "messageId": "id-1",
    }


@given(VALUES)
@settings(max_examples=60)
def test_a_value_has_one_form_whatever_stands_beside_it(pair):
    """The quick way through the encoder and the thorough one agree."""
    alone = ENCODER.encode(track("u1", "e", {"v": pair[0]})).data
    beside = ENCODER.encode(track("u1", "e", {"v": pair[0], "big": 2**70})).data
    assert beside.replace(b',"big":%d' % 2**70, b"") == alone


@given(VALUES)
@settings(max_examples=60)
def test_a_message_is_never_changed_by_encoding(pair):
    message = track(7, "e", {"v": pair[0]}, context={"a": pair[0]}, timestamp=NOON)
    before = repr(message.to_dict())
    again = [STREAM.encode(message).data for _ in range(2)]
    assert repr(message.to_dict()) == before
    assert again[0] == again[1]


@given(st.decimals(allow_nan=False, allow_infinity=False))
@settings(max_examples=50)
def test_a_decimal_loses_no_digit(value):
    data = ENCODER.encode(track("u1", "e", {"v": value})).data
    assert json.loads(data, parse_float=Decimal, parse_int=Decimal)["properties"]["v"] == value


def test_an_integer_beyond_64_bits_loses_no_digit():
    assert json.loads(ENCODER.encode(track("u1", "e", {"v": 3**200})).data)["properties"]["v"] == 3**200


# What cannot be sent --------------------------------------------------------------------------------------------------


class Price:
    pass


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (track("u1", "e", {"items": [{}, {}, {"price": Price()}]}), "properties.items[2].price"),
        (track("u1", "e", {"items": ({"price": Price()},)}), "properties.items[0].price"),
        (track("u1", "e", {"line": Line(Point([Price()]))}), "properties.line.start.x[0]"),
        (track("u1", "e", {"cells": np.array([[1, Price()]], dtype=object)}), "properties.cells[0][1]"),
        (track("u1", "e", {"a": {Plan.PRO: b"x"}}), "properties.a.pro"),
        (track("u1", "e", {"a": {1: b"x"}}), "properties.a.1"),
        (track("u1", "e", {"a": {b"x": 1}}), "properties.a (a key)"),
        (track("u1", "e", {"a": {"\ud800": 1}}), "properties.a (a key)"),
        (track("u1", "e", {"a": {2.5: 1}}), "properties.a"),
        (track("u1", "e", {"a": {2.5}, "b": {b"x"}}), "properties.b[0]"),
        (track("u1", "e", {"at": datetime(2026, 1, 1)}), "properties.at"),
        (track("u1", "e", {"at": np.array(["2026-01-01"], dtype="M8[ns]")}), "properties.at[0]"),
        (track("u1", "e", context={"traits": {"joined": [Price()]}}), "context.traits.joined[0]"),
        (identify("u1", {"plan": iter([1])}), "traits.plan"),
        (page("u1", b"name"), "name"),
        (track("u1", "e", integrations={"All": Price()}), "integrations.All"),
        (track("u1", "e", {"text": "\ud800"}), "properties.text"),
        (track("\ud800", "e"), "userId"),
        (track("u1", "\ud800"), "event"),
        (track("u1", "e", message_id="\ud800"), "messageId"),
        (Message({"type": "track", "userId": "u1", "event": "e", b"x": 1}), "message (a key)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_named_by_its_path(message, field):
    refused = refusal(message)
    assert refused.field == field
    assert str(refused) == f"{field}: {refused.problem}"


NO_MESSAGES = [None, "track", 7, {"type": "track"}, [], object(), Message, models.Track, datetime]


@pytest.mark.parametrize("message", NO_MESSAGES, ids=lambda value: type(value).__name__)
def test_what_is_no_message_is_refused_with_the_way_out(message):
    refused = refusal(message)
    assert refused.field == "message"
    assert "messages.track" in refused.problem


@attrs.define
class Giving:
    call: object

    def to_dict(self):
        if isinstance(self.call, Exception):
            raise self.call
        return self.call


@pytest.mark.parametrize("call", [None, [1], "text", ValueError("ann@example.com"), RuntimeError("ann@example.com")])
def test_what_gives_no_call_is_refused_without_its_words(call):
    refused = refusal(Giving(call))
    assert refused.field == "message"
    assert "ann" not in str(refused)
    assert refused.__context__ is None


def test_a_refused_message_is_told_by_its_id():
    assert refusal(track(float("nan"), "e", message_id="m1")).message_id == "m1"
    assert refusal(track("u1", "e", {"a": b"x"}, message_id="m1")).message_id == "m1"
    assert refusal(track(float("nan"), "e")).message_id is None
    assert refusal(track("u1", "e", message_id=float("nan"))).message_id is None


SECRETS = ["ann@example.com", "s3cr3t", "4111111111111111"]
BAD = st.sampled_from([b"x", Price(), datetime(2026, 1, 1), 1j, "\ud800", {b"k": 1}, {1: 1, "1": 2}])


@given(data=st.data())
@settings(max_examples=60)
def test_an_error_names_the_place_and_never_a_value(data):
    secret = data.draw(st.sampled_from(SECRETS))
    bad = data.draw(BAD)
    inner = data.draw(
        st.sampled_from([[secret, bad], {"a": secret, "b": bad}, Line([secret, bad]), Point((secret, bad))])
    )
    message = identify(secret[:20], {"email": "ann@example.com", "nested": [inner, secret]}, context={"ip": secret})

    refused = refusal(message)

    assert refused.field.startswith("traits.nested[0]")
    for again in (refused, pickle.loads(pickle.dumps(refused)), copy.copy(refused)):
        shown = f"{again} {again!r} {again.args} {vars(again)}"
        assert not any(each in shown for each in SECRETS)
        assert (again.field, again.problem) == (refused.field, refused.problem)
    assert refused.__context__ is None or refused.__suppress_context__


# Generated models -----------------------------------------------------------------------------------------------------


def json_of_call(kind):
    def whole(call):
        if "email" in call.get("traits", {}):
            call["traits"]["email"] = "ann@example.com"
        return {"type": kind, "userId": "u1"} | call

    return json_of(SCHEMAS[CALLS[kind]]).map(whole)


@pytest.mark.parametrize("kind", sorted(CALLS))
@given(data=st.data())
@settings(max_examples=15)
def test_a_generated_call_model_travels_and_comes_back_as_it_was(kind, data):
    model_class = getattr(models, CALLS[kind])
    model = model_class.from_dict(data.draw(json_of_call(kind)))
    before = copy.deepcopy(model)

    encoded = ENCODER.encode(model)
    call = json.loads(encoded.data)

    assert problems(call) == []
    assert encoded.kind == kind
    assert model == before
    model.message_id = call["messageId"]
    assert model_class.from_dict(call) == model


def test_a_field_that_the_facade_does_not_know_travels_in_a_model():
    model = models.Track(event="e", user_id="u1")
    model["invented"] = {"tomorrow": NOON}
    assert json.loads(ENCODER.encode(model).data)["invented"] == {"tomorrow": "2026-01-31T12:00:00+00:00"}


def test_a_model_is_validated_like_a_message():
    assert refusal(models.Track(event="e")).field == "userId"
    assert refusal(models.Track(event="e", user_id=float("nan"))).field == "userId"
    assert refusal(models.Track(event="e", user_id="u1", timestamp=datetime(2026, 1, 1))).field == "timestamp"
    assert refusal(models.Batch(batch=[])).field == "type"


def test_none_in_a_model_is_left_out():
    model = models.Track(event="e", user_id="u1")
    model["anonymousId"] = None
    assert "anonymousId" not in json.loads(ENCODER.encode(model).data)


# Order ----------------------------------------------------------------------------------------------------------------


def test_calls_about_the_same_person_or_object_share_a_key():
    keys = [ENCODER.encode(message).keys for message in (
        identify(7), devices.register("7", "t1"), objects.relate(7, "acme"), objects.delete("acme"),
    )]  # fmt: skip
    assert keys == [("7",), ("7", "t1"), ("7", "acme"), ("acme",)]


def test_the_bytes_are_those_of_the_encoder():
    message = track("u1", "e", {"day": date(2026, 1, 31)})
    assert ENCODER.encode(message).data == orjson.dumps(message.to_dict() | {"messageId": "id-1"})
