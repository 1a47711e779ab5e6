"""``cio-facade load``: any table, file or query."""

from __future__ import annotations

import shlex
import signal
import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cio_facade.cli.failures import Failure, Interrupted, Invalid, extra, one_line
from cio_facade.cli.helping import Described, Grouped
from cio_facade.cli.settings import dotenv_option

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cio_facade import CustomerIO
    from cio_facade.cli.loading import Display
    from cio_facade.loading.load import Confirmation
    from cio_facade.loading.report import LoadReport, Progress

__all__ = ["command"]

_EXAMPLES = (
    ("people from a file; the columns id, email and the like are known", "cio-facade load people.csv --as identify"),
    (
        "see what would be sent, and how long it would take; nothing is sent",
        "cio-facade load people.csv --as identify --dry-run",
    ),
    (
        "name what is called otherwise, leave a column out",
        "cio-facade load people.csv --as identify --map nr=user_id --map tarif=traits.plan --map notes=",
    ),
    ("events, their names in a column", "cio-facade load 'events-*.parquet' --as track --map what=event"),
    ("a semantic event: columns become its properties", "cio-facade load orders.parquet --as OrderCompleted"),
    (
        "a query, every night, and only what has changed",
        "cio-facade load \"FROM 'people.parquet' WHERE active\" --as identify --changed-only",
    ),
    ("people who asked to be forgotten; without a question", "cio-facade load ids.csv --as delete --yes"),
)
_EXITS = {
    0: "All rows are delivered, now or before.",
    2: "The command was called wrongly, or a setting is missing; nothing was sent.",
    3: "Some rows were rejected; the others are delivered.",
    4: "Some rows are left or failed, the key was refused, or nobody got through: the same command goes on.",
    5: "Refused before anything was sent: no such source, a mapping that fits nothing, a source that changed, a no.",
    130: "Interrupted; the same command goes on.",
}
_AS_THEY_ARE = (
    "identify_by", "event", "nulls", "types", "encoding", "name", "state", "again", "changed_only", "dry_run",
    "rejected", "audit", "timeout",
)  # fmt: skip
"""Options that are handed on by their names."""
_MENDED = ("only_mapped", "changed_only", "gzip")
"""Flags that hold for the rejected rows too."""


def _files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG001
    return [CompletionItem(incomplete, type="file")]


def _kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    from cio_facade.cli.completing import starting, what_rows_become  # noqa: PLC0415  only a shell asks

    return starting(incomplete, what_rows_become())


def _pairs(what: str, ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read ``COL=...``; the last equals sign divides, since a column may have one in its name."""
    pairs: dict[str, str] = {}
    for value in values:
        column, found, target = value.rpartition("=")
        if not found or not column:
            raise click.BadParameter(f"{value!r} is not COL={what}", ctx, param)
        if column in pairs:
            raise click.BadParameter(f"column {column!r} is given twice", ctx, param)
        pairs[column] = target
    return pairs


_rows = partial(click.option, cls=Grouped, group="What rows become")
_reading = partial(click.option, cls=Grouped, group="Reading")
_sending = partial(click.option, cls=Grouped, group="Sending")
_telling = partial(click.option, cls=Grouped, group="Telling")
_file = click.Path(dir_okay=False)


@click.command(cls=Described, short_help="Load any table, file or query.", examples=_EXAMPLES, exits=_EXITS)
@click.argument("source", shell_complete=_files)
@_rows("--as", "as_", required=True, metavar="KIND", shell_complete=_kinds, help="What a row is; see above.")
@_rows(
    "--map",
    "columns",
    multiple=True,
    metavar="COL=TARGET",
    callback=partial(_pairs, "TARGET"),
    help="What a column becomes, such as user_id, timestamp, traits.plan, context.ip; nothing leaves it out."
    " Repeatable.",
)
@_rows(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False),
    help="A YAML file that says this: map, only, event and so on.",
)
@_rows("--only", multiple=True, metavar="COL", help="Of all columns this one becomes a trait or property. Repeatable.")
@_rows("--only-mapped", is_flag=True, help="No column does that --map or --mapping does not name.")
@_rows("--identify-by", metavar="FIELD", help="Know people by this instead of an id; email is the usual one.")
@_rows("--event", metavar="NAME", help="The event's name, where no column has it.")
@_rows(
    "--nulls",
    type=click.Choice(["skip", "send"]),
    help="Leave empty cells out (skip, the default), or send them as null, which clears an attribute.",
)
@_reading(
    "--type",
    "types",
    multiple=True,
    metavar="COL=TYPE",
    callback=partial(_pairs, "TYPE"),
    help="The DuckDB type of a column of a text file, such as zip=VARCHAR. Repeatable.",
)
@_reading("--encoding", metavar="NAME", help="Of a text file that is not UTF-8, such as latin-1.")
@_sending("--dry-run", is_flag=True, help="Send nothing: check all rows, and say what would be sent. Needs no key.")
@_sending("--again", is_flag=True, help="Begin anew, though it was finished, or interrupted with another content.")
@_sending("--changed-only", is_flag=True, help="Send only what differs from what the person was last sent.")
@_sending("--name", metavar="NAME", help="What the load is known by when it is run again, instead of by SOURCE.")
@_sending("--state", type=click.Path(file_okay=False), help="The folder where it is remembered what was delivered.")
@_sending("--yes", is_flag=True, help="Do not ask before people are deleted or suppressed.")
@_sending("--gzip", is_flag=True, help="Compress what is sent.")
@_sending(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop after so long; the same command goes on.",
)
@_telling("--rejected", type=_file, help="Where rejected rows go, with their reasons; beside SOURCE without it.")
@_telling("--audit", type=_file, help="A log of whom it concerned; deletions and suppressions always have one.")
@_telling("--json", "as_json", is_flag=True, help="One object on standard output; progress as JSON lines elsewhere.")
@_telling("--quiet", is_flag=True, help="Show no progress, and the account only when not all was delivered.")
@dotenv_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Load SOURCE: a file, a glob, an URL, or a query in SQL, of which each row becomes a call.

    KIND says which: identify, alias, device, suppress, unsuppress, delete (people); track, page, screen (what they do);
    group, object, relationship (what they belong to); or the name of a semantic event (cio-facade events lists them).

    Files may be CSV, JSON lines, JSON, Parquet or Excel, compressed too. Columns that say who and when are known by
    their names (id, user_id, email, anonymous_id, timestamp); the others become traits or properties.

    What was delivered is remembered. When it is interrupted, the same command goes on where it stopped; when it is
    finished, the same command sends nothing. Rows that are not fit, or that the server refuses, are written to a file
    with the reason, to be mended and loaded. With --json, standard output has one object at the end, and standard error
    a line of JSON every few seconds, which --quiet leaves out.
    """
    report: LoadReport | None = None
    ended: Failure | None = None
    try:
        with one_line(), extra("load"):
            report, ended = _run(ctx, given)
    except Failure as failure:
        ended = failure
    if given["as_json"]:
        from cio_facade.cli.accounting import as_json  # noqa: PLC0415  as below

        click.echo(as_json(report, ended))
    if ended is not None:
        raise ended


def _run(ctx: click.Context, given: dict[str, Any]) -> tuple[LoadReport, Failure | None]:
    """Load, and tell the account; gives it with how the command ends."""
    # DuckDB, HTTP and progress bars cost time that ``--help`` need not take.
    from cio_facade.cli.accounting import failure  # noqa: PLC0415
    from cio_facade.cli.loading import display_for  # noqa: PLC0415
    from cio_facade.errors import AuthenticationError, CustomerIOError  # noqa: PLC0415
    from cio_facade.loading.load import load  # noqa: PLC0415

    if given["only"] and given["only_mapped"]:
        raise click.UsageError("--only and --only-mapped exclude each other", ctx)
    display = display_for(_label(given["source"]), quiet=given["quiet"], as_json=given["as_json"])
    client = _client(given)
    try:
        with _interruptible() as interrupt_again, client or nullcontext(), display:

            def update(progress: Progress) -> None:
                interrupt_again()
                display.update(progress)

            report = load(
                given["source"],
                given["as_"],
                client=client,
                on_progress=update,
                confirm=None if given["yes"] else partial(_confirm, display),
                **_said(given),
            )
    except KeyboardInterrupt as interrupt:
        report = _carried(interrupt, Interrupted("interrupted; nothing was sent"))
        ended: Failure | None = Interrupted("interrupted; the same command goes on where it stopped")
    except (CustomerIOError, OSError) as error:
        words = f"{error.filename or 'system'}: {error.strerror}" if isinstance(error, OSError) else str(error)
        report = _carried(error, Invalid(f"{words} (nothing was sent)"))
        hint = " (cio-facade doctor looks into it)" if isinstance(error, AuthenticationError) else ""
        ended = failure(report, doing=words + hint)
    else:
        ended = failure(report)
    _tell(ctx, given, report)
    return report, ended


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """Give what was said, and only that: the mapping file may say the rest."""
    files = [given["mapping"]] if given["mapping"] else []
    asked = {name: given[name] for name in _AS_THEY_ARE}
    asked["mapping"] = [*files, *(f"{column}={target}" for column, target in given["columns"].items())]
    asked["only"] = given["only_mapped"] or list(given["only"])
    return {name: value for name, value in asked.items() if value}


def _client(given: dict[str, Any]) -> CustomerIO | None:
    """Connect; a dry run goes without a key too."""
    from cio_facade import CustomerIO  # noqa: PLC0415  as above
    from cio_facade.errors import ValidationError  # noqa: PLC0415  as above

    try:
        return CustomerIO.from_env(given["dotenv"], gzip=given["gzip"])
    except ValidationError as error:
        if given["dry_run"] and error.field == "CIO_API_KEY":
            return None
        raise


def _carried(error: BaseException, otherwise: Failure) -> LoadReport:
    """Give the account that an error carries; without one, nothing was sent."""
    from cio_facade.loading.report import LoadReport  # noqa: PLC0415  as above

    report = getattr(error, "report", None)
    if not isinstance(report, LoadReport):
        raise otherwise from error
    return report


def _tell(ctx: click.Context, given: dict[str, Any], report: LoadReport) -> None:
    """Write the account, where people read it."""
    from cio_facade.cli import accounting  # noqa: PLC0415  as above

    if given["as_json"] or (given["quiet"] and report.complete):
        return
    if report.dry_run is not None:
        lines = accounting.trial(report, report.dry_run)
    else:
        lines = accounting.account(report, _mending(ctx, given, report))
    for line in lines:
        click.echo(line)


def _mending(ctx: click.Context, given: dict[str, Any], report: LoadReport) -> str | None:
    """Make the command that loads the rejected rows once they are mended."""
    if report.rejected_path is None:
        return None
    words = [*ctx.command_path.split(), str(report.rejected_path), "--as", given["as_"]]
    words += [f"--map={column}={target}" for column, target in given["columns"].items()]
    words += [f"--only={column}" for column in given["only"]]
    words += [f"--type={column}={type_}" for column, type_ in given["types"].items()]
    for name in ("mapping", "identify_by", "event", "nulls", "state", "dotenv"):
        words += [f"--{name.replace('_', '-')}={given[name]}"] if given[name] is not None else []
    words += [f"--{name.replace('_', '-')}" for name in _MENDED if given[name]]
    return shlex.join(words)


def _confirm(display: Display, about: Confirmation) -> bool:
    """Ask whoever sits there; where nobody does, it is a no."""
    what = f"{about.kind} up to {about.rows:,} {'person' if about.rows == 1 else 'people'} at {about.base_url}"
    if not _somebody_is_there():
        raise Invalid(f"to {what} needs a yes; --yes goes ahead without asking (nothing was sent)")
    with display.paused():
        try:
            agreed = click.confirm(f"This is to {what}, for good and all. Go ahead?", err=True)
        except click.Abort:
            click.echo(err=True)
            agreed = False
    if not agreed:
        raise Invalid("not confirmed; nothing was sent")
    return True


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


@contextmanager
def _interruptible() -> Generator[Callable[[], None]]:
    """Take SIGTERM, by which schedulers end a task, for Ctrl-C: what is under way is noted before the end.

    Gives a function that interrupts once more when one of them has come: what a handler raises is lost where it happens
    to interrupt a library that swallows it, such as pyarrow while it imports pandas.
    """
    came = False

    def stop(*_: object) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def again() -> None:
        if came:
            raise KeyboardInterrupt

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield again
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _label(source: str) -> str:
    """Say the source in short: a file's name, or that it is a query."""
    words = source.split(None, 1)
    if len(words) > 1 and "/" not in words[0] and "." not in words[0]:
        return "query"
    return source.replace("\\", "/").rpartition("/")[2] or source
