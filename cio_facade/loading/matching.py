"""Which column becomes what: what the caller said first, then what its name tells, then the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from cio_facade import people
from cio_facade.errors import ValidationError
from cio_facade.loading.kinds import closest, did_you_mean, normal
from cio_facade.loading.rejects import ADDED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cio_facade.loading.kinds import Kind, Path
    from cio_facade.loading.mapping import Wishes

__all__ = ["Targets", "is_about_people", "path_of", "targets_of", "who"]

Targets = tuple[tuple[str, "Path"], ...]

_OTHER_NAMES: Final[Mapping[str, str]] = {"event": "event_name", "token": "device_token"}
_REST: Final = ("traits", "properties", "attributes")
_PEOPLE: Final = (("user_id",), ("anonymous_id",))


@attrs.define
class _Matching:
    """Columns that are given their targets, a rule after the other."""

    kind: Kind
    wishes: Wishes
    columns: tuple[str, ...]
    found: dict[str, Path] = attrs.field(factory=dict[str, "Path"])
    """Column to target; an empty one is not sent."""

    def free(self) -> list[str]:
        """List the columns that have no target yet."""
        return [column for column in self.columns if column not in self.found]

    def is_wanted(self, column: str) -> bool:
        """Whether a column may become a trait or property without being told."""
        only = self.wishes.only
        return not only if isinstance(only, bool) else column in only

    def by_hand(self) -> None:
        """Do what the caller said."""
        for name, target in self.wishes.map.items():
            column = _column_of(name, self.columns, "map")
            if column in self.found:
                raise ValidationError(field="map", problem=f"column {column!r} is mapped twice")
            self.found[column] = path_of(target, self.kind) if target else ()
        if isinstance(self.wishes.only, tuple):
            only = tuple(_column_of(name, self.columns, "only") for name in self.wishes.only)
            self.wishes = attrs.evolve(self.wishes, only=only)

    def rejects(self) -> None:
        """Leave out what a file of rejected rows has besides."""
        self.found |= {column: () for column in self.free() if column in ADDED}

    def arguments(self) -> None:
        """Find the arguments of the builder by name."""
        for name in self.kind.arguments:
            if (name,) in self.found.values() or (name == "event" and self.wishes.event is not None):
                continue
            for other in (name, _OTHER_NAMES.get(name)):
                if other is not None and (column := self._called(other)) is not None:
                    self.found[column] = (name,) if self._identifies(name) else ()
                    break

    def own_id(self) -> None:
        """Take a column ``id`` for the id of whom, or what, a row is about; unless it seems to be another's."""
        name = "object_id" if self.kind.name == "object" else "user_id"
        column = self._called("id")
        if column is None or name not in self.kind.arguments or (name,) in self.found.values():
            return
        others = [other for other in self.columns if other != column and normal(other).endswith("id")]
        if is_about_people(self.kind) or self.kind.name == "object" or not others:
            self.found[column] = (name,) if self._identifies(name) else ()

    def paths(self) -> None:
        """Read ``context.ip`` and the like."""
        objects = {normal(one.name): one.name for one in self.kind.arguments.values() if one.is_object}
        for column in self.free():
            first, *more = column.split(".")
            if all(more) and more and normal(first) in objects and self.is_wanted(column):
                self.found[column] = (objects[normal(first)], *more)

    def members(self) -> None:
        """Find what the spec names among traits or properties, and in what an event adds to the context."""
        for member in self.kind.members:
            column = self._called(member.path[-1])
            if column is not None and self.is_wanted(column) and member.path not in self.found.values():
                self.found[column] = member.path

    def rest(self) -> None:
        """Send all others under their own names, where there is a place for them."""
        for column in self.free():
            if not self.is_wanted(column) or (self.kind.rest is None and not self.kind.strict):
                self.found[column] = ()
            elif self.kind.rest is None or self.kind.strict:
                raise _fits_nothing(column, self.kind)
            else:
                self.found[column] = (self.kind.rest, column)

    def _called(self, name: str) -> str | None:
        """Find a column by name: written the same, else alike."""
        free = self.free()
        return name if name in free else next((one for one in free if normal(one) == normal(name)), None)

    def _identifies(self, name: str) -> bool:
        """Whether an argument may be found by name: ids of people may not, where something else is to identify them."""
        by = self.wishes.identify_by
        return by is None or (name,) not in self.kind.identities or any(normal(by) == normal(i[-1]) for i in _PEOPLE)


def targets_of(kind: Kind, wishes: Wishes, columns: tuple[str, ...]) -> Targets:
    """Give the columns that are sent their targets; see `plans.plan_for`."""
    matching = _Matching(kind, wishes, columns)
    matching.by_hand()
    matching.rejects()
    matching.arguments()
    matching.own_id()
    matching.paths()
    matching.members()
    matching.rest()
    targets = tuple((column, path) for column in columns if (path := matching.found[column]))
    _apart(targets)
    _enough(kind, wishes, targets, columns)
    return targets


def is_about_people(kind: Kind) -> bool:
    """Whether a row is a person, and not something that somebody did or has."""
    return kind.type == "identify" or kind.build.__module__ == people.__name__


def path_of(target: str, kind: Kind) -> Path:
    """Read a target.

    Raises
    ------
    ValidationError
        The kind has no such place.

    Examples
    --------
    >>> from cio_facade.loading.kinds import kind_of
    >>> path_of("userId", kind_of("track")), path_of("context.ip", kind_of("track"))
    (('user_id',), ('context', 'ip'))
    """
    first, *more = target.split(".")
    arguments = {normal(name): name for name in kind.arguments}
    argument = arguments.get(normal(first))
    if argument is not None and not more:
        return (argument,)
    if argument is not None and all(more) and kind.arguments[argument].is_object:
        return (argument, *more)
    for member in kind.members:
        if normal(member.path[-1]) == normal(target):
            return member.path
    raise _no_target(target, kind)


def who(kind: Kind, identify_by: str | None, paths: Collection[Path]) -> tuple[Path, ...]:
    """Choose what says who a row is about, of which a row must have one; none where the kind asks for it anyway.

    Raises
    ------
    ValidationError
        Its calls are not identified in that way.
    """
    if identify_by is None:
        mapped = [path for path in kind.identities if path in paths and len(path) == 1]
        return tuple([path for path in mapped if path in _PEOPLE] or mapped)
    ways = kind.identities or tuple(path for path in _PEOPLE if path[0] in {one.name for one in kind.required})
    chosen = tuple(path for path in ways if normal(path[-1]) == normal(identify_by))
    if not chosen:
        known = " or ".join(path[-1] for path in ways) or "nothing"
        raise ValidationError(field="identify_by", problem=f"{kind.name} is identified by {known} only")
    return chosen


def _column_of(name: str, columns: tuple[str, ...], field: str) -> str:
    """Find a column that the caller named, if need be in another case, as SQL does."""
    if name in columns:
        return name
    alike = [column for column in columns if column.casefold() == name.casefold()]
    if len(alike) != 1:
        hint = did_you_mean(name, columns, f"; there are {_listed(columns)}")
        raise ValidationError(field=field, problem=f"there is no column {name!r}{hint}")
    return alike[0]


def _apart(targets: Targets) -> None:
    """See to it that no two columns go to the same place, or one into another that is no whole argument."""
    taken: dict[Path, str] = {}
    for column, path in targets:
        if path in taken:
            raise _same_place(taken[path], column, path)
        taken[path] = column
    for column, path in targets:
        for length in range(2, len(path)):
            if path[:length] in taken:
                raise _same_place(taken[path[:length]], column, path[:length])


def _same_place(one: str, other: str, path: Path) -> ValidationError:
    problem = f"columns {one!r} and {other!r} both go to {'.'.join(path)}; leave one out ({other}=)"
    return ValidationError(field="map", problem=problem)


def _enough(kind: Kind, wishes: Wishes, targets: Targets, columns: tuple[str, ...]) -> None:
    """See to it that there is a column for all that a call cannot do without."""
    paths = {path for _, path in targets}
    if wishes.event is not None:
        if "event" not in kind.arguments:
            raise ValidationError(
                field="event", problem=f"is not to be given: {kind.name} has none, or always the same"
            )
        if ("event",) in paths:
            raise ValidationError(field="event", problem="is given, and a column is mapped to it; leave one out")
    chosen = who(kind, wishes.identify_by, paths)
    if (kind.identities and not chosen) or not all(path in paths for path in chosen):
        raise _nobody(kind, chosen or kind.identities, columns)
    for argument in kind.required:
        if (argument.name,) not in paths and not (argument.name == "event" and wishes.event is not None):
            raise _no_column(kind, argument.name, columns)


def _nobody(kind: Kind, ways: tuple[Path, ...], columns: tuple[str, ...]) -> ValidationError:
    first, *others = [path[-1] if len(path) == 1 else ".".join(path) for path in ways]
    more = f" (or {', '.join(others)})" if others else ""
    candidate = next((column for column in columns if normal(column).endswith("id")), "COLUMN")
    problem = f"no column says who a row of {kind.name} is about; map one: {candidate}={first}{more}"
    return ValidationError(field="map", problem=f"{problem}; there are {_listed(columns)}")


def _no_column(kind: Kind, name: str, columns: tuple[str, ...]) -> ValidationError:
    given = ", or give one for all rows (event)" if name == "event" else ""
    problem = f"no column is the {name} that {kind.name} needs; map one: COLUMN={name}{given}"
    return ValidationError(field="map", problem=f"{problem}; there are {_listed(columns)}")


def _no_target(target: str, kind: Kind) -> ValidationError:
    close = closest(target, [*kind.arguments, *(".".join(member.path) for member in kind.members)], cutoff=0.75)
    if close is None and kind.rest is not None:
        first, _, last = target.rpartition(".")
        close = f"{kind.rest}.{last}" if not first or closest(first, [kind.rest]) or first in _REST else None
    hint = "" if close is None else f"; did you mean {close!r}?"
    places = ", ".join(one.name + (".*" if one.is_object else "") for one in kind.arguments.values())
    return ValidationError(field="map", problem=f"there is no target {target!r}{hint or f'; {kind.name} has {places}'}")


def _fits_nothing(column: str, kind: Kind) -> ValidationError:
    close = closest(column, [member.path[-1] for member in kind.members] or kind.arguments)
    meant = "" if close is None else f"did you mean {close!r}? {column}={close} sends it as that, "
    as_it_is = f"{column}={kind.rest}.{column} sends it as it is, " if kind.rest else ""
    problem = f"fits no property of {kind.name!r}; {meant}{as_it_is}{column}= leaves it out"
    return ValidationError(field=f"column {column!r}", problem=problem)


def _listed(columns: Iterable[str]) -> str:
    names = list(columns)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
