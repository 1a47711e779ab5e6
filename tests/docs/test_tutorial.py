"""The tutorial, followed to the letter: its files are saved, its commands run, its pages opened, in their order."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from documents import ROOT, blocks
from sessions import LIMIT, SHOWN, Command, agrees, commands, environment, told

pytest.importorskip("duckdb", reason="needs the extra [load]")
pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

import httpx

_PAGE = ROOT / "docs" / "tutorial.md"
_SAVED = re.compile(r"[Ss]ave (?:this|it)\s+as\s+`(?P<name>[\w.]+)`")
_ADDRESS = re.compile(rf"`(http://{re.escape(SHOWN)}/[^`]*)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_INSTALLING = ("python3 -m venv", ". .venv", "pip install")


class Reader:
    """Somebody with two terminals, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, ""
        self.environment: dict[str, str] = {}
        self.installed: list[str] = []

    def types(self, command: Command) -> None:
        """Type a command into the second terminal, and compare what it prints."""
        text = command.text.replace(SHOWN, self.address)
        if text.startswith(_INSTALLING):
            self.installed.append(text)
            return
        words = shlex.split(text)
        if words[0] in {"export", "unset"}:
            for word in words[1:]:
                name, _, value = word.partition("=")
                self.environment.pop(name, None) if words[0] == "unset" else self.environment.update({name: value})
            return
        done = subprocess.run(
            text,
            shell=True,
            check=False,
            cwd=self.folder,
            env=self._everything(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
        # A shell that has become the program cannot say how it ended; the reader's can.
        printed = done.stdout + ("Killed\n" if done.returncode == -signal.SIGKILL else "")
        assert agrees(command.shown, printed), f"$ {text}\n{told(printed)}"

    def opens(self, paragraph: str) -> None:
        """Open the pages of a paragraph, and look for the words that it has in bold behind the address of each."""
        _, *parts = _ADDRESS.split(paragraph)
        for address, about in zip(parts[::2], parts[1::2], strict=True):
            answer = httpx.get(address.replace(SHOWN, self.address)).raise_for_status()
            assert [word for word in _BOLD.findall(about) if word not in answer.text] == [], address

    @contextmanager
    def sandbox(self) -> Iterator[str]:
        """Have the sandbox in the first terminal, a real one, at a free port; gives what stands there."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["cio-facade", "sandbox", "--port", "0"],
            cwd=self.folder,
            env=self._everything(),
            stdout=theirs,
            stderr=theirs,
            executable=Path(sys.executable).parent / "cio-facade",
        ) as process:
            os.close(theirs)
            with os.fdopen(ours, encoding="utf-8") as terminal:
                shown = terminal.readline()
                while "Ctrl-C" not in shown:
                    shown += terminal.readline()
                found = re.search(r"127\.0\.0\.1:\d+", shown)
                assert found
                self.address = found[0]
                try:
                    yield shown
                finally:
                    process.terminate()
                assert process.wait(LIMIT) == 0

    def _everything(self) -> dict[str, str]:
        clean = {name: value for name, value in environment("").items() if not name.startswith("CIO_")}
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        state = {"XDG_STATE_HOME": str(self.folder / "state"), "PATH": programs}
        return {**clean, **state, **self.environment}


def _steps() -> Iterator[tuple[str, str, str]]:
    """The paragraphs and blocks of the tutorial: kind, text, and the paragraph before a block."""
    text = _PAGE.read_text("utf-8")
    starts = {block.line: block for block in blocks(_PAGE)}
    before, paragraph, skip = "", list[str](), 0
    for number, line in enumerate(text.splitlines(), 1):
        if number < skip:
            continue
        if (block := starts.get(number + 1)) is not None and line.startswith("```"):
            yield block.language, block.text, before
            skip = number + block.text.count("\n") + 2
        elif line.strip():
            paragraph.append(line)
            continue
        if paragraph:
            before = " ".join(paragraph)
            paragraph = []
            yield "prose", before, ""


def test_the_tutorial_is_as_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    steps = list(_steps())
    until = next(n for n, (kind, text, _) in enumerate(steps) if kind == "console" and "cio-facade sandbox\n" in text)
    for kind, text, _ in steps[:until]:
        if kind == "console":
            for command in commands(text):
                reader.types(command)
    assert any(one.startswith("pip install") for one in reader.installed)
    saved = set[str]()
    with reader.sandbox() as shown:
        (command,) = commands(steps[until][1])
        assert agrees(command.shown, shown)
        for kind, text, before in steps[until + 1 :]:
            if kind == "prose":
                reader.opens(text)
            elif kind == "console":
                for command in commands(text):
                    reader.types(command)
            else:
                name = _SAVED.findall(before)[-1]
                assert kind != "python" or text.startswith(f"# {name}\n"), "the file names itself"
                (tmp_path / name).write_text(text, encoding="utf-8")
                saved.add(name)
        assert "CIO_BASE_URL" not in reader.environment
    assert len(saved) > 5


def test_the_tutorial_takes_no_longer_than_it_says() -> None:
    """Read at 150 words a minute, with half a minute to type and look for each step in the terminal."""
    words = sum(len(text.split()) for kind, text, _ in _steps() if kind == "prose" and not text.startswith("|"))
    blocks_to_do = sum(1 for kind, *_ in _steps() if kind == "console")
    assert words / 150 + blocks_to_do / 4 < 10
