"""``load``: from a source to an account of what became of each of its rows."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing, suppress
from inspect import iscoroutinefunction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import attrs

from cio_facade.client import parts_of
from cio_facade.errors import CustomerIOError, ValidationError
from cio_facade.loading.audit import Audit
from cio_facade.loading.changes import Changes
from cio_facade.loading.finding import files
from cio_facade.loading.jobs import Job
from cio_facade.loading.journal import LoadJournal
from cio_facade.loading.mapping import wishes_of
from cio_facade.loading.run import Run
from cio_facade.loading.snapshots import snapshot_in
from cio_facade.loading.sources import name_of
from cio_facade.loading.texts import COPY
from cio_facade.loading.trial import Trial
from cio_facade.observing import in_context
from cio_facade.streams import carrying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from cio_facade.answers import Answer
    from cio_facade.client import CustomerIO
    from cio_facade.core import Core
    from cio_facade.loading.journal import Begun
    from cio_facade.loading.mapping import Given, Nulls
    from cio_facade.loading.plans import Plan
    from cio_facade.loading.report import LoadReport, Progress
    from cio_facade.loading.tables import Table
    from cio_facade.packing import Parcel

__all__ = ["Confirmation", "load"]

_INTERRUPTED: Final = "Query interrupted"  # how DuckDB says that Ctrl-C met it
_FIRST: Final = 10  # rejected rows that a dry run shows
_PACKED: Final = (".gz", ".zst")
_SUCH: Final = re.compile(r"(?P<stem>.+)\.rejected(-(?P<number>\d+))?")


@attrs.frozen(kw_only=True)
class Confirmation:
    """What is about to be done to people, for whoever is asked first.

    Attributes
    ----------
    kind : str
        ``"delete"`` or ``"suppress"``.
    rows : int
        How many people, at most.
    base_url : str
        Where.
    """

    kind: str
    rows: int
    base_url: str


def load(  # noqa: PLR0913  as of readers of tables elsewhere: each is a thing to say of the table
    source: Any,
    as_: str,
    *,
    client: CustomerIO | None = None,
    mapping: Given = None,
    only: Sequence[str] | bool | None = None,
    identify_by: str | None = None,
    event: str | None = None,
    nulls: Nulls | None = None,
    types: Mapping[str, str] | None = None,
    encoding: str | None = None,
    name: str | None = None,
    state: str | PathLike[str] | None = None,
    again: bool = False,
    changed_only: bool = False,
    dry_run: bool = False,
    rejected: str | PathLike[str] | None = None,
    audit: str | PathLike[str] | None = None,
    timeout: float | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    confirm: Callable[[Confirmation], bool] | None = None,
) -> LoadReport:
    """Load any table, file or query: each row becomes a call.

    What was acknowledged is remembered: the same load again goes on where it was interrupted, and sends nothing when
    it was finished. Message ids follow from source, row and content, so that whatever is repeated has the same id.

    Parameters
    ----------
    source : str, path, frame, Arrow data or iterable of mappings
        A file, a glob, an URL, SQL; a pandas or polars frame, an Arrow table or reader, dicts.
    as_ : str
        ``"identify"``, ``"track"``, ``"page"``, ``"screen"``, ``"group"``, ``"alias"``, ``"delete"``,
        ``"suppress"``, ``"unsuppress"``, ``"device"``, ``"object"``, ``"relationship"``, or the name of a semantic
        event.
    client : CustomerIO
        What sends. Not needed for a dry run.
    mapping : mapping, path or sequence of str, optional
        Column to target, such as ``{"tier": "traits.plan"}``; None or ``""`` leaves a column out. Or a YAML file, or
        texts as on the command line.
    only : bool or sequence of str
        Send the columns of the mapping only, or these.
    identify_by : {"email"}, optional
        Know people by their e-mail address, where there is no id.
    event : str, optional
        The event's name, where no column has it.
    nulls : {"skip", "send"}, optional
        What an empty cell means: the attribute is left out (as when absent), or sent as null.
    types : mapping, optional
        Column to DuckDB type, where a text file does not tell.
    encoding : str, optional
        Of a text file; UTF-8 when absent.
    name : str, optional
        What the load is known by when it is run again. Absent: the path, URL or SQL. What is in memory has none.
    state : path, optional
        The folder where it is remembered what was acknowledged.
    again : bool
        Begin anew, though it was finished, or interrupted with another content.
    changed_only : bool
        Send only what differs from what the person was last sent by this load.
    dry_run : bool
        Send nothing: validate all rows, and say what would be sent.
    rejected : path, optional
        Where the rejected rows go, with number and reason, to be mended and loaded. Absent: beside the source.
    audit : path, optional
        A log of whom this concerned. Deletions and suppressions always have one; absent: beside the source.
    timeout : float, optional
        Seconds after which nothing more is sent; the rest is pending.
    on_progress : callable, optional
        Gets a `Progress` up to ten times a second.
    confirm : callable, optional
        Asked before people are deleted or suppressed; False: nothing is sent.

    Raises
    ------
    ValidationError
        Before anything is sent: there is no such source, a column fits nothing, the source has changed since the
        load was interrupted, or it was not confirmed.
    CustomerIOError
        Delivery stopped: the key is wrong, or nobody gets through. ``report`` holds the account; the same load again
        goes on.

    Examples
    --------
    >>> from cio_facade import CustomerIO, load
    >>> from cio_facade.testing import RecordingTransport
    >>> transport = RecordingTransport()
    >>> with CustomerIO("key", transport=transport) as cio:
    ...     report = load([{"id": 7, "plan": "pro"}, {"id": 8, "plan": None}], "identify", client=cio)
    >>> report.rows, report.delivered, report.complete
    (2, 2, True)
    >>> sorted((call["userId"], call["traits"]) for call in transport.calls)
    [('7', {'plan': 'pro'}), ('8', {})]
    """
    wishes = wishes_of(
        as_, mapping, only=only, identify_by=identify_by, event=event, nulls=nulls, types=types, encoding=encoding
    )
    if changed_only and name_of(source, name) is None:
        raise ValidationError(field="changed_only", problem="needs a name, by which the load is known again")
    parts, trial = None if client is None else parts_of(client), None
    if parts is not None and iscoroutinefunction(parts[1]):
        raise ValidationError(field="client", problem=f"is an {type(client).__name__}; a CustomerIO is needed")
    if dry_run:
        trial = Trial(None if parts is None else parts[0])
        parts = trial.core, trial.post
    if parts is None:
        raise ValidationError(field="client", problem="is missing; only a dry run goes without")
    whole = _Whole(
        job=Job(source=source, wishes=wishes, name=name),
        core=parts[0],
        post=in_context(parts[1]),
        trial=trial,
        root=None if state is None else Path(state),
        again=again,
        changed_only=changed_only,
        rejected=None if rejected is None else Path(rejected),
        audit=None if audit is None else Path(audit),
        timeout=timeout,
        on_progress=on_progress,
        confirm=confirm,
    )
    try:
        with ExitStack() as stack:
            return whole.load(stack)
    except RuntimeError as error:
        if str(error) != _INTERRUPTED:
            raise
        raise carrying(KeyboardInterrupt(), getattr(error, "report", None)) from None


@attrs.define(kw_only=True, eq=False)
class _Whole:
    """A load from its beginning to its end."""

    job: Job
    core: Core
    post: Callable[[Parcel], Answer]
    trial: Trial | None
    root: Path | None
    again: bool
    changed_only: bool
    rejected: Path | None
    audit: Path | None
    timeout: float | None
    on_progress: Callable[[Progress], object] | None
    confirm: Callable[[Confirmation], bool] | None

    def load(self, stack: ExitStack) -> LoadReport:
        """Open what is needed, and send."""
        folder = self._folder(stack)
        journal = stack.enter_context(closing(LoadJournal(folder / "journal.db", now=self.core.clock.time)))
        stack.callback(_tidy, folder, journal)  # while nobody else has the folder
        for left in folder.glob(f"{COPY}*"):  # by a process that was killed; nobody else has the folder now
            left.unlink()
        table = stack.enter_context(self.job.open(folder, as_it_was=journal.unfinished and not self.again))
        plan = self.job.plan(table.columns)
        if self.changed_only and not plan.kind.is_state:
            problem = f"leaves out what was said before, and to say {plan.kind.name!r} again is to say something new"
            raise ValidationError(field="changed_only", problem=problem)
        about = (table.fingerprint, table.rows, plan.describe())
        if plan.is_gdpr and self.trial is None and journal.find(*about, again=self.again) in {"new", "resumed"}:
            self._ask(plan.kind.name, table.rows)
        begun = journal.begin(*about, again=self.again)
        if begun.state == "changed":
            raise ValidationError(field="source", problem=begun.words)
        if begun.state == "finished":
            return attrs.evolve(self._run(table, plan, journal, begun).report(), state="finished")
        changes = self._changes(folder / "changes.db", stack)
        return self._sent(self._run(table, plan, journal, begun, changes, self._audit_of(table, plan)))

    def _folder(self, stack: ExitStack) -> Path:
        """Give where the state is kept; of what nothing would find again, only for as long as this takes."""
        kept = None if self.trial is not None else self.job.folder(self.core.settings, self.root)
        return kept or Path(stack.enter_context(TemporaryDirectory(prefix="cio-facade-")))

    def _changes(self, path: Path, stack: ExitStack) -> Changes | None:
        """Open what people were last sent; a load that does not look there makes it untrue."""
        if not (self.changed_only or path.exists()):
            return None
        changes = stack.enter_context(closing(Changes(path)))
        if self.changed_only:
            return changes
        changes.forget()
        return None

    def _ask(self, kind: str, rows: int) -> None:
        """Have it confirmed that people are to be removed."""
        about = Confirmation(kind=kind, rows=rows, base_url=self.core.settings.base_url)
        if self.confirm is not None and not self.confirm(about):
            raise ValidationError(field="confirm", problem="was not given; nothing was sent")

    def _audit_of(self, table: Table, plan: Plan) -> Audit | None:
        """Begin the log of whom this concerns."""
        if self.trial is not None or not (plan.is_gdpr or self.audit is not None):
            return None
        said = {"as": plan.kind.name, "source": table.label, "fingerprint": table.fingerprint, "rows": table.rows}
        return Audit(self.audit or self._beside(plan.kind.name, "audit", "jsonl"), said)

    def _run(
        self,
        table: Table,
        plan: Plan,
        journal: LoadJournal,
        begun: Begun,
        changes: Changes | None = None,
        audit: Audit | None = None,
    ) -> Run:
        return Run(
            table=table,
            plan=plan,
            core=self.core,
            post=self.post,
            journal=journal,
            begun=begun,
            namespace=self.job.namespace,
            timeout=self.timeout,
            changes=changes,
            audit=audit,
            on_progress=self.on_progress,
        )

    def _sent(self, run: Run) -> LoadReport:
        """Send, and write down what has to be mended."""
        try:
            try:
                run.send()
            finally:
                run.close()
            report = self._account(run)
            run.journal.finish()
        except BaseException as error:
            with suppress(CustomerIOError):  # what ended the load is not to be hidden by what goes wrong now
                carrying(error, run.report())
                if isinstance(error, CustomerIOError):  # Ctrl-C does not wait for a file to be written
                    carrying(error, self._account(run))
            raise
        return report

    def _account(self, run: Run) -> LoadReport:
        """Give the account, and write the rejected rows to a file."""
        report = run.report()
        if self.trial is not None:
            found = self.trial.result(islice(run.rejected(), _FIRST))
            report = attrs.evolve(report, state="dry run", dry_run=found, requests=0)
            return attrs.evolve(report, pending=report.delivered + report.pending, delivered=0)
        if report.rejected:
            path = self.rejected or self._beside(run.plan.kind.name, "rejected", run.table.format)
            run.write_rejected(path)
            report = attrs.evolve(report, rejected_path=path)
        return report if run.audit is None else attrs.evolve(report, audit_path=run.audit.path)

    def _beside(self, kind: str, what: str, ending: str) -> Path:
        """Name a file beside the source, or in the current folder where the source is no file that is here."""
        source, here = self.job.source, Path("load")
        if isinstance(source, (str, Path)) and files(source) == [(path := Path(source).expanduser()).absolute()]:
            here = path
        stem = here.name.removesuffix("".join(here.suffixes[-2:]) if here.suffix in _PACKED else here.suffix)
        number = ""
        if found := _SUCH.fullmatch(stem):  # a file of this kind, mended: it is not to be written over
            stem, number = found["stem"], f"-{int(found['number'] or 1) + 1}"
        elif not stem.endswith(own := "." + re.sub(r"\W+", "-", kind.lower())):
            stem += own
        return here.with_name(f"{stem}.{what}{number}.{ending}")


def _tidy(folder: Path, journal: LoadJournal) -> None:
    """Remove what was written down of a source, unless a load that was interrupted goes on with it."""
    if not journal.unfinished and (snapshot := snapshot_in(folder)) is not None:
        snapshot.unlink()
