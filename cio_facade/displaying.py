"""Values as HTML for notebooks: small calm tables, every text escaped, colours of the page around them.

Nothing here looks at what a value means: who shows something decides what may be shown. No key ever comes here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeGuard

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["account", "fields", "grid", "link", "message", "text"]

_MOST_ROWS = 20
_MOST_FIELDS = 50
_MOST_CHARACTERS = 160
# Colours are those of the notebook, thinned: so the same output reads in light and dark ones.
_RULE = "1px solid rgba(128,128,128,.35)"
_CELL = "text-align:left;vertical-align:top"
_NUMBER = "text-align:right;vertical-align:top"
_QUIET = "opacity:.65;font-weight:normal"
# What has no width, turns the direction of writing or controls a terminal: shown by number, as on the sandbox's page.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def text(value: Any, most: int = _MOST_CHARACTERS) -> str:
    """Say a value in plain text: as JSON where it is no text, cut where it is long.

    Parameters
    ----------
    value : object
        Anything.
    most : int
        Characters that are kept.

    Examples
    --------
    >>> text({"plan": "pro", "seats": 3}), text("x" * 9, most=4)
    ('{"plan":"pro","seats":3}', 'xxxx… (9 characters)')
    """
    said = _said(value)
    # Cut before anything else is done with it: a value may be a megabyte.
    kept = _UNSEEN.sub(_numbered, said[:most])
    return kept if len(said) <= most else f"{kept}… ({len(said):,} characters)"


def grid(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    note: str = "",
    most: int = _MOST_ROWS,
) -> str:
    """Make a table of rows.

    Parameters
    ----------
    rows : iterable of mapping
        A value by column name; what is absent or None is an empty cell.
    columns : sequence of str, optional
        Which, in their order; those of all the rows that are shown when absent.
    title, note : str
        A line above, and one below.
    most : int
        Rows that are shown; the others are counted.

    Examples
    --------
    >>> "&lt;b&gt;" in grid([{"name": "<b>"}])
    True
    """
    every = list(rows)
    shown = list(islice(every, most))
    names = list(dict.fromkeys(name for row in shown for name in row)) if columns is None else list(columns)
    left = len(every) - len(shown)
    notes = [f"and {left:,} more" if left else "", note if note or every else "nothing"]
    styles = {name: _NUMBER if _is_figures(row.get(name) for row in shown) else _CELL for name in names}
    head = "".join(f'<th scope="col" style="{styles[name]};{_QUIET}">{_escaped(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(_cell(row.get(name), styles[name]) for name in names)}</tr>" for row in shown)
    table = f'<table style="border-collapse:collapse"><thead><tr style="border-bottom:{_RULE}">{head}</tr></thead>'
    return _framed(title, f"{table}<tbody>{body}</tbody></table>" if shown else "", "; ".join(filter(None, notes)))


def fields(pairs: Mapping[str, Any], *, title: str = "", note: str = "") -> str:
    """Make a table of names and values; what is None is left out.

    Parameters
    ----------
    pairs : mapping
        A value by name.
    title, note : str
        A line above, and one below.

    Examples
    --------
    >>> fields({"type": "track", "event": None}).count("<tr>")
    1
    """
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL};{_QUIET}">{_escaped(name)}</th>{_cell(value, _CELL)}</tr>'
        for name, value in pairs.items()
        if value is not None
    )
    table = f'<table style="border-collapse:collapse"><tbody>{rows}</tbody></table>'
    return _framed(title, table if rows else "", note)


def account(
    numbers: Mapping[str, int],
    whole: str,
    reasons: Mapping[str, int],
    *,
    title: str = "",
    note: str = "",
    more: str = "",
) -> str:
    """Make the table of an account: a number each with its share as a bar, and the reasons below.

    Parameters
    ----------
    numbers : mapping of str to int
        The parts by name, the whole among them.
    whole : str
        Name of the whole.
    reasons : mapping of str to int
        How many by reason.
    title, note : str
        A line above, and one below.
    more : str
        HTML of this module that comes between, such as a `grid`.

    Examples
    --------
    >>> "75.0%" in account({"accepted": 4, "delivered": 3, "rejected": 1}, "accepted", {"too long": 1})
    True
    """
    total = numbers[whole]
    rows = "".join(_part(name, number, total) for name, number in numbers.items() if number or name == whole)
    table = f'<table style="border-collapse:collapse"><tbody>{rows}</tbody></table>'
    often = sorted(reasons.items(), key=lambda one: -one[1])
    why = grid([{"number": number, "reason": reason} for reason, number in often], most=10) if reasons else ""
    return _framed(title, table + why + more, note)


def message(call: Mapping[str, Any]) -> str:
    """Make the table of a call: its fields, and those of its traits, properties and so on by path.

    Parameters
    ----------
    call : mapping
        The call in the names of the wire.

    Examples
    --------
    >>> "traits.plan" in message({"type": "identify", "userId": "u1", "traits": {"plan": "pro"}})
    True
    """
    pairs = dict(_paths(call))
    left = len(pairs) - _MOST_FIELDS
    shown = dict(islice(pairs.items(), _MOST_FIELDS))
    return fields(shown, note=f"and {left:,} more fields" if left > 0 else "")


def link(address: str) -> str:
    """Make a link of a web address; of anything else, text.

    Examples
    --------
    >>> link("javascript:alert(1)")
    'javascript:alert(1)'
    """
    said = _escaped(address)
    safe = address.startswith(("http://", "https://"))
    return f'<a href="{said}" target="_blank" rel="noopener">{said}</a>' if safe else said


def _paths(call: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in call.items():
        if _is_object(value) and value:
            yield from ((f"{text(name)}.{text(inner)}", within) for inner, within in value.items())
        else:
            yield text(name), value


def _part(name: str, number: int, total: int) -> str:
    share = 100 * number / total if total else 0
    bar = f'<div style="width:{share:.1f}%;height:.6em;background:currentColor;opacity:.45"></div>'
    return (
        f'<tr><th scope="row" style="{_CELL};{_QUIET}">{_escaped(name)}</th><td style="{_NUMBER}">{number:,}</td>'
        f'<td style="width:10em;vertical-align:middle">{bar}</td></tr>'
    )


def _framed(title: str, inner: str, note: str) -> str:
    head = f'<div style="font-weight:600">{_escaped(title)}</div>' if title else ""
    foot = f'<div style="{_QUIET}">{_escaped(note)}</div>' if note else ""
    return f'<div style="line-height:1.4">{head}{inner}{foot}</div>'


def _cell(value: Any, style: str) -> str:
    return f'<td style="{style}">{"" if value is None else _escaped(value)}</td>'


def _is_figures(values: Iterable[Any]) -> bool:
    """Whether a column is read from its right: figures, and nothing else."""
    told = [value for value in values if value is not None]
    return bool(told) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in told)


def _escaped(value: Any) -> str:
    return escape(text(value))


def _is_object(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _said(value: Any) -> str:
    try:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return f"{value:,}" if isinstance(value, int) else f"{value:g}"
        if isinstance(value, Mapping | list | tuple):
            return orjson.dumps(_as_dict(value), default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        pass  # a figure of thousands of digits, or what holds itself
    return value if isinstance(value, str) else _plain(value)


def _as_dict(value: Any) -> Any:
    return dict(value) if _is_object(value) else value


def _numbered(found: re.Match[str]) -> str:
    return f"[U+{ord(found[0]):04X}]"


def _plain(value: Any) -> str:
    """Say what is neither text nor JSON; what cannot even say itself is named by its type."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"
