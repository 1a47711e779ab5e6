"""What a Python value is in JSON, for all that the encoder does not know by itself.

``to_json`` takes one step and is what the encoder calls; ``plain`` walks a whole call and knows where it is: it serves
the rare values that need more than a step, and finds the path of what cannot be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import fields
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from cio_facade.errors import ValidationError
from cio_facade.misfits import misfit

if TYPE_CHECKING:
    from cio_facade.config import NaivePolicy

__all__ = ["UnfitError", "iso", "plain", "step", "to_json"]

_DEEPEST = 100  # orjson stops at 254 levels, Python's stack may have little room left


class UnfitError(ValueError):
    """Why a value cannot be sent, in words that do not show it."""


def iso(value: datetime, naive: NaivePolicy) -> str | None:
    """ISO 8601 with an offset; None for pandas' NaT.

    Raises
    ------
    UnfitError
        The time has no zone and the policy is to refuse it, or no place in the calendar.
    """
    if value != value:  # noqa: PLR0124  NaT is the one datetime that differs from itself
        return None
    offset = value.utcoffset()
    if offset is None:
        if naive == "refuse":
            raise UnfitError(
                "has no time zone; add one (such as datetime.now(UTC)) or choose what that means (naive_timestamps=)"
            )
        value = value.replace(tzinfo=UTC if naive == "utc" else _local_zone(value))
        offset = value.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        # RFC 3339 knows no offsets of seconds, as local mean times have.
        try:
            value = value.astimezone(UTC)
        except (OverflowError, ValueError):
            raise UnfitError("has a time zone that takes it out of the calendar") from None
    return value.isoformat()


def _local_zone(value: datetime) -> tzinfo | None:
    try:
        # Of the parts: pandas does not let its own kind of time be converted without a zone.
        parts = value.year, value.month, value.day, value.hour, value.minute, value.second
        return datetime(*parts, fold=value.fold).astimezone().tzinfo
    except (OverflowError, ValueError, OSError):
        raise UnfitError("is not in the range of local times") from None


def to_json(value: Any, naive: NaivePolicy = "refuse") -> Any:
    """Take one step from a value towards JSON; what comes out may need another.

    Raises
    ------
    UnfitError
        The value has no form in JSON, or it is a time without a zone.
    """
    for kind, taken in _STEPS:
        if isinstance(value, kind):
            return taken(value, naive)
    for mark, taken in _MARKS:
        # What the class has: there are instances, such as mocks, that answer to any name.
        if hasattr(type(value), mark):  # pyright: ignore[reportUnknownArgumentType]
            return taken(value, naive)
    if type(value).__name__ == "NAType":  # pandas' NA, without importing pandas
        return None
    raise _no_form(value)


def _no_form(value: Any) -> UnfitError:
    return UnfitError(f"a {type(value).__name__} cannot be sent")


def _number(value: Decimal, _: NaivePolicy) -> Any:
    """Keep all digits; a float would round them."""
    return orjson.Fragment(str(value)) if value.is_finite() else None


def _in_order(values: Set[Any], _: NaivePolicy) -> list[Any]:
    """Turn a set into a list, in the same order in every run where the members have one."""
    try:
        return sorted(values)
    except (TypeError, ArithmeticError):  # members of several types, or a Decimal that is no number
        return sorted(values, key=lambda member: (type(member).__name__, str(member)))


def _from_array(value: Any, naive: NaivePolicy) -> Any:
    """Turn a numpy scalar or array, or a pandas one, into Python's own values."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is None or kind == "m":  # of durations, numpy would give whole numbers without their unit
        raise _no_form(value)
    if kind == "M" and not hasattr(value, "to_numpy"):
        # Numpy's nanoseconds would become whole numbers; microseconds become datetimes.
        value = value.astype("datetime64[us]")
    items = value.tolist()
    if type(items) is type(value):
        raise _no_form(value)
    return to_json(items, naive) if isinstance(items, datetime) else items


def _from_fields(value: Any, _: NaivePolicy) -> dict[str, Any]:
    named: Any = getattr(value, "__attrs_attrs__", None) or fields(value)
    return {field.name: getattr(value, field.name) for field in named}


_Step = Callable[[Any, "NaivePolicy"], Any]
_STEPS: tuple[tuple[type, _Step], ...] = (
    (datetime, iso),
    (date, lambda value, _: value.isoformat()),
    (Decimal, _number),
    (Enum, lambda value, _: value.value),
    (UUID, lambda value, _: str(value)),
    (Set, _in_order),
    (Mapping, lambda value, _: dict(value)),
    (int, lambda value, _: orjson.Fragment(str(int(value)))),  # beyond 64 bits the encoder gives up; JSON does not
)
_MARKS: tuple[tuple[str, _Step], ...] = (
    ("tolist", _from_array),
    ("to_dict", lambda value, _: value.to_dict()),
    ("__attrs_attrs__", _from_fields),
    ("__dataclass_fields__", _from_fields),
)


def plain(value: Any, naive: NaivePolicy, path: str = "", depth: int = 0) -> Any:
    """Turn a whole value into what JSON has.

    Raises
    ------
    ValidationError
        Names the path of what cannot be sent.
    """
    if depth > _DEEPEST:
        raise ValidationError(field=_short(path), problem=f"is nested deeper than {_DEEPEST} levels")
    match value:
        case None | bool() | orjson.Fragment():
            return value
        case str():
            return _text(value, path)
        case float():
            return float(value)
        case int() if -(2**63) <= value < 2**64:
            return int(value)
        case dict() | list() | tuple():
            return _inside(value, naive, path, depth + 1)
        case _:
            return plain(step(value, naive, path), naive, path, depth + 1)


def step(value: Any, naive: NaivePolicy, path: str) -> Any:
    """Take one step towards JSON, as `to_json` does, at a known place.

    Raises
    ------
    ValidationError
        Names the path of what cannot be sent.
    """
    try:
        return to_json(value, naive)
    except UnfitError as error:
        problem = str(error)
    except Exception as error:
        # What a value's own code says may show the value.
        problem = f"a {type(value).__name__} cannot be sent: {misfit(value) or f'it raised {type(error).__name__}'}"
    raise ValidationError(field=_short(path), problem=problem)


def _inside(value: Any, naive: NaivePolicy, path: str, depth: int) -> dict[str, Any] | list[Any]:
    if not isinstance(value, dict):
        return [plain(item, naive, f"{path}[{i}]", depth) for i, item in enumerate(value)]
    members = {
        (name := _key(key, naive, path)): plain(item, naive, f"{path}.{name}" if path else name, depth)
        for key, item in value.items()  # pyright: ignore[reportUnknownVariableType]
    }
    if len(members) < len(value):  # pyright: ignore[reportUnknownArgumentType]
        raise ValidationError(field=_short(path), problem="has several keys that are the same text")
    return members


def _text(value: str, path: str) -> str:
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError(field=_short(path), problem="holds half a character (a lone surrogate)") from None
    return text


def _key(key: Any, naive: NaivePolicy, path: str) -> str:
    """Turn a mapping's key into text: JSON has no other."""
    where = f"{path or 'message'} (a key)"
    if isinstance(key, str):
        return _text(key, where)
    found = plain(key, naive, where)
    if isinstance(found, (str, int)) and not isinstance(found, bool):
        return str(found)
    raise ValidationError(field=_short(path), problem=f"has a key of type {type(key).__name__}; keys are text")


def _short(path: str) -> str:
    return f"{path[:200]}..." if len(path) > 200 else path or "message"
