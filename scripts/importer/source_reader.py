"""Asks what a schema allows, however it is spelled.

It shares nothing with the passes and rewrites no schema. To it a schema is a list of alternatives, each a list of
plain schemas that hold at once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from math import prod
from typing import Any

from scripts.importer.document import METHODS, UNIONS, Json, SourceError, is_array, is_object
from scripts.importer.plain_schemas import (
    Alternative,
    Member,
    at_once,
    may_be_object,
    members_of,
    names_needed_by,
    one_of,
)

__all__ = ["ObjectView", "Reader", "View", "at", "common", "operations", "request_schemas"]

_MOST = 10_000
"""Alternatives of one schema: nobody means more, and a file may be made to ruin whoever reads it."""

_NULL: Json = {"type": "null"}


class Reader:
    """Reads the schemas of one document, each once."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._alternatives: dict[int, tuple[Alternative, ...]] = {}
        self._views: dict[tuple[tuple[int, ...], ...], View] = {}

    def view(self, *schemas: Any) -> "View":
        """Return what these schemas allow, all at once."""
        return self.of(self._together(map(self.alternatives, schemas)))

    def either(self, choices: Iterable[Iterable[Any]]) -> "View":
        """Return what one or another choice of schemas allows."""
        return self.of(one for schemas in choices for one in self._together(map(self.alternatives, schemas)))

    def of(self, alternatives: Iterable[Alternative]) -> "View":
        """Return what one or another of these alternatives allows."""
        distinct = {tuple(map(id, one)): one for one in alternatives}
        return self._views.setdefault(tuple(distinct), View(self, tuple(distinct.values())))

    def alternatives(self, schema: Any) -> tuple[Alternative, ...]:
        """Return the alternatives that a schema consists of."""
        if not is_object(schema):
            return ((),)
        known = self._alternatives.get(id(schema))
        if known is None:
            # A schema that is part of itself says nothing more the second time.
            self._alternatives[id(schema)] = ((),)
            known = self._alternatives[id(schema)] = self._read(schema)
        return known

    def _read(self, schema: Json) -> tuple[Alternative, ...]:
        parts: list[tuple[Alternative, ...]] = [((schema,),)]
        if isinstance(target := schema.get("$ref"), str):
            parts.append(self.alternatives(self.resolve(target)))
        parts += [self.alternatives(part) for part in _objects(schema.get("allOf"))]
        named = schema.get("properties")
        # A keyword among the members is meant to stand beside them.
        parts += [self.alternatives(part) for part in _objects(named.get("allOf") if is_object(named) else None)]
        for union in UNIONS:
            if branches := _objects(schema.get(union)):
                null = [_NULL] if schema.get("nullable") is True and "type" not in schema else []
                parts.append(tuple(one for branch in [*branches, *null] for one in self.alternatives(branch)))
        return self._together(parts)

    @staticmethod
    def _together(parts: Iterable[Sequence[Alternative]]) -> tuple[Alternative, ...]:
        several = list(parts)
        if prod(map(len, several)) > _MOST:
            raise SourceError(f"a schema has more than {_MOST} alternatives")
        found = {
            tuple(map(id, flat)): flat
            for choice in product(*several)
            for flat in [tuple({id(one): one for chosen in choice for one in chosen}.values())]
        }
        return tuple(found.values())

    def resolve(self, target: str) -> Any:
        """Return what a reference names, nothing where it leads nowhere."""
        found: Any = self.document
        for key in target.removeprefix("#/").split("/"):
            found = found.get(key.replace("~1", "/").replace("~0", "~")) if is_object(found) else None
        return found

    def resolved(self, node: Any) -> Json:
        """Follow the reference of a parameter, a body or a response."""
        for _ in range(10):
            if not is_object(node) or not isinstance(node.get("$ref"), str):
                break
            node = self.resolve(node["$ref"])
        return node if is_object(node) else {}


class View:
    """What stands at one path: the alternatives there are."""

    def __init__(self, reader: Reader, alternatives: tuple[Alternative, ...]) -> None:
        self._reader = reader
        self.alternatives = alternatives
        self._parts: dict[str, View] = {}

    @cached_property
    def member(self) -> Member:
        """What is allowed here, members aside."""
        each = [found for one in self.alternatives if (found := at_once(one)) is not None]
        return reduce(one_of, each) if each else Member()

    @property
    def is_possible(self) -> bool:
        """Whether any value is allowed, members aside."""
        return any(at_once(one) is not None for one in self.alternatives)

    @cached_property
    def steps(self) -> dict[str, list[list[Any]]]:
        """The names of members, for each the schemas that every alternative has of it."""
        found: dict[str, list[list[Any]]] = {}
        for alternative in self.alternatives:
            for name, schemas in members_of(alternative).items():
                found.setdefault(name, []).append(schemas)
        return found

    def part(self, name: str) -> "View":
        """Return what stands at a member."""
        if name not in self._parts:
            self._parts[name] = self._reader.either(self.steps[name])
        return self._parts[name]

    @cached_property
    def names_needed(self) -> list[frozenset[str]]:
        """The members that an object of each alternative needs."""
        return [names_needed_by(one) for one in self.alternatives if may_be_object(one)]

    @cached_property
    def objects(self) -> list["ObjectView"]:
        """What an object of each alternative has."""
        found = (self._object(one) for one in self.alternatives if may_be_object(one))
        return [one for one in found if one is not None]

    def _object(self, alternative: Alternative) -> "ObjectView | None":
        needed, preset = set(names_needed_by(alternative)), set[str]()
        values: dict[str, frozenset[str]] = {}
        for name, schemas in members_of(alternative).items():
            inner = self._reader.view(*schemas)
            if name in needed and not inner.is_possible:
                return None
            if inner.is_preset:
                preset.add(name)
            if inner.member.values is not None:
                values[name] = inner.member.values
            preset |= {f"{name}.{below}" for below in inner.names_preset}
            if name in needed:
                needed |= {f"{name}.{below}" for below in common(inner.names_needed)}
        return ObjectView(alternative, frozenset(needed), frozenset(preset), values)

    @cached_property
    def constants(self) -> dict[str, list[str]]:
        """The members that have few values in every alternative, with those values."""
        found: dict[str, list[str]] = {}
        for name, schemas in self.steps.items() if len(self.alternatives) > 1 else ():
            values = [self._reader.view(*one).member.values for one in schemas]
            if len(values) == len(self.alternatives) and all(values):
                found[name] = ["|".join(sorted(one)) for one in values if one is not None]
        return found

    def by_constants(self, names: list[str]) -> dict[tuple[str, ...], "View"]:
        """Part the alternatives by the values of these members."""
        found: dict[tuple[str, ...], list[Alternative]] = {}
        for position, alternative in enumerate(self.alternatives):
            found.setdefault(tuple(self.constants[name][position] for name in names), []).append(alternative)
        return {values: self._reader.of(alternatives) for values, alternatives in found.items()}

    @property
    def is_preset(self) -> bool:
        """Whether there is one value, and it is the default."""
        values = self.member.values
        return (
            values is not None
            and len(values) == 1
            and all(any("default" in schema for schema in one) for one in self.alternatives)
        )

    @property
    def names_preset(self) -> frozenset[str]:
        """The members that an object of any alternative has by default."""
        return common(
            [
                frozenset(name for name, found in members_of(one).items() if self._reader.view(*found).is_preset)
                for one in self.alternatives
            ]
        )


@dataclass(frozen=True)
class ObjectView:
    """An object of one alternative: the members that it needs, inner ones by path, and those it has by default.

    Of members that have few values it knows these.
    """

    alternative: Alternative
    needed: frozenset[str]
    preset: frozenset[str]
    values: Mapping[str, frozenset[str]]

    @property
    def has(self) -> frozenset[str]:
        """The members that are there in any case."""
        return self.needed | self.preset

    def takes_values_of(self, other: "ObjectView") -> bool:
        """Whether members may have whatever value they have in the other."""
        return all(name in other.values and other.values[name] <= values for name, values in self.values.items())


def common(sets: Collection[frozenset[str]]) -> frozenset[str]:
    """Return what is in every set; nothing when there is none."""
    first, *others = sets or [frozenset[str]()]
    return first.intersection(*others)


def at(view: View, path: Iterable[str]) -> View | None:
    """Return what stands at a path, None if it is not there."""
    for name in path:
        if name not in view.steps:
            return None
        view = view.part(name)
    return view


def _objects(values: Any) -> list[Json]:
    return [value for value in values if is_object(value)] if is_array(values) else []


def operations(document: Json) -> dict[tuple[str, str], Json]:
    """Every operation by path and method, with the parameters of its path."""
    return {
        (path, method): operation | {"parameters": [*item.get("parameters", ()), *operation.get("parameters", ())]}
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in METHODS and is_object(operation)
    }


def request_schemas(reader: Reader) -> Iterator[Json]:
    """Yield the schemas of what is sent."""
    for operation in operations(reader.document).values():
        for content in reader.resolved(operation.get("requestBody")).get("content", {}).values():
            if is_object(schema := content.get("schema")):
                yield schema
