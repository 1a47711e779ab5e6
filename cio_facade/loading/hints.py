"""What a caller may not expect of a plan, told before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cio_facade.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb.sqltypes import DuckDBPyType

    from cio_facade.loading.kinds import Kind
    from cio_facade.loading.mapping import Wishes
    from cio_facade.loading.matching import Targets

__all__ = ["hints", "inside"]

_WHOLE: Final = frozenset(
    ("tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
)
_FRACTIONS: Final = frozenset(("float", "double", "decimal"))
_TIMES: Final = frozenset(
    ("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone")
)
_TEXTS: Final = frozenset(("varchar", "enum", "uuid", "time")) | _TIMES
# What a type of DuckDB is in JSON; what is not here may be anything, or is an object or a list.
_JSON_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_WHOLE, "integer"),
    **dict.fromkeys(_FRACTIONS, "number"),
    **dict.fromkeys(_TEXTS, "string"),
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "struct": "object",
    "map": "object",
}
_NOTHING: Final = frozenset(
    ("blob", "bit", "interval", "union", "bignum", "time with time zone", "geometry", "variant")
)


def hints(
    kind: Kind,
    wishes: Wishes,
    targets: Targets,
    columns: tuple[str, ...],
    types: Mapping[str, DuckDBPyType],
) -> tuple[str, ...]:
    """Say what is not sent, what has another type than the spec says, and when things happened.

    Raises
    ------
    ValidationError
        A column has a type that is nothing in JSON.
    """
    for column, _ in targets:
        if column in types and (unfit := next(inside(types[column], _NOTHING), None)) is not None:
            cast = f"convert it with SQL (CAST({column} AS VARCHAR)), or leave it out ({column}=)"
            raise ValidationError(field=f"column {column!r}", problem=f"a {unfit} is nothing in JSON; {cast}")
    return (
        *_unsent(wishes, targets, columns),
        *_ids(kind, targets, types),
        *_mistyped(kind, targets, types),
        *_missing(kind, targets),
        *_when(kind, targets, types),
    )


def inside(type_: DuckDBPyType, ids: frozenset[str]) -> Iterator[DuckDBPyType]:
    """Go through a type and what it is made of, for those of some kinds."""
    if type_.id in ids:
        yield type_
    elif type_.id in ("list", "array", "struct", "map"):
        for _, child in type_.children:
            if not isinstance(child, (int, list)):
                yield from inside(child, ids)


def _unsent(wishes: Wishes, targets: Targets, columns: tuple[str, ...]) -> Iterator[str]:
    sent = {column for column, _ in targets}
    by_hand = {name.casefold() for name, target in wishes.map.items() if not target}
    unsent = [column for column in columns if column not in sent and column.casefold() not in by_hand]
    if unsent and not wishes.only:
        why = f" (rows are identified by {wishes.identify_by})" if wishes.identify_by else ""
        yield f"not sent{why}: {', '.join(unsent)}"


def _ids(kind: Kind, targets: Targets, types: Mapping[str, DuckDBPyType]) -> Iterator[str]:
    for column, path in targets:
        is_id = len(path) == 1 and kind.arguments[path[0]].is_id
        if is_id and column in types and types[column].id in ("float", "double"):
            yield f"column {column!r} holds floats: whole ones are sent as {path[0]}, others are rejected"
        if is_id and path[0] != "message_id" and column != path[0] and column.casefold() == "id":
            yield f"column {column!r} is taken for the {path[0]}"


def _mistyped(kind: Kind, targets: Targets, types: Mapping[str, DuckDBPyType]) -> Iterator[str]:
    """Compare with the spec: in strict mode the server refuses what is of another type."""
    expected = {member.path: member.type for member in kind.members if member.type is not None}
    for column, path in targets:
        wanted = expected.get(path)
        found = _JSON_TYPES.get(types[column].id) if column in types and str(types[column]) != "JSON" else None
        if found is None or wanted is None or found == wanted or (found, wanted) == ("integer", "number"):
            continue
        differs = f"{'.'.join(path)} is a {wanted} by the spec, but column {column!r} is {types[column]}"
        yield f"{differs}: the server may refuse it"


def _missing(kind: Kind, targets: Targets) -> Iterator[str]:
    paths = {path for _, path in targets}
    for member in kind.members:
        if member.required and member.path not in paths and (kind.rest,) not in paths:
            yield f"{kind.name!r} needs {'.'.join(member.path)} by the spec, and no column is mapped to it"


def _when(kind: Kind, targets: Targets, types: Mapping[str, DuckDBPyType]) -> Iterator[str]:
    """Tell that the past is about to be taken for the present."""
    happens = kind.type in ("track", "page", "screen") and not kind.is_gdpr and "timestamp" in kind.arguments
    if not happens or any(path == ("timestamp",) for _, path in targets):
        return
    times = [column for column, type_ in types.items() if type_.id in _TIMES]
    if times:
        yield f"no column is the timestamp, so it is the time of this load; if {times[0]!r} is: {times[0]}=timestamp"
