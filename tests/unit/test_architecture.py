"""The rules of the house, read from the syntax trees: which way imports run, and what no room may know or list."""

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cio_facade"
SPEC = json.loads((ROOT / "cio_pipelines_api.json").read_text(encoding="utf-8"))

# A room may import those before it.
STOREYS = (
    "_version",
    "errors",
    "outcomes",
    "ids",
    "clock",
    "config",
    "values",
    "messages",
    "events",
    "people devices objects deliveries",
    "validation",
    "encoding",
    "packing",
    "pacing",
    "answers",
    "retrying",
    "delivery",
    "policy",
    "transport",
    "core",
    "verbs",
    "client",
    "aio",
    "testing",
)
HEIGHT = {room: height for height, storey in enumerate(STOREYS) for room in storey.split()}
EDGES = {"sandbox", "demo", "cli"}
# An error carries a report: its type is named, nothing of it is used.
NAMED_ONLY = {("errors", "outcomes")}

# From messages to delivery everything is pure: clock, sleep, ids, jitter are handed in.
PURE = [room for room in HEIGHT if HEIGHT["messages"] <= HEIGHT[room] <= HEIGHT["delivery"]]
IMPURE = {"httpx", "httpcore", "time", "asyncio", "threading", "socket", "random", "ssl", "select", "concurrent", "os"}
KNOW_THE_GENERATED = {"config", "validation", "events", "policy", "core", "client", "aio"}
THIRD_PARTY = {"attrs", "httpx", "orjson", "cio_pipelines"}
OPTIONAL = {"dotenv"}  # an extra, imported where somebody names a file


class Import(NamedTuple):
    """An import, as absolute as it can be said."""

    module: str
    line: int
    typing_only: bool


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def rooms() -> list[str]:
    return sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[Import]:
    """All imports, those inside functions and those for type checkers too."""
    tree = tree_of(path)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(name.name, node.lineno, id(node) in typing_only)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            module = node.module or ""
            for name in node.names:
                inner = f"{module}.{name.name}"
                is_module = module == "cio_facade" and ((PACKAGE / f"{name.name}.py").exists() or name.name in EDGES)
                yield Import(inner if is_module else module, node.lineno, id(node) in typing_only)


def docstrings(tree: ast.AST) -> set[int]:
    """Strings that stand alone: they say something to people only."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def literals(path: Path) -> Iterator[tuple[int, object]]:
    tree = tree_of(path)
    said = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in said:
            yield node.lineno, node.value


def statement_lines(path: Path) -> int:
    """Lines of code: without docstrings, comments, blank lines and imports."""
    tree = tree_of(path)
    said = docstrings(tree)
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Expr) and id(node.value) in said:
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        lines |= set(range(node.lineno, max(end, node.lineno) + 1))
    text = path.read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if text[line - 1].strip() and not text[line - 1].strip().startswith("#"))


# Which way imports run -----------------------------------------------------------------------------------------------


def test_every_room_has_its_place() -> None:
    assert set(rooms()) == set(HEIGHT)
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == EDGES


@pytest.mark.parametrize("room", rooms())
def test_a_room_knows_only_those_before_it(room: str) -> None:
    for found in imports(PACKAGE / f"{room}.py"):
        name = found.module.split(".")[1] if found.module.startswith("cio_facade.") else None
        if name is None:
            assert found.module != "cio_facade", f"{room}.py:{found.line} imports the package itself"
            continue
        if found.typing_only and (room, name) in NAMED_ONLY:
            continue
        assert name not in EDGES, f"{room}.py:{found.line} imports the edge {name}"
        assert HEIGHT[name] < HEIGHT[room] or room == name, f"{room}.py:{found.line} imports {name}"


@pytest.mark.parametrize("room", PURE)
def test_from_messages_to_delivery_no_room_can_do_anything_but_think(room: str) -> None:
    known = {found.module.split(".")[0] for found in imports(PACKAGE / f"{room}.py")}
    assert not known & IMPURE


@pytest.mark.parametrize("room", rooms())
def test_only_some_rooms_know_what_is_generated(room: str) -> None:
    known = any(found.module.split(".")[0] == "cio_pipelines" for found in imports(PACKAGE / f"{room}.py"))
    assert not known or room in KNOW_THE_GENERATED


@pytest.mark.parametrize("room", sorted(KNOW_THE_GENERATED - {"events", "client", "aio"}))
def test_of_what_is_generated_they_know_the_constants_alone(room: str) -> None:
    for node in ast.walk(tree_of(PACKAGE / f"{room}.py")):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cio_pipelines"):
            assert (node.module, [name.name for name in node.names]) == ("cio_pipelines", ["constants"])


@pytest.mark.parametrize("room", rooms())
def test_the_core_needs_what_the_project_depends_on_and_no_extra(room: str) -> None:
    for found in imports(PACKAGE / f"{room}.py"):
        top = found.module.split(".")[0]
        assert top in {"cio_facade", *sys.stdlib_module_names, *THIRD_PARTY, *OPTIONAL}, (
            f"{room}.py:{found.line}: {top}"
        )


# What nothing lists --------------------------------------------------------------------------------------------------

# `demo` is a user of the facade: it names the events of its example. Its own figures are no limits either.
LISTING = [path for path in sources() if "demo" not in path.relative_to(PACKAGE).parts]


def event_names() -> set[str]:
    found: set[str] = set()
    for schema in SPEC["components"]["schemas"].values():
        if event := schema.get("x-semantic-event"):
            found |= {event["name"], *event.get("aliases", ())}
    return found


def test_no_source_lists_events() -> None:
    names = event_names()
    assert len(names) >= 74
    for path in LISTING:
        for line, value in literals(path):
            if isinstance(value, str):
                assert not [name for name in names if name in value], f"{path.name}:{line}: {value!r}"


def test_no_source_lists_classes_of_events() -> None:
    """What acts inside Customer.io is built by name, one operation each; the families are handed on as they are."""
    classes = {name for name, schema in SPEC["components"]["schemas"].items() if "x-semantic-event" in schema}
    inside = {
        name for name in classes if SPEC["components"]["schemas"][name]["x-semantic-event"]["family"] == "customerio"
    }
    for path in LISTING:
        used = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
        assert not used & (classes - inside), path.name


def test_no_source_lists_servers() -> None:
    hosts = {server["url"].split("/")[2] for server in SPEC["servers"]}
    assert hosts
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, str):
                assert not [host for host in {*hosts, "customer.io"} if host in value], f"{path.name}:{line}: {value!r}"


def test_no_source_lists_regions() -> None:
    regions = {server["x-region"] for server in SPEC["servers"]}
    for path in sources():
        for line, value in literals(path):
            assert value not in regions, f"{path.name}:{line}: {value!r}"


def test_no_source_lists_paths() -> None:
    paths = set(SPEC["paths"])
    assert len(paths) == 7
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, str):
                assert value.rstrip("/") not in paths, f"{path.name}:{line}: {value!r}"
                assert not value.endswith(tuple(f"/v1{one}" for one in paths)), f"{path.name}:{line}: {value!r}"


# Figures that are a limit by chance, and mean something else.
NO_LIMITS = {
    ("values.py", 100),  # how deep a value may be nested
    ("facts.py", 100),  # of the demo: how many letters it shows
}


def test_no_source_lists_limits() -> None:
    limits = SPEC["x-limits"]
    figures = {value for value in (*limits.values(), *limits["window"].values()) if isinstance(value, int | float)}
    figures = {figure for figure in figures if figure > 3}  # 3 counts anything
    assert {32_768, 500_000} <= figures
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, int | float) and not isinstance(value, bool) and value in figures:
                assert (path.name, value) in NO_LIMITS, f"{path.name}:{line}: {value}"


def test_strict_mode_and_the_forms_of_keys_come_from_the_spec() -> None:
    pattern = SPEC["components"]["securitySchemes"]["bearerAuth"]["x-key-pattern"]
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, str):
                assert "x-strict-mode" not in value.lower(), f"{path.name}:{line}"
                assert pattern not in value, f"{path.name}:{line}"


# How large rooms are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["client", "aio"])
def test_the_clients_are_thin(room: str) -> None:
    """Beyond about 150 lines of code a decision has leaked out of `delivery`."""
    assert statement_lines(PACKAGE / f"{room}.py") <= 150


@pytest.mark.parametrize("room", rooms())
def test_no_room_is_a_hall(room: str) -> None:
    assert statement_lines(PACKAGE / f"{room}.py") <= 260


# Values and state ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", rooms())
def test_no_room_runs_or_prints_anything_when_it_is_imported(room: str) -> None:
    calls = [
        ast.unparse(node.value.func)
        for node in tree_of(PACKAGE / f"{room}.py").body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert not calls
    names = {
        node.func.id
        for node in ast.walk(tree_of(PACKAGE / f"{room}.py"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not names & {"print", "eval", "exec", "input"}


@pytest.mark.parametrize("room", rooms())
def test_every_room_says_what_is_public(room: str) -> None:
    names = {
        target.id
        for node in tree_of(PACKAGE / f"{room}.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in names or room == "_version"
    assert ast.get_docstring(tree_of(PACKAGE / f"{room}.py")) or room == "_version"
