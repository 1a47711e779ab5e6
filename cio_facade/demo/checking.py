"""Does the sandbox hold what the files say? Answered from the files and from what arrived, not from what was sent.

A row is known again by its message id, which names the file and the line.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from cio_facade.demo.facts import FACTS
from cio_facade.demo.loading import origin
from cio_facade.demo.sample import lines, odd_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cio_facade.demo.facts import Call, Facts
    from cio_facade.demo.loading import Loaded
    from cio_facade.outcomes import Report

__all__ = ["Check", "account_check", "content_checks", "presence_check", "refusal_check"]


@attrs.frozen
class Check:
    """A question with its answer.

    Attributes
    ----------
    what : str
        What was compared.
    ok : bool
        Whether it is as it should be.
    detail : str
        Figures, or the first of the differences.
    """

    what: str
    ok: bool
    detail: str


def account_check(report: Report) -> Check:
    """Whether every message is accounted for, and none was left behind."""
    account = (
        f"accepted {report.accepted} = delivered {report.delivered} + rejected {report.rejected}"
        f" + failed {report.failed} + pending {report.pending}"
    )
    return Check("account", report.balanced and not report.failed and not report.pending, account)


def refusal_check(loaded: Sequence[Loaded]) -> Check:
    """Whether the rows that were spoilt on purpose were refused, each for its own fault, and no others."""
    expected = {(part.table.file, line): field for part in loaded for line, field in _spoilt(part.table.file).items()}
    found = {(refusal.file, refusal.line): refusal.reason for part in loaded for refusal in part.refusals}
    wrong = [
        place
        for place in sorted(expected.keys() | found.keys())
        if place not in expected or place not in found or expected[place] not in found[place]
    ]
    if wrong:
        file, line = wrong[0]
        return Check("refused rows", False, f"{len(wrong)} not as expected, first {file} line {line}")
    return Check("refused rows", True, f"the {len(found)} spoilt ones, each for its own fault, and no others")


def content_checks(loaded: Iterable[Loaded], calls: Iterable[Call], run: str) -> Iterator[Check]:
    """Compare every row that was to be delivered with the call that arrived, a table at a time.

    Parameters
    ----------
    loaded : iterable of Loaded
        The tables.
    calls : iterable of dict
        What the sandbox holds.
    run : str
        What the message ids begin with.
    """
    held = _by_file(calls, run)
    for part in loaded:
        facts = FACTS[part.table.file]
        wrong = _differences(part.table.file, facts, held.get(part.table.file, []))
        count = part.report.delivered
        detail = f"{len(wrong)} differ, first {part.table.file} line {wrong[0]}" if wrong else f"{count} agree"
        yield Check(f"{part.table.name} ({facts.what})", not wrong, detail)


def presence_check(expected: Sequence[str], calls: Iterable[Call]) -> Check:
    """Whether calls that were made one by one are there, each once."""
    times = Counter(call["messageId"] for call in calls)
    there = sum(times[message_id] == 1 for message_id in expected)
    return Check("single calls (message ids)", there == len(expected), f"{there} of {len(expected)} are there")


def _spoilt(file: str) -> dict[int, str]:
    """Look up which lines of a file must be refused, and for which field."""
    return {line: field for line, field in odd_lines(file).items() if field is not None}


def _by_file(calls: Iterable[Call], run: str) -> dict[str, list[tuple[int, Call]]]:
    """Sort the calls of a run by the file, and pair them with the line, that their message ids name."""
    held: dict[str, list[tuple[int, Call]]] = {}
    for call in calls:
        if call["messageId"].startswith(f"{run}/"):
            file, line = origin(call["messageId"])
            held.setdefault(file, []).append((line, call))
    return held


def _differences(file: str, facts: Facts, held: Sequence[tuple[int, Call]]) -> list[int]:
    """List lines that are not there, not there once, there against expectation, or there with other content."""
    bad = _spoilt(file)
    expected = {line.number: facts.in_row(line.row) for line in lines(file) if line.number not in bad}
    times = Counter(number for number, _ in held)
    miscounted = {number for number in expected.keys() | times.keys() if times[number] != (number in expected)}
    changed = {number for number, call in held if number in expected and not _agrees(facts, call, expected[number])}
    return sorted(miscounted | changed)


def _agrees(facts: Facts, call: Call, expected: object) -> bool:
    """Whether a call tells the facts that its row does; one that lacks them does not."""
    try:
        return facts.in_call(call) == expected
    except (KeyError, TypeError, ValueError):
        return False
