"""Our texts, by what they describe."""

import copy
import json
from pathlib import Path

import pytest

from scripts.importer.document import SourceError
from scripts.importer.prose import Prose
from scripts.importer.syntax import load

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "scripts/importer/facts/cio_pipelines_api/prose.yaml"


@pytest.fixture
def prose(tmp_path):
    def written(**sections):
        path = tmp_path / "prose.yaml"
        path.write_text(json.dumps(sections), "utf-8")
        return Prose.read(path)

    return written


def document():
    ref = {"$ref": "#/components/responses/Gone"}
    return {
        "info": {"title": "Orders", "version": "1"},
        "servers": [{"url": "https://eu.example", "x-region": "eu"}, {"url": "https://example"}],
        "tags": [{"name": "orders"}],
        "paths": {
            "/orders": {
                "parameters": [{"name": "page", "in": "query"}],
                "get": {
                    "parameters": [{"name": "limit", "in": "query"}],
                    "responses": {"200": {"content": {}}, "410": ref},
                },
            }
        },
        "components": {
            "parameters": {"Page": {"name": "page", "in": "query"}},
            "responses": {"Gone": {}},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": {
                "Item": {"type": "object", "properties": {"id": {"type": "string"}, "any": True}},
                "Order": {
                    "properties": {"id": {"type": "string"}, "item": {"$ref": "#/components/schemas/Item"}},
                },
                "Sale": {"$ref": "#/components/schemas/Order"},
            },
        },
    }


EVERYTHING = [
    "info",
    "servers.eu",
    "servers.https://example",
    "tags.orders",
    "parameters.Page",
    "responses.Gone",
    "securitySchemes.basic",
    "/orders parameter page",
    "GET /orders",
    "GET /orders summary",
    "GET /orders parameter limit",
    "GET /orders response 200",
    "Item",
    "Item.id",
    "Order",
    "Order.id",
]


def strip(node):
    """A document without texts, as the pass before leaves it."""
    if isinstance(node, dict):
        names = node.keys() - {"description", "summary"} | {k for k in node if not isinstance(node[k], str)}
        return {key: strip(node[key]) for key in node if key in names}
    return [strip(part) for part in node] if isinstance(node, list) else node


# ---- the project's own


@pytest.fixture(scope="module")
def texts():
    return Prose.read(TEXTS)


@pytest.fixture(scope="module")
def committed():
    return json.loads((ROOT / "cio_pipelines_api.json").read_text("utf-8"))


def test_the_texts_are_those_of_the_spec(texts, committed):
    bare = strip(committed)
    assert '"description": "' not in json.dumps(bare)
    assert texts.describe(bare) == committed
    assert texts.describe(committed) == committed


def test_every_text_describes_something_in_the_spec(texts, committed):
    assert texts.unused(committed) == []


def test_a_shared_text_is_said_of_at_least_two(texts, committed):
    schemas = committed["components"]["schemas"].values()
    for member, text in load(TEXTS)["shared"].items():
        assert sum(schema.get("properties", {}).get(member, {}).get("description") == text for schema in schemas) >= 2


def test_no_text_repeats_the_shared_one(texts):
    sections = load(TEXTS)
    for key, text in sections["schemas"].items():
        _, _, member = key.partition(".")
        assert sections["shared"].get(member) != text, key


def test_the_texts_are_sorted():
    for name, section in load(TEXTS).items():
        assert isinstance(section, str) or list(section) == sorted(section), name


# ---- where texts go


def test_everything_that_can_have_a_text_is_listed(prose):
    assert prose().missing(document()) == EVERYTHING


def test_each_text_goes_to_its_place(prose):
    found = prose(
        info="the API",
        servers={"eu": "the region", "https://example": "the url"},
        tags={"orders": "the tag"},
        operations={
            "GET /orders": "the operation",
            "GET /orders summary": "in short",
            "GET /orders parameter limit": "its parameter",
            "GET /orders response 200": "its response",
            "/orders parameter page": "the path's parameter",
        },
        parameters={"Page": "the parameter"},
        responses={"Gone": "the response"},
        securitySchemes={"basic": "the scheme"},
        schemas={"Item": "the item", "Item.id": "its id", "Order": "the order", "Order.id": "the order's id"},
    )
    before = document()
    described = found.describe(before)
    assert before == document()
    assert found.missing(before) == found.unused(before) == []

    expected = copy.deepcopy(before)
    expected["info"]["description"] = "the API"
    expected["servers"][0]["description"] = "the region"
    expected["servers"][1]["description"] = "the url"
    expected["tags"][0]["description"] = "the tag"
    path = expected["paths"]["/orders"]
    path["parameters"][0]["description"] = "the path's parameter"
    path["get"] |= {"description": "the operation", "summary": "in short"}
    path["get"]["parameters"][0]["description"] = "its parameter"
    path["get"]["responses"]["200"]["description"] = "its response"
    components = expected["components"]
    components["parameters"]["Page"]["description"] = "the parameter"
    components["responses"]["Gone"]["description"] = "the response"
    components["securitySchemes"]["basic"]["description"] = "the scheme"
    components["schemas"]["Item"]["description"] = "the item"
    components["schemas"]["Item"]["properties"]["id"]["description"] = "its id"
    components["schemas"]["Order"]["description"] = "the order"
    components["schemas"]["Order"]["properties"]["id"]["description"] = "the order's id"
    assert described == expected


def test_texts_of_others_give_way(prose):
    theirs = document()
    order = theirs["components"]["schemas"]["Order"]
    order["description"] = order["properties"]["id"]["description"] = "theirs"
    theirs["paths"]["/orders"]["get"]["summary"] = theirs["components"]["responses"]["Gone"]["description"] = "theirs"
    described = prose(schemas={"Order": "ours"}).describe(theirs)
    assert described["components"]["schemas"]["Order"]["description"] == "ours"
    assert "theirs" not in json.dumps(described)


def test_a_response_without_a_text_has_an_empty_one(prose):
    described = prose().describe(document())
    assert described["components"]["responses"]["Gone"] == {"description": ""}
    assert described["paths"]["/orders"]["get"]["responses"]["200"] == {"content": {}, "description": ""}
    assert described["paths"]["/orders"]["get"]["responses"]["410"] == {"$ref": "#/components/responses/Gone"}


def test_a_shared_text_holds_where_there_is_no_other(prose):
    found = prose(shared={"id": "an id"}, schemas={"Order.id": "the order's id"})
    schemas = found.describe(document())["components"]["schemas"]
    assert schemas["Item"]["properties"]["id"]["description"] == "an id"
    assert schemas["Order"]["properties"]["id"]["description"] == "the order's id"
    assert {"Item.id", "Order.id"}.isdisjoint(found.missing(document()))


def test_texts_that_describe_nothing_are_listed(prose):
    found = prose(
        servers={"us": "x"},
        operations={"POST /orders": "x"},
        shared={"id": "x", "item": "x", "any": "x", "name": "x"},
        schemas={"Item.id": "x", "Order.id": "x", "Order.item": "x", "Sale": "x", "Gone": "x"},
    )
    assert found.unused(document()) == [
        *("servers.us", "POST /orders"),
        *("*.id", "*.item", "*.any", "*.name"),
        *("Order.item", "Sale", "Gone"),
    ]


def test_schemas_that_are_one_node_get_texts_of_their_own(prose):
    shared = {"type": "string"}
    found = prose(schemas={"A": "a", "B": "b"}).describe({"components": {"schemas": {"A": shared, "B": shared}}})
    assert found["components"]["schemas"] == {
        "A": {"type": "string", "description": "a"},
        "B": {"type": "string", "description": "b"},
    }


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"schema": {}}, "schema: there is no such section"),
        ({"schemas": "text"}, "schemas: must be a list of keys"),
        ({"schemas": {"Order": {"id": "nested"}}}, "schemas: Order: must be a text"),
        ({"schemas": {"Order": " "}}, "schemas: Order: must be a text, and not an empty one"),
        ({"info": 3}, "info: must be a text"),
        ({"tags": {"a": "x"}, "schemas": {"tags.a": "x"}}, "schemas: tags.a is described in another section too"),
    ],
)
def test_a_file_that_is_not_laid_out_so(prose, sections, said):
    with pytest.raises(SourceError, match=said):
        prose(**sections)


def test_a_file_without_sections(tmp_path):
    path = tmp_path / "prose.yaml"
    path.write_text("- text\n", "utf-8")
    with pytest.raises(SourceError, match="holds no sections"):
        Prose.read(path)
