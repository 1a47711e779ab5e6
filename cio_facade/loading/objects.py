"""JSON files row by row: which of their forms a file has, and the bytes of each row."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import duckdb
import orjson

from cio_facade.errors import ValidationError
from cio_facade.loading.tables import listed
from cio_facade.loading.texts import clean_copy, encoding_of, open_bytes, open_text, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_BYTES", "Form", "form_of", "rows_of"]

# More than any call may have, and little enough for DuckDB to hold some for each thread.
MOST_BYTES = 1 << 20
_HEAD = 1 << 20
_LINES = 20  # among which one is sound when a file has a row a line
_AT_ONCE = 500  # rows
_MARK = "\ufeff".encode()
_BLANK = b" \t\r\n"


@attrs.frozen
class Form:
    """How a JSON file is written.

    Attributes
    ----------
    path : str
        Where it is.
    encoding : str
        What it is decoded with.
    name : str
        One object a line, one array of objects, or objects over several lines; as DuckDB calls it.
    """

    path: str
    encoding: str
    name: Literal["newline_delimited", "array", "unstructured"]

    @property
    def plain(self) -> bool:
        """Whether DuckDB may be able to read it as it is."""
        return self.encoding == "utf-8"


def form_of(path: str, encoding: str | None) -> Form | None:
    """Look at how a file is written; None when it is empty."""
    found = encoding_of(path, encoding)
    with whole(path), open_text(path, found, "\n") as file:
        head = file.read(_HEAD).lstrip()
    if not head:
        return None
    lines = head.split("\n", _LINES)
    match _parsed(lines[0]):
        case list() if not "".join(lines[1:]).strip():
            return Form(path, found, "array")
        case None if head.startswith("["):
            return Form(path, found, "array")
        case None if _over_lines(path, lines):
            return Form(path, found, "unstructured")
        case _:
            return Form(path, found, "newline_delimited")


def rows_of(connection: duckdb.DuckDBPyConnection, form: Form, scratch: Path | None) -> Iterator[bytes]:
    """Give the bytes of each row, be it JSON or not. Blank lines are no rows.

    Raises
    ------
    ValidationError
        It is not JSON as a whole, and has no lines that could be read one by one.
    """
    return _lines(form) if form.name == "newline_delimited" else _elements(connection, form, scratch)


def _lines(form: Form) -> Iterator[bytes]:
    with whole(form.path):
        if form.encoding in ("utf-8", "utf-8-sig"):
            with open_bytes(form.path) as file:
                first = file.readline().removeprefix(_MARK)
                if first.strip(_BLANK):
                    yield first
                yield from (line for line in file if line.strip(_BLANK))
        else:
            with open_text(form.path, form.encoding, "\n") as text:
                # What could not be decoded is not UTF-8 either.
                yield from (line.encode("utf-8", "surrogatepass") for line in text if line.strip())


def _elements(connection: duckdb.DuckDBPyConnection, form: Form, scratch: Path | None) -> Iterator[bytes]:
    with ExitStack() as stack:
        path = form.path
        if not form.plain:
            path = str(_decoded(form, scratch))
            stack.callback(Path(path).unlink, missing_ok=True)
        cursor = stack.enter_context(closing(connection.cursor()))
        table = f"read_json_objects({listed([path])}, format = '{form.name}', maximum_object_size = {MOST_BYTES})"
        try:
            cursor.execute(f"SELECT json::VARCHAR FROM {table}")  # noqa: S608
            while rows := cursor.fetchmany(_AT_ONCE):
                yield from (b"null" if text is None else str(text).encode() for (text,) in rows)
        except duckdb.Error as error:
            raise ValidationError(field=Path(form.path).name, problem=_problem(str(error))) from None


def _decoded(form: Form, scratch: Path | None) -> Path:
    with whole(form.path), open_text(form.path, form.encoding, "\n") as text, clean_copy(scratch, ".json") as made:
        path, file = made
        while part := text.read(_HEAD):
            file.write(part.encode("utf-8", "surrogatepass"))
    return path


def _problem(message: str) -> str:
    """Say in our words what DuckDB says, without what it repeats of the file."""
    if found := re.search(r"in (?:line|record/value) (\d+): ([a-z ,]+)", message):
        return f"is not JSON: {found[2]}, near row {found[1]}; it cannot be read as a whole"
    return "is not JSON as a whole, or has a row of more than a megabyte"


def _over_lines(path: str, lines: list[str]) -> bool:
    """Whether an object that does not end with its line may end with another."""
    named = Path(path).with_suffix("") if Path(path).suffix.lower() in (".gz", ".zst") else Path(path)
    if not lines[0].startswith("{") or (named.suffix.lower() != ".json" and lines[0].strip() != "{"):
        return False
    return not any(line.startswith("{") and isinstance(_parsed(line), dict) for line in lines[1:_LINES])


def _parsed(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
