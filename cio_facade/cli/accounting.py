"""What is said of a load at its end: the account, or what a dry run found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from cio_facade.cli.describing import table
from cio_facade.cli.failures import Failure, Refused, Undelivered
from cio_facade.cli.loading import clock_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cio_facade.loading.report import DryRun, LoadReport

__all__ = ["account", "as_json", "failure", "pretty", "trial"]

_MOST_REASONS = 10
_MOST_SAMPLES = 3
_MOST_ROWS = 10
_STATES = {
    "loaded": "loaded",
    "resumed": "resumed where an earlier run had stopped",
    "finished": "this load was finished before; nothing was sent (--again sends all of it once more)",
}


def account(report: LoadReport, mending: str | None) -> Iterator[str]:
    """Tell what became of the rows, line by line.

    Parameters
    ----------
    report : LoadReport
        The account.
    mending : str or None
        The command that loads the rejected rows, once they are mended.
    """
    done = not (report.failed or report.pending)
    yield f"{report.source}: {_STATES.get(report.state, report.state) if done else 'not finished'}"
    yield f"  rows       {report.rows:,}"
    yield f"  delivered  {report.delivered:,}"
    for name, number in (("unchanged", report.unchanged), ("rejected", report.rejected), ("failed", report.failed)):
        if number:
            yield f"  {name:<11}{number:,}"
    if report.pending:
        yield f"  left       {report.pending:,}"
    if report.earlier and report.state == "resumed":
        yield f"  earlier    {report.earlier:,} of them settled by earlier runs"
    if report.requests:
        again = f", {report.retries:,} of them repeated" if report.retries else ""
        yield f"  requests   {report.requests:,}{again}, in {clock_time(report.seconds)}"
    yield from _reasons(report, "not delivered")
    yield from (f"note: {note}" for note in report.notes)
    if report.audit_path is not None:
        yield f"audit log: {report.audit_path}"
    if report.rejected_path is not None:
        yield f"rejected rows, each with its reason: {report.rejected_path}"
        if mending is not None:
            yield f"to load them when they are mended: {mending}"


def _reasons(report: LoadReport, what: str) -> Iterator[str]:
    if not report.reasons:
        return
    reasons = sorted(report.reasons.items(), key=lambda item: -item[1])
    yield f"{what}, by reason:"
    yield from table(reasons[:_MOST_REASONS])
    if others := sum(number for _, number in reasons[_MOST_REASONS:]):
        yield from table([("for other reasons", others)])


def trial(report: LoadReport, found: DryRun) -> Iterator[str]:
    """Tell what a load would send, line by line."""
    for sample in found.samples[:_MOST_SAMPLES]:
        yield pretty(sample)
    yield f"{report.source}: dry run, nothing was sent"
    yield f"  rows       {report.rows:,}"
    yield f"  to send    {report.pending:,}"
    for name, number in (("delivered", report.delivered), ("unchanged", report.unchanged)):
        if number:
            yield f"  {name:<11}{number:,}"
    yield f"  rejected   {report.rejected:,}"
    yield f"  requests   {found.requests:,}, {clock_time(found.seconds)} at the rate limit"
    yield f"  bytes      {found.bytes:,}, {found.largest:,} in the largest call"
    yield "calls by type:"
    yield from table(found.calls.items())
    yield from _reasons(report, "would be rejected")
    if found.rejected:
        yield "the first of them:"
    for row, reason in found.rejected[:_MOST_ROWS]:
        yield f"  row {row:<9,}{reason}"
    yield from (f"note: {note}" for note in report.notes)


def failure(report: LoadReport, *, doing: str = "") -> Failure | None:
    """Say how the command ends; None when all is well.

    Parameters
    ----------
    report : LoadReport
        The account.
    doing : str
        Why it had to stop, if it had to.
    """
    if report.state == "dry run":
        return Refused(f"{_rows(report.rejected)} would be rejected") if report.rejected else None
    if doing or report.failed or report.pending:
        open_ = report.failed + report.pending
        return Undelivered(
            f"{doing + '; ' if doing else ''}{_rows(open_)} not delivered; the same command goes on with them"
        )
    return Refused(f"{_rows(report.rejected)} rejected") if report.rejected else None


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def as_json(report: LoadReport | None, ended: Failure | None) -> str:
    """Tell it for programs: the report's fields, the exit code, and what went wrong."""
    fields: dict[str, Any] = {"state": "refused"} if report is None else attrs.asdict(report)
    if report is not None and report.dry_run is not None:
        # As they are: decimals keep their digits.
        fields["dry_run"]["samples"] = [orjson.Fragment(sample) for sample in report.dry_run.samples]
    fields["exit_code"] = 0 if ended is None else ended.exit_code
    fields["error"] = None if ended is None else ended.message
    return orjson.dumps(fields, default=_plain, option=orjson.OPT_INDENT_2).decode()


def _plain(value: Any) -> Any:
    """Give what JSON has no form for one."""
    if isinstance(value, Path):
        return str(value)
    return dict(value)  # the report's mappings may be of any class


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


def pretty(text: str) -> str:
    """Lay out JSON for people; numbers keep their digits.

    Examples
    --------
    >>> print(pretty('{"price":9.90,"tags":[]}'))
    {
      "price": 9.90,
      "tags": []
    }
    """
    return _laid_out(json.loads(text, parse_float=_Digits, parse_int=_Digits), "")


def _laid_out(value: Any, margin: str) -> str:
    inner = margin + "  "
    match value:
        case _Digits():
            return str(value)
        case dict() if value:
            items = [f"{inner}{_text(name)}: {_laid_out(item, inner)}" for name, item in value.items()]  # pyright: ignore
            return "{\n" + ",\n".join(items) + f"\n{margin}}}"
        case list() if value:
            items = [inner + _laid_out(item, inner) for item in value]  # pyright: ignore
            return "[\n" + ",\n".join(items) + f"\n{margin}]"
        case _:
            return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
