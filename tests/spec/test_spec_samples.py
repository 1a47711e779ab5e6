"""The vendor's own samples are accepted, all but the few that are broken by the vendor's own reading."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from spec_reading import resolve

from scripts.importer.pipeline import normal

CONTRADICTIONS = Path(__file__).parents[2] / "docs" / "vendor-contradictions.md"
BODY = re.compile(r"(?:--data-raw|-d) '(.*)'", re.DOTALL)


def endpoint_samples(document):
    """Yield what an endpoint's samples post: the JSON ones, the bodies of curl commands, the example of the schema."""
    for path, item in document["paths"].items():
        operation = item["post"]
        for sample in operation["x-codeSamples"]:
            if sample["lang"] == "json":
                yield f"{path} json", path[1:].title(), json.loads(sample["source"])
            if sample["lang"] == "shell":
                yield f"{path} shell", path[1:].title(), json.loads(BODY.search(sample["source"])[1])
        schema = resolve(document, operation["requestBody"]["content"]["application/json"]["schema"])
        if "example" in schema:
            yield f"{path} example", path[1:].title(), schema["example"]


def event_samples(document, spec, facts):
    """Yield the example calls that stand beside the vendor's events, as what our schema of the event describes."""
    theirs = document["components"]["schemas"]
    read = normal(document, facts.reading)["components"]["schemas"].values()
    marks = [schema["x-semantic-event"] for schema in read if "x-semantic-event" in schema]
    examples = {mark["name"]: theirs[mark["source"]].get("example") for mark in marks}
    for name, schema in spec["components"]["schemas"].items():
        mark = schema.get("x-semantic-event", {})
        if call := examples.get(mark.get("name")):
            yield f"{name} example", name, call if mark["shape"] == "envelope" else call["properties"]
            yield f"{name} as a track call", "Track", call


@pytest.fixture(scope="module")
def samples(spec, vendor, facts):
    return [
        (year, *sample)
        for year, document in vendor.items()
        for sample in (*endpoint_samples(document), *event_samples(document, spec, facts))
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
