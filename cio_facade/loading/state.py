"""Where a load keeps what it remembers, and by what it is known when it is run again."""

from __future__ import annotations

import json
import os
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from cio_facade.errors import CustomerIOError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["job_id", "namespace_of", "state_folder"]

_JOBS: Final = UUID("5b0f6cf0-93b4-5c0e-8c43-6d4f3c3a7d10")
_NAMES: Final = UUID("0d6a4be5-7a1e-5f0e-9a53-b0f7f3b6c9a2")


def job_id(name: str, given: Mapping[str, Any], base_url: str, api_key: str) -> UUID:
    """Make the id of a load: the same for the same source, sent as the same, to the same place with the same key.

    Parameters
    ----------
    name : str
        What the source is known by.
    given : mapping
        How it is to be sent, as far as JSON can say it.
    base_url : str
        Where it goes.
    api_key : str
        With what key. Only a hash of it is used, of 8 bytes, and that goes into the id's own.

    Examples
    --------
    >>> one = job_id("people.csv", {"as": "identify", "only": False}, "https://host/v1", "key")
    >>> one == job_id("people.csv", {"only": False, "as": "identify"}, "https://host/v1/", "key")
    True
    >>> one == job_id("people.csv", {"as": "identify", "only": False}, "https://host/v1", "another")
    False
    """
    key = blake2b(api_key.encode(), digest_size=8).hexdigest()
    return uuid5(_JOBS, _canonical([name, given, base_url.rstrip("/"), key]))


def namespace_of(name: str) -> UUID:
    """Make the namespace of a source's message ids from what it is known by.

    Examples
    --------
    >>> namespace_of("people.csv") == namespace_of("people.csv"), namespace_of("a") == namespace_of("b")
    (True, False)
    """
    return uuid5(_NAMES, name)


def state_folder(job: UUID, root: str | os.PathLike[str] | None = None) -> Path:
    """Give the folder in which a load keeps what it remembers; it is made when it is absent, for its owner alone.

    Parameters
    ----------
    job : UUID
        As `job_id` gives it.
    root : path, optional
        The folder of all loads. None: ``CIO_STATE``; else ``cio-facade`` in ``XDG_STATE_HOME``, in ``~/.local/state``
        or, on Windows, in ``%LOCALAPPDATA%``.

    Raises
    ------
    CustomerIOError
        It cannot be made.
    """
    folder = (Path(root) if root is not None else _root()).absolute() / str(job)
    try:
        for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise CustomerIOError(
            f"state: the folder {folder} cannot be made: {error.strerror}; name another one (CIO_STATE)"
        ) from error
    return folder


def _root() -> Path:
    if own := os.environ.get("CIO_STATE"):
        return Path(own).expanduser()
    place = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    if Path(place).is_absolute():  # another is to be ignored, by the XDG base directory specification
        return Path(place) / "cio-facade"
    try:
        return Path.home() / ".local" / "state" / "cio-facade"
    except RuntimeError:
        raise CustomerIOError("state: there is no home folder to remember the load in; set CIO_STATE") from None


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
