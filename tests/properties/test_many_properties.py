"""What is done for many calls at once is what is done for each: in validation, in encoding and in packing."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from cio_pipelines import constants, models
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.config import Limits
from cio_facade.encoding import Encoder
from cio_facade.errors import ValidationError
from cio_facade.messages import Message
from cio_facade.packing import Packing, Parcel
from cio_facade.validation import Validator

NOW = "2026-01-31T12:00:00.000Z"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG = "漢" * 50

IDS = st.sampled_from(["u1", "u2", "é", "x" * 60, LONG, 7, UUID(int=7)])
NO_IDS = st.sampled_from(
    ["", " \t", LONG + "x", True, 1.0, None, "\ud800", np.int64(7), np.str_("u1"), ["u1"], 10**5000]
)
EVENTS = st.sampled_from(["Signed Up", "Order Placed", "e" * 90, "é"])
NO_EVENTS = st.sampled_from(["", " ", 7, None, LONG, np.str_("e"), *constants.EVENT_REQUIRED])
OBJECTS = st.sampled_from([{}, {"plan": "pro"}, {"email": "ann@example.com"}, {"email": None}])
NO_OBJECTS = st.sampled_from(
    [None, "text", [1], {"email": "ann"}, {"email": ""}, {"email": 7}, MappingProxyType({"a": 1}), {"a": b"x"},
     {"a": 2**70}, {1: 2}, {"a": "x" * 300}, {"deliveryId": "d", "metric": "m"}, {"objectId": "o"}]
)  # fmt: skip
TIMES = st.sampled_from([NOON, NOON + timedelta(microseconds=1)])
TEXT_TIMES = st.sampled_from([NOW, "2026-01-31T12:00:00+02:00"])
NO_TIMES = st.sampled_from(
    [datetime(2026, 1, 31), NOON.astimezone(timezone(timedelta(hours=1))), pd.Timestamp(NOON), pd.NaT, "now", 5, None,
     "2026-02-30T12:00:00Z"]
)  # fmt: skip
VALUES = {
    **dict.fromkeys(["userId", "anonymousId", "groupId", "previousId", "messageId"], (IDS, NO_IDS)),
    "event": (EVENTS, NO_EVENTS),
    **dict.fromkeys(["traits", "properties", "context"], (OBJECTS, NO_OBJECTS)),
    **dict.fromkeys(["timestamp", "sentAt"], (TIMES | TEXT_TIMES, NO_TIMES)),
    "name": (st.just("Home"), st.sampled_from([b"x", Decimal(5)])),
}
FIELDS = st.lists(st.sampled_from(sorted(VALUES)), max_size=4)
KINDS = (st.sampled_from(sorted(constants.PATHS)), st.sampled_from(["nothing", 7, ["track"], np.str_("track")]))


@st.composite
def chunks(draw: st.DrawFn) -> list[Any]:
    """Calls of a few looks, as streams have them; most are fit."""
    looks = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(KINDS[0])
        who = draw(st.sampled_from(["userId", "anonymousId"]))
        looks.append((kind, list(dict.fromkeys([*constants.REQUIRED[kind], who, *draw(FIELDS)]))))
    calls: list[Any] = []
    for _ in range(draw(st.integers(1, 80))):
        kind, fields = draw(st.sampled_from(looks))
        calls.append({"type": kind} | {field: draw(VALUES[field][0]) for field in fields})
    for _ in range(draw(st.sampled_from([0, 0, 1, 5]))):
        place = draw(st.integers(0, len(calls) - 1))
        calls[place] = draw(spoils(calls[place]))
    return calls


def spoils(call: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """A call that differs from this one in a field, for the worse most of the time."""
    known = {"type": KINDS, **VALUES}
    return st.one_of(
        st.sampled_from(sorted(known)).flatmap(lambda field: known[field][1].map(lambda value: {**call, field: value})),
        st.sampled_from(sorted(call) or ["type"]).map(
            lambda gone: {field: call[field] for field in call if field != gone}
        ),
        st.just(MappingProxyType(call)),
    )


def verdict(validator: Validator, call: Mapping[str, Any]) -> Any:
    try:
        return validator.check(call)
    except ValidationError as error:
        return str(error)


@given(chunks())
def test_calls_that_are_checked_together_get_the_verdicts_they_get_alone(calls: list[Any]) -> None:
    alike, refused = Validator(Limits()).check_many(calls)
    found: dict[int, Any] = {place: str(error) for place, error in refused}
    for places, some, about in alike:
        assert len({frozenset(call) for call in some}) == 1
        found |= {
            place: (call, keys if isinstance(keys, tuple) else (keys,))
            for place, call, keys in zip(places, some, about, strict=True)
        }
    assert len(found) == sum(len(places) for places, _, _ in alike) + len(refused)
    assert [exact(found[place]) for place in range(len(calls))] == [
        exact(verdict(Validator(Limits()), call)) for call in calls
    ]


def exact(found: Any) -> Any:
    """With the types and the order of the fields, which equal calls may differ in."""
    if isinstance(found, str):
        return found
    return found, [(field, type(value)) for field, value in found[0].items()]


def fit(call: dict[str, Any]) -> bool:
    return isinstance(verdict(Validator(Limits()), call), tuple)


@given(st.data())
def test_fit_calls_of_one_look_are_checked_together(data: st.DataObject) -> None:
    """Or the quick way would be there and never be gone."""
    kind = data.draw(KINDS[0])
    fields = (*constants.REQUIRED[kind], "userId", *data.draw(FIELDS))
    times = data.draw(st.sampled_from([TIMES, TEXT_TIMES]))
    values = {**VALUES, "timestamp": (times,), "sentAt": (times,)}
    calls = [
        {"type": kind} | {field: data.draw(values[field][0]) for field in fields}
        for _ in range(data.draw(st.integers(1, 40)))
    ]
    assert all(map(fit, calls))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Validator, "check", None)
        assert len(Validator(Limits()).check_many(calls)[0]) == 1


def encoder(now: str | None = NOW, **limits: int) -> Encoder:
    return Encoder(Limits(**limits), lambda: "id", None if now is None else lambda: now)


def one_by_one(each: Encoder, messages: list[Any]) -> Any:
    data, keys, refused = [], [], []
    for place, message in enumerate(messages):
        try:
            encoded = each.encode(message)
        except ValidationError as error:
            refused.append((place, str(error), error.message_id))
        else:
            data.append(encoded.data)
            keys.append(encoded.keys[0] if len(encoded.keys) == 1 else encoded.keys)
    return data, keys, None, refused


NUMBER = re.compile(rb'"messageId":"id\.[0-9a-f]+"}$')
MODELS = [models.Track(event="e", user_id="u1"), models.Track(event="e"), 7, None]


@given(
    chunks(),
    st.sampled_from([NOW, None]),
    st.sampled_from([200, 30_000]),
    st.lists(st.sampled_from(MODELS), max_size=3),
)
def test_messages_that_are_encoded_together_give_what_they_give_alone(
    calls: list[Any], now: str | None, call_bytes: int, others: list[Any]
) -> None:
    messages = [*map(Message, calls), *others]
    expected = one_by_one(encoder(now, call_bytes=call_bytes), messages)
    found = encoder(now, call_bytes=call_bytes).many(messages)
    data = [NUMBER.sub(b'"messageId":"id"}', call) for call in found.data]
    refused = [(place, str(error), error.message_id) for place, error in found.refused]
    assert (data, found.keys, found.alone, refused) == expected


PEOPLE = st.sampled_from([f"p{number}" for number in range(8)])
FED = st.tuples(
    st.one_of(st.tuples(PEOPLE), st.lists(PEOPLE, max_size=3, unique=True).map(tuple)),
    st.integers(2, 90).map(lambda size: b"x" * size),
    st.sampled_from([None] * 9 + ["/alias"]),
)


def seen(parcel: Parcel | None) -> Any:
    return parcel and (parcel.body(), parcel.path, parcel.runs, parcel.batch, [*parcel.index], [*parcel.sizes])


@given(st.lists(st.lists(FED, max_size=30), max_size=8), st.sampled_from([None, 5]), st.randoms(use_true_random=False))
def test_calls_that_are_fed_together_are_cut_as_those_fed_one_by_one(
    chunks: list[list[Any]], most_calls: int | None, chance: Any
) -> None:
    one, many = (Packing("/batch", 400, most_calls, shards=8) for _ in range(2))
    fed = 0
    for chunk in chunks:
        index = range(fed, fed + len(chunk))
        fed += len(chunk)
        told = [one.feed(keys, data, place, path) for place, (keys, data, path) in zip(index, chunk, strict=True)]
        many.feed_many(
            [data for _, data, _ in chunk],
            [keys[0] if len(keys) == 1 else keys for keys, _, _ in chunk],
            index,
            {position: path for position, (_, _, path) in enumerate(chunk) if path is not None} or None,
        )
        assert many.ready or not any(told)
        assert (one.size, one.ready, one.full) == (many.size, many.ready, many.full)
        for _ in range(chance.randrange(4)):
            away, everything = chance.choice((0, 0, chance.getrandbits(8))), chance.random() < 0.3
            cut = [packing.cut(away, everything=everything) for packing in (one, many)]
            assert seen(cut[0]) == seen(cut[1])
        waiting = sorted(many.waiting())
        assert waiting == sorted(one.waiting())
        assert many.size == sum(len(call) + 1 for _, call in waiting)
        assert many.oldest == min((place for place, _ in waiting), default=None)
