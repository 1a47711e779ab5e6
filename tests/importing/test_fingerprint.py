import copy

import pytest

from scripts.importer.document import resolve
from scripts.importer.fingerprint import Fingerprints

TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def same(one, other, **schemas):
    document = {"components": {"schemas": schemas}}
    of = Fingerprints(lambda schema: resolve(document, schema)).of
    return of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (thing(a=TEXT, b=NUMBER), {"properties": {"b": NUMBER, "a": TEXT}, "type": "object"}),
        (thing("a", "b"), thing("b", "a")),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}),
        ({"type": ["null", "string"]}, {"type": ["string", "null"]}),
        ({"anyOf": [TEXT, NUMBER]}, {"anyOf": [NUMBER, TEXT]}),
        ({"oneOf": [thing(a=TEXT), NUMBER]}, {"oneOf": [NUMBER, thing(a=TEXT)]}),
        ({**TEXT, "title": "Name"}, TEXT),
        (thing(a={**TEXT, "title": "Name"}), thing(a=TEXT)),
        ({**thing(a=TEXT), "x-batchable": True}, thing(a=TEXT)),
        ({**thing(a=TEXT), "x-semantic-event": {"name": "Sailed"}}, thing(a=TEXT)),
        (thing("kind", kind={"const": "boat"}), thing(kind={"const": "boat"})),
        (thing("kind", "a", kind={"const": "boat"}), thing("a", kind={"const": "boat"})),
        (thing("kind", kind=ref("Kind")), thing(kind={"const": "boat"})),
        (thing(sail=ref("Sail")), thing(sail=thing(area=NUMBER))),
        (ref("Alias"), thing(area=NUMBER)),
        ({"anyOf": [ref("Sail"), TEXT]}, {"anyOf": [TEXT, thing(area=NUMBER)]}),
    ],
)
def test_the_same_in_other_words_is_the_same(one, other):
    assert same(one, other, Sail=thing(area=NUMBER), Alias=ref("Sail"), Kind={"const": "boat"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (thing(a=TEXT), thing(b=TEXT)),
        (thing(a=TEXT), thing(a=NUMBER)),
        (thing("a", a=TEXT), thing(a=TEXT)),
        (thing("kind", kind=TEXT), thing(kind=TEXT)),
        ({"const": 1}, {"const": True}),
        ({"enum": [1, 2]}, {"enum": [True, 2]}),
        ({"enum": ["1", "2"]}, {"enum": [1, 2]}),
        ({"default": 0}, {"default": False}),
        ({"prefixItems": [TEXT, NUMBER]}, {"prefixItems": [NUMBER, TEXT]}),
        ({"default": ["a", "b"]}, {"default": ["b", "a"]}),
        (thing(), {"type": "object"} | {"additionalProperties": False}),
        ({"type": "object", "additionalProperties": TEXT}, {"type": "object", "additionalProperties": NUMBER}),
        (thing(old=False), thing(old=TEXT)),
    ],
)
def test_what_takes_other_values_is_not_the_same(one, other):
    assert not same(one, other)


@pytest.mark.parametrize(
    "name", ["required", "enum", "type", "properties", "const", "anyOf", "items", "default", "description"]
)
def test_a_member_may_be_called_like_a_keyword(name):
    assert not same(thing(**{name: TEXT}), thing())
    assert not same(thing(**{name: TEXT}), thing(**{name: NUMBER}))


@pytest.mark.parametrize("name", ["title", "x-batchable", "x-semantic-event"])
def test_a_member_may_be_called_like_a_keyword_that_says_nothing(name):
    assert not same(thing(**{name: TEXT}), thing(**{name: NUMBER}))


def test_a_member_may_be_called_ref():
    assert not same(thing(**{"$ref": TEXT}), thing(**{"$ref": NUMBER}))


@pytest.mark.parametrize("keyword", ["const", "default"])
def test_values_are_no_schemas(keyword):
    assert not same({keyword: {"title": "Captain"}}, {keyword: {"title": "Mate"}})
    assert not same({keyword: {"required": ["a", "b"]}}, {keyword: {"required": ["b", "a"]}})


def test_values_of_an_enum_that_look_alike_have_no_order_either():
    assert same({"enum": [1, "1"]}, {"enum": ["1", 1]})
    assert same({"enum": [None, "None"]}, {"enum": ["None", None]})


def test_the_default_of_a_constant_says_nothing():
    assert same(thing(kind={"const": "boat", "default": "boat"}), thing(kind={"const": "boat"}))


def test_a_schema_that_holds_itself_has_a_fingerprint():
    crew = thing(name=TEXT, boss=ref("Sailor"))
    assert same(ref("Sailor"), ref("Sailor"), Sailor=crew)
    assert not same(ref("Sailor"), ref("Cook"), Sailor=crew, Cook=thing(name=NUMBER, boss=ref("Cook")))


def test_schemas_that_hold_themselves_in_the_same_way_are_the_same():
    assert same(ref("Sailor"), ref("Cook"), Sailor=thing(boss=ref("Sailor")), Cook=thing(boss=ref("Cook")))


def test_it_does_not_matter_which_of_a_cycle_is_asked_for_first():
    document = {"components": {"schemas": {"Boat": thing(crew=ref("Sailor")), "Sailor": thing(boat=ref("Boat"))}}}
    found = []
    for names in (["Boat", "Sailor"], ["Sailor", "Boat"]):
        of = Fingerprints(lambda schema: resolve(document, schema)).of
        found.append({name: of(ref(name)) for name in names})
    assert found[0] == found[1]


def test_a_schema_is_only_read():
    schema = thing("kind", "b", "a", kind={"const": "boat", "title": "Kind"}, a={"enum": ["y", "x"]})
    before = copy.deepcopy(schema)
    Fingerprints(lambda part: part).of(schema)
    assert schema == before
