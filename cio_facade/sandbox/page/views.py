"""What the views of the page share: the store they read, the templates they fill, and how far they read at most."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from sqlite3 import Row
from typing import Any, Final, NamedTuple, Self, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from cio_facade.sandbox.page.rendering import Rendering
from cio_facade.sandbox.page.shapes import Shapes
from cio_facade.sandbox.rules import Rules
from cio_facade.sandbox.storage import Storage

__all__ = ["MANY", "Count", "Cursor", "Read", "View", "bisect", "capped", "latest", "paged"]

_T = TypeVar("_T")

Read = Callable[[str, Sequence[Any] | Mapping[str, Any]], list[Row]]

# Where nothing depends on the exact number, nobody counts further.
MANY: Final = 10_001
_PAGE: Final = 50

# What an address says of which page it is, whatever place in it is meant.
_KEPT: Final = ("id", "type", "q", "range", "singles")
_LARGEST: Final = 2**63 - 1


class Count(NamedTuple):
    """A number of rows; of many, no more than that there are so many at least."""

    number: int
    more: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where somebody has seen a table.

    Attributes
    ----------
    number : int
        Of the last row; 0 for none.
    time : str
        When it came. When everything is forgotten, numbers begin anew: another row has the number then.
    """

    number: int = 0
    time: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a cursor as `str` wrote it; of anything else, the beginning."""
        number, _, time = text.partition("@")
        return cls(whole(number) or 0, time)

    def __str__(self) -> str:
        return f"{self.number}@{self.time}"


@dataclass(frozen=True, slots=True)
class View:
    """What the views have in common.

    Attributes
    ----------
    storage : Storage
        What is shown.
    rules : Rules
        Limits and paths.
    shapes : Shapes
        What the specification says of events.
    rendering : Rendering
        How it is shown.
    outbox : path or None
        The file of the connected outbox.
    page : int
        Most rows of a list.
    """

    storage: Storage
    rules: Rules
    shapes: Shapes
    rendering: Rendering
    outbox: str | PathLike[str] | None = None
    page: int = _PAGE

    def read(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run a query."""
        return self.storage.read(query, parameters)

    def show(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """Fill a template; ``again`` in it gives the address of the same page with other parameters."""
        kept = {name: request.query_params[name] for name in _KEPT if name in request.query_params}

        def again(**parameters: object) -> str:
            return f"?{urlencode({**kept, **parameters})}"

        return self.rendering.page(request, template, status, again=again, **context)

    def unchanged(self, request: Request, state: object) -> Response | None:
        """Answer that nothing has changed, where a page that is open asks again and knows the state already."""
        return Response(status_code=204) if request.query_params.get("seen") == str(state) else None

    @staticmethod
    def number(request: Request, name: str) -> int | None:
        """Read a parameter that is a number; None where it is absent or anything else."""
        return whole(request.query_params.get(name, ""))


def whole(text: str) -> int | None:
    """Read a number as it stands in an address; None for anything else, or one that no row can have."""
    return min(int(text), _LARGEST) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def paged(rows: list[_T], limit: int) -> tuple[list[_T], bool]:
    """Split what was read with one row more than a page has into the page, and whether there is more."""
    return rows[:limit], len(rows) > limit


def capped(read: Read, table: str, *parameters: object) -> Count:
    """Count the rows of a table, or those that fit a condition written after it, but no further than anybody would."""
    (row,) = read(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {MANY})", parameters)  # noqa: S608 - words of ours
    return Count(min(row[0], MANY - 1), row[0] >= MANY)


def latest(read: Read, table: str, *parameters: object) -> Cursor:
    """Say up to where there is something to see of a table, or of its rows that fit a condition written after it."""
    rows = read(f"SELECT id, time FROM {table} ORDER BY id DESC LIMIT 1", parameters)  # noqa: S608 - as above
    return Cursor(*rows[0]) if rows else Cursor()


def bisect(read: Read, table: str, request: int) -> int:
    """Find the first row of a table that belongs to a request, or to a later one.

    Rows are kept in the order of their requests, so that no index is needed.
    """
    # Two questions: SQLite answers one alone from the ends of the table.
    ends = "SELECT coalesce((SELECT min(id) FROM {0}), 1), coalesce((SELECT max(id) FROM {0}), 0) + 1"
    low: int
    high: int
    ((low, high),) = read(ends.format(table), ())
    query = f"SELECT request FROM {table} WHERE id >= ? ORDER BY id LIMIT 1"  # noqa: S608 - a name of ours
    while low < high:
        middle = (low + high) // 2
        found = read(query, (middle,))
        if found and found[0][0] < request:  # nothing is there any more where all was forgotten meanwhile
            low = middle + 1
        else:
            high = middle
    return low
