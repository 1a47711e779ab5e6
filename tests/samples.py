"""The vendor's own samples, read from the vendor's files: none of them is copied into this project."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from spec_reading import resolve

from scripts.importer.pipeline import normal

__all__ = [
    "BROKEN",
    "Code",
    "Sample",
    "code_samples",
    "endpoint_samples",
    "event_samples",
    "vendor_documents",
    "vendor_files",
]

VENDOR = Path(__file__).parents[2] / "shared" / "vendor"
BROKEN = Path(__file__).parent / "spec" / "broken_samples.json"

_BODY = re.compile(r"(?:--data-raw|-d) '(.*)'", re.DOTALL)


class Sample(NamedTuple):
    """A body that the vendor shows.

    Attributes
    ----------
    place : str
        Where it stands, such as ``/track json``.
    schema : str
        Name of the schema of ours that it must meet.
    path : str
        The endpoint that the body goes to.
    body : str
        The text as the vendor has it, for what is JSON there; made from the value where it is part of a document.
    """

    place: str
    schema: str
    path: str
    body: str

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Code(NamedTuple):
    """A sample in a programming language: where it stands, for which library, and the source."""

    place: str
    label: str
    source: str


def vendor_files() -> list[Path]:
    """Everything the vendor has published, of all its APIs; skips the test where it is not here."""
    if not VENDOR.is_dir():
        pytest.skip("the vendor's files are not here")
    return sorted(VENDOR.glob("*.json"))


def vendor_documents() -> dict[str, Any]:
    """The vendor's files for this API, by year."""
    ours = [path for path in vendor_files() if path.stem.startswith("pipelines_")]
    return {path.stem.removeprefix("pipelines_"): json.loads(path.read_text("utf-8")) for path in ours}


def endpoint_samples(document: Any) -> Iterator[Sample]:
    """Yield what an endpoint's samples post: the JSON ones, the bodies of curl commands, the example of the schema."""
    for path, operation in _operations(document):
        for code in operation["x-codeSamples"]:
            if code["lang"] == "json":
                yield Sample(f"{path} json", path[1:].title(), path, code["source"])
            if code["lang"] == "shell":
                body = _BODY.search(code["source"])
                assert body is not None, f"{path}: a command without a body"
                yield Sample(f"{path} shell", path[1:].title(), path, body[1])
        schema = resolve(document, operation["requestBody"]["content"]["application/json"]["schema"])
        if "example" in schema:
            yield Sample(f"{path} example", path[1:].title(), path, json.dumps(schema["example"]))


def event_samples(document: Any, spec: Any, reading: Any) -> Iterator[tuple[Sample, Sample]]:
    """Yield the example calls that stand beside the vendor's events: what our schema describes, and the whole call."""
    theirs = document["components"]["schemas"]
    read = normal(document, reading)["components"]["schemas"].values()
    marks = [schema["x-semantic-event"] for schema in read if "x-semantic-event" in schema]
    examples = {mark["name"]: theirs[mark["source"]].get("example") for mark in marks}
    for name, schema in spec["components"]["schemas"].items():
        mark = schema.get("x-semantic-event", {})
        if call := examples.get(mark.get("name")):
            described = call if mark["shape"] == "envelope" else call["properties"]
            yield (
                Sample(f"{name} example", name, "/track", json.dumps(described)),
                Sample(f"{name} as a track call", "Track", "/track", json.dumps(call)),
            )


def code_samples(document: Any, language: str) -> Iterator[Code]:
    """Yield the samples in a language, under the name of the call they show."""
    for path, operation in _operations(document):
        for code in operation["x-codeSamples"]:
            if code["lang"] == language:
                yield Code(path, code["label"], code["source"])


def _operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        yield path, item["post"]
