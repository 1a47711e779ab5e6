"""What the documents say of the sandbox is so: tests in them pass, commands run, tables and options are all there."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, lines, name, words

pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

from cio_facade import CustomerIO
from cio_facade.sandbox import Sandbox

_LIMIT = 60  # seconds, for what is run of one document
_FILE = re.compile(r"# ((?:test_\w+|conftest)\.py)\n")
_GUIDE, _REFERENCE = ROOT / "docs" / "sandbox.md", ROOT / "docs" / "sandbox-reference.md"
_DOCUMENTS = [ROOT / "README.md", _GUIDE, _REFERENCE, ROOT / "docs" / "testing.md"]
_PROGRAM = "cio-facade"
_ASKING = {"sql", "tables", "fault"}


def _files(document: Path) -> list[tuple[str, str]]:
    """The blocks of Python that are files of tests, by the names in their first lines."""
    return [
        (found[1], block.text)
        for block in blocks(document)
        if block.language == "python" and (found := _FILE.match(block.text))
    ]


def _is_of_sandbox(line: str) -> bool:
    return words(line)[:2] == [_PROGRAM, "sandbox"]


def _asks(line: str) -> bool:
    told = words(line)
    return (_is_of_sandbox(line) and bool(_ASKING & {*told})) or told[:1] == ["curl"] or told[:2] == [_PROGRAM, "send"]


def _starts(line: str) -> bool:
    return _is_of_sandbox(line) and not _asks(line)


def _environment(**variables: str) -> dict[str, str]:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "CIO_API_KEY": "any", "CIO_REGION": "", **variables, "PATH": programs}


def test_the_guide_has_tests_and_commands_to_be_tried() -> None:
    assert {"conftest.py"} < {file for file, _ in _files(_GUIDE)}
    assert any(map(_asks, lines(_GUIDE)))
    assert any(map(_starts, lines(_GUIDE)))


@pytest.mark.parametrize("document", [document for document in _DOCUMENTS if _files(document)], ids=name)
def test_the_tests_in_a_document_pass(document: Path, tmp_path: Path) -> None:
    """Each test by itself, and a conftest.py with the first of them."""
    files = _files(document)
    tests = [(file, text) for file, text in files if file != "conftest.py"]
    folders = [[one] for one in tests] + [[one, tests[0]] for one in files if one not in tests]
    for number, folder in enumerate(folders):
        place = tmp_path / str(number)
        place.mkdir()
        for file, text in folder:
            (place / file).write_text(text, encoding="utf-8")
        arguments = ["-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", place, place]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            check=False,
            cwd=place,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )
        assert done.returncode == 0, f"{name(document)}: {[file for file, _ in folder]}\n{done.stdout}{done.stderr}"
        assert f"{len(folder) if number < len(tests) else 1} passed" in done.stdout


def test_no_test_in_a_document_is_left_out() -> None:
    for document in _DOCUMENTS:
        for block in blocks(document):
            if block.language == "python" and re.search(r"^def test_|^@pytest\.fixture", block.text, re.MULTILINE):
                assert _FILE.match(block.text), f"{name(document)}:{block.line} does not name its file"


@pytest.mark.parametrize("document", [page for page in _DOCUMENTS if any(map(_asks, lines(page)))], ids=name)
def test_what_a_document_asks_of_a_sandbox_is_answered(document: Path, tmp_path: Path) -> None:
    """Line by line in a shell, with a sandbox in the place of the one at the usual port, and of the usual file."""
    with Sandbox(tmp_path / "calls.db") as sandbox:
        with CustomerIO("any", base_url=sandbox.url) as cio:
            cio.identify("u1", {"plan": "pro"})
        environment = _environment(CIO_BASE_URL=sandbox.url)
        for line in filter(_asks, lines(document)):
            if "curl" in line and not shutil.which("curl"):
                continue
            there = line.replace("http://127.0.0.1:8080/", sandbox.page).replace("curl ", "curl --fail --silent ")
            done = subprocess.run(
                ["sh", "-c", there],
                check=False,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
            )
            assert done.returncode == 0, f"{name(document)}: {line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "line", [line for document in _DOCUMENTS for line in lines(document) if _starts(line)], ids=lambda line: line[:60]
)
def test_a_sandbox_starts_as_a_document_says(line: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / _PROGRAM), *words(line)[1:], "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, page = process.stdout.readline(), process.stdout.readline()
        process.terminate()
        assert process.wait(_LIMIT) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1\n", url)
    assert page == url.replace("v1", "")


def test_every_table_is_described_with_its_columns() -> None:
    with Sandbox() as sandbox:
        names = sandbox.sql(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
        )
        tables = {
            row["name"]: [column["name"] for column in sandbox.sql(f"PRAGMA table_info({row['name']})")]
            for row in names
        }
    assert tables.pop("calls") == tables["received"]
    described = {
        found[1]: re.findall(r"`(\w+)`", found[2])
        for found in re.finditer(r"^\| `(\w+)` \| [^|]+ \| (`[^|]+) \|$", _REFERENCE.read_text("utf-8"), re.MULTILINE)
    }
    assert described == tables


def test_every_setting_is_described_with_its_option() -> None:
    click = pytest.importorskip("click", reason="needs the extra [cli]")
    from cio_facade.cli.commands.sandbox import command

    guide = _GUIDE.read_text("utf-8")
    rows = re.findall(r"^\| ((?:`\w+=[^`]*`(?:, )?)+) \| ([^|]*?) ?\|", guide, re.MULTILINE)
    settings = {setting: default for told, _ in rows for setting, default in re.findall(r"`(\w+)=([^`]*)`", told)}
    parameters = inspect.signature(Sandbox).parameters.values()
    assert settings == {one.name: repr(one.default).replace("'", '"') for one in parameters}
    options = {option for _, told in rows for option in re.findall(r"`(--[\w-]+)`", told)}
    known = [one for one in command.params if isinstance(one, click.Option)]
    assert options == {one.secondary_opts[0] if one.secondary_opts else one.opts[0] for one in known}


def test_a_room_of_the_sandbox_knows_those_above_it_in_the_map() -> None:
    house = ROOT / "cio_facade" / "sandbox"
    _, _, below = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Rooms of the sandbox")
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \|", below.partition("\n## ")[0], re.MULTILINE)
    rooms = re.findall(r"\w+", " ".join(rows))
    assert len(set(rooms)) == len(rooms) > 30
    for height, room in enumerate(rooms):
        place = house / room
        for path in [*place.rglob("*.py")] if place.is_dir() else [house / f"{room}.py"]:
            assert _neighbours(path) - {room} <= set(rooms[:height]), path.name


def _neighbours(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cio_facade.sandbox"):
            _, _, room = (node.module or "").removeprefix("cio_facade.").partition(".")
            found |= {room.partition(".")[0]} if room else {name.name for name in node.names if name.name.islower()}
    return found
