"""From values to HTML: the templates, and how texts that others chose are shown.

Whatever is shown is escaped. Characters that cannot be seen, or that turn the text around, are shown by their number.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.telling import ago, dated, exact, lasting, present, stamp

__all__ = ["Rendering", "brief", "clock", "pretty", "shown", "size", "thousands"]

_TEMPLATES: Final = Path(__file__).parent / "templates"

# Controls, also those of the direction of writing, blanks of no width, separators of lines, surrogates, noncharacters.
_UNSEEN: Final = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSEEN_IN_LINE: Final = re.compile(f"[{_UNSEEN}]")
_UNSEEN_IN_BLOCK: Final = re.compile(f"(?!\n)[{_UNSEEN}]")
_KILO: Final = 2**10


def shown(text: object, *, block: bool = False) -> Markup:
    r"""Escape a text, and show what cannot be seen of it by its number in Unicode.

    Parameters
    ----------
    text : object
        What to show; None is shown as nothing.
    block : bool
        Whether ends of lines are kept as they are.

    Examples
    --------
    >>> str(shown("<b>"))
    '&lt;b&gt;'
    >>> str(shown("a\u202eb"))
    'a<span class="unseen">U+202E</span>b'
    """
    if text is None:
        return Markup()
    unseen = _UNSEEN_IN_BLOCK if block else _UNSEEN_IN_LINE
    return Markup(unseen.sub(_by_number, str(escape(str(text)))))  # noqa: S704 - escaped before anything is put in


def _by_number(found: re.Match[str]) -> str:
    return f'<span class="unseen">U+{ord(found[0]):04X}</span>'


def brief(text: object, length: int = 80, *, counted: bool = True) -> Markup:
    """Show the beginning of a text that may be long.

    Parameters
    ----------
    text : object
        What to show; None is shown as nothing.
    length : int
        Characters that are shown.
    counted : bool
        Whether it says how many more there are.
    """
    whole = "" if text is None else str(text)
    if len(whole) <= length:
        return shown(whole)
    more = f"… {thousands(len(whole) - length)} more" if counted else "…"
    return shown(whole[:length]) + Markup('<span class="more">{}</span>').format(more)


def pretty(body: str) -> Markup:
    """Show JSON with a line for each member; what is none is shown as it is."""
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:  # of a body that was not kept, or is nested too deeply to be written anew
        text = body
    return shown(text, block=True)


def size(count: int) -> str:
    """Say bytes for people.

    >>> size(731), size(33_000)
    ('731 B', '32.2 KB')
    """
    if count < _KILO:
        return f"{count} B"
    kilo = count / _KILO
    return f"{kilo:.1f} KB" if kilo < _KILO else f"{kilo / _KILO:.1f} MB"


def thousands(count: int) -> str:
    """Say a number with a thin blank between its thousands.

    >>> thousands(1234567).split()
    ['1', '234', '567']
    """
    return f"{count:,}".replace(",", "\u202f")


def clock(time: str) -> str:
    """Give the time of day, in UTC, of a time in ISO 8601.

    >>> clock("2024-02-29T12:30:00.250+00:00")
    '12:30:00.250'
    """
    try:
        return datetime.fromisoformat(time).strftime("%H:%M:%S.%f")[:12]
    except ValueError:
        return time


class Rendering:
    """The templates of the page.

    Parameters
    ----------
    static : callable
        Gives the address of a file by its name.
    rooms : mapping of str to str
        The page's rooms for the navigation: names by address.
    """

    def __init__(self, static: Callable[[str], str], rooms: Mapping[str, str]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        known: dict[str, Any] = {"static": static, "rooms": rooms, "links": links, "now": present}
        self._environment.globals.update(known)
        self._environment.filters.update(ago=ago, dated=dated, exact=exact, lasting=lasting, stamp=stamp)
        self._environment.filters.update(
            brief=brief, clock=clock, encoded=urlencode, pretty=pretty, shown=shown, size=size, thousands=thousands
        )

    def text(self, template: str, **values: Any) -> str:
        """Render a template: a piece of a page."""
        return self._environment.get_template(template).render(values)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a template that extends ``base.html``.

        Parameters
        ----------
        request : Request
            What is answered; its path says which room is marked in the navigation.
        template : str
            Name of a file among the templates.
        status : int
            The answer's.
        **values : object
            What the template is about.
        """
        text = self.text(template, path=request.url.path, **values)
        return HTMLResponse(text.encode("utf-8", "backslashreplace"), status)
