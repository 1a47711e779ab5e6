"""``cio-facade outbox``: what waits in a durable outbox, and what of it was not delivered."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cio_facade.cli import describing
from cio_facade.cli.failures import Refused, Undelivered
from cio_facade.cli.helping import Guessing
from cio_facade.cli.settings import dotenv_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cio_facade.deadletters import Letter, Letters

__all__ = ["command"]

_T = TypeVar("_T")

_file = click.Path(exists=True, dir_okay=False)
_path = click.argument("path", type=_file)
_letters_option = click.option(
    "--dead-letters",
    type=_file,
    help="The file of the dead letters, when it is not PATH.dead.jsonl.",
)


@click.group(cls=Guessing, invoke_without_command=True, short_help="Look after a durable outbox.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """See what waits in an outbox, deliver it, and put back what was not delivered.

    Exit codes: 0 all is well, 3 the server rejected some, 4 something is left or failed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command(short_help="What is in it.")
@_path
@_letters_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one object on standard output.")
def status(*, path: str, dead_letters: str | None, as_json: bool) -> None:
    """Say what waits in the outbox PATH, and what became of the rest. Nothing is changed, whoever uses it."""
    from cio_facade.glance import glance  # noqa: PLC0415  SQLite costs time that ``--help`` need not take

    found = glance(path, dead_letters)
    click.echo(describing.as_json(found) if as_json else "\n".join(describing.status(path, found)))


@command.command("drain", short_help="Deliver it.")
@_path
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Stop after so long.")
@click.option("--dead-letters", type=click.Path(dir_okay=False), help="Where they go, instead of PATH.dead.jsonl.")
@click.option(
    "--redact", multiple=True, metavar="NAME", help="What does not go there: email, traits.phone. Repeatable."
)
@dotenv_option
def _drain(
    *, path: str, timeout: float | None, dead_letters: str | None, redact: tuple[str, ...], dotenv: str | None
) -> None:
    """Deliver what waits in the outbox PATH, with the key in CIO_API_KEY.

    Without --timeout it goes on until nothing waits, or nothing has got through for a minute.
    """
    from cio_facade.cli.draining import drain  # noqa: PLC0415  as above

    report, trouble = drain(path, timeout, dead_letters=dead_letters, redact=redact, dotenv=dotenv)
    click.echo(
        f"{describing.messages(report.delivered)} delivered, {report.rejected:,} rejected, {report.failed:,} failed,"
        f" {report.pending:,} left"
    )
    if report.failed or report.pending:
        why = f" ({trouble})" if trouble else ""
        raise Undelivered(f"not all was delivered{why}; what is left stays in {path}, running this again may help")
    if report.rejected:
        raise Refused(f"some were rejected; cio-facade outbox dead {path} says why")


@command.command(short_help="What was not delivered.")
@_path
@_letters_option
@click.option("--reasons", is_flag=True, help="Count them by reason instead.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N only.")
def dead(*, path: str, dead_letters: str | None, reasons: bool, limit: int | None) -> None:
    """Print the dead letters of the outbox PATH, a line of JSON each, the oldest first.

    PATH may be a file of dead letters too, which ends in .jsonl.
    """
    found = _letters(path, dead_letters)
    if reasons:
        for line in describing.table(Counter(letter.reason for letter in _newest(found, limit)).most_common()):
            click.echo(line)
    else:
        for letter in _newest(found.lines(), limit):
            click.echo(letter)
    _tell_torn(found)


@command.command(short_help="Put back what was not delivered.")
@click.argument("path", type=click.Path(dir_okay=False))
@_letters_option
@click.option("--id", "ids", multiple=True, metavar="ID", help="The message of this id only. Repeatable.")
@click.option("--reason", metavar="TEXT", help="Those only in whose reason this text is.")
def retry(*, path: str, dead_letters: str | None, ids: tuple[str, ...], reason: str | None) -> None:
    """Put dead letters back into the outbox PATH, under the message ids they had.

    Edit the file before, where a message is to be mended. What is still not fit stays in it. With --dead-letters, PATH
    may be a new outbox: so the letters of one in memory are sent.
    """
    from cio_facade.deadletters import DeadLetterFile, beside  # noqa: PLC0415  as above
    from cio_facade.glance import glance  # noqa: PLC0415  as above
    from cio_facade.journal import Journal  # noqa: PLC0415  as above

    if dead_letters is None:
        _file.convert(path, None, click.get_current_context())  # mistyped, it would be made
    if Path(path).exists():
        glance(path)  # which leaves nothing beside a file that is no outbox
    file = DeadLetterFile(dead_letters or beside(path))
    journal = Journal(path)
    try:
        back = file.retry(journal.append, wanted=_wanted(ids, reason))
    finally:
        journal.close()
    _tell_torn(file)
    for line in describing.retried(path, back, held=bool(back.put) and glance(path).delivering):
        click.echo(line)
    if back.kept:
        raise Undelivered(f"not all were put back; {file.path} has the rest")


def _letters(path: str, dead_letters: str | None) -> Letters:
    from cio_facade.deadletters import Letters, beside  # noqa: PLC0415  as above
    from cio_facade.glance import glance  # noqa: PLC0415  as above

    if dead_letters is None and path.endswith(".jsonl"):
        return Letters(path)
    file = Path(dead_letters or beside(path))
    if not file.exists():
        glance(path)  # of what is no outbox, to print nothing would say that all is well
    return Letters(file)


def _newest(items: Iterable[_T], limit: int | None) -> Iterable[_T]:
    return items if limit is None else deque(items, limit)


def _wanted(ids: tuple[str, ...], reason: str | None) -> Callable[[Letter], bool] | None:
    if not ids and reason is None:
        return None
    return lambda letter: (not ids or letter.message_id in ids) and (reason is None or reason in letter.reason)


def _tell_torn(letters: Letters) -> None:
    if letters.torn:
        click.echo(describing.cut_short(letters.torn), err=True)
