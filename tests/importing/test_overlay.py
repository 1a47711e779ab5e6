"""Facts as data: what an action does, and that none is without effect unnoticed."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.importer.document import SourceError
from scripts.importer.overlay import Overlay


def orders():
    return {
        "paths": {"/orders": {"post": {"tags": ["a"]}}, "/items": {"get": {}}},
        "components": {
            "schemas": {
                "Order": {
                    "required": ["id", "total"],
                    "properties": {"id": {"type": "string"}, "total": {"type": "integer", "minimum": 1}},
                },
            },
        },
    }


ORDER = "$.components.schemas.Order"


@pytest.fixture
def overlay(tmp_path):
    def written(*actions, **parts):
        path = tmp_path / "overlay.yaml"
        actions = [{"description": "a reason", **action} if isinstance(action, dict) else action for action in actions]
        info = {"title": "Facts", "version": "1"}
        path.write_text(json.dumps({"overlay": "1.0.0", "info": info, "actions": actions, **parts}), "utf-8")
        return Overlay.read(path)

    return written


@pytest.fixture
def applied(overlay):
    """What comes of a document by some actions."""

    def result(*actions, to=None):
        document = orders() if to is None else to
        before = copy.deepcopy(document)
        found = overlay(*actions).apply(document)
        assert document == before
        return found

    return result


def order(document):
    return document["components"]["schemas"]["Order"]


# ---- what an action does


def test_an_overlay_is_written_in_yaml(tmp_path):
    path = tmp_path / "overlay.yaml"
    path.write_text(
        """\
overlay: 1.0.0
info:
  title: Facts
  version: 1.0.0
actions:
  - target: $.paths['/orders'].post
    description: The tag is missing.
    update: {tags: [b]}
  - target: $.paths['/items']
    description: Does not exist.
    remove: true
""",
        "utf-8",
    )
    overlay = Overlay.read(path)
    assert [(action.number, action.reason, action.remove) for action in overlay.actions] == [
        (1, "The tag is missing.", False),
        (2, "Does not exist.", True),
    ]
    assert overlay.apply(orders())["paths"] == {"/orders": {"post": {"tags": ["a", "b"]}}}


def test_an_update_is_merged_all_the_way_down(applied):
    update = {"properties": {"total": {"type": "number"}, "note": {"type": "string"}}, "title": "Order"}
    found = order(applied({"target": ORDER, "update": update}))
    assert found["properties"] == {
        "id": {"type": "string"},
        "total": {"type": "number", "minimum": 1},
        "note": {"type": "string"},
    }
    assert found["title"] == "Order"


def test_what_is_there_already_is_not_appended_again(applied):
    found = order(applied({"target": ORDER, "update": {"required": ["total", "note", "note"]}}))
    assert found["required"] == ["id", "total", "note"]


@pytest.mark.parametrize("update", ["note", ["note"], ["id", "note"]])
def test_an_array_can_be_selected(applied, update):
    found = order(applied({"target": f"{ORDER}.required", "update": update}))
    assert found["required"] == ["id", "total", "note"]


def test_true_is_not_one(applied):
    found = applied({"target": "$", "update": {"enum": [1, 1.0], "const": True}}, to={"enum": [True], "const": 1})
    assert json.dumps(found) == '{"enum": [true, 1, 1.0], "const": true}'


def test_a_name_with_a_dash_stands_in_quotes(applied):
    assert applied({"target": "$['x-a'].ä_1", "update": {"n": 1}}, to={"x-a": {"ä_1": {}}}) == {
        "x-a": {"ä_1": {"n": 1}}
    }


def test_members_can_be_removed(applied):
    assert order(applied({"target": f"{ORDER}.properties.total", "remove": True}))["properties"] == {
        "id": {"type": "string"}
    }


@pytest.mark.parametrize("target", ["$[?@ > 1]", "$[1:]", "$[1, 2, 1, 3]", "$[-1, 2, 1]"])
def test_entries_can_be_removed(applied, target):
    assert applied({"target": f"$.list{target[1:]}", "remove": True}, to={"list": [1, 2, 3, 4]}) == {"list": [1]}


def test_a_node_and_what_is_in_it_can_be_removed_at_once(applied):
    assert applied({"target": "$..a", "remove": True}, to={"a": {"a": [1]}, "b": [{"a": 1}]}) == {"b": [{}]}


def test_an_action_may_change_several_places(applied):
    found = applied({"target": "$.paths.*.*", "update": {"tags": ["calls"]}})
    assert found["paths"] == {"/orders": {"post": {"tags": ["a", "calls"]}}, "/items": {"get": {"tags": ["calls"]}}}


def test_places_inside_each_other_are_all_changed(applied):
    assert applied({"target": "$..[?@.a]", "update": {"n": 1}}, to={"x": {"a": {"a": True}}}) == {
        "x": {"a": {"a": True, "n": 1}, "n": 1}
    }


def test_actions_see_what_those_before_them_did(applied):
    found = applied({"target": "$", "update": {"x": {}}}, {"target": "$.x", "update": {"y": 1}}, to={})
    assert found == {"x": {"y": 1}}


def test_the_overlay_stays_as_it_is(overlay):
    facts = overlay({"target": "$", "update": {"x": {"y": []}}}, {"target": "$.x.y", "update": 1})
    assert facts.apply({}) == facts.apply({}) == {"x": {"y": [1]}}


# ---- what an action cannot do


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"target": "$.paths['/order']", "update": {}}, "matches nothing"),
        ({"target": "$.paths['/order']", "remove": True}, "matches nothing"),
        ({"target": f"{ORDER}.properties.total.type", "update": "number"}, "selects a primitive"),
        ({"target": ORDER, "update": "number"}, "with an object only"),
        ({"target": ORDER, "update": {"required": "id"}}, "required: values of different kinds"),
        ({"target": ORDER, "update": {"properties": {"id": {"type": ["string"]}}}}, "properties.id.type: values of"),
        ({"target": "$", "remove": True}, "the whole document"),
    ],
)
def test_an_action_that_does_not_apply_is_named(applied, action, said):
    with pytest.raises(SourceError) as caught:
        applied({"target": "$", "update": {}}, {**action, "description": "It is\nso."})
    assert str(caught.value).startswith(f"overlay action 2 ({action['target']}: It is so.): ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("remove", "action 2: must have a target"),
        ({"update": {}}, "action 2: must have a target"),
        ({"target": "$.a", "update": {}, "description": None}, "action 2 ($.a): must have a description"),
        ({"target": "$.a", "update": {}, "description": " "}, "action 2 ($.a): must have a description"),
        ({"target": "$.a"}, "action 2 ($.a): must have either"),
        ({"target": "$.a", "update": {}, "remove": True}, "action 2 ($.a): must have either"),
        ({"target": "$.a", "remove": "yes"}, "action 2 ($.a): must have either"),
        ({"target": "$.a", "update": {}, "copy": "$"}, "action 2 ($.a): unknown keys: copy"),
        ({"target": "$.a[", "update": {}}, "action 2 ($.a[): the target is no JSONPath: "),
        ({"target": "", "update": {}}, "action 2 (): the target is no JSONPath: "),
        ({"target": "a.b", "update": {}}, "action 2 (a.b): the target is no JSONPath: "),
        ({"target": "$.a | $.b", "update": {}}, "action 2 ($.a | $.b): the target is no JSONPath: "),
        ({"target": "$.x-a", "update": {}}, "action 2 ($.x-a): the target is no JSONPath: "),
        ({"target": "$.a.~b", "update": {}}, "action 2 ($.a.~b): the target is no JSONPath: "),
    ],
)
def test_an_unsound_action_is_named(overlay, action, said):
    with pytest.raises(SourceError) as caught:
        overlay({"target": "$", "update": {}}, action)
    assert str(caught.value).startswith(said)
    assert str(caught.value).isprintable()


def test_remove_may_be_said_to_be_false(applied):
    assert applied({"target": "$", "update": {"a": 1}, "remove": False}, to={}) == {"a": 1}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"overlay": "2.0.0"}, "is no OpenAPI Overlay 1.0"),
        ({"overlay": None}, "is no OpenAPI Overlay 1.0"),
        ({"info": {"title": "Facts"}}, "info: must have a title and a version"),
        ({"actions": []}, "actions: must be"),
        ({"actions": {}}, "actions: must be"),
        ({"action": []}, "unknown keys: action"),
    ],
)
def test_what_is_no_overlay(overlay, parts, said):
    with pytest.raises(SourceError, match=said):
        overlay({"target": "$", "update": {}}, **parts)


# ---- what changes nothing


def test_idle_actions_are_those_whose_fact_the_document_states(overlay):
    facts = overlay(
        {"target": ORDER, "update": {"required": ["id"], "properties": {"total": {"minimum": 1}}}},
        {"target": ORDER, "update": {"required": ["note"]}},
        {"target": ORDER, "update": {"required": ["note", "total"]}},
        {"target": f"{ORDER}.properties.total", "update": {"type": "number"}},
    )
    assert [action.number for action in facts.idle(orders())] == [1, 3]
    assert [action.number for action in facts.idle(facts.apply(orders()))] == [1, 2, 3, 4]


def test_an_idle_overlay_gives_the_very_document(overlay):
    document = orders()
    assert overlay({"target": "$..*[?@.type]", "update": {}}).apply(document) is document


# ---- property

# Names say of what kind a value is, so that any two objects merge.
PRIMITIVES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "", "x"])
LISTS = st.deferred(lambda: st.lists(PRIMITIVES | LISTS | OBJECTS, max_size=3))
OBJECTS = st.deferred(lambda: st.fixed_dictionaries({}, optional=PARTS))
PARTS = {"n": PRIMITIVES, "m": PRIMITIVES, "l": LISTS, "o": OBJECTS}

DOCUMENTS = st.fixed_dictionaries(
    {"o": st.fixed_dictionaries({"l": LISTS, "o": OBJECTS}), "l": LISTS}, optional={"n": PRIMITIVES}
)

ONE_PLACE = st.one_of(
    st.tuples(st.sampled_from(["$", "$.o", "$.o.o", "$['o']['o', 'o']"]), OBJECTS),
    st.tuples(st.sampled_from(["$.l", "$.o.l", "$['l']"]), PRIMITIVES | LISTS | OBJECTS),
)
SEVERAL_PLACES = st.one_of(
    st.tuples(st.just("$..l"), PRIMITIVES),
    st.tuples(st.just("$..o"), st.fixed_dictionaries({"m": PRIMITIVES, "l": st.lists(PRIMITIVES)})),
)


# One action for several places stands alone: it would find more of them in what another one added.
@given(DOCUMENTS, st.lists(ONE_PLACE, min_size=1, max_size=4) | st.tuples(SEVERAL_PLACES))
def test_applying_updates_twice_is_applying_them_once(tmp_path_factory, document, updates):
    path = tmp_path_factory.getbasetemp() / "overlay.json"
    actions = [{"target": target, "description": "so", "update": update} for target, update in updates]
    path.write_text(
        json.dumps({"overlay": "1.0.0", "info": {"title": "Facts", "version": "1"}, "actions": actions}), "utf-8"
    )
    overlay, before = Overlay.read(path), json.dumps(document)
    once = overlay.apply(document)
    assert json.dumps(document) == before
    assert json.dumps(overlay.apply(once)) == json.dumps(once)
