import copy
import itertools

import pytest

from scripts.importer.contained import batchable, contained

TEXT, NUMBER, FREE = {"type": "string"}, {"type": "number"}, {"type": "object"}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def call(value, **members):
    return thing(type={"type": "string", "const": value}, **members)


def batch(items):
    return thing(batch={"type": "array", "items": items})


SAIL = call("sail", id=TEXT, wind=thing(speed=NUMBER, from_={"type": "string", "readOnly": True}), at=TEXT)
SINK = call("sink", id=TEXT, depth=NUMBER)


def document(calls, **schemas):
    paths = {
        f"/{name}": {"post": {"requestBody": {"content": {"application/json": {"schema": ref(name)}}}}}
        for name in calls
    }
    return {"paths": paths, "components": {"schemas": calls | schemas}}


def found_in(source):
    before = copy.deepcopy(source)
    found = batchable(contained(source))
    assert source == before
    assert contained(found) == found
    return found["components"]["schemas"]


def items_of(*alternatives, **schemas):
    source = document({"Sail": SAIL, "Sink": SINK, "Batch": batch({"anyOf": [*alternatives]})}, **schemas)
    return found_in(source)["Batch"]["properties"]["batch"]["items"]["anyOf"]


@pytest.mark.parametrize(
    "lesser",
    [
        SAIL,
        call("sail"),
        call("sail", id=TEXT),
        call("sail", id={**TEXT, "minLength": 1, "title": "Id"}),
        call("sail", wind=thing(speed=NUMBER)),
        call("sail", wind=thing(from_=TEXT)),
        call("sail", at={**TEXT, "default": "now"}),
        {**call("sail", id=TEXT), "required": ["type", "id"], "title": "Sail in a batch"},
        call("sail", wind=ref("Wind")),
    ],
)
def test_a_lesser_copy_of_a_call_is_the_call(lesser):
    assert items_of(lesser, SINK, Wind=thing(speed=NUMBER)) == [ref("Sail"), ref("Sink")]


@pytest.mark.parametrize(
    "other",
    [
        call("drift", id=TEXT),
        call("sail", crew=TEXT),
        call("sail", id=NUMBER),
        call("sail", wind=TEXT),
        call("sail", wind=thing(crew=TEXT)),
        thing(id=TEXT),
        thing(type=TEXT, id=TEXT),
        TEXT,
    ],
)
def test_what_says_something_else_stays(other):
    assert items_of(other, SINK) == [other, ref("Sink")]


def test_a_reference_stays():
    assert items_of(ref("Sail"), ref("Other"), Other=call("sail", id=TEXT)) == [ref("Sail"), ref("Other")]


def test_what_could_be_either_of_two_calls_stays():
    calls = {"Sail": call("sail", id=TEXT), "SailAgain": call("sail", id=TEXT, at=TEXT)}
    lesser = call("sail", id=TEXT)
    found = found_in(document({**calls, "Batch": batch({"anyOf": [lesser, TEXT]})}))
    assert found["Batch"]["properties"]["batch"]["items"]["anyOf"] == [lesser, TEXT]


def test_alternatives_of_what_is_required_are_no_copies():
    schema = thing(id=TEXT, at=TEXT) | {"anyOf": [{"required": ["id"]}, {"required": ["at"]}]}
    assert found_in(document({"Sail": SAIL}, Other=schema))["Other"] == schema


def test_calls_in_the_array_of_another_call_are_marked():
    found = found_in(document({"Sail": SAIL, "Sink": SINK, "Batch": batch({"anyOf": [call("sail"), TEXT]})}))
    assert [name for name, schema in found.items() if schema.get("x-batchable")] == ["Sail"]


def test_an_array_of_one_kind_of_call_is_one_too():
    found = found_in(document({"Sail": SAIL, "Batch": batch(ref("Sail"))}))
    assert found["Sail"] == {**SAIL, "x-batchable": True}
    assert "x-batchable" not in found["Batch"]


def test_what_is_no_call_is_not_marked():
    found = found_in(document({"Batch": batch({"anyOf": [ref("Wind"), TEXT]})}, Wind=thing(speed=NUMBER)))
    assert not any("x-batchable" in schema for schema in found.values())


def test_the_array_may_be_a_component_of_its_own():
    source = document({"Sail": SAIL, "Batch": thing(batch=ref("Calls"))}, Calls={"type": "array", "items": ref("Sail")})
    assert found_in(source)["Sail"]["x-batchable"] is True


def test_the_alternatives_may_be_a_component_of_their_own():
    source = document(
        {"Sail": SAIL, "Sink": SINK, "Batch": batch(ref("Any"))}, Any={"anyOf": [ref("Sail"), ref("Sink")]}
    )
    assert found_in(source)["Sail"].get("x-batchable") is True


def test_a_call_that_holds_itself_does_not_travel_in_a_batch():
    assert (
        "x-batchable" not in found_in(document({"Tree": thing(parts={"type": "array", "items": ref("Tree")})}))["Tree"]
    )


def test_the_order_of_alternatives_and_of_paths_decides_nothing():
    alternatives = [call("sail"), call("sink"), TEXT]
    found = []
    for order in itertools.permutations(alternatives):
        calls = {"Sail": SAIL, "Sink": SINK, "Batch": batch({"anyOf": list(order)})}
        schemas = found_in(document(dict(reversed(calls.items())) if order[0] is TEXT else calls))
        found.append(sorted(map(str, schemas["Batch"]["properties"]["batch"]["items"]["anyOf"])))
        assert schemas["Sail"]["x-batchable"]
        assert schemas["Sink"]["x-batchable"]
    assert all(one == found[0] for one in found)


def test_documents_without_paths_or_components_stay():
    assert contained({}) == {}
    assert contained({"paths": {"/a": {"get": {}}}}) == {"paths": {"/a": {"get": {}}}}


def test_calls_that_hold_themselves_are_compared_to_an_end():
    node = call("node", id=TEXT, next=ref("Node"))
    lesser = call("node", next=ref("Node"))
    found = found_in(document({"Node": node, "Batch": batch({"anyOf": [lesser, TEXT]})}))
    assert found["Batch"]["properties"]["batch"]["items"]["anyOf"] == [ref("Node"), TEXT]


@pytest.mark.parametrize(
    ("whole", "lesser"),
    [(call("sail", old=False), call("sail", id=TEXT)), (call("sail", id=TEXT, old=TEXT), call("sail", old=False))],
    ids=["in the call", "in the copy"],
)
def test_a_member_may_be_forbidden(whole, lesser):
    found = found_in(document({"Sail": whole, "Batch": batch({"anyOf": [lesser, TEXT]})}))
    assert found["Batch"]["properties"]["batch"]["items"]["anyOf"] == [lesser, TEXT]


def test_a_body_that_is_part_of_a_component_is_no_call():
    source = document({"Batch": batch(ref("Sail"))}, Sail=SAIL)
    part = {"content": {"application/json": {"schema": ref("Sail/properties/wind")}}}
    source["paths"]["/wind"] = {"post": {"requestBody": part}}
    assert not any("x-batchable" in schema for schema in found_in(source).values())


def test_a_call_that_travels_in_a_batch_only_is_one_too():
    source = document({"Sail": SAIL, "Batch": batch({"anyOf": [ref("Sail"), ref("Anchor")]})}, Anchor=call("anchor"))
    assert [name for name, schema in found_in(source).items() if schema.get("x-batchable")] == ["Sail", "Anchor"]
