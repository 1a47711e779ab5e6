"""What the documents say is so: their snippets run, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

_ROOT = Path(__file__).parents[2]
_LIMIT = 60  # seconds, for the snippets of one document
_DOCUMENTS = sorted(
    [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), *(_ROOT / "examples").rglob("*.md")],
    key=lambda path: path.as_posix(),
)
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_SHELL = {"console", "sh", "bash", "shell"}


class Block(NamedTuple):
    """A fenced block, and the line of the document on which its text begins."""

    language: str
    text: str
    line: int


def _blocks(document: Path) -> Iterator[Block]:
    whole = document.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(whole):
        line = whole.count("\n", 0, found.start("text")) + 1
        yield Block(found["language"], textwrap.dedent(found["text"]), line)


def _prose(document: Path) -> str:
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))


def _name(document: Path) -> str:
    return document.relative_to(_ROOT).as_posix()


def _with(languages: set[str]) -> list[Path]:
    return [document for document in _DOCUMENTS if any(block.language in languages for block in _blocks(document))]


every_document = pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)


def test_there_are_documents_with_snippets_and_commands() -> None:
    names = {_name(document) for document in _DOCUMENTS}
    assert {"README.md", "docs/testing.md"} <= names
    assert _ROOT / "README.md" in _with({"python"})
    assert _ROOT / "README.md" in _with(_SHELL)


@pytest.mark.parametrize("document", _with({"python"}), ids=_name)
def test_the_python_in_a_document_runs(document: Path, tmp_path: Path) -> None:
    """Block after block in one namespace, with a sandbox for a server."""
    sandboxes = pytest.importorskip("cio_facade.sandbox", reason="needs the extra [sandbox]")
    script = tmp_path / f"{document.stem}.py"
    script.write_text(_python(document), encoding="utf-8")
    with sandboxes.Sandbox() as sandbox:
        settings = {"CIO_API_KEY": "sk_us_snippets", "CIO_REGION": "", "CIO_BASE_URL": sandbox.url}
        done = subprocess.run(
            [sys.executable, "-W", "error", script],
            check=False,
            cwd=tmp_path,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )
        assert done.returncode == 0, f"{document.name} (the lines are the document's)\n{done.stdout}{done.stderr}"
        assert sandbox.counts().refused == 0, [request.reason for request in sandbox.requests() if request.reason]
        assert sandbox.counts().lost == 0


def _python(document: Path) -> str:
    """The document with its Python where it stands, and nothing else."""
    lines = [""] * len(document.read_text(encoding="utf-8").splitlines())
    for block in _blocks(document):
        if block.language == "python":
            text = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(text)] = text
    return "\n".join(lines)


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.finditer(_prose(document)):
        target = (document.parent / link["path"]).resolve() if link["path"] else document
        assert target.exists(), f"{_name(document)} links to {link['path']}, which does not exist"
        assert target.is_relative_to(_ROOT), f"{_name(document)} links out of the project: {link['path']}"
        if link["anchor"]:
            assert link["anchor"] in _anchors(target), f"{_name(target)} has no heading #{link['anchor']}"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_commands_exist(document: Path) -> None:
    for words in _commands(document):
        where = f"{_name(document)}: {' '.join(words)}"
        match words:
            case ["make", *targets]:
                unknown = {word for word in targets if "=" not in word} - _make_targets()
                assert not unknown, f"{where}: no such target"
            case ["cio-facade" | ".venv/bin/cio-facade", *arguments]:
                _check_command(arguments, where)
            case ["pip", "install", *packages]:
                for extras in re.findall(r"cio-facade\[([^\]]+)\]", " ".join(packages)):
                    assert set(extras.split(",")) <= _extras(), f"{where}: no such extra"
            case [python, *arguments] if python.endswith("bin/python"):
                for argument in arguments:
                    if "/" in argument:
                        assert (_ROOT / argument).exists(), f"{where}: {argument} does not exist"


def _commands(document: Path) -> Iterator[list[str]]:
    """The commands in shell blocks, and those in the text that are ours, without variables set before them."""
    lines = re.findall(r"`((?:make|cio-facade) [^`]+)`", _prose(document))
    for block in _blocks(document):
        if block.language in _SHELL:
            told = block.text.replace("\\\n", " ").splitlines()
            prompted = [line.removeprefix("$ ") for line in told if line.startswith("$ ")]
            lines += told if block.language != "console" else prompted
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            yield words


def _make_targets() -> set[str]:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def _extras() -> set[str]:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def _check_command(arguments: list[str], where: str) -> None:
    """The command line knows the command, and the command its options."""
    click = pytest.importorskip("click", reason="needs the extra [cli]")
    from cio_facade.cli.root import root

    context = click.Context(root)
    names = [argument for argument in arguments if not argument.startswith("-")]
    command: click.Command | None = root
    while isinstance(command, click.Group) and names and not arguments[0].startswith("-"):
        command = command.get_command(context, names.pop(0))
    assert command is not None, f"{where}: no such command"
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    used = {argument.partition("=")[0] for argument in arguments if re.match(r"--?[a-z]", argument)}
    assert used <= known, f"{where}: no such option"
