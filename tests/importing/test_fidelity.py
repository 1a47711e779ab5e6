import copy
import json
import time
from pathlib import Path

import pytest

from scripts.importer.document import SourceError
from scripts.importer.fidelity import Rule, Source
from scripts.importer.plain_schemas import ITEMS, VALUES
from scripts.importer.source_reader import Reader
from scripts.importer.unread import unread

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def api(body, method="post", operation=None, **schemas):
    media = {"application/json": {"schema": body}}
    stated = {"requestBody": {"content": media}, "responses": {"200": {"content": media}}}
    return {"paths": {"/boats": {method: operation or stated}}, "components": {"schemas": schemas}}


def thing(*needed, **named):
    return {"type": "object", "properties": named} | ({"required": list(needed)} if needed else {})


def closed(schema):
    return schema | {"additionalProperties": False}


def constant(value):
    return {"type": "string", "const": value, "default": value}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def compare(source, ours, events):
    return Source(source).compare(ours, events)


def losses(source, ours, events):
    return compare(source, ours, events).losses


def lost(theirs, ours, **events):
    """What of a body is lost, without saying where."""
    found = losses(api(theirs), api(ours), events)
    assert {loss.where for loss in found} <= {"POST /boats request", "POST /boats 200"}
    return {(loss.path, loss.kind) for loss in found}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (thing("a", a=TEXT, b=NUMBER), {"allOf": [thing("a", a=TEXT), thing(b=NUMBER)]}),
        (
            {"oneOf": [thing("a", a=TEXT), thing("b", b=TEXT)]},
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], **thing(a=TEXT, b=TEXT)},
        ),
        (thing(a={"type": "string", "nullable": True}), thing(a={"type": ["string", "null"]})),
        (thing(a={"type": "string", "enum": ["x"]}), thing(a={"const": "x", "type": "string"})),
        (thing(a={"type": "string", "enum": ["x", "y", "x"]}), thing(a={"type": "string", "enum": ["x", "y"]})),
        (thing(a={"minimum": 0, "exclusiveMinimum": True}), thing(a={"exclusiveMinimum": 0})),
        (thing(a={"type": "string", "required": True}), thing("a", a=TEXT)),
        (thing(additionalProperties=NUMBER), {"type": "object", "additionalProperties": NUMBER}),
        ({"properties": {"allOf": [thing("a", a=TEXT)]}}, thing("a", a=TEXT)),
        ({"type": "object", "additionalProperties": {"description": "More."}}, {"type": "object"}),
        (thing(a=TEXT, b={"description": "Anything."}), thing(a=TEXT, b={"type": "string"}, c=NUMBER)),
        ({"allOf": [{"enum": ["x", "y"]}, {"enum": ["y", "z"]}]}, {"const": "y"}),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, {"type": "integer"}),
        ({"allOf": [closed(thing(a=TEXT)), thing(a=TEXT, b=TEXT)]}, closed(thing(a=TEXT))),
        ({"allOf": [closed(thing(a=TEXT)), {"allOf": [thing(b=TEXT)]}]}, closed(thing(a=TEXT))),
        (
            {"allOf": [{"additionalProperties": {"minLength": 2, "type": "string"}}, thing(a=TEXT)]},
            thing(a={"type": "string", "minLength": 2}) | {"additionalProperties": {"type": "string", "minLength": 2}},
        ),
    ],
)
def test_the_same_meaning_in_other_words_is_no_loss(theirs, ours):
    assert lost(theirs, ours) == set()


@pytest.mark.parametrize(
    ("theirs", "ours", "loss"),
    [
        (thing(a=TEXT), thing(), ("a", "member")),
        (thing(a=thing(b=TEXT)), thing(a=thing()), ("a.b", "member")),
        (
            thing(a={"type": "array", "items": thing(b=TEXT)}),
            thing(a={"type": "array", "items": thing()}),
            ("a[].b", "member"),
        ),
        ({"additionalProperties": thing(b=TEXT)}, {"additionalProperties": thing()}, ("{}.b", "member")),
        (thing(a=TEXT), thing(a={}), ("a", "type")),
        (thing(a=TEXT), thing(a=NUMBER), ("a", "type")),
        (thing(a={"type": ["string", "null"]}), thing(a=TEXT), ("a", "type")),
        (thing(a={"format": "date"}), thing(a={}), ("a", "format")),
        (thing(a={"enum": ["x", "y"]}), thing(a={"enum": ["x"]}), ("a", "enum")),
        (thing(a={"enum": ["x", "y"]}), thing(a={}), ("a", "enum")),
        (thing(a={"maximum": 3}), thing(a={"maximum": 4}), ("a", "maximum")),
        (thing(a={"minLength": 3}), thing(a={}), ("a", "minLength")),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}, ("", "additionalProperties")),
        (thing("a", a=TEXT), thing(a=TEXT), ("a", "required")),
        (thing(a=thing("b", b=TEXT)), thing(a=thing(b=TEXT)), ("a.b", "required")),
        (
            {"oneOf": [thing("a", a=TEXT), thing("b", b=TEXT)]},
            {"anyOf": [{"required": ["a"]}, {}], **thing(a=TEXT, b=TEXT)},
            ("a", "required"),
        ),
        (
            {"anyOf": [thing(kind=constant("x"), a=TEXT), thing(kind=constant("y"), a=TEXT)]},
            {"anyOf": [thing(kind=constant("x"), a=TEXT), thing(kind=constant("y"))]},
            ("a", "member"),
        ),
        ({"anyOf": [thing(a=TEXT, b=TEXT), TEXT]}, {"anyOf": [thing(a=TEXT), thing(b=TEXT), TEXT]}, ("a", "member")),
        (closed({"allOf": [thing(a=TEXT)], "properties": {"a": TEXT}}), closed(thing()), ("a", "member")),
        (
            {"allOf": [closed({"patternProperties": {"^a": {}}}), thing(a=TEXT)]},
            closed({"type": "object", "patternProperties": {"^a": {}}}),
            ("a", "member"),
        ),
    ],
)
def test_what_is_not_there_is_a_loss(theirs, ours, loss):
    assert lost(theirs, ours) == {loss}


MORE = "asks for more"
EITHER = thing(a=TEXT, b=TEXT) | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}


@pytest.mark.parametrize(
    ("theirs", "ours", "more"),
    [
        (thing(a=TEXT), thing("a", a=TEXT), {"a"}),
        (thing(a=TEXT), thing("b", a=TEXT), {"b"}),
        (thing(a=TEXT, b=TEXT), EITHER, {"a"}),
        (EITHER, thing("a", a=TEXT, b=TEXT), {"a"}),
        (EITHER, thing("a", "b", a=TEXT, b=TEXT), {"a", "b"}),
        (EITHER, EITHER | {"anyOf": [{"required": ["a"]}]}, {"a"}),
        (thing(a=thing(b=TEXT)), thing(a=thing("b", b=TEXT)), {"a.b"}),
        (thing(a=thing(b=TEXT)), thing("a", a=thing("b", b=TEXT)), {"a", "a.b"}),
        (thing("a", a=thing(b=TEXT)), thing("a", a=thing("b", b=TEXT)), {"a.b"}),
        (thing(a=thing(b=TEXT)), thing(a=thing(b=TEXT)) | {"anyOf": [thing("a", a=thing("b"))]}, {"a", "a.b"}),
        ({"type": "array", "items": thing(a=TEXT)}, {"type": "array", "items": thing("a", a=TEXT)}, {"[].a"}),
        (
            thing(a=TEXT, b=TEXT),
            EITHER | {"anyOf": [{"required": ["a"], "properties": {"a": {"enum": ["x"]}}}, {"required": ["b"]}]},
            {"b"},
        ),
        (
            {"anyOf": [thing("kind", kind=constant("x"), a=TEXT), thing("kind", kind=constant("y"), a=TEXT)]},
            {"anyOf": [thing("kind", kind=constant("x"), a=TEXT), thing("kind", "a", kind=constant("y"), a=TEXT)]},
            {"a"},
        ),
    ],
)
def test_what_the_source_takes_and_the_canonical_document_refuses_is_a_loss(theirs, ours, more):
    assert {path for path, kind in lost(theirs, ours) if kind == MORE} == more


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (EITHER, EITHER | {"anyOf": [{"required": ["b"]}, {"required": ["a"]}, {"required": ["c"]}]}),
        (thing("a", "b", a=TEXT, b=TEXT), EITHER),
        (thing("a", a=TEXT), {"anyOf": [thing("a", a=TEXT), thing("a", "b", a=TEXT, b=TEXT)]}),
        (thing(kind=constant("x")), thing("kind", kind=constant("x"))),
        (TEXT, thing("a", a=TEXT)),
        (thing("a", a=TEXT), closed(thing("a", a=TEXT)) | {"anyOf": [{"required": ["a"]}, {}]}),
    ],
)
def test_whoever_gives_what_the_source_needs_is_not_asked_for_more(theirs, ours):
    assert not [kind for _, kind in lost(theirs, ours) if kind == MORE]


def test_parameters_and_bodies_that_nobody_asked_for_are_losses():
    limit = {"name": "limit", "in": "query"}
    body = {"requestBody": {"content": {}}, "responses": {}}
    source = api({}, operation=body | {"parameters": [limit]})
    needed = {"requestBody": {"content": {}, "required": True}, "responses": {}}
    more = [limit | {"required": True}, {"name": "page", "in": "query", "required": True}, {"name": "a", "in": "query"}]
    ours = api({}, operation=needed | {"parameters": more})
    assert {(loss.where, loss.path, loss.kind) for loss in losses(source, ours, {})} == {
        ("POST /boats", "query limit", MORE),
        ("POST /boats", "query page", MORE),
        ("POST /boats request", "", MORE),
    }
    assert losses(ours, ours, {}) == ()


def test_operations_parameters_bodies_and_responses_are_compared():
    limit = {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}}
    source = api(TEXT, operation={
        "parameters": [limit, {"name": "id", "in": "query"}],
        "requestBody": {"required": True, "content": {"application/json": {}, "text/csv": {}}},
        "responses": {"200": {}, "404": {}},
    })  # fmt: skip
    source["paths"]["/harbours"] = {"get": {}}
    source["paths"]["/boats"] |= {
        "parameters": [{"name": "trace", "in": "header"}],
        "put": {"requestBody": {"content": {}}},
    }
    ours = api(TEXT, operation={
        "parameters": [limit | {"required": False, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {}}},
        "responses": {"200": {}},
    })  # fmt: skip
    ours["paths"]["/boats"]["put"] = {"parameters": [{"name": "trace", "in": "header"}]}
    assert {(loss.where, loss.path, loss.kind) for loss in losses(source, ours, {})} == {
        ("GET /harbours", "", "operation"),
        ("POST /boats", "header trace", "parameter"),
        ("POST /boats", "query id", "parameter"),
        ("POST /boats", "query limit", "required"),
        ("POST /boats", "query limit", "type"),
        ("POST /boats", "404", "response"),
        ("POST /boats request", "", "required"),
        ("POST /boats request", "text/csv", "content"),
        ("PUT /boats", "", "request body"),
    }


def test_a_loss_says_in_a_line_what_is_lost():
    (loss,) = losses(api(thing(a=TEXT), operation={"responses": {"200": {}}}), api({}, "get"), {})
    assert str(loss) == "POST /boats: operation"
    assert str(losses(api(TEXT), api(NUMBER), {})[0]) == "POST /boats 200: type (string, not number)"


# Rules


def explained(source, ours, **events):
    found = compare(source, ours, events)
    assert found.losses == ()
    return found.explained


def test_a_constant_with_a_default_need_not_be_required():
    theirs = thing("kind", "a", kind={"enum": ["x"]}, a=TEXT)
    assert explained(api(theirs), api(thing("a", kind=constant("x"), a=TEXT))) == {Rule.DEFAULTED_CONST: 2}
    assert lost(theirs, thing("a", kind={"const": "x"}, a=TEXT)) == {("kind", "required")}


def test_a_header_with_one_value_may_be_an_open_string():
    def with_parameter(place, schema):
        return api({}, operation={"parameters": [{"name": "strict", "in": place, "schema": schema}], "responses": {}})

    one = {"type": "string", "enum": ["1"]}
    assert explained(with_parameter("header", one), with_parameter("header", TEXT)) == {Rule.HEADER_VALUE: 1}
    assert [loss.kind for loss in losses(with_parameter("query", one), with_parameter("query", TEXT), {})] == ["enum"]


def test_a_response_key_that_is_no_status_may_go():
    source = api({}, operation={"responses": {"200": {}, "400-boats": {}}})
    assert explained(source, api({}, operation={"responses": {"200": {}}})) == {Rule.NO_STATUS: 1}


def test_a_required_name_without_a_member_may_go():
    assert explained(api(thing("b", a=TEXT)), api(thing(a=TEXT))) == {Rule.NO_MEMBER: 2}


# Events: a call that carries them, one whose properties are described, and one that is the whole call


CALL = thing("event", event=TEXT, properties={"type": "object"}, userId=TEXT, sentAt=TEXT, type=constant("call"))


def event(name, schema, shape="properties", **mark):
    return schema | {"x-semantic-event": {"name": name, "shape": shape, **mark}}


def whole(name, *needed, properties, **named):
    return thing(
        "event", "properties", *needed, event={"type": "string", "enum": [name]}, properties=properties, **named
    )


def canonical(call=CALL, **changed):
    events = {
        "BoatSailed": event(
            "Boat Sailed", thing("sail", sail=TEXT), aliases=["Ship Sailed"], context=thing(wind=NUMBER)
        ),
        "BoatSunk": event(
            "Boat Sunk", thing("userId", userId=TEXT, event=constant("Boat Sunk"), type=constant("call")), "envelope"
        ),
    }
    return api(ref("Call"), Call=call, **(events | changed))


SAILED = whole("Boat Sailed", properties=thing("sail", sail=TEXT), context=thing(wind=NUMBER))
SUNK = thing(
    "type",
    "event",
    "userId",
    event={"type": "string", "enum": ["Boat Sunk"]},
    userId=TEXT,
    sentAt=TEXT,
    type={"type": "string", "enum": ["call"]},
)


@pytest.mark.parametrize(
    "source", [thing("sail", sail=TEXT), SAILED, SAILED | thing(**SAILED["properties"], sentAt=TEXT)]
)
def test_an_event_is_compared_whether_the_source_has_its_properties_or_the_call(source):
    assert compare(api({}, boat_sailed=source), canonical(), {"BoatSailed": "boat_sailed"}).losses == (
        *losses(api({}), canonical(), {}),
    )


def event_losses(source, ours, name="BoatSailed"):
    found = losses({"paths": {}, "components": {"schemas": {"source": source}}}, ours, {name: "source"})
    return {(loss.path, loss.kind) for loss in found}


@pytest.mark.parametrize(
    ("schema", "loss"),
    [
        (event("Boat Sailed", thing(), context=thing(wind=NUMBER)), ("properties.sail", "member")),
        (event("Boat Sailed", thing(sail=TEXT), context=thing(wind=NUMBER)), ("properties.sail", "required")),
        (event("Boat Sailed", thing("sail", sail=TEXT)), ("context", "member")),
        (event("Boat Moored", thing("sail", sail=TEXT), context=thing(wind=NUMBER)), ("event", "enum")),
        (thing("sail", sail=TEXT), ("", "event")),
    ],
)
def test_what_an_event_of_properties_lacks_is_a_loss(schema, loss):
    assert loss in event_losses(SAILED, canonical(BoatSailed=schema))


@pytest.mark.parametrize(
    ("schema", "loss"),
    [
        (thing(event=constant("Boat Sunk"), type=constant("call")), ("userId", "required")),
        (thing("userId", userId=TEXT, type=constant("call")), ("event", "member")),
        (thing("userId", userId=TEXT, type=constant("call"), event=TEXT), ("event", "enum")),
        (thing("userId", event=constant("Boat Sunk"), type=constant("call")), ("userId", "member")),
    ],
)
def test_what_an_event_that_is_the_call_lacks_is_a_loss(schema, loss):
    assert event_losses(SUNK, canonical(), "BoatSunk") == set()
    assert loss in event_losses(SUNK, canonical(BoatSunk=event("Boat Sunk", schema, "envelope")), "BoatSunk")


@pytest.mark.parametrize(
    ("source", "schema", "path"),
    [
        (SAILED, event("Boat Sailed", thing("sail", "oar", sail=TEXT, oar=TEXT)), "properties.oar"),
        (thing("sail", sail=TEXT), event("Boat Sailed", thing("sail", "oar", sail=TEXT)), "properties.oar"),
        (SUNK, event("Boat Sunk", SUNK | {"required": ["type", "event", "userId", "sentAt"]}, "envelope"), "sentAt"),
    ],
)
def test_an_event_that_asks_for_more_is_a_loss(source, schema, path):
    mark = schema["x-semantic-event"]
    name = mark["name"].replace(" ", "")
    assert {place for place, kind in event_losses(source, canonical(**{name: schema}), name) if kind == MORE} == {path}


def test_a_call_that_asks_more_of_an_event_than_the_event_needs_is_a_loss():
    def call(**beside):
        return CALL | {"anyOf": [{"required": ["userId"]}, {"required": ["event"], "properties": beside}]}

    source = api({"oneOf": [thing("event", "userId", **CALL["properties"]), SAILED]})
    found = losses(source, canonical(call(event={"enum": ["Boat Sailed"]})), {})
    assert MORE not in {loss.kind for loss in found}
    found = losses(source, canonical(call(event={"enum": ["Boat Sunk"]})), {})
    assert [(loss.path, loss.kind) for loss in found if loss.where.endswith("request Boat Sailed")] == [
        ("userId", MORE)
    ]


def test_what_every_call_has_is_not_repeated_by_an_event_unless_its_like_do():
    source = {"paths": {}, "components": {"schemas": {"boat_sunk": SUNK}}}
    assert explained(source, canonical(), BoatSunk="boat_sunk") == {Rule.OF_THE_CALL: 1, Rule.DEFAULTED_CONST: 1}
    other = event("Boat Built", thing(event=constant("Boat Built"), sentAt=TEXT), "envelope")
    assert event_losses(SUNK, canonical(BoatBuilt=other), "BoatSunk") == {("sentAt", "member")}


def test_an_alias_of_an_event_is_a_name_of_it():
    source = {
        "paths": {},
        "components": {"schemas": {"ship_sailed": whole("Ship Sailed", properties=thing("sail", sail=TEXT))}},
    }
    assert explained(source, canonical(), BoatSailed="ship_sailed") == {Rule.EVENT_NAME: 1}


def test_an_alternative_of_a_call_that_is_an_event_is_looked_for_in_the_event():
    source = api({"oneOf": [CALL, SAILED]})
    assert explained(source, canonical()) == {Rule.EVENT_OF_ITS_OWN: 2, Rule.EVENT_NAME: 2}
    lacking = losses(source, canonical(BoatSailed=event("Boat Sailed", thing("sail", sail=NUMBER))), {})
    assert {(loss.path, loss.kind) for loss in lacking} == {("properties.sail", "type"), ("context", "member")}
    assert {loss.where for loss in lacking} == {"POST /boats 200 Boat Sailed", "POST /boats request Boat Sailed"}


def test_an_alternative_of_a_call_that_is_no_known_event_stays_in_the_call():
    moored = whole("Boat Moored", properties=thing(rope=TEXT))
    assert {(loss.path, loss.kind) for loss in losses(api({"oneOf": [CALL, moored]}), canonical(), {})} == {
        ("properties.rope", "member")
    }


def test_a_call_may_need_less_for_an_event_that_needs_it_itself():
    source = api({"oneOf": [thing(*CALL["required"], "userId", **CALL["properties"]), SAILED]})
    named = {"required": ["event"], "properties": {"event": {"enum": ["Boat Sailed"]}}}
    call = CALL | {"anyOf": [{"required": ["userId"]}, named]}
    assert Rule.EVENT_OF_ITS_OWN in explained(source, canonical(call))
    open_call = CALL | {"anyOf": [{"required": ["userId"]}, {"required": ["event"]}]}
    assert {loss.kind for loss in losses(source, canonical(open_call), {})} == {"required"}


def test_an_item_that_is_a_call_needs_what_the_call_needs():
    theirs = api(thing(batch={"type": "array", "items": thing("event", "userId", event=TEXT, userId=TEXT)}))
    theirs["paths"]["/call"] = api(ref("Call"))["paths"]["/boats"]
    theirs["components"]["schemas"]["Call"] = CALL
    ours = api(thing(batch={"type": "array", "items": ref("Call")}), Call=CALL)
    assert {loss.kind for loss in losses(theirs, ours, {})} == {"operation", "required"}
    ours["paths"]["/call"] = theirs["paths"]["/call"]
    assert Rule.CALL_OF_ITS_OWN in explained(theirs, ours)


def test_an_item_may_need_what_the_call_needs_and_nothing_besides():
    def document(call, items):
        found = api(thing(batch={"type": "array", "items": items}), Call=call)
        found["paths"]["/call"] = api(ref("Call"))["paths"]["/boats"]
        return found

    call = thing("userId", userId=TEXT, name=TEXT)
    theirs = document(call, thing(userId=TEXT, name=TEXT))
    assert explained(theirs, document(call, ref("Call"))) == {Rule.CALL_OF_ITS_OWN: 2}
    found = losses(theirs, document(call, {"allOf": [ref("Call"), {"required": ["name"]}]}), {})
    assert {(loss.path, loss.kind) for loss in found} == {("batch[].name", MORE)}


# Reading


def views(document, schema):
    """What stands at every path below a schema."""
    waiting, found = [("", Reader(document).view(schema))], {}
    while waiting:
        prefix, view = waiting.pop()
        if prefix.count("dinghies") < 2:
            steps = {name: f"{prefix}{'.' * (name not in (ITEMS, VALUES))}{name}".lstrip(".") for name in view.steps}
            found |= {path: view.part(name) for name, path in steps.items()}
            waiting += [(path, view.part(name)) for name, path in steps.items()]
    return found


def test_members_and_required_names_are_read_however_they_are_spelled():
    document = {"components": {"schemas": {"Sail": thing("area", area={"type": "number", "minimum": 1})}}}
    schema = {
        "allOf": [
            thing(sails={"type": "array", "items": ref("Sail")}),
            {"oneOf": [thing("a", a=TEXT), thing("a", "b", a=NUMBER)]},
        ]
    }
    found = views(document, schema)
    assert set(found) == {"sails", "sails[]", "sails[].area", "a"}
    assert found["a"].member.types == {"string", "number"}
    assert found["sails[].area"].member.bounds == {"minimum": 1}
    assert found["sails[]"].names_needed == [{"area"}]
    assert Reader(document).view(schema).names_needed == [{"a"}, {"a", "b"}]


def test_schemas_that_contain_themselves_are_compared_to_their_end():
    def document(**own):
        boat = thing(name=TEXT, dinghies={"type": "array", "items": ref("Boat")}, **own)
        return api(ref("Boat"), Boat=boat, Odd={"allOf": [ref("Odd"), TEXT]})

    assert losses(document(), document(), {}) == ()
    unrolled = document()
    unrolled["components"]["schemas"]["Boat"]["properties"]["dinghies"]["items"] = document()["components"]["schemas"][
        "Boat"
    ]
    assert losses(unrolled, document(), {}) == losses(document(), unrolled, {}) == ()
    assert {loss.path for loss in losses(document(sail=TEXT), document(), {})} == {"sail", "dinghies[].sail"}
    assert "dinghies[].name" in views(document(), ref("Boat"))


def test_a_schema_of_more_alternatives_than_anybody_means_is_refused():
    union = {"anyOf": [thing(**{f"a{number}": TEXT}) for number in range(10)]}
    with pytest.raises(SourceError, match="alternatives"):
        losses(api({"allOf": [copy.deepcopy(union) for _ in range(9)]}), api({}), {})


def test_components_that_nothing_is_made_of_are_named():
    schemas = {
        "Sail": thing(area=NUMBER),
        "Boat": thing(sail=ref("Sail")),
        "Etl": thing(row=NUMBER),
        "Copied": thing(c=TEXT),
    }
    source = api(
        thing(boat=ref("Boat"), copy=thing(c=TEXT)), **schemas, sunk=thing(deep=ref("Depth")), Depth=thing(m=NUMBER)
    )
    assert unread(source, ["sunk"]) == ("Etl",)
    assert unread(source, []) == ("Depth", "Etl", "sunk")


def test_a_source_is_read_once_for_several_documents():
    source = Source(api(thing(a=TEXT)))
    assert source.compare(api(thing(a=TEXT)), {}).losses == ()
    assert {loss.path for loss in source.compare(api(thing()), {}).losses} == {"a"}
    assert source.compare(api(thing(a=TEXT)), {}).losses == ()


def test_what_was_compared_is_counted():
    assert compare(api(thing("a", a=TEXT, b=thing(c=TEXT))), canonical(), {}).compared == {
        "operations": 1,
        "responses": 1,
        "bodies": 2,
        "members": 4,
        "required sets": 2,
    }


# The whole


def spots(node, path=()):
    """Every member, required name and fact of the schemas in a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if path[-1:] == ("properties",) or key in ("type", "format", "const", "enum", "minLength"):
                yield *path, key
            if key != "x-semantic-event":
                yield from spots(value, (*path, key))
    elif isinstance(node, list):
        for position, value in enumerate(node):
            if path[-1:] == ("required",):
                yield *path, position
            yield from spots(value, (*path, position))


def without(document, path):
    changed = copy.deepcopy(document)
    node = changed
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return changed


def test_nothing_can_be_taken_from_a_canonical_document_without_a_loss():
    ours = canonical()
    source = api({"oneOf": [CALL, SAILED]}, boat_sailed=SAILED, boat_sunk=SUNK)
    events = {"BoatSailed": "boat_sailed", "BoatSunk": "boat_sunk"}
    assert losses(source, ours, events) == ()
    taken = list(spots(ours["components"]["schemas"], ("components", "schemas")))
    assert len(taken) > 20
    assert [path for path in taken if not losses(source, without(ours, path), events)] == []


def test_a_large_document_is_compared_in_well_under_a_second():
    start = time.process_time()
    assert losses(COMMITTED, COMMITTED, {}) == ()
    assert time.process_time() - start < 1
