"""The reference says what the spec, the command line and the code say, and leaves nothing of them out."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest

import cio_facade
from cio_facade import errors

pytest.importorskip("click", reason="needs the extra [cli]")
pytest.importorskip("openapi_python_client", reason="needs the extra [generate]")

import click

from cio_facade.cli.root import root as commands
from scripts.generator.spec import Spec
from scripts.reference import main, pages

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
SPEC = json.loads((ROOT / "cio_pipelines_api.json").read_text("utf-8"))
SCHEMAS = SPEC["components"]["schemas"]
EVENTS = sorted(name for name, schema in SCHEMAS.items() if "x-semantic-event" in schema)
# Extras that only work on the project needs.
OURS = {"bench", "dev", "docs", "frameworks", "generate", "release", "tests"}


def told(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next."""
    found = re.search(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


# What click shows depends on what was asked of a command before in the same process: the help of another context.
def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )


def test_the_generated_pages_are_those_that_would_be_generated() -> None:
    done = run("scripts/reference.py", "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_told_with_every_property_that_the_spec_gives_it(name: str) -> None:
    schema = SCHEMAS[name]
    mark = schema["x-semantic-event"]
    text = section(told(f"events/{mark['family']}.md"), mark["name"])
    assert schema["description"] in text
    assert f"`{mark['family']}.{name}`" in text
    lines = text.splitlines()
    for wire, value in schema.get("properties", {}).items():
        (line,) = [line for line in lines if line.startswith(f"| `{argument(name, wire)}` |")]
        description = value.get("description") or SCHEMAS[value["$ref"].rpartition("/")[2]]["description"]
        assert description in line
        assert (", required |" in line) == (wire in schema.get("required", ()))
        assert argument(name, wire) == wire or f"Sent as `{wire}`." in line


def argument(name: str, wire: str) -> str:
    """What the generated class calls a property: it is set, and seen where it is sent."""
    event = getattr(import_module("cio_pipelines.models"), name)
    fields = [field.name for field in attrs.fields(event)]
    (found,) = [field for field in fields if field.strip("_").replace("_", "") == wire.replace("_", "").lower()]
    return found


@pytest.mark.parametrize("part", ["Product", "EmailContext", "DeviceContext", "ObjectReference"])
def test_what_events_are_made_of_is_told_on_their_page(part: str) -> None:
    texts = [page.read_text("utf-8") for page in (REFERENCE / "events").glob("*.md")]
    with_it = [text for text in texts if f"\n### {part}\n" in text]
    assert with_it
    for text in with_it:
        assert all(f"| `{name}` |" in section(text, part) for name in cio_attributes(part))


def cio_attributes(name: str) -> set[str]:
    model = getattr(import_module("cio_pipelines.models"), name)
    return {field.name for field in attrs.fields(model)} - {"additional_properties"}


def test_a_new_event_and_a_new_property_are_lines_more_and_nothing_else() -> None:
    changed = json.loads(json.dumps(SPEC))
    changed["components"]["schemas"]["OrderCompleted"]["properties"]["gift"] = {
        "type": "boolean",
        "description": "Whether it is a gift.",
    }
    changed["components"]["schemas"]["SeatBooked"] = {
        "type": "object",
        "description": "Someone booked a seat.",
        "x-semantic-event": {"name": "Seat Booked", "family": "theatre", "shape": "properties"},
    }
    old, new = pages(Spec(SPEC)), pages(Spec(changed))
    assert new.keys() - old.keys() == {"events/theatre.md"}
    more = {name: [line for line in new[name].splitlines() if line not in old[name].splitlines()] for name in old}
    assert more.pop("events/ecommerce.md") == ["| `gift` | `bool` | Whether it is a gift. |"]
    assert "- [Seat Booked](theatre.md#seat-booked): Someone booked a seat." in more.pop("events/index.md")
    assert not any(more.values())


def test_a_page_that_is_not_what_it_should_be_is_named_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    assert main(["--out", str(tmp_path), "--check"]) == 0
    (tmp_path / "cli.md").write_text("old")
    (tmp_path / "events" / "gone.md").touch()
    capsys.readouterr()
    assert main(["--out", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0].rpartition("/")[2] for line in said] == ["cli.md", "gone.md"]
    assert "make generate" in said[0]
    assert main(["--out", str(tmp_path)]) == 0
    assert main(["--out", str(tmp_path), "--check"]) == 0


def every_command(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every_command(below, *path, name)


@pytest.mark.parametrize("path", list(every_command(commands)), ids=" ".join)
def test_a_command_is_told_in_the_words_of_its_help(path: tuple[str, ...]) -> None:
    shown = run("-c", "from cio_facade.cli import main; main()", *path, "--help", COLUMNS="120", NO_COLOR="1")
    assert shown.returncode == 0, shown.stderr
    page = re.search(
        rf"^## {' '.join(['cio-facade', *path])}\n\n```text\n(.*?)\n```$", told("cli.md"), re.MULTILINE | re.DOTALL
    )
    assert page
    assert page[1] == "\n".join(line.rstrip() for line in shown.stdout.rstrip().splitlines())


def directives() -> list[str]:
    return [
        name
        for page in sorted(REFERENCE.rglob("*.md"))
        for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    ]


def resolved(name: str) -> Any:
    """What a dotted name stands for: a module, or something in one."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except AttributeError:
        return import_module(name)


@pytest.mark.parametrize("name", [name for name in cio_facade.__all__ if name != "__version__"])
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert directives().count(f"cio_facade.{name}") == 1


def test_the_reference_names_nothing_that_is_not_there_and_nothing_twice() -> None:
    names = directives()
    assert sorted(names) == sorted(set(names))
    for name in names:
        pytest.importorskip("opentelemetry", reason="needs the extra [otel]") if ".otel." in name else None
        assert resolved(name) is not None


def test_everything_in_the_reference_has_a_docstring() -> None:
    assert [name for name in directives() if not (resolved(name).__doc__ or "").strip()] == []


def test_the_errors_are_told_as_the_code_has_them() -> None:
    page = told("errors.md")
    tree = re.search(r"^    (CustomerIOError\n.*?)\n\n", errors.__doc__ or "", re.MULTILINE | re.DOTALL)
    assert tree
    assert re.sub(r"^    ", "", tree[1], flags=re.MULTILINE) in page
    for name in errors.__all__:
        assert f"\n::: cio_facade.{name}\n" in page
        assert name == "CustomerIOError" or f"\n| `{name}` |" in page


def variables() -> set[str]:
    """The variables of the environment that the code reads: named where it is asked, or by their prefix."""
    found: set[str] = set()
    for path in (ROOT / "cio_facade").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if re.fullmatch(r"CIO_[A-Z_]+", node.value) else set()
            asked: ast.AST | None = None
            if isinstance(node, ast.Call) and re.search(r"environ\.get$|getenv$", ast.unparse(node.func)):
                asked = node.args[0]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
                asked = node.slice
            if asked is not None:
                texts = {part.value for part in ast.walk(asked) if isinstance(part, ast.Constant)}
                found |= {text for text in texts if isinstance(text, str) and text.isupper()}
    return found


def test_every_variable_of_the_environment_that_is_read_is_told() -> None:
    assert {"CIO_API_KEY", "CIO_REGION", "CIO_BASE_URL", "CIO_STATE", "XDG_STATE_HOME"} <= variables()
    rows = "\n".join(line.split(" | ")[0] for line in told("configuration.md").splitlines() if line.startswith("| `"))
    assert {name for name in variables() if f"`{name}`" not in rows} == set()


def test_every_extra_is_told_and_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows = re.findall(r"^\| `(\w+)` \|", section(told("configuration.md"), "Extras"), re.MULTILINE)
    assert set(rows) == project["optional-dependencies"].keys() - OURS
