"""The API's specification: the document, and the parts of it that generation asks for by name."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, TypeGuard

Json = dict[str, Any]

COMPONENT = "#/components/schemas/"

MARK = "x-semantic-event"
"""The extension that makes a component schema an event."""

SHAPES = ("properties", "envelope")
"""Where an event's schema goes: into the ``properties`` of a track call, or it is the whole call."""


class SpecError(Exception):
    """Nothing can be generated from this document; the message says why in one line."""


def is_object(value: object) -> TypeGuard[Json]:
    """Tell whether a value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a value is a JSON array."""
    return isinstance(value, list)


@dataclass(frozen=True, slots=True)
class Event:
    """A semantic event: a component schema with that mark."""

    schema: str
    name: str
    family: str
    shape: str
    aliases: tuple[str, ...] = ()
    context: Json | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One POST: its path and the component schema of its body."""

    path: str
    schema: str


@dataclass(frozen=True)
class Spec:
    """The document, read once and never changed."""

    document: Json

    @classmethod
    def read(cls, path: Path) -> "Spec":
        """Read a document from a JSON file.

        Raises
        ------
        SpecError
            The file cannot be read, is not JSON, or is not an OpenAPI 3.1 document.
        """
        try:
            document = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SpecError(f"cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise SpecError(f"is not JSON: {error}") from error
        if not is_object(document) or not str(document.get("openapi", "")).startswith("3.1."):
            raise SpecError("is not an OpenAPI 3.1 document")
        return cls(document)

    def at(self, *path: str, of: type | UnionType = dict) -> Any:
        """Return what stands at a path of keys from the root, of that type, or fail naming the path."""
        return at(self.document, *path, of=of)

    @property
    def schemas(self) -> dict[str, Json]:
        """The component schemas by name."""
        found: dict[str, Json] = self.at("components", "schemas")
        return found

    def resolve(self, schema: Json) -> Json:
        """Follow a schema's ``$ref`` to the component that it names."""
        while (target := schema.get("$ref")) is not None:
            name = str(target).removeprefix(COMPONENT)
            if name not in self.schemas:
                raise SpecError(f"{target}: there is no such component")
            schema = self.schemas[name]
        return schema

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The semantic events, by family and schema name."""
        marked = {name: at(schema, MARK, where=f"{name}.") for name, schema in self.schemas.items() if MARK in schema}
        events = (_event(name, mark) for name, mark in marked.items())
        return tuple(sorted(events, key=lambda event: (event.family, event.schema)))

    def parts(self, event: Event) -> set[str]:
        """Return the component schemas that an event is made of, itself included."""
        found = {event.schema}
        waiting: list[object] = [self.schemas[event.schema], event.context]
        while waiting:
            for name in set(_references(waiting.pop())) - found:
                found.add(name)
                waiting.append(self.schemas[name])
        return found

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The POST operations whose body is a component."""
        return tuple(_operations(self.at("paths")))


def find(tree: object, *path: str) -> Any:
    """Return what stands at a path of keys inside a tree, None where nothing does."""
    for key in path:
        tree = tree.get(key) if is_object(tree) else None
    return tree


def at(tree: Json, *path: str, of: type | UnionType = dict, where: str = "") -> Any:
    """Return what stands at a path of keys inside a tree, of that type, or fail naming the path."""
    found = find(tree, *path)
    place = where + ".".join(path)
    if found is None:
        raise SpecError(f"{place}: is missing")
    # True is an int to isinstance, but no number of bytes.
    if not isinstance(found, of) or isinstance(found, bool):
        raise SpecError(f"{place}: is no {getattr(of, '__name__', of)}")
    return found


def _references(tree: object) -> Iterator[str]:
    """Yield the names of the component schemas that a tree refers to."""
    if is_object(tree):
        if isinstance(target := tree.get("$ref"), str):
            yield target.removeprefix(COMPONENT)
        tree = list(tree.values())
    if is_array(tree):
        for item in tree:
            yield from _references(item)


def _event(schema: str, mark: Json) -> Event:
    place = f"{schema}.{MARK}."
    name, family, shape = (at(mark, key, of=str, where=place) for key in ("name", "family", "shape"))
    if shape not in SHAPES:
        raise SpecError(f"{place}shape: {shape!r} is none of {', '.join(SHAPES)}")
    return Event(schema, name, family, shape, tuple(mark.get("aliases", ())), mark.get("context"))


def _operations(paths: Mapping[str, Json]) -> Iterator[Operation]:
    for path, item in paths.items():
        target = find(item, "post", "requestBody", "content", "application/json", "schema", "$ref")
        if target is not None:
            yield Operation(path, str(target).removeprefix(COMPONENT))
