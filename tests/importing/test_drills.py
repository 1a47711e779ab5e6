"""What an import says and does about each sort of change in a vendor's files, and what the new client has of it.

Each drill changes the committed spec a little, and puts that into a vendor's words: the files differ from those that
say what is committed in nothing else.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from vendor_like import inlined, referring, reinlined, reshuffled, without_prose
from vendor_runs import SPEC, committed, generate, import_spec, python, read, write

Json = dict[str, Any]
Said = tuple[str, str, str]
"""Of a change: what is changed, how, and its name."""

ADDED, GONE = 10, 20


def schemas(spec: Json) -> Json:
    return spec["components"]["schemas"]


# What a vendor may change


def new_event(spec: Json) -> None:
    schemas(spec)["GiftEnchanted"] = {
        "required": ["order_id"],
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "price": {"type": "number"}, "ribbon": {"type": "string"}},
        "x-semantic-event": {"name": "Gift Enchanted", "family": "ecommerce", "shape": "properties"},
    }


def renamed_event(spec: Json) -> None:
    event = schemas(spec).pop("ProductShared")
    event["x-semantic-event"]["name"] = "Product Recommended"
    schemas(spec)["ProductRecommended"] = event


def new_property(spec: Json) -> None:
    schemas(spec)["OrderCompleted"]["properties"]["sealing_wax"] = {"type": "string"}


def removed_property(spec: Json) -> None:
    del schemas(spec)["OrderCompleted"]["properties"]["checkout_id"]


def changed_type(spec: Json) -> None:
    schemas(spec)["OrderCompleted"]["properties"]["total"]["type"] = "string"


def new_required_field(spec: Json) -> None:
    schemas(spec)["OrderCompleted"]["required"] = ["order_id"]


def new_endpoint(spec: Json) -> None:
    """A call to enchant somebody, made like the one that merges two people."""
    call = copy.deepcopy(schemas(spec)["Alias"])
    del call["properties"]["previousId"], call["x-batchable"]
    call["required"] = ["userId"]
    call["properties"]["type"] |= {"const": "enchant", "default": "enchant"}
    schemas(spec)["Enchant"] = call
    spec["paths"]["/enchant"] = copy.deepcopy(spec["paths"]["/alias"])
    body = spec["paths"]["/enchant"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = {"$ref": "#/components/schemas/Enchant"}
    spec["paths"]["/enchant"]["post"]["operationId"] = "enchant"


def third_region(spec: Json) -> None:
    spec["servers"].append({"url": "https://cdp-moon.customer.io/v1", "x-region": "moon"})


def changed_limit(spec: Json) -> None:
    spec["x-limits"]["callBytes"] *= 2


def new_enum_value(spec: Json) -> None:
    schemas(spec)["AdPlacement"]["enum"].append("skywriting")


@dataclass(frozen=True)
class Drill:
    change: Callable[[Json], None]
    exit_code: int
    said: list[Said]
    kept: tuple[Said, ...] = ()
    """What is gone from the files and stays in the spec."""
    pruned: tuple[Said, ...] = ()
    """What is said when it does not stay."""


DRILLS = [
    Drill(new_event, ADDED, [("event", "added", "ecommerce.GiftEnchanted")]),
    Drill(
        renamed_event,
        GONE,
        [("event", "added", "ecommerce.ProductRecommended")],
        kept=(("event", "renamed", "ecommerce.ProductShared"),),
        pruned=(("event", "renamed", "ecommerce.ProductShared"),),
    ),
    Drill(new_property, ADDED, [("property", "added", "ecommerce.OrderCompleted.sealing_wax")]),
    Drill(
        removed_property,
        GONE,
        [],
        kept=(("property", "removed", "ecommerce.OrderCompleted.checkout_id"),),
        pruned=(("property", "removed", "ecommerce.OrderCompleted.checkout_id"),),
    ),
    Drill(changed_type, GONE, [("type", "changed", "ecommerce.OrderCompleted.total")]),
    Drill(new_required_field, GONE, [("required", "added", "ecommerce.OrderCompleted.order_id")]),
    Drill(new_endpoint, ADDED, [("endpoint", "added", "POST /enchant")]),
    Drill(third_region, ADDED, [("region", "added", "region moon")]),
    Drill(changed_limit, ADDED, [("limit", "changed", "callBytes")]),
    Drill(new_enum_value, ADDED, [("enum", "added", "video.AdPlacement")]),
]
ADDITIVE = [drill.change for drill in DRILLS if drill.exit_code == ADDED and not drill.kept]


def changed(*changes: Callable[[Json], None]) -> Json:
    spec = read(SPEC)
    for change in changes:
        change(spec)
    return spec


class Import:
    """The files of a vendor who says what a spec says, and a copy of the committed spec to import them over."""

    def __init__(self, folder: Any, spec: Json) -> None:
        self.ours = committed(folder)
        self._files = [write(folder / f"{made.__name__}.json", made(spec)) for made in (referring, inlined)]
        self._out = folder / "out.json"

    def check(self, *flags: str) -> tuple[int, Json]:
        """The exit code of a check, and what it reports."""
        done = import_spec(*self._files, "--spec", self.ours, "--check", "--json", *flags)
        assert done.returncode in (0, ADDED, GONE), done.stderr
        return done.returncode, json.loads(done.stdout)

    def written(self, *flags: str) -> bytes:
        done = import_spec(*self._files, "--spec", self.ours, "--out", self._out, *flags)
        assert done.returncode == 0, done.stderr
        return self._out.read_bytes()


def said(report: Json, *, kept: bool = False) -> list[Said]:
    """What a report lists, of what is done or of what is kept from going."""
    return [
        (change["subject"], change["kind"], change["name"]) for change in report["changes"] if change["kept"] == kept
    ]


@pytest.fixture(scope="module", params=DRILLS, ids=lambda drill: drill.change.__name__)
def drill(request):
    return request.param


@pytest.fixture(scope="module")
def drilled(drill, tmp_path_factory):
    return Import(tmp_path_factory.mktemp("drill"), changed(drill.change))


def test_a_check_says_just_what_has_changed_and_writes_nothing(drill, drilled):
    before = drilled.ours.read_bytes(), drilled.ours.stat().st_mtime_ns, sorted(drilled.ours.parent.iterdir())
    exit_code, report = drilled.check()
    assert said(report) == drill.said
    assert said(report, kept=True) == [*drill.kept]
    assert exit_code == drill.exit_code
    assert any(change["breaking"] for change in report["changes"]) == (exit_code == GONE)
    assert (drilled.ours.read_bytes(), drilled.ours.stat().st_mtime_ns, sorted(drilled.ours.parent.iterdir())) == before


def test_importing_writes_just_what_has_changed(drill, drilled):
    expected = changed(drill.change)
    if drill.kept:
        # What is gone stays beside what is new.
        expected["components"]["schemas"] = _with_all_of(schemas(read(SPEC)), schemas(expected))
    assert without_prose(json.loads(drilled.written())) == without_prose(expected)


@pytest.mark.parametrize("drill", [drill for drill in DRILLS if drill.pruned], ids=lambda drill: drill.change.__name__)
def test_with_prune_what_is_gone_goes(drill, tmp_path):
    drilled = Import(tmp_path, changed(drill.change))
    exit_code, report = drilled.check("--prune")
    assert said(report) == [*drill.pruned]
    assert said(report, kept=True) == []
    assert exit_code == GONE
    assert without_prose(json.loads(drilled.written("--prune"))) == without_prose(changed(drill.change))


def test_the_same_meaning_in_another_form_is_no_change(tmp_path):
    ours = committed(tmp_path)
    spec = read(SPEC)
    files = [
        write(tmp_path / f"vendor_{seed}.json", reinlined(reshuffled(made(spec), seed)))
        for seed, made in enumerate((referring, inlined))
    ]
    done = import_spec(*files, "--spec", ours, "--check", "--json")
    assert said(json.loads(done.stdout)) == []
    assert done.returncode == 0, done.stderr


def _with_all_of(old: Json, new: Json) -> Json:
    """Schemas with what either of two sets has."""
    found = {**old, **new}
    for name in old.keys() & new.keys():
        members = old[name].get("properties", {}) | new[name].get("properties", {})
        found[name] = new[name] | ({"properties": members} if "properties" in new[name] else {})
    return found


# The client

USE = """
import json, pkgutil
from importlib import import_module
from cio_facade import CustomerIO, events
from cio_facade.testing import RecordingTransport
from cio_pipelines import api, constants
from cio_pipelines.events import ecommerce, video

seen, transport = {}, RecordingTransport()
with CustomerIO("key", region="moon", transport=transport) as cio:
    seen["base_url"] = cio.base_url
    cio.track("u1", ecommerce.GiftEnchanted(order_id="o1", ribbon="red"))
    cio.track("u1", ecommerce.OrderCompleted(order_id="o1", sealing_wax="with love"))
    cio.track("u1", video.VideoAdStarted(type_="skywriting"))
    cio.identify("u1", {"bio": "x" * (constants.CALL_BYTES * 3 // 4)})
seen["calls"] = [(call.get("event"), call.get("properties")) for call in transport.calls]
modules = [module.name for module in pkgutil.walk_packages(api.__path__, "cio_pipelines.api.")]
[enchant] = [name for name in modules if name.endswith(".enchant")]
seen["endpoint"] = callable(import_module(enchant).sync_detailed)
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the facade does with a client that was generated from a spec that was imported with all that is new."""
    folder = tmp_path_factory.mktemp("generated")
    new = Import(folder, changed(*ADDITIVE))
    spec = folder / "imported.json"
    spec.write_bytes(new.written())
    done = python("-c", USE, PYTHONPATH=str(generate(spec, folder)))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_new_event_can_be_tracked(seen):
    assert ["Gift Enchanted", {"order_id": "o1", "ribbon": "red"}] in seen["calls"]


def test_a_new_property_is_a_keyword_of_its_event(seen):
    assert ["Order Completed", {"order_id": "o1", "sealing_wax": "with love"}] in seen["calls"]


def test_a_new_value_of_an_enum_is_sent(seen):
    assert ["Video Ad Started", {"type": "skywriting"}] in seen["calls"]


def test_a_new_region_has_its_server(seen):
    assert seen["base_url"] == "https://cdp-moon.customer.io/v1"


def test_a_call_may_be_as_large_as_the_new_limit(seen):
    assert len(seen["calls"]) == 4


def test_a_new_endpoint_has_its_module(seen):
    assert seen["endpoint"]
