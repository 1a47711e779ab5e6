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
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.installed import ROOT, FailedError, environment, run, run_tests, step

__all__ = ["NotReleasableError", "Release", "main", "refusal"]

DIST = ROOT / "dist"


class NotReleasableError(FailedError):
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
        return run("git", *words, cwd=ROOT)
    except (OSError, FailedError) as error:
        raise NotReleasableError(f"this is no clone of the project: git {words[0]} failed") from error


def _tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _build() -> tuple[Path, Path]:
    """Make both files, and give them."""
    shutil.rmtree(DIST, ignore_errors=True)
    # The time of the commit in the archives: who builds the same commit has the same bytes.
    epoch = _git("log", "-1", "--format=%ct").strip()
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT, cwd=ROOT, SOURCE_DATE_EPOCH=epoch)
    (source,) = DIST.glob("*.tar.gz")
    (wheel,) = DIST.glob("*.whl")
    return source, wheel


def _check(source: Path, wheel: Path) -> None:
    run(_tool("twine"), "check", "--strict", source, wheel, cwd=ROOT)
    run(_tool("check-wheel-contents"), wheel, cwd=ROOT)


def _check_contents() -> None:
    """Hold these two to what tests/package says of a source distribution and a wheel."""
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/package", cwd=ROOT, CIO_DIST=str(DIST))


_INSTALLED = """
import hashlib, importlib.metadata, importlib.util
ours = importlib.metadata.files("cio-facade")
for file in sorted(ours):
    if not file.match("*.dist-info/*") and file.suffix != ".pyc" and ".." not in file.parts:
        print(file, hashlib.sha256(file.read_binary()).hexdigest())
"""


def _installed(python: Path, folder: Path) -> str:
    """Each file of the package as it is installed, with its checksum."""
    found = run(python, "-c", _INSTALLED, cwd=folder)
    if not found:
        raise NotReleasableError(f"nothing is installed in {folder}")
    return found


def _install_and_test(source: Path, wheel: Path) -> str:
    extras = "all,tests"
    with tempfile.TemporaryDirectory(prefix="cio-release-") as made:
        folder = Path(made).resolve()
        with step("install the source distribution"):
            unpacked = _installed(environment(folder / "source", source), folder)
        with step("install the wheel"):
            python = environment(folder / "wheel", f"{wheel}[{extras}]")
        if unpacked != _installed(python, folder):
            raise NotReleasableError("the source distribution installs other files than the wheel")
        with step("test the wheel"):
            return run_tests(python, folder / "away")


def _make(version: str) -> None:
    """Build, check, install and test; say what was made."""
    with step(f"build {version}"):
        source, wheel = _build()
    with step("check with twine and check-wheel-contents"):
        _check(source, wheel)
    with step("check contents and metadata"):
        _check_contents()
    told = _install_and_test(source, wheel)
    print(f"\n{told}")
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
    except FailedError as error:
        reason, options.dirty = str(error), False
    if reason:
        print(f"for a try only: {reason}" if options.dirty else f"not releasable: {reason}", file=sys.stderr)
    return 0 if reason is None or options.dirty else 1


if __name__ == "__main__":
    sys.exit(main())
