"""Whether the values of one field in many calls are surely fit, found by loops that run in C.

Each function takes a column and gives it as it is to be sent, or None where it cannot tell: then every value is looked
at by itself (`validation.Validator.check`), which also finds the words for what is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

import orjson

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Call", "Column", "Columns", "addresses", "ids", "looks_of", "objects", "texts", "times"]

Call: TypeAlias = "Mapping[str, Any]"
Column: TypeAlias = list[Any]
Columns: TypeAlias = dict[str, Column]

_TEXT = {str}
_TEXT_OR_NOTHING = {str, NoneType}
_IDS = {str, int, UUID}  # a bool is of its own type
_OBJECT = {dict}


def looks_of(calls: Sequence[Call]) -> Iterator[tuple[Sequence[int], Sequence[Call], Columns | None]]:
    """Give the calls that have the same type and fields, for each such look: their places, they, and their columns."""
    if (columns := _columns(calls)) is not None:
        yield range(len(calls)), calls, columns
        return
    looks: defaultdict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        kind = call.get("type")
        looks[kind if type(kind) is str else None, *call].append(place)
    for places in looks.values():
        some = [calls[place] for place in places]
        yield places, some, _columns(some)


def _columns(calls: Sequence[Call]) -> Columns | None:
    """Give the values of each field. None: the calls have not all the same type and fields."""
    if set(map(type, calls)) != _OBJECT or set(map(len, calls)) != {len(calls[0])}:
        return None
    try:
        columns = {field: list(map(itemgetter(field), calls)) for field in calls[0]}
        kinds = set(columns["type"])
    except (KeyError, TypeError):  # a field that is not there, or a type that is no text
        return None
    return columns if len(kinds) == 1 else None


def texts(column: Column, most: int | None) -> Column | None:
    """Texts that are not blank, of so many bytes at most. Of few different ones: each of these is looked at once."""
    if set(map(type, column)) != _TEXT:
        return None
    return column if _fit(list(set(column)), most) else None


def ids(column: Column, most: int | None) -> Column | None:
    """Ids: texts, whole numbers and UUIDs, brought to text."""
    kinds = set(map(type, column))
    if kinds != _TEXT:
        if not kinds <= _IDS:
            return None
        try:
            column = list(map(str, column))
        except ValueError:  # of so many digits that Python does not write them
            return None
    return column if _fit(column, most) else None


def _fit(texts: list[str], most: int | None) -> bool:
    if not all(map(str.strip, texts)):
        return False
    if most is None or max(map(len, texts)) <= most // 4:  # no character takes more bytes
        return True
    try:
        return max(map(len, map(str.encode, texts))) <= most
    except UnicodeEncodeError:
        return False


def objects(column: Column) -> Column | None:
    """Give dicts; other mappings are rare."""
    return column if set(map(type, column)) == _OBJECT else None


def times(column: Column, form: re.Pattern[str]) -> Column | None:
    """Texts of a form that are in the calendar, or datetimes in UTC."""
    kinds = set(map(type, column))
    if kinds == {datetime}:
        if not all(time.tzinfo is UTC for time in column):
            return None
        return cast("Column", orjson.loads(orjson.dumps(column)))  # the texts of isoformat(), in a fifth of its time
    if kinds != _TEXT or not all(map(form.fullmatch, column)):
        return None
    try:
        return column if all(map(datetime.fromisoformat, column)) else None
    except ValueError:
        return None


def addresses(values: Iterable[Any], form: re.Pattern[str]) -> bool:
    """Whether all are texts of a form, or None."""
    column = list(values)
    if not set(map(type, column)) <= _TEXT_OR_NOTHING:
        return False
    return all(form.fullmatch(value) for value in column if value is not None)
