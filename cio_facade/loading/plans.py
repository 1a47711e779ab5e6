"""A plan: what each column of a table becomes, and what a row cannot do without."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import attrs

from cio_facade.loading.hints import hints
from cio_facade.loading.kinds import Kind, kind_of, removes
from cio_facade.loading.mapping import Nulls
from cio_facade.loading.matching import targets_of, who

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb.sqltypes import DuckDBPyType

    from cio_facade.loading.kinds import Path
    from cio_facade.loading.mapping import Wishes
    from cio_facade.loading.tables import Column

__all__ = ["Cell", "Laid", "Needed", "Nulls", "Plan", "plan_for"]


@attrs.frozen
class Cell:
    """Stands in a form for a cell of a row.

    Attributes
    ----------
    column : str
        Which.
    """

    column: str


@attrs.frozen
class Laid:
    """Stands in a form for an object that is a cell of a row, on which others are laid.

    Attributes
    ----------
    whole : Cell
        The object.
    parts : mapping
        A form for what is laid on it.
    """

    whole: Cell
    parts: Mapping[str, Any]


@attrs.frozen
class Needed:
    """Columns of which a row must fill one.

    Attributes
    ----------
    columns : tuple of str
        Any of them will do.
    reason : str
        Why a row without is refused.
    """

    columns: tuple[str, ...]
    reason: str


@attrs.frozen(kw_only=True, slots=False, eq=False)
class Plan:
    """What the rows of a table become. Made by `plan_for`.

    Attributes
    ----------
    kind : Kind
        What they become.
    targets : tuple of (str, tuple of str)
        Column, and where in the builder's arguments it goes: ``("plan", ("traits", "plan"))``. A column that is not
        sent is not among them.
    event : str or None
        The event's name, where all rows have the same.
    identify_by : str or None
        What a row must have, to say who it is about.
    nulls : {"skip", "send"}
        Whether an attribute of an empty cell is left out, or sent as null. Arguments are left out always.
    types : mapping of str to DuckDBPyType
        What the columns are, as far as it is known.
    notes : tuple of str
        What the caller may not expect, a line each.

    Examples
    --------
    >>> from cio_facade.loading.mapping import wishes_of
    >>> plan = plan_for(wishes_of("identify"), ["id", "Email", "plan"])
    >>> plan.targets
    (('id', ('user_id',)), ('Email', ('traits', 'email')), ('plan', ('traits', 'plan')))
    >>> plan.template()["traits"]
    {'email': Cell(column='Email'), 'plan': Cell(column='plan')}
    """

    kind: Kind
    targets: tuple[tuple[str, Path], ...]
    event: str | None = None
    identify_by: str | None = None
    nulls: Nulls = "skip"
    types: Mapping[str, DuckDBPyType] = attrs.field(factory=dict[str, "DuckDBPyType"], repr=False)
    notes: tuple[str, ...] = ()

    @property
    def is_gdpr(self) -> bool:
        """Whether it removes people."""
        return self.kind.is_gdpr or (self.event is not None and removes(self.event))

    @cached_property
    def needed(self) -> tuple[Needed, ...]:
        """What a row must fill, or it is refused."""
        return tuple(self._needed())

    def template(self) -> dict[str, Any]:
        """Give the form of the call, as the builder makes it; of a kind that is not plain, of the builder's arguments.

        An object is there even where all of its cells are empty.
        """
        arguments = self._arguments()
        return dict(self.kind.build(**arguments).call) if self.kind.plain else arguments

    def describe(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "as": self.kind.name,
            "columns": {column: ".".join(path) for column, path in self.targets},
            "event": self.event,
            "identify_by": self.identify_by,
            "nulls": self.nulls,
        }

    def column_of(self, *path: str) -> str | None:
        """Find what becomes an argument, or something inside of one."""
        return next((column for column, target in self.targets if target == path), None)

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for column, path in sorted(self.targets, key=lambda target: len(target[1])):
            _put(arguments, path, Cell(column))
        if self.event is not None:
            arguments["event"] = self.event
        return {**dict.fromkeys(self.kind.positional), **arguments}

    def _needed(self) -> Iterator[Needed]:
        column_of = {path: column for column, path in self.targets}
        for argument in self.kind.required:
            if (argument.name,) in column_of:
                yield Needed((column_of[argument.name,],), f"{argument.name} is empty")
        paths = who(self.kind, self.identify_by, column_of)
        columns = tuple(column_of[path] for path in paths if path in column_of)
        if columns:
            yield Needed(columns, f"{' and '.join(path[-1] for path in paths)} {'are' if paths[1:] else 'is'} empty")


def plan_for(wishes: Wishes, columns: Sequence[Column | str]) -> Plan:
    """Say what each column of a table becomes.

    Columns are known by their names, whatever their case, spaces and dashes:

    - an argument of the kind's builder: ``user_id``, ``anonymous_id``, ``timestamp``, ``message_id``, ``event``
      (or ``event_name``), ``name``, ``group_id``, ``previous_id``, ``token`` (or ``device_token``), ``platform`` ...;
      ``id`` is the person's, or the object's for ``object``, where the row is about nobody else;
    - what the spec names among traits and properties: ``email``, ``createdAt`` (a column ``created_at`` too) ...;
    - a path: ``traits.plan``, ``context.ip``;
    - all others become traits, properties or attributes under their own name, unless `Wishes.only` says otherwise. A
      semantic event takes what the spec names, and what it is told to take.

    Parameters
    ----------
    wishes : Wishes
        What the caller said.
    columns : sequence of Column or str
        The columns; by their names alone, nothing is known of their types.

    Raises
    ------
    ValidationError
        A column or a target is not known, two go to the same place, nothing says who a row is about, or a column has
        a type that is nothing in JSON.
    """
    kind = kind_of(wishes.as_)
    named = {column if isinstance(column, str) else column.name: column for column in columns}
    types = {column.name: column.type for column in columns if not isinstance(column, str)}
    targets = targets_of(kind, wishes, tuple(named))
    return Plan(
        kind=kind,
        targets=targets,
        event=kind.event or wishes.event,
        identify_by=wishes.identify_by,
        nulls=wishes.nulls,
        types=types,
        notes=hints(kind, wishes, targets, tuple(named), types),
    )


def _put(form: dict[str, Any], path: Path, cell: Cell) -> None:
    """Put a cell where it belongs, on the whole of what is there."""
    name, *rest = path
    if not rest:
        form[name] = cell
        return
    inside = form.setdefault(name, {})
    if isinstance(inside, Cell):
        inside = form[name] = Laid(inside, {})
    _put(cast("dict[str, Any]", inside.parts if isinstance(inside, Laid) else inside), tuple(rest), cell)
