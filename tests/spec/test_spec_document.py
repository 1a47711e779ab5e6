"""The document: valid, in canonical form, complete in its references, with extensions of the documented shape."""

import json
import re
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from spec_reading import resolve, strings

from scripts.importer.tidy import tidy

SPEC = Path(__file__).parents[2] / "cio_pipelines_api.json"
CALLS = ("identify", "track", "page", "screen", "group", "alias")


def objects(node):
    """Yield every object of a document, outermost first."""
    if isinstance(node, dict):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(value)


def references(node):
    return (found["$ref"] for found in objects(node) if "$ref" in found)


def test_document_is_valid_openapi_3_1(spec):
    assert spec["openapi"] == "3.1.0"
    validate(spec)


def test_text_is_in_canonical_form(spec):
    assert SPEC.read_text("utf-8") == json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
    components = spec["components"]
    named = [
        spec["paths"],
        *components.values(),
        *(schema.get("properties", {}) for schema in components["schemas"].values()),
    ]
    for names in named:
        assert list(names) == sorted(names)
    for schema in components["schemas"].values():
        for keyword in ("required", "enum"):
            assert schema.get(keyword, []) == sorted(schema.get(keyword, []))


def test_every_reference_resolves_and_stands_alone(spec):
    for found in objects(spec):
        if "$ref" in found:
            assert resolve(spec, found)
            assert found.keys() == {"$ref"}


def test_no_component_is_out_of_reach(spec):
    schemas = spec["components"]["schemas"]
    events = [schema for schema in schemas.values() if "x-semantic-event" in schema]
    reached, waiting = set(), [*references(spec["paths"]), *references(events)]
    while waiting:
        if (reference := waiting.pop()) not in reached:
            reached.add(reference)
            waiting += references(resolve(spec, {"$ref": reference}))
    components = {f"#/components/{kind}/{name}" for kind, named in spec["components"].items() for name in named}
    used = {f"#/components/securitySchemes/{name}" for alternative in spec["security"] for name in alternative}
    marked = {f"#/components/schemas/{name}" for name, schema in schemas.items() if "x-semantic-event" in schema}
    assert components - used - marked - reached == set()


def test_objects_with_named_members_are_components(spec):
    def inline(schema):
        for keyword in ("items", "additionalProperties"):
            if isinstance(inner := schema.get(keyword), dict):
                yield inner
        yield from schema.get("properties", {}).values()

    for name, schema in spec["components"]["schemas"].items():
        for inner in inline(schema):
            assert not inner.keys() & {"properties", "enum", "allOf", "oneOf"}, name


def test_defaults_are_only_consts_and_numbers(spec):
    for schema in spec["components"]["schemas"].values():
        for inner in schema.get("properties", {}).values():
            if "default" in inner:
                assert inner["default"] == inner.get("const", inner["default"])
                assert isinstance(inner["default"], {"string": str, "integer": int}[inner["type"]])


def test_names_and_enum_values_are_unique(spec):
    schemas = spec["components"]["schemas"]
    assert len({name.casefold() for name in schemas}) == len(schemas)
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in schemas)
    assert all(len(set(schema.get("enum", []))) == len(schema.get("enum", [])) for schema in schemas.values())


def test_descriptions_are_ours_and_no_others(spec, facts):
    """What is new has none until it has one in prose.yaml, which the report on the import asks for."""
    bare = tidy(spec)
    bare["info"].pop("description")  # tidy leaves it, since facts are read from the vendor's
    assert {*strings(bare, ("description", "summary"))} <= {""}
    assert facts.prose.describe(bare) == spec
    assert facts.prose.unused(spec) == []


def test_every_server_names_a_region_of_its_own(spec):
    regions = [server["x-region"] for server in spec["servers"]]
    assert regions[0] == "us"  # where keys go that name no region
    assert "eu" in regions
    assert len(set(regions)) == len(regions)
    assert all(re.fullmatch(r"[a-z]+", region) for region in regions)
    assert all(server["url"].startswith("https://") for server in spec["servers"])


def test_limits_have_the_documented_shape(spec):
    limits = dict(spec["x-limits"])
    window = limits.pop("window")
    assert window.keys() == {"requests", "seconds"}
    assert (
        {"callBytes", "batchBytes"}
        <= limits.keys()
        <= {"callBytes", "batchBytes", "batchCalls", "idBytes", "eventNameBytes"}
    )
    assert all(isinstance(limit, int) and limit > 0 for limit in (*limits.values(), *window.values()))


def test_every_operation_posts_one_named_schema(spec):
    assert spec["paths"].keys() >= {f"/{name}" for name in (*CALLS, "batch")}
    for path, item in spec["paths"].items():
        assert item.keys() == {"post"}
        operation = item["post"]
        assert operation["operationId"] == path[1:]
        assert len(operation["tags"]) == 1
        assert "security" not in operation
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{path[1:].title()}"}
        assert operation["responses"].keys() == {"200", "400", "401", "413", "429"}


def test_strict_mode_is_a_plain_header(spec):
    for item in spec["paths"].values():
        (parameter,) = (resolve(spec, parameter) for parameter in item["post"]["parameters"])
        assert (parameter["name"], parameter["in"], parameter["required"]) == ("X-Strict-Mode", "header", False)
        assert parameter["schema"] == {"type": "string"}


@pytest.mark.parametrize("status", ["400", "401", "413", "429"])
def test_refusals_share_one_body(spec, status):
    for item in spec["paths"].values():
        response = resolve(spec, item["post"]["responses"][status])
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorBody"}


def test_either_form_of_key_is_enough(spec):
    schemes = spec["components"]["securitySchemes"]
    assert spec["security"] == [{"basicAuth": []}, {"bearerAuth": []}]
    assert [(schemes[name]["type"], schemes[name]["scheme"]) for name in ("basicAuth", "bearerAuth")] == [
        ("http", "basic"),
        ("http", "bearer"),
    ]


@pytest.mark.parametrize(
    ("key", "region"),
    [("pk_us_abc", "us"), ("sk_eu_abc", "eu"), ("0123456789abcdef", None), ("xk_us_abc", None), ("pk_us", None)],
)
def test_key_pattern_tells_the_newer_keys_and_their_region(spec, key, region):
    match = re.search(spec["components"]["securitySchemes"]["bearerAuth"]["x-key-pattern"], key)
    assert (match and match["region"]) == region


def test_every_call_says_its_type_and_travels_in_a_batch(spec):
    schemas = spec["components"]["schemas"]
    for kind in CALLS:
        call = schemas[kind.title()]
        type_ = call["properties"]["type"]
        assert (type_["type"], type_["const"], type_["default"]) == ("string", kind, kind)
        assert "type" not in call.get("required", [])
    batchable = [
        {"$ref": f"#/components/schemas/{name}"} for name, schema in schemas.items() if schema.get("x-batchable")
    ]
    items = schemas["Batch"]["properties"]["batch"]["items"]
    assert sorted(reference["$ref"] for reference in items["anyOf"]) == [reference["$ref"] for reference in batchable]
    assert items["required"] == ["type"]
    assert {reference["$ref"].rpartition("/")[2] for reference in batchable} >= {kind.title() for kind in CALLS}


def test_only_the_documented_extensions_are_used(spec):
    used = {key for found in objects(spec) for key in found if key.startswith("x-")}
    assert used == {"x-region", "x-limits", "x-key-pattern", "x-batchable", "x-semantic-event"}
    documented = (SPEC.parent / "docs" / "spec.md").read_text("utf-8")
    assert {name for name in used if f"`{name}`" not in documented} == set()
