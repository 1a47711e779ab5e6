"""What Python values become in JSON, and what is said of those that become nothing."""

import dataclasses
import enum
import json
import math
import time
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from unittest.mock import MagicMock
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade.errors import ValidationError
from cio_facade.values import iso, plain

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAIVE = datetime(2026, 1, 31, 12)
SECRET = "ann@example.com"


def as_json(value, naive="refuse"):
    return json.loads(orjson.dumps(plain(value, naive), option=orjson.OPT_PASSTHROUGH_DATETIME))


def refusal(value, naive="refuse", path="properties.v"):
    with pytest.raises(ValidationError) as refused:
        plain(value, naive, path)
    return refused.value


class Level(enum.IntEnum):
    HIGH = 3


class Plan(enum.StrEnum):
    PRO = "pro"


class Colour(enum.Enum):
    RED = ("r", 1)
    WHEN = NOON


@dataclasses.dataclass
class Item:
    sku: str
    price: Decimal
    setup: dataclasses.InitVar[int] = 0
    _note: str = "n"
    shops = "not a field"

    def __post_init__(self, setup):
        self.cached = "not a field either"


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    sku: str


@attrs.frozen
class Line:
    item: object
    _number: int = 1


class Model:
    def to_dict(self):
        return {"at": NOON}


Point = namedtuple("Point", "x y")

FORMS = [
    (None, None),
    (True, True),
    (5, 5),
    (-(2**63), -(2**63)),
    (2**64, 2**64),
    (-(2**200), -(2**200)),
    (1.5, 1.5),
    (math.nan, None),
    (math.inf, None),
    (-math.inf, None),
    ("Zoë 漢字 \U0001f600 \x00", "Zoë 漢字 \U0001f600 \x00"),
    (NOON, "2026-01-31T12:00:00+00:00"),
    (date(2026, 1, 31), "2026-01-31"),
    (Decimal("NaN"), None),
    (Decimal("sNaN"), None),
    (Decimal("-Infinity"), None),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Level.HIGH, 3),
    (Plan.PRO, "pro"),
    (Colour.RED, ["r", 1]),
    (Colour.WHEN, "2026-01-31T12:00:00+00:00"),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({"a": 1}.keys(), ["a"]),
    ((1, (2,)), [1, [2]]),
    (Point(1, NOON), [1, "2026-01-31T12:00:00+00:00"]),
    (Item("s", Decimal("1.10")), {"sku": "s", "price": 1.1, "_note": "n"}),
    (Slotted("s"), {"sku": "s"}),
    (Line(Line(1)), {"item": {"item": 1, "_number": 1}, "_number": 1}),
    (Model(), {"at": "2026-01-31T12:00:00+00:00"}),
    (MappingProxyType({"a": {1}}), {"a": [1]}),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (defaultdict(int, a=1), {"a": 1}),
    (UserDict(a=1), {"a": 1}),
    (np.int64(5), 5),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float64(1.5), 1.5),
    (np.float32(0.5), 0.5),
    (np.float16("nan"), None),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.array(3), 3),
    (np.array([]), []),
    (np.array([[1, 2], [3, math.nan]]), [[1, 2], [3, None]]),
    (np.array(["a", None, UUID(int=1)], dtype=object), ["a", None, "00000000-0000-0000-0000-000000000001"]),
    (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    (np.datetime64("NaT", "us"), None),
    (np.datetime64("NaT", "ns"), None),
    (pd.NaT, None),
    (pd.NA, None),
    (pd.Timestamp("2026-01-31T12:00:00.123456789Z"), "2026-01-31T12:00:00.123456789+00:00"),
    (pd.Series([1.5, None]), [1.5, None]),
    (pd.Series(pd.to_datetime(["2026-01-31T12:00", None], utc=True)), ["2026-01-31T12:00:00+00:00", None]),
    (pd.DatetimeIndex(["2026-01-31T12:00"], tz="Europe/Berlin"), ["2026-01-31T12:00:00+01:00"]),
    (pd.array([1, None], dtype="Int64"), [1, None]),
    (pd.Categorical(["a", "b"]), ["a", "b"]),
]


@pytest.mark.parametrize(("value", "form"), FORMS, ids=lambda value: type(value).__name__)
def test_a_value_has_its_form(value, form):
    assert as_json({"v": [value]}) == {"v": [form]}


WITHOUT_FORM = [
    b"x",
    bytearray(b"x"),
    memoryview(b"x"),
    1j,
    object(),
    print,
    Item,
    Colour,
    iter([1]),
    (n for n in [1]),
    range(3),
    {}.values(),
    deque([1]),
    timedelta(1),
    time_of_day(12, tzinfo=UTC),
    Fraction(1, 3),
    Path("x"),
    ip_address("::1"),
    MagicMock(),
    Exception("x"),
    np.complex128(1),
    np.longdouble(1),
    np.bytes_(b"x"),
    np.timedelta64(5, "ns"),
    np.timedelta64(5, "s"),
    np.array([5], dtype="m8[ns]"),
    pd.Timedelta("1s"),
    pd.Period("2026-01"),
    pd.Interval(0, 1),
]


@pytest.mark.parametrize("value", WITHOUT_FORM, ids=lambda value: type(value).__name__)
def test_a_value_without_a_form_is_named_by_path_and_type(value):
    refused = refusal({"items": [0, 1, {"price": value}]}, path="properties")
    assert refused.field.startswith("properties.items[2].price")
    assert "cannot be sent" in refused.problem


# Numbers --------------------------------------------------------------------------------------------------------------


@given(st.decimals(allow_nan=False, allow_infinity=False))
@settings(max_examples=50)
def test_a_decimal_keeps_all_its_digits(value):
    data = orjson.dumps(plain({"v": value}, "refuse"))
    assert json.loads(data, parse_float=Decimal, parse_int=Decimal)["v"] == value


@given(st.integers())
def test_an_integer_keeps_all_its_digits(value):
    assert json.loads(orjson.dumps(plain([value], "refuse"))) == [value]


def test_an_integer_that_python_does_not_write_is_refused():
    refused = refusal(10**5000)
    assert refused.field == "properties.v"
    assert "000" not in str(refused)


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_subclass_of_a_plain_type_is_sent_as_what_it_is(kind):
    own = type("Own", (kind,), {"__str__": lambda self: "wrong", "__repr__": lambda self: "wrong"})
    assert as_json({"v": own(7)}) == {"v": kind(7)}


# Times ----------------------------------------------------------------------------------------------------------------


def test_a_time_without_a_zone_is_refused_with_the_ways_out():
    refused = refusal({"at": NAIVE}, path="properties")
    assert refused.field == "properties.at"
    assert "naive_timestamps" in refused.problem
    assert "2026" not in str(refused)


@pytest.mark.parametrize(
    "value", [NAIVE, pd.Timestamp(NAIVE), np.datetime64(NAIVE), np.datetime64("2026-01-31T12:00:00.000000000")]
)
def test_a_time_without_a_zone_is_utc_where_that_is_the_policy(value):
    assert as_json([value], "utc") == ["2026-01-31T12:00:00+00:00"]
    assert refusal([value]).field == "properties.v[0]"


@pytest.fixture
def in_new_york(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("kind", [lambda time: time, pd.Timestamp, np.datetime64])
def test_a_time_without_a_zone_is_local_where_that_is_the_policy(in_new_york, kind):
    assert as_json([kind(NAIVE)], "local") == ["2026-01-31T12:00:00-05:00"]
    assert as_json([kind(datetime(2026, 7, 1))], "local") == ["2026-07-01T00:00:00-04:00"]


def test_the_hour_that_a_clock_shows_twice_is_told_apart(in_new_york):
    first, second = (datetime(2026, 11, 1, 1, 30, fold=fold) for fold in (0, 1))
    assert as_json([first, second], "local") == ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"]
    berlin = [datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin")) for fold in (0, 1)]
    assert as_json(berlin) == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]


def test_nanoseconds_survive_every_policy():
    moment = pd.Timestamp("2026-01-31T12:00:00.123456789")
    assert iso(moment, "utc") == "2026-01-31T12:00:00.123456789+00:00"
    assert iso(moment, "local").startswith("2026-01-31T12:00:00.123456789")


@pytest.mark.parametrize("kind", [lambda time: time, pd.Timestamp])
def test_an_offset_with_seconds_becomes_utc(kind):
    assert iso(kind(datetime(1800, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam"))), "refuse") == "1799-12-31T23:40:28+00:00"


ENDS = [datetime.min, datetime.max]
ZONES = [timezone(timedelta(seconds=seconds)) for seconds in (0, 30, -30, 86_340, -86_340)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("end", ENDS)
def test_the_ends_of_the_calendar_are_written_or_refused_but_do_not_raise_anything_else(end, zone):
    moment = end.replace(tzinfo=zone)
    outside = zone.utcoffset(None).total_seconds() in ({30} if end is datetime.min else {-30})
    if outside:
        assert "calendar" in refusal(moment).problem
    else:
        assert datetime.fromisoformat(as_json([moment])[0]) == moment


@pytest.mark.parametrize("end", ENDS)
def test_the_ends_of_local_time_do_not_raise_anything_else(end):
    for zone in ("Asia/Tokyo", "America/New_York"):
        with pytest.MonkeyPatch.context() as env:
            env.setenv("TZ", zone)
            time.tzset()
            try:
                assert as_json([end], "local")[0].startswith(str(end.year).zfill(4))
            except ValidationError as refused:
                assert "local" in refused.problem  # noqa: PT017  both are right, by where the zone lies
    time.tzset()


ZONE_NAMES = ["UTC", "Europe/Amsterdam", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Africa/Monrovia"]
MOMENTS = st.datetimes(timezones=st.sampled_from([ZoneInfo(name) for name in ZONE_NAMES]))


@given(MOMENTS)
@settings(max_examples=50)
def test_a_time_with_a_zone_is_the_same_moment_when_read_back(moment):
    text = iso(moment, "refuse")
    assert datetime.fromisoformat(text).utcoffset().total_seconds() % 60 == 0
    assert datetime.fromisoformat(text) == moment.replace(tzinfo=timezone(moment.utcoffset()))


def test_a_zone_that_raises_is_refused_by_name():
    class Raising(tzinfo):
        def utcoffset(self, moment):
            raise RuntimeError(SECRET)

    refused = refusal(NAIVE.replace(tzinfo=Raising()))
    assert refused.problem == "a datetime cannot be sent: it raised RuntimeError"


# Sets and keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [{1, "a", None, 2.5}, {Decimal("NaN"), Decimal(1)}, {NOON, NAIVE}, {(1, 2), "x"}, {Plan.PRO, 1}, {pd.NA, 1}],
    ids=lambda value: type(value).__name__,
)
def test_a_set_of_members_that_cannot_be_compared_is_sent_all_the_same(members):
    assert len(as_json([members], "utc")[0]) == len(members)


def test_a_set_has_the_same_order_in_every_run():
    assert as_json([{1, "b", None, 2.5, "a"}]) == [[None, 2.5, 1, "a", "b"]]


KEYS = [
    (1, "1"),
    (-(2**63), str(-(2**63))),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (date(2026, 1, 31), "2026-01-31"),
    (NOON, "2026-01-31T12:00:00+00:00"),
    (Plan.PRO, "pro"),
    (Level.HIGH, "3"),
    (np.int64(1), "1"),
    (np.str_("a"), "a"),
]


@pytest.mark.parametrize(("key", "text"), KEYS, ids=lambda key: type(key).__name__)
def test_a_key_that_is_no_text_becomes_text(key, text):
    assert as_json({key: 0}) == {text: 0}


@pytest.mark.parametrize("key", [None, True, 1.5, math.nan, (1, 2), frozenset(), b"x", Decimal(1), NAIVE, "\ud800"])
def test_a_key_that_names_nothing_is_refused(key):
    refused = refusal({"inner": {key: 0}}, path="properties")
    assert refused.field.startswith("properties.inner")


def test_two_keys_of_the_same_text_are_refused_since_one_would_be_lost():
    refused = refusal({"inner": {1: "a", "1": "b"}}, path="properties")
    assert (refused.field, refused.problem) == ("properties.inner", "has several keys that are the same text")


def test_half_a_character_is_refused_in_values_and_keys():
    assert refusal({"a": ["\ud83d"]}, path="traits").field == "traits.a[0]"
    assert "surrogate" in refusal({"\ud83d": 1}, path="traits").problem


# Depth ----------------------------------------------------------------------------------------------------------------


def nested(kind, levels):
    value = 1
    for _ in range(levels):
        value = kind(value)
    return value


def looped_dict():
    loop = {}
    loop["again"] = loop
    return loop


def looped_list():
    loop = []
    loop.append(loop)
    return loop


class Selfish:
    def to_dict(self):
        return self


@pytest.mark.parametrize(
    "value",
    [looped_dict(), looped_list(), Selfish(), nested(lambda inner: [inner], 100_000), nested(Line, 300)],
    ids=["dict", "list", "to_dict", "deep list", "deep attrs"],
)
def test_what_never_ends_is_refused_with_a_path_that_does(value):
    refused = refusal(value)
    assert "deeper" in refused.problem
    assert len(str(refused)) < 300


def test_fifty_levels_of_anything_are_no_problem():
    assert as_json(nested(lambda inner: {"a": inner}, 50))
    assert as_json(nested(lambda inner: Line([inner]), 30))


# A value's own code ---------------------------------------------------------------------------------------------------


class Saying:
    def __init__(self, error):
        self.error = error

    def to_dict(self):
        raise self.error


class Sly(UserDict):
    def __iter__(self):
        raise RuntimeError(SECRET)


@attrs.define
class Unset:
    name: str = attrs.field(init=False)


class Tensor:
    dtype = "float32"

    def tolist(self):
        return [1.0]


RAISING = [
    *(
        Saying(kind(SECRET))
        for kind in (ValueError, TypeError, KeyError, RuntimeError, RecursionError, ValidationError)
    ),
    Sly({SECRET: 1}),
    Unset(),
]


@pytest.mark.parametrize("value", RAISING, ids=lambda value: type(getattr(value, "error", value)).__name__)
def test_what_a_values_own_code_says_is_not_repeated(value):
    refused = refusal([value])
    assert refused.field == "properties.v[0]"
    assert SECRET not in f"{refused} {refused!r}"
    assert refused.__context__ is None, "a traceback would show it"


def test_an_array_of_a_library_that_is_not_known_is_refused():
    assert refusal(Tensor()).problem == "a Tensor cannot be sent"


# Everything -----------------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    MOMENTS,
    st.dates(),
    st.uuids(),
    st.decimals(),
    st.sampled_from([Level.HIGH, Plan.PRO, Colour.RED, pd.NaT, pd.NA]),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.lists(st.floats(), max_size=3).map(np.array),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
        inner.map(Line),
        st.builds(Item, st.text(max_size=3), inner),
    ),
    max_leaves=8,
)


@given(ANYTHING)
@settings(max_examples=80)
def test_whatever_has_a_form_gives_json_that_reads_as_itself(value):
    once = as_json(value)
    assert as_json(once) == once
