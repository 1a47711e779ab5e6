import copy
import itertools
import json
from pathlib import Path

import pytest

from scripts.importer.document import resolve
from scripts.importer.hoist import hoist
from scripts.importer.naming import pascal, singular

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))

TEXT, NUMBER, NULL, FREE = {"type": "string"}, {"type": "number"}, {"type": "null"}, {"type": "object"}
COLOURS = {"type": "string", "enum": ["blue", "red"]}
SAIL = {"type": "object", "properties": {"area": NUMBER}}


def ref(name, kind="schemas"):
    return {"$ref": f"#/components/{kind}/{name}"}


def thing(**members):
    return {"type": "object", "properties": members}


def array(items):
    return {"type": "array", "items": items}


def mapping(values):
    return {"type": "object", "additionalProperties": values}


def any_of(*alternatives):
    return {"anyOf": list(alternatives)}


def media(schema):
    return {"content": {"application/json": {"schema": schema}}}


def operation(body=None, name="build", **parts):
    return {"operationId": name} | ({"requestBody": media(body)} if body else {}) | parts


def document(body=None, *, path="/boats", schemas=None, components=None, **parts):
    post = operation(body, **parts)
    return {"paths": {path: {"post": post}}, "components": {"schemas": schemas or {}, **(components or {})}}


def event(name, **members):
    return thing(**members) | {"x-semantic-event": {"name": name, "family": "fleet", "shape": "properties"}}


def events(**schemas):
    return {"components": {"schemas": schemas}}


def hoisted(source, committed=None):
    """Return a document with its components named, after the checks that hold for every document."""
    before = copy.deepcopy([source, committed])
    found = hoist(source, committed)
    assert [source, committed] == before
    assert_complete(found, found)
    assert hoist(found, found) == found, "the same document once more changes a name"
    return found


def assert_complete(document, node):
    """Check that every reference leads somewhere."""
    if isinstance(node, list):
        for part in node:
            assert_complete(document, part)
    elif isinstance(node, dict):
        resolve(document, node)
        for part in node.values():
            assert_complete(document, part)


def schemas_in(source, committed=None):
    return hoisted(source, committed)["components"].get("schemas", {})


# Names


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("boat_sail", "BoatSail"),
        ("boatSail", "BoatSail"),
        ("X-Boat", "XBoat"),
        ("a.b c/d", "ABCD"),
        ("2x", "2x"),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_name_is_written_like_a_class(name, result):
    assert pascal(name) == result
    assert pascal(result) == result


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("boats", "boat"),
        ("categories", "category"),
        ("ties", "tie"),
        ("pass", "pass"),
        ("status", "status"),
        ("basis", "basis"),
        ("crew", "crew"),
        ("s", ""),
    ],
)
def test_an_item_is_called_in_the_singular(name, result):
    assert singular(name) == result


# What is named, and after what


@pytest.mark.parametrize(
    ("member", "schemas"),
    [
        (thing(area=NUMBER), {"Build": thing(sail=ref("BuildSail")), "BuildSail": SAIL}),
        (mapping(TEXT), {"Build": thing(sail=ref("BuildSail")), "BuildSail": mapping(TEXT)}),
        (COLOURS, {"Build": thing(sail=ref("BuildSail")), "BuildSail": COLOURS}),
        (array(SAIL), {"Build": thing(sail=array(ref("BuildSail"))), "BuildSail": SAIL}),
        (array(array(SAIL)), {"Build": thing(sail=array(array(ref("BuildSail")))), "BuildSail": SAIL}),
        (
            mapping(SAIL),
            {"Build": thing(sail=ref("BuildSail")), "BuildSail": mapping(ref("BuildSailItem")), "BuildSailItem": SAIL},
        ),
        (FREE, {"Build": thing(sail=FREE)}),
        (FREE | {"additionalProperties": False}, {"Build": thing(sail=FREE | {"additionalProperties": False})}),
        (TEXT, {"Build": thing(sail=TEXT)}),
        ({"type": "string", "const": "a"}, {"Build": thing(sail={"type": "string", "const": "a"})}),
        (any_of(TEXT, SAIL), {"Build": thing(sail=any_of(TEXT, ref("BuildSailVariant"))), "BuildSailVariant": SAIL}),
        (
            thing(mast=thing(top=thing(height=NUMBER))),
            {
                "Build": thing(sail=ref("BuildSail")),
                "BuildSail": thing(mast=ref("BuildSailMast")),
                "BuildSailMast": thing(top=ref("BuildSailMastTop")),
                "BuildSailMastTop": thing(height=NUMBER),
            },
        ),
    ],
    ids=[
        "object",
        "mapping",
        "enum",
        "items",
        "items of items",
        "values",
        "free",
        "empty",
        "scalar",
        "constant",
        "alternative",
        "deep",
    ],
)
def test_objects_mappings_and_enums_are_called_by_their_owner_and_member(member, schemas):
    assert schemas_in(document(thing(sail=member))) == schemas


def test_an_item_is_called_in_the_singular_of_its_member():
    assert "BuildSail" in schemas_in(document(thing(sails=array(SAIL))))


def test_a_body_is_called_as_its_operation_whatever_its_component_is_called():
    found = hoisted(document(ref("boat_to_build"), schemas={"boat_to_build": thing(a=TEXT)}))
    assert found["components"]["schemas"] == {"Build": thing(a=TEXT)}
    assert found["paths"]["/boats"]["post"]["requestBody"] == media(ref("Build"))


def test_without_an_id_it_is_called_by_method_and_path():
    source = document(thing(a=TEXT), path="/big-boats/{id}")
    del source["paths"]["/big-boats/{id}"]["post"]["operationId"]
    assert schemas_in(source).keys() == {"PostBigBoatsId"}


@pytest.mark.parametrize("name", [None, 12])
def test_an_id_may_be_no_text(name):
    assert len(schemas_in(document(thing(a=TEXT), name=name))) == 1


def test_an_event_is_called_by_its_words():
    found = schemas_in(events(e=event("Boat Sailed to Port", wind=SAIL)))
    assert found.keys() == {"BoatSailedToPort", "BoatSailedToPortWind"}


def test_a_component_is_called_as_before():
    assert schemas_in(document(thing(a=ref("big_sail")), schemas={"big_sail": SAIL})).keys() == {"Build", "BigSail"}


def test_the_context_of_an_event_is_a_component():
    schema = event("Boat Sailed")
    schema["x-semantic-event"]["context"] = thing(ip=TEXT)
    found = schemas_in(events(e=schema))
    assert found["BoatSailed"]["x-semantic-event"]["context"] == ref("BoatSailedContext")
    assert found["BoatSailedContext"] == thing(ip=TEXT)


def test_the_same_under_the_same_member_is_one_component():
    source = events(a=event("Boat Sailed", crew=SAIL), b=event("Boat Sunk", crew=SAIL, depth=NUMBER))
    assert schemas_in(source).keys() == {"BoatSailed", "BoatSunk", "Crew"}


def test_the_same_enum_is_called_by_its_first_owner():
    source = events(
        a=event("Boat Sailed", colour=COLOURS), b=event("Boat Sunk", colour={**COLOURS, "enum": ["red", "blue"]})
    )
    assert schemas_in(source).keys() == {"BoatSailed", "BoatSunk", "BoatSailedColour"}


def test_the_same_under_other_members_are_two_components():
    assert schemas_in(document(thing(fore=SAIL, aft=SAIL))).keys() == {"Build", "BuildFore", "BuildAft"}


def test_another_under_the_same_member_is_called_by_its_owner():
    source = events(
        a=event("Boat Sailed", crew=SAIL),
        b=event("Boat Sunk", crew=SAIL, depth=NUMBER),
        c=event("Boat Lost", crew=thing(x=TEXT)),
    )
    assert schemas_in(source).keys() == {"BoatSailed", "BoatSunk", "BoatLost", "Crew", "BoatLostCrew"}


def test_names_that_clash_are_counted():
    found = schemas_in(document(thing(user_id=thing(a=TEXT), userId=thing(b=TEXT), **{"user-id": thing(c=TEXT)})))
    assert found.keys() == {"Build", "BuildUserId", "BuildUserId2", "BuildUserId3"}


@pytest.mark.parametrize("name", ["2x", "-", "", "a.b", "type", "items", "properties", "required"])
def test_a_member_may_be_called_anything(name):
    found = schemas_in(document(thing(a=thing(b=thing(**{name: SAIL})), c=thing(b=thing(**{name: thing(x=TEXT)})))))
    assert len(found) == 7
    assert SAIL in found.values()
    assert thing(x=TEXT) in found.values()


def test_objects_that_differ_in_a_member_called_title_are_two_components():
    found = schemas_in(document(thing(a=thing(page=thing(title=TEXT)), b=thing(page=thing(title=NUMBER)))))
    assert thing(title=TEXT) in found.values()
    assert thing(title=NUMBER) in found.values()


# Alternatives


def kind(value, **members):
    return thing(kind={"type": "string", "const": value}, **members)


def test_alternatives_are_called_by_the_constant_that_tells_them_apart():
    found = schemas_in(document(thing(sail=any_of(kind("jib", a=TEXT), kind("spinnaker", b=TEXT)))))
    assert found.keys() == {"Build", "BuildSailJib", "BuildSailSpinnaker"}


def test_the_order_of_alternatives_decides_no_name():
    found = set()
    for order in itertools.permutations([kind("a", x=TEXT), kind("b", x=NUMBER), TEXT]):
        schemas = schemas_in(document(thing(sail=any_of(*order))))
        found.add(json.dumps({name: schema for name, schema in sorted(schemas.items()) if name != "Build"}))
    assert len(found) == 1


def test_the_order_of_alternatives_without_a_constant_decides_no_name_either():
    found = set()
    for order in itertools.permutations([thing(x=TEXT), thing(x=NUMBER)]):
        schemas = schemas_in(document(thing(sail=any_of(*order))))
        found.add(json.dumps({name: schema for name, schema in sorted(schemas.items()) if name != "Build"}))
    assert len(found) == 1


def test_a_union_of_components_is_a_component_where_it_is_one():
    found = schemas_in(document(thing(a=ref("either")), schemas={"either": any_of(SAIL, TEXT)}))
    assert found["Build"] == thing(a=ref("Either"))
    assert found["Either"] == any_of(ref("EitherVariant"), TEXT)


def test_alternatives_of_what_is_required_stay():
    schema = thing(a=TEXT, b=SAIL) | any_of(
        {"required": ["a"]}, {"required": ["b"], "properties": {"b": {"required": ["area"]}}}
    )
    assert schemas_in(document(schema))["Build"]["anyOf"] == schema["anyOf"]


def test_components_in_alternatives_that_only_narrow_are_not_lost():
    member = array(FREE) | any_of({"items": ref("jib")}, {"items": ref("mast")})
    schemas_in(document(thing(parts=member), schemas={"jib": thing(a=TEXT), "mast": thing(b=TEXT)}))


@pytest.mark.parametrize(
    "member",
    [
        {"type": "object", "patternProperties": {"^x": ref("sail")}},
        {"type": "array", "prefixItems": [ref("sail")]},
        {"type": "array", "contains": ref("sail")},
        {"type": "object", "propertyNames": ref("sail")},
        {"not": ref("sail")},
    ],
    ids=lambda member: next(key for key in member if key != "type"),
)
def test_components_under_any_keyword_are_not_lost(member):
    schemas_in(document(thing(a=member), schemas={"sail": SAIL}))


# Null


@pytest.mark.parametrize(
    ("member", "component"),
    [
        ({"type": ["object", "null"], "properties": {"area": NUMBER}}, SAIL),
        ({"type": ["object", "null"], "additionalProperties": TEXT}, mapping(TEXT)),
        ({"type": ["string", "null"], "enum": ["blue", "red", None]}, COLOURS),
    ],
    ids=["object", "mapping", "enum"],
)
@pytest.mark.parametrize("inline", [True, False])
def test_what_may_be_null_is_the_component_or_null(member, component, inline):
    source = document(thing(sail=member if inline else ref("sail")), schemas={"sail": member})
    found = hoist(source)["components"]["schemas"]
    name = "BuildSail" if inline else found["Build"]["properties"]["sail"]["anyOf"][0]["$ref"].rpartition("/")[2]
    assert found == {"Build": thing(sail=any_of(ref(name), NULL)), name: component}


def test_what_may_be_null_keeps_its_name():
    source = document(thing(sail={"type": ["object", "null"], "properties": {"area": NUMBER}}))
    assert hoist(source, hoist(source)) == hoist(source)


def test_an_enum_of_one_value_or_null_is_a_constant_or_null():
    found = schemas_in(document(thing(sail={"type": ["string", "null"], "enum": ["blue", None]})))
    assert "enum" not in json.dumps(found)


# What holds itself


@pytest.mark.parametrize(
    "schema",
    [
        thing(boss=ref("it")),
        thing(crew=array(ref("it"))),
        mapping(ref("it")),
        any_of(TEXT, array(ref("it"))),
        thing(boss=any_of(ref("it"), NULL)),
    ],
    ids=["member", "items", "values", "union", "or null"],
)
def test_what_holds_itself_is_a_component_that_holds_itself(schema):
    found = schemas_in(document(ref("it"), schemas={"it": schema}))
    assert found.keys() <= {"Build", "It"}


def test_an_array_of_itself_ends():
    schemas_in(document(thing(a=ref("it")), schemas={"it": array(ref("it"))}))


def test_two_that_hold_each_other_are_two():
    source = document(
        thing(a=ref("boat")), schemas={"boat": thing(crew=ref("sailor")), "sailor": thing(boat=ref("boat"))}
    )
    assert schemas_in(source) == {
        "Build": thing(a=ref("Boat")),
        "Boat": thing(crew=ref("Sailor")),
        "Sailor": thing(boat=ref("Boat")),
    }


# Names once given


def known(**schemas):
    return document(ref("Build"), schemas=schemas)


def test_a_name_once_given_stays_whatever_the_component_is_called_now():
    committed = known(Build=thing(sail=ref("Canvas"), masts=array(ref("Pole"))), Canvas=SAIL, Pole=thing(h=NUMBER))
    source = document(ref("x"), schemas={"x": thing(sail=ref("y"), masts=array(thing(h=NUMBER))), "y": SAIL})
    assert schemas_in(source, committed) == committed["components"]["schemas"]


def test_what_has_changed_keeps_the_name_of_its_place():
    committed = known(Build=thing(sail=ref("Canvas")), Canvas=SAIL)
    found = schemas_in(document(thing(sail=thing(area=NUMBER, colour=TEXT))), committed)
    assert found == {"Build": thing(sail=ref("Canvas")), "Canvas": thing(area=NUMBER, colour=TEXT)}


def test_a_body_keeps_its_name_when_the_operation_has_another():
    committed = known(Build=thing(a=TEXT))
    assert schemas_in(document(thing(a=TEXT, b=TEXT), name="construct"), committed).keys() == {"Build"}


def test_where_one_component_has_become_two_the_name_stays_with_most_places():
    committed = known(Build=thing(fore=ref("Sail"), aft=ref("Sail"), top=ref("Sail")), Sail=SAIL)
    wider = thing(area=NUMBER, colour=TEXT)
    found = schemas_in(document(thing(fore=SAIL, aft=wider, top=wider)), committed)
    assert found == {
        "Build": thing(fore=ref("BuildFore"), aft=ref("Sail"), top=ref("Sail")),
        "Sail": wider,
        "BuildFore": SAIL,
    }


@pytest.mark.parametrize("order", [("fore", "aft"), ("aft", "fore")], ids="-".join)
def test_of_two_with_as_many_places_one_keeps_the_name(order):
    committed = known(Build=thing(fore=ref("Sail"), aft=ref("Sail")), Sail=SAIL)
    members = {"fore": SAIL, "aft": thing(area=NUMBER, colour=TEXT)}
    found = schemas_in(document(thing(**{name: members[name] for name in order})), committed)
    assert found.keys() in ({"Build", "Sail", "BuildAft"}, {"Build", "Sail", "BuildFore"})


def test_of_two_with_as_many_places_the_order_of_members_does_not_decide():
    committed = known(Build=thing(fore=ref("Sail"), aft=ref("Sail")), Sail=SAIL)
    members = {"fore": SAIL, "aft": thing(area=NUMBER, colour=TEXT)}
    one, other = (
        schemas_in(document(thing(**dict(order))), committed) for order in itertools.permutations(members.items())
    )
    assert one == other


def test_where_two_components_have_become_one_both_names_stay():
    committed = known(
        Build=thing(fore=ref("Jib"), aft=ref("Spanker")), Jib=SAIL, Spanker=thing(area=NUMBER, colour=TEXT)
    )
    found = schemas_in(document(thing(fore=SAIL, aft=SAIL)), committed)
    assert found == {"Build": thing(fore=ref("Jib"), aft=ref("Spanker")), "Jib": SAIL, "Spanker": SAIL}


def test_a_new_component_takes_no_name_that_something_else_has_in_the_committed_document():
    committed = known(Build=thing(a=TEXT), BuildSail=thing(other=TEXT))
    found = schemas_in(document(thing(a=TEXT, sail=SAIL)), committed)
    assert found["Build"]["properties"]["sail"] == ref("BuildSail2")


def test_the_same_under_the_same_member_has_the_name_that_is_known():
    committed = known(Build=thing(crew=ref("People")), People=SAIL)
    source = document(thing(crew=SAIL))
    source["components"]["schemas"]["e"] = event("Boat Sailed", crew=SAIL)
    found = schemas_in(source, committed)
    assert found["BoatSailed"]["properties"] == {"crew": ref("People")}


def test_a_new_event_is_called_by_its_words_and_its_parts_by_what_is_known():
    committed = events(BoatSailed=event("Boat Sailed", crew=ref("Crew")), Crew=SAIL)
    found = schemas_in(events(a=event("Boat Sailed", crew=SAIL), b=event("Boat Sunk", crew=SAIL)), committed)
    assert found.keys() == {"BoatSailed", "BoatSunk", "Crew"}


@pytest.mark.parametrize("names", [("Boat Gone", "Boat Sailed"), ("Boat Sailed", "Boat Gone")], ids="-".join)
def test_an_event_keeps_its_class_when_it_is_known_by_another_of_its_names(names):
    now, before = names
    mark = {"family": "fleet", "shape": "properties"}
    committed = events(Sailing=thing(a=TEXT) | {"x-semantic-event": {**mark, "name": before}})
    source = events(e=thing(a=TEXT) | {"x-semantic-event": {**mark, "name": now, "aliases": [before]}})
    assert schemas_in(source, committed).keys() == {"Sailing"}


def test_alternatives_keep_their_names_in_whatever_order_they_come():
    committed = known(
        Build=thing(sail=any_of(ref("Jib"), ref("Kite"))), Jib=kind("jib", a=TEXT), Kite=kind("kite", b=TEXT)
    )
    for order in itertools.permutations([kind("jib", a=TEXT), kind("kite", b=TEXT, c=TEXT)]):
        found = schemas_in(document(thing(sail=any_of(*order))), committed)
        assert found["Jib"] == kind("jib", a=TEXT)
        assert found["Kite"] == kind("kite", b=TEXT, c=TEXT)


def test_one_event_of_one_name_is_there():
    source = events(a=event("Boat Sailed", a=TEXT), b=event("Boat Sunk", b=TEXT))
    assert schemas_in(source).keys() == {"BoatSailed", "BoatSunk"}


def test_of_two_components_that_are_the_same_event_the_order_does_not_decide():
    schemas = {"a": event("Boat Sailed", a=TEXT), "b": event("Boat Sailed", b=TEXT)}
    found = [schemas_in(events(**dict(order))) for order in itertools.permutations(schemas.items())]
    assert found[0] == found[1]


def test_events_whose_words_are_the_same_are_told_apart_in_any_order():
    schemas = {"a": event("Boat Sailed", a=TEXT), "b": event("boat-sailed", b=TEXT)}
    found = [schemas_in(events(**dict(order))) for order in itertools.permutations(schemas.items())]
    assert found[0] == found[1]
    assert all("x-semantic-event" in schema for schema in found[0].values())
    assert len(found[0]) == 2


# Parameters, responses, tags


LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer"}}


def test_a_parameter_of_several_operations_is_a_component():
    source = document(parameters=[LIMIT])
    source["paths"]["/ships"] = {"get": operation(name="ships", parameters=[LIMIT])}
    found = hoisted(source)
    assert found["components"]["parameters"] == {"Limit": LIMIT}
    assert found["paths"]["/ships"]["get"]["parameters"] == [ref("Limit", "parameters")]


def test_a_parameter_of_one_operation_stays_there():
    found = hoisted(document(parameters=[ref("limit", "parameters")], components={"parameters": {"limit": LIMIT}}))
    assert found["paths"]["/boats"]["post"]["parameters"] == [LIMIT]


def test_a_header_is_called_without_its_x():
    header = {"name": "X-Big-Boats", "in": "header", "schema": TEXT}
    source = document(parameters=[header])
    source["paths"]["/ships"] = {"get": operation(name="ships", parameters=[header])}
    assert hoisted(source)["components"]["parameters"] == {"BigBoats": header}


def test_two_parameters_of_one_name_are_not_one():
    other = {**LIMIT, "in": "header"}
    source = document(parameters=[LIMIT, other])
    source["paths"]["/ships"] = {"get": operation(name="ships", parameters=[LIMIT, other])}
    found = hoisted(source)
    places = [resolve(found, one) for one in found["paths"]["/ships"]["get"]["parameters"]]
    assert places == [LIMIT, other]


def test_a_parameter_keeps_its_component():
    committed = document(parameters=[ref("Most", "parameters")], components={"parameters": {"Most": LIMIT}})
    found = hoisted(document(parameters=[LIMIT]), committed)
    assert found["components"]["parameters"] == {"Most": LIMIT}


def test_the_enum_of_a_parameter_is_a_component():
    found = hoisted(document(parameters=[{**LIMIT, "schema": COLOURS}]))
    assert found["components"]["schemas"] == {"BuildLimit": COLOURS}


def test_a_response_that_is_a_component_is_called_by_its_status():
    source = document(
        responses={"404": ref("404", "responses"), "200": ref("fine", "responses")},
        components={"responses": {"404": {"description": ""}, "fine": {"description": "", **media(SAIL)}}},
    )
    found = hoisted(source)["components"]
    assert found["responses"].keys() == {"NotFound", "Fine"}
    assert found["schemas"] == {"BuildResponse": SAIL}


def test_a_response_may_be_called_by_any_number():
    source = document(
        responses={"default": ref("999", "responses")}, components={"responses": {"999": {"description": ""}}}
    )
    assert hoisted(source)["paths"]["/boats"]["post"]["responses"]["default"]


def test_an_inline_response_stays_and_its_body_is_named():
    source = document(responses={"200": media(SAIL), "404": media(thing(e=TEXT)), "4XX": {"description": ""}})
    found = hoisted(source)
    assert found["components"] == {"schemas": {"BuildResponse": SAIL, "BuildResponse404": thing(e=TEXT)}}
    assert found["paths"]["/boats"]["post"]["responses"]["200"] == media(ref("BuildResponse"))


def test_a_response_keeps_its_component():
    committed = document(
        responses={"200": ref("Built", "responses")},
        components={"responses": {"Built": media(ref("Ship"))}, "schemas": {"Ship": SAIL}},
    )
    found = hoisted(document(responses={"200": media(SAIL)}), committed)
    assert found["components"] == {"responses": {"Built": media(ref("Ship"))}, "schemas": {"Ship": SAIL}}


def test_request_bodies_are_read_into_their_operations():
    source = document(components={"requestBodies": {"boat": media(SAIL)}}, requestBody=ref("boat", "requestBodies"))
    found = hoisted(source)
    assert found["paths"]["/boats"]["post"]["requestBody"] == media(ref("Build"))


def test_tags_are_those_that_are_known():
    committed = document(tags=["fleet"])
    assert hoisted(document(tags=["boats"]), committed)["paths"]["/boats"]["post"]["tags"] == ["fleet"]
    assert hoisted(document(), committed)["paths"]["/boats"]["post"]["tags"] == ["fleet"]
    assert hoisted(document(tags=["boats"]))["paths"]["/boats"]["post"]["tags"] == ["boats"]
    assert "tags" not in hoisted(document())["paths"]["/boats"]["post"]


def test_a_new_operation_has_the_only_tag_that_there_is():
    committed = document(tags=["fleet"])
    source = document(path="/ships", name="ships")
    assert hoisted(source, committed)["paths"]["/ships"]["post"]["tags"] == ["fleet"]
    committed["paths"]["/crew"] = {"get": operation(name="crew", tags=["crew"])}
    assert "tags" not in hoisted(source, committed)["paths"]["/ships"]["post"]


def test_tags_of_no_operation_go():
    source = document(tags=["boats"]) | {"tags": [{"name": "boats"}, {"name": "ships"}]}
    assert hoisted(source)["tags"] == [{"name": "boats"}]
    assert "tags" not in hoisted(document() | {"tags": [{"name": "ships"}]})


# Whatever the document


def test_the_order_of_paths_and_components_decides_nothing():
    source = document(
        thing(a=SAIL, b=ref("x")),
        schemas={"x": thing(c=COLOURS), "e": event("Boat Sailed", a=SAIL), "f": event("Boat Sunk", c=COLOURS)},
    )
    source["paths"]["/ships"] = {"get": operation(thing(a=SAIL), name="ships")}
    other = {
        "paths": dict(reversed(source["paths"].items())),
        "components": {"schemas": dict(reversed(source["components"]["schemas"].items()))},
    }
    assert hoisted(source) == hoisted(other)


def test_components_that_are_no_parts_of_operations_go_or_stay():
    source = document(components={"securitySchemes": {"basic": {"type": "http"}}}, schemas={"unused": SAIL})
    assert hoisted(source)["components"] == {"securitySchemes": {"basic": {"type": "http"}}}


@pytest.mark.parametrize("source", [{}, {"paths": {}}, {"components": {}}, {"components": {"schemas": {}}}])
def test_a_document_may_have_nothing(source):
    assert hoisted(source).get("components", {}) == {}


def test_a_member_may_be_forbidden():
    assert schemas_in(document(thing(a=TEXT, old=False)))["Build"] == thing(a=TEXT, old=False)


def test_a_part_of_a_component_is_a_component():
    found = schemas_in(document(thing(a=ref("boat/properties/sail")), schemas={"boat": thing(sail=SAIL)}))
    assert len(found) == 2
    assert SAIL in found.values()


def test_the_committed_spec_has_its_names_already():
    assert hoist(COMMITTED, COMMITTED) == COMMITTED
