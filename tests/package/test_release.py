"""What makes a release: which version may be one, and which tests can do without the tree."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from scripts import installed
from scripts.release import Release, refusal

DATED = "# Changelog\n\n## [1.2.0] - 2026-01-31\n\n### Added\n\n## [1.1.0] - 2025-12-01\n"
TAGGED = Release("1.2.0", ("v1.2.0",), (), DATED)


def test_a_tagged_version_with_its_section_and_date_may_be_released() -> None:
    assert refusal(TAGGED) is None
    assert refusal(replace(TAGGED, tags=("tested", "v1.2.0"))) is None


def test_a_commit_without_a_tag_may_be_built_before_its_section_has_a_date() -> None:
    untagged = replace(TAGGED, tags=())
    for heading in ("## [Unreleased]", "## [1.2.0]", "## [1.2.0] - 2026-01-31"):
        assert refusal(replace(untagged, changelog=f"# Changelog\n\n{heading}\n")) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"changes": ("README.md",)}, "README.md"),
        ({"changes": tuple("abcdefg")}, "a, b, c, d, e and more"),
        ({"tags": ("v1.1.0",)}, "the tag v1.1.0"),
        ({"version": "1.3.0"}, "1.3.0"),
        ({"changelog": "## [Unreleased]\n"}, "CHANGELOG"),
        ({"changelog": "## [1.2.0]\n"}, "date"),
        ({"changelog": "## [1.2.0] - soon\n"}, "date"),
        ({"changelog": "## [1.1.0] - 2025-12-01\n"}, "1.2.0"),
        ({"changelog": "", "tags": ()}, "CHANGELOG"),
        ({"changelog": "## [1.1.0] - 2025-12-01\n", "tags": ()}, "CHANGELOG"),
    ],
)
def test_what_is_not_in_order_is_said(change: dict[str, object], why: str) -> None:
    assert why in (refusal(replace(TAGGED, **change)) or "")  # type: ignore[arg-type]


def test_the_changelog_is_in_the_form_that_a_release_asks_for() -> None:
    from cio_facade import __version__

    changelog = (installed.ROOT / "CHANGELOG.md").read_text("utf-8")
    assert refusal(Release(__version__, (), (), changelog)) is None


def test_the_tests_that_run_without_the_tree_ask_nothing_of_its_scripts() -> None:
    tests = installed.ROOT / "tests"
    left_out = {tests / name for name in installed.OF_THE_TREE}
    assert all(path.exists() for path in left_out)
    rooms = [path for room in installed.ROOMS for path in (tests / room).rglob("*.py")]
    asking = {path for path in rooms if "scripts" in _imported(path.read_text("utf-8"))}
    assert asking <= left_out


def _imported(text: str) -> set[str]:
    """The first parts of what a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
