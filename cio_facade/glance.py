"""A look at the file of a durable outbox from outside: nothing is written or made, and nobody who uses it waits.

>>> glance("nowhere.db")
Traceback (most recent call last):
...
cio_facade.errors.OutboxError: path: there is no outbox at nowhere.db
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from cio_facade import ledger, recovery
from cio_facade.deadletters import Letters, beside
from cio_facade.errors import OutboxError, ValidationError
from cio_facade.locks import LockFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cio_facade.ledger import Totals

__all__ = ["DeadLetters", "Glance", "glance"]


@attrs.frozen(kw_only=True)
class DeadLetters:
    """What is in the file of the dead letters.

    Attributes
    ----------
    path : str
        Where it is, or would be.
    number : int
        Letters in it.
    reasons : mapping of str to int
        How many, by reason, the most frequent first.
    torn : int
        Lines that were cut short.
    problem : str or None
        Why they could not be counted: a line is no letter.
    """

    path: str
    number: int = 0
    reasons: Mapping[str, int] = attrs.field(factory=dict[str, int])
    torn: int = 0
    problem: str | None = None


@attrs.frozen(kw_only=True)
class Glance:
    """What is to be seen of an outbox.

    Attributes
    ----------
    totals : Totals or None
        The account of its whole life. None: the file is damaged.
    delivering : bool
        Whether a process delivers at the moment.
    log : int
        Bytes beside the file that are not in it yet. Where nobody has it open, it was not closed.
    set_aside : tuple of str
        Damaged files of earlier times.
    dead_letters : DeadLetters
        What was not delivered.
    """

    totals: Totals | None
    delivering: bool
    log: int
    set_aside: tuple[str, ...]
    dead_letters: DeadLetters


def glance(path: str | os.PathLike[str], dead_letters: str | os.PathLike[str] | None = None) -> Glance:
    """Look at an outbox.

    Parameters
    ----------
    path : path
        Its file.
    dead_letters : path, optional
        The file of its dead letters, when it is not the usual one.

    Raises
    ------
    OutboxError
        There is none, it is no outbox, one of a later version, or cannot be read.
    """
    file = Path(os.path.realpath(path))
    if not file.is_file():
        raise OutboxError(f"path: there is no outbox at {path}")
    try:
        totals = _totals(file)
    except (sqlite3.Error, OSError) as error:
        if not recovery.is_damage(error):
            raise OutboxError(f"path: {path} cannot be read: {error}") from error
        totals = None
    log = file.with_name(f"{file.name}-wal")
    return Glance(
        totals=totals,
        delivering=_is_locked(file.with_name(f"{file.name}-deliver")),
        log=log.stat().st_size if log.exists() else 0,
        set_aside=tuple(sorted(str(other) for other in file.parent.iterdir() if _was_set_aside(other.name, file.name))),
        dead_letters=_letters(beside(file) if dead_letters is None else Path(dead_letters)),
    )


def _totals(file: Path) -> Totals:
    with closing(_connected(file)) as database:
        recovery.recognise(file, database)
        return ledger.totals(database)


def _connected(file: Path) -> sqlite3.Connection:
    if file.with_name(f"{file.name}-wal").exists():
        return recovery.connect(file, writing=False)
    # Nobody has it open; to read it as one that may change, SQLite would make files beside it.
    return sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)


def _is_locked(file: Path) -> bool:
    """Whether a process has the lock. To see that, it is shared for a moment; who wants it meanwhile tries again."""
    if not file.exists():
        return False
    with closing(LockFile(str(file))) as lock:
        return not lock.share()


def _was_set_aside(other: str, name: str) -> bool:
    return other.startswith(f"{name}.damaged-") and not other.endswith("-wal")


def _letters(path: Path) -> DeadLetters:
    letters = Letters(path)
    try:
        reasons = Counter(letter.reason for letter in letters)
    except (ValidationError, OSError) as error:
        return DeadLetters(path=str(path), problem=str(error))
    return DeadLetters(path=str(path), number=reasons.total(), reasons=dict(reasons.most_common()), torn=letters.torn)
