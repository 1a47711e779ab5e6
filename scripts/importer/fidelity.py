"""Says what of a vendor's document is not in the canonical one made from it.

A second reader of schemas, which shares nothing with the passes: it never rewrites a schema but asks what one allows,
however it is spelled. To it a schema is a list of alternatives, each a list of plain schemas that hold at once.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, reduce
from itertools import product
from math import prod
from typing import Any

from scripts.importer.document import MARK, METHODS, UNIONS, Json, SourceError, is_array, is_object, schemas_of

__all__ = ["Fidelity", "Loss", "Member", "Rule", "compare", "losses", "members", "required"]

_TYPES = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_BOUNDS = (*_LOWER, *_UPPER, "pattern", "multipleOf", "uniqueItems")

_SPEAKING = frozenset(
    ("$ref", "type", "enum", "const", "properties", "items", "additionalProperties", "allOf", *UNIONS)
)
"""Keywords that make the values of an open object more than values."""

_NULL_ONLY = frozenset(("null",))

_ITEMS, _VALUES = "[]", "{}"
"""The steps of a path into the items of an array and into the values of a mapping."""

_OF_CALLS = frozenset(("context", "event", "properties"))
"""Members that tell a schema of a whole track call from one of an event's properties."""


class Rule(Enum):
    """Why something of the source is not in the canonical document, and is not lost; its value is the reason."""

    DEFAULTED_CONST = "A member that is a constant has it as its default, so nobody needs to give it."
    EVENT_OF_ITS_OWN = "An alternative of a call that is a semantic event stands in the event's own schema."
    OF_THE_CALL = "What every call has that carries events is the call's, and not repeated by the event."
    EVENT_NAME = "An event's name is its class's; aliases of the event stand in its mark."
    HEADER_VALUE = "A header with one value stays an open string, which generated clients can send."
    CALL_OF_ITS_OWN = "An item of a list that is a call needs what the call's own endpoint needs."
    NO_STATUS = "A response key that is no status code is never answered."
    NO_MEMBER = "A required name that no member has requires nothing that anybody could give."


@dataclass(frozen=True, order=True)
class Loss:
    """Something that the source says and the canonical document does not."""

    where: str
    path: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        return f"{place}: {self.kind}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True)
class Fidelity:
    """What a comparison came to."""

    losses: tuple[Loss, ...]
    explained: Mapping[Rule, int]
    compared: Mapping[str, int]
    unread: tuple[str, ...]
    """Component schemas of the source that neither a path nor an event is made of."""


@dataclass(frozen=True)
class Member:
    """What a schema allows at one path. ``None`` is no restriction."""

    types: frozenset[str] | None = None
    format: str | None = None
    values: frozenset[str] | None = None
    bounds: Mapping[str, Any] = field(default_factory=dict[str, Any])


def losses(source: Json, canonical: Json, event_sources: Mapping[str, str]) -> tuple[Loss, ...]:
    """Return what the canonical document has lost of its source; see `compare`."""
    return compare(source, canonical, event_sources).losses


def compare(source: Json, canonical: Json, event_sources: Mapping[str, str]) -> Fidelity:
    """Compare a vendor's document with the canonical one made from it.

    Parameters
    ----------
    event_sources
        For each event, by the canonical name of its component, the name of the source's component.
    """
    comparison = _Comparison(_Reader(source), _Reader(canonical))
    for place, theirs in _operations(source).items():
        comparison.operation(place, theirs, _operations(canonical).get(place))
    for event, key in sorted(event_sources.items()):
        comparison.event(event, key)
    return Fidelity(
        tuple(sorted(comparison.found)),
        dict(Counter(rule for rule, _, _ in comparison.explained)),
        dict(comparison.compared),
        tuple(_unread(source, event_sources.values())),
    )


def members(document: Json, schema: Json) -> dict[str, Member]:
    """Return every path below a schema, ``[]`` for the items of an array, ``{}`` for the values of a mapping."""
    return {path: view.member for path, view in _below(_Reader(document).view(schema))}


def required(document: Json, schema: Json) -> set[str]:
    """Return the paths that their parent cannot do without, whether or not the parent itself is required."""
    whole = _Reader(document).view(schema)
    places = [("", whole), *((f"{path}.", view) for path, view in _below(whole))]
    return {prefix + name for prefix, view in places for name in _common(view.names_needed)}


# Reading


Alternative = tuple[Json, ...]
"""Plain schemas that hold at once: of each, only what it says without the help of other schemas."""

_MOST = 10_000
"""Alternatives of one schema: nobody means more, and a file may be made to ruin whoever reads it."""

_NOTHING: Json = {}
_NULL: Json = {"type": "null"}


class _Reader:
    """Reads the schemas of one document, each once."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._alternatives: dict[int, tuple[Alternative, ...]] = {}
        self._views: dict[tuple[tuple[int, ...], ...], _View] = {}

    def view(self, *schemas: Any) -> "_View":
        """Return what these schemas allow, all at once."""
        return self.of(self._together(map(self.alternatives, schemas)))

    def either(self, choices: Iterable[Iterable[Any]]) -> "_View":
        """Return what one or another choice of schemas allows."""
        return self.of(one for schemas in choices for one in self._together(map(self.alternatives, schemas)))

    def of(self, alternatives: Iterable[Alternative]) -> "_View":
        """Return what one or another of these alternatives allows."""
        distinct = {tuple(map(id, one)): one for one in alternatives}
        return self._views.setdefault(tuple(distinct), _View(self, tuple(distinct.values())))

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


class _View:
    """What stands at one path: the alternatives there are."""

    def __init__(self, reader: _Reader, alternatives: tuple[Alternative, ...]) -> None:
        self._reader = reader
        self.alternatives = alternatives
        self._parts: dict[str, _View] = {}

    @cached_property
    def member(self) -> Member:
        """What is allowed here, members aside."""
        each = [found for one in self.alternatives if (found := _at_once(one)) is not None]
        return reduce(_one_of, each) if each else Member()

    @cached_property
    def steps(self) -> dict[str, list[list[Any]]]:
        """The names of members, for each the schemas that every alternative has of it."""
        found: dict[str, list[list[Any]]] = {}
        for alternative in self.alternatives:
            for name, schemas in _members_of(alternative).items():
                found.setdefault(name, []).append(schemas)
        return found

    def part(self, name: str) -> "_View":
        """Return what stands at a member."""
        if name not in self._parts:
            self._parts[name] = self._reader.either(self.steps[name])
        return self._parts[name]

    @cached_property
    def names_needed(self) -> list[frozenset[str]]:
        """The members that an object of each alternative needs."""
        return [_names_needed(one) for one in self.alternatives if _may_be_object(one)]

    @cached_property
    def objects(self) -> list["_Object"]:
        """What an object of each alternative has."""
        return [self._object(one) for one in self.alternatives if _may_be_object(one)]

    def _object(self, alternative: Alternative) -> "_Object":
        needed, preset = set(_names_needed(alternative)), set[str]()
        for name, schemas in _members_of(alternative).items():
            inner = self._reader.view(*schemas)
            if inner.is_preset:
                preset.add(name)
            preset |= {f"{name}.{below}" for below in inner.names_preset}
            if name in needed:
                needed |= {f"{name}.{below}" for below in _common(inner.names_needed)}
        return _Object(alternative, frozenset(needed), frozenset(preset))

    @cached_property
    def constants(self) -> dict[str, list[str]]:
        """The members that have few values in every alternative, with those values."""
        found: dict[str, list[str]] = {}
        for name, schemas in self.steps.items() if len(self.alternatives) > 1 else ():
            values = [self._reader.view(*one).member.values for one in schemas]
            if len(values) == len(self.alternatives) and all(values):
                found[name] = [_text(one) for one in values]
        return found

    def by_constants(self, names: list[str]) -> dict[tuple[str, ...], "_View"]:
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
        return _common(
            [
                frozenset(name for name, found in _members_of(one).items() if self._reader.view(*found).is_preset)
                for one in self.alternatives
            ]
        )


@dataclass(frozen=True)
class _Object:
    """An object of one alternative: the members that it needs, inner ones by path, and those it has by default."""

    alternative: Alternative
    needed: frozenset[str]
    preset: frozenset[str]

    @property
    def has(self) -> frozenset[str]:
        return self.needed | self.preset


def _at_once(alternative: Alternative) -> Member | None:
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


def _one_of(one: Member, other: Member) -> Member:
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


def _members_of(alternative: Alternative) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for schema in alternative:
        named = schema.get("properties")
        for name, value in named.items() if is_object(named) else ():
            if is_object(value) and name != "additionalProperties":
                found.setdefault(name, []).append(value)
            elif is_object(value) and value.keys() & _SPEAKING:
                found.setdefault(_VALUES, []).append(value)
        for step, keyword in ((_ITEMS, "items"), (_VALUES, "additionalProperties")):
            inner = schema.get(keyword)
            # The vendor describes its open objects by an additionalProperties that says nothing of their type.
            if is_object(inner) and (step == _ITEMS or inner.keys() & _SPEAKING):
                found.setdefault(step, []).append(inner)
    return found


def _names_needed(alternative: Alternative) -> frozenset[str]:
    found: set[str] = set()
    for schema in alternative:
        names, named = schema.get("required"), schema.get("properties")
        found.update(name for name in (names if is_array(names) else ()) if isinstance(name, str))
        for name, member in named.items() if is_object(named) else ():
            if is_object(member) and member.get("required") is True:
                found.add(name)
    return frozenset(found)


def _may_be_object(alternative: Alternative) -> bool:
    return all(types is None or "object" in types for types in map(_types, alternative))


def _common(sets: Collection[frozenset[str]]) -> frozenset[str]:
    first, *others = sets or [frozenset[str]()]
    return first.intersection(*others)


def _below(view: _View, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, _View]]:
    if id(view) in seen:
        return
    for name in view.steps:
        part, step = view.part(name), name if name in (_ITEMS, _VALUES) or not prefix else f".{name}"
        yield prefix + step, part
        yield from _below(part, prefix + step, seen | {id(view)})


# Comparing


class _Comparison:
    """Collects what is lost, what is not lost by a rule, and how much was looked at."""

    def __init__(self, source: _Reader, canonical: _Reader) -> None:
        self.source = source
        self.canonical = canonical
        self.found: set[Loss] = set()
        self.explained: set[tuple[Rule, str, str]] = set()
        self.compared: Counter[str] = Counter()

    def operation(self, place: tuple[str, str], theirs: Json, ours: Json | None) -> None:
        """Compare what a method of a path takes and answers."""
        path, method = place
        where = f"{method.upper()} {path}"
        self.compared["operations"] += 1
        if ours is None:
            self.found.add(Loss(where, "", "operation"))
            return
        self._parameters(where, theirs, ours)
        self._bodies(where, theirs, ours)
        self._responses(where, theirs, ours)

    def _parameters(self, where: str, theirs: Json, ours: Json) -> None:
        here = _parameters(self.canonical, ours)
        for (place, name), parameter in _parameters(self.source, theirs).items():
            self.compared["parameters"] += 1
            path = f"{place} {name}"
            own = here.get((place, name))
            if own is None:
                self.found.add(Loss(where, path, "parameter"))
                continue
            if parameter.get("required") is True and own.get("required") is not True:
                self.found.add(Loss(where, path, "required"))
            walk = _Walk(self, where, in_header=place == "header")
            walk.compare(self.source.view(parameter.get("schema")), self.canonical.view(own.get("schema")), (path,))

    def _bodies(self, where: str, theirs: Json, ours: Json) -> None:
        if "requestBody" not in theirs:
            return
        body = self.source.resolved(theirs["requestBody"])
        own = self.canonical.resolved(ours.get("requestBody"))
        if not own:
            self.found.add(Loss(where, "", "request body"))
            return
        if body.get("required") is True and own.get("required") is not True:
            self.found.add(Loss(f"{where} request", "", "required"))
        self._contents(f"{where} request", body, own)

    def _responses(self, where: str, theirs: Json, ours: Json) -> None:
        here = {str(status): response for status, response in ours.get("responses", {}).items()}
        for status, response in theirs.get("responses", {}).items():
            self.compared["responses"] += 1
            if str(status) in here:
                own = self.canonical.resolved(here[str(status)])
                self._contents(f"{where} {status}", self.source.resolved(response), own)
            elif not str(status)[:3].isdigit() or len(str(status)) > 3:
                self.explained.add((Rule.NO_STATUS, where, str(status)))
            else:
                self.found.add(Loss(where, str(status), "response"))

    def _contents(self, where: str, theirs: Json, ours: Json) -> None:
        here = ours.get("content", {})
        for media, content in theirs.get("content", {}).items():
            self.compared["bodies"] += 1
            if media not in here:
                self.found.add(Loss(where, media, "content"))
            elif "schema" in content:
                views = self.source.view(content["schema"]), self.canonical.view(here[media].get("schema"))
                _Walk(self, where).compare(*views)

    def event(self, name: str, key: str) -> None:
        """Compare an event's component with the source's, both as the whole call."""
        theirs = schemas_of(self.source.document).get(key)
        if theirs is None:
            return
        self.compared["events"] += 1
        where = f"event {name}"
        if MARK not in schemas_of(self.canonical.document).get(name, {}):
            self.found.add(Loss(where, "", "event", key))
            return
        whole = self.source.view(theirs)
        if not whole.steps.keys() & _OF_CALLS:
            whole = self.source.view({"type": "object", "properties": {"properties": theirs}})
        ours = self.events[name]
        _Walk(self, where, repeated=self.repeated(whole, ours)).compare(whole, ours)

    @cached_property
    def calls(self) -> frozenset[int]:
        """The component schemas that some operation takes, by identity."""
        schemas = _request_schemas(self.canonical)
        return frozenset(id(self.canonical.resolved(schema)) for schema in schemas if "$ref" in schema)

    @cached_property
    def carrier(self) -> _View:
        """The call that carries events."""
        views = map(self.canonical.view, _request_schemas(self.canonical))
        carriers = [view for view in views if view.steps.keys() >= _CARRIED]
        return min(carriers, key=lambda view: len(view.alternatives)) if carriers else self.canonical.view(_NOTHING)

    @cached_property
    def events(self) -> dict[str, _View]:
        """What each event says of the call, by its component."""
        schemas = schemas_of(self.canonical.document)
        return {name: self.canonical.view(_as_call(schema)) for name, schema in schemas.items() if MARK in schema}

    @cached_property
    def events_by_name(self) -> dict[str, _View]:
        """The same by what is sent as the event's name."""
        marks = {name: schemas_of(self.canonical.document)[name][MARK] for name in self.events}
        return {
            known: self.events[name]
            for name, mark in marks.items()
            for known in (str(mark.get("name")), *mark.get("aliases", ()))
        }

    def repeated(self, theirs: _View, ours: _View) -> frozenset[str]:
        """Return the members of the call that an event should have itself: those it needs, and those its like have."""
        if not _is_envelope(ours):
            return frozenset()
        alike = (name for view in self.events.values() if _is_envelope(view) for name in view.steps)
        return _common(theirs.names_needed).union(alike)

    def carried(self, event: _View) -> _View:
        """Return what is sent for an event: the call with the event in it."""
        return self.canonical.of((*one, *own) for one in self.carrier.alternatives for own in event.alternatives)


_CARRIED = frozenset(("event", "properties"))


def _as_call(schema: Json) -> Json:
    mark = schema[MARK]
    names = [mark.get("name"), *mark.get("aliases", ())]
    if mark.get("shape") != "properties":
        own = schema.get("properties", {})
        if "const" not in own.get("event", {}):
            return schema
        # A constant reads as the name or any alias.
        event = {key: value for key, value in own["event"].items() if key not in ("const", "default")} | {"enum": names}
        return schema | {"required": [*schema.get("required", ()), "event"], "properties": {**own, "event": event}}
    context = {"context": mark["context"]} if "context" in mark else {}
    own = {"event": {"type": "string", "enum": names}, "properties": schema, **context}
    return {"type": "object", "required": ["event", "properties"], "properties": own}


def _is_envelope(event: _View) -> bool:
    return any(MARK in schema for one in event.alternatives for schema in one)


@dataclass
class _Walk:
    """Compares two views and everything below them."""

    comparison: _Comparison
    where: str
    in_header: bool = False
    repeated: frozenset[str] | None = None
    """For an event, the members of the call that it repeats; the others it leaves to the call that carries it."""
    _seen: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    def compare(self, theirs: _View, ours: _View, path: tuple[str, ...] = ()) -> None:
        """Note what the canonical view does not say of what the source says."""
        if (id(theirs), id(ours)) in self._seen:
            return
        self._seen.add((id(theirs), id(ours)))
        pairs = self._told_apart(theirs, ours)
        if not pairs:
            self._compare(theirs, ours, path)
        for one, other in pairs:
            self._compare(one, other, path)

    def _told_apart(self, theirs: _View, ours: _View) -> list[tuple[_View, _View]]:
        """Pair the alternatives that constants or enums tell apart, if they are the same on both sides."""
        names = sorted(theirs.constants.keys() & ours.constants.keys())
        groups, here = theirs.by_constants(names), ours.by_constants(names)
        if len(groups) < 2 or not groups.keys() <= here.keys():
            return []
        return [(view, here[values]) for values, view in groups.items()]

    def _compare(self, theirs: _View, ours: _View, path: tuple[str, ...]) -> None:
        self._facts(theirs.member, ours.member, path)
        self._needs(theirs, self.comparison.carried(ours) if self.repeated is not None and not path else ours, path)
        if not self.repeated is not None and path[-1:] in ((), (_ITEMS,)):
            theirs = self._without_events(theirs, path)
        self._members(theirs, ours, path)
        self._together(theirs, ours, path)

    def _members(self, theirs: _View, ours: _View, path: tuple[str, ...]) -> None:
        for name in theirs.steps:
            self.comparison.compared["members"] += 1
            below = (*path, name)
            if name in ours.steps:
                self.compare(theirs.part(name), ours.part(name), below)
            elif self._is_of_the_call(theirs.part(name), below):
                self._explained(Rule.OF_THE_CALL, below)
            else:
                self._lost(below, "member")

    def _together(self, theirs: _View, ours: _View, path: tuple[str, ...]) -> None:
        """Look whether some alternative has all the members that are in one alternative of the source."""
        have = [frozenset(_members_of(one)) for one in ours.alternatives]
        for alternative in theirs.alternatives:
            names = frozenset(_members_of(alternative)) & ours.steps.keys()
            for name in min((names - found for found in have), key=_size, default=frozenset[str]()):
                self._lost((*path, name), "member", "of one alternative")

    def _is_of_the_call(self, theirs: _View, path: tuple[str, ...]) -> bool:
        if self.repeated is None or path[0] in self.repeated:
            return False
        found = _at(self.comparison.carrier, path)
        return found is not None and _loses_nothing(self.comparison, theirs, found)

    def _without_events(self, theirs: _View, path: tuple[str, ...]) -> _View:
        """Compare the alternatives that are semantic events with those, and return the others."""
        events = self.comparison.events_by_name
        others: list[Alternative] = []
        moved: dict[frozenset[str], list[Alternative]] = {}
        for alternative in theirs.alternatives:
            names = _event_names(self.comparison.source, alternative)
            if names and names <= events.keys():
                moved.setdefault(names, []).append(alternative)
            else:
                others.append(alternative)
        if not others:
            return theirs
        for names, alternatives in moved.items():
            ours = self.comparison.canonical.of(one for name in sorted(names) for one in events[name].alternatives)
            whole = self.comparison.source.of(alternatives)
            repeated = self.comparison.repeated(whole, ours)
            _Walk(self.comparison, f"{self.where} {_text(names)}", repeated=repeated).compare(whole, ours)
            self._explained(Rule.EVENT_OF_ITS_OWN, (*path, _text(names)))
        return self.comparison.source.of(others)

    def _facts(self, theirs: Member, ours: Member, path: tuple[str, ...]) -> None:
        if theirs.types is not None and ours.types != theirs.types:
            self._lost(path, "type", f"{_text(theirs.types)}, not {_text(ours.types)}")
        if theirs.format is not None and ours.format != theirs.format:
            self._lost(path, "format", theirs.format)
        if theirs.values is not None and ours.values != theirs.values:
            if self.in_header and len(theirs.values) == 1 and ours.values is None:
                self._explained(Rule.HEADER_VALUE, path)
            elif (
                self.repeated is not None
                and path == ("event",)
                and ours.values is not None
                and theirs.values < ours.values
            ):
                self._explained(Rule.EVENT_NAME, path)
            else:
                self._lost(path, "enum", f"{_text(theirs.values)}, not {_text(ours.values)}")
        # Where the values are stated, no bounds are needed.
        for keyword, value in theirs.bounds.items() if ours.values is None else ():
            if ours.bounds.get(keyword) != value:
                self._lost(path, keyword, f"{value}, not {ours.bounds.get(keyword)}")

    def _needs(self, theirs: _View, ours: _View, path: tuple[str, ...]) -> None:
        """Whatever the canonical schema takes has to have what some alternative of the source needs."""
        if not theirs.objects or not all(one.needed for one in theirs.objects):
            return
        self.comparison.compared["required sets"] += 1
        known = {name for one in theirs.objects for name in one.needed if not self._is_unknown(name, theirs, ours)}
        for here in ours.objects:
            closest = min(theirs.objects, key=lambda one: _size((one.needed & known) - here.has))
            missing = closest.needed - here.has
            if (missing & known) and (rule := self._rule_for(here, theirs.objects, path)):
                self._explained(rule, path)
                continue
            for name in closest.needed - here.needed:
                if name not in known:
                    self._explained(Rule.NO_MEMBER, (*path, name))
                elif name in here.preset:
                    self._explained(Rule.DEFAULTED_CONST, (*path, name))
                else:
                    self._lost((*path, *name.split(".")), "required")

    def _rule_for(self, here: _Object, theirs: list[_Object], path: tuple[str, ...]) -> Rule | None:
        """Why an alternative of the canonical schema may need less than all those of the source."""
        if _ITEMS in path and any(id(schema) in self.comparison.calls for schema in here.alternative):
            return Rule.CALL_OF_ITS_OWN
        names = _event_names(self.comparison.canonical, here.alternative)
        if names and all(any(self._stands_in_event(name, one) for one in theirs) for name in names):
            return Rule.EVENT_OF_ITS_OWN
        return None

    def _stands_in_event(self, name: str, theirs: _Object) -> bool:
        """Whether an alternative of the source is this event, whose own schema needs what the alternative needs."""
        event = self.comparison.events_by_name.get(name)
        if event is None or name not in _event_names(self.comparison.source, theirs.alternative):
            return False
        return all(theirs.needed <= one.has for one in self.comparison.carried(event).objects)

    @staticmethod
    def _is_unknown(name: str, theirs: _View, ours: _View) -> bool:
        steps = name.split(".")
        return _at(theirs, steps) is None and _at(ours, steps) is None

    def _lost(self, path: tuple[str, ...], kind: str, detail: str = "") -> None:
        self.comparison.found.add(Loss(self.where, _joined(path), kind, detail))

    def _explained(self, rule: Rule, path: tuple[str, ...]) -> None:
        self.comparison.explained.add((rule, self.where, _joined(path)))


def _event_names(reader: _Reader, alternative: Alternative) -> frozenset[str]:
    schemas = _members_of(alternative).get("event")
    return (reader.view(*schemas).member.values if schemas else None) or frozenset()


def _loses_nothing(comparison: _Comparison, theirs: _View, ours: _View) -> bool:
    trial = _Comparison(comparison.source, comparison.canonical)
    _Walk(trial, "").compare(theirs, ours)
    return not trial.found


def _at(view: _View, path: Iterable[str]) -> _View | None:
    for name in path:
        if name not in view.steps:
            return None
        view = view.part(name)
    return view


def _joined(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(f".{_ITEMS}", _ITEMS).replace(f".{_VALUES}", _VALUES)


def _text(values: frozenset[str] | None) -> str:
    return "anything" if values is None else "|".join(sorted(values))


def _size(names: frozenset[str]) -> tuple[int, list[str]]:
    return len(names), sorted(names)


# Documents


def _operations(document: Json) -> dict[tuple[str, str], Json]:
    """Every operation by path and method, with the parameters of its path."""
    return {
        (path, method): operation | {"parameters": [*item.get("parameters", ()), *operation.get("parameters", ())]}
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in METHODS and is_object(operation)
    }


def _parameters(reader: _Reader, operation: Json) -> dict[tuple[str, str], Json]:
    resolved = map(reader.resolved, operation["parameters"])
    return {(str(parameter.get("in")), str(parameter.get("name"))): parameter for parameter in resolved}


def _request_schemas(reader: _Reader) -> Iterator[Json]:
    for operation in _operations(reader.document).values():
        for content in reader.resolved(operation.get("requestBody")).get("content", {}).values():
            if is_object(schema := content.get("schema")):
                yield schema


def _objects(values: Any) -> list[Json]:
    return [value for value in values if is_object(value)] if is_array(values) else []


# Components that nothing is made of


def _unread(document: Json, events: Collection[str]) -> list[str]:
    """Name the components that are neither referred to nor repeated by anything that was compared."""
    schemas = schemas_of(document)
    digests: dict[int, int] = {}
    read: set[int] = set()
    waiting: list[Any] = [document.get("paths", {}), *(schemas[key] for key in events if key in schemas)]
    reader, visited = _Reader(document), set[int]()
    while waiting:
        node = waiting.pop()
        if is_object(node):
            if id(node) in visited:
                continue
            visited.add(id(node))
            read.add(_digest(node, digests))
            if isinstance(target := node.get("$ref"), str):
                waiting.append(reader.resolve(target))
            waiting.extend(node.values())
        elif is_array(node):
            waiting.extend(node)
    return sorted(name for name, schema in schemas.items() if _digest(schema, digests) not in read)


def _digest(node: Any, known: dict[int, int]) -> int:
    """Return a number that equal trees share."""
    if is_object(node):
        if id(node) not in known:
            known[id(node)] = hash(frozenset((key, _digest(value, known)) for key, value in node.items()))
        return known[id(node)]
    if is_array(node):
        return hash(("list", *(_digest(value, known) for value in node)))
    return hash((node.__class__.__name__, node))
