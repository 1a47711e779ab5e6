"""The spec gains something, the client is generated anew, and the facade has it: nobody edits a line of it."""

import json
from itertools import pairwise

import pytest
from generation_runs import SPEC, generate, python, read

DRILL_HELD = {
    "description": "A drill was held.",
    "type": "object",
    "required": ["drill_id"],
    "properties": {
        "exits": {"type": "array", "items": {"type": "string"}, "description": "Their numbers."},
        "drill_id": {"type": "string", "description": "Id of the drill."},
    },
    "x-semantic-event": {"name": "Drill Held", "family": "drills", "shape": "properties"},
}

USE = """
import json
from cio_facade import CustomerIO, ValidationError, events, messages
from cio_facade.events import drills, ecommerce
from cio_facade.testing import FakeClock, RecordingTransport
from cio_pipelines.models import IdentifyTraits

transport, clock = RecordingTransport(), FakeClock()
seen = {"families": list(events.__all__)}
with CustomerIO("key", region="drill", transport=transport, clock=clock) as cio:
    seen["base_url"] = cio.base_url
    cio.track("u1", drills.DrillHeld(drill_id="s1", exits=["A1"]))
    cio.track("u1", ecommerce.OrderCompleted(order_id="o1", drill_note="with love"))
    cio.identify("u1", IdentifyTraits(drill_badge=42))
    starts = []
    for _ in range(5):
        cio.track("u1", "Seen")
        starts.append(clock.monotonic())
    before = len(transport.requests)
    try:
        cio.track("u1", "x" * 41)
    except ValidationError as error:
        seen["long name"] = error.field
    try:
        cio.track("u" * 21, "Seen")
    except ValidationError as error:
        seen["long id"] = error.field
    try:
        cio.identify("u1", {"bio": "x" * 2000})
    except ValidationError as error:
        seen["long call"] = str(error)
    seen["refused before anything is sent"] = len(transport.requests) == before
    cio.send_many(messages.track(f"u{n}", "Seen", {"text": "x" * 900}) for n in range(9))
    seen["bodies"] = [len(request.content) for request in transport.requests[before:]]
seen["urls"] = sorted({str(request.url) for request in transport.requests})
seen["calls"] = transport.calls[:3]
seen["starts"] = starts
with CustomerIO("sk_drill_1", transport=transport) as cio:
    seen["region of the key"] = cio.base_url
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the facade does with a client that was generated from a changed spec."""
    folder = tmp_path_factory.mktemp("drill")
    spec = read(SPEC)
    schemas = spec["components"]["schemas"]
    schemas["DrillHeld"] = DRILL_HELD
    schemas["OrderCompleted"]["properties"]["drill_note"] = {"type": "string", "description": "What was noted."}
    schemas["IdentifyTraits"]["properties"]["drill_badge"] = {"type": "integer", "description": "Number of the badge."}
    spec["servers"].append(
        {"url": "https://cdp-drill.customer.io/v1", "description": "For the drill.", "x-region": "drill"}
    )
    spec["x-limits"].update(
        callBytes=1500, batchBytes=4000, idBytes=20, eventNameBytes=40, window={"requests": 2, "seconds": 10}
    )
    changed = folder / "spec.json"
    changed.write_text(json.dumps(spec), "utf-8")
    return json.loads(python("-c", USE, first=generate(changed, folder)))


def test_a_new_event_is_there_in_a_new_family(seen):
    assert "drills" in seen["families"]
    call = seen["calls"][0]
    assert (call["type"], call["event"]) == ("track", "Drill Held")
    assert call["properties"] == {"drill_id": "s1", "exits": ["A1"]}


def test_a_new_property_is_a_keyword_of_its_event(seen):
    assert seen["calls"][1]["properties"] == {"order_id": "o1", "drill_note": "with love"}


def test_a_new_trait_is_a_keyword_of_the_traits(seen):
    assert seen["calls"][2]["traits"] == {"drill_badge": 42}


def test_a_new_region_is_accepted_and_has_its_own_server(seen):
    drill = "https://cdp-drill.customer.io/v1"
    assert seen["base_url"] == seen["region of the key"] == drill
    assert seen["urls"] == [f"{drill}/batch", f"{drill}/identify", f"{drill}/track"]


def test_changed_limits_are_in_force(seen):
    assert (seen["long name"], seen["long id"]) == ("event", "userId")
    assert seen["long call"]
    assert seen["refused before anything is sent"]
    assert 3000 < max(seen["bodies"]) <= 4000


def test_a_changed_window_paces_the_client(seen):
    assert all(later - earlier >= 10 for earlier, later in pairwise(seen["starts"][::2]))
