"""Columns of values: what is surely fit is found together, and all else is left to be looked at one by one."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from re import compile as form
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade import columns

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
YEAR = form(r"\d{4}-.*")


class Zone(tzinfo):
    """Like dateutil's: equal to others, and without a hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tzinfo)

    __hash__ = None  # type: ignore[assignment]

    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=1)


class Name(StrEnum):
    ANN = "ann"


def looks(*calls: Any) -> list[tuple[list[int], bool]]:
    return [(list(places), given is not None) for places, _, given in columns.looks_of(calls)]


# Looks ----------------------------------------------------------------------------------------------------------------


def test_calls_of_one_type_and_the_same_fields_make_columns_whatever_the_order_of_their_fields() -> None:
    calls = [{"type": "page", "userId": "u1"}, {"userId": "u2", "type": "page"}]
    ((places, some, given),) = columns.looks_of(calls)
    assert (list(places), some) == ([0, 1], calls)
    assert given == {"type": ["page", "page"], "userId": ["u1", "u2"]}


def test_calls_that_differ_in_type_or_fields_are_parted_and_keep_their_order() -> None:
    track, page = {"type": "track", "userId": "u1"}, {"type": "page", "userId": "u1"}
    nobody = {"type": "page", "anonymousId": "a1"}
    assert looks(track, page, track, nobody, page) == [([0, 2], True), ([1, 4], True), ([3], True)]


@pytest.mark.parametrize(
    "odd", [{}, {"userId": "u1"}, {"type": [], "userId": "u1"}, MappingProxyType({"type": "page"})]
)
def test_what_has_no_columns_is_given_without(odd: Any) -> None:
    assert looks(odd, odd) == [([0, 1], False)]


def test_of_no_calls_there_are_no_looks() -> None:
    assert looks() == []


# Values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\U0001f600"])
@pytest.mark.parametrize("check", [columns.texts, columns.ids])
def test_the_length_of_texts_is_counted_in_bytes(check: Any, letter: str) -> None:
    fits = letter * (48 // len(letter.encode()))
    assert check(["a", fits], 48) == ["a", fits]
    assert check(["a", fits + "x"], 48) is None
    assert check(["a", fits + "x"], None) is not None


@pytest.mark.parametrize("odd", ["", " \t", "\u2003", 1.0, True, None, np.str_("x"), Name.ANN, b"x", ["x"]])
@pytest.mark.parametrize("check", [columns.texts, columns.ids])
def test_one_odd_value_among_texts_leaves_all_to_be_looked_at(check: Any, odd: Any) -> None:
    assert check(["x", odd, "x"], 40) is None


def test_half_a_character_is_no_concern_of_columns_unless_it_is_to_be_measured() -> None:
    assert columns.texts(["\ud800"], 40) == ["\ud800"]  # the encoder refuses it
    assert columns.texts(["\ud800" * 20], 40) is None


def test_ids_are_brought_to_text_and_the_column_that_was_given_stays() -> None:
    column = ["u1", 7, UUID(int=7), -(2**70)]
    assert columns.ids(column, 150) == ["u1", "7", "00000000-0000-0000-0000-000000000007", str(-(2**70))]
    assert column[1] == 7
    assert columns.ids(["u1", 10**5000], None) is None
    assert columns.ids(["u1", np.int64(7)], None) is None


def test_objects_are_dicts() -> None:
    assert columns.objects([{}, {"a": 1}]) == [{}, {"a": 1}]
    assert columns.objects([{}, MappingProxyType({})]) is None
    assert columns.objects([{}, None]) is None


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1))
def test_times_in_utc_become_the_texts_that_isoformat_gives(column: list[datetime]) -> None:
    assert columns.times(column, YEAR) == [time.isoformat() for time in column]


def test_times_may_be_texts_of_their_form() -> None:
    texts = ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"]
    assert columns.times(texts, YEAR) is texts


@pytest.mark.parametrize(
    "odd",
    [datetime(2026, 1, 31), NOON.astimezone(timezone(timedelta(hours=1))), NOON.replace(tzinfo=Zone()), pd.NaT, "now",
     pd.Timestamp(NOON), date(2026, 1, 31), "2026-02-30T12:00:00Z", 7, None],
)  # fmt: skip
def test_one_odd_time_leaves_all_to_be_looked_at(odd: Any) -> None:
    assert columns.times([NOON, odd], YEAR) is None
    assert columns.times([odd, odd], YEAR) is None
    assert columns.times(["2026-01-31T12:00:00Z", odd], YEAR) is None


def test_addresses_have_their_form_or_are_none() -> None:
    assert columns.addresses(["2026-a", None], YEAR)
    assert columns.addresses([], YEAR)
    for odd in ("", "ann", 7, Name.ANN):
        assert not columns.addresses(["2026-a", odd], YEAR)
