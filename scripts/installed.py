"""The tests against what is installed in an environment of its own, in a folder without the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["OF_THE_TREE", "ROOMS", "ROOT", "FailedError", "environment", "run", "run_tests", "step"]

ROOT = Path(__file__).resolve().parents[1]

ROOMS = ("unit", "properties", "scenarios", "sandbox", "cli", "loading", "demo", "editors")
"""The rooms of tests/ that need nothing but the package and the spec."""

OF_THE_TREE = ("unit/test_architecture.py", "sandbox/test_vendored.py", "demo/test_sample.py")
"""Files of tests in those rooms that read the sources, or run the scripts."""

_SECONDS = 1800


class FailedError(Exception):
    """A command failed, or what is tested is something else."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say that something begins, and how long it took."""
    print(f"{name} ...", flush=True)
    begun = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command that knows nothing of this process's Python and its settings; give what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CIO_", "PYTEST_"))}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise FailedError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(folder: Path, *what: str | Path) -> Path:
    """Make a clean environment with these in it, and give its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", *what, cwd=folder)
    return python


_WHERE = "import cio_facade, cio_pipelines; print(cio_facade.__file__, cio_pipelines.__file__, sep='\\n')"


def run_tests(python: Path, folder: Path, without: Iterable[str] = ()) -> str:
    """Run the tests, without some files, against what is installed for this Python; give their last line.

    They are laid out in a new folder.
    """
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*OF_THE_TREE, *without):
        (folder / "tests" / name).unlink()
    for name in ("cio_pipelines_api.json", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for where in run(python, "-c", _WHERE, cwd=folder).split():
        if not Path(where).is_relative_to(python.parents[1]):
            raise FailedError(f"what is tested is not what was installed: {where}")
    rooms = [f"tests/{room}" for room in ROOMS]
    told = run(python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *rooms, cwd=folder)
    return told.strip().splitlines()[-1]
