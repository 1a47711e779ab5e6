import copy
import itertools
import json

import pytest

from scripts.importer.constraints import constraints_of, is_constraint, multiplied, united, with_constraints
from scripts.importer.document import SourceError


def needs(*names, **parts):
    found = {"required": list(names)} if names else {}
    return {**found, "properties": parts} if parts else found


@pytest.mark.parametrize(
    "schema",
    [
        needs("a"),
        needs("a", "b"),
        needs("a", a=needs("b", b=needs("c"))),
        needs(event={"enum": ["Sailed", "Sunk"]}),
        needs(event={"const": "Sailed"}),
        needs(a={"items": {"required": ["b"]}}),
    ],
    ids=json.dumps,
)
def test_what_only_narrows_is_a_constraint(schema):
    assert is_constraint(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "required": ["a"]},
        {"$ref": "#/components/schemas/Boat"},
        {"title": "Known", "required": ["a"]},
        needs("a", a={}),
        needs("a", a={"type": "string"}),
        needs("a", a=needs(b={"type": "string"})),
        {"required": ["a"], "additionalProperties": False},
        {"anyOf": [needs("a"), needs("b")]},
    ],
    ids=json.dumps,
)
def test_what_says_more_is_none(schema):
    assert not is_constraint(schema)


def test_alternatives_are_constraints_only_when_all_of_them_are():
    assert constraints_of({"type": "object", "anyOf": [needs("a"), needs("b")]}) == [needs("a"), needs("b")]
    assert constraints_of({"type": "object", "anyOf": [needs("a"), {"type": "object"}]}) == []
    assert constraints_of({"type": "object"}) == []


def test_united_asks_for_all_at_any_depth():
    found = united([needs("b", "a", t=needs("x")), needs("a", t=needs("y"), u=needs("z")), {}])
    assert found == needs("a", "b", t=needs("x", "y"), u=needs("z"))
    assert united([]) == {}


def test_united_changes_none_of_its_constraints():
    one, other = needs("b", t=needs("x", u=needs("v"))), needs("a", t=needs("y", u=needs("w")))
    before = copy.deepcopy([one, other])
    united([one, other])
    assert [one, other] == before


def test_united_values_are_those_in_both():
    one, other = needs(event={"enum": ["Sailed", "Sunk"]}), needs(event={"enum": ["Built", "Sunk"]})
    for found in (united([one, other]), united([other, one])):
        assert found["properties"]["event"] in ({"enum": ["Sunk"]}, {"const": "Sunk"})


def test_a_combination_that_cannot_hold_is_no_alternative():
    sailed, sunk, known = needs(event={"const": "Sailed"}), needs(event={"const": "Sunk"}), needs("userId")
    found = with_constraints({"type": "object"}, [[sailed, known], [sunk]])
    assert found["anyOf"] == [needs("userId", event={"const": "Sunk"})]


def test_without_choices_a_schema_stays_as_it_is():
    schema = {"type": "object"}
    assert with_constraints(schema, []) == schema
    assert with_constraints(schema, [[], []]) == schema


def test_choices_multiply():
    found = with_constraints({}, [[needs("a"), needs("b")], [], [needs("c"), needs("d")]])
    assert found == {"anyOf": [needs("a", "c"), needs("a", "d"), needs("b", "c"), needs("b", "d")]}


@pytest.mark.parametrize(
    ("choice", "least"),
    [
        ([needs("a"), needs("a", "b")], [needs("a")]),
        ([needs("a", "b"), needs("a")], [needs("a")]),
        ([needs("a"), needs("a")], [needs("a")]),
        ([needs("t", t=needs("x", "y")), needs("t", t=needs("x")), needs("u")], [needs("t", t=needs("x")), needs("u")]),
        ([needs("t", t=needs("x")), needs("t")], [needs("t")]),
        (
            [needs("a", e={"enum": [1]}), needs("b", e={"enum": [1]})],
            [needs("a", e={"enum": [1]}), needs("b", e={"enum": [1]})],
        ),
        ([needs(e={"enum": [1]}), needs("a", e={"enum": [1]})], [needs(e={"enum": [1]})]),
        ([needs(e={"enum": [1]}), needs(e={"enum": [2]})], [needs(e={"enum": [1]}), needs(e={"enum": [2]})]),
    ],
)
def test_an_alternative_that_asks_for_more_than_another_goes(choice, least):
    other = needs("z", e={"enum": ["z"]})
    assert with_constraints({}, [[*choice, other]]) == {"anyOf": [*least, other]}


def test_of_two_that_ask_for_the_same_in_other_words_one_stays():
    found = with_constraints({}, [[needs("a", "b"), needs("b", "a"), needs("c")]])
    assert found == {"anyOf": [needs("a", "b"), needs("c")]}


def test_the_only_one_that_is_left_is_required_outright():
    schema = {"type": "object", "required": ["c"]}
    assert with_constraints(schema, [[needs("a", "b"), needs("a")]]) == {**schema, "required": ["a", "c"]}


def test_one_that_asks_for_nothing_is_always_met():
    assert with_constraints({"type": "object"}, [[needs("a"), {}]]) == {"type": "object"}


def test_where_none_can_hold_the_schema_is_refused():
    choices = [[needs(event={"const": "Sailed"})], [needs(event={"const": "Sunk"})]]
    with pytest.raises(SourceError, match="no alternative is left"):
        with_constraints({"type": "object"}, choices)


def test_the_order_of_choices_and_alternatives_decides_nothing():
    choices = [[needs("a"), needs("b")], [needs("b"), needs("c")]]
    found = set()
    for first, second in itertools.product(itertools.permutations(choices[0]), itertools.permutations(choices[1])):
        for order in ([first, second], [second, first]):
            alternatives = with_constraints({}, [list(choice) for choice in order])["anyOf"]
            found.add(tuple(sorted(json.dumps(one) for one in alternatives)))
    assert found == {(json.dumps(needs("a", "c")), json.dumps(needs("b")))}


def test_every_combination_has_one_of_each():
    a, b, c = needs("a"), needs("b"), needs("c")
    assert multiplied([[a, b], [c]]) == [(a, c), (b, c)]
    assert multiplied([]) == [()]


def test_combinations_beyond_measure_are_refused_before_they_are_made():
    with pytest.raises(SourceError, match="multiply to 1048576 alternatives, more than 1000"):
        multiplied([[needs("a"), needs("b")]] * 20)
    assert len(multiplied([[needs("a")] * 10] * 3)) == 1000
