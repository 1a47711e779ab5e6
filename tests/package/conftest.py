"""The files of a release: those of the folder CIO_DIST, where scripts/release.py says so, else built here."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LIMIT = 300  # seconds

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder once, also where several processes share the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / ".done").exists():
                folder.mkdir(exist_ok=True)
                fill(folder)
                (folder / ".done").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def dist(once: Once) -> Path:
    """The folder with both files; the wheel is made of the source distribution, as ``python -m build`` does."""
    if made := os.environ.get("CIO_DIST"):
        return Path(made)
    pytest.importorskip("build", reason="needs the package build")
    return once("dist", _build)


def _build(folder: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CIO_"))}
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(_ROOT)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def source(dist: Path) -> Path:
    (found,) = dist.glob("*.tar.gz")
    return found
