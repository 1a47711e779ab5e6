"""What became of a load: how far it is while it runs, and the account at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DryRun", "LoadReport", "Progress"]


@attrs.frozen(kw_only=True)
class Progress:
    """How far a load is.

    Attributes
    ----------
    rows : int
        Rows of the source, those that could not be read too.
    settled : int
        Rows that need nothing more, by this run or an earlier one.
    delivered, rejected, failed : int
        As in `LoadReport`.
    requests : int
        Requests made by this run.
    seconds : float
        Since this run began to send.
    rate : float
        Rows settled a second, by this run.
    left : float or None
        Seconds that the rest will take at that rate; None while that cannot be said.
    """

    rows: int
    settled: int
    delivered: int
    rejected: int
    failed: int
    requests: int
    seconds: float
    rate: float
    left: float | None


@attrs.frozen(kw_only=True)
class DryRun:
    """What a load would send.

    Attributes
    ----------
    samples : tuple of str
        The first calls as they would be sent, JSON.
    calls : mapping of str to int
        How many calls of each type; of ``track``, by the event's name.
    requests : int
        Requests that it would take.
    bytes : int
        Bytes of their bodies, without compression.
    largest : int
        Bytes of the largest call.
    seconds : float
        The time that the rate limit gives them at least.
    rejected : tuple of (int, str)
        Row number and reason of the first that would be rejected.
    """

    samples: tuple[str, ...] = attrs.field(repr=False)
    calls: Mapping[str, int]
    requests: int
    bytes: int
    largest: int
    seconds: float
    rejected: tuple[tuple[int, str], ...] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class LoadReport:
    """The account of a load.

    It always balances::

        rows == delivered + rejected + failed + pending + unchanged

    Attributes
    ----------
    state : {"loaded", "resumed", "finished", "dry run"}
        Whether this run began the load, or took up one that was interrupted; ``"finished"``: it had been done, and
        nothing was sent.
    source : str
        The source, in short.
    rows : int
        Rows of the source, those that could not be read too.
    delivered : int
        Taken by the server, by this run or an earlier one of the same load.
    rejected : int
        Could not be read, are not fit to be sent, or were refused by the server: mend them.
    failed : int
        Sent without success until the retry budget was spent: the same load again tries them again.
    pending : int
        Not settled when the load had to stop; the same load again goes on with them. Of a dry run: would be sent.
    unchanged : int
        With ``changed_only``: not sent, since they are what was sent last.
    earlier : int
        Rows that an earlier run had settled.
    requests, retries : int
        Requests of this run, and how many of them repeated one.
    seconds : float
        What this run took.
    reasons : mapping of str to int
        How many rows were not delivered, by reason.
    way : {"vectorised", "messages"} or None
        Whether the engine made the JSON, or each row became a message; None where no row was looked at.
    rejected_path, audit_path : Path or None
        Where the rejected rows are, and the log of who was deleted or suppressed.
    notes : tuple of str
        What else there is to know, a line each.
    dry_run : DryRun or None
        What would be sent.
    """

    state: Literal["loaded", "resumed", "finished", "dry run"]
    source: str
    rows: int = 0
    delivered: int = 0
    rejected: int = 0
    failed: int = 0
    pending: int = 0
    unchanged: int = 0
    earlier: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    reasons: Mapping[str, int] = attrs.field(factory=dict[str, int], repr=False)
    way: Literal["vectorised", "messages"] | None = None
    rejected_path: Path | None = None
    audit_path: Path | None = None
    notes: tuple[str, ...] = ()
    dry_run: DryRun | None = None

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.delivered + self.rejected + self.failed + self.pending + self.unchanged

    @property
    def complete(self) -> bool:
        """Whether nothing was rejected, and nothing is left to be done."""
        return not (self.rejected or self.failed or self.pending)

    def _repr_html_(self) -> str:
        from cio_facade import displaying  # noqa: PLC0415  only notebooks ask for it

        names = ("rows", "delivered", "rejected", "failed", "pending", "unchanged")
        about = {"rejected rows": self.rejected_path, "log": self.audit_path} | {
            f"note {n}": note for n, note in enumerate(self.notes, 1)
        }
        trial = _shown(self.dry_run) if self.dry_run else ""
        return displaying.account(
            {name: getattr(self, name) for name in names},
            "rows",
            self.reasons,
            title=f"{self.state}: {self.source}",
            note=f"requests: {self.requests:,}, of which {self.retries:,} repeated one",
            more=displaying.fields(about) + trial,
        )


def _shown(trial: DryRun) -> str:
    """Show in a notebook what a load would send."""
    from cio_facade import displaying  # noqa: PLC0415  only notebooks ask for it

    calls = [{"call": name, "number": number} for name, number in trial.calls.items()]
    sizes = f"requests: {trial.requests:,}; bytes: {trial.bytes:,}; largest call: {trial.largest:,}"
    rejected = [{"row": row, "reason": reason} for row, reason in trial.rejected]
    return "".join(
        [
            displaying.grid(calls, title="would be sent", note=sizes),
            displaying.grid([{"first calls": sample} for sample in trial.samples[:3]]),
            displaying.grid(rejected, title="would be rejected", most=10) if rejected else "",
        ]
    )
