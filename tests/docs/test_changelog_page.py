"""The changelog keeps its form: Keep a Changelog's, with what the spec's import reports beside it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
VERSIONS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
OF_THE_IMPORT = {"The API"}


def test_what_is_unreleased_comes_first_and_each_version_has_its_date() -> None:
    released = [heading for heading in VERSIONS if heading != "[Unreleased]"]
    assert VERSIONS in (released, ["[Unreleased]", *released])
    for heading in released:
        found = re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading)
        assert found, heading
        date.fromisoformat(found[4])


def test_the_newest_version_comes_first() -> None:
    numbers = [
        [int(part) for part in found] for found in re.findall(r"^## \[(\d+)\.(\d+)\.(\d+)\]", TEXT, re.MULTILINE)
    ]
    assert numbers == sorted(numbers, reverse=True)


def test_changes_are_sorted_by_kind_and_every_kind_once() -> None:
    for section in re.split(r"^## .+$", TEXT, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert kinds
        assert set(kinds) <= KINDS | OF_THE_IMPORT
        assert len(set(kinds)) == len(kinds)
