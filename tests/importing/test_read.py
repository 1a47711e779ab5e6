"""What can be read, and the one line that everything else gets."""

import json
import re
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.importer import syntax
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
    start = time.perf_counter()
    message = refusal(f"a0: &a0 [lol]\n{levels}", "bomb.yaml")
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
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


# ---- references


@pytest.mark.parametrize("target", ["other.json#/components/schemas/Order", "https://example.com/order.json"])
def test_a_reference_out_of_the_file(refusal, target):
    message = refusal(document(paths={"/orders": {"post": {"requestBody": {"$ref": target}}}}))
    assert message.startswith(f"paths./orders.post.requestBody: refers to another document, {target}")


@pytest.mark.parametrize("target", ["#/components/schemas/Other", "#/nothing", "#", "#Order", "#/openapi", "#/tags/0"])
def test_a_reference_to_nothing(target):
    with pytest.raises(SourceError) as caught:
        check_references({**schemas(Order={"items": {"$ref": target}}), "tags": [{}]})
    assert one_line(caught) == f"components.schemas.Order.items: refers to {target}, which is not there"


def test_a_reference_that_is_no_text():
    with pytest.raises(SourceError, match=r"Order\.items: a \$ref must be a text"):
        check_references(schemas(Order={"items": {"$ref": 3}}))


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
    start = time.perf_counter()
    read(path)
    assert time.perf_counter() - start < 1
