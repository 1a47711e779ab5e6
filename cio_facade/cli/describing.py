"""What is said of an outbox on the command line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cio_facade.deadletters import Retried
    from cio_facade.glance import DeadLetters, Glance
    from cio_facade.ledger import Totals

__all__ = ["as_json", "cut_short", "messages", "retried", "status", "table"]

_MOST_REASONS = 10
_UNITS = (("day", 24 * 60 * 60), ("hour", 60 * 60), ("minute", 60), ("second", 1))


def status(path: str, found: Glance) -> Iterator[str]:
    """Tell what is there, line by line."""
    yield path
    if found.totals is None:
        yield "  damaged    whoever opens it next saves what can be read of it, and keeps the damaged file"
    else:
        yield from _account(found.totals)
    if found.delivering:
        yield "  now        a process delivers"
    elif found.totals is not None and found.totals.pending:
        yield f"  now        nobody delivers; cio-facade outbox drain {path} does"
    if found.log and not found.delivering:
        yield f"  log        {found.log:,} bytes beside it: a process has it open, or ended without closing it"
    for other in found.set_aside:
        yield f"  damaged    an earlier file, kept as {other}"
    yield from _dead(found.dead_letters)


def _account(totals: Totals) -> Iterator[str]:
    waiting = f"{messages(totals.pending)}, {totals.bytes:,} bytes"
    if totals.pending and totals.oldest is not None:
        waiting += f", the oldest for {_duration(max(0.0, time.time() - totals.oldest))}"
    yield f"  waiting    {waiting}"
    yield f"  delivered  {totals.delivered:,}"
    yield f"  rejected   {totals.rejected:,}"
    yield f"  failed     {totals.failed:,}"


def _dead(letters: DeadLetters) -> Iterator[str]:
    if letters.problem is not None:
        yield f"  dead       {letters.problem}"
        return
    yield f"  dead       {letters.number:,} {'letter' if letters.number == 1 else 'letters'} in {letters.path}"
    reasons = list(letters.reasons.items())
    yield from table(reasons[:_MOST_REASONS])
    if others := sum(number for _, number in reasons[_MOST_REASONS:]):
        yield from table([("for other reasons", others)])
    if letters.torn:
        yield f"             {cut_short(letters.torn)}"


def retried(path: str, back: Retried, *, held: bool) -> Iterator[str]:
    """Tell what became of letters that were to be put back into an outbox, which a process has that delivers."""
    yield f"{messages(back.put)} put back" + (f", {back.passed:,} not asked for" if back.passed else "")
    if back.put:
        yield "the process that has the outbox sends it" if held else f"to send it: cio-facade outbox drain {path}"
    if back.kept:
        yield f"{messages(sum(back.kept.values()))} kept:"
    yield from table(back.kept.items())


def table(reasons: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Tell reasons, each after its number."""
    return (f"{number:>11,}  {reason}" for reason, number in reasons)


def as_json(found: Glance) -> str:
    """Tell it for programs."""
    fields = attrs.asdict(found)
    fields["totals"] = None if found.totals is None else found.totals._asdict()
    return json.dumps(fields, indent=2)


def cut_short(number: int) -> str:
    """Tell of lines that nobody can read."""
    return f"{number:,} {'line is' if number == 1 else 'lines are'} cut short and left out"


def messages(number: int) -> str:
    """Tell a number of messages."""
    return f"{number:,} {'message' if number == 1 else 'messages'}"


def _duration(seconds: float) -> str:
    """Say a time in its greatest unit."""
    for name, length in _UNITS:
        if number := int(seconds // length):
            return f"{number:,} {name}{'' if number == 1 else 's'}"
    return "less than a second"
