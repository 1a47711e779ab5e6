"""Importing what is in the spec already changes nothing, byte for byte, whatever the file looks like."""

import json

import pytest
from vendor_like import inlined, referring, reinlined, reshuffled
from vendor_runs import SPEC, VENDOR, committed, import_spec, read, write

SOURCES = {
    "the spec itself": [lambda spec: spec],
    "everything inlined": [inlined],
    "with references": [referring],
    "both": [referring, inlined],
    "both, reshuffled and written out": [
        lambda spec: reinlined(reshuffled(referring(spec), 1)),
        lambda spec: reshuffled(inlined(spec), 2),
    ],
}

QUIRKS = ("allOf", "oneOf", "title", "description", "x-additionalPropertiesName")
OWN_FACTS = ("minLength", "x-region", "x-limits", "x-semantic-event", "x-batchable", "const")

VENDOR_FILES = [["pipelines_2026", "pipelines_2025"], ["pipelines_2026"], ["pipelines_2025"]]


@pytest.fixture
def spec():
    return read(SPEC)


@pytest.mark.parametrize("made", [inlined, referring])
def test_what_is_imported_has_a_vendors_quirks_and_none_of_our_facts(spec, made):
    text = json.dumps(made(spec))
    assert [quirk for quirk in QUIRKS if f'"{quirk}":' not in text] == []
    assert [fact for fact in OWN_FACTS if f'"{fact}":' in text] == []
    assert ('"$ref":' in text) == (made is referring)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("seed", ["0", "1"])
def test_importing_what_is_known_changes_nothing_under_any_hash_seed(spec, source, seed, tmp_path):
    files = [write(tmp_path / f"vendor_{number}.json", made(spec)) for number, made in enumerate(source)]
    out = tmp_path / "out.json"
    done = import_spec(*files, "--spec", committed(tmp_path), "--out", out, PYTHONHASHSEED=seed)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == SPEC.read_bytes()


def test_importing_changed_files_again_changes_nothing(spec, tmp_path):
    spec["components"]["schemas"]["OrderCompleted"]["properties"]["sealing_wax"] = {"type": "string"}
    files = [write(tmp_path / f"{made.__name__}.json", made(spec)) for made in (referring, inlined)]
    ours = committed(tmp_path)
    first = import_spec(*files, "--spec", ours)
    once, when = ours.read_bytes(), ours.stat().st_mtime_ns
    second = import_spec(*files, "--spec", ours)
    check = import_spec(*files, "--spec", ours, "--check")
    assert (first.returncode, second.returncode, check.returncode) == (0, 0, 0), first.stderr + second.stderr
    assert once != SPEC.read_bytes()
    assert (ours.read_bytes(), ours.stat().st_mtime_ns) == (once, when)


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor's files are not here")
@pytest.mark.parametrize("names", VENDOR_FILES, ids=" and ".join)
def test_the_spec_is_what_the_vendors_files_say(names, tmp_path):
    out = tmp_path / "out.json"
    files = [VENDOR / f"{name}.json" for name in names]
    done = import_spec(*files, "--spec", committed(tmp_path), "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == SPEC.read_bytes()
