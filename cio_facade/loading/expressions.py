"""The SQL that makes calls of rows, so that the engine writes their JSON, many at a time.

Of a row that is not surely fit to be sent it gives the cells instead of a call: it goes the way of `rows.Rows` and
`encoding.Encoder`, which give the exact verdict. So both ways come to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import orjson
from cio_pipelines import constants

from cio_facade.loading.jsonsql import Sql, is_text, json_of, key, literal, not_blank
from cio_facade.loading.kinds import gdpr_events
from cio_facade.loading.plans import Cell
from cio_facade.loading.rows import role_of
from cio_facade.loading.tables import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from cio_facade.config import Limits
    from cio_facade.loading.cells import Role
    from cio_facade.loading.plans import Plan
    from cio_facade.loading.tables import Table

__all__ = ["LANES", "query"]

LANES: Final = 512
"""People are told apart as finely as this: calls of one lane keep their order."""

_KINDS: Final = frozenset(("identify", "track", "page", "screen"))
_PEOPLE: Final = ("userId", "anonymousId")
_IDS: Final = (*_PEOPLE, "groupId", "previousId", "messageId")
# Of an address that is surely one; `validation` takes some more.
_EMAIL: Final = "[!-?A-~]+@[0-9A-Za-z-]+([.][0-9A-Za-z-]+)*"
# The version and the variant of a UUID take the place of some of the digits.
_UUID: Final = (
    "concat(substr(digits, 1, 8), '-', substr(digits, 9, 4), '-5', substr(digits, 14, 3), '-',"
    " substr('89ab89ab89ab89ab', instr('0123456789abcdef', substr(digits, 17, 1)), 1), substr(digits, 18, 3), '-',"
    " substr(digits, 21, 12))"
)


def query(
    plan: Plan,
    table: Table,
    *,
    limits: Limits,
    namespace: UUID,
    stamp: str,
    start: int = 0,
    changes: bool = False,
) -> str | None:
    """Write the query whose rows are calls; None where it takes Python to make them.

    Its columns are ``i``, the row's index; ``lane``; ``call``, the call with a comma, for bodies to be cut of many; and
    ``raw``, a struct of the cells that are sent, where there is no call. With `changes` also ``k`` and ``c``, the first
    8 bytes of MD5 of the identity and of the content, as a number whose lowest byte is the first.

    Parameters
    ----------
    plan : Plan
        What the columns become.
    table : Table
        The source.
    limits : Limits
        Lengths, and the bytes of one call.
    namespace : UUID
        What ids of messages are derived from, with the row's index and its content.
    stamp : str
        The time of what has none.
    start : int
        The index of the first row that is wanted.
    changes : bool
        Whether ``k`` and ``c`` are.

    Examples
    --------
    >>> from uuid import UUID
    >>> import duckdb
    >>> from cio_facade import Limits
    >>> from cio_facade.loading.mapping import wishes_of
    >>> from cio_facade.loading.plans import plan_for
    >>> from cio_facade.loading.tables import Column, Table
    >>> connection = duckdb.connect()
    >>> table = Table(name="t", label="t", format="csv", relation="(SELECT 'u1' AS id, 7 AS visits)",
    ...     columns=(Column("id", connection.sqltype("VARCHAR")), Column("visits", connection.sqltype("INTEGER"))),
    ...     rows=1, fingerprint="", connection=connection)
    >>> plan = plan_for(wishes_of("identify"), table.columns)
    >>> sql = query(plan, table, limits=Limits(), namespace=UUID(int=7), stamp="2026-01-31T12:00:00Z")
    >>> connection.sql(sql).fetchall()[0][2][:54]
    '{"type":"identify","userId":"u1","traits":{"visits":7}'
    """
    columns = {column: f"c{number}" for number, (column, _) in enumerate(plan.targets)}
    call = _call(plan, columns, limits)
    if call is None or (changes and call.own_id is not None):  # the mark of a call with another's id is not told here
        return None
    named = "".join(f", {column.sql} AS {columns[column.name]}" for column in table.columns if column.name in columns)
    cells = ", ".join(f"{quoted(column)} := {name}" for column, name in columns.items())
    numbered = f"SELECT row_number() OVER () - 1 AS i{named} FROM {table.relation} AS source"  # noqa: S608
    marks = f", md5_number_upper({call.identity}) AS k" if changes else ""
    own_id = "" if call.own_id is None else f", {call.own_id} AS own"
    stamped = literal(f',"timestamp":"{stamp}"')
    if call.time is not None:
        stamped = f"CASE WHEN {call.time} IS NULL THEN {stamped} ELSE '' END"
    written = (
        f"SELECT i, (hash({call.identity}) % {LANES})::SMALLINT AS lane, {call.fit} AS fit, {call.head} AS head, "  # noqa: S608
        f"{stamped} AS time, struct_pack({cells}) AS raw{marks}{own_id} FROM ({numbered}) WHERE i >= {start}"
    )
    content = ", md5_number_upper(head) AS c" if changes else ""
    named_by = f"{_blob(namespace.bytes)} || encode(concat(i, ':', head, time, '}}'))"
    hashed = f"SELECT *, sha1({named_by}) AS digits{content} FROM ({written})"  # noqa: S608
    derived = f"""concat('"', {_UUID}, '"')"""
    message_id = derived if call.own_id is None else f"coalesce(own, {derived})"
    ended = f"""SELECT *, concat(head, time, ',"messageId":', {message_id}, '}},') AS made FROM ({hashed})"""  # noqa: S608
    judged = f"SELECT * REPLACE (fit AND strlen(made) <= {limits.call_bytes + 1} AS fit) FROM ({ended})"  # noqa: S608
    return (
        f"SELECT i, lane, CASE WHEN fit THEN made END AS call, CASE WHEN fit THEN NULL ELSE raw END AS raw"  # noqa: S608
        f"{', k, c' if changes else ''} FROM ({judged})"
    )


@attrs.frozen(kw_only=True)
class _Call:
    """The call of a row, to the engine.

    Attributes
    ----------
    head : str
        Gives its JSON, without what stands at its end: the time that it is stamped with, and the id.
    fit : str
        Says whether it is surely fit.
    identity : str
        Gives whom it is about, as text.
    time, own_id : str or None
        Give the JSON of the time and of the id that it has itself, if it may have one.
    """

    head: str
    fit: str
    identity: str
    time: str | None
    own_id: str | None


def _call(plan: Plan, columns: Mapping[str, str], limits: Limits) -> _Call | None:
    if not plan.kind.plain:
        return None
    form = plan.template()
    identity = _identity(form)
    if form.get("type") not in _KINDS & constants.BATCHABLE or identity is None:
        return None
    if "event" in form and not isinstance(form["event"], Cell) and not _is_harmless(form["event"], limits):
        return None
    roles: dict[str, Role] = {column: role_of(plan, path) for column, path in plan.targets}
    cells = {column: json_of(name, plan.types[column], roles[column]) for column, name in columns.items()}
    written = {column: sql for column, sql in cells.items() if sql is not None}
    if len(written) < len(cells):
        return None
    own_id = form.pop("messageId", None)
    head = _object(form, written, plan.nulls == "send", keep_nulls=False)
    rules = [f"({sql.fit}) IS NOT FALSE" for sql in written.values() if sql.fit is not None]
    more = _rules({**form, **({} if own_id is None else {"messageId": own_id})}, plan, columns, limits)
    if head is None or more is None:
        return None
    rules += more
    for needed in plan.needed:
        rules.append(
            "(" + " OR ".join(_is_there(plan, one, columns[one], written[one]) for one in needed.columns) + ")"
        )
    return _Call(
        head=f"concat('{{', {head})",
        fit=" AND ".join(rules),
        identity=_text_of(written[identity.column], columns[identity.column], plan, identity.column),
        time=written[form["timestamp"].column].text if isinstance(form.get("timestamp"), Cell) else None,
        own_id=written[own_id.column].text if isinstance(own_id, Cell) else None,
    )


def _identity(form: Mapping[str, Any]) -> Cell | None:
    """Find the one thing that says whom a call is about."""
    ids = [form[field] for field in _IDS[:-1] if field in form]
    if not ids and form.get("type") == "identify":
        email = _email(form)
        return email if isinstance(email, Cell) else None
    return ids[0] if len(ids) == 1 and isinstance(ids[0], Cell) and (_PEOPLE[0] in form or _PEOPLE[1] in form) else None


def _email(form: Mapping[str, Any]) -> Any:
    traits = form.get("traits")
    return cast("dict[str, Any]", traits).get("email") if isinstance(traits, dict) else None


def _is_harmless(event: Any, limits: Limits) -> bool:
    """Whether an event has a name like any other, which stands for nothing that is done inside Customer.io."""
    if not isinstance(event, str) or not event.strip() or event in constants.EVENT_REQUIRED:
        return False
    return limits.event_name_bytes is None or len(event.encode(errors="replace")) <= limits.event_name_bytes


def _object(form: Mapping[str, Any], written: Mapping[str, Sql], inner_nulls: bool, *, keep_nulls: bool) -> str | None:
    """Write the members of an object, without its first brace and with its last one; of the call, without either."""
    members: list[str] = []
    for name, inner in form.items():
        if isinstance(inner, Cell):
            text = written[inner.column].text
            members.append(f"{key(name)} || " + (f"coalesce({text}, 'null')" if keep_nulls else f"({text})"))
        elif isinstance(inner, dict):
            inside = _object(cast("dict[str, Any]", inner), written, inner_nulls, keep_nulls=inner_nulls)
            if inside is None:
                return None
            members.append(f"concat({key(name)}, '{{', {inside}, '}}')")
        elif isinstance(inner, str | int | float | bool):
            members.append(literal(orjson.dumps(name).decode() + ":" + orjson.dumps(inner).decode()))
        else:
            return None
    return f"concat_ws(',', {', '.join(members)})" if members else "''"


def _rules(form: Mapping[str, Any], plan: Plan, columns: Mapping[str, str], limits: Limits) -> list[str] | None:
    """Say what `validation` asks for besides. None: it could hardly be met."""
    rules: list[str] = []
    for field in (*_IDS, "event"):
        most = limits.event_name_bytes if field == "event" else limits.id_bytes
        if isinstance(cell := form.get(field), Cell) and is_text(plan.types[cell.column]) and most is not None:
            rules.append(f"(strlen({columns[cell.column]}::VARCHAR) <= {most}) IS NOT FALSE")
        if field == "event" and isinstance(cell, Cell):
            name = f"lower({columns[cell.column]}::VARCHAR)"
            rules += [f"(NOT contains({name}, {literal(one.lower())})) IS NOT FALSE" for one in sorted(gdpr_events())]
            acting = ", ".join(map(literal, sorted(constants.EVENT_REQUIRED)))
            rules.append(f"({columns[cell.column]}::VARCHAR NOT IN ({acting})) IS NOT FALSE")
    email = _email(form) if form["type"] == "identify" else None
    if isinstance(email, Cell):
        if not is_text(plan.types[email.column]):
            return None
        rules.append(f"regexp_full_match({columns[email.column]}::VARCHAR, '{_EMAIL}') IS NOT FALSE")
    return None if isinstance(email, dict) else rules


def _is_there(plan: Plan, column: str, name: str, sql: Sql) -> str:
    return f"({not_blank(f'{name}::VARCHAR')}) IS TRUE" if is_text(plan.types[column]) else f"{sql.text} IS NOT NULL"


def _text_of(sql: Sql, name: str, plan: Plan, column: str) -> str:
    """Give an identity as text; of what is no text, its JSON without the quotes."""
    return f"{name}::VARCHAR" if is_text(plan.types[column]) else f"trim({sql.text}, '\"')"


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"
