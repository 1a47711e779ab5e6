"""From rows to calls: what a plan says, done for many rows at once, a column at a time."""

from __future__ import annotations

from functools import partial
from hashlib import sha1
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from cio_facade.errors import ValidationError
from cio_facade.loading.cells import cells, is_full
from cio_facade.loading.kinds import removes
from cio_facade.loading.plans import Cell, Laid
from cio_facade.messages import merged
from cio_facade.values import plain, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence, Set
    from uuid import UUID

    import pyarrow as pa

    from cio_facade.loading.cells import Role
    from cio_facade.loading.kinds import Path
    from cio_facade.loading.plans import Plan

__all__ = ["Rows", "derived_id", "role_of"]

_Filler: TypeAlias = "Callable[[_Columns, int], Iterable[Any]]"

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # of a UUID: two bits of a digit are fixed


class _Columns(dict[str, list[Any]]):
    """Cells by column, and which columns have empty ones."""

    empty: frozenset[str] = frozenset()

    def note_empty(self, surely_full: Set[str]) -> None:
        """Look for empty cells; not where there is none, since to look takes as long as to read."""
        self.empty = frozenset(name for name, cells in self.items() if name not in surely_full and None in cells)


class Rows:
    """Makes calls of rows.

    Parameters
    ----------
    plan : Plan
        What each column becomes.
    namespace : UUID
        What ids are derived from, with the row's index and what the call says.
    stamp : str
        The time of what has none, ISO 8601: the same in every run of a load, for the ids to be the same.

    Examples
    --------
    >>> from uuid import UUID
    >>> import pyarrow as pa
    >>> from cio_facade.loading.mapping import wishes_of
    >>> from cio_facade.loading.plans import plan_for
    >>> plan = plan_for(wishes_of("identify"), ["id", "plan"])
    >>> rows = Rows(plan, namespace=UUID(int=0), stamp="2026-01-31T12:00:00Z")
    >>> batch = pa.RecordBatch.from_pylist([{"id": "u1", "plan": "pro"}, {"id": " ", "plan": "pro"}])
    >>> calls, written, places, refused = rows.calls(batch, [7, 8])
    >>> calls[0]["traits"], places, refused
    ({'plan': 'pro'}, [7], [(8, 'user_id is empty')])
    >>> written[0][:56]
    b'{"type":"identify","userId":"u1","traits":{"plan":"pro"}'
    """

    def __init__(self, plan: Plan, *, namespace: UUID, stamp: str) -> None:
        self._plan = plan
        self._stamp = stamp
        self._namespace = namespace.bytes
        form = plan.template()
        self._fill = _filler(form, keep_nulls=False, inner_nulls=plan.nulls == "send")
        self._events = plan.column_of("event")
        self._own_ids = plan.column_of("message_id") is not None
        self._roles: dict[str, Role] = {column: role_of(plan, path) for column, path in plan.targets}
        self._positional = dict.fromkeys(plan.kind.positional)

    def calls(
        self, batch: pa.RecordBatch, indexes: Sequence[int]
    ) -> tuple[list[dict[str, Any]], list[bytes], list[int], list[tuple[int, str]]]:
        """Make a call of each row that is fit for it.

        Parameters
        ----------
        batch : RecordBatch
            The rows.
        indexes : sequence of int
            The index of each.

        Returns
        -------
        calls : list of dict
            With ids, and times.
        written : list of bytes
            The same as JSON; empty where it takes more to write it.
        places : list of int
            The index of each call's row.
        refused : list of (int, str)
            The index of each row that is not fit, and why.
        """
        columns, unfit = self._columns(batch)
        full = {
            name for name, role in self._roles.items() if is_full(batch.column(name), role, self._plan.types.get(name))
        }
        self._find_empty(columns, unfit)
        self._find_removals(columns, unfit)
        places = list(indexes)
        refused = [(places[place], unfit[place]) for place in sorted(unfit)]
        if unfit:
            fit = [place not in unfit for place in range(len(places))]
            places = list(compress(places, fit))
            columns = _Columns((name, list(compress(column, fit))) for name, column in columns.items())
        columns.note_empty(full)
        calls = list(self._calls(columns, len(places)))
        return calls, self._completed(places, calls), places, refused

    def _columns(self, batch: pa.RecordBatch) -> tuple[_Columns, dict[int, str]]:
        """Read the cells, and find those that cannot be sent."""
        columns = _Columns()
        unfit: dict[int, str] = {}
        for name, role in self._roles.items():
            columns[name], problems = cells(batch.column(name), role, self._plan.types.get(name))
            for place, problem in problems.items():
                unfit.setdefault(place, f"column {name!r} {problem}")
        return columns, unfit

    def _find_empty(self, columns: Mapping[str, list[Any]], unfit: dict[int, str]) -> None:
        """Find rows that lack what they need."""
        for needed in self._plan.needed:
            several = [columns[name] for name in needed.columns]
            if len(several) == 1 and None not in several[0] and not _any_blank(several[0]):
                continue
            for place, values in enumerate(zip(*several, strict=True)):
                if all(value is None or _any_blank([value]) for value in values):
                    unfit.setdefault(place, needed.reason)

    def _find_removals(self, columns: Mapping[str, list[Any]], unfit: dict[int, str]) -> None:
        """Find rows whose own event would remove somebody: that is asked for first, of a load that says so."""
        if self._events is None or not any(map(removes, {event for event in columns[self._events] if event})):
            return
        for place, event in enumerate(columns[self._events]):
            if event and removes(event):
                unfit.setdefault(place, f"event: {event!r} removes people; load such rows as delete or suppress")

    def _calls(self, columns: _Columns, number: int) -> Iterable[dict[str, Any]]:
        filled = self._fill(columns, number)
        if self._plan.kind.plain:
            return filled
        build, positional = self._plan.kind.build, self._positional
        return (dict(build(**{**positional, **arguments}).call) for arguments in filled)

    def _completed(self, places: Sequence[int], calls: Sequence[dict[str, Any]]) -> list[bytes]:
        """Add the times and ids that calls have not, and write them.

        The time is a part of what the id is derived from: what is said again another day is another call.
        """
        own_ids, stamp, namespace = self._own_ids, self._stamp, self._namespace
        written: list[bytes] = []
        for place, call in zip(places, calls, strict=True):
            own = call.pop("messageId", None) if own_ids else None
            if "timestamp" not in call:
                call["timestamp"] = stamp
            content = _content(call)
            call["messageId"] = message_id = own or derived_id(namespace, place, content)
            # What may be anything takes more to be written than this.
            simple = content and own is None
            written.append(b'%b,"messageId":"%b"}' % (content[:-1], message_id.encode()) if simple else b"")
        return written


def derived_id(namespace: bytes, index: int, content: bytes) -> str:
    """Give what ``uuid5(namespace, f"{index}:{content}")`` gives, in a fifth of its time.

    Examples
    --------
    >>> from uuid import UUID, uuid5
    >>> derived_id(UUID(int=7).bytes, 3, b"{}") == str(uuid5(UUID(int=7), "3:{}"))
    True
    """
    digits = sha1(b"%b%d:%b" % (namespace, index, content), usedforsecurity=False).hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _content(call: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(call, to_json, _OPTIONS)
    except TypeError:
        pass
    try:
        return orjson.dumps(plain(call, "refuse"), option=_OPTIONS)
    except ValidationError:
        return b""  # what cannot be encoded is refused, with its reason, by the encoder


def role_of(plan: Plan, path: Path) -> Role:
    """Say as what a target of a plan takes its cells."""
    name, *inside = path
    if inside:
        return "value"
    argument = plan.kind.arguments[name]
    if argument.is_object:
        return "object"
    return "time" if argument.is_time else "id" if argument.is_id else "argument"


def _any_blank(values: Sequence[Any]) -> bool:
    """Whether any is text without a visible sign."""
    return any(isinstance(value, str) and not value.strip() for value in values)


def _filler(form: Any, *, keep_nulls: bool, inner_nulls: bool) -> _Filler:
    """Make what fills a form with the cells of many rows."""
    if isinstance(form, Cell):
        return partial(_cells_of, form.column)
    if isinstance(form, Laid):
        parts = _filler(form.parts, keep_nulls=inner_nulls, inner_nulls=inner_nulls)
        return partial(_laid, form.whole.column, parts)
    if not isinstance(form, dict):
        return lambda _, number: repeat(form, number)
    inside = cast("dict[str, Any]", form)
    fillers = {name: _filler(inner, keep_nulls=inner_nulls, inner_nulls=inner_nulls) for name, inner in inside.items()}
    own = frozenset(inner.column for inner in inside.values() if isinstance(inner, Cell) and not keep_nulls)
    return partial(_object, tuple(fillers), tuple(fillers.values()), own)


def _cells_of(column: str, columns: _Columns, _: int) -> Sequence[Any]:
    return columns[column]


def _laid(column: str, parts: _Filler, columns: _Columns, number: int) -> Iterable[Any]:
    return [merged(whole, part) for whole, part in zip(columns[column], parts(columns, number), strict=True)]


def _object(
    names: tuple[str, ...], fillers: tuple[_Filler, ...], may_lack: frozenset[str], columns: _Columns, number: int
) -> list[dict[str, Any]]:
    """Make the objects of many rows; of those that have an empty cell, without it."""
    if not names:
        return [{} for _ in range(number)]
    rows = zip(*(filler(columns, number) for filler in fillers), strict=True)
    if may_lack.isdisjoint(columns.empty):
        return [dict(zip(names, row)) for row in rows]  # noqa: B905  they are as many
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
