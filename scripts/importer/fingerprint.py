"""Tells whether two schemas say the same, whatever their parts are called and in whatever order they stand."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scripts.importer.document import (
    LISTS_OF_SCHEMAS,
    MAPS_OF_SCHEMAS,
    MARK,
    SCHEMAS,
    UNIONS,
    Json,
    is_array,
    is_object,
    reference_to,
    schemas_of,
)
from scripts.importer.values import text_of

UNSAID = frozenset(("title", MARK, "x-batchable"))
"""Keywords that say nothing of the values a schema takes."""


class Fingerprints:
    """Fingerprints of schemas: equal for schemas that say the same.

    Parameters
    ----------
    read : callable
        Returns what a schema says, following its ``$ref``; the reference itself where that cannot be told yet.
    """

    def __init__(self, read: Callable[[Json], Json]) -> None:
        self._read = read
        self._known: dict[str, str] = {}

    def of(self, schema: Json) -> str:
        """Return the fingerprint of a schema."""
        return self._of(schema, {})

    def _of(self, schema: Json, within: Mapping[str, str]) -> str:
        target = schema.get("$ref")
        if not isinstance(target, str):
            return self._plain(schema, within)
        if target in within:
            return within[target]
        if target not in self._known:
            below = self._below(target)
            if any("$ref" in self._read({"$ref": name}) for name in (target, *below)):
                # It is not complete: what it will be is known by its name alone, and not for good.
                return target
            self._known |= self._of_cycle(target, below)
        return self._known[target]

    def _of_cycle(self, target: str, below: set[str]) -> dict[str, str]:
        """Return the fingerprints of a component and of those that it is in a cycle with."""
        cycle = [name for name in below if target in self._below(name)] if target in below else []
        if not cycle:
            return {target: self._plain(self._read({"$ref": target}), {})}
        # As many rounds as there are members tell apart whatever can be told apart, by no member's name.
        prints = dict.fromkeys(cycle, "")
        for _ in cycle:
            prints = {name: self._plain(self._read({"$ref": name}), prints) for name in cycle}
        return prints

    def _below(self, target: str) -> set[str]:
        found: set[str] = set()
        waiting = [target]
        while waiting:
            for name in set(references_in(self._read({"$ref": waiting.pop()}))) - found - self._known.keys():
                found.add(name)
                waiting.append(name)
        return found

    def _plain(self, schema: Json, within: Mapping[str, str]) -> str:
        # A constant is its own default, and always sent.
        unsaid = UNSAID.union(("default", "readOnly") if "const" in schema else ())
        said = {
            key: self._value(key, value, within)
            for key, value in schema.items()
            if key not in unsaid and not (key == "properties" and not value)
        }
        if "required" in said:
            said["required"] = self._needed(schema)
        said = {key: value for key, value in said.items() if value != []}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def _value(self, key: str, value: Any, within: Mapping[str, str]) -> Any:
        if key in MAPS_OF_SCHEMAS and is_object(value):
            return {name: self._part(part, within) for name, part in value.items()}
        if key in LISTS_OF_SCHEMAS and is_array(value):
            parts = [self._part(part, within) for part in value]
            return sorted(parts) if key in (*UNIONS, "allOf") else parts
        if key in SCHEMAS:
            return self._part(value, within)
        if key in {"enum", "type"} and is_array(value):
            return sorted(map(text_of, value))
        return text_of(value)

    def _part(self, part: Any, within: Mapping[str, str]) -> str:
        return self._of(part, within) if is_object(part) else text_of(part)

    def _needed(self, schema: Json) -> list[str]:
        """Return what a schema requires besides constants, which are always there."""
        members = schema.get("properties", {})
        return sorted(
            {
                name
                for name in schema["required"]
                if not (is_object(member := members.get(name)) and "const" in self._read(member))
            }
        )


def references_in(schema: Any) -> Iterator[str]:
    """Yield what a schema and its parts refer to."""
    if not is_object(schema):
        return
    if isinstance(target := schema.get("$ref"), str):
        yield target
        return
    for key, value in schema.items():
        if key in MAPS_OF_SCHEMAS and is_object(value):
            parts = list(value.values())
        elif key in LISTS_OF_SCHEMAS and is_array(value):
            parts = value
        else:
            parts = [value] if key in SCHEMAS else []
        for part in parts:
            yield from references_in(part)


def endless(document: Json) -> frozenset[str]:
    """Return the references to component schemas that hold themselves."""
    below = {reference_to(name)["$ref"]: set(references_in(schema)) for name, schema in schemas_of(document).items()}
    found: set[str] = set()
    for start, first in below.items():
        seen: set[str] = set()
        waiting = [*first]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(below.get(name, ()))
        if start in seen:
            found.add(start)
    return frozenset(found)
