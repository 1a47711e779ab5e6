"""The vendor's own samples are accepted, all but the few that are broken by the vendor's own reading."""

from pathlib import Path

import jsonschema_rs
import pytest
from samples import endpoint_samples, event_samples

CONTRADICTIONS = Path(__file__).parents[2] / "docs" / "vendor-contradictions.md"


def all_samples(document, spec, facts):
    yield from endpoint_samples(document)
    for pair in event_samples(document, spec, facts.reading):
        yield from pair


@pytest.fixture(scope="module")
def samples(spec, vendor, facts):
    return [
        (year, sample.place, sample.schema, sample.value)
        for year, document in vendor.items()
        for sample in all_samples(document, spec, facts)
    ]


def refused_at(spec, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return {".".join(map(str, error.instance_path)) for error in validator.iter_errors(value)}


def test_samples_are_found(samples):
    assert len(samples) > 40
    assert {name for _, _, name, _ in samples} >= {"Identify", "Track", "Page", "Screen", "Group", "Alias", "Batch"}


def test_vendor_samples_are_accepted_unless_they_are_broken(spec, samples, broken_samples):
    broken = {entry["place"]: set(entry["refused_at"]) for entry in broken_samples}
    for year, place, name, value in samples:
        assert refused_at(spec, name, value) == broken.get(place, set()), (year, place)


def test_broken_samples_are_listed_in_the_docs(broken_samples, samples):
    places = {place for _, place, _, _ in samples}
    documented = CONTRADICTIONS.read_text("utf-8")
    for entry in broken_samples:
        assert entry["place"] in places
        assert f"`{entry['place']}`" in documented
