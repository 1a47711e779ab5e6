"""SQL that writes a cell as JSON: what `cells` says in Python, said to the engine.

Each says besides when that is surely what `cells` and `encoding` would give. All other cells go their way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import attrs
import orjson

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

    from cio_facade.loading.cells import Role

__all__ = ["Sql", "is_text", "json_of", "key", "literal", "not_blank"]

_WHOLE: Final = frozenset(
    ("tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
)
_FLOATS: Final = ("float", "double")
_EXACT: Final = 2**53  # floats from here on may stand for another whole number
_LAST_SECOND: Final = 253_402_300_799
_FIRST_SECOND: Final = -62_135_596_800
_IN_CALENDAR: Final = "BETWEEN {type} '0001-01-01 00:00:00' AND {type} '9999-12-31 23:59:59.999999'"

# Of JSON that DuckDB takes for valid, what `cells` does not, or reads otherwise; and some that is the same to both.
_ODD_JSON: Final = r"^\s|^null.|(^|[:\[,])\s*-?(?i:nan|inf)|,\s*[\]}]|\\u[dD]|[eE][+]?[0-9]{3}|[0-9]{300}"
_JSON_CHARACTERS: Final = 4_000
_JSON_DEPTH: Final = 90

# What is in this form and in the calendar is so for `validation` too; which takes some more.
_ISO: Final = r"[1-9]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3}|\.\d{6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_VISIBLE: Final = r"[^\s\x0b\x1c-\x1f\x{85}\p{Z}]"


@attrs.frozen
class Sql:
    """A cell, to the engine.

    Attributes
    ----------
    text : str
        Gives its JSON; NULL for an empty cell.
    fit : str or None
        Says whether that is surely right, of a cell that is not NULL. None: always.
    """

    text: str
    fit: str | None = None


def literal(text: str) -> str:
    """Write text as a literal of SQL.

    Examples
    --------
    >>> print(literal("it's"))
    'it''s'
    """
    return "'" + text.replace("'", "''") + "'"


def key(name: str) -> str:
    """Write the name of a member, with the colon, as a literal of SQL."""
    return literal(orjson.dumps(name).decode() + ":")


def is_text(type_: DuckDBPyType) -> bool:
    """Whether cells are text, and nothing but text."""
    return str(type_) == "VARCHAR" or type_.id == "enum"


def not_blank(text: str) -> str:
    """Say when text has a sign that can be seen. Most begins with one, of ASCII, and is not looked at any further."""
    return f"CASE WHEN {text} >= '!' AND {text} < chr(127) THEN true ELSE regexp_matches({text}, '{_VISIBLE}') END"


def json_of(cell: str, type_: DuckDBPyType, role: Role = "value") -> Sql | None:
    """Write a cell in a role of `cells.cells`; None where the engine cannot.

    Parameters
    ----------
    cell : str
        SQL that gives it.
    type_ : DuckDBPyType
        Its type.
    role : {"value", "argument", "id", "time", "object"}
        What it becomes in the call.
    """
    if role == "object":
        return None
    if role != "value" and is_text(type_):
        return _argument(f"{cell}::VARCHAR", role)
    if role == "id":
        return _id(cell, type_)
    if role == "time":
        return _time(cell, type_)
    if str(type_) == "JSON":
        return _json(cell) if role == "value" else None
    return _value(cell, type_, 0)


def _argument(text: str, role: Role) -> Sql:
    if role != "time":
        return Sql(f"to_json({text})::VARCHAR", not_blank(text))
    in_calendar = f"try_cast(substr({text}, 1, 10) AS DATE) IS NOT NULL"
    return Sql(f"""'"' || {text} || '"'""", f"regexp_full_match({text}, '{_ISO}') AND {in_calendar}")


def _id(cell: str, type_: DuckDBPyType) -> Sql | None:
    if type_.id in _FLOATS:
        return Sql(
            f"""'"' || try_cast({cell} AS BIGINT) || '"'""",
            f"isfinite({cell}) AND abs({cell}) < {_EXACT} AND trunc({cell}) = {cell}",
        )
    is_whole = type_.id in _WHOLE or (type_.id == "decimal" and dict(type_.children)["scale"] == 0)
    return Sql(f"""'"' || {cell} || '"'""") if is_whole or type_.id == "uuid" else None


def _time(cell: str, type_: DuckDBPyType) -> Sql | None:
    if type_.id == "date":
        return Sql(f"""'"' || {cell} || 'T00:00:00Z"'""", _dates(cell))
    if type_.id in _WHOLE:
        in_calendar = f"{cell} BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND}"
        time = f"CASE WHEN {in_calendar} THEN make_timestamp({cell}::BIGINT * 1000000) END"
        return Sql(f"""strftime({time}, '"%Y-%m-%dT%H:%M:%SZ"')""", in_calendar)
    return _value(cell, type_, 0) if type_.id.startswith("timestamp") else None


def _json(cell: str) -> Sql:
    text = f"{cell}::VARCHAR"
    depth = f"strlen({text}) - strlen(translate({text}, '[{{', ''))"
    return Sql(
        f"nullif({text}, 'null')",
        f"json_valid({text}) AND strlen({text}) <= {_JSON_CHARACTERS} AND {depth} <= {_JSON_DEPTH}"
        f" AND NOT regexp_matches({text}, '{_ODD_JSON}', 's')",
    )


def _value(cell: str, type_: DuckDBPyType, depth: int) -> Sql | None:
    if type_.id in _WHOLE or type_.id == "boolean":
        return Sql(f"{cell}::VARCHAR")
    if is_text(type_):
        return Sql(f"to_json({cell}::VARCHAR)::VARCHAR")
    if type_.id in _PLAIN:
        return _PLAIN[type_.id](cell)
    inner = {"decimal": _decimal, "struct": _struct, "list": _list, "array": _list}.get(type_.id)
    return None if inner is None else inner(cell, type_, depth)


def _decimal(cell: str, type_: DuckDBPyType, _: int) -> Sql:
    # DuckDB writes no zero before the point of a type that has no place for it.
    lone = dict(type_.children)["scale"] == dict(type_.children)["precision"]
    return Sql(f"regexp_replace({cell}::VARCHAR, '^(-?)[.]', '\\1' || '0.')" if lone else f"{cell}::VARCHAR")


def _float(cell: str) -> Sql:
    return Sql(f"CASE WHEN isfinite({cell}) THEN {cell}::DOUBLE::VARCHAR END")


def _uuid(cell: str) -> Sql:
    return Sql(f"""'"' || {cell} || '"'""")


def _date(cell: str) -> Sql:
    return Sql(f"""'"' || {cell} || '"'""", _dates(cell))


def _dates(cell: str) -> str:
    return f"{cell} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"


def _timestamp(cell: str, form: str = "%f", zeros: str = ".000000") -> Sql:
    """Write the fraction of the second only where there is one."""
    text = f"""strftime({cell}, '"%Y-%m-%dT%H:%M:%S.{form}Z"')"""
    return Sql(f"replace({text}, '{zeros}Z', 'Z')", f"{cell} {_IN_CALENDAR.format(type='TIMESTAMP')}")


def _timestamp_tz(cell: str) -> Sql:
    # By way of numbers: the other one looks into the table of time zones, and takes ten times as long.
    return attrs.evolve(_timestamp(f"make_timestamp(epoch_us({cell}))"), fit=f"isfinite({cell}) AND {_years(cell)}")


def _years(cell: str) -> str:
    microseconds = f"epoch_us({cell})"
    return f"{microseconds} BETWEEN {_FIRST_SECOND}000000 AND {_LAST_SECOND}999999"


def _timestamp_s(cell: str) -> Sql:
    return attrs.evolve(_timestamp(f"{cell}::TIMESTAMP"), fit=_years(cell))


def _timestamp_ms(cell: str) -> Sql:
    return attrs.evolve(_timestamp(f"{cell}::TIMESTAMP", "%g", ".000"), fit=_years(cell))


def _timestamp_ns(cell: str) -> Sql:
    # DuckDB's own %n writes past the end of the text.
    rest = f"((epoch_ns({cell}) % 1000 + 1000) % 1000)"
    seconds = f"strftime(make_timestamp((epoch_ns({cell}) - {rest}) // 1000), '\"%Y-%m-%dT%H:%M:%S.%f')"
    text = f"{seconds} || lpad({rest}::VARCHAR, 3, '0') || 'Z\"'"
    return Sql(f"replace({text}, '.000000000Z', 'Z')", _years(cell))


_PLAIN: Final = {
    "float": _float,
    "double": _float,
    "uuid": _uuid,
    "date": _date,
    "timestamp": _timestamp,
    "timestamp_s": _timestamp_s,
    "timestamp_ms": _timestamp_ms,
    "timestamp_ns": _timestamp_ns,
    "timestamp with time zone": _timestamp_tz,
}


def _struct(cell: str, type_: DuckDBPyType, depth: int) -> Sql | None:
    members: list[str] = []
    fit: list[str] = []
    for name, inner in cast("list[tuple[str, DuckDBPyType]]", type_.children):
        found = _value(f"struct_extract({cell}, {literal(name)})", inner, depth) if name else None
        if found is None:
            return None
        members.append(f"{key(name)}, coalesce({found.text}, 'null')")
        fit += [] if found.fit is None else [f"({found.fit}) IS NOT FALSE"]
    between = ", ',', "
    text = f"concat('{{', {between.join(members)}, '}}')"
    return Sql(f"CASE WHEN {cell} IS NOT NULL THEN {text} END", " AND ".join(fit) or None)


def _list(cell: str, type_: DuckDBPyType, depth: int) -> Sql | None:
    kind = cast("DuckDBPyType", dict(type_.children)["child"])
    item = f"item{depth}"
    found = _value(item, kind, depth + 1)
    if found is None or found.fit is not None:
        return None
    items = f"list_transform({cell}::{kind}[], lambda {item}: coalesce({found.text}, 'null'))"
    return Sql(f"'[' || array_to_string({items}, ',') || ']'")
