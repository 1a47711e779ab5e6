r"""What the cells of a column are: guessed from some of them, then held against all.

A number, a date or a truth is taken for one only when it is written as programs write it. All else stays text, letter
by letter: codes with leading zeros, phone numbers with a plus, numbers longer than a float can hold, ``1e5``.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import attrs
import duckdb

from cio_facade.errors import ValidationError
from cio_facade.loading.texts import MOST_BROKEN, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Reading", "asked_for", "keeps_text", "misfits", "readings_of"]

_TEXT = "VARCHAR"
_SAMPLE = 20_480  # rows
# How programs write them. The first that all cells fit is taken.
_FORMS = {
    "BIGINT": r"-?(0|[1-9][0-9]{0,18})",
    "DOUBLE": r"-?((0|[1-9][0-9]{0,14})?\.[0-9]+([eE][-+]?[0-9]+)?|(0|[1-9][0-9]{0,14})([eE][-+][0-9]+)?)",
    "BOOLEAN": r"(?i)true|false",
    "DATE": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "TIMESTAMP": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?",
    "TIMESTAMP WITH TIME ZONE": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)? ?(Z|[-+][0-9]{2}(:[0-9]{2})?)"
    ),
}
_FLOATS = ("DOUBLE", "FLOAT")
_WHOLE = r"[-+]?[0-9]+"
# What looks like a number, and would be another afterwards.
_CODE = r"\+.*|-?0[0-9].*|-?[0-9]{16,}|[0-9]+[eE][0-9]+"
# What programs write where there is no number, date or truth.
_NOTHING = r"(?i)|null|nan|na|n/a|none|\\N"
_IDS = re.compile(
    r"(^|_)(id|ids|uuid|guid|token|phone|mobile|zip|zip_?code|post_?code|postal_?code|sku|ean|gtin|isbn|version|build)$"
)


def keeps_text(name: str) -> bool:
    """Whether a column is called like one of ids or codes, which stay as they are written.

    Examples
    --------
    >>> [keeps_text(name) for name in ("userId", "Order ID", "ZIP", "phone", "paid", "age")]
    [True, True, True, True, False, False]
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _IDS.search(re.sub(r"[\W_]+", "_", parted).lower().strip("_")) is not None


@attrs.frozen
class Reading:
    """How a column is read.

    Attributes
    ----------
    name : str
        The column's.
    cell : str
        SQL for its text.
    type : str
        Of DuckDB's.
    guessed : bool
        Whether nobody asked for the type: then only what is written as programs write it fits.
    faulty : bool
        Whether a cell does not fit.
    """

    name: str
    cell: str
    type: str = _TEXT
    guessed: bool = False
    faulty: bool = False

    @property
    def value(self) -> str:
        """SQL for the value; NULL when the text does not fit."""
        if self.type == _TEXT:
            return self.cell
        value = f"try_cast(trim({self.cell}) AS {self.type})"
        return f"nullif({value}, 'nan'::DOUBLE)" if self.type in _FLOATS else value

    @property
    def misfit(self) -> str:
        """SQL for whether a cell holds something that does not fit."""
        if self.type == _TEXT:
            return "false"
        text = f"trim({self.cell})"
        fits = f"try_cast({text} AS {self.type}) IS NOT NULL"
        form = _FORMS.get(self.type) if self.guessed else _WHOLE if self.type.endswith(("INT", "INTEGER")) else None
        if form:
            fits = f"{_matches(text, form)} AND {fits}"
        if self.type in _FLOATS:
            fits = f"{fits} AND isfinite(try_cast({text} AS {self.type}))"
        # As cases, so that what fits, nearly all, is not looked at further.
        return f"CASE WHEN {self.cell} IS NULL OR ({fits}) THEN false ELSE NOT {_matches(text, _NOTHING)} END"

    @property
    def fault(self) -> str:
        """SQL for 0 where a cell fits, 2 where it is a code that would be changed, and 1 where it does not fit."""
        code = _matches(f"trim({self.cell})", _CODE) if self.guessed else "false"
        return f"CASE WHEN NOT ({self.misfit}) THEN 0 WHEN {code} THEN 2 ELSE 1 END"


def asked_for(types: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Give the types that were asked for, as DuckDB writes them.

    Raises
    ------
    ValidationError
        There is no such column, or no such type.
    """
    found: dict[str, str] = {}
    for name, type_ in types.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise ValidationError(field=f"types.{name}", problem=f"no column is called so; {hint}")
        try:
            found[name] = str(duckdb.sqltype(type_))
        except duckdb.Error:
            problem = "DuckDB has no such type; try VARCHAR, BIGINT, DOUBLE, BOOLEAN, DATE or TIMESTAMP"
            raise ValidationError(field=f"types.{name}", problem=problem) from None
    return found


def readings_of(
    connection: duckdb.DuckDBPyConnection, source: str, plain: Sequence[Reading]
) -> tuple[int, list[int], list[Reading]]:
    """Find how the columns of a table of text are read: those that are text, with no type asked for, are guessed.

    Returns
    -------
    tuple of int, list of int, list of Reading
        The rows; how many of each column have a value; and the columns.
    """
    readings = _guessed(connection, source, plain)
    # Whole numbers may be fractions further down.
    wide = {
        place: attrs.evolve(one, type="DOUBLE")
        for place, one in enumerate(readings)
        if one.guessed and one.type == "BIGINT"
    }
    looks = [*readings, *wide.values()]
    counts = ["count(*)", *(f"count({one.cell})" for one in plain)]
    counts += [f"count(*) FILTER (f{place} {test})" for place in range(len(looks)) for test in ("> 0", "= 2")]
    faults = ", ".join(f"{one.fault} AS f{place}" for place, one in enumerate(looks))
    found = iter(_numbers(connection, counts, f"(SELECT *, {faults} FROM {source})"))  # noqa: S608
    rows, present = next(found), [next(found) for _ in plain]
    numbers = [(next(found), next(found)) for _ in looks]
    wider = dict(zip(wide, numbers[len(readings) :], strict=True))
    for place, one in enumerate(readings):
        wrong, codes = numbers[place]
        type_ = one.type
        if place in wider and not codes and wider[place][0] < wrong:
            type_, (wrong, codes) = "DOUBLE", wider[place]
        readings[place] = attrs.evolve(one, type=_TEXT if codes else type_, faulty=wrong > 0 and not codes)
    return rows, present, readings


def misfits(
    connection: duckdb.DuckDBPyConnection, source: str, readings: Sequence[Reading], cells: str = ""
) -> Iterator[tuple[int, str, tuple[str | None, ...]]]:
    """Give the rows with a cell that does not fit its column: place, reason, and the cells that were asked for."""
    faulty = [one for one in readings if one.faulty]
    if not faulty:
        return
    flags = ", ".join(one.misfit for one in faulty)
    found = connection.execute(
        f"SELECT * FROM (SELECT row_number() OVER () - 1 AS place, [{flags}] AS flags{cells} FROM {source}) "  # noqa: S608
        f"WHERE list_contains(flags, true) ORDER BY place LIMIT {MOST_BROKEN + 1}"
    )
    while rows := found.fetchmany(_SAMPLE):
        for place, flagged, *texts in rows:
            wrong = [_unlike(one) for one, flag in zip(faulty, flagged, strict=True) if flag]
            yield place, "; ".join(wrong), tuple(texts)


def _guessed(connection: duckdb.DuckDBPyConnection, source: str, plain: Sequence[Reading]) -> list[Reading]:
    """Guess from the first rows."""
    readings = list(plain)
    open_ = [place for place, one in enumerate(readings) if one.guessed]
    if not open_:
        return readings
    wanted: list[str] = []
    for place in open_:
        cell = readings[place].cell
        wanted.append(_count(f"NOT {_matches(f'trim({cell})', _NOTHING)}"))
        wanted += [_count(attrs.evolve(readings[place], type=type_).misfit) for type_ in _FORMS]
    counts = iter(_numbers(connection, wanted, f"(FROM {source} LIMIT {_SAMPLE})"))
    for place in open_:
        some, wrong = next(counts), [next(counts) for _ in _FORMS]
        fitting = [type_ for type_, number in zip(_FORMS, wrong, strict=True) if some and not number]
        type_ = fitting[0] if fitting else _TEXT
        readings[place] = attrs.evolve(readings[place], type=type_, guessed=type_ != _TEXT)
    return readings


def _unlike(reading: Reading) -> str:
    return f"column {reading.name}: not {'an' if reading.type[0] in 'AEIOU' else 'a'} {reading.type}"


def _matches(text: str, form: str) -> str:
    return f"regexp_full_match({text}, {literal(form)})"


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _numbers(connection: duckdb.DuckDBPyConnection, wanted: Sequence[str], source: str) -> list[int]:
    return list(connection.execute(f"SELECT {', '.join(wanted)} FROM {source}").fetchall()[0])  # noqa: S608
