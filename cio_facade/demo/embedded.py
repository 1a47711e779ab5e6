"""The main job: the whole sample into a sandbox on this machine, and the proof that it arrived."""

from __future__ import annotations

import secrets
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

import attrs

from cio_facade import CustomerIO, Report, people
from cio_facade.demo.checking import Check, account_check, content_checks, presence_check, refusal_check
from cio_facade.demo.loading import load, message_id, total
from cio_facade.demo.sample import lines
from cio_facade.demo.tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cio_facade.demo.display import Display
    from cio_facade.demo.facts import Call
    from cio_facade.demo.loading import Loaded
    from cio_facade.demo.tables import Table
    from cio_facade.outcomes import Receipt
    from cio_facade.sandbox import Sandbox

__all__ = ["Arrival", "conclude", "load_all", "run"]


@attrs.frozen
class Arrival:
    """What was sent and what arrived.

    Attributes
    ----------
    name : str
        The run; all message ids begin with it.
    loaded : tuple of Loaded
        What became of each table.
    receipts : tuple of Receipt
        Of the calls made one by one.
    calls : list of dict
        What the sandbox holds.
    """

    name: str
    loaded: tuple[Loaded, ...]
    receipts: tuple[Receipt, ...]
    calls: list[Call]

    @property
    def account(self) -> Report:
        """The account of everything that was sent."""
        singles = Report(
            accepted=len(self.receipts),
            delivered=len(self.receipts),
            requests=sum(receipt.attempts for receipt in self.receipts),
        )
        return total([*(part.report for part in self.loaded), singles])


def run(sandbox: Sandbox, display: Display) -> bool:
    """Load the sample into a sandbox, and compare what it then holds with the files.

    Parameters
    ----------
    sandbox : Sandbox
        Already listening.
    display : Display
        Where progress and outcome go.

    Returns
    -------
    bool
        Whether the account balances and the sandbox holds exactly what the files say.
    """
    return conclude(load_all(sandbox, display), display)


def load_all(sandbox: Sandbox, display: Display) -> Arrival:
    """Load all tables, and use each verb once."""
    name = f"demo-{secrets.token_hex(4)}"
    display.say(f"Sandbox at {sandbox.url}, run {name}")
    display.title("Loading the sample")
    with CustomerIO("sandbox", base_url=sandbox.url) as cio:
        loaded = tuple(_load_table(cio, table, name, display) for table in tables())
        receipts = tuple(_visit(cio, name))
    display.say(f"  {'single calls':<18}{len(receipts):>6} calls {len(receipts):>5} delivered")
    return Arrival(name, loaded, receipts, sandbox.calls())


def conclude(arrival: Arrival, display: Display) -> bool:
    """Say what was refused, what the sandbox holds, and whether that is right."""
    display.title("Refused, and why")
    display.refusals(refusal for part in arrival.loaded for refusal in part.refusals)
    display.title("What the sandbox holds")
    display.figures(_holdings(arrival.calls))
    display.title("Is that right?")
    checks = list(_checks(arrival))
    for check in checks:
        display.check(check)
    return all(check.ok for check in checks)


def _checks(arrival: Arrival) -> Iterator[Check]:
    """Ask everything that must be so."""
    calls, delivered = arrival.calls, arrival.account.delivered
    yield refusal_check(arrival.loaded)
    yield from content_checks(arrival.loaded, calls, arrival.name)
    yield presence_check([receipt.message_id for receipt in arrival.receipts], calls)
    yield Check("calls in all", len(calls) == delivered, f"{len(calls)} held, {delivered} delivered")
    yield account_check(arrival.account)


def _load_table(cio: CustomerIO, table: Table, run: str, display: Display) -> Loaded:
    """Load a whole file, with progress."""
    rows = display.progress(table.name, lines(table.file), sum(1 for _ in lines(table.file)))
    part = load(cio, table, rows, run)
    display.loaded(part)
    return part


def _visit(cio: CustomerIO, run: str) -> list[Receipt]:
    """Use the verbs one by one: an unknown visitor becomes known, joins a company, and asks to be forgotten."""
    ids = (message_id(run, "visit", step) for step in count(1))
    return [
        cio.page(None, "Pricing", {"path": "/pricing"}, anonymous_id="visitor-1", message_id=next(ids)),
        cio.identify("guest-1", {"email": "guest.1@example.com"}, message_id=next(ids)),
        cio.alias("guest-1", "visitor-1", message_id=next(ids)),
        cio.track("guest-1", "Newsletter Subscribed", {"frequency": "weekly"}, message_id=next(ids)),
        cio.screen("guest-1", "Welcome", message_id=next(ids)),
        cio.group("guest-1", "s-1", {"object_type_id": "1"}, message_id=next(ids)),
        cio.send(people.delete("guest-1", message_id=next(ids))),
    ]


def _holdings(calls: Sequence[Call]) -> dict[str, int]:
    """Count people, objects, devices, and events by name."""
    known = {call["userId"] for call in calls if call["type"] == "identify"}
    gone = {call["userId"] for call in calls if call.get("event") == "User Deleted"}
    tokens = {call["context"]["device"]["token"] for call in calls if call.get("event") == "Device Created or Updated"}
    events = Counter(call["event"] for call in calls if call["type"] == "track")
    return {
        "people": len(known - gone),
        "people deleted": len(gone),
        "objects": len({call["groupId"] for call in calls if call["type"] == "group"}),
        "devices": len(tokens),
        **{f"events {name!r}": number for name, number in events.most_common()},
    }
