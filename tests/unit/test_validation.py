"""What is refused before anything is sent, by which field, and without showing the value."""

import copy
import enum
import math
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from cio_pipelines import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.config import Limits
from cio_facade.errors import ValidationError
from cio_facade.validation import Validator

SECRET = "ann@example.com"
VALIDATOR = Validator(Limits())
CALLS = {
    "identify": {"type": "identify", "userId": "u1", "traits": {"email": SECRET}},
    "track": {"type": "track", "userId": "u1", "event": "Signed Up"},
    "page": {"type": "page", "userId": "u1"},
    "screen": {"type": "screen", "userId": "u1"},
    "group": {"type": "group", "userId": "u1", "groupId": "g1"},
    "alias": {"type": "alias", "userId": "u1", "previousId": "u2"},
}
# Types that the spec has gained since.
CALLS |= {
    type_: {"type": type_, "userId": "u1"} | dict.fromkeys(constants.REQUIRED[type_], "x")
    for type_ in constants.PATHS.keys() - CALLS.keys()
}
LENGTHS = Validator(Limits(id_bytes=150, event_name_bytes=100))


def type_name(value):
    return type(value).__name__


each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def without(call, *fields):
    return {field: value for field, value in call.items() if field not in fields}


def checked(call, validator=VALIDATOR):
    """The call as it is to be sent."""
    return validator.check(call)[0]


def refusal(call, validator=VALIDATOR):
    with pytest.raises(ValidationError) as refused:
        validator.check(call)
    return refused.value


class Name(enum.StrEnum):
    ANN = "ann"
    DELETED = "User Deleted"


class Old(str, enum.Enum):  # noqa: UP042  the way before StrEnum
    ANN = "ann"
    DELETED = "User Deleted"


class Number(enum.IntEnum):
    SEVEN = 7


# The call -------------------------------------------------------------------------------------------------------------


@each_call
def test_a_good_call_is_given_back_as_it_is(call):
    before = copy.deepcopy(call)
    assert checked(call) is call
    assert call == before


@each_call
def test_a_mapping_of_any_kind_is_a_call(call):
    assert checked(MappingProxyType(call)) == call
    assert checked(OrderedDict(call)) == call


def test_every_type_of_the_spec_is_known():
    refused = refusal({"type": "delete", "userId": "u1"})
    assert refused.problem == f"must be one of {', '.join(sorted(constants.PATHS))}"


@pytest.mark.parametrize("type_", [None, "", "Track", "delete", 7, ["track"], {}])
def test_another_type_is_refused(type_):
    refused = refusal({"type": type_, "userId": "u1", "event": "e"})
    assert refused.field == "type"
    assert "identify" in refused.problem


def test_a_call_without_a_type_is_refused():
    assert refusal({"userId": "u1"}).field == "type"


@pytest.mark.parametrize(("type_", "field"), [(type_, field) for type_ in CALLS for field in constants.REQUIRED[type_]])
def test_a_required_field_is_named_when_it_is_missing(type_, field):
    refused = refusal(without(CALLS[type_], field))
    assert refused.field == field
    assert type_ in refused.problem


@pytest.mark.parametrize("type_", [type_ for type_ in CALLS if constants.IDENTITIES[type_]])
def test_a_call_about_nobody_is_refused_and_the_ways_out_are_named(type_):
    call = without(CALLS[type_], "userId")
    if type_ == "identify":
        call["traits"] = {"plan": "pro"}
    refused = refusal(call)
    assert refused.field == "userId"
    assert all(path in refused.problem for path in constants.IDENTITIES[type_])


def test_each_identity_of_the_spec_is_enough():
    for type_, paths in constants.IDENTITIES.items():
        for path in paths:
            call = without(CALLS[type_], "userId", "traits")
            first, *rest = path.split(".")
            call[first] = {rest[0]: SECRET} if rest else "x"
            assert checked(call) is call


@pytest.mark.parametrize("event", sorted(constants.EVENTS_WITHOUT_IDENTITY))
def test_reports_need_nobody(event):
    properties = {"deliveryId": "d1", "metric": "opened", "actionType": "viewed_content"}
    assert checked({"type": "track", "event": event, "properties": properties})


def test_an_address_that_is_none_identifies_nobody():
    assert refusal({"type": "identify", "traits": {"email": None}}).field == "userId"


# Ids ------------------------------------------------------------------------------------------------------------------

ID_FIELDS = [(CALLS["track"], "userId"), (CALLS["track"], "anonymousId"), (CALLS["track"], "messageId"),
             (CALLS["group"], "groupId"), (CALLS["alias"], "previousId")]  # fmt: skip
each_id = pytest.mark.parametrize(("call", "field"), ID_FIELDS, ids=[field for _, field in ID_FIELDS])

IDS = [
    ("u1", "u1"),
    ("漢字 \U0001f600", "漢字 \U0001f600"),
    ("nan", "nan"),
    ("None", "None"),
    (0, "0"),
    (-5, "-5"),
    (2**64, str(2**64)),
    (np.int64(5), "5"),
    (np.uint8(5), "5"),
    (np.str_("u1"), "u1"),
    (UUID(int=3), "00000000-0000-0000-0000-000000000003"),
    (Name.ANN, "ann"),
    (Old.ANN, "ann"),
    (Number.SEVEN, "7"),
]


@each_id
@pytest.mark.parametrize(("given_id", "text"), IDS, ids=type_name)
def test_an_id_is_brought_to_its_text(call, field, given_id, text):
    call = call | {field: given_id}
    sent = checked(call)[field]
    assert (sent, type(sent)) == (text, str)
    assert call[field] is given_id, "the caller's own mapping stays as it is"


NO_IDS = [
    True, False, np.True_, 1.0, 123.0, math.nan, math.inf, np.float64(5), np.float32("nan"), Decimal(5), Fraction(5),
    1j, b"u1", date(2026, 1, 1), ["u1"], ("u1",), {"id": "u1"}, object(), pd.NA, pd.NaT, None, 10**5000,
]  # fmt: skip


@each_id
@pytest.mark.parametrize("value", NO_IDS, ids=type_name)
def test_what_names_nobody_is_no_id(call, field, value):
    refused = refusal(call | {field: value})
    assert (refused.field, refused.problem) == (field, "must be text, a whole number or a UUID")


@each_id
@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u00a0\u2003", np.str_("")])
def test_an_empty_id_is_refused(call, field, value):
    refused = refusal(call | {field: value})
    assert refused.field == field
    assert "empty" in refused.problem


@each_id
@pytest.mark.parametrize("letter", ["x", "é", "漢", "\U0001f600"])
def test_the_length_of_an_id_is_counted_in_bytes(call, field, letter):
    size = len(letter.encode())
    fits = letter * (150 // size) + "x" * (150 % size)
    assert checked(call | {field: fits}, LENGTHS)[field] == fits
    refused = refusal(call | {field: fits + "x"}, LENGTHS)
    assert (refused.field, refused.problem) == (field, "is longer than 150 bytes (limits.id_bytes)")


def test_lengths_can_be_switched_off_or_set():
    call = {"type": "track", "userId": "u" * 10_000, "event": "e" * 10_000}
    assert checked(call, Validator(Limits(id_bytes=None, event_name_bytes=None))) is call
    assert refusal(CALLS["track"], Validator(Limits(id_bytes=1))).field == "userId"
    assert refusal(CALLS["track"], Validator(Limits(event_name_bytes=3))).field == "event"


@given(st.text(min_size=1, max_size=200).filter(lambda text: not text.isspace()))
@settings(max_examples=60)
def test_an_id_of_text_is_kept_or_refused_but_never_changed(text):
    try:
        kept = checked(CALLS["track"] | {"userId": text}, LENGTHS)["userId"]
    except ValidationError:
        assert len(text.encode(errors="surrogatepass")) > 150
    else:
        assert kept == text


# Events ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["", "  ", "\n", 7, 1.5, True, b"e", ["e"], pd.NA])
def test_an_event_without_a_name_is_refused(event):
    assert refusal(CALLS["track"] | {"event": event}).field == "event"


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_the_length_of_an_event_name_is_counted_in_bytes(letter):
    size = len(letter.encode())
    fits = letter * (100 // size) + "x" * (100 % size)
    checked(CALLS["track"] | {"event": fits}, LENGTHS)
    assert refusal(CALLS["track"] | {"event": fits + "x"}, LENGTHS).field == "event"


@pytest.mark.parametrize("event", [Name.DELETED, Old.DELETED, np.str_("User Deleted")])
def test_a_name_of_a_kind_of_text_is_the_same_event(event):
    refused = refusal({"type": "track", "anonymousId": "a1", "event": event})
    assert (refused.field, refused.problem) == ("userId", "is required for 'User Deleted'")
    sent = checked({"type": "track", "userId": "u1", "event": event})
    assert type(sent["event"]) is str


each_name = pytest.mark.parametrize(
    ("type_", "field"), [(t, f) for t in ("page", "screen") for f in ("name", "category")]
)


@each_name
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, np.float32("nan"), pd.NA, pd.NaT, 7, 1.5, True, ["Home"]], ids=repr
)
def test_the_name_of_a_view_is_text(type_, field, value):
    """As null it would be gone, and the server would say nothing."""
    refused = refusal(CALLS[type_] | {field: value})
    assert refused.field == field
    alike, unfit = VALIDATOR.check_many([CALLS[type_] | {field: value}, CALLS[type_] | {field: "Home"}])
    assert [place for place, _ in unfit] == [0]
    assert [call[field] for _, calls, _ in alike for call in calls] == ["Home"]


@each_name
@pytest.mark.parametrize(
    ("value", "text"), [("", ""), (" ", " "), (np.str_("Home"), "Home"), (Name.DELETED, "User Deleted")]
)
def test_a_name_of_a_kind_of_text_is_sent_as_text(type_, field, value, text):
    assert checked(CALLS[type_] | {field: value})[field] == text
    assert type(checked(CALLS[type_] | {field: value})[field]) is str


def acting_call(event, value="x"):
    call = {"type": "track", "event": event, "anonymousId": "a1"}
    for path in constants.EVENT_REQUIRED[event]:
        *parents, last = path.split(".")
        place = call
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return call


def put(call, path, value):
    first, *rest = path.split(".")
    return call | {first: put(call[first], ".".join(rest), value) if rest else value}


MEMBERS = [(event, path) for event, paths in constants.EVENT_REQUIRED.items() for path in paths]
INNER = [(event, path) for event, path in MEMBERS if "." in path]
INNER_IDS = [(event, path) for event, path in INNER if path in constants.EVENT_IDS[event]]


@pytest.mark.parametrize("event", constants.EVENT_REQUIRED)
def test_an_event_with_all_it_needs_is_given_back_as_it_is(event):
    call = acting_call(event)
    assert checked(call) is call


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(("event", "path"), INNER)
def test_an_event_that_acts_is_refused_without_what_it_needs(event, path, nothing):
    refused = refusal(put(acting_call(event), path, nothing))
    assert (refused.field, refused.problem) == (path, f"is required for {event!r}")


@pytest.mark.parametrize("value", [np.array(["a", "b"]), pd.NA, pd.NaT, [], {}, object()], ids=type_name)
@pytest.mark.parametrize(("event", "path"), INNER)
def test_odd_values_of_what_an_event_needs_are_refused_or_left_to_the_encoder(event, path, value):
    call = put(acting_call(event), path, value)
    if path in constants.EVENT_IDS[event]:
        assert refusal(call).field == path
    else:
        assert checked(call) is call


@pytest.mark.parametrize("container", [[], "text", 7])
def test_an_event_whose_container_is_no_object_is_refused(container):
    assert refusal(acting_call("Device Deleted") | {"context": container}).field == "context"
    assert refusal(acting_call("Device Deleted") | {"context": {"device": container}}).field == "context.device.token"
    assert refusal(without(acting_call("Device Deleted"), "context")).field == "context.device.token"


@pytest.mark.parametrize(("event", "path"), INNER_IDS)
def test_ids_inside_an_event_are_brought_to_text_in_a_copy(event, path):
    call = put(acting_call(event), path, 12)
    before = copy.deepcopy(call)
    assert checked(call) == put(acting_call(event), path, "12")
    assert call == before


# Objects, times, addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["traits", "properties", "context", "integrations"])
@pytest.mark.parametrize("value", [None, "text", 7, [1], [("a", 1)], (n for n in "ab"), math.nan, {1, 2}, object])
def test_what_must_be_an_object_is_refused_when_it_is_none(field, value):
    refused = refusal(CALLS["track"] | {field: value})
    assert refused.field == field
    assert "object" in refused.problem


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TIME_FIELDS = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"]
each_time = pytest.mark.parametrize("field", TIME_FIELDS)


@each_time
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (NOON, "2026-01-31T12:00:00+00:00"),
        (NOON.astimezone(timezone(timedelta(hours=-5))), "2026-01-31T07:00:00-05:00"),
        (pd.Timestamp("2026-01-31T12:00:00.000000001Z"), "2026-01-31T12:00:00.000000001+00:00"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00.1Z"),
        ("2026-01-31T12:00:00.123456789-09:30", "2026-01-31T12:00:00.123456789-09:30"),
    ],
)
def test_a_time_with_a_zone_is_sent_as_text(field, value, text):
    assert checked(CALLS["track"] | {field: value})[field] == text


NO_TIMES = [
    datetime(2026, 1, 31), pd.Timestamp("2026-01-31"), pd.NaT, date(2026, 1, 31), 1_769_860_800, 1.5, True, None, "",
    "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00Z", "20260131T120000Z",
    "2026-01-31T12:00:00z", "2026-02-30T12:00:00Z", "2026-01-31T24:00:01Z", "2026-01-31T12:00:60Z",
    "2026-01-31T12:00:00+25:00", "2026-01-31T12:00:00Z\n", " 2026-01-31T12:00:00Z", "٢026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.1234567890Z", "2026-W05-6T12:00:00Z", b"2026-01-31T12:00:00Z",
]  # fmt: skip


@each_time
@pytest.mark.parametrize("value", NO_TIMES, ids=type_name)
def test_what_is_no_point_in_time_is_refused(field, value):
    refused = refusal(CALLS["track"] | {field: value})
    assert refused.field == field
    assert repr(value) not in str(refused)


def test_a_time_without_a_zone_follows_the_policy():
    call = CALLS["track"] | {"timestamp": datetime(2026, 1, 31, 12)}
    assert checked(call, Validator(Limits(), "utc"))["timestamp"] == "2026-01-31T12:00:00+00:00"
    local = datetime.fromisoformat(checked(call, Validator(Limits(), "local"))["timestamp"])
    assert local == datetime(2026, 1, 31, 12).astimezone()
    assert call["timestamp"].tzinfo is None


def test_a_text_without_an_offset_is_refused_whatever_the_policy():
    for naive in ("utc", "local"):
        assert (
            refusal(CALLS["track"] | {"timestamp": "2026-01-31T12:00:00"}, Validator(Limits(), naive)).field
            == "timestamp"
        )


@pytest.mark.parametrize(
    "email", [SECRET, "a@b", "ann+tag@sub.example.co", "ann.o'hara@example.com", "用户@例え.jp", None]
)
def test_an_address_in_its_form_is_taken(email):
    checked({"type": "identify", "userId": "u1", "traits": {"email": email}})


@pytest.mark.parametrize(
    "email",
    ["", "ann", "ann@", "@example.com", "a@b@c", "ann @example.com", "ann@example..com", "ann@.com", "ann@example.com.",
     "ann@example.com\n", 7, math.nan, True, [SECRET], b"ann@example.com", pd.NA],
)  # fmt: skip
def test_what_has_not_the_form_of_an_address_is_refused(email):
    refused = refusal({"type": "identify", "userId": "u1", "traits": {"email": email}})
    assert refused.field == "traits.email"


def test_traits_of_groups_may_hold_any_text_as_an_address():
    checked(CALLS["group"] | {"traits": {"email": "reception"}})


# What errors say ------------------------------------------------------------------------------------------------------

PLANTED = f"secret-{SECRET}-" + "x" * max(constants.ID_BYTES, constants.EVENT_NAME_BYTES)
BAD = [
    CALLS["track"] | {"userId": PLANTED},
    CALLS["track"] | {"userId": [PLANTED]},
    CALLS["track"] | {"event": PLANTED},
    CALLS["track"] | {"event": [PLANTED]},
    CALLS["track"] | {"timestamp": PLANTED},
    CALLS["track"] | {"properties": PLANTED},
    CALLS["track"] | {"type": PLANTED},
    CALLS["identify"] | {"traits": {"email": PLANTED.replace("@", "")}},
    {"type": "identify", "traits": {"name": PLANTED}},
    acting_call("Device Deleted", PLANTED),
    put(acting_call("Object Deleted"), "properties.objectId", [PLANTED]),
]


@pytest.mark.parametrize("call", BAD, ids=lambda call: str(call["type"])[:8])
def test_an_error_never_shows_a_value(call):
    refused = refusal(call)
    shown = f"{refused} {refused!r} {vars(refused)}"
    assert "secret" not in shown
    assert SECRET not in shown
    assert refused.__context__ is None or refused.__suppress_context__


# One after the other --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(CALLS))
@pytest.mark.parametrize("wrong", [None, 1.5, "", "x" * 200, {}])
def test_a_refused_call_says_nothing_of_the_next_with_the_same_fields(kind, wrong):
    validator, good = Validator(Limits()), CALLS[kind]
    for field in good:
        if field != "type":
            with suppress(ValidationError):
                validator.check(good | {field: wrong})
    assert checked(good, validator) is good


def test_calls_of_ever_new_fields_are_checked_in_flat_memory():
    validator = Validator(Limits())
    for n in range(3000):
        validator.check({"type": "track", "userId": "u1", "event": "One", f"field{n}": 1})
    assert len(validator._outlines) <= 1000
    assert refusal({"type": "track", "userId": "", "event": "One", "fresh": 1}, validator).field == "userId"


# Order ----------------------------------------------------------------------------------------------------------------


DELIVERED = {"type": "track", "event": "Report Delivery Event", "properties": {"deliveryId": "d1", "metric": "m"}}


@pytest.mark.parametrize(
    ("call", "keys"),
    [
        (CALLS["track"], ("u1",)),
        (CALLS["track"] | {"anonymousId": "a1", "groupId": "g1"}, ("u1", "a1", "g1")),
        (CALLS["alias"], ("u1", "u2")),
        (CALLS["group"], ("u1", "g1")),
        ({"type": "identify", "traits": {"email": SECRET}}, (SECRET,)),
        ({"type": "identify", "anonymousId": "a1", "traits": {"email": SECRET}}, ("a1",)),
        (acting_call("Device Deleted", "t1") | {"userId": "u1"}, ("u1", "a1", "t1")),
        (acting_call("Object Deleted", "o1") | {"anonymousId": "o1"}, ("o1",)),
        (
            {"type": "track", "event": "Report Delivery Event", "properties": {"deliveryId": "d1", "metric": "m"}},
            ("d1",),
        ),
        ({"type": "track", "event": "Report Content Event", "properties": {"actionType": "viewed"}}, ()),
    ],
)
def test_calls_about_the_same_share_a_key(call, keys):
    assert VALIDATOR.check(call)[1] == keys
