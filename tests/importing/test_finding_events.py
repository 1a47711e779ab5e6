import copy
import itertools
import json
from pathlib import Path

import pytest

from scripts.importer.announced import capitalised, key_of
from scripts.importer.events import UNMET, events
from scripts.importer.reading import Reading

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))

READING = Reading(
    identity=("userId", "anonymousId"),
    shared=("event", "userId", "context", "properties", "sentAt"),
    family="own",
    families={"a/b test": "ab_test", "harbour": "port"},
)
TEXT, NUMBER, FREE = {"type": "string"}, {"type": "number"}, {"type": "object"}
CALL = {
    "type": "object",
    "properties": {"event": TEXT, "userId": TEXT, "properties": FREE, "context": FREE, "sentAt": TEXT},
}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def named(value):
    return {"type": "string", "const": value}


def document(text="", track=CALL, **schemas):
    post = {"requestBody": {"content": {"application/json": {"schema": ref("track")}}}}
    return {
        "info": {"title": "Boats", "description": text},
        "paths": {"/track": {"post": post}},
        "components": {"schemas": {"track": track, **schemas}},
    }


def found_in(source, reading=READING, committed=None):
    """Return the schemas with the events marked, after the checks that hold for every document."""
    before = copy.deepcopy([source, committed])
    found = events(source, reading, committed)
    assert [source, committed] == before
    assert events(found, reading, committed) == found
    assert {key: value for key, value in found.items() if key not in ("components", UNMET)} == {
        key: value for key, value in source.items() if key != "components"
    }
    return found["components"]["schemas"]


def marks_in(source, reading=READING, committed=None):
    found = found_in(source, reading, committed)
    return {key: schema["x-semantic-event"] for key, schema in found.items() if "x-semantic-event" in schema}


def mark_of(source, key, committed=None):
    return marks_in(source, committed=committed)[key]


def event(name, family="fleet", *aliases, **members):
    """Return a committed event."""
    mark = {"name": name, "family": family, "shape": "properties"}
    return {**thing(**members), "x-semantic-event": mark | ({"aliases": list(aliases)} if aliases else {})}


def spec(*committed):
    schemas = {one["x-semantic-event"]["name"].title().replace(" ", ""): one for one in committed}
    return document(track=CALL, **schemas)


def mention(key):
    return f'<SchemaDefinition schemaRef="#/components/schemas/{key}" />'


# How a name is written


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Boat sailed", "Boat Sailed"),
        ("boat_sailed_to_port", "Boat Sailed to Port"),
        ("To Be Sunk", "To Be Sunk"),
        ("Added In Harbour", "Added in Harbour"),
        ("iOS App Opened", "IOS App Opened"),
        ("  Boat   Sailed ", "Boat Sailed"),
        ("SMS Sent", "SMS Sent"),
        ("Boat", "Boat"),
        ("", ""),
    ],
)
def test_capitals_follow_one_rule(written, name):
    assert capitalised(written) == name
    assert capitalised(name) == name


@pytest.mark.parametrize("written", ["Boat Sailed", "boat_sailed", "BOAT-SAILED", " boat sailed! "])
def test_names_are_compared_without_capitals_and_signs(written):
    assert key_of(written) == "boat_sailed"


# What is an event


def test_a_constant_name_makes_a_component_an_event():
    assert mark_of(document(any_key=thing(event=named("Boat Sailed"), properties=thing(wind=NUMBER))), "any_key") == {
        "name": "Boat Sailed",
        "family": "own",
        "shape": "properties",
        "source": "any_key",
    }


def test_a_constant_may_be_a_component_too():
    assert mark_of(document(e=thing(event=ref("Name")), Name=named("Boat Sailed")), "e")["name"] == "Boat Sailed"


def test_a_constant_is_taken_as_it_is_written():
    assert mark_of(document(e=thing(event=named("boat sailed"))), "e")["name"] == "boat sailed"


@pytest.mark.parametrize(
    "schema",
    [
        thing(event=TEXT),
        thing(event={"type": "string", "enum": ["Boat Sailed", ""]}),
        thing(event={"type": "string", "enum": ["Boat Sailed", None]}),
        thing(event={"type": "integer", "const": 5}),
        thing(event=named("")),
        thing(event=False),
        thing(name=named("Boat Sailed")),
        TEXT,
        {"type": "array", "items": thing(event=named("Boat Sailed"))},
    ],
    ids=json.dumps,
)
def test_anything_else_does_not(schema):
    source = document(e=schema)
    assert found_in(source) == source["components"]["schemas"]


def test_the_member_that_names_events_is_a_matter_of_reading():
    source = document(e=thing(what=named("Boat Sailed")))
    assert marks_in(source, Reading(event="what", family="own"))["e"]["name"] == "Boat Sailed"
    assert marks_in(source) == {}


def test_a_key_that_is_in_the_table_makes_an_event():
    found = marks_in(
        document(
            "| Fleet events | `Boat Sailed`, `Boat Sunk` |", boat_sailed=thing(wind=NUMBER), boat_lost=thing(a=TEXT)
        )
    )
    assert found == {
        "boat_sailed": {"name": "Boat Sailed", "family": "fleet", "shape": "properties", "source": "boat_sailed"}
    }


@pytest.mark.parametrize("key", ["boat_sailed", "BoatSailed", "Boat Sailed", "boat-sailed"])
def test_a_key_is_compared_without_capitals_and_signs(key):
    assert marks_in(document("| Fleet | `Boat Sailed` |", **{key: thing(wind=NUMBER)}))[key]["name"] == "Boat Sailed"


def test_a_title_alone_makes_no_event():
    assert marks_in(document("| Fleet | `Boat Sailed` |", e={**thing(a=TEXT), "title": "Boat Sailed"})) == {}


def test_a_mention_under_a_heading_makes_an_event_and_names_it():
    text = f"# Fleet events\n\n## Boat has sailed\n\n{mention('e')}"
    assert mark_of(document(text, e=thing(a=TEXT)), "e") == {
        "name": "Boat Has Sailed",
        "family": "fleet",
        "shape": "properties",
        "source": "e",
    }


def test_a_mention_without_any_heading_makes_none():
    assert marks_in(document(mention("e"), e=thing(a=TEXT))) == {}


def test_a_component_that_is_mentioned_and_not_there_is_passed_over():
    assert marks_in(document(f"# Fleet events\n{mention('e')}")) == {}


def test_the_body_of_an_operation_is_no_event():
    source = document("# Fleet events\n## Track\n" + mention("track") + "\n| Fleet | `Track` |")
    assert found_in(source)["track"] == CALL


def test_what_is_marked_already_stays_as_it_is():
    marked = {
        **thing(event=named("Boat Sailed")),
        "x-semantic-event": {"name": "Boat Left", "family": "f", "shape": "properties"},
    }
    assert found_in(document("| Fleet | `Boat Sailed` |", boat_sailed=marked))["boat_sailed"] == marked


# Which of several names


@pytest.mark.parametrize(
    ("table", "schema", "heading", "name", "aliases"),
    [
        ("`Boat Left`", thing(event=named("Boat Sailed")), "Sailing", "Boat Sailed", []),
        ("`Boat Gone`", thing(event=named("Boat Sailed")), "Sailing", "Boat Sailed", ["Boat Gone"]),
        ("`Boat Gone`, `Boat Sailed`", {**thing(a=TEXT), "title": "Boat Sailed"}, "Sailing", "Boat Gone", []),
        ("`Boat Sailed`", {**thing(a=TEXT), "title": "boat sailed"}, "Sailing", "Boat Sailed", []),
        ("`Boat Sailed`", {**thing(a=TEXT), "title": "Something"}, "Boat has gone", "Boat Has Gone", []),
        ("`boat gone`", thing(a=TEXT), "Sailing", "Boat Gone", ["boat gone"]),
        ("`Boat gone`", {**thing(a=TEXT), "title": "BOAT GONE"}, "Sailing", "Boat Gone", ["Boat gone"]),
    ],
    ids=["constant", "constant and key", "key before title", "title", "heading", "capitals", "capitals of both"],
)
def test_the_constant_comes_first_then_key_title_and_heading(table, schema, heading, name, aliases):
    text = f"| Fleet | {table} |\n# Fleet events\n## {heading}\n{mention('boat_gone')}"
    mark = mark_of(document(text, boat_gone=schema), "boat_gone")
    assert (mark["name"], mark.get("aliases", [])) == (name, aliases)


def test_a_name_that_another_event_has_is_no_alias():
    text = "| Fleet | `Boat Gone`, `Boat Sailed` |"
    source = document(text, boat_gone=thing(event=named("Boat Sailed")), other=thing(event=named("Boat Gone")))
    assert "aliases" not in mark_of(source, "boat_gone")


# Which family


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("", "own"),
        ("| Fleet | `Boat Sailed` |", "fleet"),
        ("| Big fleet events | `Boat Sailed` |", "big_fleet"),
        ("| Harbour | `Boat Sailed` |", "port"),
        ("| HARBOUR events | `Boat Sailed` |", "port"),
        ("| A/B test | `Boat Sailed` |", "ab_test"),
        ("| a | b | `Boat Sailed` |", "a"),
        ("| Fleet | see `Boat Sailed` and `Boat Sunk` |", "fleet"),
        ("| Fleet | `Boat Sailed` |\n| Harbour | `Boat Sailed` |", "fleet"),
        (f"# Fleet events\n{mention('boat_sailed')}", "fleet"),
        (f"# Fleet events\n## Boat sailed\n{mention('boat_sailed')}", "fleet"),
        (f"# All\n## Fleet events\n### Boat sailed\n{mention('boat_sailed')}", "fleet"),
        (f"# Harbour\n## Boat sailed\n{mention('boat_sailed')}", "port"),
        (f"# Fleet event schemas\n## Boat sailed\n{mention('boat_sailed')}", "fleet"),
        (f"# Fleet events\n## Boat sunk\n# Harbour events\n## Boat sailed\n{mention('boat_sailed')}", "port"),
        (f"| Harbour | `Boat Sailed` |\n# Fleet events\n## Boat sailed\n{mention('boat_sailed')}", "port"),
    ],
)
def test_the_family_is_that_of_the_table_or_the_heading(text, family):
    assert mark_of(document(text, boat_sailed=thing(event=named("Boat Sailed"))), "boat_sailed")["family"] == family


def test_a_family_whose_names_share_their_first_word_has_the_ones_that_the_text_forgets():
    text = "| Fleet | `Boat Sailed`, `Boat Sunk` |\n| Crew | `Sailor Hired`, `Cook Hired` |"
    found = marks_in(document(text, boat_painted=thing(a=TEXT), boat_bad=thing(a=TEXT), sailor_fired=thing(a=TEXT)))
    assert found == {
        "boat_painted": {"name": "Boat Painted", "family": "fleet", "shape": "properties", "source": "boat_painted"}
    }


def test_the_first_mention_counts():
    text = f"# Fleet events\n## Boat sailed\n{mention('e')}\n# Harbour events\n## Boat left\n{mention('e')}"
    assert mark_of(document(text, e=thing(a=TEXT)), "e")["name"] == "Boat Sailed"


# Its shape


def test_what_is_said_in_the_properties_is_the_event():
    inner = thing("wind", wind=NUMBER)
    found = found_in(document(e=thing("event", event=named("Boat Sailed"), properties=inner, sentAt=TEXT)))["e"]
    assert found == {
        **inner,
        "x-semantic-event": {"name": "Boat Sailed", "family": "own", "shape": "properties", "source": "e"},
    }


def test_an_event_without_properties_is_an_empty_object():
    found = found_in(document(e=thing(event=named("Boat Sailed"))))["e"]
    assert (found["type"], found.get("properties", {})) == ("object", {})


def test_properties_that_are_a_component_are_read():
    found = found_in(document(e=thing(event=named("Boat Sailed"), properties=ref("Wind")), Wind=thing(speed=NUMBER)))
    assert found["e"]["properties"] == {"speed": NUMBER}
    assert found["Wind"] == thing(speed=NUMBER)


def test_the_context_that_it_adds_is_in_the_mark():
    found = found_in(
        document(e=thing(event=named("Boat Sailed"), properties=thing(wind=NUMBER), context=thing(ip=TEXT)))
    )["e"]
    assert found["x-semantic-event"]["context"] == thing(ip=TEXT)
    assert found["properties"] == {"wind": NUMBER}


def test_an_event_whose_members_are_all_the_calls_is_a_whole_call():
    text = "| Fleet | `Boat Sailed` |"
    found = found_in(document(text, boat_sailed=thing(properties=thing(wind=NUMBER), context=thing(ip=TEXT))))[
        "boat_sailed"
    ]
    assert found["properties"] == {"wind": NUMBER}
    assert found["x-semantic-event"]["context"] == thing(ip=TEXT)


def test_an_event_that_says_more_is_the_properties_itself():
    schema = thing("wind", wind=NUMBER, properties=thing(a=TEXT))
    found = found_in(document("| Fleet | `Boat Sailed` |", boat_sailed={**schema, "title": "Boat Sailed"}))[
        "boat_sailed"
    ]
    assert {key: value for key, value in found.items() if key != "x-semantic-event"} == schema


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        (thing("userId", event=named("S"), userId=TEXT), "envelope"),
        (thing("anonymousId", event=named("S"), anonymousId=TEXT), "envelope"),
        (thing("context", event=named("S"), context=thing(ip=TEXT)), "envelope"),
        (thing(event=named("S"), userId=TEXT), "properties"),
        (thing("event", "properties", "sentAt", event=named("S"), properties=FREE, sentAt=TEXT), "properties"),
        (
            thing(event=named("S"), userId=TEXT, anonymousId=TEXT)
            | {"anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}]},
            "properties",
        ),
        (
            thing(event=named("S"), userId=TEXT, anonymousId=TEXT)
            | {"anyOf": [{"required": ["userId", "sentAt"]}, {"required": ["anonymousId", "userId"]}]},
            "envelope",
        ),
    ],
)
def test_what_needs_an_identity_or_context_is_the_whole_call(schema, shape):
    assert mark_of(document(e=schema), "e")["shape"] == shape


def test_a_whole_call_has_what_every_call_has():
    schema = thing("userId", event=named("Boat Sailed"), userId={**TEXT, "minLength": 1}, wind=NUMBER)
    found = found_in(document(e={**schema, "title": "Sailed"}))["e"]
    assert "title" not in found
    assert found["required"] == ["userId"]
    assert found["properties"] == {
        "event": named("Boat Sailed"),
        "userId": {**TEXT, "minLength": 1},
        "wind": NUMBER,
        "properties": FREE,
        "context": FREE,
        "sentAt": TEXT,
    }


def test_in_a_document_of_events_alone_the_call_comes_from_elsewhere():
    source = {"components": {"schemas": {"e": thing("userId", event=named("Boat Sailed"), userId=TEXT)}}}
    alone = events(source, READING)["components"]["schemas"]["e"]["properties"]
    found = events(source, READING, document())["components"]["schemas"]["e"]["properties"]
    assert alone == {"event": named("Boat Sailed"), "userId": TEXT}
    assert found.keys() == {"event", "userId", "context", "properties", "sentAt"}


# Events among the alternatives of a call


def union(*alternatives, **beside):
    return {"anyOf": list(alternatives), **beside}


SAILED = thing("userId", event=named("Boat Sailed"), userId=TEXT, wind=NUMBER)


def test_alternatives_that_are_events_go_and_the_call_stays_plain():
    found = found_in(
        document(
            track=union(CALL, ref("sailed"), thing(event=named("Boat Sunk"), properties=thing(depth=NUMBER))),
            sailed=SAILED,
        )
    )
    assert found["track"] == CALL
    assert found["sailed"]["x-semantic-event"]["name"] == "Boat Sailed"
    assert found["boat_sunk"]["properties"] == {"depth": NUMBER}


def test_alternatives_that_are_none_stay():
    found = found_in(document(track=union(CALL, thing(event=NUMBER), SAILED)))
    assert found["track"] == union(CALL, thing(event=NUMBER))


def test_a_call_that_is_left_with_a_reference_is_no_union():
    found = found_in(document(track=union(ref("custom"), ref("sailed")), custom=CALL, sailed=SAILED))
    assert found["track"] in (CALL, ref("custom"))


def test_what_a_call_requires_beside_its_alternatives_is_added_to_theirs():
    call = {**CALL, "required": ["event"]}
    found = found_in(document(track=union(call, SAILED, required=["userId"])))
    assert sorted(found["track"]["required"]) == ["event", "userId"]


def test_what_a_call_requires_beside_its_alternatives_an_event_needs_too():
    sunk = thing(event=named("Boat Sunk"), userId=TEXT, depth=NUMBER)
    found = found_in(document(track=union(CALL, sunk, required=["userId"])))
    assert found["boat_sunk"]["x-semantic-event"]["shape"] == "envelope"
    assert found["boat_sunk"]["required"] == ["userId"]


def test_an_inline_event_whose_key_is_taken_by_something_else_is_not_lost():
    found = found_in(document(track=union(CALL, SAILED), boat_sailed=thing(knots=NUMBER)))
    assert found["boat_sailed"] == thing(knots=NUMBER)
    assert [schema["x-semantic-event"]["name"] for schema in found.values() if "x-semantic-event" in schema] == [
        "Boat Sailed"
    ]


WHO = [{"required": ["userId"]}, {"required": ["anonymousId"]}]


def test_events_that_need_no_identity_pass_as_plain_calls():
    call = CALL | {"anyOf": WHO}
    source = document(track=union(call, thing(event=named("Boat Sunk")), thing(event=named("Boat Lost")), SAILED))
    named_ones = {"required": ["event"], "properties": {"event": {"enum": ["Boat Lost", "Boat Sunk"]}}}
    assert found_in(source)["track"] == CALL | {"anyOf": [*WHO, named_ones]}


def test_the_alternatives_stay_as_they_are_when_all_events_need_an_identity():
    call = CALL | {"anyOf": WHO}
    assert found_in(document(track=union(call, SAILED)))["track"] == call


def test_events_that_need_no_identity_pass_where_the_call_requires_one_identity():
    call = {**CALL, "required": ["event", "userId"]}
    found = found_in(document(track=union(call, thing(event=named("Boat Sunk")))))["track"]
    assert "userId" not in found.get("required", [])
    assert {"required": ["event"], "properties": {"event": {"enum": ["Boat Sunk"]}}} in found.get("anyOf", [])


def test_an_alternative_whose_event_has_no_name_is_not_lost():
    nameless = thing(event=named(""), wind=NUMBER)
    assert found_in(document(track=union(CALL, nameless)))["track"] == union(CALL, nameless)


def test_a_union_in_a_body_that_names_no_events_stays():
    schema = union(thing(a=TEXT), thing(b=NUMBER))
    source = document(other=schema)
    source["paths"]["/other"] = {"post": {"requestBody": {"content": {"application/json": {"schema": ref("other")}}}}}
    assert found_in(source)["other"] == schema


# An event with several names

SEVERAL = {"type": "string", "enum": ["Boat Gone", "Boat Left", "Boat Sailed"]}


def test_the_first_of_several_names_is_the_events_and_the_others_are_aliases():
    mark = mark_of(document(e=thing(event=SEVERAL, properties=thing(wind=NUMBER))), "e")
    assert (mark["name"], mark["aliases"]) == ("Boat Gone", ["Boat Left", "Boat Sailed"])


def test_of_several_names_the_one_in_the_table_is_the_events():
    assert mark_of(document("| Fleet | `Boat Left` |", e=thing(event=SEVERAL)), "e") == {
        "name": "Boat Left",
        "family": "fleet",
        "shape": "properties",
        "source": "e",
        "aliases": ["Boat Gone", "Boat Sailed"],
    }


def test_of_several_names_the_committed_one_stays():
    mark = mark_of(document("| Fleet | `Boat Left` |", e=thing(event=SEVERAL)), "e", spec(event("Boat Sailed")))
    assert (mark["name"], mark["aliases"]) == ("Boat Sailed", ["Boat Gone", "Boat Left"])


def test_a_whole_call_with_several_names_has_the_events_as_a_constant():
    found = found_in(document(e=thing("userId", event=SEVERAL, userId=TEXT)))["e"]
    assert found["properties"]["event"] == named("Boat Gone")
    assert found["x-semantic-event"]["aliases"] == ["Boat Left", "Boat Sailed"]


def test_an_alternative_with_several_names_goes_and_all_of_them_pass_as_plain_calls():
    call = CALL | {"anyOf": WHO}
    found = found_in(document(track=union(call, thing(event=SEVERAL, properties=thing(wind=NUMBER)))))
    names = {"required": ["event"], "properties": {"event": {"enum": SEVERAL["enum"]}}}
    assert found["track"] == CALL | {"anyOf": [*WHO, names]}
    assert found["boat_gone"]["properties"] == {"wind": NUMBER}


def test_a_body_whose_name_is_one_of_several_is_a_call_and_no_event():
    closed = thing(event=SEVERAL, properties=FREE)
    assert found_in(document(track=closed))["track"] == closed


def test_a_call_that_lets_callers_choose_among_several_names_stays_one():
    closed = {**CALL, "properties": {**CALL["properties"], "event": SEVERAL}}
    found = found_in(document(track=union(closed, SAILED)))
    assert found["track"] == closed
    assert found["boat_sailed"]["x-semantic-event"]["name"] == "Boat Sailed"


def test_a_component_of_such_a_call_is_no_event():
    closed = {**CALL, "properties": {**CALL["properties"], "event": SEVERAL}}
    source = document(track=union(ref("custom"), SAILED), custom=closed)
    assert events(source, READING)["components"]["schemas"]["custom"] == closed


# An event that may be null


@pytest.mark.parametrize(
    "inner",
    [
        thing(wind=NUMBER) | {"type": ["object", "null"]},
        {"anyOf": [thing(wind=NUMBER), {"type": "null"}]},
        {"anyOf": [{"type": "null"}, ref("Wind")]},
        ref("Perhaps"),
    ],
    ids=json.dumps,
)
def test_properties_that_may_be_null_are_taken_without_null(inner):
    parts = {"Wind": thing(wind=NUMBER), "Perhaps": {"anyOf": [ref("Wind"), {"type": "null"}]}}
    found = found_in(document(e=thing(event=named("Boat Sailed"), properties=inner), **parts))["e"]
    assert {key: value for key, value in found.items() if key != "x-semantic-event"} == thing(wind=NUMBER)


def test_an_event_that_may_be_null_is_taken_without_null():
    schema = thing(wind=NUMBER) | {"type": ["object", "null"]}
    found = found_in(document("| Fleet | `Boat Sailed` |", boat_sailed=schema))["boat_sailed"]
    assert found["type"] == "object"
    assert found["x-semantic-event"]["name"] == "Boat Sailed"


# A table with one event a row

EVENTS = "| Event Name | What it does |\n|---|---|\n"


def test_a_name_in_the_first_cell_makes_an_event_of_ones_own_family():
    text = EVENTS + "| `Boat Sailed` | by `wind` alone |"
    found = marks_in(document(text, boat_sailed=thing(wind=NUMBER), wind=thing(a=TEXT)))
    assert found == {
        "boat_sailed": {"name": "Boat Sailed", "family": "own", "shape": "properties", "source": "boat_sailed"}
    }


@pytest.mark.parametrize(
    ("above", "family"),
    [("# Harbour", "port"), ("# Harbour events", "port"), ("# Fleet", "fleet"), ("# Sailing, and other events", "own")],
)
def test_a_heading_above_such_a_table_may_name_a_family_that_there_is(above, family):
    text = f"{above}\n{EVENTS}| `Boat Sailed` | |"
    assert (
        mark_of(document(text, boat_sailed=thing(a=TEXT)), "boat_sailed", spec(event("Boat Sunk")))["family"] == family
    )


def test_a_table_of_families_says_more_than_one_of_events():
    text = f"{EVENTS}| `Boat Sailed` | |\n\n| Harbour | `Boat Sailed` |"
    assert mark_of(document(text, boat_sailed=thing(a=TEXT)), "boat_sailed")["family"] == "port"


@pytest.mark.parametrize("text", ["| Member | |\n|--|--|\n", "## Boat sailed event\n| Member | |\n|--|--|\n"])
def test_another_table_makes_no_events(text):
    source = document(text + "| `wind` | its force |", wind=thing(a=TEXT))
    assert marks_in(source) == {}
    assert UNMET not in events(source, READING)


@pytest.mark.parametrize("between", ["\n", "## Members\n"])
def test_a_table_ends_with_its_rows(between):
    text = f"{EVENTS}| `Boat Sailed` | |\n{between}| Member | |\n|--|--|\n| `wind` | |"
    source = document(text, boat_sailed=thing(a=TEXT), wind=thing(a=TEXT))
    assert list(marks_in(source)) == ["boat_sailed"]


def test_a_heading_right_above_makes_it_a_table_of_events():
    text = "## Sailing events\n| Name | |\n|--|--|\n| `Boat Sailed` | |"
    assert list(marks_in(document(text, boat_sailed=thing(a=TEXT)))) == ["boat_sailed"]


# Names without a schema


def test_names_that_have_no_schema_are_listed():
    text = f"{EVENTS}| `Boat Sunk` | |\n| `Boat Sailed` | |\n\n| Fleet events | `Boat Lost`, `Boat Found` |"
    source = document(text, boat_sailed=thing(a=TEXT), e=thing(event=named("boat found")))
    assert events(source, READING)[UNMET] == ["Boat Lost", "Boat Sunk"]


def test_what_another_table_lists_is_no_name():
    assert UNMET not in events(document("| Region | Host |\n|--|--|\n| North | `north.example` |"), READING)


def test_an_alias_has_a_schema():
    source = document("| Fleet events | `Boat Gone` |", boat_gone=thing(event=named("Boat Sailed")))
    assert UNMET not in events(source, READING)


def test_what_is_listed_no_longer_goes():
    source = document("| Fleet events | `Boat Lost` |")
    found = events(source, READING)
    assert found[UNMET] == ["Boat Lost"]
    assert UNMET not in events({**found, "info": {"title": "Boats"}}, READING)


# What the text is silent about


def test_a_heading_with_a_family_is_no_name():
    text = f"# Fleet event schemas\n{mention('boat_sailed')}"
    mark = mark_of(document(text, boat_sailed=thing(a=TEXT)), "boat_sailed")
    assert (mark["name"], mark["family"]) == ("Boat Sailed", "fleet")


def test_a_heading_that_is_known_as_a_name_is_one_even_if_it_reads_as_a_family():
    text = f"# Fleet events\n## Report Boat Event\n{mention('e')}"
    mark = mark_of(document(text, e=thing(a=TEXT)), "e", spec(event("Report Boat Event")))
    assert (mark["name"], mark["family"]) == ("Report Boat Event", "fleet")


@pytest.mark.parametrize("key", ["BoatSailedToPort", "boatSailedToPort", "boat_sailed_to_port"])
def test_a_key_in_camel_case_gives_a_name_of_several_words(key):
    mark = mark_of(document(f"# Fleet events\n{mention(key)}", **{key: thing(a=TEXT)}), key)
    assert mark["name"] == "Boat Sailed to Port"


def test_a_constant_that_the_text_does_not_speak_of_has_the_committed_family():
    source = document(e=thing(event=named("Boat Sailed")))
    assert mark_of(source, "e", spec(event("Boat Sailed")))["family"] == "fleet"
    assert mark_of(source, "e", spec(event("Boat Left", "port", "Boat Sailed")))["family"] == "port"


def test_the_text_says_more_of_a_family_than_what_is_committed():
    source = document("| Harbour | `Boat Sailed` |", e=thing(event=named("Boat Sailed")))
    assert mark_of(source, "e", spec(event("Boat Sailed")))["family"] == "port"


@pytest.mark.parametrize(
    ("heading", "key", "name"),
    [
        ("Boat sunk", "boat_sailed", "Boat Sailed"),
        ("Boat sunk", "e", "Boat Sunk"),
        ("Boat left", "boat_sailed", "Boat Left"),
        ("Boat sailed", "boat_sailed", "Boat Sailed"),
    ],
    ids=["above the wrong one", "the only guide", "another name", "the same"],
)
def test_a_heading_names_the_event_unless_it_is_the_name_of_another(heading, key, name):
    text = f"# Fleet events\n## {heading}\n{mention(key)}"
    source = document(text, **{key: thing(a=TEXT)})
    assert mark_of(source, key, spec(event("Boat Sailed"), event("Boat Sunk")))["name"] == name


def test_a_component_called_as_a_committed_event_is_one_where_the_text_speaks_of_its_family():
    committed = spec(event("Boat Sailed"), event("Boat Sunk"), event("Boat Tied", "port"))
    schemas = {"boat_sailed": thing(a=TEXT), "boat_sunk": thing(b=TEXT), "boat_tied": thing(c=TEXT)}
    text = f"# Fleet events\n## Boat sailed\n{mention('boat_sailed')}"
    assert marks_in(document(text, **schemas), committed=committed).keys() == {"boat_sailed", "boat_sunk"}
    assert marks_in(document(**schemas), committed=committed) == {}


def test_a_committed_name_stays_as_it_is_written():
    text = f"# Fleet events\n{mention('boat_sailed')}"
    assert mark_of(document(text, boat_sailed=thing(a=TEXT)), "boat_sailed", spec(event("boat Sailed")))["name"] == (
        "boat Sailed"
    )


@pytest.mark.parametrize(
    ("committed", "name"),
    [
        (spec(event("Boat Sailed", wind=NUMBER)), "Boat Sailed"),
        (spec(event("Boat Sailed", wind=TEXT)), "Xyz"),
        (spec(event("Boat Sailed", wind=NUMBER), event("Boat Sunk", wind=NUMBER)), "Xyz"),
    ],
    ids=["the same", "another", "one of two"],
)
def test_what_has_no_name_is_the_one_committed_event_that_says_the_same(committed, name):
    source = document(f"# Fleet events\n{mention('xyz')}", xyz=thing(wind=NUMBER))
    assert mark_of(source, "xyz", committed)["name"] == name


# Whatever the order, whatever the document


def test_the_order_of_components_decides_nothing():
    schemas = {
        "sailed": SAILED,
        "sunk": thing(event=named("Boat Sunk")),
        "boat_lost": thing(a=TEXT),
        "track": union(CALL, ref("sailed")),
    }
    text = "| Fleet | `Boat Lost` |"
    found = [
        found_in(document(text) | {"components": {"schemas": dict(order)}})
        for order in itertools.permutations(schemas.items())
    ]
    assert all(one == found[0] for one in found)


def test_the_order_of_alternatives_decides_nothing():
    alternatives = [CALL | {"anyOf": WHO}, thing(event=named("Boat Sunk")), thing(event=named("Boat Lost")), SAILED]
    found = [found_in(document(track=union(*order))) for order in itertools.permutations(alternatives)]
    assert all(one == found[0] for one in found)


def test_of_one_event_in_two_calls_always_the_same_is_taken():
    found = set()
    for number in range(20):
        source = document()
        for place, inner in ((f"a{number}", TEXT), (f"b{number}", NUMBER)):
            event = thing(event=named("Boat Sailed"), properties=thing(wind=inner))
            source["components"]["schemas"][place] = union(CALL, event)
            content = {"application/json": {"schema": ref(place)}}
            source["paths"][f"/{place}"] = {"post": {"requestBody": {"content": content}}}
        found.add(json.dumps(found_in(source)["boat_sailed"]))
    assert len(found) == 1


@pytest.mark.parametrize("name", ["A/B", "A~B"])
def test_a_component_may_have_any_name(name):
    source = document()
    source["components"]["schemas"][name] = source["components"]["schemas"].pop("track")
    body = source["paths"]["/track"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = ref(name.replace("~", "~0").replace("/", "~1"))
    assert found_in(source)[name] == CALL


def test_a_body_may_be_a_part_of_a_component():
    source = document(boat=thing(sail=thing(a=TEXT)))
    source["paths"]["/sails"] = {
        "post": {"requestBody": {"content": {"application/json": {"schema": ref("boat/properties/sail")}}}}
    }
    assert found_in(source)["boat"] == thing(sail=thing(a=TEXT))


def test_a_body_may_be_a_component():
    source = document(track=union(CALL, SAILED))
    body = source["paths"]["/track"]["post"]["requestBody"]
    source["paths"]["/track"]["post"]["requestBody"] = {"$ref": "#/components/requestBodies/Track"}
    source["components"]["requestBodies"] = {"Track": body}
    assert found_in(source)["track"] == CALL


@pytest.mark.parametrize("text", [None, 5])
def test_a_description_may_be_no_text(text):
    assert found_in(document(text))["track"] == CALL


def test_a_title_may_be_no_text():
    assert mark_of(document(e={**thing(event=named("Boat Sailed")), "title": 2025}), "e")["name"] == "Boat Sailed"


def test_a_body_may_be_false():
    source = document()
    source["paths"]["/never"] = {"post": {"requestBody": {"content": {"application/json": {"schema": False}}}}}
    assert found_in(source)["track"] == CALL


def test_the_committed_spec_has_its_events_already():
    assert events(COMMITTED, READING) == COMMITTED
