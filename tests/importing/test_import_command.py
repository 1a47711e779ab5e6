"""The command line of the import: whatever is wrong costs one line that names it, and changes nothing."""

import json
import stat
from pathlib import Path

import pytest

from scripts import import_spec
from scripts.import_spec import main

HARBOUR = {
    "openapi": "3.1.0",
    "info": {"title": "Harbour", "version": "1"},
    "servers": [{"url": "https://harbour.test"}],
    "paths": {
        "/boats": {
            "post": {
                "operationId": "moor",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/boat"}}}},
                "responses": {"200": {"description": "Moored."}},
            }
        }
    },
    "components": {"schemas": {"boat": {"type": "object", "properties": {"name": {"type": "string"}}}}},
}


@pytest.fixture
def vendor(tmp_path):
    path = tmp_path / "vendor.json"
    path.write_text(json.dumps(HARBOUR), "utf-8")
    return path


@pytest.fixture
def spec(tmp_path):
    return tmp_path / "harbour.json"


@pytest.fixture
def problem(capsys, tmp_path):
    """The one line that the command says of something wrong; no file is changed, new, or gone."""

    def said(*arguments):
        before = contents(tmp_path)
        assert main([str(argument) for argument in arguments]) == 1
        assert contents(tmp_path) == before
        shown = capsys.readouterr()
        assert shown.err.count("\n") == 1
        return shown.err.strip(), shown.out

    return said


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_a_spec_is_written_where_there_was_none(vendor, spec, capsys):
    assert run(vendor, "--spec", spec) == 0
    assert list(json.loads(spec.read_text("utf-8"))["paths"]) == ["/boats"]
    assert stat.S_IMODE(spec.stat().st_mode) == 0o644
    assert capsys.readouterr().err == f"{spec}: written\n"
    assert run(vendor, "--spec", spec) == 0
    assert capsys.readouterr().err == ""
    assert sorted(path.name for path in spec.parent.iterdir()) == ["harbour.json", "vendor.json"]


def test_a_file_that_cannot_be_taken_is_named(vendor, spec, problem):
    vendor.write_text(json.dumps(HARBOUR | {"servers": [{}]}), "utf-8")
    assert problem(vendor, "--spec", spec) == (f"{vendor}: servers.0: url is missing", "")


def test_a_committed_spec_that_cannot_be_taken_is_named(vendor, spec, problem):
    spec.write_text("[]", "utf-8")
    assert problem(vendor, "--spec", spec) == (f"{spec}: is no OpenAPI document: it holds no object", "")


def test_a_committed_spec_that_must_not_be_read(vendor, spec, problem, monkeypatch):
    spec.write_text(json.dumps(HARBOUR), "utf-8")
    unguarded = Path.exists

    def deny(path, **options):
        if path == spec:
            raise PermissionError(13, "Permission denied", str(path))
        return unguarded(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", deny)
        assert problem(vendor, "--spec", spec) == (f"{spec}: Permission denied", "")


@pytest.mark.parametrize("flags", [[], ["--check"], ["--json"]])
def test_a_folder_to_write_into_that_is_not_there_costs_no_work(vendor, spec, problem, flags):
    out = spec.parent / "nowhere" / "harbour.json"
    assert problem(vendor, "--spec", spec, "--out", out, *flags) == (
        f"{out}: cannot be written: {out.parent} is no folder",
        "",
    )


def test_a_folder_is_no_place_to_write_to(vendor, spec, problem):
    assert problem(vendor, "--spec", spec, "--out", spec.parent) == (f"{spec.parent}: is no regular file", "")


def test_a_changelog_that_is_not_there_costs_no_work(vendor, spec, problem):
    changelog = spec.parent / "CHANGES.md"
    assert problem(vendor, "--spec", spec, "--changelog", changelog) == (f"{changelog}: No such file or directory", "")


def test_a_changelog_that_is_no_text(vendor, spec, problem):
    changelog = spec.parent / "CHANGES.md"
    changelog.write_bytes(b"\xff")
    assert problem(vendor, "--spec", spec, "--changelog", changelog) == (f"{changelog}: is not UTF-8", "")


def test_what_changed_goes_into_the_changelog(vendor, spec):
    changelog = spec.parent / "CHANGES.md"
    changelog.write_text("# Changes\n", "utf-8")
    assert run(vendor, "--spec", spec, "--changelog", changelog) == 0
    assert "- `POST /boats`: added" in changelog.read_text("utf-8")


def test_facts_that_were_asked_for_must_be_there(vendor, spec, problem):
    facts = spec.parent / "typo"
    assert problem(vendor, "--spec", spec, "--facts", facts) == (f"{facts}: is no folder", "")
    facts.mkdir()
    assert run(vendor, "--spec", spec, "--facts", facts) == 0


def test_schemas_without_end_are_one_line(vendor, spec, problem, monkeypatch):
    def endless(*_, **__):
        # As Python says it; really to exhaust the stack would end some versions of it.
        raise RecursionError

    monkeypatch.setattr(import_spec, "import_documents", endless)
    assert problem(vendor, "--spec", spec) == (f"{vendor}: schemas in schemas, more of them than can be followed", "")


def test_a_disk_that_is_full_leaves_everything_as_it_was(vendor, spec, problem, monkeypatch):
    spec.write_text(json.dumps(HARBOUR), "utf-8")

    def refuse(path, _):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "replace", refuse)
    line, report = problem(vendor, "--spec", spec)
    assert line.endswith(": No space left on device")
    assert report
