"""CSV files as a table of DuckDB's: what each column is, how many rows there are, and which cannot be read.

All is read as text first, once. A file that DuckDB's strict reader takes without a complaint stays where it is. One
with so much as a ragged row, a byte that is not UTF-8 or another encoding is read by Python's own reader instead, which
says what is wrong with which record, and what can be read goes into a clean copy. Either way the loading itself meets
no error any more, and a row's place is the same in every scan.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from cio_facade.errors import ValidationError
from cio_facade.loading.delimited import Layout, layout_of, records
from cio_facade.loading.guesses import Reading, asked_for, keeps_text, misfits, readings_of
from cio_facade.loading.tables import Column, listed, quoted
from cio_facade.loading.texts import Faults, Text, clean_copy, label_of, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["read_csv"]

# A tenth of the usual, and no slower. A longer line has more than any call may.
_BUFFERS = "buffer_size = 4194304, max_line_size = 1048576"


def read_csv(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[str],
    *,
    types: Mapping[str, str] | None = None,
    encoding: str | None = None,
    scratch: Path | None = None,
) -> Text:
    r"""Read CSV files of one and the same header.

    Whole numbers, numbers, truths, ISO dates and times are taken for such when the first 20 480 rows hold nothing else
    in that column; a later cell that does not fit costs its row. Columns that are called like ids, phone numbers or
    postcodes stay text, and so do those with a leading zero, a leading plus or a number of too many digits anywhere.
    An empty cell is NULL, and NULL, NaN, NA, N/A and None are in columns that are no text.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Keeps the order of rows (``preserve_insertion_order``).
    paths : sequence of str
        The files, packed or not (.gz, .zst), one or more. Rows are counted over all of them, in order, without headers
        and blank lines.
    types : mapping of str to str, optional
        DuckDB's type by column: ``{"zip": "VARCHAR"}``.
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
        A file has no header or another than the first, or more than 100 000 rows cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("user_id,age,zip\n1,30,01234\n2\n3,old,10115\n4,31,\n")
    >>> text = read_csv(duckdb.connect(), [str(path)], types={"age": "INTEGER"})
    >>> [(column.name, str(column.type)) for column in text.columns], text.rows
    ([('user_id', 'VARCHAR'), ('age', 'INTEGER'), ('zip', 'VARCHAR')], 2)
    >>> [(broken.row, broken.reason) for broken in text.broken]
    [(2, 'has 1 columns, not 3'), (3, 'column age: not an INTEGER')]
    >>> text.close()
    """
    label = label_of(paths)
    layouts = _layouts(label, paths, encoding)
    names = layouts[0].names
    wanted = asked_for(types or {}, [name for name in names if name])
    readings = [
        Reading(name, f"c{place}", wanted.get(name, "VARCHAR"), guessed=name not in wanted and not keeps_text(name))
        for place, name in enumerate(names)
    ]
    faults = Faults(label)
    if all(layout.plain and layout.delimiter == layouts[0].delimiter for layout in layouts):
        source = _source([layout.path for layout in layouts], layouts[0].delimiter, len(names))
        try:
            found = readings_of(connection, source, readings)
        except duckdb.Error:  # it says what is wrong of the first row only, and of some not even that
            pass
        else:
            return _text(connection, source, found, layouts[0], faults, None)
    copy = _copied(layouts, scratch, faults)
    try:
        source = _source([str(copy)], ",", len(names))
        return _text(connection, source, readings_of(connection, source, readings), layouts[0], faults, copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _layouts(label: str, paths: Sequence[str], encoding: str | None) -> list[Layout]:
    layouts = [layout for path in paths if (layout := layout_of(path, encoding)) is not None]
    if not layouts:
        raise ValidationError(field=label, problem="is empty: it has not even a header")
    first = layouts[0]
    for other in layouts[1:]:
        if other.names != first.names:
            problem = (
                f"has other columns than {Path(first.path).name}, or in another order; load them apart, "
                "or by SQL that reads them with union_by_name = true"
            )
            raise ValidationError(field=Path(other.path).name, problem=problem)
    return layouts


def _source(paths: Sequence[str], delimiter: str, width: int) -> str:
    """Write how DuckDB reads files as text, strictly. Columns go by their places: names may be anything."""
    columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(width))
    table = (
        f"read_csv({listed(paths)}, auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"', "
        f"escape = '\"', comment = '', strict_mode = true, columns = {{{columns}}}, {_BUFFERS})"
    )
    # Where there is one column DuckDB takes a blank line for a row.
    return f"(FROM {table} WHERE trim(c0, ' \t') <> '')" if width == 1 else table


def _copied(layouts: Sequence[Layout], scratch: Path | None, faults: Faults) -> Path:
    """Copy the records that can be read."""
    with clean_copy(scratch, ".csv") as (path, file), io.TextIOWrapper(file, "utf-8", newline="") as text:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([f"c{place}" for place in range(len(layouts[0].names))])
        row = 0
        for layout in layouts:
            for cells, reason, line in records(layout):
                row += 1
                if reason is None:
                    writer.writerow(cells)
                else:
                    faults.add(row, reason, line)
    return path


def _text(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    found: tuple[int, list[int], list[Reading]],
    layout: Layout,
    faults: Faults,
    copy: Path | None,
) -> Text:
    rows, present, readings = found
    for place, (one, number) in enumerate(zip(readings, present, strict=True), 1):
        if number and not one.name:
            problem = f"column {place} has values and no name; what pandas wrote needs to_csv(..., index=False)"
            raise ValidationError(field=Path(layout.path).name, problem=problem)
    readable_before = [one.row - 1 - place for place, one in enumerate(faults.found)]
    cells = "".join(f", {one.cell}" for one in readings)
    for place, reason, texts in misfits(connection, source, readings, cells):
        faults.add(place + 1 + bisect_right(readable_before, place), reason, _line(texts, layout.delimiter))
        rows -= 1
    named = [one for one in readings if one.name]
    selected = ", ".join(f"{one.value} AS {quoted(one.name)}" for one in named)
    wrong = " OR ".join(one.misfit for one in readings if one.faulty)
    where = f" WHERE NOT ({wrong})" if wrong else ""
    columns = tuple(Column(one.name, duckdb.sqltype(one.type)) for one in named)
    broken = tuple(sorted(faults.found, key=lambda one: one.row))
    return Text(f"(SELECT {selected} FROM {source}{where})", columns, rows, broken, copy)  # noqa: S608


def _line(texts: Sequence[str | None], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(texts)
    return line.getvalue()
