"""The oldest versions that are allowed: each has to be said, so that `make test-lowest` can try them."""

from __future__ import annotations

import tomllib

import pytest
from packaging.requirements import Requirement

from scripts import lowest
from scripts.installed import OF_THE_TREE, ROOMS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_each_package_that_the_library_asks_for_has_a_lower_bound() -> None:
    asked = [*map(Requirement, PROJECT["dependencies"]), *lowest.requirements(PROJECT, "all")]
    bounds = lowest.lowest(asked)
    assert {bound.partition("==")[0] for bound in bounds} >= {"httpx", "attrs", "click", "duckdb", "starlette"}


@pytest.mark.parametrize("requirement", ["httpx", "httpx<1", "httpx>=0.28,>=0.29"])
def test_a_package_without_one_lower_bound_is_named(requirement: str) -> None:
    with pytest.raises(ValueError, match="httpx needs one lower bound"):
        lowest.lowest([Requirement(requirement)])


def test_the_tests_that_need_newer_versions_are_there() -> None:
    paths = lowest._NEWER.values()
    assert all((ROOT / "tests" / path).exists() for path in paths)
    assert {path.partition("/")[0] for path in paths} <= set(ROOMS)
    assert not set(paths) & set(OF_THE_TREE)
