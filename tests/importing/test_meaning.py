"""What a document accepts and refuses is the same once it is canonical, however a vendor spelled it.

A small plain schema is drawn, spelled in a vendor's ways as the body of an operation, and made canonical. jsonschema-rs
then judges instances by the source and by the result. They may differ by stated rules only, each of which is a reading
of its own here: `oneOf` read as `anyOf`; constants that need not be given; and the members of alternatives that do not
contradict each other, which have their types in all of them once they are one object, as in the plain schema.
"""

import copy
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from ruamel.yaml import YAML

from scripts.importer.pipeline import canonical

Json = dict[str, Any]

# Some are keywords too: a member may be called anything.
NAMES = ["name", "title", "description", "type", "default", "total", "items"]
IDS = ["userId", "anonymousId", "email"]
CONSTANT = "kind"
# Within a body the kinds are others than its own: an alternative of a call's kind may be read as that call.
KINDS, KINDS_WITHIN = ("one", "two"), ("three", "four")
JUNK = [None, True, 0, 1.5, "", "junk", [], ["junk"], {}, {"name": 1}, {"total": "junk"}]
SCALARS: list[Json] = [
    {"type": "string"},
    {"type": "integer"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "string", "minLength": 2},
    {"type": "integer", "minimum": 0, "maximum": 100},
    {"type": "string", "format": "date-time"},
]


# Plain schemas


def members(depth: int) -> st.SearchStrategy[Json]:
    """What a member may be: a scalar, an enum, something free; an array, a mapping, an object or a union of those."""
    enums = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=2, max_size=3, unique=True)
    flat = st.one_of(
        st.sampled_from(SCALARS),
        enums.map(lambda values: {"type": "string", "enum": values}),
        st.sampled_from(["string", "integer"]).map(lambda kind: {"type": [kind, "null"]}),
        st.just({"type": "object"}),
    )
    if not depth:
        return flat
    deep = members(depth - 1)
    return st.one_of(
        flat,
        deep.map(lambda items: {"type": "array", "items": items}),
        st.sampled_from(SCALARS).map(lambda values: {"type": "object", "additionalProperties": values}),
        objects(depth - 1),
        unions(depth - 1),
    )


@st.composite
def objects(draw: st.DrawFn, depth: int, kinds: tuple[str, ...] = KINDS_WITHIN, *, of_a_kind: bool = False) -> Json:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    properties = {name: draw(members(depth)) for name in names}
    if of_a_kind or draw(st.booleans()):
        properties[CONSTANT] = {"type": "string", "const": draw(st.sampled_from(kinds))}
    schema: Json = {"type": "object", "properties": properties}
    if required := draw(st.lists(st.sampled_from([*names, "unknown"]), max_size=2, unique=True)):
        schema["required"] = required
    if draw(st.integers(0, 3)) == 0:
        schema["additionalProperties"] = draw(st.sampled_from([False, {"type": "string"}]))
    elif draw(st.integers(0, 2)) == 0:
        ids = draw(st.lists(st.sampled_from(IDS), min_size=2, unique=True))
        properties |= {name: {"type": "string"} for name in ids}
        schema["anyOf"] = [{"required": [name]} for name in ids]
    return schema


@st.composite
def unions(draw: st.DrawFn, depth: int, kinds: tuple[str, str] = KINDS_WITHIN) -> Json:
    """Alternatives that contradict each other: objects of different kinds, or an object and a scalar."""
    first, second = (objects(depth, (kind,), of_a_kind=True) for kind in kinds)
    return {"anyOf": [draw(first), draw(st.one_of(second, st.sampled_from(SCALARS)))]}


# Spelled in a vendor's ways


@dataclass
class Speller:
    """Writes a plain schema as a vendor might. What it draws decides which quirks there are."""

    draw: st.DrawFn
    old: bool
    components: Json = field(default_factory=dict)
    collapsing: bool = False
    """Whether there are alternatives that name different members."""

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def spelled(self, schema: Json) -> Json:
        found = self._by_kind(schema)
        if self.one_of(False, False, True):
            found = {"title": self.one_of("Known User", "Anonymous User", "Thing"), "description": "Words.", **found}
        if self.one_of(False, False, True):
            name = f"part_{len(self.components)}"
            self.components[name] = found
            return {"$ref": f"#/components/schemas/{name}"}
        return found

    def _by_kind(self, schema: Json) -> Json:
        if "const" in schema or "enum" in schema:
            return self._enum(schema)
        if "anyOf" in schema and "properties" not in schema:
            return self._union(schema)
        match schema.get("type"):
            case "array":
                return {"type": "array", "items": self.spelled(schema["items"])}
            case "object" if "properties" in schema:
                return self._identified(schema) if "anyOf" in schema else self._object(schema)
            case "object" if "additionalProperties" in schema:
                return {"type": "object", "additionalProperties": self.spelled(schema["additionalProperties"])}
            case "object":
                open_ways = ({}, {"additionalProperties": True}, {"properties": {}}, self._untyped())
                return {"type": "object"} | self.one_of(*open_ways)
            case [kind, "null"]:
                # Before OpenAPI 3.1 a type is one word.
                return {"type": kind, "nullable": True} if self.old else schema
        return schema | self.one_of({}, {}, {"default": "$.context.page"}, {"default": ["ill-typed"]}, {"example": 1})

    def _enum(self, schema: Json) -> Json:
        values = schema.get("enum", [schema.get("const")])
        again = self.one_of([], values[:1])
        return {"type": schema["type"], "enum": [*values, *again]} | self.one_of({}, {"readOnly": True})

    def _union(self, schema: Json) -> Json:
        union = {self.one_of("oneOf", "anyOf"): [self.spelled(branch) for branch in schema["anyOf"]]}
        return self.one_of(union, {"allOf": [union]}, {"allOf": [{"allOf": [union]}, {"description": "Words."}]})

    def _untyped(self) -> Json:
        return {"additionalProperties": {"description": "Words.", "x-additionalPropertiesName": "key"}}

    def _identified(self, schema: Json) -> Json:
        """An object and its identities: beside the members, as whole variants, or as a union within an allOf."""
        plain = {key: value for key, value in schema.items() if key != "anyOf"}
        names = [branch["required"][0] for branch in schema["anyOf"]]
        way = self.one_of("beside", "variants", "within")
        if way == "beside":
            return self._whole(plain) | {self.one_of("oneOf", "anyOf"): [{"required": [name]} for name in names]}
        self.collapsing = True
        if way == "variants":
            return {"oneOf": [self.spelled(_variant(plain, name, names)) for name in names]}
        own = {name: plain["properties"][name] for name in names}
        users = [{"type": "object", "required": [name], "properties": {name: own[name]}} for name in names]
        rest = _without(plain, names)
        return {"allOf": [self._object(rest), {"oneOf": [self.spelled(user) for user in users]}]}

    def _object(self, schema: Json) -> Json:
        match self.one_of("whole", "parts", "deep parts", "parts beside"):
            case "whole":
                return self._whole(schema)
            case "parts":
                return {"allOf": list(self._parts(schema))}
            case "deep parts":
                first, second = self._parts(schema)
                return {"allOf": [{"allOf": [first, {"description": "Words."}]}, second]}
        first, second = self._parts(schema)
        return {"allOf": [first]} | second

    def _whole(self, schema: Json) -> Json:
        found = schema | {"properties": {name: self.spelled(part) for name, part in schema["properties"].items()}}
        required = [
            *schema.get("required", ()),
            *self.one_of([], [CONSTANT] if CONSTANT in found["properties"] else []),
        ]
        found |= {"required": required} if required else {}
        return found if "additionalProperties" in schema else found | self.one_of({}, self._untyped())

    def _parts(self, schema: Json) -> tuple[Json, Json]:
        """Two objects that hold together, and may name the same members."""
        closed = "additionalProperties" in schema
        first: Json = {"type": "object", "properties": {}, "required": []}
        second = copy.deepcopy(first)
        for name, part in schema["properties"].items():
            # An object that is closed has to name everything itself.
            place = self.one_of("first", "both") if closed else self.one_of("first", "second", "both")
            if place in ("first", "both"):
                first["properties"][name] = self.spelled(part)
            if place in ("second", "both"):
                again = self.spelled(part)
                second["properties"][name] = (
                    self._wider(part) if place == "both" and self.one_of(True, False) else again
                )
        for name in schema.get("required", ()):
            self.one_of(first, second)["required"].append(name)
        if closed:
            first["additionalProperties"] = schema["additionalProperties"]
        return tuple({key: value for key, value in part.items() if value != []} for part in (first, second))

    def _wider(self, schema: Json) -> Json:
        """A schema that says less: what it allows more, the other part of an allOf forbids."""
        if "const" in schema:
            return {"type": "string", "enum": ["five", schema["const"], "six"], "readOnly": True}
        return {"description": "Words."}


def _without(schema: Json, names: list[str]) -> Json:
    kept = {name: part for name, part in schema["properties"].items() if name not in names}
    return schema | {"properties": kept}


def _variant(schema: Json, name: str, names: list[str]) -> Json:
    alone = _without(schema, [other for other in names if other != name])
    return alone | {"required": [*schema.get("required", ()), name]}


@dataclass
class Case:
    """A document, the plain schema that it spells, and instances to judge."""

    document: Json
    plain: Json
    collapsing: bool
    instances: list[Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    plain = draw(st.one_of(objects(2, KINDS), unions(1, KINDS)))
    speller = Speller(draw, old=draw(st.booleans()))
    body = speller.spelled(plain)
    dice = random.Random(draw(st.integers(0, 2**16)))
    document = document_of(body, speller.components, "3.0.3" if speller.old else "3.1.0")
    note(json.dumps({"body": body, "components": speller.components}))
    return Case(
        document,
        plain,
        speller.collapsing,
        [near(plain, dice) for _ in range(25)],
    )


def document_of(body: Json, components: Json, version: str = "3.1.0") -> Json:
    content = {"application/json": {"schema": body}}
    operation = {"operationId": "thing", "requestBody": {"content": content}, "responses": {"200": {"description": ""}}}
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "paths": {"/thing": {"post": operation}},
        "components": {"schemas": components},
    }


def near(schema: Json, dice: random.Random) -> Any:
    """Return an instance of the schema, more or less."""
    if dice.random() < 0.06:
        return dice.choice(JUNK)
    if "const" in schema:
        return dice.choice([schema["const"]] * 9 + ["five"])
    if "enum" in schema:
        return dice.choice([*schema["enum"] * 3, "e"])
    if "anyOf" in schema and "properties" not in schema:
        return near(dice.choice(schema["anyOf"]), dice)
    match schema["type"]:
        case "array":
            return [near(schema["items"], dice) for _ in range(dice.randrange(3))]
        case "object":
            return _object_near(schema, dice)
        case [kind, "null"]:
            return None if dice.random() < 0.3 else near({"type": kind}, dice)
        case "string" if "format" in schema:
            return dice.choice(["2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", "yesterday"])
    values = {"string": ["x", "long", "other"], "integer": [0, 7, 101], "number": [1.5, 2], "boolean": [True, False]}
    return dice.choice(values[schema["type"]])


def _object_near(schema: Json, dice: random.Random) -> Json:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    found = {
        name: near(part, dice)
        for name, part in properties.items()
        if dice.random() < (0.95 if name in required else 0.6)
    }
    if "unknown" in required and dice.random() < 0.9:
        found["unknown"] = dice.choice(["x", 1])
    further = schema.get("additionalProperties", {"type": "integer"})
    if dice.random() < (0.6 if not properties else 0.15):
        found["further"] = near(further, dice) if further else 1
    return found


# Verdicts


def accepts(schema: Json, components: Json) -> Any:
    return Draft202012Validator(schema | {"components": {"schemas": components}}, validate_formats=True).is_valid


def body_of(document: Json) -> Json:
    return document["paths"]["/thing"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def of_document(document: Json) -> Any:
    return accepts(body_of(document), document.get("components", {}).get("schemas", {}))


def with_null(node: Any) -> Any:
    """A document of OpenAPI 3.0 in terms of JSON Schema, which has no `nullable`."""
    if isinstance(node, dict):
        found = {key: with_null(value) for key, value in node.items() if key != "nullable" or value is not True}
        return found if len(found) == len(node) else found | {"type": [found["type"], "null"]}
    return [with_null(part) for part in node] if isinstance(node, list) else node


def leniently(node: Any) -> Any:
    """A document with any alternative instead of just one, and without a need for constants."""
    if isinstance(node, dict):
        found = {"anyOf" if key == "oneOf" else key: leniently(value) for key, value in node.items()}
        if isinstance(required := found.get("required"), list):
            found["required"] = [name for name in required if name != CONSTANT]
        return found
    return [leniently(part) for part in node] if isinstance(node, list) else node


@settings(max_examples=500, deadline=None, print_blob=True)
@given(cases())
def test_a_document_keeps_its_meaning_but_for_the_stated_rules(case):
    source = with_null(case.document)
    result = canonical(case.document)
    assert not {'"allOf":', '"oneOf":', '"nullable":'} & set(json.dumps(result).split())
    by_source, by_result = of_document(source), of_document(result)
    by_lenient_reading, by_plain_schema = of_document(leniently(source)), accepts(case.plain, {})
    for instance in case.instances:
        accepted, still_accepted = by_source(instance), by_result(instance)
        if accepted and not still_accepted:
            assert case.collapsing, ("is refused now", instance)
            assert not by_plain_schema(instance), ("is refused now", instance)
        if still_accepted and not accepted:
            assert by_lenient_reading(instance), ("is accepted now", instance)


# To make such a document smaller takes minutes; the note shows it.
@settings(max_examples=100, deadline=None, print_blob=True, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(cases())
def test_the_same_document_imported_again_is_the_same_down_to_its_names(case):
    once = canonical(case.document)
    assert json.dumps(canonical(case.document, committed=once)) == json.dumps(once)
    assert json.dumps(canonical(once, committed=once)) == json.dumps(once)


@settings(max_examples=50, deadline=None, print_blob=True)
@given(cases())
def test_canonicalising_leaves_the_source_as_it_is(case):
    before = copy.deepcopy(case.document)
    canonical(case.document)
    assert case.document == before


QUIRKS = YAML(typ="safe", pure=True).load(Path(__file__).with_name("data") / "quirks.yaml")


@pytest.mark.parametrize("quirk", QUIRKS.values(), ids=QUIRKS)
def test_each_quirk_keeps_its_meaning(quirk):
    result = canonical(document_of(quirk["body"], quirk.get("components", {}), quirk.get("version", "3.1.0")))
    accepted = of_document(result)
    assert [instance for instance in quirk["accepted"] if not accepted(instance)] == []
    assert [instance for instance in quirk["refused"] if accepted(instance)] == []
