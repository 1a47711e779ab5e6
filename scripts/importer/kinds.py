"""Whether the fixed parts of an OpenAPI document are of the kinds that the passes count on."""

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from scripts.generator.spec import SHAPES
from scripts.importer.document import KINDS_OF_COMPONENTS, MARK, METHODS, Json, SourceError, is_array, is_object
from scripts.importer.references import Place, follow, path_in, path_of

__all__ = ["check_kinds"]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def _each(kind: str, keywords: str) -> dict[str, str]:
    return dict.fromkeys(keywords.split(), kind)


_PARAMETER = {"schema": "schema", "content": "media{}"}

KINDS: dict[str, dict[str, str]] = {
    "document": {
        "info": "info",
        "servers": "server[]",
        "security": "text[]{}[]",
        "tags": "tag[]",
        "x-limits": "limit{}",
        "paths": "paths",
        "webhooks": "path{}",
        "components": "components",
    },
    "info": _each("text", "title description version"),
    "server": {"url": "url", "variables": "object{}"},
    "tag": {"name": "text"},
    "path": {"servers": "server[]", "parameters": "parameter[]"} | dict.fromkeys(METHODS, "operation"),
    "operation": {
        "tags": "text[]",
        "operationId": "text",
        "parameters": "parameter[]",
        "requestBody": "body",
        "responses": "answers",
        "callbacks": "path{}{}",
        "deprecated": "flag",
        "security": "text[]{}[]",
        "servers": "server[]",
    },
    "parameter": {"name": "text", "in": "place", "required": "flag", **_PARAMETER},
    "header": _PARAMETER,
    "body": {"required": "flag", "content": "media{}"},
    "media": {"schema": "schema", "encoding": "object{}"},
    "response": {"headers": "header{}", "content": "media{}"},
    "components": KINDS_OF_COMPONENTS | {"examples": "object{}", "links": "object{}"},
    "scheme": _each("text", "type scheme name in bearerFormat openIdConnectUrl") | {"x-key-pattern": "pattern"},
    "schema": _each("number", "minimum maximum multipleOf")
    | _each("bound", "exclusiveMinimum exclusiveMaximum")
    | _each("count", "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains")
    | _each("flag", "nullable readOnly writeOnly deprecated uniqueItems x-batchable")
    | _each("schema", "items not contains propertyNames if then else contentSchema")
    | _each("schema", "unevaluatedItems unevaluatedProperties")
    | _each("schema{}", "patternProperties dependentSchemas $defs")
    | _each("schema[]", "allOf prefixItems")
    | _each("alternatives", "anyOf oneOf")
    | {
        "type": "types",
        "title": "text",
        "format": "text",
        "pattern": "pattern",
        "enum": "values",
        "required": "names",
        "properties": "members",
        "additionalProperties": "mapping",
        MARK: "mark",
    },
    "mark": _each("text", "name source family") | {"shape": "shape", "aliases": "text[]", "context": "schema"},
    "object": {},
}
"""Of which kind the parts of each kind of object are: ``{}`` is a mapping of that kind, ``[]`` an array.

What is no key here is one of `VALUES`, or of the few kinds that `_parts` knows.
"""

EXTENSIBLE = {"paths": "path", "answers": "response"}
"""Mappings of a kind in which a name that starts with ``x-`` is an extension."""

REQUIRED = {
    "server": ("url",),
    "tag": ("name",),
    "parameter": ("name", "in"),
    "body": ("content",),
    "scheme": ("type",),
    "mark": ("name", "family", "shape"),
}
"""What an object must have, unless it is a reference to one that has."""

REMARKS = frozenset({"default", "const", "description", "example", "examples", "discriminator", "externalDocs"})
"""Keywords of any kind that may have slipped in among the members of an object, from where `tidy` takes them."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_limit(value: Any) -> bool:
    return all(map(_is_number, value.values())) if is_object(value) else _is_number(value)


def _is_url(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # A port that is none is found when it is asked for.
        _ = urlsplit(value).port
    except ValueError:
        return False
    return True


def _is_pattern(value: Any) -> bool:
    if not _is_text(value):
        return False
    # Two things that JavaScript, whose patterns these are, writes otherwise than Python.
    pattern = re.sub(r"\\[pP]\{[^{}]*\}", r"\\w", re.sub(r"\(\?<(?![=!])", "(?P<", value))
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _are_types(value: Any) -> bool:
    return bool(value) and all(kind in TYPES for kind in (value if is_array(value) else [value]))


def _are_names(value: Any) -> bool:
    return isinstance(value, bool) or (is_array(value) and all(map(_is_text, value)))


def _are_values(value: Any) -> bool:
    return is_array(value) and bool(value) and not any(is_object(one) or is_array(one) for one in value)


VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a text", _is_text),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "number": ("a number", _is_number),
    "bound": ("a number", lambda value: _is_number(value) or isinstance(value, bool)),
    "count": ("a whole number, 0 or more", lambda value: _is_number(value) and isinstance(value, int) and value >= 0),
    "limit": ("a number, or an object of numbers", _is_limit),
    "url": ("a URL", _is_url),
    "pattern": ("a regular expression that compiles", _is_pattern),
    "types": (f"one of {', '.join(TYPES)}, or an array of them", _are_types),
    "names": ("an array of names", _are_names),
    "values": ("an array of one or more texts, numbers, true, false or null", _are_values),
    "place": ("query, header, path or cookie", ("query", "header", "path", "cookie").__contains__),
    "shape": (" or ".join(SHAPES), SHAPES.__contains__),
}
"""Kinds of single values: what such a value must be, and whether one is."""


class _Part(NamedTuple):
    value: Any
    kind: str
    place: Place


def check_kinds(document: Json) -> None:
    """Refuse what would make a later pass stumble. Where a reference leads to, the same kind must be.

    Raises
    ------
    SourceError
        Something is of another kind than it must be; the message names the place.
    """
    seen: set[tuple[int, str]] = set()
    waiting = [_Part(document, "document", None)]
    while waiting:
        part = waiting.pop()
        if is_object(part.value) or is_array(part.value):
            # What many refer to is looked at once.
            if (id(part.value), part.kind) in seen:
                continue
            seen.add((id(part.value), part.kind))
        waiting += [*_parts(document, part)][::-1]


def _parts(document: Json, part: _Part) -> Iterator[_Part]:
    """Check a value itself, and yield what is in it with the kind that it must be of."""
    value, kind, place = part
    if kind in VALUES:
        must_be, is_so = VALUES[kind]
        if not is_so(value):
            raise _refusal(place, f"must be {must_be}")
    elif kind.endswith("[]"):
        if not is_array(value):
            raise _refusal(place, "must be an array")
        yield from (_Part(entry, kind[:-2], (place, str(index))) for index, entry in enumerate(value))
    elif kind == "alternatives":
        if value == []:
            raise _refusal(place, "must have at least one alternative")
        yield _Part(value, "schema[]", place)
    elif kind in ("schema", "mapping") and isinstance(value, bool):
        return
    elif kind == "mapping" and value is None:
        # Some say in this way that they say nothing.
        return
    elif not is_object(value):
        raise _refusal(place, "must be an object" + (", not null; an empty one is {}" if value is None else ""))
    else:
        yield from _inside(document, value, kind, place)


def _inside(document: Json, value: Json, kind: str, place: Place) -> Iterator[_Part]:
    """Yield what is in an object."""
    if kind == "members":
        yield from (_member(name, member, place) for name, member in value.items())
        return
    if kind == "schema{}" and place and place[1] == "patternProperties":
        yield from (_Part(name, "pattern", (place, name)) for name in value)
    is_reference = isinstance(target := value.get("$ref"), str)
    if isinstance(target, str) and is_object(found := follow(document, target)):
        yield _Part(found, kind, path_in(target))
    if kind.endswith("{}"):
        yield from (_Part(entry, kind[:-2], (place, name)) for name, entry in value.items() if not is_reference)
        return
    if kind in EXTENSIBLE:
        names = (name for name in value if not name.startswith("x-"))
        yield from (_Part(value[name], EXTENSIBLE[kind], (place, name)) for name in names)
        return
    keywords = KINDS["schema" if kind in ("component", "mapping") else kind]
    for key in () if is_reference else REQUIRED.get(kind, ()):
        if key not in value:
            raise _refusal(place, f"{key} is missing")
    for key, kind_of_part in keywords.items():
        if key in value:
            yield _Part(value[key], kind_of_part, (place, key))


def _member(name: str, member: Any, place: Place) -> _Part:
    """Return a member of a schema, or a keyword of the schema that has slipped in among its members."""
    if is_object(member) or (isinstance(member, bool) and KINDS["schema"].get(name) != "flag"):
        return _Part(member, "schema", (place, name))
    if name in REMARKS or name.startswith("x-"):
        return _Part({}, "object", (place, name))
    return _Part(member, KINDS["schema"].get(name, "schema"), (place, name))


def _refusal(place: Place, problem: str) -> SourceError:
    return SourceError(f"{path_of(place)}: {problem}")
