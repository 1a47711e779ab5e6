"""What a column of Python values is in Arrow: of one type where its values are, and JSON otherwise.

Nested values are JSON always: as a struct, a dict would get the keys that others have, as nulls. So is a column of
several types, such as texts and numbers. JSON is made here as everywhere else in the library; times without a zone are
UTC in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

import orjson
import pyarrow as pa

from cio_facade.errors import ValidationError
from cio_facade.values import plain

__all__ = ["JSON", "array_of", "in_json", "tidy", "united"]

JSON: Final = pa.json_()
_UTC: Final = pa.timestamp("us", tz="UTC")
_NAIVE: Final = pa.timestamp("us")
_NESTED: Final = (Mapping, list, tuple, Set)
_UNFIT: Final = (pa.ArrowException, TypeError, ValueError, OverflowError)


def array_of(name: str, values: list[Any], first: int) -> pa.Array[Any]:
    """Bring the values of a column to Arrow.

    Parameters
    ----------
    name : str
        The column's.
    values : list
        Of any types.
    first : int
        The row index of the first.

    Raises
    ------
    ValidationError
        A value has no form in JSON.

    Examples
    --------
    >>> array_of("age", [30, None], 0).to_pylist(), array_of("age", [30, "old"], 0).to_pylist()
    ([30, None], ['30', '"old"'])
    """
    kinds = set(map(type, values))
    if any(issubclass(kind, Enum) for kind in kinds):
        values = [value.value if isinstance(value, Enum) else value for value in values]
        kinds = set(map(type, values))
    if any(issubclass(kind, _NESTED) for kind in kinds) or _would_be_lost(kinds, values):
        return _json(name, values, first)
    try:
        return pa.array(values, from_pandas=True)
    except _UNFIT:
        return _json(name, values, first)


def _would_be_lost(kinds: set[type], values: list[Any]) -> bool:
    """Tell whether Arrow would put values into one type that is not theirs, without a word."""
    if {bytes, str} <= kinds:
        return True
    if not any(issubclass(kind, datetime) for kind in kinds):
        return False
    times = (value for value in values if isinstance(value, datetime) and value == value)  # noqa: PLR0124  NaT is not
    return date in kinds or len({time.tzinfo is None for time in times}) > 1


def in_json(name: str, array: pa.Array[Any], first: int) -> pa.Array[Any]:
    """Bring a column that is in Arrow to JSON."""
    return array if array.type == JSON else _json(name, array.to_pylist(), first)


def _json(name: str, values: list[Any], first: int) -> pa.Array[Any]:
    texts: list[str | None] = []
    for place, value in enumerate(values):
        try:
            text = orjson.dumps(plain(value, "utc")).decode()
        except ValidationError as error:
            problem = f"row {first + place + 1}: {error.problem}"
            raise ValidationError(field=f"column {name}", problem=problem) from None
        texts.append(None if text == "null" else text)
    return pa.array(texts, pa.string()).cast(JSON)


def tidy(name: str, array: pa.Array[Any]) -> pa.Array[Any]:
    """Bring a column to a type that all readers of Parquet agree on.

    Parameters
    ----------
    name : str
        The column's.
    array : Array
        Categories become their values, times with a zone UTC; nanoseconds are cut to microseconds. Inside of objects
        and lists, too.

    Raises
    ------
    ValidationError
        It holds lengths of time, which have no form in JSON.
    """
    if pa.types.is_dictionary(array.type):
        array = tidy(name, array.dictionary).take(array.indices)
    kind = array.type
    is_span = isinstance(kind, pa.BaseExtensionType) and "pandas" in kind.extension_name
    if pa.types.is_duration(kind) or pa.types.is_interval(kind) or is_span:
        problem = "lengths of time and spans have no form in JSON; make them numbers or texts"
        raise ValidationError(field=f"column {name}", problem=problem)
    if pa.types.is_struct(kind) and not kind.num_fields:
        return pa.nulls(len(array))  # Parquet cannot hold it, and there is nothing in it
    common = _common(kind)
    try:
        return array if common == kind else array.cast(common, safe=False)
    except pa.ArrowNotImplementedError:
        problem = f"what it holds cannot be written down ({kind}); make it texts"
        raise ValidationError(field=f"column {name}", problem=problem) from None


def _common(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911  one line a kind
    """Give the type that readers of Parquet agree on, of what is inside of it too."""
    if pa.types.is_timestamp(kind):
        return _NAIVE if kind.tz is None else _UTC
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_dictionary(kind):
        return _common(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = _common(kind.value_type)
        return kind if inside == kind.value_type else pa.list_(inside)
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        inner = [_common(field.type) for field in fields]
        if any(one != field.type for one, field in zip(inner, fields, strict=True)):
            return pa.struct([(field.name, one) for one, field in zip(inner, fields, strict=True)])
    return kind


def united(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Give the type that holds both: a wider number where they are numbers, else JSON.

    Examples
    --------
    >>> str(united(pa.int64(), pa.float64())), united(pa.int64(), pa.string()) == JSON
    ('double', True)
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if JSON in {one, other} or pa.types.is_binary(one) != pa.types.is_binary(other):
        return JSON
    try:
        fields = [pa.schema([pa.field("it", kind)]) for kind in (one, other)]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return JSON
