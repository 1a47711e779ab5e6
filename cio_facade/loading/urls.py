"""Files that are fetched from elsewhere, and what of their URLs may be shown.

HTTP goes without DuckDB, whose extension is not on every machine, and need not be. Object stores go with it.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import duckdb
import httpx

from cio_facade._version import __version__
from cio_facade.errors import NetworkError, ValidationError
from cio_facade.loading.connections import told
from cio_facade.loading.finding import format_of
from cio_facade.loading.queries import copied

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["fetch", "file_of", "shown"]

_TIMEOUT: Final = httpx.Timeout(30.0)  # of each step, not of the whole
_CHUNK: Final = 1 << 18


def shown(url: str) -> str:
    """Give an URL without what may be secret in it: user and password; of a query, only a digest.

    Examples
    --------
    >>> shown("https://me:secret@example.com/people.csv")
    'https://example.com/people.csv'
    """
    parts = urlsplit(url)
    digest = blake2b(parts.query.encode(), digest_size=8).hexdigest() if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, digest, ""))


def file_of(url: str) -> str:
    """Give the name of the file.

    Examples
    --------
    >>> file_of("https://example.com/a/people.csv.gz?token=1")
    'people.csv.gz'
    """
    return Path(unquote(urlsplit(url).path)).name


def fetch(connection: DuckDBPyConnection, url: str, path: Path) -> None:
    """Write a file that is elsewhere into a local one.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What reads object stores.
    url : str
        Where it is.
    path : Path
        Where it is to be.

    Raises
    ------
    NetworkError
        No answer came, or it broke off.
    ValidationError
        It is not given, or DuckDB lacks the extension for it.
    """
    if urlsplit(url).scheme.lower() in {"http", "https"}:
        _download(url, path)
    else:
        _copy(connection, url, path)


def _download(url: str, path: Path) -> None:
    headers = {"User-Agent": f"cio-facade/{__version__}", "Accept-Encoding": "identity"}
    # Some servers call a compressed file an encoded answer; then the file is what is sent.
    as_sent = path.suffix == ".gz"
    try:
        with (
            httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as answer,
            path.open("wb") as file,
        ):
            if answer.status_code != 200:
                raise ValidationError(field="source", problem=f"{shown(url)} answered {answer.status_code}")
            for chunk in answer.iter_raw(_CHUNK) if as_sent else answer.iter_bytes(_CHUNK):
                file.write(chunk)
    except httpx.InvalidURL:
        raise ValidationError(field="source", problem=f"{shown(url)} is no URL") from None
    except httpx.HTTPError as error:
        raise NetworkError(f"source: {shown(url)} could not be fetched: {type(error).__name__}") from None


def _copy(connection: DuckDBPyConnection, url: str, path: Path) -> None:
    source, target = url.replace("'", "''"), str(path).replace("'", "''")
    try:
        if format_of(path.name) == "parquet":
            copied(connection, f"read_parquet('{source}')", path)
            return
        # Byte by byte, so that it is read as a local file is. It is in memory for a moment.
        connection.execute("SET memory_limit = '80%'")
        connection.execute(f"COPY (SELECT content FROM read_blob('{source}')) TO '{target}' (FORMAT blob)")  # noqa: S608
    except duckdb.Error as error:
        raise ValidationError(field="source", problem=f"{shown(url)}: {told(error)}") from None
