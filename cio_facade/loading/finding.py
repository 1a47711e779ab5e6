"""What a source is that was given as text: files, an URL or SQL; and a hint when it is nothing of these."""

from __future__ import annotations

import re
from difflib import get_close_matches
from glob import glob, has_magic
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cio_facade.errors import ValidationError

__all__ = ["Format", "files", "format_of", "is_query", "is_url", "not_a_source", "written_as"]

Format: TypeAlias = Literal["csv", "json", "parquet", "xlsx"]

_FORMATS: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_COMPRESSED: Final = (".gz", ".zst")
_DATABASES: Final = {".duckdb": "", ".db": " (TYPE sqlite)", ".sqlite": " (TYPE sqlite)", ".sqlite3": " (TYPE sqlite)"}

# Only some of these may be in a query; the others are told apart from files, to be refused as what they are.
_QUERY = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:\(\s*)*"
    r"(?:select|with|from|values|table|pivot|unpivot|describe|summarize|show|attach|set|install|load|use"
    r"|create|alter|drop|copy|insert|update|delete|merge|truncate|call|pragma|export|import)\b(?=\s|\(|\"|'|\*)",
    re.IGNORECASE | re.DOTALL,
)
# What loads write beside their sources.
_OF_OURS = re.compile(r"\.(rejected|audit)(-\d+)?\.\w+(\.\w+)?$")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(text: str) -> bool:
    """Tell whether it is an URL.

    Examples
    --------
    >>> is_url("https://example.com/people.csv"), is_url("people.csv")
    (True, False)
    """
    return _URL.match(text) is not None


def is_query(text: str) -> bool:
    """Tell whether it begins as SQL does.

    Examples
    --------
    >>> is_query("from 'people.parquet'"), is_query("people.csv"), is_query("select.csv")
    (True, False, False)
    """
    return _QUERY.match(text) is not None


def files(source: str | Path) -> list[Path]:
    """Give the files that a path or pattern means, in natural order; empty for none.

    Files of rejected rows, and logs, are meant only by a pattern that says so: ``*.rejected.csv``.

    Raises
    ------
    ValidationError
        It is a folder.
    """
    path = Path(source).expanduser()
    try:
        if str(source).strip() and path.is_dir():
            raise _of_folder(path)
        if path.is_file():
            return [path.absolute()]
    except (OSError, ValueError):  # a name that no file may have, such as a long query
        return []
    if not has_magic(str(path)) or is_query(str(source)):
        return []
    found = (Path(name) for name in glob(str(path), recursive=True))  # noqa: PTH207  the pattern may be absolute
    wanted = (one for one in found if one.is_file() and (_OF_OURS.search(path.name) or not _OF_OURS.search(one.name)))
    return sorted((one.absolute() for one in wanted), key=_naturally)


def format_of(path: str) -> Format:
    """Give what is in a file, by its name.

    Raises
    ------
    ValidationError
        The name does not say.

    Examples
    --------
    >>> format_of("people.CSV.gz"), format_of("part-0.parquet")
    ('csv', 'parquet')
    """
    name = Path(path.lower())
    if name.suffix in _COMPRESSED and (found := _FORMATS.get(Path(name.stem).suffix)) in {"csv", "json"}:
        return found
    if (found := _FORMATS.get(name.suffix)) is not None:
        return found
    if (options := _DATABASES.get(name.suffix)) is not None:
        way = f"ATTACH '{path}' AS it{options}; SELECT * FROM it.people"  # noqa: S608  only shown
        raise ValidationError(field="source", problem=f'{Path(path).name} is a database; ask it: "{way}"')
    known = " ".join(_FORMATS)
    raise ValidationError(
        field="source",
        problem=f"{Path(path).name} does not say by its ending what is in it; known are {known}, those of text also "
        f"with {' or '.join(_COMPRESSED)}; or begin SQL with FROM read_csv('{path}')",
    )


def written_as(path: Path) -> Literal["csv", "jsonl", "parquet"] | None:
    """Give the format in which a file of that name is written; None where the name leaves it open."""
    try:
        found = format_of(path.name)
    except ValidationError:
        return None
    return "jsonl" if found == "json" else None if found == "xlsx" else found


def not_a_source(text: str) -> ValidationError:
    """Say what would have been a source."""
    if not text.strip():
        return ValidationError(field="source", problem="is empty; a file, a pattern, an URL or SQL is expected")
    path = Path(text).expanduser()
    if len(text) > 200 or "\n" in text:
        return ValidationError(
            field="source", problem="is neither a file nor SQL; SQL begins with SELECT, WITH or FROM"
        )
    if has_magic(text):
        return ValidationError(field="source", problem=f"no file matches {text}")
    if text == "-" or path.exists():  # a pipe, a device
        what = "standard input" if text == "-" else text
        return ValidationError(field="source", problem=f"{what} is read once only; write what it gives into a file")
    if path.is_symlink():
        return ValidationError(field="source", problem=f"{text} is a link to a file that is not there")
    try:
        folder = next(parent for parent in path.parents if parent.is_dir())
    except (StopIteration, OSError):
        folder = Path()
    # The first part of the path that is not there is what may be mistyped.
    missing = path.relative_to(folder).parts[0] if path != folder else path.name
    near = get_close_matches(missing, [one.name for one in folder.iterdir()], n=1)
    hint = f"did you mean {folder / near[0]}?" if near else "SQL begins with SELECT, WITH or FROM"
    return ValidationError(field="source", problem=f"there is no file {text}; {hint}")


def _of_folder(path: Path) -> ValidationError:
    some = list(islice(path.rglob("*"), 1000))  # it may be all of a disk
    endings = [one.suffix for one in some if one.suffix.lower() in _FORMATS and one.is_file()]
    deep = any(one.parent != path for one in some)
    pattern = path / ("**" if deep else "") / f"*{min(endings, default='.csv')}"
    return ValidationError(field="source", problem=f"{path} is a folder; give a pattern, such as '{pattern}'")


def _naturally(path: Path) -> list[tuple[int, int | str]]:
    """Sort part-2 before part-10."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
