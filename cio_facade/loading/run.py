"""One run of a load: from an open table to what became of its rows."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from heapq import merge
from typing import TYPE_CHECKING, Literal

import attrs

from cio_facade.errors import CustomerIOError
from cio_facade.loading import blocks, expressions, pieces
from cio_facade.loading.reading import batches
from cio_facade.loading.rejects import write_rejected
from cio_facade.loading.report import LoadReport
from cio_facade.loading.rows import Rows
from cio_facade.loading.sending import Sending
from cio_facade.loading.watching import ChangesWatch, audited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from uuid import UUID

    from cio_facade.answers import Answer
    from cio_facade.core import Core
    from cio_facade.loading.audit import Audit
    from cio_facade.loading.changes import Changes
    from cio_facade.loading.journal import Begun, LoadJournal
    from cio_facade.loading.pieces import Piece
    from cio_facade.loading.plans import Plan
    from cio_facade.loading.report import Progress
    from cio_facade.loading.tables import Table
    from cio_facade.packing import Parcel

__all__ = ["Run"]


@attrs.define(kw_only=True, eq=False)
class Run:
    """One run of a load.

    Attributes
    ----------
    table, plan : Table, Plan
        The source, open, and what its columns become.
    core, post : Core, callable
        What sends.
    journal, begun : LoadJournal, Begun
        What became of rows, and what was found there.
    namespace : UUID
        What the ids of messages are derived from.
    timeout : float or None
        Seconds after which nothing more is sent.
    changes, audit : optional
        What people were last sent; the log of whom this concerned.
    on_progress : callable, optional
        Gets a `Progress` now and then.
    """

    table: Table
    plan: Plan
    core: Core
    post: Callable[[Parcel], Answer]
    journal: LoadJournal
    begun: Begun
    namespace: UUID
    timeout: float | None = None
    changes: Changes | None = None
    audit: Audit | None = None
    on_progress: Callable[[Progress], object] | None = None
    way: Literal["vectorised", "messages"] | None = attrs.field(default=None, init=False)
    _sending: Sending = attrs.field(init=False)
    _watch: ChangesWatch | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        clock = self.core.clock
        self._watch = None if self.changes is None else ChangesWatch(self.changes, self.begun.stamp)
        self._sending = Sending(
            self.core,
            self.post,
            self.journal,
            rows=self.table.rows,
            broken=len(self.table.broken),
            deadline=None if self.timeout is None else clock.monotonic() + self.timeout,
            watchers=[
                *([] if self.audit is None else [audited(self.audit)]),
                *([] if self._watch is None else [self._watch.settled]),
            ],
            on_progress=self.on_progress,
        )

    def send(self) -> None:
        """Send what is not settled yet."""
        self._sending.send(self._pieces() if self.audit is None else self._audited(self.audit))

    def close(self) -> None:
        """Write down what is left to be, when nothing more is sent."""
        if self.changes is not None:
            self.changes.sync()
        if self.audit is not None:
            totals, failed = self.journal.totals(), self._sending.failed
            self.audit.close({**totals._asdict(), "failed": failed})

    def rejected(self) -> Iterator[tuple[int, str]]:
        """Go through the rejected rows: number and reason, in order."""
        refused = ((self.table.row_of(index), reason) for index, reason in self.journal.rejected())
        return merge(((one.row, one.reason) for one in self.table.broken), refused)

    def write_rejected(self, path: Path) -> int:
        """Write the rejected rows to a file, with number and reason; gives how many there are."""
        return write_rejected(self.table, self.journal.rejected(), path)

    def _audited(self, audit: Audit) -> Iterator[Piece]:
        """Give the pieces; whom rows concern that are not fit to be sent cannot be said, only that there were some."""
        for piece in self._pieces():
            for _, reason in piece.refused:
                audit.note([None], "rejected", reason)
            yield piece

    def _pieces(self) -> Iterator[Piece]:
        """Read the rows that are not settled, ready to be delivered."""
        table, plan, core, stamp = self.table, self.plan, self.core, self.begun.stamp
        rows, first = Rows(plan, namespace=self.namespace, stamp=stamp), self.journal.first_open()
        sql = expressions.query(
            plan,
            table,
            limits=core.limits,
            namespace=self.namespace,
            stamp=stamp,
            start=first,
            changes=self.changes is not None,
        )
        if sql is not None:
            self.way = "vectorised"
            return blocks.blocks(
                table,
                sql,
                rows=rows,
                encoder=core.encoder(),
                limits=core.limits,
                settled=self.journal.settled,
                unchanged=None if self.changes is None else self.changes.unchanged,
                marks=None if self._watch is None else self._watch.marks,
                first=first,
            )
        self.way = "messages"
        return pieces.messages(
            batches(table, f"SELECT * FROM {table.relation} AS source"),  # noqa: S608
            rows,
            core.encoder(),
            settled=self.journal.settled,
            unchanged=None if self._watch is None else self._watch.unchanged,
        )

    def report(self) -> LoadReport:
        """Give the account as it stands."""
        totals, sending, broken = self.journal.totals(), self._sending, self.table.broken
        delivery, earlier = sending.delivery.report(), self.begun.totals
        rows = self.table.rows + len(broken)
        rejected = totals.rejected + len(broken)
        reasons = sending.reasons + Counter(one.reason for one in broken)
        with suppress(CustomerIOError):  # on a full disk there is an account all the same
            reasons += Counter(self.journal.reasons())
        return LoadReport(
            state="resumed" if self.begun.state == "resumed" else "loaded",
            source=self.table.label,
            rows=rows,
            delivered=totals.delivered,
            rejected=rejected,
            failed=sending.failed,
            pending=rows - totals.delivered - rejected - totals.unchanged - sending.failed,
            unchanged=totals.unchanged,
            earlier=sum(earlier),
            requests=delivery.requests,
            retries=delivery.retries,
            seconds=sending.seconds,
            reasons=dict(reasons.most_common()),
            way=self.way,
            notes=tuple(filter(None, (*self.plan.notes, self.begun.words))),
        )
