"""Text files as they lie on the disk: packed, encoded, marked at their beginning; and a clean copy of their rows."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import tempfile
import zlib
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import attrs

from cio_facade.errors import ValidationError
from cio_facade.loading.tables import Broken

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from cio_facade.loading.tables import Column

__all__ = [
    "COPY",
    "LOST",
    "MOST_BROKEN",
    "Faults",
    "Text",
    "clean_copy",
    "encoding_of",
    "label_of",
    "literal",
    "open_bytes",
    "open_text",
    "whole",
]

# What the names of clean copies begin with.
COPY = "readable-"
# More is no matter of rows: the encoding, the delimiter or a type is wrong for the file.
MOST_BROKEN = 100_000
# What stands in a text for bytes that could not be decoded.
LOST = re.compile("[\ud800-\udfff]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@attrs.frozen
class Text:
    """What a text file, or several, has for DuckDB.

    Attributes
    ----------
    relation : str
        What SQL selects from.
    columns : tuple of Column
        Its columns, in order.
    rows : int
        How many rows can be read.
    broken : tuple of Broken
        Rows that cannot, in order.
    copy : Path or None
        A copy of the rows that can be read, where DuckDB cannot read the files themselves.
    """

    relation: str
    columns: tuple[Column, ...]
    rows: int
    broken: tuple[Broken, ...] = attrs.field(default=(), repr=False)
    copy: Path | None = None

    def close(self) -> None:
        """Remove the copy."""
        if self.copy:
            self.copy.unlink(missing_ok=True)


@attrs.define
class Faults:
    """The rows that cannot be read, as they are found.

    Parameters
    ----------
    label : str
        The file, for people.
    """

    label: str
    found: list[Broken] = attrs.field(factory=list[Broken])

    def add(self, row: int, reason: str, line: str | None) -> None:
        """Note one.

        Raises
        ------
        ValidationError
            There are more than 100 000: it is not the rows that are wrong.
        """
        self.found.append(Broken(row, reason, line))
        if len(self.found) > MOST_BROKEN:
            first = self.found[0]
            problem = f"more than {MOST_BROKEN} rows cannot be read; the first, row {first.row}: {first.reason}"
            raise ValidationError(field=self.label, problem=problem)


def label_of(paths: Sequence[str]) -> str:
    """Name files in short, for people."""
    first = Path(paths[0]).name
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def literal(text: str) -> str:
    """Write a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


# Opening -------------------------------------------------------------------------------------------------------------


def open_bytes(path: str) -> IO[bytes]:
    """Open a file, unpacked when its name ends in .gz or .zst."""
    match Path(path).suffix.lower():
        case ".gz":
            return cast("IO[bytes]", gzip.open(path, "rb"))
        case ".zst":
            arrow: Any = import_module("pyarrow")  # it knows zstd in every Python
            return cast("IO[bytes]", io.BufferedReader(arrow.input_stream(path, compression="zstd")))
        case _:
            return Path(path).open("rb")


def encoding_of(path: str, encoding: str | None) -> str:
    """Tell what a file is to be decoded with: what was asked for, what a mark at its beginning says, or UTF-8.

    Raises
    ------
    ValidationError
        There is no such encoding.
    """
    if encoding:
        try:
            name = codecs.lookup(encoding).name
            "".encode(name)
        except LookupError:
            problem = f"Python knows no {encoding!r}; try utf-8, cp1252, latin-1 or utf-16"
            raise ValidationError(field="encoding", problem=problem) from None
        return "utf-8-sig" if name == "utf-8" else name
    with whole(path), open_bytes(path) as file:
        head = file.read(4)
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def open_text(path: str, encoding: str, newline: str) -> IO[str]:
    """Open a file as text. What cannot be decoded becomes characters that `LOST` finds."""
    errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors=errors, newline=newline)


@contextmanager
def whole(path: str) -> Generator[None]:
    """Say in one line that a file is damaged, cut short, or cannot be read at all."""
    label = Path(path).name
    try:
        yield
    except UnicodeDecodeError as error:
        problem = f"is not {error.encoding}; --encoding names another"
        raise ValidationError(field=label, problem=problem) from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ValidationError(field=label, problem="is damaged or cut short: it cannot be unpacked") from None
    except OSError as error:
        # Arrow's own carry no number: what they say of a file is that it cannot be unpacked.
        problem = (
            f"cannot be read: {error.strerror}" if error.errno else "is damaged or cut short: it cannot be unpacked"
        )
        raise ValidationError(field=label, problem=problem) from None


@contextmanager
def clean_copy(scratch: Path | None, ending: str) -> Generator[tuple[Path, IO[bytes]]]:
    """Open a new file that none but the user may read; it is removed when what writes it fails."""
    number, name = tempfile.mkstemp(prefix=COPY, suffix=ending, dir=scratch)
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield path, file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
