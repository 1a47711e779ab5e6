"""Every difference that a caller can notice is named once, and judged for those who send and those who read."""

import copy
import importlib
import json
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.importer.changes import Change, changes
from scripts.importer.rules import SORTS

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))

GONE = object()
BREAKING, COMPATIBLE = True, False


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def body(name):
    return {"content": {"application/json": {"schema": ref(name)}}}


def operation(name, schema):
    return {
        "tags": ["calls"],
        "operationId": name,
        "parameters": [{"$ref": "#/components/parameters/Wind"}],
        "requestBody": {"required": True, **body(schema)},
        "responses": {"200": {}, "400": body("Fault")},
    }


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}

BASE = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://north.test", "x-region": "north"}, {"url": "https://south.test", "x-region": "south"}],
    "security": [{"key": []}, {"token": []}],
    "x-limits": {"callBytes": 100, "batchCalls": 10, "window": {"requests": 30, "seconds": 3}},
    "paths": {"/sail": {"post": operation("sail", "Sail")}, "/moor": {"post": operation("moor", "Moor")}},
    "components": {
        "parameters": {"Wind": {"name": "X-Wind", "in": "header", "required": False, "schema": TEXT}},
        "securitySchemes": {
            "key": {"type": "http", "scheme": "basic"},
            "token": {"type": "http", "scheme": "bearer", "x-key-pattern": "^a"},
        },
        "schemas": {
            "Sail": {
                "type": "object",
                "required": ["boat"],
                "properties": {
                    "boat": {"type": "string", "minLength": 1},
                    "captainId": TEXT,
                    "crew": {"type": "array", "items": ref("Sailor")},
                    "owner": ref("Sailor"),
                    "rig": ref("Rig"),
                    "wind": {"type": "integer", "maximum": 12},
                },
                "anyOf": [{"required": ["captainId"]}, {"required": ["owner"]}],
                "x-batchable": True,
            },
            "Moor": {"type": "object", "properties": {"tags": ref("Tags")}},
            "Sailor": {"type": "object", "properties": {"age": WHOLE, "name": TEXT, "ownerId": TEXT}},
            "Rig": {"type": "string", "enum": ["cutter", "ketch"]},
            "Tags": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "Fault": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": TEXT, "code": WHOLE, "sort": ref("FaultSort")},
            },
            "FaultSort": {"type": "string", "enum": ["hole", "leak"]},
            "BoatLaunched": {
                "type": "object",
                "properties": {"hull": ref("Hull"), "name": TEXT},
                "x-semantic-event": {
                    "name": "Boat Launched",
                    "family": "boats",
                    "shape": "properties",
                    "aliases": ["Boat launched"],
                    "context": ref("Sea"),
                },
            },
            "BoatSunk": {
                "type": "object",
                "properties": {"depth": WHOLE, "event": {"const": "Boat Sunk", "default": "Boat Sunk"}},
                "x-semantic-event": {"name": "Boat Sunk", "family": "boats", "shape": "envelope"},
            },
            "Hull": {"type": "object", "properties": {"wood": TEXT, "weight": WHOLE}},
            "Sea": {"type": "object", "properties": {"salt": {"type": "number"}}},
        },
    },
}


def edited(edits, base=BASE):
    """Return a copy with something else at each dotted path; what is under `schemas` and the like is a component."""
    document = json.loads(json.dumps(base))  # in JSON nothing is shared
    for path, value in edits.items():
        *steps, last = path.split(".")
        node = document["components"] if steps and steps[0] in document["components"] else document
        for step in steps:
            node = node[int(step)] if isinstance(node, list) else node[step]
        if value is GONE:
            del node[int(last) if isinstance(node, list) else last]
        elif isinstance(node, list):
            node.insert(int(last), value)
        else:
            node[last] = json.loads(json.dumps(value))
    return document


def change(subject, kind, name, before="", after="", breaking=COMPATIBLE):
    return Change(name=name, subject=subject, kind=kind, before=before, after=after, breaking=breaking)


class Case(NamedTuple):
    edits: dict
    expected: Change
    back: bool = False
    """Whether the edits are undone."""
    base: Mapping[str, Any] = {}
    """Edits that both documents have."""
    with_it: tuple[str, ...] = ()
    """What else changes, by name."""


MARK = "schemas.BoatLaunched.x-semantic-event"
MOORED = {"type": "object", "x-semantic-event": {"name": "Boat Moored", "family": "boats", "shape": "properties"}}
CLOSE = {"paths./close": {"post": operation("close", "Moor")}}
HEADER = {"name": "X-Tide", "in": "header", "schema": TEXT}
SAIL = "paths./sail.post"
FLEET = {
    "paths./fleet": {"post": operation("fleet", "Fleet")},
    "schemas.Drift": {"type": "object", "properties": {"knots": WHOLE}},
    "schemas.Fleet": {
        "type": "object",
        "properties": {"calls": {"type": "array", "items": {"anyOf": [ref("Sail"), {"type": "null"}]}}},
    },
}

CASES = {
    "endpoint added": Case(CLOSE, change("endpoint", "added", "POST /close")),
    "endpoint removed": Case(CLOSE, change("endpoint", "removed", "POST /close", breaking=BREAKING), back=True),
    "endpoint otherwise": Case(
        {f"{SAIL}.security": []}, change("endpoint", "changed", "POST /sail security", "none", "[]", BREAKING)
    ),
    "endpoint deprecated": Case(
        {f"{SAIL}.deprecated": True}, change("endpoint", "changed", "POST /sail", "not deprecated", "deprecated")
    ),
    "function renamed": Case(
        {f"{SAIL}.operationId": "setSail"},
        change("endpoint", "changed", "POST /sail", "api.calls.sail", "api.calls.set_sail", BREAKING),
    ),
    "input added": Case(
        {f"{SAIL}.parameters.0": HEADER}, change("endpoint", "added", "POST /sail header X-Tide", after="string")
    ),
    "input added, required": Case(
        {f"{SAIL}.parameters.0": HEADER | {"required": True}},
        change("endpoint", "added", "POST /sail header X-Tide", after="string, required", breaking=BREAKING),
    ),
    "input removed": Case(
        {f"{SAIL}.parameters.0": HEADER},
        change("endpoint", "removed", "POST /sail header X-Tide", "string", breaking=BREAKING),
        back=True,
    ),
    "input now required": Case(
        {"parameters.Wind.required": True},
        change("endpoint", "changed", "every endpoint header X-Wind", "optional", "required", BREAKING),
    ),
    "input now optional": Case(
        {f"{SAIL}.requestBody.required": GONE},
        change("endpoint", "changed", "POST /sail body", "required", "optional"),
    ),
    "input or answer wider": Case(
        {"parameters.Wind.schema": {"type": ["string", "integer"]}},
        change("endpoint", "changed", "every endpoint header X-Wind", "string", "integer or string"),
    ),
    "input or answer narrower": Case(
        {"parameters.Wind.schema": {"type": "string", "maxLength": 5}},
        change("endpoint", "changed", "every endpoint header X-Wind", "string", "string, maxLength 5", BREAKING),
    ),
    "input or answer other": Case(
        {f"{SAIL}.requestBody": {"required": True, **body("Moor")}},
        change("endpoint", "changed", "POST /sail body", "models.Sail", "models.Moor", BREAKING),
    ),
    "input or answer deprecated": Case(
        {"parameters.Wind.schema.deprecated": True},
        change("endpoint", "changed", "every endpoint header X-Wind", "not deprecated", "deprecated"),
    ),
    "status added": Case(
        {f"{SAIL}.responses.413": body("Fault")},
        change("endpoint", "added", "POST /sail 413", after="models.Fault"),
    ),
    "status removed": Case(
        {f"{SAIL}.responses.400": GONE},
        change("endpoint", "removed", "POST /sail 400", "models.Fault", breaking=BREAKING),
    ),
    "call batchable": Case(
        {"schemas.Moor.x-batchable": True}, change("call", "changed", "models.Moor", "not batchable", "batchable")
    ),
    "call not batchable": Case(
        {"schemas.Sail.x-batchable": GONE},
        change("call", "changed", "models.Sail", "batchable", "not batchable", BREAKING),
    ),
    "call added": Case(
        {"schemas.Fleet.properties.calls.items.anyOf.0": ref("Drift")},
        change("call", "added", "models.Drift"),
        base=FLEET,
    ),
    "call removed": Case(
        {"schemas.Fleet.properties.calls.items.anyOf.0": ref("Drift")},
        change("call", "removed", "models.Drift", breaking=BREAKING),
        back=True,
        base=FLEET,
    ),
    "call without endpoint": Case(
        {"paths./sail": GONE, "schemas.Sail.properties.wind": GONE, "schemas.Sail.properties.boat": TEXT},
        change("call", "changed", "models.Sail", "a call of its own", "part of other calls", BREAKING),
        with_it=("POST /sail",),
    ),
    "call renamed": Case(
        {
            "schemas.Moor": GONE,
            "schemas.MoorCall": BASE["components"]["schemas"]["Moor"],
            "paths./moor.post.requestBody": {"required": True, **body("MoorCall")},
        },
        change("call", "renamed", "models.Moor", after="models.MoorCall", breaking=BREAKING),
    ),
    "event added": Case(
        {"schemas.BoatMoored": MOORED},
        change("event", "added", "boats.BoatMoored", after='event "Boat Moored"'),
    ),
    "event removed": Case(
        {"schemas.BoatSunk": GONE},
        change("event", "removed", "boats.BoatSunk", 'event "Boat Sunk"', breaking=BREAKING),
    ),
    "event renamed": Case(
        {
            "schemas.BoatSunk": GONE,
            "schemas.BoatLost": {
                "type": "object",
                "properties": {"depth": WHOLE, "event": {"const": "Boat Lost", "default": "Boat Lost"}},
                "x-semantic-event": {"name": "Boat Lost", "family": "boats", "shape": "envelope"},
            },
        },
        change("event", "renamed", "boats.BoatSunk", after="boats.BoatLost", breaking=BREAKING),
    ),
    "event sent under another name": Case(
        {
            "schemas.BoatSunk.x-semantic-event.name": "Boat sunk",
            "schemas.BoatSunk.properties.event": {"const": "Boat sunk", "default": "Boat sunk"},
        },
        change("event", "changed", "boats.BoatSunk", 'name "Boat Sunk"', 'name "Boat sunk"', BREAKING),
    ),
    "event's name now an alias": Case(
        {f"{MARK}.name": "Boat launched", f"{MARK}.aliases": ["Boat Launched"]},
        change("event", "changed", "boats.BoatLaunched", 'name "Boat Launched"', 'name "Boat launched"'),
    ),
    "event's family": Case(
        {f"{MARK}.family": "yard"},
        change("event", "changed", "boats.BoatLaunched", "family boats", "family yard", BREAKING),
    ),
    "event's shape": Case(
        {f"{MARK}.shape": "envelope"},
        change("event", "changed", "boats.BoatLaunched", "shape properties", "shape envelope", BREAKING),
    ),
    "alias added": Case(
        {f"{MARK}.aliases": ["Launched", "Boat launched"]},
        change("event", "added", "boats.BoatLaunched", after='alias "Launched"'),
    ),
    "alias removed": Case(
        {f"{MARK}.aliases": GONE},
        change("event", "removed", "boats.BoatLaunched", 'alias "Boat launched"', breaking=BREAKING),
    ),
    "property added": Case(
        {"schemas.BoatLaunched.properties.launchedAt": {"type": "string", "format": "date-time"}},
        change("property", "added", "boats.BoatLaunched.launched_at (launchedAt)", after="string (date-time)"),
    ),
    "property added, required": Case(
        {"schemas.Moor.properties.pier": TEXT, "schemas.Moor.required": ["pier"]},
        change("property", "added", "models.Moor.pier", after="string, required", breaking=BREAKING),
    ),
    "property renamed": Case(
        {"schemas.Sailor.properties.ownerID": TEXT},
        change(
            "property", "renamed", "models.Sailor.owner_id (ownerId)", after="models.Sailor.ownerId", breaking=BREAKING
        ),
        with_it=("models.Sailor.ownerID",),
    ),
    "property removed": Case(
        {"schemas.Sailor.properties.age": GONE},
        change("property", "removed", "models.Sailor.age", "integer", breaking=BREAKING),
    ),
    "type removed": Case(
        {"schemas.Deadwood": GONE},
        change("type", "removed", "models.Deadwood", breaking=BREAKING),
        base={"schemas.Deadwood": {"type": "object", "properties": {"length": WHOLE}}},
    ),
    "type renamed": Case(
        {
            "schemas.Hull": GONE,
            "schemas.Body": BASE["components"]["schemas"]["Hull"],
            "schemas.BoatLaunched.properties.hull": ref("Body"),
        },
        change("type", "renamed", "boats.Hull", after="boats.Body", breaking=BREAKING),
    ),
    "type wider": Case(
        {"schemas.Hull.properties.weight": {"type": "number"}},
        change("type", "changed", "boats.Hull.weight", "integer", "number"),
    ),
    "type narrower": Case(
        {"schemas.Hull.properties.wood": ref("Rig")},
        change("type", "changed", "boats.Hull.wood", "string", "models.Rig", BREAKING),
    ),
    "type other": Case(
        {"schemas.Hull.properties.weight": TEXT},
        change("type", "changed", "boats.Hull.weight", "integer", "string", BREAKING),
    ),
    "type deprecated": Case(
        {"schemas.Hull.properties.wood": {"type": "string", "deprecated": True}},
        change("property", "changed", "boats.Hull.wood", "not deprecated", "deprecated"),
    ),
    "default stated": Case(
        {"schemas.Hull.properties.weight": WHOLE | {"default": 1}},
        change("default", "added", "boats.Hull.weight", after="1", breaking=BREAKING),
    ),
    "default changed": Case(
        {"schemas.BoatLaunched.properties.name": TEXT | {"default": "Nixe"}},
        change("default", "changed", "boats.BoatLaunched.name", '"Undine"', '"Nixe"', BREAKING),
        base={"schemas.BoatLaunched.properties.name": TEXT | {"default": "Undine"}},
    ),
    "default gone": Case(
        {"parameters.Wind.schema": TEXT | {"default": "north"}},
        change("default", "removed", "every endpoint header X-Wind", '"north"', breaking=BREAKING),
        back=True,
    ),
    "required added": Case(
        {"schemas.Sailor.required": ["ownerId"]},
        change("required", "added", "models.Sailor.owner_id (ownerId)", breaking=BREAKING),
    ),
    "required removed": Case({"schemas.Sail.required": []}, change("required", "removed", "models.Sail.boat")),
    "identity added": Case(
        {"schemas.Sail.anyOf.0": {"required": ["boat", "rig"]}},
        change("identity", "added", "models.Sail", after="boat and rig"),
    ),
    "identity removed": Case(
        {"schemas.Sail.anyOf.0": GONE},
        change("identity", "removed", "models.Sail", "captain_id", breaking=BREAKING),
    ),
    "identity now needed": Case(
        {"schemas.Moor.anyOf": [{"required": ["tags"], "properties": {"tags": {"required": ["pier"]}}}]},
        change("identity", "added", "models.Moor", after="tags.pier", breaking=BREAKING),
    ),
    "identity no longer needed": Case(
        {"schemas.Sail.anyOf": GONE}, change("identity", "removed", "models.Sail", "captain_id or owner")
    ),
    "enum renamed": Case(
        {
            "schemas.Rig": GONE,
            "schemas.Rigging": BASE["components"]["schemas"]["Rig"],
            "schemas.Sail.properties.rig": ref("Rigging"),
        },
        change("enum", "renamed", "models.Rig", after="models.Rigging", breaking=BREAKING),
    ),
    "value added": Case({"schemas.Rig.enum.0": "yawl"}, change("enum", "added", "models.Rig", after='"yawl"')),
    "value removed": Case(
        {"schemas.Rig.enum": ["ketch"]}, change("enum", "removed", "models.Rig", '"cutter"', breaking=BREAKING)
    ),
    "region added": Case(
        {f"servers.{len(COMMITTED['servers'])}": {"url": "https://west.test", "x-region": "west"}},
        change("region", "added", "region west", after="https://west.test"),
    ),
    "region removed": Case(
        {"servers.1": GONE}, change("region", "removed", "region south", "https://south.test", breaking=BREAKING)
    ),
    "region moved": Case(
        {"servers.1.url": "https://far.test"},
        change("region", "changed", "region south", "https://south.test", "https://far.test", BREAKING),
    ),
    "default region": Case(
        {"servers": BASE["servers"][::-1]},
        change("region", "changed", "default region", "north", "south", BREAKING),
    ),
    "limit stated": Case({"x-limits.idBytes": 9}, change("limit", "added", "idBytes", after="9", breaking=BREAKING)),
    "limit lifted": Case({"x-limits.batchCalls": GONE}, change("limit", "removed", "batchCalls", "10")),
    "limit raised": Case({"x-limits.callBytes": 101}, change("limit", "changed", "callBytes", "100", "101")),
    "limit lowered": Case({"x-limits.callBytes": 99}, change("limit", "changed", "callBytes", "100", "99", BREAKING)),
    "window stated": Case(
        {"x-limits.window.requests": GONE}, change("limit", "added", "window.requests", after="30"), back=True
    ),
    "window lifted": Case({"x-limits.window.seconds": GONE}, change("limit", "removed", "window.seconds", "3")),
    "window changed": Case({"x-limits.window.requests": 10}, change("limit", "changed", "window.requests", "30", "10")),
    "security added": Case(
        {"securitySchemes.oauth": {"type": "oauth2"}, "security.0": {"oauth": []}},
        change("security", "added", "oauth", after="oauth2"),
    ),
    "security now needed": Case(
        {"security": GONE, "securitySchemes.token": GONE, "securitySchemes.key": GONE},
        change("security", "added", "key", after="http basic", breaking=BREAKING),
        back=True,
        with_it=("token",),  # with the first scheme comes the second
    ),
    "security removed": Case({"security.1": GONE}, change("security", "removed", "token", breaking=BREAKING)),
    "security changed": Case(
        {"securitySchemes.token.x-key-pattern": "^b"},
        change("security", "changed", "token key pattern", '"^a"', '"^b"', BREAKING),
    ),
}


def test_every_sort_has_an_example():
    assert CASES.keys() == SORTS.keys()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_difference_is_one_change(case):
    base = edited(case.base)
    documents = [base, edited(case.edits, base)]
    found = changes(*(documents[::-1] if case.back else documents))
    assert [each for each in found if each.name not in case.with_it] == [case.expected]
    assert {each.name for each in found} == {case.expected.name, *case.with_it}


ANSWERED = {
    "property added, required": ({"properties.at": TEXT, "required": ["at", "text"]}, COMPATIBLE),
    "property removed": ({"properties.code": GONE}, BREAKING),
    "required added": ({"required": ["text", "code"]}, COMPATIBLE),
    "required removed": ({"required": []}, BREAKING),
    "type wider": ({"properties.code": {"type": "number"}}, BREAKING),
    "type narrower": ({"properties.text": ref("Rig")}, COMPATIBLE),
    "type other": ({"properties.text": WHOLE}, BREAKING),
}


@pytest.mark.parametrize(("edits", "breaking"), ANSWERED.values(), ids=ANSWERED)
def test_what_is_only_read_is_judged_the_other_way_round(edits, breaking):
    after = edited({f"schemas.Fault.{path}": value for path, value in edits.items()})
    assert [each.breaking for each in changes(BASE, after)] == [breaking]


def test_a_new_value_breaks_those_who_read_it():
    (found,) = changes(BASE, edited({"schemas.FaultSort.enum.0": "fire"}))
    assert (found.name, found.breaking) == ("models.FaultSort", BREAKING)


def test_what_is_sent_and_read_must_hold_both_ways():
    before = edited({"schemas.Moor.properties.last": ref("Fault")})
    for required in (["text", "code"], []):
        (found,) = changes(before, edited({"schemas.Fault.required": required}, before))
        assert found.breaking


# before -> after: what a sender may go on doing
WIDENING = {
    "integer to number": (WHOLE, {"type": "number"}),
    "or null": (TEXT, {"type": ["string", "null"]}),
    "or null, in other words": (TEXT, {"anyOf": [TEXT, {"type": "null"}]}),
    "a class or null": (ref("Sailor"), {"anyOf": [ref("Sailor"), {"type": "null"}]}),
    "enum to text": (ref("Rig"), TEXT),
    "enum to text in a list": ({"type": "array", "items": ref("Rig")}, {"type": "array", "items": TEXT}),
    "const to enum": ({"type": "string", "const": "ketch"}, ref("Rig")),
    "text to anything": (TEXT, {}),
    "higher maximum": ({"type": "integer", "maximum": 1}, {"type": "integer", "maximum": 2}),
    "no minimum": ({"type": "integer", "minimum": 1}, WHOLE),
    "mapping of more": (ref("Tags"), {"type": "object"}),
    "closed to open": ({"type": "object", "additionalProperties": False}, ref("Tags")),
    "fewer required in a list": (
        {"type": "array", "items": {"required": ["a"], "anyOf": [ref("Sailor")]}},
        {"type": "array", "items": {"anyOf": [ref("Sailor"), ref("Moor")]}},
    ),
}


@pytest.mark.parametrize(("narrow", "wide"), WIDENING.values(), ids=WIDENING)
def test_a_wider_type_is_compatible_and_a_narrower_one_is_not(narrow, wide):
    before, after = (edited({"schemas.Moor.properties.pier": schema}) for schema in (narrow, wide))
    assert [(each.subject, each.breaking) for each in changes(before, after)] == [("type", COMPATIBLE)]
    assert [(each.subject, each.breaking) for each in changes(after, before)] == [("type", BREAKING)]


OTHER = {
    "format": (TEXT, {"type": "string", "format": "date-time"}),
    "class": (ref("Sailor"), ref("Hull")),
    "class to free form": (ref("Sailor"), {"type": "object"}),
    "one or many": (TEXT, {"type": "array", "items": TEXT}),
    "pattern": ({"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}),
}


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_other_changes_of_type_break_either_way(one, other):
    documents = [edited({"schemas.Moor.properties.pier": schema}) for schema in (one, other)]
    for before, after in (documents, documents[::-1]):
        (found,) = changes(before, after)
        assert found.breaking
        assert found.before != found.after


def test_a_mapping_is_not_known_by_its_name():
    inline = edited({"schemas.Tags": GONE, "schemas.Moor.properties.tags": BASE["components"]["schemas"]["Tags"]})
    renamed = edited(
        {
            "schemas.Tags": GONE,
            "schemas.Labels": BASE["components"]["schemas"]["Tags"],
            "schemas.Moor.properties.tags": ref("Labels"),
        }
    )
    assert changes(BASE, inline) == changes(inline, BASE) == changes(BASE, renamed) == ()


def test_mappings_that_hold_themselves_come_to_an_end():
    nested = {"type": "object", "additionalProperties": ref("Nest")}
    one = edited({"schemas.Nest": nested, "schemas.Moor.properties.tags": ref("Nest")})
    other = edited(
        {
            **{f"schemas.{name}": {**nested, "additionalProperties": ref("Box")} for name in ("Box", "Crate")},
            "schemas.Moor.properties.tags": ref("Crate"),
        }
    )
    assert changes(one, other) == ()


def test_texts_are_no_difference_but_properties_called_like_them_are():
    told = edited(
        {
            "info": {"title": "Other", "version": "9"},
            "schemas.Hull.description": "What swims.",
            "schemas.Hull.properties.wood.description": "Oak.",
            f"{SAIL}.summary": "Sails.",
        }
    )
    assert changes(BASE, told) == ()
    (found,) = changes(BASE, edited({"schemas.Hull.properties.description": TEXT}))
    assert found.name == "boats.Hull.description"


def test_a_part_of_one_family_alone_is_called_as_its_events_are():
    shared = {**MOORED, "properties": {"hull": ref("Hull")}}
    shared["x-semantic-event"] = {"name": "Hull Cleaned", "family": "yard", "shape": "properties"}
    before = edited({"schemas.HullCleaned": shared})
    (found,) = changes(before, edited({"schemas.Hull.properties.wood": WHOLE}, before))
    assert found.name == "models.Hull.wood"


def test_what_an_event_adds_to_its_context_is_its_property():
    (found,) = changes(BASE, edited({f"{MARK}.context": GONE}))
    assert found == change("property", "removed", "boats.BoatLaunched.context", "boats.Sea", breaking=BREAKING)


def test_events_named_as_identity_are_alternatives_each():
    def called(*names):
        one = {"required": ["boat"], "properties": {"boat": {"enum": list(names)}}}
        return edited({"schemas.Sail.anyOf.0": one})

    (found,) = changes(called("Nixe"), called("Nixe", "Undine"))
    assert found == change("identity", "added", "models.Sail", after='boat "Undine"')


def test_a_new_component_shows_in_the_types_of_its_uses_only():
    after = edited(
        {
            "schemas.Keel": {"type": "object", "properties": {"depth": WHOLE}},
            "schemas.Hull.properties.keel": ref("Keel"),
        }
    )
    assert changes(BASE, after) == (change("property", "added", "boats.Hull.keel", after="boats.Keel"),)
    assert changes(after, BASE) == (change("property", "removed", "boats.Hull.keel", "boats.Keel", breaking=BREAKING),)


def test_a_class_that_is_gone_can_no_longer_be_imported():
    after = edited({"schemas.Hull": GONE, "schemas.BoatLaunched.properties.hull": {"type": "object"}})
    assert {(each.subject, each.kind, each.name, each.breaking) for each in changes(BASE, after)} == {
        ("type", "removed", "boats.Hull", BREAKING),
        ("type", "changed", "boats.BoatLaunched.hull", BREAKING),
    }


def test_a_mapping_that_is_gone_was_no_class():
    after = edited({"schemas.Tags": GONE, "schemas.Moor.properties.tags": GONE})
    assert [each.name for each in changes(BASE, after)] == ["models.Moor.tags"]


def test_a_call_that_is_gone_goes_with_its_endpoint():
    after = edited({"paths./moor": GONE, "schemas.Moor": GONE})
    assert changes(BASE, after) == (change("endpoint", "removed", "POST /moor", breaking=BREAKING),)


def test_a_call_of_batches_alone_is_new_by_name():
    before = edited({"schemas.Drift": GONE}, edited(FLEET))
    after = edited(FLEET | {"schemas.Fleet.properties.calls.items.anyOf.0": ref("Drift")})
    marked = edited({"schemas.Drift.x-batchable": True}, after)
    for document in (after, marked):
        assert changes(before, document) == (change("call", "added", "models.Drift"),)
        assert changes(document, before) == (change("call", "removed", "models.Drift", breaking=BREAKING),)


def test_other_items_of_a_batch_are_told_beside_its_calls():
    before = edited(FLEET)
    calls = "schemas.Fleet.properties.calls.items.anyOf"
    after = edited({calls: [ref("Sail"), ref("Moor"), TEXT]}, before)
    assert {(each.subject, each.kind, each.name) for each in changes(before, after)} == {
        ("call", "changed", "models.Moor"),
        ("type", "changed", "models.Fleet.calls"),
    }


def test_a_call_without_its_endpoint_is_as_others_say():
    kept = edited({"paths./sail": GONE})
    assert [each.name for each in changes(BASE, kept)] == ["POST /sail"]


@pytest.mark.parametrize("where", ["schemas.Fault.properties.code", "schemas.FaultSort"])
def test_a_default_of_what_is_only_read_breaks_nobody(where):
    (found,) = changes(BASE, edited({f"{where}.default": 1}))
    assert (found.subject, found.breaking) == ("default", COMPATIBLE)


def test_a_new_property_with_a_default_is_sent_at_once():
    found = changes(BASE, edited({"schemas.Hull.properties.port": TEXT | {"default": "Rijeka"}}))
    assert found == (
        change("default", "added", "boats.Hull.port", after='"Rijeka"', breaking=BREAKING),
        change("property", "added", "boats.Hull.port", after="string"),
    )


def test_a_constant_is_no_default():
    fixed = {"const": "oak", "default": "oak"}
    (found,) = changes(BASE, edited({"schemas.Hull.properties.sort": fixed}))
    assert (found.subject, found.breaking) == ("property", COMPATIBLE)


def test_the_default_of_an_item_is_not_sent():
    after = edited({"schemas.Moor.properties.piers": {"type": "array", "items": TEXT}})
    assert changes(after, edited({"schemas.Moor.properties.piers.items.default": "A"}, after)) == ()


def test_another_type_and_its_default_are_two_changes():
    found = changes(BASE, edited({"schemas.Hull.properties.weight": TEXT | {"default": "1 t", "deprecated": True}}))
    assert [(each.subject, each.before, each.after) for each in found] == [
        ("default", "", '"1 t"'),
        ("property", "not deprecated", "deprecated"),
        ("type", "integer", "string"),
    ]


MEDIA = f"{SAIL}.requestBody.content"
FORM = "application/x-www-form-urlencoded"


def test_another_kind_of_body_is_never_required():
    content = body("Sail")["content"]
    found = changes(BASE, edited({MEDIA: {**content, FORM: content["application/json"]}}))
    assert found == (change("endpoint", "added", f"POST /sail body {FORM}", after="models.Sail"),)


def test_a_first_body_that_is_required_breaks():
    before = edited({f"{SAIL}.requestBody": GONE})
    (found,) = changes(before, BASE)
    assert (found.name, found.breaking) == ("POST /sail body", BREAKING)


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_parameters_of_a_media_type_make_no_other_type(media):
    content = {media: {"schema": ref("Sail")}}
    assert changes(BASE, edited({MEDIA: content})) == ()
    (found,) = changes(BASE, edited({MEDIA: {media: {"schema": ref("Moor")}}}))
    assert found.name == "POST /sail body"


@pytest.mark.parametrize("kept", [{}, {"securitySchemes.key": {"type": "http", "scheme": "basic"}}])
def test_a_security_scheme_of_the_same_kind_under_another_key_is_the_same(kept):
    renamed = {
        "securitySchemes.key": GONE,
        "securitySchemes.secret": {"type": "http", "scheme": "basic", "description": "Other words."},
        "security": [{"secret": []}, {"token": []}],
    }
    before = edited({f"{SAIL}.security": [{"key": []}]})
    after = edited(kept, edited(renamed | {f"{SAIL}.security": [{"secret": []}]}))
    assert changes(before, after) == changes(after, before) == ()


def test_a_security_scheme_under_another_key_may_take_other_keys():
    token = {"type": "http", "scheme": "bearer", "x-key-pattern": "^b"}
    edits = {
        "securitySchemes.token": GONE,
        "securitySchemes.bearer": token,
        "security": [{"key": []}, {"bearer": []}],
    }
    (found,) = changes(BASE, edited(edits))
    assert found == change("security", "changed", "token key pattern", '"^a"', '"^b"', BREAKING)


def test_members_that_would_be_called_the_same_are_called_as_in_json():
    before = edited({"schemas.Sailor.properties.ownerID": TEXT})
    assert changes(BASE, before) == (
        change("property", "added", "models.Sailor.ownerID", after="string"),
        change(
            "property", "renamed", "models.Sailor.owner_id (ownerId)", after="models.Sailor.ownerId", breaking=BREAKING
        ),
    )
    (found,) = changes(before, edited({"schemas.Sailor.properties.ownerId": WHOLE}, before))
    assert found.name == "models.Sailor.ownerId"


def test_an_envelope_that_no_longer_says_its_name_has_changed():
    (found,) = changes(BASE, edited({"schemas.BoatSunk.properties.event": TEXT}))
    assert found.name == "boats.BoatSunk.event"


# --- renames ---


def test_parts_that_consist_of_renamed_parts_are_renamed_with_them():
    schemas = BASE["components"]["schemas"]
    after = edited(
        {
            "schemas.BoatLaunched": GONE,
            "schemas.Hull": GONE,
            "schemas.BoatReleased": {
                **schemas["BoatLaunched"],
                "properties": {"hull": ref("Body"), "name": TEXT},
                "x-semantic-event": {
                    **schemas["BoatLaunched"]["x-semantic-event"],
                    "name": "Boat Released",
                    "aliases": ["Boat Launched", "Boat launched"],
                },
            },
            "schemas.Body": schemas["Hull"],
        }
    )
    assert changes(BASE, after) == (
        change("event", "renamed", "boats.BoatLaunched", after="boats.BoatReleased", breaking=BREAKING),
        change("type", "renamed", "boats.Hull", after="boats.Body", breaking=BREAKING),
    )


def test_a_class_under_another_name_in_its_place_is_renamed_whatever_else_has_changed():
    hull = BASE["components"]["schemas"]["Hull"]
    after = edited(
        {
            "schemas.Hull": GONE,
            "schemas.Body": {**hull, "properties": hull["properties"] | {"weight": {"type": "number"}}},
            "schemas.BoatLaunched.properties.hull": ref("Body"),
        }
    )
    assert changes(BASE, after) == (
        change("type", "renamed", "boats.Hull", after="boats.Body", breaking=BREAKING),
        change("type", "changed", "boats.Hull.weight", "integer", "number"),
    )


def test_an_enum_that_may_be_null_under_another_name_is_renamed():
    after = edited(
        {
            "schemas.Rig": GONE,
            "schemas.SailRig": {"enum": ["cutter", "ketch", "yawl"], "type": "string"},
            "schemas.Sail.properties.rig": {"anyOf": [ref("SailRig"), {"type": "null"}]},
        }
    )
    assert {(each.subject, each.kind, each.name, each.after) for each in changes(BASE, after)} == {
        ("enum", "renamed", "models.Rig", "models.SailRig"),
        ("enum", "added", "models.Rig", '"yawl"'),
        ("type", "changed", "models.Sail.rig", "models.SailRig or null"),
    }


def test_what_shares_nothing_with_what_was_in_its_place_is_no_rename():
    after = edited(
        {
            "schemas.Hull": GONE,
            "schemas.Shell": {"type": "object", "properties": {"pearl": TEXT}},
            "schemas.BoatLaunched.properties.hull": ref("Shell"),
        }
    )
    assert {(each.kind, each.name) for each in changes(BASE, after)} == {
        ("removed", "boats.Hull"),
        ("changed", "boats.BoatLaunched.hull"),
    }


def test_ambiguous_renames_stay_removed_and_added():
    after = edited({"schemas.BoatSunk": GONE, "schemas.BoatLost": None, "schemas.BoatBurnt": None})
    for name, event in (("BoatLost", "Boat Lost"), ("BoatBurnt", "Boat Burnt")):
        schema = copy.deepcopy(BASE["components"]["schemas"]["BoatSunk"])
        schema["properties"]["event"] = {"const": event, "default": event}
        schema["x-semantic-event"]["name"] = event
        after["components"]["schemas"][name] = schema
    assert [(each.kind, each.name) for each in changes(BASE, after)] == [
        ("added", "boats.BoatBurnt"),
        ("added", "boats.BoatLost"),
        ("removed", "boats.BoatSunk"),
    ]


def test_an_equal_event_of_another_family_is_no_rename():
    lost = copy.deepcopy(BASE["components"]["schemas"]["BoatSunk"])
    lost["x-semantic-event"] |= {"name": "Boat Lost", "family": "yard"}
    lost["properties"]["event"] = {"const": "Boat Lost", "default": "Boat Lost"}
    found = changes(BASE, edited({"schemas.BoatSunk": GONE, "schemas.BoatLost": lost}))
    assert [(each.kind, each.name) for each in found] == [("removed", "boats.BoatSunk"), ("added", "yard.BoatLost")]


def test_an_equal_component_at_another_place_is_no_rename():
    after = edited(
        {
            "schemas.Hull": GONE,
            "schemas.Body": BASE["components"]["schemas"]["Hull"],
            "schemas.BoatLaunched.properties.hull": GONE,
            "schemas.BoatLaunched.properties.body": ref("Body"),
        }
    )
    assert [(each.kind, each.name) for each in changes(BASE, after)] == [
        ("added", "boats.BoatLaunched.body"),
        ("removed", "boats.BoatLaunched.hull"),
    ]


# --- properties ---

SET_LISTS = {"required", "enum", "anyOf", "aliases", "parameters", "security"}


def shuffled(node, seed):
    """Return a tree whose mappings and set lists stand in another order."""
    return in_any_order(node, random.Random(seed))


def in_any_order(node, chance):
    if isinstance(node, list):
        return [in_any_order(item, chance) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: in_any_order(node[key], chance) for key in chance.sample(list(node), len(node))}
    for key in SET_LISTS & found.keys():
        if isinstance(found[key], list):
            chance.shuffle(found[key])
    return found


NAMES = st.sampled_from(["Adrift", "Bow", "Cabin", "Deck"])
SCALARS = st.sampled_from(
    [TEXT, WHOLE, {"type": "number"}, {}, {"type": ["null", "string"]}, {"type": "string", "format": "date"}]
)
SCHEMAS = SCALARS | st.builds(ref, NAMES) | st.builds(lambda items: {"type": "array", "items": items}, SCALARS)
PROPERTIES = st.dictionaries(st.sampled_from(["one", "twoWords", "three"]), SCHEMAS, max_size=3)
OBJECTS = st.builds(
    lambda properties, required: {"type": "object", "properties": properties, "required": sorted(required)},
    PROPERTIES,
    st.sets(st.sampled_from(["one", "three"])),
)
ENUMS = st.builds(
    lambda values: {"type": "string", "enum": sorted(values)}, st.sets(st.sampled_from("abcd"), min_size=2)
)
EVENTS = st.builds(
    lambda schema, number, aliases: {
        **schema,
        "x-semantic-event": {
            "name": f"Event {number}",
            "family": "boats",
            "shape": "properties",
            "aliases": sorted(aliases),
        },
    },
    OBJECTS,
    st.integers(0, 3),
    st.sets(st.sampled_from(["Alias A", "Alias B"])),
)
DOCUMENTS = st.builds(
    lambda parts, events, limits, edits: edited(
        edits
        | {f"schemas.{name}": schema for name, schema in {**parts, **events}.items()}
        | {f"x-limits.{name}": value for name, value in limits.items()}
    ),
    # References lead somewhere: each of the four names is always there.
    st.fixed_dictionaries(dict.fromkeys(["Adrift", "Bow", "Cabin", "Deck"], OBJECTS | ENUMS)),
    st.dictionaries(st.sampled_from(["Foundered", "Grounded", "Hoisted"]), EVENTS),
    st.dictionaries(st.sampled_from(["idBytes", "callBytes"]), st.integers(1, 3)),
    st.sampled_from([case.edits for name, case in CASES.items() if not case.base and name != "call without endpoint"]),
)
FEWER = settings(max_examples=settings.default.max_examples // 4)
SEEDS = st.integers(0, 1_000_000)
SWAPPED = {"added": "removed", "removed": "added"}


@FEWER
@given(DOCUMENTS, SEEDS)
def test_order_makes_no_difference(document, seed):
    other = shuffled(document, seed)
    assert changes(document, document) == changes(document, other) == changes(other, document) == ()


@FEWER
@given(DOCUMENTS, DOCUMENTS)
def test_swapped_documents_swap_added_and_removed(one, other):
    found = [each for each in changes(one, other) if not is_class_gone(each)]
    there = Counter((each.kind, each.subject, each.before, each.after) for each in found)
    back = Counter(
        (SWAPPED.get(each.kind, each.kind), each.subject, each.after, each.before)
        for each in changes(other, one)
        if each.kind != "renamed" and not is_class_gone(each)
    )
    assert Counter({key: count for key, count in there.items() if key[0] != "renamed"}) == back


def is_class_gone(each):
    """A class that is new has no entry of its own."""
    return each.subject in {"call", "type"} and each.kind == "removed"


@FEWER
@given(DOCUMENTS, DOCUMENTS, SEEDS)
def test_the_same_changes_come_in_the_same_order(one, other, seed):
    found = changes(one, other)
    assert found == tuple(sorted(set(found)))
    assert found == changes(shuffled(one, seed), shuffled(other, seed))


def test_the_committed_spec_shuffled_has_not_changed():
    assert changes(COMMITTED, shuffled(COMMITTED, 3)) == ()


# --- the committed spec ---


def done_over(name, event):
    schema = copy.deepcopy(COMMITTED["components"]["schemas"][name])
    schema["x-semantic-event"]["name"] = event
    return schema


TRACK = COMMITTED["paths"]["/track"]["post"]
LIMIT = COMMITTED["x-limits"]["callBytes"]

REALISTIC = {
    "a new event": (
        {
            "schemas.SeatsBooked": {
                **done_over("OrderCompleted", "Seats Booked"),
                "properties": {"show": ref("Show")},
            },
            "schemas.Show": {"type": "object", "properties": {"id": TEXT}},
        },
        change("event", "added", "ecommerce.SeatsBooked", after='event "Seats Booked"'),
    ),
    "a renamed event": (
        {"schemas.OrderCompleted": GONE, "schemas.OrderDone": done_over("OrderCompleted", "Order Done")},
        change("event", "renamed", "ecommerce.OrderCompleted", after="ecommerce.OrderDone", breaking=BREAKING),
    ),
    "a removed property": (
        {"schemas.Product.properties.price": GONE},
        change("property", "removed", "ecommerce.Product.price", "number", breaking=BREAKING),
    ),
    "a type change": (
        {"schemas.ReportDeliveryEvent.properties.deliveryId": WHOLE},
        change(
            "type",
            "changed",
            "customerio.ReportDeliveryEvent.delivery_id (deliveryId)",
            "string",
            "integer",
            BREAKING,
        ),
    ),
    "a new required member": (
        {"schemas.Group.properties.reason": TEXT, "schemas.Group.required": ["groupId", "reason"]},
        change("property", "added", "models.Group.reason", after="string, required", breaking=BREAKING),
    ),
    "a member newly required": (
        {"schemas.IdentifyTraits.required": ["createdAt"]},
        change("required", "added", "models.IdentifyTraits.created_at (createdAt)", breaking=BREAKING),
    ),
    "a new endpoint": (
        {"paths./enchant": {"post": {**TRACK, "operationId": "enchant"}}},
        change("endpoint", "added", "POST /enchant"),
    ),
    "a third region": (
        {f"servers.{len(COMMITTED['servers'])}": {"url": "https://cdp-moon.customer.io/v1", "x-region": "moon"}},
        change("region", "added", "region moon", after="https://cdp-moon.customer.io/v1"),
    ),
    "a changed limit": (
        {"x-limits.callBytes": 2 * LIMIT},
        change("limit", "changed", "callBytes", str(LIMIT), str(2 * LIMIT)),
    ),
    "an added enum value": (
        {"schemas.DeliveryMetric.enum.0": "bounced"},
        change("enum", "added", "customerio.DeliveryMetric", after='"bounced"'),
    ),
    "a removed alternative": (
        {"schemas.Identify.anyOf.2": GONE},
        change("identity", "removed", "models.Identify", "traits.email", breaking=BREAKING),
    ),
    "a member of what all calls share": (
        {"schemas.ContextOs.properties.bits": WHOLE},
        change("property", "added", "models.ContextOs.bits", after="integer"),
    ),
}


@pytest.mark.parametrize(("edits", "expected"), REALISTIC.values(), ids=REALISTIC)
def test_a_realistic_edit_of_the_spec_is_one_change(edits, expected):
    assert changes(COMMITTED, edited(edits, COMMITTED)) == (expected,)


def test_names_are_those_of_the_generated_package():
    """Whatever is gone from everywhere was there under the name that the report gives."""
    bare = copy.deepcopy(COMMITTED)
    for schema in bare["components"]["schemas"].values():
        schema |= {key: type(schema[key])() for key in ("properties", "enum") if key in schema}
    found = [each for each in changes(COMMITTED, bare) if (each.subject, each.kind) == ("property", "removed")]
    values = [each for each in changes(COMMITTED, bare) if each.subject == "enum"]
    assert len(found) > 500
    assert len(values) > 10
    for each in found:
        home, name, field = each.name.split(" ")[0].split(".")
        assert field in {one.name for one in attrs.fields(generated(home, name))}
    for each in values:
        home, name = each.name.split(".")
        assert json.loads(each.before) in get_args(generated(home, name))


def generated(home, name):
    module = "cio_pipelines.models" if home == "models" else f"cio_pipelines.events.{home}"
    return getattr(importlib.import_module(module), name)


def test_two_documents_are_compared_and_left_alone():
    before, after = copy.deepcopy(COMMITTED), edited(REALISTIC["a renamed event"][0], COMMITTED)
    kept = copy.deepcopy(after)
    changes(before, after)
    assert (before, after) == (COMMITTED, kept)
