"""The sample's files and their rows, as they stand."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from cio_facade import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

__all__ = ["Line", "Row", "folder", "lines", "odd_lines"]

Row: TypeAlias = dict[str, Any]


class Line(NamedTuple):
    """A row and the line of the file it stands on, counted from 1 as editors do."""

    number: int
    row: Row


def folder() -> Traversable:
    """Find the files: in the wheel beside this module, in a clone under ``examples/data``."""
    packaged = files("cio_facade.demo") / "data"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples" / "data"


def lines(file: str) -> Iterator[Line]:
    """Read the rows of a file one after the other, however long it is. Cells of a CSV file are text."""
    with (folder() / file).open(encoding="utf-8") as stream:
        if file.endswith(".csv"):
            for number, row in enumerate(csv.DictReader(stream), start=2):
                yield Line(number, row)
        else:
            for number, text in enumerate(stream, start=1):
                yield Line(number, json.loads(text))


def odd_lines(file: str) -> dict[int, str | None]:
    """Look up the odd lines of a file: the field that each is refused for, or None if it is to be delivered."""
    odd = json.loads((folder() / "odd_rows.json").read_text(encoding="utf-8"))
    return {entry["line"]: entry["refused"] if _is_over(entry) else None for entry in odd if entry["file"] == file}


def _is_over(entry: Row) -> bool:
    """Whether a row that is large is too large by the limits of today; one that is spoilt otherwise always is."""
    if "over" not in entry:
        return True
    most = getattr(Limits(), entry["over"])
    return most is not None and entry["bytes"] > most
