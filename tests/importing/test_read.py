"""What can be read, and the one line that everything else gets."""

import json
import re
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.importer import references, syntax
from scripts.importer.document import SourceError
from scripts.importer.read import read
from scripts.importer.references import check_references

SMALL = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/orders": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                "responses": {"200": {"description": "Täglich"}},
            }
        }
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "properties": {
                    "total": {"type": "number", "minimum": -1.5e2},
                    "parts": {"$ref": "#/components/schemas/Parts"},
                },
                "additionalProperties": False,
                "example": None,
            },
            "Parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
        }
    },
}

YAML = """\
openapi: 3.1.0
info: {title: Orders, version: '1'}
paths:
  /orders:
    post:
      responses:
        200: &ok
          description: 2001-01-01
        201: *ok
        404: {description: no}
components:
  schemas:
    Switch:
      enum: [on, off, yes, 012, 0x1F, 1e3, .5, ~, 'null', 12:30:00, 2001-01-01]
      default: true
      maximum: 10
"""


@pytest.fixture
def file(tmp_path):
    def write(content, name="spec.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def refusal(file):
    """What is said of a file with this content."""

    def refused(content, name="spec.json"):
        with pytest.raises(SourceError) as caught:
            read(file(content, name))
        return one_line(caught)

    return refused


def one_line(caught):
    message = str(caught.value)
    assert message.isprintable()
    assert 0 < len(message) < 300
    return message


def document(**parts):
    return json.dumps({"openapi": "3.1.0", "paths": {}, **parts})


def schemas(**found):
    return {"openapi": "3.1.0", "components": {"schemas": found}}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


# ---- what can be read


@pytest.mark.parametrize("indent", [None, 2])
def test_json_is_read_as_it_is(file, indent):
    assert read(file(json.dumps(SMALL, indent=indent))) == SMALL


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml", "spec.yml", "spec"])
@pytest.mark.parametrize("text", [json.dumps(SMALL), "\ufeff" + json.dumps(SMALL, ensure_ascii=False) + "\r\n"])
def test_the_name_of_a_json_file_does_not_matter(file, name, text):
    assert read(file(text, name)) == SMALL


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml", "spec"])
def test_yaml_gives_the_types_of_json(file, name):
    found = read(file(YAML, name))
    responses = found["paths"]["/orders"]["post"]["responses"]
    assert responses == {
        "200": {"description": "2001-01-01"},
        "201": {"description": "2001-01-01"},
        "404": {"description": "no"},
    }
    switch = found["components"]["schemas"]["Switch"]
    assert switch["enum"] == ["on", "off", "yes", 12, 31, 1000.0, 0.5, None, "null", "12:30:00", "2001-01-01"]
    assert switch["default"] is True
    assert type(switch["maximum"]) is int


def test_braces_in_a_yaml_file_may_be_yaml(file):
    assert read(file("{openapi: 3.0.3, paths: {}}", "spec.yaml")) == {"openapi": "3.0.3", "paths": {}}


@pytest.mark.parametrize("version", ["3.0.0", "3.0.4", "3.1.0", "3.1.1", "3.1"])
def test_versions_that_can_be_taken(file, version):
    assert read(file(document(openapi=version)))["openapi"] == version


# ---- what is no file of JSON or YAML


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        read(tmp_path / "nothing.json")


def test_a_folder(tmp_path):
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path)


def test_a_file_that_must_not_be_read(file, monkeypatch):
    path = file(document())

    def deny(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", deny)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        read(path)


@pytest.mark.parametrize("content", ["", " \n\t", "\ufeff"])
def test_an_empty_file(refusal, content):
    assert refusal(content) == "is empty"


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml"])
def test_a_page_instead_of_the_file(refusal, name):
    assert "HTML" in refusal("\n<!DOCTYPE html>\n<html><body>Not found</body></html>", name)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding(refusal, encoding):
    assert "not UTF-8" in refusal(json.dumps(SMALL, ensure_ascii=False).encode(encoding))


def test_a_mistake_in_json_is_placed(refusal):
    assert refusal('{"openapi": "3.1.0",\n "paths": }').startswith("is neither JSON nor YAML: line 2, column 11: ")


@pytest.mark.parametrize("rest", ["5", "null", "}", "-"])
def test_something_after_the_end_is_no_truncation(refusal, rest):
    assert "column 35: Extra data" in refusal(f"{document()} {rest}")


def test_a_mistake_in_yaml_is_placed(refusal):
    assert refusal("openapi: 3.1.0\npaths: a: b\n", "spec.yaml").startswith(
        "is neither JSON nor YAML: line 2, column 9: "
    )


@pytest.mark.parametrize("content", ["PK\x03\x04", "a: \x00"])
def test_a_binary_file(refusal, content):
    assert "characters that are not allowed" in refusal(content)


def test_a_file_over_the_limit_is_not_opened(file, monkeypatch):
    path = file(document())
    monkeypatch.setattr(syntax, "MAX_BYTES", 10)
    monkeypatch.setattr(type(path), "read_bytes", lambda _: pytest.fail("was opened"))
    with pytest.raises(SourceError, match="is larger than"):
        read(path)


def test_yaml_has_a_limit_of_its_own(file, monkeypatch):
    monkeypatch.setattr(syntax, "MAX_YAML_BYTES", 200)
    assert read(file(json.dumps(SMALL), "spec.yaml")) == SMALL
    with pytest.raises(SourceError, match="save it as JSON"):
        read(file(YAML, "spec.yaml"))


# ---- JSON and YAML that mean nothing, or too much


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml"])
@pytest.mark.parametrize("depth", [syntax.MAX_DEPTH, 5_000, 100_000])
def test_deep_nesting(refusal, name, depth):
    assert "nested deeper" in refusal('{"paths": ' + "[" * depth + "]" * depth + "}", name)


def test_nesting_up_to_the_limit(file):
    inside = syntax.MAX_DEPTH - 1
    text = '{"openapi": "3.1.0", "paths": {}, "x-deep": ' + "[" * inside + "]" * inside + "}"
    assert read(file(text)) == read(file(text.replace('"paths"', "paths"), "spec.yaml"))


def test_a_bomb_of_aliases_costs_nothing(refusal):
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    tracemalloc.start()
    start = time.process_time()
    message = refusal(f"a0: &a0 [lol]\n{levels}", "bomb.yaml")
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "aliases" in message
    assert seconds < 2
    assert peak < 10 * 2**20


def test_a_tower_of_aliases_is_deep(refusal):
    levels = "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500))
    assert "nested deeper" in refusal(f"a0: &a0 [0]\n{levels}", "tower.yaml")


@pytest.mark.parametrize("text", ["a: *a", "a: &a [*a]"])
def test_an_alias_of_nothing(refusal, text):
    assert "no anchor before it" in refusal(text, "spec.yaml")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_json_has_not(refusal, value):
    assert "number" in refusal(f'{{"openapi": "3.1.0", "paths": {{}}, "x-n": {value}}}')


@pytest.mark.parametrize("value", [".nan", "-.inf", ".INF", "1e999", "9" * 5000])
def test_numbers_that_yaml_has_and_json_has_not(refusal, value):
    assert "number" in refusal(f"openapi: 3.1.0\npaths: {{}}\nx-n: {value}\n", "spec.yaml")


def test_a_key_twice_in_json(refusal):
    assert '"Order\\n" twice' in refusal(
        '{"openapi": "3.1.0", "components": {"schemas": {"Order\\n": {}, "Order\\n": {}}}}'
    )


def test_a_key_twice_in_yaml(refusal):
    assert refusal("openapi: 3.1.0\npaths:\n  200: {}\n  '200': {}\n", "s.yaml").startswith(
        'line 4, column 3: the key "200"'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!binary aGk=", "tag"),
        ("a: !!python/object:os.system x", "tag"),
        ("? [a]\n: b", "a key must be a text"),
        ("b: &x {}\na:\n  <<: *x", "merge keys"),
        ("a: b\n---\nc: d", "several YAML documents"),
        ('a: "\\U00110000"', "out of range"),
    ],
)
def test_yaml_that_json_has_not(refusal, text, said):
    assert said in refusal(text, "spec.yaml")


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml"])
def test_half_a_character(refusal, name):
    assert "half a character" in refusal('{"openapi": "3.1.0", "paths": {}, "info": {"title": "\\ud83d"}}', name)


# ---- JSON that is no OpenAPI


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "is no OpenAPI document"),
        ("just words", "is no OpenAPI document"),
        ("# nothing but a remark\n", "is no OpenAPI document"),
        ('{"name": "package"}', "the key openapi is missing"),
        ('{"swagger": "2.0", "paths": {}}', "is Swagger 2.0"),
        (document(openapi="2.0"), "is OpenAPI 2.0"),
        (document(openapi="3.2.0"), "is OpenAPI 3.2.0"),
        (document(openapi={"a": "b"}), "3.0 and 3.1 can be taken"),
        ('{"openapi": "3.1.0", "info": {}}', "neither paths nor components"),
        (document(paths=[]), "paths: must be an object"),
        (document(paths=None), "paths: must be an object"),
        (document(components="none"), "components: must be an object"),
        (document(components={"schemas": []}), "components.schemas: must be an object"),
        (document(components={"schemas": {"Order": 3}}), "components.schemas.Order: must be an object"),
        (document(paths={"/orders": []}), "paths./orders: must be an object"),
        (document(paths={"/orders": {"post": 1}}), "paths./orders.post: must be an object"),
        (document(info="Orders"), "info: must be an object"),
        (document(servers={}), "servers: must be an array"),
        (document(tags=["orders"]), "tags.0: must be an object"),
    ],
)
def test_what_is_no_openapi(refusal, content, said):
    assert said in refusal(content)


def operation(**parts):
    return {"paths": {"/orders": {"post": parts}}}, "paths./orders.post"


def schema(**keywords):
    return {"components": {"schemas": {"Order": keywords}}}, "components.schemas.Order"


def member(**keywords):
    return {"components": {"schemas": {"Order": {"properties": {"total": keywords}}}}}, (
        "components.schemas.Order.properties.total"
    )


def root(**parts):
    return parts, ""


TYPES = "must be one of null, boolean, integer, number, string, array, object, or an array of them"
VALUES = "must be an array of one or more texts, numbers, true, false or null"
COUNT = "must be a whole number, 0 or more"
PATTERN = "must be a regular expression that compiles"
EMPTY = "must be an object, not null; an empty one is {}"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (operation(parameters={"a": 1}), ".parameters: must be an array"),
        (operation(parameters=["a"]), ".parameters.0: must be an object"),
        (operation(parameters=[{"in": "query"}]), ".parameters.0: name is missing"),
        (operation(parameters=[{"name": "a"}]), ".parameters.0: in is missing"),
        (operation(parameters=[{"name": 1, "in": "query"}]), ".parameters.0.name: must be a text"),
        (
            operation(parameters=[{"name": "a", "in": "body"}]),
            ".parameters.0.in: must be query, header, path or cookie",
        ),
        (operation(parameters=[{"name": "a", "in": "query", "schema": 1}]), ".parameters.0.schema: must be an object"),
        (operation(requestBody=None), f".requestBody: {EMPTY}"),
        (operation(requestBody={}), ".requestBody: content is missing"),
        (operation(requestBody={"content": []}), ".requestBody.content: must be an object"),
        (operation(requestBody={"content": {"a/b": None}}), f".requestBody.content.a/b: {EMPTY}"),
        (operation(requestBody={"content": {"a/b": {"schema": "x"}}}), ".content.a/b.schema: must be an object"),
        (operation(responses=None), f".responses: {EMPTY}"),
        (operation(responses=[]), ".responses: must be an object"),
        (operation(responses={"200": None}), f".responses.200: {EMPTY}"),
        (operation(responses={"200": {"headers": {"x-rest": 1}}}), ".responses.200.headers.x-rest: must be an object"),
        (operation(responses={"200": {"content": {"a/b": {"schema": []}}}}), ".a/b.schema: must be an object"),
        (operation(security="x"), ".security: must be an array"),
        (operation(security=["x"]), ".security.0: must be an object"),
        (operation(security=[{"key": "x"}]), ".security.0.key: must be an array"),
        (operation(operationId=["a"]), ".operationId: must be a text"),
        (operation(callbacks={"done": {"{$url}": {"post": 1}}}), ".callbacks.done.{$url}.post: must be an object"),
        (root(paths={"/orders": {"parameters": [1]}}), "paths./orders.parameters.0: must be an object"),
        (root(webhooks={"done": []}), "webhooks.done: must be an object"),
        (root(servers=[{"description": "x"}]), "servers.0: url is missing"),
        (root(servers=[{"url": 1}]), "servers.0.url: must be a URL"),
        (root(servers=[{"url": "http://[::1"}]), "servers.0.url: must be a URL"),
        (root(servers=[{"url": "http://orders.test:x"}]), "servers.0.url: must be a URL"),
        (root(tags=[{}]), "tags.0: name is missing"),
        (root(info={"description": ["x"]}), "info.description: must be a text"),
        (root(components={"parameters": {"A": {"in": "query"}}}), "components.parameters.A: name is missing"),
        (root(components={"responses": {"x-a": 5}}), "components.responses.x-a: must be an object"),
        (root(components={"requestBodies": {"A": []}}), "components.requestBodies.A: must be an object"),
        (root(components={"headers": {"A": []}}), "components.headers.A: must be an object"),
        (root(components={"securitySchemes": {"A": None}}), f"components.securitySchemes.A: {EMPTY}"),
        (root(components={"securitySchemes": {"A": {}}}), "components.securitySchemes.A: type is missing"),
        (root(components={"examples": None}), f"components.examples: {EMPTY}"),
        (root(components={"schemas": {"A": True}}), "components.schemas.A: must be an object"),
        (schema(properties=[]), ".properties: must be an object"),
        (schema(properties={"total": "number"}), ".properties.total: must be an object"),
        (schema(properties={"total": None}), f".properties.total: {EMPTY}"),
        (schema(properties={"type": "text"}), f".properties.type: {TYPES}"),
        (schema(allOf="x"), ".allOf: must be an array"),
        (schema(anyOf=["x"]), ".anyOf.0: must be an object"),
        (schema(oneOf={}), ".oneOf: must be an array"),
        (schema(oneOf=[]), ".oneOf: must have at least one alternative"),
        (schema(items=[{}]), ".items: must be an object"),
        (schema(additionalProperties="x"), ".additionalProperties: must be an object"),
        (schema(additionalProperties={"items": 1}), ".additionalProperties.items: must be an object"),
        (schema(patternProperties={"(": {}}), f".patternProperties.(: {PATTERN}"),
        (member(type=5), f".type: {TYPES}"),
        (member(type="text"), f".type: {TYPES}"),
        (member(type=["string", {}]), f".type: {TYPES}"),
        (member(type=[]), f".type: {TYPES}"),
        (member(minLength="a"), f".minLength: {COUNT}"),
        (member(minLength=-1), f".minLength: {COUNT}"),
        (member(maxItems=True), f".maxItems: {COUNT}"),
        (member(maximum="b"), ".maximum: must be a number"),
        (member(minimum=True), ".minimum: must be a number"),
        (member(exclusiveMaximum=None), ".exclusiveMaximum: must be a number"),
        (member(pattern="("), f".pattern: {PATTERN}"),
        (member(pattern="a{99999999999999999999}"), f".pattern: {PATTERN}"),
        (member(pattern=5), f".pattern: {PATTERN}"),
        (member(enum="x"), f".enum: {VALUES}"),
        (member(enum=[]), f".enum: {VALUES}"),
        (member(enum=[{"a": 1}]), f".enum: {VALUES}"),
        (member(required="total"), ".required: must be an array of names"),
        (member(required=[1]), ".required: must be an array of names"),
        (member(nullable="yes"), ".nullable: must be true or false"),
        (member(format=1), ".format: must be a text"),
        (root(**{"x-limits": "x"}), "x-limits: must be an object"),
        (root(**{"x-limits": {"callBytes": "x"}}), "x-limits.callBytes: must be a number, or an object of numbers"),
        (root(**{"x-limits": {"window": {"requests": "x"}}}), "x-limits.window: must be a number, or an object"),
        (schema(**{"x-semantic-event": "x"}), ".x-semantic-event: must be an object"),
        (schema(**{"x-semantic-event": {"name": 5}}), ".x-semantic-event: family is missing"),
        (
            schema(**{"x-semantic-event": {"name": "Sold", "family": "shop", "shape": "round"}}),
            ".x-semantic-event.shape: must be properties or envelope",
        ),
        (
            schema(**{"x-semantic-event": {"name": "S", "family": "s", "shape": "envelope", "aliases": [1]}}),
            ".x-semantic-event.aliases.0: must be a text",
        ),
    ],
)
def test_what_is_of_another_kind_than_it_must_be(refusal, where, said):
    parts, place = where
    assert refusal(document(**parts)).startswith(place)
    assert said in refusal(document(**parts))


def test_a_reference_must_lead_to_what_is_wanted_where_it_stands(refusal):
    found = operation(parameters=[{"$ref": "#/components/schemas/Order"}])[0] | schema(type="string")[0]
    assert refusal(document(**found)) == "components.schemas.Order: name is missing"


def test_a_long_place_is_shown_by_its_beginning_and_its_end(refusal):
    found = {"minLength": "a"}
    for number in range(20):
        found = {"properties": {f"property{number}": found}}
    message = refusal(json.dumps(schemas(Order=found)))
    assert re.match(r"components\.schemas\.Order\.properties\..*\.\.\..*\.property0\.minLength: must be", message)


@pytest.mark.parametrize(
    "keywords",
    [
        {"type": ["string", "null"]},
        {"additionalProperties": None},
        {"additionalProperties": False},
        {"items": True},
        {"required": True},
        {"minimum": -1.5, "exclusiveMinimum": True},
        {"exclusiveMaximum": 2},
        {"pattern": r"^(?<year>\d{4})\p{L}+(?<!a)$"},
        {"pattern": "[[a]"},
        {"allOf": []},
        {"enum": [None, 1, "a", True]},
        {"properties": {"type": "object", "additionalProperties": {"type": "string"}, "description": "x"}},
        {"properties": {"type": {"type": "string"}, "$ref": {}, "x-a": 1, "nullable": True, "anything": True}},
        {"description": None, "example": None, "discriminator": "x", "x-a": None},
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_may_be_so(file, keywords):
    found = schemas(Order=keywords)
    assert read(file(json.dumps(found))) == found


def test_a_schema_that_contains_itself_is_looked_at_once(file):
    found = schemas(A={"properties": {"b": ref("B")}}, B={"anyOf": [{"items": ref("A")}, {"type": "string"}]})
    assert read(file(json.dumps(found))) == found


def test_extensions_among_paths_and_responses_are_left_out(file):
    found = {
        "x-note": "x",
        "/orders": {"x-note": 1, "post": {"x-note": 2, "responses": {"x-note": 3, "200": {"description": ""}}}},
    }
    plain = {"/orders": {"x-note": 1, "post": {"x-note": 2, "responses": {"200": {"description": ""}}}}}
    assert read(file(document(paths=found)))["paths"] == plain


def test_two_operations_with_one_id(refusal):
    paths = {"/a": {"get": {"operationId": "list"}, "put": {}}, "/b": {"get": {}, "put": {"operationId": "list"}}}
    assert refusal(document(paths=paths)) == "paths./a.get and paths./b.put: both have the operationId list"


def test_a_path_that_is_a_reference(refusal):
    parts = {"paths": {"/orders": {"$ref": "#/components/pathItems/A"}}, "components": {"pathItems": {"A": {}}}}
    assert refusal(document(**parts)) == "paths./orders: a path that is a reference cannot be taken; write it out"


# ---- references


@pytest.mark.parametrize("target", ["other.json#/components/schemas/Order", "https://example.com/order.json"])
def test_a_reference_out_of_the_file(refusal, target):
    message = refusal(document(paths={"/orders": {"post": {"requestBody": {"$ref": target}}}}))
    assert message.startswith(f"paths./orders.post.requestBody: refers to another document, {target}")


@pytest.mark.parametrize(
    "target",
    ["#/components/schemas/Other", "#/nothing", "#", "#Order", "#/openapi", "#/tags/1", "#/tags/-1", "#/tags/x"],
)
def test_a_reference_to_nothing(target):
    with pytest.raises(SourceError) as caught:
        check_references({**schemas(Order={"items": {"$ref": target}}), "tags": [{}]})
    assert one_line(caught) == f"components.schemas.Order.items: refers to {target}, which is not there"


@pytest.mark.parametrize("target", [3, None, [], {}])
def test_a_reference_that_is_no_text(target):
    with pytest.raises(SourceError, match=r"Order\.items: a \$ref must be a text"):
        check_references(schemas(Order={"items": {"$ref": target}}))


def boats(**operation):
    return {"openapi": "3.1.0", "paths": {"/boats": {"get": operation}}}


BY_PLACE = {"schema": {"$ref": "#/paths/~1boats/get/parameters/0/schema"}}


def test_a_reference_to_an_entry_of_an_array_gives_way_to_what_it_leads_to(file):
    sized = {"name": "size", "in": "query", "schema": {"type": "integer"}}
    beside = {"schema": {**BY_PLACE["schema"], "default": 1}}
    found = boats(
        parameters=[sized, {"name": "length", "in": "query", **beside}, {"$ref": "#/paths/~1boats/get/parameters/0"}]
    )
    parameters = read(file(json.dumps(found)))["paths"]["/boats"]["get"]["parameters"]
    assert [one["schema"] for one in parameters] == [
        {"type": "integer"},
        {"type": "integer", "default": 1},
        {"type": "integer"},
    ]


def test_what_contains_itself_by_its_place_in_an_array_must_have_a_name(refusal):
    schema = {"type": "object", "properties": {"parent": BY_PLACE["schema"]}}
    message = refusal(json.dumps(boats(parameters=[{"name": "boat", "in": "query", "schema": schema}])))
    assert message.startswith("paths./boats.get.parameters.0.schema: contains itself")


def test_references_into_arrays_are_no_bomb(refusal, monkeypatch):
    monkeypatch.setattr(references, "MAX_VALUES", 1000)

    def twice(number):
        return {"properties": {name: {"$ref": f"#/components/schemas/A/allOf/{number}"} for name in "ab"}}

    parts = [twice(number + 1) for number in range(40)]
    assert "values" in refusal(json.dumps(schemas(A={"allOf": [*parts, {"type": "string"}]})))


def test_a_reference_to_a_path_by_its_escaped_name():
    check_references({"paths": {"/a~b": {"get": {"x": 1}}, "/c": {"$ref": "#/paths/~1a~0b"}}})


@pytest.mark.parametrize(
    ("found", "cycle"),
    [
        ({"A": ref("A")}, "A -> A"),
        ({"A": ref("B"), "B": ref("A")}, "A -> B -> A"),
        ({"A": {"allOf": [ref("B")]}, "B": {"allOf": [{"type": "object"}, ref("A")]}}, "A -> B -> A"),
        ({"A": {"anyOf": [ref("B"), {}]}, "B": {"oneOf": [{"allOf": [ref("A")]}]}}, "A -> B -> A"),
        ({"A": {"not": ref("A")}}, "A -> A"),
        ({"A": {"type": "object", **ref("B")}, "B": {"allOf": [ref("A")]}}, "A -> B -> A"),
    ],
)
def test_a_schema_that_consists_of_itself(found, cycle):
    with pytest.raises(SourceError) as caught:
        check_references(schemas(**found, Start={"properties": {"a": ref("A")}}))
    turned = " -> ".join([*cycle.split(" -> ")[1:], cycle.split(" -> ")[1]])
    assert one_line(caught) in {f"{names}: contained in itself with nothing in between" for names in (cycle, turned)}


def test_a_long_cycle_is_shown_in_short():
    found = {f"S{n}": {"allOf": [ref(f"S{(n + 1) % 3000}")]} for n in range(3000)}
    with pytest.raises(SourceError, match=r"^S\d+ -> S\d+ -> S\d+ -> S\d+ -> \.\.\. -> S\d+: contained"):
        check_references(schemas(**found))


def test_a_cycle_of_parameters_is_one_too():
    parameters = {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}
    with pytest.raises(SourceError, match="contained in itself"):
        check_references({"components": {"parameters": parameters}})


@pytest.mark.parametrize(
    "between",
    [
        {"properties": {"parent": ref("A")}},
        {"items": ref("A")},
        {"additionalProperties": ref("A")},
        {"prefixItems": [ref("A")]},
        {"allOf": [{"properties": {"parent": {"anyOf": [ref("A"), {"type": "null"}]}}}]},
    ],
)
def test_a_schema_may_contain_itself_at_a_distance(between):
    check_references(schemas(A={"allOf": [ref("B")]}, B=between))


@pytest.mark.parametrize(
    "data",
    [
        {"example": ref("No")},
        {"default": ref("No")},
        {"enum": [ref("No")]},
        {"x-note": ref("No")},
        {"properties": {"$ref": {"type": "string"}}},
    ],
)
def test_data_and_names_are_no_references(data):
    check_references(schemas(A=data))


def test_a_member_may_be_called_like_a_keyword():
    with pytest.raises(SourceError, match=r"A\.properties\.default: refers to"):
        check_references(schemas(A={"properties": {"default": ref("No"), "properties": {"type": "object"}}}))
    with pytest.raises(SourceError, match=r"A\.properties\.properties\.items: refers to"):
        check_references(schemas(A={"properties": {"properties": {"items": ref("No")}}}))


def test_what_an_event_adds_to_the_context_is_a_reference():
    with pytest.raises(SourceError, match=r"context: refers to"):
        check_references(schemas(A={"x-semantic-event": {"name": "A", "context": ref("No")}}))


# ---- properties

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("indent", [None, 1])
def test_json_that_ends_early_is_called_truncated(file, indent):
    text = json.dumps(SMALL, indent=indent)
    for end in range(1, len(text)):
        with pytest.raises(SourceError, match="is truncated"):
            read(file(text[:end]))


def read_or_refused(path):
    try:
        return read(path)
    except SourceError as error:
        assert re.fullmatch(r"[^\n]+", str(error))  # noqa: PT017
        return None


@FUZZ
@given(end=st.integers(0, len(YAML.encode())), name=st.sampled_from(["spec.yaml", "spec"]))
def test_a_truncated_file_is_a_document_or_refused(file, end, name):
    found = read_or_refused(file(YAML.encode()[:end], name))
    assert found is None or found["openapi"].startswith("3.1")


SIGNS = b'{}[]:,"-?*&!|>#%@\\ \n\t~<\xff\x00'
WORDS = [b"&a ", b"*a", b"<<: ", b"!!", b"- ", b": ", b"\\u", b"1e9", b"0x", b"---\n", b"..."]
TEXTS = st.lists(st.sampled_from([*(bytes([sign]) for sign in SIGNS), *WORDS])).map(b"".join)


@FUZZ
@given(
    start=st.sampled_from([b"", b"openapi: 3.1.0\npaths: {}\nx: ", b'{"openapi": "3.1.0", "paths": {}, "x": ']),
    content=st.one_of(st.binary(), st.text().map(str.encode), TEXTS),
    name=st.sampled_from(["spec.json", "spec.yaml"]),
)
def test_any_bytes_are_a_document_or_refused(file, start, content, name):
    found = read_or_refused(file(start + content, name))
    assert found is None or "openapi" in found


def test_a_large_file_takes_no_time(file):
    member = {"description": "x" * 40, "type": "string"}
    found = {
        f"S{n}": {"properties": {f"p{m}": member for m in range(40)}, "allOf": [ref(f"S{n + 1}")]} for n in range(800)
    }
    path = file(json.dumps(schemas(**found, S800={})))
    assert path.stat().st_size > 2_000_000
    start = time.process_time()
    read(path)
    assert time.process_time() - start < 1
