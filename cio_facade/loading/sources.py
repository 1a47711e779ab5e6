"""Opening a source: whatever it is, a table comes of it whose rows can be read again, in the same order.

A local file is read where it is. Anything else is first written down as a snapshot: a file at an URL as it is, the rows
of queries, workbooks and frames as Parquet.
"""

from __future__ import annotations

from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs
import pyarrow.parquet as pq

from cio_facade.errors import ValidationError
from cio_facade.loading import fingerprints
from cio_facade.loading.connections import AMPLE, MEMORY, connect, make_room
from cio_facade.loading.csvs import read_csv
from cio_facade.loading.finding import Format, files, format_of, is_query, is_url, not_a_source
from cio_facade.loading.frames import batches_of, is_frame
from cio_facade.loading.jsons import read_json
from cio_facade.loading.parquets import read_parquet
from cio_facade.loading.queries import write_query
from cio_facade.loading.snapshots import SNAPSHOT, whole, write_batches
from cio_facade.loading.tables import Table
from cio_facade.loading.urls import fetch, file_of, shown
from cio_facade.loading.workbooks import write_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cio_facade.loading.texts import Text

__all__ = ["name_of", "open_source"]

_PACKED: Final = 8  # times smaller than unpacked
_Written: TypeAlias = Literal["csv", "jsonl", "parquet"]
_WRITTEN_AS: Final[dict[Format, _Written]] = {"csv": "csv", "xlsx": "csv", "json": "jsonl", "parquet": "parquet"}


@attrs.frozen
class _Origin:
    """What a source is, before it is opened.

    Attributes
    ----------
    source : object
        A path, an URL or SQL as text, or a frame.
    kind : {"files", "url", "query", "frame"}
        Which of these.
    name : str or None
        What it is known by.
    label : str
        What people see.
    paths : list of Path
        The files.
    """

    source: Any
    kind: Literal["files", "url", "query", "frame"]
    name: str | None
    label: str
    paths: list[Path] = attrs.field(factory=list[Path])


def name_of(source: object, name: str | None = None) -> str | None:
    """Give what a source is known by when it is loaded again; None: by nothing.

    Parameters
    ----------
    source : str, path or frame
        As for `open_source`.
    name : str, optional
        What the caller calls it.

    Returns
    -------
    str or None
        Of files the whole path or pattern; of an URL what may be shown; of a query a digest, since there may be keys in
        it. A frame that has no name is known by nothing.

    Raises
    ------
    ValidationError
        It is no source.

    Examples
    --------
    >>> name_of("https://me:secret@example.com/people.csv")
    'https://example.com/people.csv'
    >>> name_of([{"user_id": "u1"}]), name_of([{"user_id": "u1"}], "people")
    (None, 'people')
    """
    return _origin(source, name).name


def open_source(
    source: Any,
    *,
    state: Path | None = None,
    name: str | None = None,
    types: Mapping[str, str] | None = None,
    encoding: str | None = None,
    snapshot: Path | None = None,
) -> Table:
    """Open a source.

    Parameters
    ----------
    source : str, path, frame, Arrow data or iterable of mappings
        A file, a pattern of files, an URL or SQL; a frame of pandas or polars, an Arrow table, reader or dataset,
        dicts. A dict's nested values, and a column of several types, are read as JSON.
    state : Path, optional
        Folder for what is written down; one that is removed with the table.
    name : str, optional
        What it is known by.
    types : mapping of str to str, optional
        DuckDB's type by column.
    encoding : str, optional
        Of text files.
    snapshot : Path, optional
        What an earlier run wrote down (`snapshots.snapshot_in`), to be read in place of the source.

    Raises
    ------
    ValidationError
        It is no source, or cannot be read.
    NetworkError
        An URL gives no answer.

    Examples
    --------
    >>> with open_source([{"user_id": "u1", "age": 30}, {"user_id": "u2"}]) as table:
    ...     print([column.name for column in table.columns], table.rows)
    ['user_id', 'age'] 2
    """
    origin = _origin(source, name)
    with ExitStack() as stack:
        if state is None:
            state = Path(stack.enter_context(TemporaryDirectory(prefix="cio-facade-")))
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if snapshot is None:
            snapshot = _written_down(origin, state)
        paths = origin.paths if snapshot is None else [snapshot]
        kind = format_of(str(paths[0]))
        connection = connect(state)
        stack.callback(connection.close)
        readers = {"csv": read_csv, "json": read_json}
        if (reader := readers.get(kind)) is not None:
            text: Text = reader(connection, list(map(str, paths)), types=types, encoding=encoding, scratch=state)
            stack.callback(text.close)
        else:
            text = read_parquet(connection, list(map(str, paths)), types=types)
        row_bytes = _bytes_of(paths, kind) // max(1, text.rows)
        make_room(connection, row_bytes)
        # The same rows may be written down as other bytes.
        by_rows = snapshot is not None and kind == "parquet"
        fingerprint = fingerprints.of_rows(connection, text.relation) if by_rows else fingerprints.of_files(paths)
        return Table(
            name=origin.name or origin.label,
            label=origin.label,
            format=_WRITTEN_AS[format_of(str(origin.paths[0])) if origin.paths else kind],
            relation=text.relation,
            columns=text.columns,
            rows=text.rows,
            row_bytes=row_bytes,
            broken=text.broken,
            fingerprint=fingerprint,
            connection=connection,
            can_resume=origin.name is not None,
            snapshot=snapshot,
            closing=stack.pop_all(),
        )


def _bytes_of(paths: Sequence[Path], kind: Format) -> int:
    """Estimate how many bytes there are in files, unpacked."""
    if kind == "parquet":
        found = map(pq.read_metadata, paths)
        return sum(one.row_group(place).total_byte_size for one in found for place in range(one.num_row_groups))
    return sum(path.stat().st_size * (_PACKED if path.suffix.lower() in (".gz", ".zst") else 1) for path in paths)


def _origin(source: Any, name: str | None) -> _Origin:
    """Tell what a source is."""
    if is_frame(source):
        return _Origin(source, "frame", name, name or type(source).__name__)
    if not isinstance(source, (str, Path)):
        problem = f"is a {type(source).__name__}; a file, pattern, URL, SQL, frame or dicts in a list are expected"
        raise ValidationError(field="source", problem=problem)
    text = str(source)
    if isinstance(source, str) and is_url(text):
        return _Origin(text, "url", name or shown(text), file_of(text) or shown(text))
    if paths := files(source):
        formats = {format_of(str(path)) for path in paths}
        if len(formats) > 1 or (len(paths) > 1 and "xlsx" in formats):
            raise ValidationError(field="source", problem=f"{text} means files of {' and '.join(sorted(formats))}")
        label = paths[0].name if len(paths) == 1 else f"{Path(text).name} ({len(paths)} files)"
        return _Origin(text, "files", name or str(Path(text).expanduser().absolute()), label, paths)
    if isinstance(source, str) and is_query(text):
        digest = blake2b(text.strip().rstrip(";").encode("utf-8", "replace"), digest_size=16).hexdigest()
        return _Origin(text, "query", name or f"query {digest}", "query")
    raise not_a_source(text)


def _written_down(origin: _Origin, state: Path) -> Path | None:
    """Write down what is no file that can be read where it is."""
    is_workbook = origin.kind == "files" and format_of(str(origin.paths[0])) == "xlsx"
    if origin.kind == "files" and not is_workbook:
        return None
    ending = ".parquet"
    if origin.kind == "url":
        format_of(origin.label)  # says so when it cannot be read
        ending = "".join(Path(origin.label).suffixes[-2:]).lower()
    path = state / f"{SNAPSHOT}{ending}"
    with whole(path) as part:
        if origin.kind == "frame":
            write_batches(batches_of(origin.source), part)
            return path
        with ExitStack() as stack:
            connection = connect(state, memory=AMPLE if origin.kind == "query" else MEMORY)
            stack.callback(connection.close)
            if is_workbook:
                write_workbook(connection, origin.paths[0], part)
            elif origin.kind == "query":
                write_query(connection, origin.source, part)
            else:
                fetch(connection, origin.source, part)
    return path
