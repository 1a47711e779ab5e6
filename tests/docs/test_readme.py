"""What the documents say is so: their snippets run, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documents import DOCUMENTS, ROOT, SHELL, blocks, files, having, lines, name, prose, words

if TYPE_CHECKING:
    import click

_LIMIT = 60  # seconds, for the snippets of one document
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name)


def test_there_are_documents_with_snippets_and_commands() -> None:
    names = {name(document) for document in DOCUMENTS}
    assert {"README.md", "docs/testing.md"} <= names
    assert ROOT / "README.md" in having({"python"})
    assert ROOT / "README.md" in having(SHELL)


@pytest.mark.parametrize("document", having({"python"}), ids=name)
def test_the_python_in_a_document_runs(document: Path, tmp_path: Path) -> None:
    """Block after block in one namespace, with a sandbox for a server."""
    sandboxes = pytest.importorskip(
        "cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]"
    )
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
    """The document with its Python where it stands, and nothing else: files are run by tests of their own."""
    told = [""] * len(document.read_text(encoding="utf-8").splitlines())
    for block in blocks(document):
        if block.language == "python" and block.file is None:
            text = block.text.splitlines()
            told[block.line - 1 : block.line - 1 + len(text)] = text
    return "\n".join(told)


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if files(document)], ids=name)
def test_every_file_in_a_document_is_run_by_a_test(document: Path) -> None:
    """A test that makes and runs the files of a page has the page's name."""
    tests = [*(ROOT / "tests" / "docs").glob("test_*.py"), *(ROOT / "tests" / "frameworks").glob("test_*.py")]
    assert any(document.name in test.read_text("utf-8") for test in tests if test != Path(__file__))


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.finditer(prose(document)):
        target = (document.parent / link["path"]).resolve() if link["path"] else document
        assert target.exists(), f"{name(document)} links to {link['path']}, which does not exist"
        assert target.is_relative_to(ROOT), f"{name(document)} links out of the project: {link['path']}"
        if link["anchor"]:
            assert link["anchor"] in _anchors(target), f"{name(target)} has no heading #{link['anchor']}"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_commands_exist(document: Path) -> None:
    for command in _commands(document):
        where = f"{name(document)}: {' '.join(command)}"
        match command:
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
                        assert (ROOT / argument).exists(), f"{where}: {argument} does not exist"


def _commands(document: Path) -> Iterator[list[str]]:
    """The commands in shell blocks, and those in the text that are ours."""
    told = re.findall(r"`((?:make|cio-facade) [^`]+)`", prose(document))
    yield from filter(None, map(words, [*told, *lines(document)]))


def _make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def _check_command(arguments: list[str], where: str) -> None:
    """The command line knows the command, and the command its options."""
    click = pytest.importorskip("click", reason="needs the extra [cli]")
    from cio_facade.cli.root import root

    context = click.Context(root)
    command: click.Command = root
    left = iter(arguments)
    for word in left:
        if re.match(r"--?[a-z]", word):
            option, equals, _ = word.partition("=")
            found = _options(command, context).get(option)
            assert found is not None, f"{where}: no such option"
            if not (found.is_flag or found.count or equals):
                next(left, None)  # its value
        elif isinstance(command, click.Group):
            beneath = command.get_command(context, word)
            assert beneath is not None, f"{where}: no such command"
            command = beneath


def _options(command: click.Command, context: click.Context) -> dict[str, click.Option]:
    return {
        spelling: parameter
        for parameter in command.get_params(context)
        if parameter.param_type_name == "option"
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    }
