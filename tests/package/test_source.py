"""The source distribution: all that the project is, and nothing that only came to lie in its folder."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from cio_facade import __version__

_ROOT = Path(__file__).parents[2]

# What git needs, and what asks for the tests where the project lives.
_LEFT_OUT = {".ci"}
# What the build adds, or takes unasked.
_ADDED = {"PKG-INFO", ".gitignore"}
# What the build makes, and what tools leave behind.
_NEVER = {"build", "dist", ".venv", ".env", ".git", "__pycache__", "node_modules", ".ruff_cache", ".hypothesis"}


@pytest.fixture(scope="module")
def names(source: Path) -> set[str]:
    with tarfile.open(source) as archive:
        paths = [PurePosixPath(member.name) for member in archive.getmembers() if member.isfile()]
    assert {path.parts[0] for path in paths} == {f"cio_facade-{__version__}"}
    return {str(PurePosixPath(*path.parts[1:])) for path in paths}


def _known() -> set[str]:
    """The files that git knows, or would take: what is ignored is not among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs a clone")
    return {name for name in done.stdout.split("\0") if name and (_ROOT / name).is_file()}


def test_it_holds_every_file_of_the_project(names: set[str]) -> None:
    wanted = {name for name in _known() if PurePosixPath(name).parts[0] not in _LEFT_OUT}
    assert wanted - names == set()


def test_it_holds_no_other_file(names: set[str]) -> None:
    assert names - _known() - _ADDED == set()


def test_it_holds_nothing_that_a_tool_left_behind(names: set[str]) -> None:
    assert [name for name in names if _NEVER & set(PurePosixPath(name).parts) or name.endswith(".pyc")] == []
