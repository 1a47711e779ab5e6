"""A small part of the sample into the real API, and its deletion afterwards, whatever happens in between.

Everything it creates has an id, and every person an address, that begins with the name of the run. The people are
unsubscribed, so that no campaign of the workspace writes to them. Nobody is suppressed: that would outlive a deletion.
"""

from __future__ import annotations

import secrets
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from cio_facade import AuthenticationError, Report, devices, objects, people
from cio_facade.demo.brake import Brake
from cio_facade.demo.loading import load, total
from cio_facade.demo.sample import Line, lines, odd_lines
from cio_facade.demo.tables import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cio_facade import CustomerIO
    from cio_facade.demo.display import Display
    from cio_facade.demo.sample import Row
    from cio_facade.demo.tables import Table
    from cio_facade.messages import Message

__all__ = ["Made", "Plan", "plan", "run"]

_COMPANIES, _MEMBERS, _A_TABLE = 2, 3, 12
_OWN = ("user_id", "owner_id", "company_id", "order_id", "token")
_SKIPPED = frozenset({"privacy.csv"})


@attrs.frozen
class Plan:
    """What is to be created.

    Attributes
    ----------
    name : str
        What all its ids begin with.
    parts : mapping of Table to tuple of Line
        The rows, with ids of their own.
    """

    name: str
    parts: Mapping[Table, tuple[Line, ...]]


def plan() -> Plan:
    """Take the first companies of the sample with some of their people, and what these did, under a new name."""
    name = f"cio-facade-demo-{secrets.token_hex(4)}"
    companies = [line.row for line in islice(_good("companies.csv"), _COMPANIES)]
    firms = {row["company_id"] for row in companies}
    members = (line.row["user_id"] for line in _good("memberships.csv") if line.row["company_id"] in firms)
    persons = {row["owner_id"] for row in companies} | set(islice(members, _MEMBERS))

    def chosen(table: Table) -> Iterator[Line]:
        for line in _good(table.file):
            who = line.row.get("user_id") or line.row.get("owner_id")
            if who in persons and line.row.get("company_id", companies[0]["company_id"]) in firms:
                yield Line(line.number, _renamed(line.row, name))

    parts = {table: tuple(islice(chosen(table), _A_TABLE)) for table in tables() if table.file not in _SKIPPED}
    return Plan(name, parts)


def _good(file: str) -> Iterator[Line]:
    """Read the rows of a file without the odd ones."""
    odd = odd_lines(file)
    return (line for line in lines(file) if line.number not in odd)


def _renamed(row: Row, name: str) -> Row:
    """Give the row ids of this run."""
    own: Row = {column: f"{name}-{value}" if column in _OWN else value for column, value in row.items()}
    if "email" in own:
        own |= {"email": f"{own['user_id']}@example.com", "unsubscribed": True}
    return own


class Made:
    """What was created, as told by the messages that create it; noted before they leave, so that nothing is missed."""

    def __init__(self) -> None:
        self._undo: dict[tuple[str, ...], Message] = {}

    def note(self, message: Message) -> None:
        """Remember what a message creates."""
        call = message.call
        who = str(call["userId"])
        self._undo["person", who] = people.delete(who)
        if message.type == "group":
            what, kind = str(call["groupId"]), int(call["traits"]["object_type_id"])
            self._undo["object", what] = objects.delete(what, kind)
            self._undo["relation", who, what] = objects.unrelate(who, what, kind)
        token = call.get("context", {}).get("device", {}).get("token")
        if token is not None:
            self._undo["device", who, token] = devices.delete(who, token, call["context"]["device"]["type"])

    def clear(self) -> None:
        """Forget everything."""
        self._undo.clear()

    def undo(self) -> list[Message]:
        """Build the messages that delete it all: what hangs on something before the thing itself."""
        order = ("device", "relation", "object", "person")
        return [message for kind in order for key, message in self._undo.items() if key[0] == kind]


def run(connect: Callable[[], CustomerIO], todo: Plan, display: Display) -> bool:
    """Create what the plan says, then delete it: after an error and after Ctrl-C, too.

    Parameters
    ----------
    connect : callable
        Gives a client; deletion has one of its own, whatever became of the first.
    todo : Plan
        What to create.
    display : Display
        Where progress and outcome go.

    Returns
    -------
    bool
        Whether all was created and all was deleted.

    Raises
    ------
    Stopped
        Ctrl-C; what was created until then is deleted.
    KeyboardInterrupt
        A second Ctrl-C; nothing more is done but to say what may be left.
    """
    made = Made()
    with Brake() as brake:
        try:
            with connect() as cio:
                created = _create(cio, todo, made, brake, display)
        except KeyboardInterrupt:
            _tell_left(todo, display)
            raise
        except Exception:
            _delete(connect, todo, made, display)
            raise
        return _delete(connect, todo, made, display).complete and created.complete


def _create(cio: CustomerIO, todo: Plan, made: Made, brake: Brake, display: Display) -> Report:
    """Load the plan's rows."""
    display.title("Creating")
    reports: list[Report] = []
    for table, rows in todo.parts.items():
        try:
            part = load(cio, table, brake.rows(rows), todo.name, made.note)
        except AuthenticationError:
            if not reports:
                made.clear()  # the key was never right, so nothing is there to be deleted
            raise
        display.loaded(part)
        display.refusals(part.refusals)
        reports.append(part.report)
    return total(reports)


def _delete(connect: Callable[[], CustomerIO], todo: Plan, made: Made, display: Display) -> Report:
    """Delete what was created; where that fails, say what may be left."""
    deletions = made.undo()
    if not deletions:
        return Report()
    display.title("Deleting it again")
    report = None
    try:
        with connect() as cio:
            report = cio.send_many(deletions)
        display.say(f"  {report.delivered} of {report.accepted} deletions delivered")
        return report
    finally:
        if report is None or not report.complete:
            _tell_left(todo, display)


def _tell_left(todo: Plan, display: Display) -> None:
    """Say how to find what may not have been deleted."""
    display.say(f"  Not everything could be deleted: look for ids that begin with {todo.name}")
