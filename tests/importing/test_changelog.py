"""The change report comes into the changelog once, under what is not released yet."""

import pytest

from scripts.importer.changelog import with_report

LISTS = "#### Compatible\n\n- `theatre.SeatsBooked`: new event\n"

UNRELEASED = "# Changelog\n\n## [Unreleased]\n\n- Something.\n"
RELEASED = "# Changelog\n\n## [0.1.0] - 2026-01-31\n\n- The first.\n"


def test_it_stands_at_the_end_of_the_unreleased_version():
    found = with_report(UNRELEASED + "\n## [0.1.0] - 2026-01-31\n\n- The first.\n", LISTS)
    assert found == f"{UNRELEASED}\n### The API\n\n{LISTS}\n## [0.1.0] - 2026-01-31\n\n- The first.\n"


def test_the_only_version_is_unreleased():
    assert with_report(UNRELEASED, LISTS) == f"{UNRELEASED}\n### The API\n\n{LISTS}"


@pytest.mark.parametrize("changelog", [RELEASED, "# Changelog\n"])
def test_an_unreleased_version_is_begun_where_there_is_none(changelog):
    found = with_report(changelog, LISTS)
    assert found.startswith(f"# Changelog\n\n## [Unreleased]\n\n### The API\n\n{LISTS}")
    assert found.endswith(changelog.removeprefix("# Changelog\n"))


@pytest.mark.parametrize("changelog", [UNRELEASED, RELEASED, "# Changelog\n"])
def test_it_is_not_written_twice(changelog):
    once = with_report(changelog, LISTS)
    assert with_report(once, LISTS) == once


def test_no_change_leaves_it_as_it_is():
    assert with_report(UNRELEASED, "") == UNRELEASED
