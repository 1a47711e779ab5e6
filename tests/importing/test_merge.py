import copy
import itertools
import json
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.importer.document import SourceError
from scripts.importer.merge import merge

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))

TEXT, NUMBER, INTEGER, FREE = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "object"}
NULL = {"type": "null"}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": sorted(required)} if required else {})


def kind(value, **members):
    return thing(kind={"type": "string", "const": value}, **members)


def closed(*required, **members):
    return thing(*required, **members) | {"additionalProperties": False}


def needs(*names, **parts):
    found = {"required": list(names)} if names else {}
    return {**found, "properties": parts} if parts else found


def merged(schema, **schemas):
    """Return a schema merged, after the checks that hold for whatever is merged."""
    document = {"components": {"schemas": {"It": schema, **schemas}}}
    before = copy.deepcopy(document)
    found = merge(document)
    assert document == before
    assert merge(found) == found
    return found["components"]["schemas"]["It"]


def all_of(*parts, **beside):
    return {"allOf": list(parts), **beside}


def one_of(*alternatives, **beside):
    return {"oneOf": list(alternatives), **beside}


def any_of(*alternatives, **beside):
    return {"anyOf": list(alternatives), **beside}


def plain(schema):
    """Return a schema with its sets in one order."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: plain(value) for key, value in sorted(schema.items())}
    for key in ("anyOf", "enum", "required"):
        if isinstance(found.get(key), list):
            found[key] = sorted(found[key], key=json.dumps)
    return found


# Everything must hold


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (all_of(thing(a=TEXT)), thing(a=TEXT)),
        (all_of(), {}),
        (all_of({}, TEXT, {}), TEXT),
        (all_of(thing("b", a=TEXT), thing("a", b=NUMBER)), thing("a", "b", a=TEXT, b=NUMBER)),
        (all_of(thing(a=TEXT), **thing("b", b=TEXT)), thing("b", a=TEXT, b=TEXT)),
        (all_of(all_of(all_of(thing(a=TEXT)), thing(b=TEXT)), thing(c=TEXT)), thing(a=TEXT, b=TEXT, c=TEXT)),
        (all_of(thing(a=thing("x", x=TEXT)), thing(a=thing("y", y=TEXT))), thing(a=thing("x", "y", x=TEXT, y=TEXT))),
        (thing(a=all_of(TEXT, {"minLength": 1})), thing(a={"type": "string", "minLength": 1})),
        (
            all_of(
                thing(a={"type": "array", "items": thing(b=TEXT)}), thing(a={"type": "array", "items": thing(c=TEXT)})
            ),
            thing(a={"type": "array", "items": thing(b=TEXT, c=TEXT)}),
        ),
        (all_of({"type": "array"}, {"items": TEXT}), {"type": "array", "items": TEXT}),
        (all_of({"type": ["string", "null"]}, TEXT), TEXT),
        (all_of({"type": ["string", "null", "number"]}, {"type": ["null", "integer"]}), {"type": ["integer", "null"]}),
        (all_of(NUMBER, INTEGER), INTEGER),
        (all_of({"minimum": 1, "maximum": 9}, {"minimum": 3, "maximum": 20}), {"minimum": 3, "maximum": 9}),
        (all_of({"minLength": 1, "maxLength": 9}, {"minLength": 2}), {"minLength": 2, "maxLength": 9}),
        (
            all_of({"type": "string", "enum": ["a", "b", "c"]}, {"type": "string", "enum": ["c", "b", "d"]}),
            {"type": "string", "enum": ["b", "c"]},
        ),
        (
            all_of({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["b", "c"]}),
            {"type": "string", "const": "b"},
        ),
        (
            all_of({"type": "string", "enum": ["a", "b"], "default": "a"}, {"type": "string", "const": "b"}),
            {"type": "string", "const": "b"},
        ),
        (all_of({"type": "integer", "enum": [0, 1]}, {"enum": [False, 1]}), {"type": "integer", "const": 1}),
        (
            all_of({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^a"}),
            {"type": "string", "pattern": "^a"},
        ),
    ],
)
def test_what_must_hold_at_once_is_one_schema(source, result):
    assert plain(merged(source)) == plain(result)


def test_a_reference_alone_stays_one():
    assert merged(all_of(ref("Boat")), Boat=thing(a=TEXT)) == ref("Boat")
    assert merged(all_of(ref("Boat"), ref("Boat")), Boat=thing(a=TEXT)) == ref("Boat")
    assert merged(all_of(ref("Boat"), {}), Boat=thing(a=TEXT)) == ref("Boat")
    assert merged(thing(boat=ref("Boat")), Boat=thing(a=TEXT)) == thing(boat=ref("Boat"))


def test_what_stands_beside_a_reference_holds_too():
    assert merged({**ref("Boat"), "required": ["a"]}, Boat=thing(a=TEXT)) == thing("a", a=TEXT)
    assert merged({**ref("Boat"), "title": "A boat"}, Boat=thing(a=TEXT)) == ref("Boat")


def test_references_are_followed_through_several_components():
    found = merged(all_of(ref("Alias"), thing(b=TEXT)), Alias=ref("Boat"), Boat=all_of(thing(a=TEXT)))
    assert found == thing(a=TEXT, b=TEXT)


def test_the_same_object_in_two_parts_is_there_once():
    part = thing("id", id=TEXT, products={"type": "array", "items": thing(sku=TEXT)})
    assert merged(all_of(thing(properties=part), thing(properties=part))) == thing(properties=part)


def test_what_one_part_alone_marks_as_the_servers_is_writable():
    server = {"type": "string", "readOnly": True}
    assert merged(all_of(thing(a=server), thing(a=TEXT))) == thing(a=TEXT)
    assert merged(all_of(thing(a=TEXT), thing(a=server))) == thing(a=TEXT)
    assert merged(all_of(thing(a=server), thing(a=server))) == thing(a=server)
    assert merged(all_of(thing(a=server), thing(b=TEXT))) == thing(a=server, b=TEXT)


@pytest.mark.parametrize(
    "source",
    [{**ref("Sail"), "readOnly": True}, all_of(ref("Sail"), readOnly=True), all_of({"readOnly": True}, ref("Sail"))],
    ids=["beside a reference", "beside allOf", "in a part that says nothing else"],
)
def test_what_is_said_of_a_reference_alone_stays(source):
    assert merged(source, Sail=thing(area=NUMBER)) == {**thing(area=NUMBER), "readOnly": True}


def test_a_title_is_that_of_the_whole():
    assert merged(all_of({**thing(a=TEXT), "title": "Part"}, thing(b=TEXT), title="Whole"))["title"] == "Whole"
    assert merged(one_of(kind("a"), kind("b"), title="Whole")) == any_of(kind("a"), kind("b"), title="Whole")


@pytest.mark.parametrize(
    ("parts", "result"),
    [
        ([closed(a=TEXT), thing(b=TEXT)], closed(a=TEXT)),
        ([closed(a=TEXT, b=TEXT), closed(b={"minLength": 1}, c=TEXT)], closed(b={"type": "string", "minLength": 1})),
        ([closed(a=TEXT), thing("a", a={"minLength": 1})], closed("a", a={"type": "string", "minLength": 1})),
        (
            [{"type": "object", "additionalProperties": TEXT}, thing(a={"minLength": 1})],
            thing(a={"type": "string", "minLength": 1}) | {"additionalProperties": TEXT},
        ),
        (
            [
                {"type": "object", "additionalProperties": TEXT},
                {"type": "object", "additionalProperties": {"minLength": 1}},
            ],
            {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
        ),
        (
            [{"type": "object", "additionalProperties": TEXT}, closed(a={"minLength": 1})],
            closed(a={"type": "string", "minLength": 1}),
        ),
    ],
)
def test_a_part_that_is_not_open_decides_about_the_others_members(parts, result):
    for order in (parts, parts[::-1]):
        assert plain(merged(all_of(*order))) == plain(result)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (TEXT, NUMBER, "nothing is string and number at once"),
        (TEXT, {"type": ["null", "boolean"]}, "nothing is string and boolean or null at once"),
        ({"enum": ["a", "b"]}, {"enum": ["c", "d"]}, "no value is left that all its parts allow"),
        ({"const": "a"}, {"const": "b"}, "no value is left that all its parts allow"),
        (thing(a=TEXT), thing(a=thing(b=TEXT)), "nothing is"),
        ({"items": TEXT}, {"items": NUMBER}, "nothing is string and number at once"),
        (thing(a={"pattern": "^a"}), thing(a={"pattern": "b$"}), "two values of pattern at once"),
        (any_of(TEXT, NUMBER), any_of(NULL, FREE), "nothing is"),
    ],
)
def test_parts_that_cannot_hold_at_once_are_refused(one, other, reason):
    with pytest.raises(SourceError) as refusal:
        merged(all_of(one, other))
    assert reason in str(refusal.value)
    with pytest.raises(SourceError, match=r"^It: allOf: [^\n]+$"):
        merged(all_of(other, one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"multipleOf": 2}, {"multipleOf": 3}),
        ({"not": {"const": "a"}}, {"not": {"const": "b"}}),
        ({"format": "date"}, {"format": "uuid"}),
        ({"type": "array", "uniqueItems": False}, {"type": "array", "uniqueItems": True}),
        ({"patternProperties": {"^a": TEXT}}, {"patternProperties": {"^b": NUMBER}}),
        ({"dependentRequired": {"a": ["b"]}}, {"dependentRequired": {"c": ["d"]}}),
        ({"prefixItems": [TEXT]}, {"prefixItems": [{}, NUMBER]}),
        ({"contains": TEXT}, {"contains": NUMBER}),
        ({"propertyNames": {"minLength": 1}}, {"propertyNames": {"maxLength": 9}}),
    ],
    ids=lambda schema: list(schema)[-1],
)
def test_a_keyword_of_two_parts_is_not_silently_that_of_the_first(one, other):
    found = []
    for parts in ((one, other), (other, one)):
        try:
            found.append(plain(merged(all_of(*parts))))
        except SourceError:
            found.append("refused")
    assert found[0] == found[1]


def test_true_and_one_are_not_in_both_of_two_enums():
    with pytest.raises(SourceError, match="no value is left"):
        merged(all_of({"enum": [True]}, {"enum": [1]}))


def test_a_number_is_the_same_with_and_without_a_point():
    assert merged(all_of({"enum": [1, 2]}, {"enum": [1.0, 3]})) == {"const": 1}


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ({"type": ["string", "null"], "enum": ["a", "b", None]}, TEXT, {"type": "string", "enum": ["a", "b"]}),
        ({"type": "string", "default": "z"}, {"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"type": ["string", "null"], "default": None}, TEXT, TEXT),
    ],
    ids=["enum", "default beside enum", "default beside type"],
)
def test_a_value_that_another_part_rules_out_goes(one, other, result):
    for parts in ((one, other), (other, one)):
        assert plain(merged(all_of(*parts))) == result


def test_two_defaults_do_not_depend_on_the_order_of_parts():
    one, other = {"type": "string", "default": "a"}, {"type": "string", "default": "b"}
    assert merged(all_of(one, other)) == merged(all_of(other, one))


# One of them is enough


def test_alternatives_of_one_object_are_that_object_and_what_only_some_require():
    found = merged(one_of(thing("id", "at", id=TEXT, at=NUMBER), thing("mail", "at", mail=TEXT, at=NUMBER)))
    assert found == thing("at", id=TEXT, at=NUMBER, mail=TEXT) | any_of(needs("id"), needs("mail"))


def test_an_alternative_that_requires_no_more_makes_the_others_needless():
    assert merged(one_of(thing(a=TEXT), thing("b", b=TEXT))) == thing(a=TEXT, b=TEXT)
    assert merged(one_of(thing("a", a=TEXT), thing("a", "b", a=TEXT, b=TEXT))) == thing("a", a=TEXT, b=TEXT)


def test_equal_alternatives_are_one_whatever_they_are():
    assert merged(one_of(TEXT, TEXT)) == TEXT
    assert merged(one_of(ref("Boat"), thing(a=TEXT)), Boat=thing(a=TEXT)) in (ref("Boat"), thing(a=TEXT))
    assert merged(one_of(ref("Boat"), ref("Boat")), Boat=thing(a=TEXT)) == ref("Boat")


def test_what_only_some_require_inside_a_member_stays_beside_the_object():
    found = merged(
        one_of(thing("traits", id=TEXT, traits=thing("mail", mail=TEXT)), thing("id", id=TEXT, traits=thing(mail=TEXT)))
    )
    assert found == thing(id=TEXT, traits=thing(mail=TEXT)) | any_of(needs("traits", traits=needs("mail")), needs("id"))


@pytest.mark.parametrize(
    "alternatives",
    [
        [kind("boat", a=TEXT), kind("ship", b=TEXT)],
        [thing(a=TEXT), thing(a=NUMBER)],
        [thing(a=thing(b=TEXT)), thing(a=thing(b=NUMBER))],
        [thing(a={"type": "string", "enum": ["x", "y"]}), thing(a=TEXT)],
        [thing(a=TEXT), TEXT],
        [TEXT, NUMBER],
        [{"type": "array", "items": TEXT}, {"type": "array", "items": NUMBER}],
        [closed(a=TEXT), closed(b=TEXT)],
        [closed(a=TEXT), thing(a=TEXT, b=TEXT)],
        [{"type": "object", "additionalProperties": TEXT}, {"type": "object", "additionalProperties": NUMBER}],
        [{"type": ["object", "null"], "properties": {"a": TEXT}}, thing(b=TEXT)],
    ],
    ids=json.dumps,
)
def test_alternatives_that_contradict_each_other_stay_apart(alternatives):
    assert merged(one_of(*alternatives)) == any_of(*alternatives)


def test_closed_alternatives_with_the_same_members_are_one():
    found = merged(one_of(closed("a", a=TEXT, b=TEXT), closed("b", a=TEXT, b=TEXT)))
    assert found == closed(a=TEXT, b=TEXT) | any_of(needs("a"), needs("b"))


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ({"type": "string", "readOnly": True}, TEXT, TEXT),
        ({"type": "string", "default": "x"}, TEXT, TEXT),
        (ref("Sail"), thing(area=NUMBER), ref("Sail")),
        (ref("Sail"), thing(mast=TEXT), thing(area=NUMBER, mast=TEXT)),
        (
            {"type": "array", "items": {"type": "array", "items": FREE}},
            {"type": "array", "items": {"type": "array", "items": ref("Free")}},
            {"type": "array", "items": {"type": "array", "items": FREE}},
        ),
    ],
    ids=["readOnly", "default", "a reference and its copy", "objects", "references deep inside"],
)
def test_a_member_said_in_other_words_is_no_contradiction(one, other, result):
    for order in _both_orders(one, other):
        members = merged(one_of(*order), Sail=thing(area=NUMBER), Free=FREE)["properties"]
        assert members.keys() == {"m", "x", "y"}
        assert members["m"] in (result, one, other)


def _both_orders(one, other):
    first, second = thing(m=one, x=TEXT), thing(m=other, y=TEXT)
    return (first, second), (second, first)


def test_the_default_of_a_member_does_not_depend_on_the_order_of_alternatives():
    one, other = {"type": "string", "default": "a"}, {"type": "string", "default": "b"}
    first, second = (merged(one_of(*order)) for order in _both_orders(one, other))
    assert first["properties"]["m"] == second["properties"]["m"]


def test_alternatives_that_contradict_each_other_in_a_member_called_title_stay_apart():
    one, other = thing(title=TEXT), thing(title=NUMBER)
    assert merged(one_of(one, other)) == any_of(one, other)


def test_some_of_the_alternatives_may_be_one():
    found = merged(one_of(thing("a", a=TEXT, z=TEXT), TEXT, thing("b", b=TEXT, z=TEXT)))
    assert found == any_of(thing(a=TEXT, b=TEXT, z=TEXT) | any_of(needs("a"), needs("b")), TEXT)


def test_which_alternatives_meet_does_not_depend_on_their_order():
    alternatives = [
        thing("a", a=TEXT, z=TEXT),
        thing("b", b=TEXT, z=TEXT),
        thing("c", c=TEXT, z=NUMBER),
        thing("d", d=TEXT),
    ]
    found = {json.dumps(plain(merged(one_of(*order)))) for order in itertools.permutations(alternatives)}
    assert len(found) == 1


def test_unions_inside_unions_are_one_union():
    assert merged(one_of(one_of(kind("a"), kind("b")), any_of(kind("c"), TEXT))) == any_of(
        kind("a"), kind("b"), kind("c"), TEXT
    )
    found = merged(one_of(ref("Some"), kind("c")), Some=one_of(kind("a"), kind("b")))
    assert found == any_of(kind("a"), kind("b"), kind("c"))


def test_a_union_of_one_is_that_one():
    assert merged(one_of(TEXT)) == TEXT
    assert merged(any_of(ref("Boat")), Boat=thing(a=TEXT)) == ref("Boat")


def test_what_stands_beside_a_union_holds_for_each_alternative():
    assert merged(one_of(kind("a"), kind("b"), **thing("n", n=TEXT))) == any_of(
        thing("n", n=TEXT, kind={"type": "string", "const": "a"}),
        thing("n", n=TEXT, kind={"type": "string", "const": "b"}),
    )


def test_an_alternative_that_contradicts_what_stands_beside_the_union_is_left_out():
    assert merged(one_of(thing(b=TEXT), TEXT, **thing(a=TEXT))) == thing(a=TEXT, b=TEXT)
    assert merged(all_of(kind("b"), one_of(kind("a", x=TEXT), kind("b", y=TEXT)))) == kind("b", y=TEXT)
    assert merged(all_of({"type": ["string", "null"]}, any_of(TEXT, NUMBER))) == TEXT


def test_an_alternative_that_nothing_satisfies_is_left_out():
    assert merged(one_of(all_of(TEXT, NUMBER), thing(b=TEXT))) == thing(b=TEXT)


def test_an_alternative_one_of_whose_members_contradicts_itself_is_refused():
    with pytest.raises(SourceError, match=r"^It: allOf: nothing is "):
        merged(one_of(thing(a=all_of(TEXT, NUMBER), c=TEXT), thing(b=TEXT)))


def test_only_annotations_stand_beside_a_union():
    union = any_of(ref("A"), ref("B"))
    schemas = {"A": kind("a"), "B": kind("b")}
    assert merged({"oneOf": union["anyOf"], "readOnly": True}, **schemas) == {"readOnly": True, **union}
    assert merged({"oneOf": union["anyOf"], "required": ["x"]}, **schemas) == {"required": ["x"], **union}


def test_a_value_or_null_stays_a_reference_or_null():
    assert merged(thing(boat=any_of(ref("Boat"), NULL)), Boat=thing(a=TEXT)) == thing(boat=any_of(ref("Boat"), NULL))


# Unions and allOf in each other


def test_a_union_inside_all_of_inside_a_union():
    source = one_of(all_of(thing(n=TEXT), one_of(kind("a"), kind("b"))), all_of(thing(n=TEXT), kind("c")))
    assert plain(merged(source)) == plain(any_of(kind("a", n=TEXT), kind("b", n=TEXT), kind("c", n=TEXT)))


def test_two_unions_inside_all_of_multiply():
    source = all_of(
        one_of(thing("id", id=TEXT), thing("anonymous", anonymous=TEXT)), one_of(kind("a", x=TEXT), kind("b", x=NUMBER))
    )
    who = any_of(needs("id"), needs("anonymous"))
    assert plain(merged(source)) == plain(
        any_of(kind("a", x=TEXT, id=TEXT, anonymous=TEXT) | who, kind("b", x=NUMBER, id=TEXT, anonymous=TEXT) | who)
    )


def test_the_order_of_parts_decides_nothing():
    parts = [
        thing("a", a=TEXT),
        thing("b", b=TEXT, a={"minLength": 3}),
        any_of(needs("x"), needs("y")),
        one_of(kind("1"), kind("2")),
    ]
    found = {json.dumps(plain(merged(all_of(*order)))) for order in itertools.permutations(parts)}
    assert len(found) == 1


def test_unions_that_multiply_beyond_measure_are_refused():
    one, other = (
        one_of(*(thing(**{name: {"type": "integer", "const": value}}) for value in range(32))) for name in ("a", "b")
    )
    with pytest.raises(SourceError, match="multiply to 1024 alternatives, more than 1000"):
        merged(all_of(one, other))


# Alternatives of what is required


def test_alternatives_beside_the_members_stay():
    schema = thing(a=TEXT, b=TEXT) | any_of(needs("a"), needs("b"))
    assert merged(schema) == schema
    assert merged(thing(a=TEXT, b=TEXT) | one_of(needs("a"), needs("b"))) == schema


@pytest.mark.parametrize(
    ("alternatives", "result"),
    [
        ([needs("a"), needs("a")], thing("a", a=TEXT)),
        ([needs("a")], thing("a", a=TEXT)),
        ([needs("a"), needs("a", "b")], thing("a", a=TEXT)),
    ],
    ids=["the same twice", "only one", "one within another"],
)
def test_alternatives_that_come_to_one_are_a_requirement(alternatives, result):
    assert merged(thing(a=TEXT) | any_of(*alternatives)) == result


def test_alternatives_in_a_part_come_to_stand_beside_the_members():
    assert merged(all_of(thing(a=TEXT, b=TEXT), one_of(needs("a"), needs("b")))) == thing(a=TEXT, b=TEXT) | any_of(
        needs("a"), needs("b")
    )


def test_two_sets_of_alternatives_multiply_and_the_least_stay():
    source = all_of(
        thing(a=TEXT, b=TEXT, c=TEXT) | any_of(needs("a"), needs("b")), thing() | any_of(needs("b"), needs("c"))
    )
    found = merged(source)
    assert plain(found) == plain(thing(a=TEXT, b=TEXT, c=TEXT) | any_of(needs("a", "c"), needs("b")))


def test_any_of_and_one_of_beside_the_same_members_multiply():
    source = thing(a=TEXT, b=TEXT, c=TEXT, d=TEXT) | any_of(needs("a"), needs("b")) | one_of(needs("c"), needs("d"))
    assert plain(merged(source)["anyOf"]) == plain([needs("a", "c"), needs("a", "d"), needs("b", "c"), needs("b", "d")])


def test_alternatives_of_alternatives_that_become_one_object_stand_beside_it_together():
    first = thing("x", x=TEXT, a=TEXT, b=TEXT) | any_of(needs("a"), needs("b"))
    found = merged(one_of(first, thing("y", y=TEXT)))
    assert plain(found["anyOf"]) == plain([needs("a", "x"), needs("b", "x"), needs("y")])


def test_values_that_alternatives_choose_are_intersected():
    one, other = TEXT | any_of({"const": "a"}, {"const": "b"}), TEXT | any_of({"const": "a"}, {"const": "c"})
    found = merged(all_of(one, other))
    values = [schema["const"] for schema in found.get("anyOf", [found])]
    assert values == ["a"]


# What holds itself


def test_schemas_that_hold_themselves_through_members_stay():
    crew = thing(
        boss=ref("It"),
        mates={"type": "array", "items": ref("It")},
        by_name={"type": "object", "additionalProperties": ref("It")},
    )
    assert merged(crew) == crew
    assert merged(thing(b=ref("B")), B=thing(it=ref("It"))) == thing(b=ref("B"))


@pytest.mark.parametrize(
    "member",
    [
        any_of(ref("It"), NULL),
        one_of(ref("It"), TEXT),
        {"type": "array", "items": any_of(ref("It"), TEXT)},
        {"type": "object", "additionalProperties": any_of(ref("It"), TEXT)},
    ],
    ids=["or null", "or text", "items", "values"],
)
def test_what_holds_itself_may_be_in_a_union(member):
    source = thing(name=TEXT, boss=member)
    expected = json.loads(json.dumps(source).replace("oneOf", "anyOf"))
    assert merged(source) == expected


@pytest.mark.parametrize(
    "member",
    [all_of(ref("It"), thing("rank", rank=TEXT)), {**ref("It"), "readOnly": True}, one_of(ref("It"), thing(rank=TEXT))],
    ids=["narrowed", "with a sibling", "or another object"],
)
def test_what_holds_itself_narrowed_is_merged_or_refused(member):
    with suppress(SourceError):
        assert merged(thing(name=TEXT, boss=member))["properties"]["name"] == TEXT


def test_parts_that_hold_each_other_without_end_are_refused():
    one, other = thing(a=TEXT, next=ref("One")), thing(next=ref("Other"))
    with pytest.raises(SourceError, match="holds itself"):
        merged(all_of(ref("One"), ref("Other")), One=one, Other=other)


def test_alternatives_that_hold_themselves_are_compared_to_an_end():
    one, other = thing("a", a=TEXT, next=ref("One")), thing("b", b=TEXT, next=ref("Other"))
    found = merged(one_of(ref("One"), ref("Other")), One=one, Other=other)
    assert found == any_of(ref("One"), ref("Other"))


# Odd documents


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (one_of(thing(a=TEXT), False), thing(a=TEXT)),
        (thing(old=all_of(False, TEXT)), thing(old={"not": {}})),
    ],
    ids=["alternative", "part"],
)
def test_a_schema_may_be_false(source, result):
    assert merged(source) == result


def test_a_member_may_be_forbidden():
    assert merged(thing(a=TEXT, old=False)) == thing(a=TEXT, old=False)


def test_a_member_that_a_part_forbids_stays_forbidden():
    assert merged(all_of(thing(a=TEXT, old=False), thing(old=TEXT))) == thing(a=TEXT, old={"not": {}})


def test_members_may_be_called_like_keywords():
    schema = thing(allOf=TEXT, oneOf=NUMBER, items=TEXT, required=TEXT, type=TEXT)
    assert merged(schema) == schema
    assert merged(all_of(schema, thing(anyOf=TEXT))) == thing(**schema["properties"], anyOf=TEXT)


def test_the_schemas_of_operations_are_merged_like_components():
    operation = {
        "parameters": [{"name": "limit", "in": "query", "schema": all_of(NUMBER, INTEGER)}],
        "requestBody": {"content": {"application/json": {"schema": all_of(thing(a=TEXT), thing(b=TEXT))}}},
        "responses": {"200": {"content": {"application/json": {"schema": one_of(TEXT, TEXT)}}}},
    }
    found = merge({"paths": {"/boats": {"post": operation}}})["paths"]["/boats"]["post"]
    assert found["parameters"][0]["schema"] == INTEGER
    assert found["requestBody"]["content"]["application/json"]["schema"] == thing(a=TEXT, b=TEXT)
    assert found["responses"]["200"]["content"]["application/json"]["schema"] == TEXT


def test_the_committed_spec_is_merged_already():
    assert merge(COMMITTED) == COMMITTED


def test_an_object_does_not_require_its_constants():
    constant = {"type": "string", "const": "sail"}
    assert merged(thing("kind", "name", kind=constant, name=TEXT)) == thing("name", kind=constant, name=TEXT)
    assert merged(all_of(thing("kind"), thing(kind=constant))) == thing(kind=constant)
