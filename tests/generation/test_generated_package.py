# ruff: noqa: SIM300  a constant is what is tested, not what it is tested against
"""The package in generated/: complete, lazy, and in agreement with the spec."""

import inspect
import json
import re
from importlib import import_module, resources

import cio_pipelines
import pytest
from cio_pipelines import constants, events, models
from generation_runs import python

FAMILIES = sorted({family for family, _ in constants.SEMANTIC_EVENTS.values()})


@pytest.fixture(scope="session")
def marks(spec):
    """The marks of the events, by schema."""
    schemas = spec["components"]["schemas"]
    return {name: schema["x-semantic-event"] for name, schema in schemas.items() if "x-semantic-event" in schema}


def family(name):
    return import_module(f"cio_pipelines.events.{name}")


@pytest.mark.parametrize("module", [cio_pipelines, events, models, *map(family, FAMILIES)], ids=lambda m: m.__name__)
def test_every_name_that_a_module_exports_can_be_imported(module):
    assert module.__all__
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__name__.rpartition(".")[2].startswith(name) or name in vars(models)


def test_every_family_holds_exactly_its_events(marks):
    assert sorted(events.__all__) == sorted({mark["family"] for mark in marks.values()})
    for name in events.__all__:
        handed_on = {item for item in family(name).__all__ if hasattr(getattr(models, item), "event_name")}
        assert handed_on == {event for event, mark in marks.items() if mark["family"] == name}


def test_a_family_hands_on_what_its_events_are_made_of():
    assert family("ecommerce").Product is models.Product
    assert family("email").EmailContext is models.EmailContext
    assert not hasattr(family("video"), "Product")


def test_every_event_knows_its_name_its_family_and_its_shape(marks):
    assert marks
    for name, mark in marks.items():
        event = getattr(family(mark["family"]), name)
        assert event is getattr(models, name)
        assert (event.event_name, event.event_family, event.event_shape) == (
            mark["name"],
            mark["family"],
            mark["shape"],
        )
        assert event.event_adds_context is ("context" in mark)


def test_every_property_is_a_keyword_and_is_explained_as_in_the_spec(spec, marks):
    schemas = spec["components"]["schemas"]

    def plain(name):
        return re.sub(r"[\W_]", "", name).casefold()

    def description(member):
        reference = member.get("$ref")
        return schemas[reference.rpartition("/")[2]].get("description") if reference else member.get("description")

    for name, mark in marks.items():
        event = getattr(models, name)
        keywords = inspect.signature(event).parameters.values()
        assert all(keyword.kind is keyword.KEYWORD_ONLY for keyword in keywords)
        members = schemas[name].get("properties", {}) | ({"context": mark["context"]} if "context" in mark else {})
        assert len(keywords) == len(members)
        listed = re.findall(r"^(\w+) : .+\n((?:    .+\n)*)", f"{inspect.getdoc(event)}\n", re.MULTILINE)
        assert [keyword for keyword, _ in listed] == [keyword.name for keyword in keywords]
        texts = {plain(member): description(schema) or "" for member, schema in members.items()}
        assert {plain(keyword): " ".join(text.split()) for keyword, text in listed} == texts


def test_an_unknown_name_is_an_attribute_error_that_suggests():
    with pytest.raises(AttributeError, match="has no attribute 'OrderComplted'") as caught:
        _ = family("ecommerce").OrderComplted
    assert caught.value.name == "OrderComplted"
    assert caught.value.obj is family("ecommerce")


LOADED = "import sys; print(*(name for name in sys.modules if name.startswith('cio_pipelines')))"


def loaded(statement):
    return set(python("-c", f"{statement}; {LOADED}").split())


def test_an_event_costs_its_own_module_and_no_http():
    names = loaded("from cio_pipelines.events.ecommerce import OrderCompleted")
    assert {name for name in names if name.startswith("cio_pipelines.models.")} == {
        "cio_pipelines.models.order_completed"
    }
    assert "cio_pipelines.client" not in names
    assert python("-c", "from cio_pipelines.events.ecommerce import OrderCompleted, CartViewed\n"
                        "import sys; print('httpx' in sys.modules)").strip() == "False"  # fmt: skip


def test_constants_and_families_cost_no_models():
    names = loaded("import cio_pipelines.constants, cio_pipelines.events.video, cio_pipelines.models")
    assert not any(name.startswith("cio_pipelines.models.") for name in names)


def test_an_operation_costs_what_it_sends_and_answers_not_the_events():
    names = loaded("from cio_pipelines.api.calls import track")
    assert "cio_pipelines.models.track" in names
    assert not any("order_" in name or "video_" in name for name in names)


def test_constants_say_what_the_spec_says(spec):
    limits = spec["x-limits"]
    assert dict(constants.REGIONS) == {server["x-region"]: server["url"] for server in spec["servers"]}
    assert spec["servers"][0]["x-region"] == constants.DEFAULT_REGION
    assert spec["components"]["securitySchemes"]["bearerAuth"]["x-key-pattern"] == constants.BEARER_KEY_PATTERN
    assert (constants.CALL_BYTES, constants.BATCH_BYTES) == (limits["callBytes"], limits["batchBytes"])
    assert (constants.ID_BYTES, constants.EVENT_NAME_BYTES) == (limits["idBytes"], limits["eventNameBytes"])
    assert limits.get("batchCalls") == constants.BATCH_CALLS
    assert {"requests": constants.WINDOW_REQUESTS, "seconds": constants.WINDOW_SECONDS} == limits["window"]
    assert constants.STRICT_HEADER == "X-Strict-Mode"


def test_constants_know_the_calls(spec):
    assert {*constants.PATHS.values(), constants.BATCH_PATH} == spec["paths"].keys()
    calls = {name: f"/{name}" for name in ("alias", "group", "identify", "page", "screen", "track")}
    assert constants.PATHS.items() >= calls.items()
    assert calls.keys() <= constants.BATCHABLE <= constants.PATHS.keys()
    batchable = [schema for schema in spec["components"]["schemas"].values() if schema.get("x-batchable")]
    assert {schema["properties"]["type"]["const"] for schema in batchable} == constants.BATCHABLE
    assert constants.REQUIRED["track"] == ("event",)
    assert constants.REQUIRED["group"] == ("groupId",)
    assert constants.REQUIRED["alias"] == ("previousId", "userId")
    assert constants.IDENTITIES["identify"] == ("userId", "anonymousId", "traits.email")
    assert constants.IDENTITIES["track"] == ("userId", "anonymousId", "groupId")
    assert constants.IDENTITIES["alias"] == ()
    assert constants.EVENTS_WITHOUT_IDENTITY >= {"Report Content Event", "Report Delivery Event"}


def test_constants_know_the_events(marks):
    assert dict(constants.SEMANTIC_EVENTS) == {mark["name"]: (mark["family"], name) for name, mark in marks.items()}
    acting = [mark for mark in marks.values() if mark["family"] == "customerio"]
    assert constants.EVENT_REQUIRED.keys() == {
        name for mark in acting for name in (mark["name"], *mark.get("aliases", ()))
    }
    assert constants.EVENT_REQUIRED["Device Created or Updated"] == ("context.device.token", "userId")
    assert constants.EVENT_REQUIRED["User Deleted"] == ("userId",)
    assert "properties.deliveryId" in constants.EVENT_REQUIRED["Report Delivery Event"]
    assert constants.EVENT_REQUIRED["Group Deleted"] == constants.EVENT_REQUIRED["Object Deleted"]


def test_constants_cannot_be_changed():
    with pytest.raises(TypeError):
        constants.REGIONS["moon"] = "https://moon.example"


def test_the_package_carries_the_spec(spec):
    text = (resources.files(cio_pipelines) / "openapi.json").read_text("utf-8")
    assert json.loads(text) == spec
    assert text.count("\n") == 1


def test_every_operation_takes_a_plain_client(spec):
    for path, item in spec["paths"].items():
        operation = import_module(f"cio_pipelines.api.{item['post']['tags'][0]}.{path.strip('/')}")
        for function in (operation.sync_detailed, operation.asyncio_detailed):
            client = inspect.signature(function).parameters["client"].annotation
            assert client == cio_pipelines.AuthenticatedClient | cio_pipelines.Client
