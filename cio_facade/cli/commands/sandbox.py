"""``cio-facade sandbox``: the API on this machine, for development."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import warnings
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cio_facade.cli.failures import Misused, extra
from cio_facade.cli.helping import Described, Grouped, Guessing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cio_facade.cli.tabling import Rows
    from cio_facade.sandbox import Sandbox

__all__ = ["command"]

_PORT = 8_080
_SECONDS = 60.0  # that a query of a file may take
_MOST_ROWS = 10_000
_TABLES = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY name"


class _Running(Guessing, Described):
    """A command that runs by itself, and has others beneath it."""


def _grouped(group: str, *names: str, **attributes: Any) -> Callable[..., Any]:
    return click.option(*names, cls=Grouped, group=group, **attributes)


_WHERE, _WHAT, _TROUBLE = "Where", "What it takes", "Trouble on demand"


@click.group(
    cls=_Running,
    invoke_without_command=True,
    short_help="Run the API on this machine.",
    examples=[
        ("run it, and keep what arrives", "cio-facade sandbox --db calls.db"),
        (
            "a bad day: one request in twenty is refused, and all take a while",
            "cio-facade sandbox --fault 429:5%,slow:200ms",
        ),
        ("have your code send there", "export CIO_BASE_URL=http://127.0.0.1:8080/v1 CIO_API_KEY=any"),
        (
            "ask what it keeps, from another terminal",
            'cio-facade sandbox sql "SELECT event, count(*) FROM calls GROUP BY 1"',
        ),
    ],
)
@_grouped(
    _WHERE,
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    metavar="PORT",
    help="0 takes a free one.",
)
@_grouped(_WHERE, "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@_grouped(
    _WHERE,
    "--db",
    type=click.Path(dir_okay=False),
    help="SQLite file that keeps what arrives; memory without it.",
)
@_grouped(_WHERE, "--sink", is_flag=True, help="Count only: calls are neither checked nor kept.")
@_grouped(
    _WHERE,
    "--outbox",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="An outbox of yours, whose dead letters the page shows.",
)
@_grouped(
    _WHAT, "--api-key", "api_keys", multiple=True, metavar="KEY", help="A key to accept; any without it. Repeatable."
)
@_grouped(_WHAT, "--rate/--no-rate", default=True, show_default=True, help="Enforce the API's rate limit.")
@_grouped(_WHAT, "--drop-repeats", is_flag=True, help="Drop a call whose message id was accepted before.")
@_grouped(_WHAT, "--region", metavar="NAME", help="Be that region's server: keys of others are sent elsewhere.")
@_grouped(_WHAT, "--elsewhere", metavar="URL", help="Where keys of other regions are redirected to; needs --region.")
@_grouped(
    _TROUBLE,
    "--fault",
    "faults",
    multiple=True,
    metavar="RULE",
    help="What goes wrong, and how often: 429:5%, 500:1%, reset:1%, slow:200ms, drop-response:1%; 500@1-3 for the "
    "first three requests. Repeatable, or with commas between.",
)
@_grouped(
    _TROUBLE,
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Of the chance in faults: the same again goes wrong the same way.",
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Run a local server that speaks the Data Pipelines API, checks every call and shows what it did.

    It prints its URL, and below it the address of the page that shows what arrives, and runs until Ctrl-C. Point a
    client at it with CIO_BASE_URL and any CIO_API_KEY.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    options["faults"] = _split(options["faults"])
    options["api_keys"] = options["api_keys"] or None
    with extra("sandbox"):
        from cio_facade.sandbox import serve  # noqa: PLC0415
    try:
        with _warnings_told():
            serve(**options, ready=_greet)
    except sqlite3.Error as error:
        raise Misused(f"{options['db']}: {error}") from error
    except ValueError as error:
        raise Misused(str(error)) from error


@contextmanager
def _warnings_told() -> Generator[None]:
    """Say warnings as all else is said here: that others may reach it is meant for whoever starts it."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _tell
        yield


def _tell(message: Warning | str, *_: Any, **_more: Any) -> None:
    click.echo(f"cio-facade: {message}", err=True)


def _refuse_options(ctx: click.Context) -> None:
    """Options of the server before a command that asks one: they would be without effect."""
    for param in ctx.command.params:
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            name = param.opts[0]
            raise click.UsageError(f"{name} before {ctx.invoked_subcommand} has no effect; put options after it", ctx)


def _split(rules: tuple[str, ...]) -> list[str]:
    return [rule for text in rules for rule in re.split(r"[,\s]+", text) if rule]


def _greet(sandbox: Sandbox) -> None:
    """Say where it is: two lines for programs, and more for people."""
    click.echo(f"{sandbox.url}\n{sandbox.page}")
    sys.stdout.flush()
    if sys.stderr.isatty():
        click.echo(
            f"Send to it:    export CIO_BASE_URL={sandbox.url} CIO_API_KEY=any\n"
            f"See it arrive: {sandbox.page}\n"
            "Ctrl-C ends it.",
            err=True,
        )


_db_option = click.option(
    "--db", type=click.Path(exists=True, dir_okay=False), help="Read this file, also while a sandbox has it."
)
_url_option = click.option(
    "--url", metavar="URL", help="Of the sandbox that runs; CIO_BASE_URL without it, or the usual port of this machine."
)
_json_option = click.option("--json", "form", flag_value="json", help="A line of JSON for each row.")
_csv_option = click.option("--csv", "form", flag_value="csv", help="CSV; NULL is an empty field.")
_limit_option = click.option(
    "--limit", type=click.IntRange(1), default=_MOST_ROWS, show_default=True, metavar="N", help="Most rows to print."
)


@command.command(
    cls=Described,
    short_help="Query what a sandbox keeps.",
    examples=[
        ("which events came how often", 'cio-facade sandbox sql "SELECT event, count(*) FROM calls GROUP BY event"'),
        (
            "why calls were refused",
            "cio-facade sandbox sql \"SELECT reason, event FROM received WHERE verdict = 'refused'\"",
        ),
        (
            "a person's plan, from a file",
            "cio-facade sandbox sql --db calls.db \"SELECT traits ->> 'plan' FROM people\"",
        ),
        ("tables and columns", "cio-facade sandbox sql"),
    ],
    exits={
        0: "all is well",
        2: "a faulty query, one that would write, a file that is no sandbox's",
        4: "no sandbox answers",
    },
)
@click.argument("query", required=False)
@_db_option
@_url_option
@_json_option
@_csv_option
@_limit_option
def sql(*, query: str | None, db: str | None, url: str | None, form: str | None, limit: int) -> None:
    """Run QUERY, in SQLite's SQL, over what a sandbox keeps; it can only read. Without QUERY: tables and columns.

    On a terminal it draws a table, in which long values are cut; elsewhere values are separated by tabs.
    """
    if query is None:
        _list(db, url, form)
        return
    found = _answer(query, db, url, limit)
    _print(found, form)
    if found.more:
        hint = "--limit N gives more" if len(found.rows) == limit else "LIMIT and OFFSET in the query give the others"
        click.echo(f"these are the first {len(found.rows):,} rows; {hint}", err=True)


@command.command(cls=Described, short_help="List its tables and columns.")
@_db_option
@_url_option
@_json_option
@_csv_option
def tables(*, db: str | None, url: str | None, form: str | None) -> None:
    """List the tables of a sandbox with their columns, for queries."""
    _list(db, url, form)


@command.command(
    cls=Described,
    short_help="Have a running sandbox fail.",
    examples=[
        ("two things go wrong from now on", "cio-facade sandbox fault 429:5% drop-response:1%"),
        ("the next three requests fail", "cio-facade sandbox fault 500@1-3"),
        ("all is well again", "cio-facade sandbox fault --clear"),
        ("what is in force", "cio-facade sandbox fault"),
    ],
)
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@click.option("--clear", is_flag=True, help="Let nothing go wrong any more.")
@click.option("--seed", type=int, metavar="N", help="Of the chance in them; unchanged without it.")
@_url_option
def fault(*, rules: tuple[str, ...], clear: bool, seed: int | None, url: str | None) -> None:
    """Set what goes wrong in a sandbox that runs, in place of what did, and print what is in force.

    RULES are those of cio-facade sandbox --fault, with spaces or commas between.
    """
    from cio_facade.cli.asking import ask  # noqa: PLC0415  HTTP costs time that ``--help`` need not take

    if clear and (rules or seed is not None):
        raise click.UsageError("--clear takes no rules and no seed", click.get_current_context())
    if clear:
        said = ask("DELETE", "faults", url=url, port=_PORT)
    elif rules or seed is not None:
        wanted = _split(rules) or ask("GET", "faults", url=url, port=_PORT)["rules"]
        said = ask("PUT", "faults", {"rules": wanted, "seed": seed}, url=url, port=_PORT)
    else:
        said = ask("GET", "faults", url=url, port=_PORT)
    for rule in said["rules"]:
        click.echo(rule)


def _list(db: str | None, url: str | None, form: str | None) -> None:
    from cio_facade.cli.tabling import Rows  # noqa: PLC0415  as above

    names = [name for (name,) in _answer(_TABLES, db, url, _MOST_ROWS).rows]
    # No rows, and yet the names of all columns: so a file and a running sandbox are asked alike.
    columns = [_answer(f'SELECT * FROM "{name}" LIMIT 0', db, url, 1).columns for name in names]  # noqa: S608
    rows = [[name, " ".join(found)] for name, found in zip(names, columns, strict=True)]
    _print(Rows(["table", "columns"], rows), form, whole=True)


def _answer(query: str, db: str | None, url: str | None, limit: int) -> Rows:
    if db is not None and url is not None:
        raise click.UsageError("--db or --url, not both", click.get_current_context())
    return _asked(query, url, limit) if db is None else _read(query, db, limit)


def _asked(query: str, url: str | None, limit: int) -> Rows:
    from cio_facade.cli.asking import ask  # noqa: PLC0415  as above
    from cio_facade.cli.tabling import Rows  # noqa: PLC0415  as above

    said = ask("POST", "sql", {"query": query}, url=url, port=_PORT)
    rows = said["rows"]
    return Rows(said["columns"], rows[:limit], more=bool(said.get("more")) or len(rows) > limit)


def _read(query: str, db: str, limit: int) -> Rows:
    from cio_facade.cli.tabling import Rows  # noqa: PLC0415  as above
    from cio_facade.sandbox.reading import Readers  # noqa: PLC0415  as above

    try:
        with closing(Readers(db)) as readers:
            return Rows(*readers.query(query, seconds=_SECONDS, rows=limit))
    except (ValueError, sqlite3.Error) as error:
        raise Misused(f"{db}: {error}") from error


def _print(found: Rows, form: str | None, *, whole: bool = False) -> None:
    from cio_facade.cli import tabling  # noqa: PLC0415  as above

    on_terminal = sys.stdout.isatty()
    if form is None and on_terminal:
        click.echo(tabling.as_table(found, shutil.get_terminal_size().columns, whole=whole))
        return
    lines = {"json": tabling.as_json, "csv": tabling.as_csv}.get(form or "", tabling.as_tabs)
    for line in lines(found):
        # Not by click, which leaves out what it takes for colours: values are as they came.
        sys.stdout.write(f"{tabling.harmless(line) if on_terminal else line}\n")
