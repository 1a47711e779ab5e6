"""The spec gains something, the client is generated anew, and the facade has it: nobody edits a line of it."""

import json
from itertools import pairwise

import pytest
from generation_runs import SPEC, generate, python, read

SEATS_BOOKED = {
    "description": "Seats in a theatre were booked.",
    "type": "object",
    "required": ["show_id"],
    "properties": {
        "seats": {"type": "array", "items": {"type": "string"}, "description": "Their numbers."},
        "show_id": {"type": "string", "description": "Id of the show."},
    },
    "x-semantic-event": {"name": "Seats Booked", "family": "theatre", "shape": "properties"},
}

USE = """
import json
from cio_facade import CustomerIO, ValidationError, events, messages
from cio_facade.events import ecommerce, theatre
from cio_facade.testing import FakeClock, RecordingTransport
from cio_pipelines.models import IdentifyTraits

transport, clock = RecordingTransport(), FakeClock()
seen = {"families": list(events.__all__)}
with CustomerIO("key", region="moon", transport=transport, clock=clock) as cio:
    seen["base_url"] = cio.base_url
    cio.track("u1", theatre.SeatsBooked(show_id="s1", seats=["A1"]))
    cio.track("u1", ecommerce.OrderCompleted(order_id="o1", gift_note="with love"))
    cio.identify("u1", IdentifyTraits(shoe_size=42))
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
        cio.identify("u1", {"bio": "x" * 2000})
    except ValidationError as error:
        seen["long call"] = str(error)
    seen["refused before anything is sent"] = len(transport.requests) == before
seen["urls"] = sorted({str(request.url) for request in transport.requests})
seen["calls"] = transport.calls[:3]
seen["starts"] = starts
with CustomerIO("sk_moon_1", transport=transport) as cio:
    seen["region of the key"] = cio.base_url
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the facade does with a client that was generated from a changed spec."""
    folder = tmp_path_factory.mktemp("drill")
    spec = read(SPEC)
    schemas = spec["components"]["schemas"]
    schemas["SeatsBooked"] = SEATS_BOOKED
    schemas["OrderCompleted"]["properties"]["gift_note"] = {"type": "string", "description": "What the card says."}
    schemas["IdentifyTraits"]["properties"]["shoe_size"] = {"type": "integer", "description": "European size."}
    spec["servers"].append({"url": "https://cdp-moon.customer.io/v1", "description": "Moon.", "x-region": "moon"})
    spec["x-limits"].update(callBytes=1500, eventNameBytes=40, window={"requests": 2, "seconds": 10})
    changed = folder / "spec.json"
    changed.write_text(json.dumps(spec), "utf-8")
    return json.loads(python("-c", USE, first=generate(changed, folder)))


def test_a_new_event_is_there_in_a_new_family(seen):
    assert "theatre" in seen["families"]
    call = seen["calls"][0]
    assert (call["type"], call["event"]) == ("track", "Seats Booked")
    assert call["properties"] == {"show_id": "s1", "seats": ["A1"]}


def test_a_new_property_is_a_keyword_of_its_event(seen):
    assert seen["calls"][1]["properties"] == {"order_id": "o1", "gift_note": "with love"}


def test_a_new_trait_is_a_keyword_of_the_traits(seen):
    assert seen["calls"][2]["traits"] == {"shoe_size": 42}


def test_a_new_region_is_accepted_and_has_its_own_server(seen):
    moon = "https://cdp-moon.customer.io/v1"
    assert seen["base_url"] == seen["region of the key"] == moon
    assert seen["urls"] == [f"{moon}/identify", f"{moon}/track"]


def test_changed_limits_are_in_force(seen):
    assert seen["long name"] == "event"
    assert seen["long call"]
    assert seen["refused before anything is sent"]


def test_a_changed_window_paces_the_client(seen):
    assert all(later - earlier >= 10 for earlier, later in pairwise(seen["starts"][::2]))
