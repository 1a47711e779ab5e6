"""Console blocks as sessions: their commands run in a shell, and what they print is held against what stands there.

Below a command stands what it prints, on both streams. ``...`` stands for anything that is left out. Where nothing
stands below, the command must succeed. Ports, times and request ids are those of the run: they are not compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LIMIT = 120  # seconds, for one command
SHOWN = "127.0.0.1:8080"  # the sandbox, as documents have it
_PROMPT, _MORE = "$ ", "> "
_BY_CHANCE = (
    (re.compile(r"127\.0\.0\.1:\d+"), SHOWN),
    (re.compile(r"\bport \d+"), "port 8080"),
    (re.compile(r"\b\d+\.\d{3} s\b"), "0.001 s"),
    (re.compile(r"\brequest [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "request 00000000"),
    (re.compile(r"\brequest [0-9a-f]{8}-\.\.\."), "request 00000000"),
    (re.compile(r"message id [0-9a-f]+-\w+"), "message id 0-0"),
    (re.compile(r"after \d+ attempts"), "after 2 attempts"),
)


class Command(NamedTuple):
    """A command of a console block, and what the document says that it prints."""

    text: str
    shown: str


def commands(block: str) -> Iterator[Command]:
    """Take a console block apart."""
    text, shown = "", list[str]()
    for line in block.splitlines():
        if line.startswith(_PROMPT):
            if text:
                yield Command(text, "\n".join(shown))
            text, shown = line.removeprefix(_PROMPT), []
        elif line.startswith(_MORE) and not shown:
            text += "\n" + line.removeprefix(_MORE)
        else:
            shown.append(line)
    if text:
        yield Command(text, "\n".join(shown))


def told(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, instead in _BY_CHANCE:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def agrees(shown: str, printed: str) -> bool:
    """Whether a document shows what was printed."""
    pattern = ".*?".join(map(re.escape, told(shown).split("...")))
    return re.fullmatch(pattern, told(printed), re.DOTALL) is not None


def run(command: Command, folder: Path, address: str, **variables: str) -> None:
    """Run a command as a reader would, with the sandbox's address for the one that documents have.

    Parameters
    ----------
    command : Command
        What to run, and what it is to print.
    folder : Path
        Where.
    address : str
        Host and port of the sandbox.
    **variables
        Of the environment, beside key and base URL.
    """
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command.text.replace(SHOWN, address),
        shell=True,
        check=False,
        cwd=folder,
        env={**environment(address), "CIO_STATE": str(folder / "state"), **variables, "PATH": programs},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    if command.shown:
        assert agrees(command.shown, done.stdout), f"$ {command.text}\n{told(done.stdout)}"
    else:
        assert done.returncode == 0, f"$ {command.text}\n{done.stdout}"


def environment(address: str) -> Mapping[str, str]:
    """The environment of a reader whose client sends to the sandbox."""
    ours = ("CIO_", "PYTEST_")  # a proxy of this machine is none of the reader's either
    clean = {k: v for k, v in os.environ.items() if not k.startswith(ours) and not k.lower().endswith("_proxy")}
    return {**clean, "CIO_API_KEY": "sk_us_snippets", "CIO_BASE_URL": f"http://{address}/v1", "COLUMNS": "120"}
