"""Run the tests with the oldest version of each package that pyproject.toml says is enough.

What is installed into a new environment: the package with its extra [all], each requirement of it at its lower bound,
and beside it those packages of the extra [tests] that can be had with these. The tests are those that a release runs
against its wheel.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.installed import ROOT, FailedError, environment, run_tests, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["lowest", "main", "requirements"]

_NEWER = {"schemathesis": "sandbox/test_schemathesis.py"}
"""Packages of the tests that ask for newer versions of what the package stands on, with the tests that need them."""


def requirements(project: Mapping[str, Any], extra: str) -> list[Requirement]:
    """Give what an extra asks for, with what the extras that it names do, and without the package itself.

    Examples
    --------
    >>> project = {"name": "a", "optional-dependencies": {"x": ["b>=1"], "all": ["a[x]", "c>=2"]}}
    >>> [str(one) for one in requirements(project, "all")]
    ['b>=1', 'c>=2']
    """
    found = []
    for requirement in map(Requirement, project["optional-dependencies"][extra]):
        if canonicalize_name(requirement.name) == canonicalize_name(project["name"]):
            found += [one for other in sorted(requirement.extras) for one in requirements(project, other)]
        else:
            found.append(requirement)
    return found


def lowest(found: Iterable[Requirement]) -> list[str]:
    """Give the lower bound of each as the one version that will do, for pip's constraints: the highest of several.

    Raises
    ------
    ValueError
        When a requirement has no lower bound.

    Examples
    --------
    >>> lowest(map(Requirement, ["httpx>=0.28,<1", "ruff==0.17.5", "httpx>=0.9"]))
    ['httpx==0.28', 'ruff==0.17.5']
    """
    bounds: dict[str, Version] = {}
    for requirement in found:
        versions = [one.version for one in requirement.specifier if one.operator in {">=", "=="}]
        if len(versions) != 1:
            raise ValueError(f"{requirement.name} needs one lower bound in pyproject.toml")
        name, version = canonicalize_name(requirement.name), Version(versions[0])
        bounds[name] = max(version, bounds.get(name, version))
    return [f"{name}=={version}" for name, version in sorted(bounds.items())]


def main() -> int:
    """Run the command line, and return its exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = [*map(Requirement, project["dependencies"]), *requirements(project, "all")]
    known = {canonicalize_name(one.name) for one in ours}
    beside = [one for one in requirements(project, "tests") if canonicalize_name(one.name) not in {*known, *_NEWER}]
    bounds = lowest(ours)
    print(*bounds, sep="\n")
    try:
        with tempfile.TemporaryDirectory(prefix="cio-lowest-") as made:
            folder = Path(made).resolve()
            (folder / "lowest.txt").write_text("\n".join(bounds), "utf-8")
            with step("install"):
                names = [f"{ROOT}[all]", *map(str, beside)]
                python = environment(folder / "environment", *names, "--constraint", folder / "lowest.txt")
            with step("test"):
                told = run_tests(python, folder / "away", _NEWER.values())
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
