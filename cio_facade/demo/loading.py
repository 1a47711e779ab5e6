"""Tables through the client, with an account of every row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs

from cio_facade.outcomes import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cio_facade import CustomerIO
    from cio_facade.demo.sample import Line
    from cio_facade.demo.tables import Table
    from cio_facade.messages import Message
    from cio_facade.outcomes import DeadLetter

__all__ = ["Loaded", "Refusal", "load", "message_id", "origin", "total"]


class Refusal(NamedTuple):
    """A row that was not delivered, and why. Line 0: which one is not known."""

    file: str
    line: int
    reason: str


@attrs.frozen
class Loaded:
    """What became of a table."""

    table: Table
    report: Report
    refusals: tuple[Refusal, ...]


def message_id(run: str, file: str, line: int) -> str:
    """Make an id that says where a message comes from: it leads back to the line from anywhere it went."""
    return f"{run}/{file}:{line}"


def origin(message_id: str) -> tuple[str, int]:
    """Tell the file and the line of a message by its id."""
    file, _, line = message_id.partition("/")[2].rpartition(":")
    return file, int(line)


def load(
    cio: CustomerIO,
    table: Table,
    rows: Iterable[Line],
    run: str,
    seen: Callable[[Message], object] | None = None,
) -> Loaded:
    """Send the rows of a table, one message each, in flat memory.

    Parameters
    ----------
    cio : CustomerIO
        The client.
    table : Table
        What the rows are.
    rows : iterable of Line
        Read as delivery goes on.
    run : str
        Names this run in the message ids.
    seen : callable, optional
        Is told of each message before it is handed over.
    """
    refusals: list[Refusal] = []

    def stream() -> Iterator[Message]:
        for line in rows:
            message = table.build(line.row, message_id(run, table.file, line.number))
            if seen is not None:
                seen(message)
            yield message

    def refused(letter: DeadLetter) -> None:
        line = origin(letter.message_id)[1] if letter.message_id is not None else 0
        refusals.append(Refusal(table.file, line, letter.reason))

    report = cio.send_many(stream(), on_dead_letter=refused)
    return Loaded(table, report, tuple(sorted(refusals)))


def total(reports: Iterable[Report]) -> Report:
    """Add up the accounts."""
    kept = list(reports)
    return Report(
        accepted=sum(report.accepted for report in kept),
        delivered=sum(report.delivered for report in kept),
        rejected=sum(report.rejected for report in kept),
        failed=sum(report.failed for report in kept),
        pending=sum(report.pending for report in kept),
        requests=sum(report.requests for report in kept),
        retries=sum(report.retries for report in kept),
    )
