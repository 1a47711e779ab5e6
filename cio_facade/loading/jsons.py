"""JSON files as a table of DuckDB's: what each key holds, how many rows there are, and which cannot be read.

Each row is looked at once, by the strict parser that also writes the calls: what it takes can be sent. Where all rows
are fit DuckDB reads the files where they are, and a clean copy otherwise. A column has the JSON type that all its
values have; where they differ, and for objects and arrays, it has DuckDB's type JSON: each value stays what it was.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, cast

import attrs
import duckdb
import orjson

from cio_facade.errors import ValidationError
from cio_facade.loading.guesses import Reading, asked_for, misfits
from cio_facade.loading.objects import MOST_BYTES, Form, form_of, rows_of
from cio_facade.loading.tables import Column, listed, quoted
from cio_facade.loading.texts import Faults, Text, clean_copy, label_of, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["read_json"]

_TYPES = {str: "VARCHAR", bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", dict: "JSON", list: "JSON"}
_SHAPES = 500  # that are told apart before what they say of the columns is put together
_LARGEST = (1 << 63) - 1
_Shape = tuple[tuple[str, ...], tuple[type, ...]]


@attrs.define
class _Seen:
    """What was seen of the rows."""

    faults: Faults
    rows: int = 0
    kinds: dict[str, set[type]] = attrs.field(factory=dict[str, set[type]])
    _shapes: dict[_Shape, None] = attrs.field(factory=dict[_Shape, None])

    def look(self, text: bytes) -> None:
        """Look at a row."""
        self.rows += 1
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            reason = "is not UTF-8; --encoding names another" if "UTF-8" in error.msg else f"is not JSON: {error.msg}"
        else:
            if type(row) is not dict:
                reason = "is not a JSON object"
            elif len(text) > MOST_BYTES:
                reason = f"is longer than {MOST_BYTES} bytes"
            else:
                self._shapes[_shape(cast("dict[str, object]", row))] = None
                if len(self._shapes) > _SHAPES:
                    self._put_together()
                return
        self.faults.add(self.rows, reason, _shown(text))

    def columns(self) -> dict[str, str]:
        """Give DuckDB's type of each key.

        Raises
        ------
        ValidationError
            There is none, one is empty, or two differ by case alone.
        """
        self._put_together()
        if not self.kinds:
            first = self.faults.found[:1]
            problem = (
                f"has no row that can be read; the first {first[0].reason}" if first else "is empty: it has no keys"
            )
            raise ValidationError(field=self.faults.label, problem=problem)
        folded: dict[str, str] = {}
        for name in self.kinds:
            if not name:
                raise ValidationError(field=self.faults.label, problem="a key is empty: each needs a name")
            if (other := folded.setdefault(name.casefold(), name)) != name:
                problem = f"the keys {other} and {name} differ by case alone; give one of them another name"
                raise ValidationError(field=self.faults.label, problem=problem)
        return {name: _type_of(kinds) for name, kinds in self.kinds.items()}

    def _put_together(self) -> None:
        for names, kinds in self._shapes:
            for name, kind in zip(names, kinds, strict=True):
                self.kinds.setdefault(name, set()).add(kind)
        self._shapes.clear()


@attrs.frozen
class _Rows:
    """The rows of files, one file after the other, as often as they are asked for."""

    connection: duckdb.DuckDBPyConnection
    forms: Sequence[Form]
    scratch: Path | None

    @property
    def plain(self) -> bool:
        """Whether DuckDB may be able to read the files as they are."""
        return all(form.plain and form.name == self.forms[0].name for form in self.forms)

    def __iter__(self) -> Iterator[bytes]:
        for form in self.forms:
            yield from rows_of(self.connection, form, self.scratch)


def read_json(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[str],
    *,
    types: Mapping[str, str] | None = None,
    encoding: str | None = None,
    scratch: Path | None = None,
) -> Text:
    r"""Read JSON files: lines of objects, one array of them, or objects one after another over several lines.

    A line that is no JSON object costs that line. An array, or an object over several lines, must be JSON as a whole.
    A key that a row does not have is NULL, as is null.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Keeps the order of rows (``preserve_insertion_order``).
    paths : sequence of str
        The files, packed or not (.gz, .zst), one or more. Rows are counted over all of them, in order.
    types : mapping of str to str, optional
        DuckDB's type by key: ``{"zip": "VARCHAR"}``.
    encoding : str, optional
        Any that Python knows; UTF-8, or what the file's first bytes say.
    scratch : Path, optional
        Folder for a clean copy; one for temporary files.

    Returns
    -------
    Text
        To be closed.

    Raises
    ------
    ValidationError
        A file is no JSON, it has no row, or more than 100 000 rows cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "people.jsonl"
    >>> _ = path.write_text('{"user_id":"1","n":1}\n{"user_id":\n{"user_id":"3","n":"x","plan":{"name":"pro"}}\n')
    >>> text = read_json(duckdb.connect(), [str(path)])
    >>> [(column.name, str(column.type)) for column in text.columns], text.rows
    ([('user_id', 'VARCHAR'), ('n', 'JSON'), ('plan', 'JSON')], 2)
    >>> [(broken.row, broken.reason) for broken in text.broken]
    [(2, 'is not JSON: unexpected end of data')]
    >>> text.close()
    """
    label = label_of(paths)
    forms = [form for path in paths if (form := form_of(path, encoding)) is not None]
    rows = _Rows(connection, forms, scratch)
    seen = _Seen(Faults(label))
    for text in rows:
        seen.look(text)
    columns = seen.columns()
    wanted = asked_for(types or {}, list(columns))
    columns |= dict.fromkeys(wanted, "JSON")
    readable = seen.rows - len(seen.faults.found)
    if not seen.faults.found and rows.plain:
        source = _source([form.path for form in forms], forms[0].name, columns)
        if _can_be_read(connection, source, columns, readable):
            return _text(rows, source, columns, wanted, seen, None)
    copy = _copied(rows, columns, seen.faults)
    try:
        source = _source([str(copy)], "newline_delimited", columns)
        return _text(rows, source, columns, wanted, seen, copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _shape(row: dict[str, object]) -> _Shape:
    return tuple(row), tuple(map(type, row.values()))


def _type_of(kinds: set[type]) -> str:
    kinds = kinds - {type(None)}
    if kinds == {int, float}:
        return "DOUBLE"
    return _TYPES[kinds.pop()] if len(kinds) == 1 else "JSON" if kinds else "VARCHAR"


def _source(paths: Sequence[str], form: str, columns: Mapping[str, str]) -> str:
    typed = ", ".join(f"{quoted(name)}: {literal(type_)}" for name, type_ in columns.items())
    options = f"format = {literal(form)}, columns = {{{typed}}}, maximum_object_size = {MOST_BYTES}"
    return f"read_json({listed(paths)}, {options})"


def _can_be_read(connection: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, str], rows: int) -> bool:
    """Read all of it. DuckDB takes no key that is there twice in a row, and no whole number beyond 64 bits."""
    counts = ", ".join(f"count({quoted(name)})" for name in columns)
    try:
        found = connection.execute(f"SELECT count(*), {counts} FROM {source}").fetchall()  # noqa: S608
    except duckdb.Error:
        return False
    return bool(found[0][0] == rows)


def _copied(rows: _Rows, columns: dict[str, str], faults: Faults) -> Path:
    """Copy the rows that can be read, the last of a key that is there twice. Columns of large numbers become JSON."""
    broken = {one.row for one in faults.found}
    with clean_copy(rows.scratch, ".jsonl") as (path, file):
        for number, text in enumerate(rows, 1):
            if number in broken:
                continue
            row: dict[str, object] = orjson.loads(text)
            columns |= {name: "JSON" for name, value in row.items() if type(value) is int and value > _LARGEST}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return path


def _text(
    rows: _Rows, source: str, columns: Mapping[str, str], wanted: Mapping[str, str], seen: _Seen, copy: Path | None
) -> Text:
    # A text of JSON as it would be written bare: "5" and 5 alike.
    readings = [Reading(name, f"({quoted(name)} ->> '$')", type_, faulty=True) for name, type_ in wanted.items()]
    found = list(seen.faults.found)
    readable_before = [one.row - 1 - place for place, one in enumerate(found)]
    wrong = {
        place + 1 + bisect_right(readable_before, place): reason
        for place, reason, _ in misfits(rows.connection, source, readings)
    }
    if wrong:
        for number, text in enumerate(rows, 1):
            if number in wrong:
                seen.faults.add(number, wrong[number], _shown(text))
    values = {name: quoted(name) for name in columns} | {one.name: one.value for one in readings}
    selected = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    where = f" WHERE NOT ({' OR '.join(one.misfit for one in readings)})" if wrong else ""
    return Text(
        relation=f"(SELECT {selected} FROM {source}{where})",  # noqa: S608
        columns=tuple(Column(name, duckdb.sqltype(wanted.get(name, type_))) for name, type_ in columns.items()),
        rows=seen.rows - len(seen.faults.found),
        broken=tuple(sorted(seen.faults.found, key=lambda one: one.row)),
        copy=copy,
    )


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace").rstrip("\r\n")
