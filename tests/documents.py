"""The documents of the project, for tests of what they say: their blocks of code, and the commands in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")],
    key=lambda path: path.as_posix(),
)
SHELL = {"console", "sh", "bash", "shell"}
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


_FILE = re.compile(r"# ([\w./-]+\.(?:py|sh|cfg|toml|ini))\n")


class Block(NamedTuple):
    """A fenced block, and the line of the document on which its text begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that it is, by the name in its first line: ``# shop/views.py``."""
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks(document: Path) -> Iterator[Block]:
    whole = document.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(whole):
        line = whole.count("\n", 0, found.start("text")) + 1
        yield Block(found["language"], textwrap.dedent(found["text"]), line)


def files(document: Path) -> dict[str, str]:
    """The blocks that are files, by name: a test makes them, and runs them as their document says."""
    return {block.file: block.text for block in blocks(document) if block.file}


def prose(document: Path) -> str:
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def having(languages: set[str]) -> list[Path]:
    return [document for document in DOCUMENTS if any(block.language in languages for block in blocks(document))]


def lines(document: Path) -> Iterator[str]:
    """The lines of the shell that a document has in blocks, without prompts."""
    for block in blocks(document):
        if block.language in SHELL:
            told = block.text.replace("\\\n", " ").splitlines()
            prompted = [line.removeprefix("$ ") for line in told if line.startswith("$ ")]
            yield from told if block.language != "console" else prompted


def words(line: str) -> list[str]:
    """The words of a command, without variables set before it and without a comment."""
    found = shlex.split(line, comments=True)
    while found and re.match(r"[A-Z_]+=", found[0]):
        found = found[1:]
    return found
