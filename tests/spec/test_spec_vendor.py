"""The committed spec is what the vendor's files say, corrected by the facts beside it, and nothing else."""

import json
import re
from dataclasses import replace

import pytest

from scripts.import_spec import SPEC
from scripts.importer.document import MARK
from scripts.importer.importing import import_documents

CALLS = ("alias", "batch", "group", "identify", "page", "screen", "track")

# What the overlay says otherwise than the files; each has its reason there.
OTHERWISE = {
    # An e-mail address identifies a person too, and two reports need no identity.
    "POST /identify request: anonymousId: required",
    "POST /track request: anonymousId: required",
    # A call without a body says nothing.
    *(f"POST /{call} request: asks for more" for call in CALLS),
    # Nothing but its type says what kind of call an item is.
    "POST /batch request: batch[].type: asks for more",
    # A call without a group, or without one of its people, has no subject.
    "POST /group request: anonymousId: asks for more",
    "POST /group request: groupId: asks for more",
    # Without an id there is nothing to delete; a report is found by the delivery's id, and says nothing without a
    # metric; actionType is what the file requires under a name that the event does not have.
    *(
        f"{where}: properties.{name}: asks for more"
        for event, name in (
            ("Object Deleted", "objectId"),
            ("Report Content Event", "actionType"),
            ("Report Delivery Event", "deliveryId"),
            ("Report Delivery Event", "metric"),
        )
        for where in (f"event {event.replace(' ', '')}", f"POST /track request {event}")
    ),
}


@pytest.fixture(scope="module")
def newest_first(vendor):
    return dict(sorted(vendor.items(), reverse=True))


def test_nothing_in_it_comes_from_elsewhere(newest_first, spec, facts):
    found = import_documents(newest_first, spec, facts, pruned=True)
    assert json.dumps(found.spec, indent=2, ensure_ascii=False) + "\n" == SPEC.read_text("utf-8")
    assert found.changes == ()


@pytest.mark.parametrize("years", [("2026",), ("2025",), ("2026", "2025"), ("2025", "2026")], ids="+".join)
def test_every_file_leaves_it_as_it_is(vendor, spec, facts, years):
    found = import_documents({year: vendor[year] for year in years}, spec, facts)
    assert json.dumps(found.spec, indent=2, ensure_ascii=False) + "\n" == SPEC.read_text("utf-8")


@pytest.mark.parametrize("years", [("2026",), ("2025",), ("2026", "2025")], ids="+".join)
def test_every_fact_of_the_files_is_in_it_or_corrected_for_a_stated_reason(vendor, spec, facts, years):
    found = import_documents({year: vendor[year] for year in years}, spec, facts)
    for faith in found.fidelity.values():
        assert faith.lost == ()
        assert {str(loss) for loss in faith.otherwise} <= OTHERWISE
        assert faith.compared["members"] > 300


@pytest.mark.parametrize(("year", "events"), [("2025", 72), ("2026", 9)])
def test_every_event_and_endpoint_of_a_file_is_read(vendor, facts, year, events):
    found = import_documents({year: vendor[year]}, {}, replace(facts, overlay=None))
    assert len(found.spec["paths"]) == 7
    assert len([schema for schema in found.spec["components"]["schemas"].values() if MARK in schema]) == events


def test_limits_are_those_of_the_vendors_text(spec, vendor):
    limits, kilobytes = spec["x-limits"], r"limited to (\d+)KB"
    for document in vendor.values():
        text = document["info"]["description"]
        call, batch = (int(found) for found in re.findall(kilobytes, text)[:2])
        assert (limits["callBytes"], limits["batchBytes"]) == (call * 1024, batch * 1000)
        requests, seconds = map(int, re.search(r"(\d+) requests per (\d+) seconds", text).groups())
        assert limits["window"] == {"requests": requests, "seconds": seconds}
