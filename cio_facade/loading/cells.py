"""The cells of a column as values to send, a column at a time: from Arrow to what JSON has.

===========================  ===========================================================================
a time, with zone or not     text in UTC: ``2026-01-31T12:00:00Z``; the fraction of the second only if there is one
a date                       ``2026-01-31``
a decimal                    a number of the same digits
NaN, infinities              as an empty cell
JSON                         what it says; its ``null`` as an empty cell
===========================  ===========================================================================

In the arguments of a call blank text is as an empty cell too. A date in ``timestamp`` is its midnight in UTC, and a
whole number there counts the seconds since 1970; where an id is asked for, whole numbers of any type are their digits.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cio_facade.loading.buffers import integers, number, text, texts
from cio_facade.values import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from duckdb.sqltypes import DuckDBPyType

__all__ = ["Role", "cells", "is_full"]

_Reader: TypeAlias = "Callable[[pa.Array], list[Any]]"
Role = Literal["value", "argument", "id", "time", "object"]

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST, _LAST = (int(time.replace(microsecond=0, tzinfo=UTC).timestamp()) for time in (datetime.min, datetime.max))
_DAY: Final = 24 * 60 * 60
_JSON: Final = "JSON"  # what DuckDB calls it
_EXACT: Final = 2.0**53  # floats from here on may stand for another whole number


def cells(array: pa.Array, role: Role, type_: DuckDBPyType | None = None) -> tuple[list[Any], dict[int, str]]:
    """Give the values of a column, None for an empty cell; and for what cannot be sent its place, and why.

    Parameters
    ----------
    array : Array
        The cells.
    role : {"value", "argument", "id", "time", "object"}
        What they become in the call.
    type_ : DuckDBPyType, optional
        What DuckDB calls the type: Arrow does not know JSON from text.

    Examples
    --------
    >>> cells(pa.array([1.5, float("nan")]), "value")
    ([1.5, None], {})
    >>> cells(pa.array([0, 253402300800]), "time")
    (['1970-01-01T00:00:00Z', None], {1: 'is not in the years 1 to 9999'})
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    read = _reader(array.type, role, type_)
    try:
        return read(array), {}
    except UnfitError:
        pass
    values: list[Any] = []
    unfit: dict[int, str] = {}
    for place in range(len(array)):
        try:
            values += read(array.slice(place, 1))
        except UnfitError as error:
            values.append(None)
            unfit[place] = str(error)
    return values, unfit


def is_full(array: pa.Array, role: Role, type_: DuckDBPyType | None = None) -> bool:
    """Whether it can be told at a glance that no cell is empty, as `cells` reads them."""
    kind = array.type
    plain = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind)
    return bool(role == "value" and plain and not array.null_count and (type_ is None or _JSON not in str(type_)))


def _reader(kind: pa.DataType, role: Role, type_: DuckDBPyType | None) -> _Reader:
    """Choose how the cells of a type are read."""
    has_json = type_ is not None and type_.id != "enum" and _JSON in str(type_)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _of_texts(role, is_json=has_json)
    special = _of_ids(kind) if role == "id" else _of_times(kind) if role == "time" else None
    if special is not None:
        return special
    if has_json:
        return lambda array: [_parsed(value, type_) for value in _values(array)]
    return _decimals if pa.types.is_decimal(kind) and role == "value" else _values


def _of_texts(role: Role, *, is_json: bool) -> _Reader:
    if role == "object":
        return _objects
    if role == "value":
        return _json_values if is_json else _values
    return lambda array: _filled([*map(_json, _values(array))] if is_json else _values(array))


def _of_ids(kind: pa.DataType) -> _Reader | None:
    if pa.types.is_floating(kind):
        return _float_ids
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return lambda array: _values(array.cast(pa.string()))
    return None


def _of_times(kind: pa.DataType) -> _Reader | None:
    if pa.types.is_integer(kind):
        return lambda array: _values(_times(array, 1))
    if pa.types.is_date(kind):
        return lambda array: _values(_times(array.cast(pa.date32()).cast(pa.int32()), _DAY))
    return None


def _values(array: pa.Array) -> list[Any]:
    """Read what needs nothing special, besides what `_plain` does."""
    array = _plain(array)
    if not pa.types.is_nested(array.type):
        return cast("list[Any]", array.to_pylist())
    # To have maps as dicts takes thirty times as long, for each value there is.
    return cast("list[Any]", array.to_pylist(maps_as_pydicts="strict"))


def _filled(values: list[Any]) -> list[Any]:
    """Take blank text for an empty cell."""
    return [None if isinstance(value, str) and (not value or value.isspace()) else value for value in values]


def _float_ids(array: pa.Array) -> list[Any]:
    """Read whole ones as their digits: tables without a type for whole numbers with gaps make floats of them."""
    return [
        str(int(value)) if value is not None and value.is_integer() and abs(value) < _EXACT else value
        for value in _values(array)
    ]


def _decimals(array: pa.Array) -> list[Any]:
    return [None if text is None else orjson.Fragment(text) for text in _values(array.cast(pa.string()))]


def _plain(array: pa.Array) -> pa.Array:
    """Bring times to text, and floats that JSON has not to null, however deep inside."""
    kind = array.type
    if pa.types.is_floating(kind):
        return array if pc.all(pc.is_finite(array)).as_py() is not False else _finite(array)
    if pa.types.is_timestamp(kind):
        return _times(array.view(pa.int64()), 1, kind.unit)
    if pa.types.is_date(kind):
        days = array.cast(pa.date32())
        _in_calendar(days.cast(pa.int32()), 1, _DAY)
        return days.cast(pa.string())
    if pa.types.is_time(kind):
        written = texts([b"" if time is None else time.isoformat().encode() for time in array.to_pylist()], pa.string())
        return _where(array.is_valid(), written)
    return _inside(array) if pa.types.is_nested(kind) and _has_times(kind) else array


def _inside(array: pa.Array) -> pa.Array:
    kind, empty = array.type, array.is_null()
    if pa.types.is_struct(kind):
        parts = [_plain(part) for part in array.flatten()]
        return pa.StructArray.from_arrays(parts, names=[field.name for field in kind], mask=empty)
    if pa.types.is_map(kind):
        whole = array.take(integers(np.arange(len(array))))  # without what it is a slice of
        return pa.MapArray.from_arrays(whole.offsets, _plain(whole.keys), _plain(whole.items), mask=empty)
    lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), number(0))
    offsets = pa.concat_arrays([integers(np.zeros(1, np.int64)), pc.cumulative_sum(lengths)])
    return pa.LargeListArray.from_arrays(offsets, _plain(array.flatten()), mask=empty)


def _has_times(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_has_times(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_temporal(kind))


def _finite(array: pa.Array) -> pa.Array:
    return _where(pc.is_finite(array), array)


def _where(mask: pa.Array, array: pa.Array) -> pa.Array:
    return pc.if_else(mask, array, pa.nulls(1, array.type)[0])


def _times(numbers: pa.Array, seconds: int, unit: str = "s") -> pa.Array:
    """Write points in time, given as whole numbers of a unit, or of so many seconds."""
    per_second = _PER_SECOND[unit]
    _in_calendar(numbers, per_second, seconds)
    numbers = numbers.cast(pa.int64())
    if seconds != 1:
        numbers = pc.multiply(numbers, number(seconds))
    floored = _floored(numbers, per_second) if per_second > 1 else numbers
    times = floored.view(pa.timestamp("s")).cast(pa.string())
    if per_second > 1 and not pc.all(is_whole := pc.equal(pc.multiply(floored, number(per_second)), numbers)).as_py():
        times = pc.if_else(is_whole, times, numbers.view(pa.timestamp(unit)).cast(pa.string()))
    return pc.binary_join_element_wise(pc.replace_substring(times, " ", "T"), text("Z"), text(""))


def _floored(numbers: pa.Array, by: int) -> pa.Array:
    near = pc.divide(numbers, number(by))  # which rounds towards zero
    is_above = pc.greater(pc.multiply(near, number(by)), numbers)
    return pc.subtract(near, is_above.cast(pa.int64()))


def _in_calendar(numbers: pa.Array, per_second: int, seconds: int) -> None:
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is not None and not (
        _FIRST * per_second <= ends["min"] * seconds and ends["max"] * seconds < (_LAST + 1) * per_second
    ):
        raise UnfitError("is not in the years 1 to 9999")


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UnfitError("is not JSON") from None


def _json_values(array: pa.Array) -> list[Any]:
    return [None if text is None else _as_it_is(text) for text in _values(array)]


def _as_it_is(text: str) -> Any:
    """Keep the digits of numbers, and all that is inside of objects and lists: it is only seen to be JSON."""
    try:
        value = orjson.loads(text)
    except ValueError:
        raise UnfitError("is not JSON") from None
    return orjson.Fragment(text) if isinstance(value, (dict, list, float)) else value


def _objects(array: pa.Array) -> list[Any]:
    """Read objects from their JSON."""
    values = [_json(text or None) for text in _values(array)]
    if not all(value is None or isinstance(value, dict) for value in values):
        raise UnfitError("is not a JSON object")
    return values


def _parsed(value: Any, type_: Any) -> Any:
    """Read the JSON that is inside of other values."""
    if value is None or _JSON not in str(type_):
        return value
    if type_.id == "varchar":
        return _json(value)
    children: dict[str, Any] = dict(cast("Iterable[tuple[str, Any]]", type_.children))
    if type_.id == "struct":
        return {name: _parsed(inner, children[name]) for name, inner in value.items()}
    if type_.id == "map":
        return {name: _parsed(inner, children["value"]) for name, inner in value.items()}
    return [_parsed(inner, children["child"]) for inner in value]
