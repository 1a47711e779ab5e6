"""The projects of the how-to guides, made in a folder as their pages say, and the programs that run them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from documents import ROOT, files

LIMIT = 60  # seconds, for whatever is waited for
PROGRAMS = Path(sys.executable).parent


def page(name: str) -> Path:
    return ROOT / "docs" / "how-to" / name


def made(name: str, folder: Path, **more: str) -> Path:
    """Write the files of a page, and others that it takes for granted; gives the folder."""
    for file, text in {**more, **files(page(name))}.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for package in path.relative_to(folder).parents[:-1]:
            (folder / package / "__init__.py").touch()
    return folder


def environment(sandbox_environment: Mapping[str, str], folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CIO_", "DJANGO_", "PYTEST_"))}
    programs = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    modules = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    ours = {"PATH": programs, "PYTHONPATH": modules, "PYTHONUNBUFFERED": "1", "CIO_STATE": str(folder / "state")}
    return {**clean, **ours, **sandbox_environment, **more}


def done(command: list[str], folder: Path, variables: Mapping[str, str], code: int = 0) -> str:
    """Run a program to its end; gives what it printed."""
    ended = subprocess.run(
        command, check=False, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=LIMIT
    )
    assert ended.returncode == code, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


@contextmanager
def running(
    command: list[str], folder: Path, variables: Mapping[str, str], begun: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program run that has said that it has begun; what it says goes into ``log.txt``."""
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(variables), stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: re.search(begun, said(folder)) is not None or process.poll() is not None, lambda: said(folder))
        assert process.poll() is None, said(folder)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT)


def said(folder: Path) -> str:
    return (folder / "log.txt").read_text("utf-8", "replace")


def until(is_so: Callable[[], bool], about: Callable[[], str] = str) -> None:
    """Wait until something is so that nobody tells of."""
    latest = time.monotonic() + LIMIT
    while not is_so():
        assert time.monotonic() < latest, about()
        time.sleep(0.02)


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
