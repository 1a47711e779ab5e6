"""Put what the sandbox's page carries from npm into the package: exact versions, checked before anything is taken.

python scripts/vendor.py           fetches the packages and writes their files
python scripts/vendor.py --check   says what is not as it is pinned here; fetches nothing

For another version: change it below and run it; each sum that differs is said, for the one who looked at the package
to put it here. npm goes by its user's own configuration, so that a registry nearby is used where one is set up.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scripts import npm

__all__ = ["PACKAGES", "PLACE", "Package", "WrongSumError", "differences", "fetch"]

PLACE = Path(__file__).resolve().parents[1] / "cio_facade" / "sandbox" / "page" / "static" / "vendor"

_SECONDS = 120


class Package(NamedTuple):
    """A package of npm.

    Attributes
    ----------
    name, version : str
    sum : str
        SHA-512 of its archive in base 64, as registries and lock files have it.
    files : mapping of str to tuple
        By the name that a file gets here: its path in the package, and its SHA-256.
    """

    name: str
    version: str
    sum: str
    files: Mapping[str, tuple[str, str]]


PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        {
            "htmx.min.js": ("dist/htmx.min.js", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
            "hx-sse.min.js": (
                "dist/ext/hx-sse.min.js",
                "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
            ),
            "LICENSE-htmx.txt": ("LICENSE", "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"),
        },
    ),
)


class WrongSumError(Exception):
    """What came is not what is pinned here."""


def differences(place: Path = PLACE) -> Iterator[str]:
    """Say what in a folder is not as it is pinned, file by file."""
    wanted = {name: sum_ for package in PACKAGES for name, (_, sum_) in package.files.items()}
    there = {path.name for path in place.iterdir()} if place.is_dir() else set[str]()
    for name in sorted(there | wanted.keys()):
        if name not in wanted:
            yield f"{name} is of no package"
        elif name not in there:
            yield f"{name} is missing"
        elif (sum_ := _sha256((place / name).read_bytes())) != wanted[name]:
            yield f"{name} has the sum {sum_}"


def fetch(package: Package, place: Path = PLACE) -> None:
    """Fetch a package and write its files.

    Raises
    ------
    WrongSumError
        Its archive is not the one that is pinned. Nothing was written.
    NotInstalledError
        There is no npm, or it could not fetch it.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = _pack(package, Path(folder))
        sum_ = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if sum_ != package.sum:
            raise WrongSumError(f"the archive of {package.name} {package.version} has the sum {sum_}")
        place.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as packed:
            for name, (path, _) in package.files.items():
                member = packed.extractfile(f"package/{path}")
                assert member is not None, f"{path} is no file"  # noqa: S101 - of an archive whose sum is known
                (place / name).write_bytes(member.read())


def _pack(package: Package, folder: Path) -> Path:
    command = [*npm.npm(), "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise npm.NotInstalledError(f"npm was not done after {_SECONDS} s") from error
    if done.returncode:
        raise npm.NotInstalledError(f"npm failed: {done.stderr.strip()[-400:]}")
    (archive,) = folder.glob("*.tgz")
    return archive


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str]) -> int:
    """Run the command line, and return its exit code."""
    try:
        if arguments != ["--check"]:
            for package in PACKAGES:
                fetch(package)
    except (WrongSumError, npm.NotInstalledError) as error:
        print(error, file=sys.stderr)
        return 1
    found = list(differences())
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
