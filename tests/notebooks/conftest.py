"""How notebooks are run: as a new user does, by `jupyter execute`, in a copy of the folder, with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import notebooks

_SECONDS = 180


@pytest.fixture(scope="session")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where matplotlib keeps what it knows of fonts: to look for them takes seconds."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture
def environment(tmp_path: Path, drawing: Path) -> dict[str, str]:
    """An environment without anything of ours, and without anything of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "MPLCONFIGDIR": str(drawing)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the notebooks with their data."""
    return Path(shutil.copytree(notebooks.FOLDER, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*")))


@pytest.fixture
def execute(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Have Jupyter run a notebook in place."""

    def run(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jupyter", "execute", "--inplace", path.name]
        return subprocess.run(
            command,
            check=False,
            cwd=path.parent,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )

    return run
