"""``cio-facade load`` as a shell runs it, and what it says at its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Ended", "ended", "run_load", "start_load"]

_COMMAND = str(Path(sys.executable).parent / "cio-facade")


class Ended(NamedTuple):
    """How a load ended.

    Attributes
    ----------
    code : int
        The exit code.
    report : dict
        The account, as ``--json`` gives it; empty when the process was killed.
    told : str
        Standard error.
    """

    code: int
    report: dict[str, Any]
    told: str


def start_load(url: str, state: Path, source: str | Path, *options: str) -> subprocess.Popen[str]:
    """Start the installed command and leave it running."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CIO_")}
    own = {name: value for name, value in own.items() if not name.lower().endswith("_proxy")}
    return subprocess.Popen(
        [_COMMAND, "load", str(source), "--state", str(state), "--json", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**own, "CIO_BASE_URL": url, "CIO_API_KEY": "sandbox"},
        cwd=state.parent,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  it takes no lock
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # shells have their background jobs ignore it


def ended(process: subprocess.Popen[str], timeout: float = 120) -> Ended:
    """Wait for the end."""
    said, told = process.communicate(timeout=timeout)
    try:
        return Ended(process.returncode, json.loads(said or "{}"), told)
    except ValueError:
        raise AssertionError(f"no account: {said} {told}") from None


def run_load(url: str, state: Path, source: str | Path, *options: str) -> Ended:
    """Run the installed command to its end."""
    return ended(start_load(url, state, source, *options))
