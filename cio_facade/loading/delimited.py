"""CSV as Python reads it: how a file is written, its header, and each record of it, be it fit or not.

A record ends where its quotes say. One whose quotes do not match costs its first line only: what follows is read as
records of its own. Blank lines are no records.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING

import attrs

from cio_facade.errors import ValidationError
from cio_facade.loading.texts import LOST, encoding_of, open_text, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Layout", "layout_of", "records"]

_DELIMITERS = ",;\t|"
_HEAD = 1 << 20
_QUOTES = "its quotes do not match"


@attrs.frozen
class Layout:
    """How a CSV file is written.

    Attributes
    ----------
    path : str
        Where it is.
    encoding : str
        What it is decoded with.
    delimiter : str
        What parts its cells.
    spaced : bool
        Whether a blank follows each delimiter.
    plain : bool
        Whether DuckDB may be able to read it as it is.
    names : tuple of str
        Its header. A column may have none.
    """

    path: str
    encoding: str
    delimiter: str
    spaced: bool
    plain: bool
    names: tuple[str, ...]


class _Lines:
    """The lines of a file, each remembered until its record is complete, and given again when that cannot be."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.decoded = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        if not line.isascii() and LOST.search(line):
            self.decoded = False
        return line

    def begin(self) -> None:
        """Begin a record."""
        self.taken.clear()
        self.decoded = True

    def leave_first(self) -> None:
        """Let the record be its first line."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def layout_of(path: str, encoding: str | None) -> Layout | None:
    """Look at how a file is written; None when it is empty.

    Raises
    ------
    ValidationError
        It has no header that could be read, or two columns are called the same.
    """
    label = Path(path).name
    found = encoding_of(path, encoding)
    with whole(path), open_text(path, found, "") as file:
        head = file.read(_HEAD)
    if not head.strip():
        return None
    tried = [(score, -place, names) for place, one in enumerate(_DELIMITERS) for score, names in _headers(head, one)]
    if not tried:
        raise ValidationError(field=label, problem=f"the header cannot be read: {_QUOTES}")
    _, place, names = max(tried)
    spaced = any(name.startswith(" ") for name in names[1:])
    # DuckDB takes such a break for the end of all lines, and may then find not one row.
    in_lines = any("\n" in name or "\r" in name for name in names)
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    _check_names(label, names, found)
    plain = found in ("utf-8", "utf-8-sig") and not (spaced or in_lines) and head.splitlines()[0].strip() != ""
    return Layout(path, found, _DELIMITERS[-place], spaced, plain, tuple(names))


def records(layout: Layout) -> Iterator[tuple[list[str], str | None, str | None]]:
    """Read a file's records, without the header: cells of each, what is wrong with it, and then its text."""
    with whole(layout.path), open_text(layout.path, layout.encoding, "") as file:
        lines = _Lines(file)
        found = _records(lines, layout)
        next(found, None)
        for cells, reason in found:
            yield cells, reason, _shown(lines.taken) if reason else None


def _records(lines: _Lines, layout: Layout) -> Iterator[tuple[list[str], str | None]]:
    """Give the cells of each record and what is wrong with it; `lines` has its text meanwhile."""
    width = len(layout.names)
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True, skipinitialspace=layout.spaced)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.leave_first()
            yield [], _QUOTES
            continue
        if _is_blank(cells):
            continue
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if not lines.decoded:
            yield [], _not_in(layout.encoding)
        elif len(cells) != width:
            yield [], f"has {len(cells)} columns, not {width}"
        else:
            yield cells, None


def _headers(head: str, delimiter: str) -> Iterator[tuple[tuple[int, bool], list[str]]]:
    """Read the header as this delimiter parts it, if it does: how many names, whether the next record has as many."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=True)
    rows = (cells for cells in reader if not _is_blank(cells))
    try:
        names = next(rows, None)
    except csv.Error:
        return
    if not names:
        return
    try:
        alike = len(next(rows, names)) == len(names)
    except csv.Error:
        alike = False
    yield (len(names), alike), names


def _check_names(label: str, names: list[str], encoding: str) -> None:
    seen: dict[str, int] = {}
    if not names:
        raise ValidationError(field=label, problem="the header has no names")
    if any("\0" in name for name in names):
        raise ValidationError(field=label, problem="is no CSV file in UTF-8; for UTF-16 say --encoding utf-16")
    for place, name in enumerate(names, 1):
        if LOST.search(name):
            raise ValidationError(field=label, problem=f"the header {_not_in(encoding)}")
        if "@" in name:
            raise ValidationError(field=label, problem="the first line is no header: it holds an e-mail address")
        if name and seen.setdefault(name.casefold(), place) != place:
            first = seen[name.casefold()]
            problem = f"columns {first} and {place} are both called {name}; each needs a name of its own"
            raise ValidationError(field=label, problem=problem)


def _not_in(encoding: str) -> str:
    return f"is not {encoding.removesuffix('-sig').upper()}; --encoding names another"


def _is_blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip(" \t"))


def _shown(lines: list[str]) -> str:
    return LOST.sub("\N{REPLACEMENT CHARACTER}", "".join(lines).rstrip("\r\n"))
