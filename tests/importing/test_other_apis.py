"""The same passes make the documents of the vendor's other APIs whole: no operation is lost, and no warning given."""

import contextlib
import io
import json

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_spec_validator import validate
from vendor_runs import VENDOR, import_spec, read

from scripts.importer.fidelity import Source
from scripts.importer.pipeline import canonical

# An API of another kind: it reads as well as writes, and takes values from its paths.
HARBOUR = {
    "openapi": "3.0.3",
    "info": {"title": "Harbour", "version": "1"},
    "servers": [{"url": "https://harbour.test"}],
    "paths": {
        "/boats/{name}": {
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "getBoat",
                "responses": {
                    "200": {
                        "description": "Found.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/boat"}}},
                    },
                    "404": {"description": "Gone."},
                    "404-sunk": {"description": "Sunk."},
                },
            },
            "put": {
                "operationId": "moorBoat",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "oneOf": [
                                    {"title": "At a berth", "allOf": [{"$ref": "#/components/schemas/boat"}]},
                                    {
                                        "title": "At a berth",
                                        "type": "object",
                                        "required": ["berth"],
                                        "properties": {"berth": {"type": "integer", "default": "$.berth"}},
                                    },
                                ]
                            }
                        }
                    }
                },
                "responses": {"200": {"description": "Moored."}},
            },
        },
        "/boats": {
            "get": {
                "responses": {
                    "200": {
                        "description": "All.",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "boats": {"type": "array", "items": {"$ref": "#/components/schemas/boat"}}
                                    },
                                }
                            }
                        },
                    }
                }
            }
        },
    },
    "components": {
        "schemas": {
            "boat": {
                "type": "object",
                "required": ["name", "flag"],
                "properties": {
                    "name": {"type": "string"},
                    "rig": {"type": "string", "enum": ["sloop", "ketch", "sloop"], "nullable": True},
                    "tender": {"$ref": "#/components/schemas/boat"},
                },
            }
        }
    },
}


def operations(document):
    """Every operation of a document as (path, method)."""
    return {
        (path, method)
        for path, item in document["paths"].items()
        for method in item
        if method in {"get", "put", "post", "delete", "patch"}
    }


def generated(document, folder):
    """Generate a client from a document, and return the number of its operations and what was complained of."""
    source, package = folder / "spec.json", folder / "client"
    source.write_text(json.dumps(document), "utf-8")
    config = Config.from_sources(
        ConfigFile(literal_enums=True, post_hooks=[]),
        meta_type=MetaType.NONE,
        document_source=source,
        file_encoding="utf-8",
        overwrite=False,
        output_path=package,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        errors = generate(config=config)
    return len([path for path in (package / "api").rglob("*.py") if path.name != "__init__.py"]), list(errors)


@pytest.fixture(params=["stand-in", "track_2026", "app_2025"])
def source(request):
    if request.param == "stand-in":
        return HARBOUR
    if not VENDOR.is_dir():
        pytest.skip("the vendor's files are not here")
    return read(VENDOR / f"{request.param}.json")


def test_every_operation_is_kept_and_generated_without_a_warning(source, tmp_path):
    found = canonical(source)
    validate(found)
    assert operations(found) == operations(source)
    assert generated(found, tmp_path) == (len(operations(source)), [])


def test_nothing_is_lost(source):
    faith = Source(source).compare(canonical(source), {})
    assert faith.losses == ()
    assert faith.compared["operations"] == len(operations(source))


def test_it_is_canonical_already_the_second_time(source):
    once = canonical(source)
    assert json.dumps(canonical(source, committed=once)) == json.dumps(once)
    assert json.dumps(canonical(once, committed=once)) == json.dumps(once)


@pytest.mark.parametrize(("name", "count"), [("track_2026", 18), ("app_2025", 113)])
def test_the_script_writes_the_spec_of_another_api(name, count, tmp_path):
    if not VENDOR.is_dir():
        pytest.skip("the vendor's files are not here")
    spec = tmp_path / "specs.json"
    done = import_spec(VENDOR / f"{name}.json", "--spec", spec)
    assert done.returncode == 0, done.stderr
    assert len(operations(read(spec))) == count
    assert import_spec(VENDOR / f"{name}.json", "--spec", spec, "--check").returncode == 0
