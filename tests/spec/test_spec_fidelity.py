"""What the vendor's files say of members, types, enums and required sets is in the spec, or on the list of reasons."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from spec_reading import Members, listed, members, required, resolve, vendor_key

CALLS = ("Alias", "Batch", "Group", "Identify", "Page", "Screen", "Track")


@dataclass(frozen=True)
class Pair:
    """One call or event: what our schema says of it, and what the vendor's file of one year says."""

    year: str
    name: str
    ours: Members
    theirs: Members
    our_required: frozenset[str]
    their_required: frozenset[str]

    @property
    def changed(self):
        return {path for path in self.theirs.keys() & self.ours.keys() if self.theirs[path] != self.ours[path]}

    def without_reason(self, paths, reasons):
        return {(self.year, self.name, path) for path in paths if not listed(path, reasons, self.name)}


def as_call(schema):
    """An event as the whole call, whichever shape its schema has."""
    mark = schema.get("x-semantic-event")
    if mark is None or mark["shape"] == "envelope":
        return schema
    context = {"context": mark["context"]} if "context" in mark else {}
    return {"type": "object", "properties": {"properties": schema} | context}


def vendor_call(document, schema):
    """Of the vendor's event schemas some are the whole call, some its properties, and some lie in between."""
    whole = members(document, schema).keys() & {"batch", "context", "event", "userId"}
    return schema if whole else {"type": "object", "properties": {"properties": schema}}


@pytest.fixture(scope="module")
def ours(spec):
    schemas = spec["components"]["schemas"]
    return {name: as_call(schema) for name, schema in schemas.items() if name in CALLS or "x-semantic-event" in schema}


@pytest.fixture(scope="module")
def of_track(spec):
    """What an event has because every track call has it."""
    track = members(spec, spec["components"]["schemas"]["Track"])
    return {path: member for path, member in track.items() if path != "groupId"}


@pytest.fixture(scope="module")
def pairs(spec, vendor, reading, ours):
    return [
        Pair(
            year,
            name,
            members(spec, schema),
            members(document, theirs),
            frozenset(required(spec, schema)),
            frozenset(required(document, theirs)),
        )
        for name, schema in ours.items()
        for year, document in vendor.items()
        if (key := vendor_key(name, reading)) in document["components"]["schemas"]
        for theirs in [vendor_call(document, document["components"]["schemas"][key])]
    ]


def test_every_call_and_every_event_of_the_vendor_is_compared(pairs, ours):
    assert {pair.name for pair in pairs if pair.year == "2025"} == {
        name for name in ours if not name.startswith("PushNotification")
    }
    assert len([pair for pair in pairs if pair.year == "2026"]) == 7 + 9


def test_every_schema_of_the_vendor_is_read_or_left_out_for_a_reason(vendor, reading, ours):
    read = {vendor_key(name, reading) for name in ours}
    left_out = [pattern for entry in reading["unread"] for pattern in entry["schemas"]]
    keys = {key for document in vendor.values() for key in document["components"]["schemas"]}
    assert {key for key in keys - read if not any(fnmatchcase(key, pattern) for pattern in left_out)} == set()


def test_endpoints_take_what_the_vendors_take(spec, vendor, reading):
    for document in vendor.values():
        assert document["paths"].keys() == spec["paths"].keys()
        for path, item in document["paths"].items():
            body = item["post"]["requestBody"]["content"]["application/json"]["schema"]
            ours = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            compared = document["components"]["schemas"][vendor_key(ours.rsplit("/", 1)[1], reading)]
            assert members(document, body).keys() <= members(document, compared).keys(), path


def test_no_member_of_the_vendor_is_lost(pairs, reading, of_track, ours):
    for pair in pairs:
        here = pair.ours.keys() | (of_track.keys() if pair.name not in CALLS else set())
        assert pair.without_reason(pair.theirs.keys() - here, reading["absent"]) == set()


def test_what_is_left_out_of_track_is_in_the_schemas_of_its_events(pairs):
    of_events = set().union(*(pair.ours for pair in pairs if pair.name not in CALLS))
    left_out = set().union(*(pair.theirs.keys() - pair.ours.keys() for pair in pairs if pair.name == "Track"))
    assert left_out
    assert left_out <= of_events


def test_types_formats_enums_and_bounds_are_the_vendors(pairs, reading):
    for pair in pairs:
        assert pair.without_reason(pair.changed, reading["changed"]) == set()


def test_nothing_is_invented(spec, pairs, reading, ours, of_track):
    theirs = {name: set() if name in CALLS else set(of_track) for name in ours}
    for pair in pairs:
        theirs[pair.name] |= pair.theirs.keys()
    for name, schema in ours.items():
        added = members(spec, schema).keys() - theirs[name]
        assert {(name, path) for path in added if not listed(path, reading["added"], name)} == set()


def test_required_sets_are_the_vendors(pairs, reading):
    for pair in pairs:
        assert pair.without_reason(pair.their_required - pair.our_required, reading["not_required"]) == set()
        assert pair.without_reason(pair.our_required - pair.their_required, reading["newly_required"]) == set()


@pytest.mark.parametrize(
    ("kind", "difference"),
    [
        ("absent", lambda pair: pair.theirs.keys() - pair.ours.keys()),
        ("added", lambda pair: pair.ours.keys() - pair.theirs.keys()),
        ("changed", lambda pair: pair.changed),
        ("not_required", lambda pair: pair.their_required - pair.our_required),
        ("newly_required", lambda pair: pair.our_required - pair.their_required),
    ],
)
def test_every_reason_is_still_needed(pairs, reading, kind, difference):
    found = {(pair.name, path) for pair in pairs for path in difference(pair)}
    for entry in reading[kind]:
        if entry["schema"].startswith("PushNotification"):
            continue
        for pattern in entry["paths"]:
            reason = {"schema": entry["schema"], "paths": [pattern]}
            assert any(listed(path, [reason], name) for name, path in found), reason


def test_servers_and_header_parameters_are_the_vendors(spec, vendor):
    newest = vendor["2026"]
    assert [server["url"] for server in spec["servers"]] == [server["url"] for server in newest["servers"]]
    for path, item in newest["paths"].items():
        ours = {resolve(spec, parameter)["name"] for parameter in spec["paths"][path]["post"]["parameters"]}
        assert ours == {parameter["name"] for parameter in item["post"]["parameters"]}


def test_limits_are_those_of_the_vendors_text(spec, vendor):
    limits, kilobytes = spec["x-limits"], r"limited to (\d+)KB"
    for document in vendor.values():
        text = document["info"]["description"]
        call, batch = (int(found) for found in re.findall(kilobytes, text)[:2])
        assert (limits["callBytes"], limits["batchBytes"]) == (call * 1024, batch * 1000)
        requests, seconds = map(int, re.search(r"(\d+) requests per (\d+) seconds", text).groups())
        assert limits["window"] == {"requests": requests, "seconds": seconds}
