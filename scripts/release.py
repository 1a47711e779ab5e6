"""Build a release, and check it as its users will have it. Nothing is uploaded.

python scripts/release.py            into dist/: the source distribution, and the wheel made of it
python scripts/release.py --dirty    the same of a tree with changes, to try it; not for publishing

A version is in order when the tree has no changes, and its tag, where there is one, and the newest section of
CHANGELOG.md say the same. Then: `twine check`, `check-wheel-contents`, contents and metadata (tests/package), and each
file installed into a clean environment. What the source distribution installs is compared with what the wheel does,
byte by byte, and the tests that need nothing but the package run against the wheel, in a folder without the tree.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OF_THE_TREE", "ROOMS", "NotReleasableError", "Release", "main", "refusal"]

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"

ROOMS = ("unit", "properties", "scenarios", "sandbox", "cli", "loading", "demo", "editors")
"""The rooms of tests/ that need nothing but the package and the spec."""

OF_THE_TREE = ("unit/test_architecture.py", "sandbox/test_vendored.py", "demo/test_sample.py")
"""Files of tests in those rooms that read the sources, or run the scripts."""

_SECONDS = 1800


class NotReleasableError(Exception):
    """Something is not as a release must be."""


@dataclass(frozen=True)
class Release:
    """What is to be released, as the tree and git have it.

    Attributes
    ----------
    version : str
        As the package says.
    tags : tuple of str
        Those of the commit.
    changes : tuple of str
        Files that are not as they were committed.
    changelog : str
        The text of CHANGELOG.md.
    """

    version: str
    tags: tuple[str, ...]
    changes: tuple[str, ...]
    changelog: str


def refusal(release: Release) -> str | None:
    """Say why this must not be released; None when it may be.

    Examples
    --------
    >>> refusal(Release("1.2.0", ("v1.1.0",), (), "## [1.2.0] - 2026-01-31"))
    'the tag v1.1.0 is not that of version 1.2.0'
    """
    tags = [tag for tag in release.tags if re.match(r"v\d", tag)]
    heading = re.search(r"^## \[([^\]]+)\](?: - (\S+))?$", release.changelog, re.MULTILINE)
    section, date = heading.groups() if heading else (None, None)
    if release.changes:
        some = ", ".join(release.changes[:5]) + (" and more" if len(release.changes) > 5 else "")
        return f"the tree is not as it was committed: {some}"
    if tags and f"v{release.version}" not in tags:
        return f"the tag {tags[0]} is not that of version {release.version}"
    if tags and (section != release.version or not date or not re.fullmatch(r"\d{4}-\d\d-\d\d", date)):
        return f"CHANGELOG.md does not begin with version {release.version} and its date"
    if not tags and section not in {release.version, "Unreleased"}:
        return f"CHANGELOG.md begins neither with version {release.version} nor with what is unreleased"
    return None


def _release() -> Release:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "cio_facade" / "_version.py").read_text("utf-8"))
    if version is None:
        raise NotReleasableError("cio_facade/_version.py names no version")
    tags = _git("tag", "--points-at", "HEAD").split()
    changes = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    return Release(version[1], tuple(tags), tuple(changes), (ROOT / "CHANGELOG.md").read_text("utf-8"))


def _git(*words: str) -> str:
    try:
        return _run("git", *words, cwd=ROOT)
    except (OSError, NotReleasableError) as error:
        raise NotReleasableError(f"this is no clone of the project: git {words[0]} failed") from error


def _run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command that knows nothing of this process's Python and its settings; give what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CIO_", "PYTEST_"))}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise NotReleasableError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def _step(name: str) -> Iterator[None]:
    print(f"{name} ...", flush=True)
    begun = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)


def _tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _build() -> tuple[Path, Path]:
    """Make both files, and give them."""
    shutil.rmtree(DIST, ignore_errors=True)
    # The time of the commit in the archives: who builds the same commit has the same bytes.
    epoch = _git("log", "-1", "--format=%ct").strip()
    _run(sys.executable, "-m", "build", "--outdir", DIST, ROOT, cwd=ROOT, SOURCE_DATE_EPOCH=epoch)
    (source,) = DIST.glob("*.tar.gz")
    (wheel,) = DIST.glob("*.whl")
    return source, wheel


def _check(source: Path, wheel: Path) -> None:
    _run(_tool("twine"), "check", "--strict", source, wheel, cwd=ROOT)
    _run(_tool("check-wheel-contents"), wheel, cwd=ROOT)


def _check_contents() -> None:
    """Hold these two to what tests/package says of a source distribution and a wheel."""
    _run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/package", cwd=ROOT, CIO_DIST=str(DIST))


def _environment(folder: Path, *what: str | Path) -> Path:
    """Make a clean environment with these in it, and give its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", *what, cwd=folder)
    return python


_INSTALLED = """
import hashlib, importlib.metadata, importlib.util
ours = importlib.metadata.files("cio-facade")
for file in sorted(ours):
    if not file.match("*.dist-info/*") and file.suffix != ".pyc" and ".." not in file.parts:
        print(file, hashlib.sha256(file.read_binary()).hexdigest())
"""


def _installed(python: Path, folder: Path) -> str:
    """Each file of the package as it is installed, with its checksum."""
    found = _run(python, "-c", _INSTALLED, cwd=folder)
    if not found:
        raise NotReleasableError(f"nothing is installed in {folder}")
    return found


_WHERE = "import cio_facade, cio_pipelines; print(cio_facade.__file__, cio_pipelines.__file__, sep='\\n')"


def _without_tree(folder: Path) -> None:
    """Lay out the tests, and what those read that need nothing but the package."""
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in OF_THE_TREE:
        (folder / "tests" / name).unlink()
    for name in ("cio_pipelines_api.json", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)


def _test(python: Path, folder: Path) -> str:
    """Run the tests against what is installed for this Python, and give their last line."""
    for where in _run(python, "-c", _WHERE, cwd=folder).split():
        if not Path(where).is_relative_to(python.parents[1]):
            raise NotReleasableError(f"what is tested is not what was installed: {where}")
    rooms = [f"tests/{room}" for room in ROOMS]
    told = _run(python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *rooms, cwd=folder)
    return told.strip().splitlines()[-1]


def _install_and_test(source: Path, wheel: Path) -> str:
    extras = "all,tests"
    with tempfile.TemporaryDirectory(prefix="cio-release-") as made:
        folder = Path(made).resolve()
        with _step("install the source distribution"):
            unpacked = _installed(_environment(folder / "source", source), folder)
        with _step("install the wheel"):
            python = _environment(folder / "wheel", f"{wheel}[{extras}]")
        if unpacked != _installed(python, folder):
            raise NotReleasableError("the source distribution installs other files than the wheel")
        (folder / "away").mkdir()
        _without_tree(folder / "away")
        with _step("test the wheel"):
            return _test(python, folder / "away")


def _make(version: str) -> None:
    """Build, check, install and test; say what was made."""
    with _step(f"build {version}"):
        source, wheel = _build()
    with _step("check with twine and check-wheel-contents"):
        _check(source, wheel)
    with _step("check contents and metadata"):
        _check_contents()
    tested = _install_and_test(source, wheel)
    print(f"\n{tested}")
    for path in (source, wheel):
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size} bytes  sha256 {checksum}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dirty", action="store_true", help="also of a tree with changes, to try it")
    options = parser.parse_args(arguments)
    try:
        release = _release()
        reason = refusal(release)
        if reason is None or options.dirty:
            _make(release.version)
    except NotReleasableError as error:
        reason, options.dirty = str(error), False
    if reason:
        print(f"for a try only: {reason}" if options.dirty else f"not releasable: {reason}", file=sys.stderr)
    return 0 if reason is None or options.dirty else 1


if __name__ == "__main__":
    sys.exit(main())
