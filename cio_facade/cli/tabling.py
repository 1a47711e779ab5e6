"""Rows of a query as text: a table on a terminal, separated by tabs elsewhere, CSV, JSON."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import attrs
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Rows", "as_csv", "as_json", "as_table", "as_tabs", "harmless"]

# Between two columns on a terminal.
_GAP = 3
# Characters of a value that are looked at for a terminal.
_LONGEST = 500
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
# What would move the cursor, or turn the text around: a sender chose these values.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@attrs.frozen
class Rows:
    """What a query gave.

    Attributes
    ----------
    columns : sequence of str
        Their names; one may come twice.
    rows : sequence
        Of values: None, int, float, str, bytes.
    more : bool
        Whether there are more rows than these.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    more: bool = False


def as_tabs(found: Rows) -> Iterator[str]:
    r"""Give a line for each row after one of names; tabs and ends of lines in values are ``\t`` and ``\n``.

    Examples
    --------
    >>> list(as_tabs(Rows(["name", "calls"], [["a\tb", 3], [None, 0]])))
    ['name\tcalls', 'a\\tb\t3', '\t0']
    """
    for row in (found.columns, *found.rows):
        yield "\t".join(re.sub(r"[\\\t\n\r]", lambda one: _ESCAPES[one[0]], _text(value)) for value in row)


def as_csv(found: Rows) -> Iterator[str]:
    """Give the same as CSV; NULL is an empty field."""
    for row in (found.columns, *found.rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_text(value) for value in row])
        yield line.getvalue()


def as_json(found: Rows) -> Iterator[str]:
    """Give a line of JSON for each row; a name that comes again has a number.

    Examples
    --------
    >>> list(as_json(Rows(["id", "id"], [[1, None]])))
    ['{"id":1,"id_2":null}']
    """
    names = list(_told_apart(found.columns))
    for row in found.rows:
        yield orjson.dumps(dict(zip(names, map(_plain, row), strict=True))).decode()


def as_table(found: Rows, width: int, *, whole: bool = False) -> str:
    """Draw a table for people: numbers stand to the right, and what is too long for the terminal is cut.

    Parameters
    ----------
    found : Rows
        The rows.
    width : int
        Columns of the terminal.
    whole : bool
        Whether long values go on in the next line instead of being cut.
    """
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  costs time that other forms need not take
    from rich.cells import cell_len  # noqa: PLC0415  as above
    from rich.console import Console  # noqa: PLC0415  as above
    from rich.table import Table  # noqa: PLC0415  as above
    from rich.text import Text  # noqa: PLC0415  as above

    names = [_shown(name) for name in found.columns]
    cells = [["NULL" if value is None else _shown(value)[:_LONGEST] for value in row] for row in found.rows]
    needed = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, (name, room) in enumerate(zip(names, _rooms(needed, width - _GAP * len(names)), strict=True)):
        values = [row[place] for row in found.rows if row[place] is not None]
        numbers = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(Text(name), justify="right" if numbers else "left", no_wrap=not whole, width=max(1, room))
    for row, told in zip(found.rows, cells, strict=True):
        table.add_row(*(Text(text, "dim" if value is None else "") for value, text in zip(row, told, strict=True)))
    text = io.StringIO()
    Console(file=text, width=max(width, _GAP * len(names) + len(names)), force_terminal=True).print(table)
    return text.getvalue().rstrip("\n")


def _rooms(needed: Sequence[int], width: int) -> list[int]:
    """Share the width among columns: those that need little have it, the others have the same.

    Examples
    --------
    >>> _rooms([4, 100, 6, 50], 50)
    [4, 20, 6, 20]
    """
    rooms = [0] * len(needed)
    left = width
    for done, place in enumerate(sorted(range(len(needed)), key=lambda place: needed[place])):
        rooms[place] = min(needed[place], left // (len(needed) - done))
        left -= rooms[place]
    return rooms


def harmless(text: str) -> str:
    r"""Give a text as it may be written to a terminal: nothing in it acts there.

    Examples
    --------
    >>> harmless("\x1b[31mred")
    '\\x1b[31mred'
    """
    return _CONTROLS.sub(lambda one: _ESCAPES.get(one[0]) or one[0].encode("unicode_escape").decode(), text)


def _shown(value: Any) -> str:
    return harmless(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"X'{value.hex()}'" if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    return _text(value) if isinstance(value, bytes) else value


def _told_apart(names: Iterable[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        number, told = 1, name
        while told in taken:
            number += 1
            told = f"{name}_{number}"
        taken.add(told)
        yield told
