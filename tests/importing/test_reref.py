import copy
import json
import time
from pathlib import Path

from scripts.importer.reref import reref

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(**members):
    return {"type": "object", "properties": members}


def document(body=None, **schemas):
    path = {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}
    return {"paths": {"/boats": path}, "components": {"schemas": schemas}}


def body_of(found):
    return found["paths"]["/boats"]["post"]["requestBody"]["content"]["application/json"]["schema"]


SAIL = thing(area={"type": "number"})
BOAT = thing(sail=SAIL, name={"type": "string"})


def test_a_repeated_component_becomes_a_reference_the_largest_first():
    found = reref(document({"type": "array", "items": BOAT}, Boat=BOAT, Sail=SAIL))
    assert body_of(found) == {"type": "array", "items": ref("Boat")}
    assert found["components"]["schemas"] == {"Boat": thing(sail=ref("Sail"), name={"type": "string"}), "Sail": SAIL}
    assert reref(found) == found


def test_a_component_that_refers_and_a_copy_that_does_not_are_equal():
    short = thing(sail=ref("Sail"), name={"type": "string"})
    assert body_of(reref(document(BOAT, Boat=short, Sail=SAIL))) == ref("Boat")
    assert body_of(reref(document(short, Boat=BOAT, Sail=SAIL))) == ref("Boat")


def test_of_equal_components_the_first_by_name_stands_for_all_and_each_of_them_stays():
    found = reref(document(SAIL, Jib=SAIL, Genoa=SAIL))
    assert body_of(found) == ref("Genoa")
    assert found["components"]["schemas"] == {"Jib": SAIL, "Genoa": SAIL}


def test_the_title_of_the_component_itself_does_not_count():
    assert body_of(reref(document(SAIL, Sail={**SAIL, "title": "A sail"}))) == ref("Sail")


def test_several_components_with_titles_are_told_apart():
    titled = {"Boat": {**BOAT, "title": "A boat"}, "Sail": {**SAIL, "title": "A sail"}}
    found = reref(document({"anyOf": [SAIL, BOAT]}, **titled))
    assert body_of(found) == {"anyOf": [ref("Sail"), ref("Boat")]}


def test_order_of_members_and_of_sets_does_not_count_but_that_of_alternatives_does():
    one = {"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {"enum": [1, 2]}}}
    other = {"properties": {"b": {"enum": [2, 1]}, "a": {"type": "string"}}, "required": ["b", "a"], "type": "object"}
    assert body_of(reref(document(other, One=one))) == ref("One")
    union = {"anyOf": [{"type": "string"}, {"type": "number"}]}
    assert body_of(reref(document({"anyOf": union["anyOf"][::-1]}, Union=union))) == {"anyOf": union["anyOf"][::-1]}


def test_true_is_not_one():
    union = {"anyOf": [{"const": 1}, {"type": "string"}]}
    same_to_python = {"anyOf": [{"const": True}, {"type": "string"}]}
    assert body_of(reref(document(same_to_python, Union=union))) == same_to_python


def test_what_is_too_plain_for_a_name_stays():
    plain = {"Id": {"type": "string"}, "Free": {"type": "object"}, "Kind": {"type": "string", "enum": ["a", "b"]}}
    body = thing(**plain)
    assert reref(document(body, **plain)) == document(body, **plain)


def test_components_that_contain_each_other_are_left_in_peace():
    schemas = {"Boat": thing(tender=ref("Dinghy")), "Dinghy": thing(mother=ref("Boat")), "Self": ref("Self")}
    assert reref(document(ref("Boat"), **schemas)) == document(ref("Boat"), **schemas)


def test_the_input_is_not_changed():
    source = document(BOAT, Boat=BOAT, Sail=SAIL)
    before = copy.deepcopy(source)
    reref(source)
    assert source == before


def test_the_committed_spec_stays_as_it_is():
    assert reref(COMMITTED) == COMMITTED


def test_a_chain_of_components_may_be_long():
    chain = {f"Boat{number}": thing(tender=ref(f"Boat{number + 1}")) for number in range(5000)}
    end = {"Boat5000": BOAT}
    short = thing(tender=ref("Boat4999"))
    assert body_of(reref(document(short, **chain, **end))) == ref("Boat4998")
    whole = thing(tender=thing(tender=BOAT))
    assert body_of(reref(document(whole, **chain, **end))) == ref("Boat4998")


def test_components_may_all_refer_to_each_other():
    names = [f"Boat{number}" for number in range(150)]
    members = {name: ref(name) for name in names}
    schemas = {name: thing(**members, **{f"of{name}": {"type": "string"}}) for name in names}
    assert reref(document(schemas["Boat7"], **schemas)) == document(ref("Boat7"), **schemas)


def test_a_component_is_found_by_its_escaped_name():
    assert body_of(reref(document(SAIL, **{"a/b": SAIL}))) == ref("a~1b")


def test_time_grows_with_the_size_and_not_with_its_square():
    schemas = {f"Boat{number}": thing(**{f"a{number}": {"type": "string"}, "sail": SAIL}) for number in range(2000)}
    body = {"anyOf": [copy.deepcopy(schema) for schema in schemas.values()]}
    start = time.process_time()
    found = reref(document(body, Sail=SAIL, **schemas))
    assert time.process_time() - start < 1
    assert body_of(found) == {"anyOf": [ref(name) for name in schemas]}
