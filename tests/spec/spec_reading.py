"""Reads schemas for what they say about members, however they spell it: by reference, allOf, oneOf or anyOf."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce
from typing import Any

Json = dict[str, Any]

UNION = ("oneOf", "anyOf")
NO_BOUNDS = (None, None)


@dataclass(frozen=True)
class Member:
    """What a schema allows at one path. ``None`` is no restriction."""

    type: str | None
    format: str | None = None
    values: frozenset[str] | None = None
    bounds: tuple[Any, Any] = NO_BOUNDS

    def narrowed(self, other: "Member") -> "Member":
        values = self.values if other.values is None else other.values
        if self.values is not None and other.values is not None:
            values = self.values & other.values
        bounds = other.bounds if self.bounds == NO_BOUNDS else self.bounds
        return Member(self.type or other.type, self.format or other.format, values, bounds)

    def widened(self, other: "Member") -> "Member":
        values = None if self.values is None or other.values is None else self.values | other.values
        return Member(
            self.type if self.type == other.type else None,
            self.format if self.format == other.format else None,
            values,
            self.bounds if self.bounds == other.bounds else NO_BOUNDS,
        )


Members = dict[str, Member]


def resolve(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        target: Any = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        schema = target
    return schema


def members(document: Json, schema: Json) -> Members:
    """Every path below a schema; ``[]`` steps into the items of an array, ``{}`` into the values of a mapping."""
    schema = resolve(document, schema)
    found: Members = {}
    for name, value in schema.get("properties", {}).items():
        if isinstance(value, list):
            # The vendor once wrote allOf among the properties instead of beside them.
            found = reduce(_narrow, (members(document, part) for part in value), found)
        else:
            found = _narrow(found, _member(document, name, value))
    for step, keyword in (("[]", "items"), ("{}", "additionalProperties")):
        inner = schema.get(keyword)
        # The vendor describes its open objects by an additionalProperties that says nothing of their type.
        if isinstance(inner, dict) and (keyword == "items" or "type" in inner):
            found = _narrow(found, _member(document, step, inner))
    found = reduce(_narrow, (members(document, part) for part in schema.get("allOf", ())), found)
    for keyword in UNION:
        branches = [members(document, branch) for branch in _branches(schema, keyword)]
        found = _narrow(found, reduce(_widen, branches, {}))
    return found


def required(document: Json, schema: Json, prefix: str = "") -> set[str]:
    """The paths that their parent cannot do without, whether or not the parent itself is required."""
    schema = resolve(document, schema)
    found = {prefix + name for name in schema.get("required", ())}
    for name, value in schema.get("properties", {}).items():
        for part in value if isinstance(value, list) else [value]:
            inner = prefix if isinstance(value, list) else f"{prefix}{name}."
            found |= required(document, part, inner)
    if isinstance(items := schema.get("items"), dict):
        found |= required(document, items, prefix.removesuffix(".") + "[].")
    for part in schema.get("allOf", ()):
        found |= required(document, part, prefix)
    for keyword in UNION:
        if branches := [required(document, branch, prefix) for branch in _branches(schema, keyword)]:
            found |= set.intersection(*branches)
    return found


def vendor_key(name: str, reading: Json) -> str:
    """What the vendor calls the schema of this name: listed, or the same words in snake case."""
    return str(reading["schemas"].get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())


def strings(node: Any, keys: Iterable[str]) -> Iterator[str]:
    """The strings that stand under any of these keys, anywhere in a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            else:
                yield from strings(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, keys)


def listed(path: str, entries: Iterable[Json], owner: str) -> bool:
    """Whether a list of reasons speaks of this path of this schema; both are patterns there."""
    return any(
        fnmatchcase(owner, entry["schema"]) and any(fnmatchcase(path, pattern) for pattern in entry["paths"])
        for entry in entries
    )


def _branches(schema: Json, keyword: str) -> list[Json]:
    # A branch that only names required members, with no type of its own, says nothing about what members there are.
    return [branch for branch in schema.get(keyword, ()) if not branch.keys() <= {"required", "properties"}]


def _member(document: Json, name: str, schema: Json) -> Members:
    target = resolve(document, schema)
    values = [target["const"]] if "const" in target else target.get("enum")
    bounds = (target.get("minimum"), target.get("maximum"))
    own = Member(_type(document, target), target.get("format"), frozenset(values) if values else None, bounds)
    below = members(document, target)
    return {name: own} | {name + ("" if path[0] in "[{" else ".") + path: inner for path, inner in below.items()}


def _type(document: Json, schema: Json) -> str | None:
    if "type" in schema:
        return str(schema["type"])
    parts = [part for key in ("allOf", *UNION) for part in schema.get(key, ())]
    kinds = {_type(document, resolve(document, part)) for part in parts}
    return kinds.pop() if len(kinds) == 1 else None


def _narrow(one: Members, other: Members) -> Members:
    return one | {path: one[path].narrowed(member) if path in one else member for path, member in other.items()}


def _widen(one: Members, other: Members) -> Members:
    return one | {path: one[path].widened(member) if path in one else member for path, member in other.items()}
