"""What is to be loaded, and as what, in the caller's words; and what it is known by when it is run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from cio_facade.loading.plans import plan_for
from cio_facade.loading.snapshots import snapshot_in
from cio_facade.loading.sources import name_of, open_source
from cio_facade.loading.state import job_id, namespace_of, state_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from cio_facade.config import Settings
    from cio_facade.loading.mapping import Wishes
    from cio_facade.loading.plans import Plan
    from cio_facade.loading.tables import Column, Table

__all__ = ["Job"]

_UNNAMED: Final = "data in memory"


@attrs.frozen(kw_only=True)
class Job:
    """A source and what its rows are to become.

    Attributes
    ----------
    source : object
        As given to ``load``.
    wishes : Wishes
        What the caller said of kind, columns and types, by arguments or in a file.
    name : str or None
        What the caller calls it.
    """

    source: Any
    wishes: Wishes
    name: str | None = None

    @property
    def known_as(self) -> str | None:
        """What it is known by when it is run again; None: by nothing."""
        return name_of(self.source, self.name)

    @property
    def namespace(self) -> UUID:
        """What the ids of its messages are derived from, besides row and content."""
        return namespace_of(self.known_as or _UNNAMED)

    def folder(self, settings: Settings, root: Path | None) -> Path | None:
        """Where its state is kept for this workspace; None: nowhere, since nothing would find it again."""
        if self.known_as is None:
            return None
        job = job_id(self.known_as, self.wishes.describe(), settings.base_url, settings.api_key)
        return state_folder(job, root)

    def open(self, folder: Path, *, as_it_was: bool) -> Table:
        """Open the source; what was written down of it by a run that was interrupted, where that is there."""
        return open_source(
            self.source,
            state=folder,
            name=self.name,
            types=self.wishes.types,
            encoding=self.wishes.encoding,
            snapshot=snapshot_in(folder) if as_it_was else None,
        )

    def plan(self, columns: Sequence[Column]) -> Plan:
        """Say what each column becomes."""
        return plan_for(self.wishes, columns)
