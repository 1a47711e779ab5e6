"""What two schemas say at once, keyword by keyword, as far as no keyword holds a schema that both must meet."""

from collections.abc import Callable
from typing import Any

from scripts.importer.document import Json, SourceError
from scripts.importer.values import is_of, text_of, types_of


class ImpossibleError(SourceError):
    """Parts of an ``allOf`` cannot hold at once."""


class NoValueError(ImpossibleError):
    """Parts of an ``allOf`` choose values, and none that they share."""


ANNOTATIONS = {"default", "readOnly", "writeOnly", "deprecated"}
"""Keywords that say nothing of the values a schema takes."""

FLAGS = ("readOnly", "writeOnly", "deprecated")

BOUNDS: dict[str, Callable[..., Any]] = {
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
    "maxProperties": min,
}
"""Of two bounds that must both hold, which one decides."""


def both_keywords(one: Json, other: Json) -> Json:
    """Return the keywords of what satisfies both; schemas that both have are for the caller to merge.

    Raises
    ------
    ImpossibleError
        Nothing satisfies both.
    SourceError
        Both have a keyword, other than each other, that cannot be said twice.
    """
    found: Json = {**other, **one}
    for keyword in one.keys() & other.keys():
        if keyword in BOUNDS:
            found[keyword] = BOUNDS[keyword](one[keyword], other[keyword])
        elif keyword in COMBINED:
            found[keyword] = COMBINED[keyword](one[keyword], other[keyword])
        elif text_of(one[keyword]) != text_of(other[keyword]) and keyword not in {*ANNOTATIONS, "enum", "const"}:
            raise SourceError(f"allOf: two values of {keyword} at once")
    if "default" in one and "default" in other and text_of(one["default"]) != text_of(other["default"]):
        del found["default"]
    if {*one} - ANNOTATIONS and {*other} - ANNOTATIONS:
        # What one part marks as the server's to set, and another does not, callers may set.
        found = {key: value for key, value in found.items() if key not in FLAGS or (one.get(key) and other.get(key))}
    return _fitting(found, _values(one, other))


def _types(one: Any, other: Any) -> Any:
    mine, theirs = types_of(one), types_of(other)
    found = mine & theirs
    for these, those in ((mine, theirs), (theirs, mine)):
        if "integer" in these and "number" in those:
            found.add("integer")
    if not found:
        text = " and ".join(" or ".join(sorted(types)) for types in (mine, theirs))
        raise ImpossibleError(f"allOf: nothing is {text} at once")
    return found.pop() if len(found) == 1 else sorted(found)


def _multiples(one: Any, other: Any) -> Any:
    larger, smaller = max(one, other), min(one, other)
    if larger % smaller:
        raise SourceError("allOf: two values of multipleOf at once")
    return larger


def _dependencies(one: Any, other: Any) -> Any:
    return {name: sorted({*one.get(name, ()), *other.get(name, ())}) for name in {**one, **other}}


COMBINED: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "required": lambda one, other: sorted({*one, *other}),
    "uniqueItems": lambda one, other: one or other,
    "multipleOf": _multiples,
    "dependentRequired": _dependencies,
    "not": lambda one, other: one if text_of(one) == text_of(other) else {"anyOf": [one, other]},
}
"""How two values of a keyword come to one that says both."""


def _values(one: Json, other: Json) -> list[Any] | None:
    """Return the values that both allow, None when neither lists any."""
    lists = [[schema["const"]] if "const" in schema else schema.get("enum") for schema in (one, other)]
    mine, theirs = lists
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    also = {text_of(value) for value in theirs}
    return [value for value in mine if text_of(value) in also]


def _fitting(schema: Json, values: list[Any] | None) -> Json:
    """Leave out the values, and the default, that the rest of a schema rules out."""
    types = schema.get("type")
    found = {key: value for key, value in schema.items() if key not in {"enum", "const"}}
    if values is not None:
        left = [value for value in values if types is None or is_of(value, types)]
        if not left:
            raise NoValueError("allOf: no value is left that all its parts allow")
        found |= {"const": left[0]} if len(left) == 1 else {"enum": left}
        values = left
    if "default" in found and not (
        (types is None or is_of(found["default"], types))
        and (values is None or text_of(found["default"]) in map(text_of, values))
    ):
        del found["default"]
    return found
