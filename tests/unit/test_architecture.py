"""The rules of the house, read from the syntax trees: which way imports run, and what no room may know or list."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest

from cio_facade.config import Limits

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cio_facade"
SPEC = json.loads((ROOT / "cio_pipelines_api.json").read_text(encoding="utf-8"))

# A room may import those before it.
STOREYS = (
    "_version",
    "errors",
    "misfits",
    "displaying",
    "outcomes",
    "ids",
    "clock",
    "locks reentry",
    "recovery",
    "salvage",
    "ledger",
    "database",
    "journal",
    "config",
    "values",
    "messages",
    "events",
    "people devices objects deliveries",
    "columns",
    "validation",
    "encoding",
    "letters",
    "returning",
    "packing",
    "compression",
    "pacing",
    "places",
    "departures lingering",
    "answers",
    "retrying",
    "accounts",
    "delivery",
    "streams",
    "bounds",
    "policy",
    "observing",
    "transport",
    "sessions",
    "leases",
    "core",
    "crew aiocrew",
    "verbs",
    "client",
    "aio",
    "appending",
    "deadletters",
    "glance",
    "backlog",
    "boxes",
    "running",
    "engine aioengine",
    "outbox aoutbox",
    "testing",
    "otel",
)
HEIGHT = {room: height for height, storey in enumerate(STOREYS) for room in storey.split()}
EDGES = {"sandbox", "demo", "cli", "loading"}
# The rooms of the loader, which knows the facade, and no other edge.
LOADING = (
    "arrays audit buffers connections finding kinds marks records report state stores",
    "cells changes frames journal jsonsql mapping snapshots tables trial",
    "fingerprints queries reading rejects texts watching",
    "delimited guesses matching objects urls workbooks",
    "csvs hints jsons parquets",
    "plans sources",
    "jobs rows",
    "expressions pieces",
    "blocks sending",
    "run",
    "load",
)
# The rooms of the sandbox, those of its page too, which know no other edge either.
SANDBOX = (
    "connections effects faultrules guard live queries rate records rules tallies traces",
    "page.assets page.charts page.filters page.links page.telling",
    "answers bodies expecting faults keys listening options regions tables threaded traits wording",
    "page.rendering page.shapes",
    "checks identities page.absent reading sink",
    "admin examine removals reports things",
    "objects profiles",
    "people workspace",
    "storage",
    "app page.views",
    "page.arrivals page.batches page.events page.faults page.objects page.outbox page.people page.person page.reports",
    "page.stream",
    "page",
    "server",
    "asserting foreground notebook",
    "pytest_plugin",
)
# What is asked of the package itself is brought by this room, when it is asked for.
DOOR = "server"
# The sandbox is a server that knows no client: only what it does beside that knows the facade.
BESIDE_THE_SERVER = {"page.outbox", "notebook", "pytest_plugin", "traces"}


def heights(storeys: tuple[str, ...]) -> dict[str, int]:
    return {room: height for height, storey in enumerate(storeys) for room in storey.split()}


INNER = {"loading": heights(LOADING), "sandbox": heights(SANDBOX)}
INNER_ROOMS = [(edge, room) for edge in INNER for room in sorted(INNER[edge])]
# An error carries a report: its type is named, nothing of it is used.
NAMED_ONLY = {("errors", "outcomes")}

# From messages to delivery everything is pure: clock, sleep, ids, jitter are handed in.
PURE = [room for room in HEIGHT if HEIGHT["messages"] <= HEIGHT[room] <= HEIGHT["streams"]]
IMPURE = {"httpx", "httpcore", "time", "asyncio", "threading", "socket", "random", "ssl", "select", "concurrent", "os"}
KNOW_THE_GENERATED = {"config", "validation", "encoding", "events", "policy", "core", "client", "aio", "backlog"}
THIRD_PARTY = {"aiohttp", "attrs", "httpcore", "httpx", "orjson", "yarl", "cio_pipelines"}
OPTIONAL = {"dotenv", "isal", "opentelemetry", "redis"}  # extras, imported where they are asked for


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


def inner_place(edge: str, room: str) -> Path:
    place = (PACKAGE / edge).joinpath(*room.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


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
                place = ROOT.joinpath(*inner.split("."))
                is_module = module.startswith("cio_facade") and (place.with_suffix(".py").exists() or place.is_dir())
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


@pytest.mark.parametrize(("edge", "room"), INNER_ROOMS)
def test_a_room_of_an_edge_knows_only_those_before_it(edge: str, room: str) -> None:
    """And of the edges none but its own."""
    height = INNER[edge]
    for found in imports(inner_place(edge, room)):
        package, _, name = found.module.removeprefix("cio_facade.").partition(".")
        if not found.module.startswith("cio_facade.") or package not in EDGES:
            continue
        assert package == edge, f"{room}:{found.line} imports the edge {package}"
        assert found.typing_only or height[name or DOOR] < height[room], f"{room}:{found.line}: {name}"


@pytest.mark.parametrize("edge", INNER)
def test_every_room_of_an_edge_has_its_place(edge: str) -> None:
    found = (path.relative_to(PACKAGE / edge).with_suffix("").parts for path in (PACKAGE / edge).rglob("*.py"))
    assert {".".join(parts).removesuffix(".__init__") for parts in found} == {*INNER[edge], "__init__"}


@pytest.mark.parametrize("room", sorted({*INNER["sandbox"]} - BESIDE_THE_SERVER))
def test_the_server_knows_no_client(room: str) -> None:
    for found in imports(inner_place("sandbox", room)):
        own = found.module.startswith("cio_facade.sandbox")
        assert own or not found.module.startswith("cio_facade"), f"{room}:{found.line}: {found.module}"


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
    assert names
    # A name of one word is a word like any other, unless it stands alone.
    named = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names if " " in name))
    for path in LISTING:
        for line, value in literals(path):
            if isinstance(value, str):
                assert value not in names, f"{path.name}:{line}: {value!r}"
                assert not named.search(value), f"{path.name}:{line}: {value!r}"


def test_no_source_lists_classes_of_events() -> None:
    """What acts inside Customer.io is built by name, one operation each; the families are handed on as they are."""
    classes = {name for name, schema in SPEC["components"]["schemas"].items() if "x-semantic-event" in schema}
    inside = {
        name for name in classes if SPEC["components"]["schemas"][name]["x-semantic-event"]["family"] == "customerio"
    }
    own = {node.name for path in sources() for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)}
    for path in LISTING:
        used = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
        assert not used & (classes - inside - own), path.name


def test_no_source_lists_servers() -> None:
    hosts = {server["url"].split("/")[2] for server in SPEC["servers"]}
    assert hosts
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, str):
                assert not [host for host in {*hosts, "customer.io"} if host in value], f"{path.name}:{line}: {value!r}"


# Short words that the name of a region may be by chance, and what they are here.
NO_REGIONS = {
    ("rules.py", "in"),  # where a parameter goes, in OpenAPI
    ("storage.py", "id"),  # a column
    ("arrays.py", "us"),  # microseconds
    ("cells.py", "us"),
}


def test_no_source_lists_regions() -> None:
    regions = {server["x-region"] for server in SPEC["servers"]}
    assert regions
    for path in sources():
        for line, value in literals(path):
            assert value not in regions or (path.name, value) in NO_REGIONS, f"{path.name}:{line}: {value!r}"


def test_no_source_lists_paths() -> None:
    paths = set(SPEC["paths"])
    assert paths
    for path in sources():
        for line, value in literals(path):
            if isinstance(value, str):
                assert value.rstrip("/") not in paths, f"{path.name}:{line}: {value!r}"
                assert not value.endswith(tuple(f"/v1{one}" for one in paths)), f"{path.name}:{line}: {value!r}"


# Limits change, and any round number may be one. So a large figure says here what else it is, whatever the limits are,
# and a small one is none unless it is called so.
SMALL = 600  # up to here: statuses, seconds, and what counts anything
LARGE = {
    ("sandbox/app.py", 2_000),  # bytes that are kept of a body that cannot be read
    ("clock.py", 1_000),  # milliseconds in a second
    ("config.py", 65_535),  # the last port
    ("database.py", 4_000),  # pages of a log
    ("accounts.py", 1_000),  # reasons that are told apart
    ("accounts.py", 10_000),  # dead letters that are kept
    ("backlog.py", 1_000),  # chunks that wait for their turn
    ("boxes.py", 100_000),  # messages in memory
    ("leases.py", 1_000_000.0),  # microseconds in a second
    ("compression.py", 1_024),  # bytes of a body that are worth compressing
    ("otel.py", 1_000_000_000.0),  # nanoseconds in a second
    ("policy.py", 65_535),  # the last port
    ("journal.py", 4_000),  # pages of a database
    ("journal.py", 20_000),  # outcomes that are worth a commit
    ("salvage.py", 10_000),  # looks at a damaged file
    ("recovery.py", 0xFFFF_FFFF),  # all bits of a word
    ("testing.py", 1_767_225_600.0),  # when a fake clock starts
    ("transport.py", 65_536),  # bytes that are read of an answer
    ("validation.py", 1_000),  # outlines that are remembered
    ("loading/connections.py", 2_048),  # rows that DuckDB works at together
    ("loading/connections.py", 144_000_000),  # bytes of memory
    ("loading/finding.py", 1_000),  # files that are looked at for one of nearly the same name
    ("loading/frames.py", 4_096),  # dicts that become a batch
    ("loading/frames.py", 20_000),  # rows of a batch
    ("loading/guesses.py", 20_480),  # rows that types are guessed from
    ("loading/journal.py", 1_000),  # reasons that are told apart
    ("loading/journal.py", 10_000),  # rejected rows that are read at a time
    ("loading/jsonsql.py", 4_000),  # characters of JSON that the engine looks at
    ("loading/jsonsql.py", 62_135_596_800),  # the first second of the calendar
    ("loading/jsonsql.py", 253_402_300_799),  # the last one
    ("loading/queries.py", 20_480),  # rows of a group in a file
    ("loading/reading.py", 2_048),  # rows of a batch, at least
    ("loading/reading.py", 8_192),  # at most
    ("loading/records.py", 2_048),  # records that are looked up together
    ("loading/rejects.py", 2_048),  # rows that are written together
    ("loading/snapshots.py", 20_000),  # rows of a group in a file
    ("loading/texts.py", 100_000),  # rows that cannot be read before the file is refused
    ("sandbox/examine.py", 10_000),  # unfit calls of a batch that are kept
    ("sandbox/examine.py", 32_000_000),  # bytes that what a batch's calls share may come to
    ("sandbox/bodies.py", 1_024),  # bytes that gzip may add
    ("sandbox/page/arrivals.py", 20_000),  # calls that are looked at, or counted, at a time
    ("sandbox/page/batches.py", 50_000),  # requests that are looked through for a page
    ("sandbox/page/people.py", 50_000),  # people that a text is looked for in
    ("sandbox/page/reports.py", 50_000),  # reports that are counted by kind
    ("sandbox/page/views.py", 10_001),  # rows beyond which nobody counts
    ("sandbox/queries.py", 20_000),  # steps of SQLite between two looks at the clock
    ("sandbox/queries.py", 10_000),  # rows of an answer
    ("sandbox/queries.py", 16_000_000),  # bytes of a value
    ("sandbox/queries.py", 64_000_000),  # bytes of an answer
    ("cli/commands/sandbox.py", 8_080),  # the usual port
    ("cli/commands/sandbox.py", 65_535),  # the last one
    ("cli/commands/sandbox.py", 10_000),  # rows that are printed of a query
}


def test_no_source_has_a_large_figure_that_might_be_a_limit() -> None:
    found = {
        (path.relative_to(PACKAGE).as_posix(), value)
        for path in sources()
        for _, value in literals(path)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > SMALL
    }
    assert found == LARGE


def names_of_limits() -> set[str]:
    """What the limits are called, in the spec and in Python."""
    return {field.name for field in attrs.fields(Limits)} - {"in_flight", "share"} | SPEC["x-limits"].keys()


def told(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Names, each with what is set beside it: given, assigned, compared."""

    def name(target: ast.AST) -> str:
        word = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        return word.strip("_").lower()

    match node:
        case ast.keyword(arg=str(word)):
            yield word, node.value
        case ast.Assign():
            yield from ((name(target), node.value) for target in node.targets)
        case ast.AnnAssign():
            yield name(node.target), node.value
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            with_default = positional[len(positional) - len(node.defaults) :]
            yield from ((one.arg, default) for one, default in zip(with_default, node.defaults, strict=True))
            yield from ((one.arg, default) for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True))
        case ast.Compare():
            sides = [node.left, *node.comparators]
            yield from ((name(one), other) for one in sides for other in sides)
        case ast.Dict():
            yield from (
                (str(key.value), value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            )


def figures_of_limits(tree: ast.AST) -> list[str]:
    names = names_of_limits()
    return [
        f"{name} {figure.value}"
        for node in ast.walk(tree)
        for name, figure in told(node)
        if name in names and isinstance(figure, ast.Constant) and figure.value not in (None, 0)
    ]


@pytest.mark.parametrize(
    "code",
    [
        "call_bytes: int = 9",
        "_ID_BYTES = 9",
        "self.batch_bytes = 9",
        "Limits(window_requests=9)",
        "def f(a, id_bytes=9): ...",
        "def f(*, window_seconds=0.5): ...",
        "len(text) > limits.event_name_bytes > 9",
        "{'callBytes': 9}",
    ],
)
def test_a_figure_beside_the_name_of_a_limit_is_found(code: str) -> None:
    assert len(figures_of_limits(ast.parse(code))) == 1


def test_no_source_gives_a_limit_its_figure() -> None:
    for path in sources():
        assert not figures_of_limits(tree_of(path)), path.name


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


@pytest.mark.parametrize(
    "place",
    [*(PACKAGE / f"{room}.py" for room in rooms()), *(inner_place(*inner) for inner in INNER_ROOMS)],
    ids=lambda place: place.stem,
)
def test_no_room_is_a_hall(place: Path) -> None:
    assert statement_lines(place) <= 260


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
