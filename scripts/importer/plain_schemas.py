"""Says what plain schemas that hold at once allow: of each, only what it says without the help of other schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.importer.document import UNIONS, Json, is_array, is_object

__all__ = [
    "ITEMS",
    "VALUES",
    "Alternative",
    "Member",
    "at_once",
    "may_be_object",
    "members_of",
    "names_needed_by",
    "one_of",
]

_TYPES = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_BOUNDS = (*_LOWER, *_UPPER, "pattern", "multipleOf", "uniqueItems")

_SPEAKING = frozenset(
    ("$ref", "type", "enum", "const", "properties", "items", "additionalProperties", "allOf", *UNIONS)
)
"""Keywords that make the values of an open object more than values."""

_NULL_ONLY = frozenset(("null",))

ITEMS, VALUES = "[]", "{}"
"""The steps of a path into the items of an array and into the values of a mapping."""


@dataclass(frozen=True)
class Member:
    """What a schema allows at one path. ``None`` is no restriction."""

    types: frozenset[str] | None = None
    format: str | None = None
    values: frozenset[str] | None = None
    bounds: Mapping[str, Any] = field(default_factory=dict[str, Any])


Alternative = tuple[Json, ...]
"""Plain schemas that hold at once."""


def at_once(alternative: Alternative) -> Member | None:
    """Say what plain schemas allow together, None if nothing satisfies them all."""
    types: frozenset[str] | None = None
    values: frozenset[str] | None = None
    format_: str | None = None
    bounds: dict[str, Any] = {}
    for schema in alternative:
        own_types, own_values = _types(schema), _values(schema)
        types = own_types if types is None else types if own_types is None else _both_types(types, own_types)
        values = own_values if values is None else values if own_values is None else values & own_values
        format_ = format_ or (schema["format"] if isinstance(schema.get("format"), str) else None)
        for keyword, value in _bounds(schema).items():
            bounds[keyword] = _tighter(keyword, value, bounds.get(keyword, value))
    if types == frozenset() or values == frozenset():
        return None
    return Member(types, format_, values, bounds)


def one_of(one: Member, other: Member) -> Member:
    """Say what is allowed where one or the other is."""
    types = None if one.types is None or other.types is None else one.types | other.types
    if types and "number" in types:
        types -= {"integer"}
    if _NULL_ONLY in (one.types, other.types):
        # Whether it may be null is a matter of the type: it adds no value.
        values = other.values if one.types == _NULL_ONLY else one.values
    else:
        values = None if one.values is None or other.values is None else one.values | other.values
    shared = one.bounds.keys() & other.bounds.keys()
    bounds = {keyword: one.bounds[keyword] for keyword in shared if one.bounds[keyword] == other.bounds[keyword]}
    return Member(types, one.format if one.format == other.format else None, values, bounds)


def _types(schema: Json) -> frozenset[str] | None:
    stated = schema.get("type")
    kinds: list[Any] = stated if is_array(stated) else [stated]
    found = frozenset(kind for kind in _TYPES if kind in kinds)
    if not found:
        return None
    return found | {"null"} if schema.get("nullable") is True else found


def _both_types(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    # Every integer is a number.
    if ("integer" in one and "number" in other) or ("number" in one and "integer" in other):
        return (one & other) | {"integer"}
    return one & other


def _values(schema: Json) -> frozenset[str] | None:
    """Return the values of an enum as text: YAML and people confuse 1 with "1". Null is a matter of the type."""
    stated = [schema["const"]] if "const" in schema else schema.get("enum")
    if not is_array(stated):
        return None
    return frozenset(
        str(value).lower() if isinstance(value, bool) else str(value) for value in stated if value is not None
    )


def _bounds(schema: Json) -> dict[str, Any]:
    found = {keyword: schema[keyword] for keyword in _BOUNDS if keyword in schema}
    if schema.get("additionalProperties") is False:
        found["additionalProperties"] = False
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        # So OpenAPI 3.0 says it.
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and inclusive in found:
            found[exclusive] = found.pop(inclusive)
    return found


def _tighter(keyword: str, one: Any, other: Any) -> Any:
    if keyword in _LOWER:
        return max(one, other)
    return min(one, other) if keyword in _UPPER else other


def members_of(alternative: Alternative) -> dict[str, list[Any]]:
    """Return the members that plain schemas have together, for each what they say of it."""
    found = _members_named_by(alternative)
    for schema in alternative:
        further = schema.get("additionalProperties")
        # A pattern names members as well: which, nobody asks here.
        if "patternProperties" in schema or (further is not False and not _speaks(further)):
            continue
        # It holds for the members that this schema does not name, whoever else does.
        for name in found.keys() - _members_named_by((schema,)).keys() - {ITEMS, VALUES}:
            if further is False:
                del found[name]
            else:
                found[name].append(further)
    return found


def _members_named_by(alternative: Alternative) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for schema in alternative:
        named = schema.get("properties")
        for name, value in named.items() if is_object(named) else ():
            if is_object(value) and name != "additionalProperties":
                found.setdefault(name, []).append(value)
            elif _speaks(value):
                found.setdefault(VALUES, []).append(value)
        for step, keyword in ((ITEMS, "items"), (VALUES, "additionalProperties")):
            inner = schema.get(keyword)
            # The vendor describes its open objects by an additionalProperties that says nothing of their type.
            if _speaks(inner) or (step == ITEMS and is_object(inner)):
                found.setdefault(step, []).append(inner)
    return found


def _speaks(schema: Any) -> bool:
    return is_object(schema) and bool(schema.keys() & _SPEAKING)


def names_needed_by(alternative: Alternative) -> frozenset[str]:
    """Return the members that an object of plain schemas needs."""
    found: set[str] = set()
    for schema in alternative:
        names, named = schema.get("required"), schema.get("properties")
        found.update(name for name in (names if is_array(names) else ()) if isinstance(name, str))
        for name, member in named.items() if is_object(named) else ():
            if is_object(member) and member.get("required") is True:
                found.add(name)
    return frozenset(found)


def may_be_object(alternative: Alternative) -> bool:
    """Tell whether an object is allowed."""
    return all(types is None or "object" in types for types in map(_types, alternative))
