"""What each person was last sent, as a hash: so that a load can leave out what has not changed.

A record says that the server has this content of this person. It must never be wrong: an attribute that was left out
would stay wrong for ever. So there is a record only while nothing of the person is on the way. What differs is
forgotten, on the disk, before it is sent, and remembered when it was delivered, unless more of that person is on the
way by then. Whatever a kill or a power cut takes, and whatever rows a person has, something is at worst sent once more.

Both hashes have 64 bits. People whose keys collide are like one who has several rows: all is sent. A change is
overlooked when two contents of a person collide: once in 2 ** 64 changes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from hashlib import md5
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import orjson

from cio_facade.loading.records import GONE, NONE, Layers, RecordFile, packed, unpacked
from cio_facade.loading.stores import Form, Store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.int64]

__all__ = ["Changes", "marks_of"]

# New records that are kept apart, until it is worth writing all of them again.
_NEW: Final = 1 << 18
_SHARE: Final = 16

_FORM: Final = Form(
    "the record of what people were sent",
    b"cioc",
    1,
    """
    CREATE TABLE news (
        number INTEGER PRIMARY KEY,  -- a later one counts more than an earlier one
        records BLOB NOT NULL        -- key and content of each, 64 bits; a content of -2 ** 63 says that there is none
    );
    CREATE TABLE base (              -- the file beside this one that has all that is older
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL,     -- at the end of its name; 0 for none
        records INTEGER NOT NULL,
        sum INTEGER NOT NULL
    );
    INSERT INTO base VALUES (1, 0, 0, 0)
    """,
)


def marks_of(call: bytes, tail: int) -> tuple[int, int]:
    """Give the key and the content of a call: of the person, and of what the person is sent.

    Parameters
    ----------
    call : bytes
        The call as JSON.
    tail : int
        Bytes at its end that are no content: the id, and the time at which it was made.

    Examples
    --------
    >>> one = marks_of(b'{"userId":"1","traits":{"plan":"pro"},"messageId":"a"}', 16)
    >>> other = marks_of(b'{"userId":"1","traits":{"plan":"pro"},"messageId":"b"}', 16)
    >>> one == other, one[0]
    (True, -4266524885998034046)
    """
    said: dict[str, Any] = orjson.loads(call)
    identity = said.get("userId") or said.get("anonymousId")
    if not identity and isinstance(traits := said.get("traits"), dict):
        identity = cast("dict[str, Any]", traits).get("email")
    return _hash(str(identity or "").encode()), _hash(call[: len(call) - tail])


class Changes:
    """What people were last sent, for all threads of one process; no other one may have it open.

    Keys and contents are numbers of 64 bits, signed, as `marks_of` gives them.

    Parameters
    ----------
    path : path
        The file; made when it is absent, in a folder that is there.

    Raises
    ------
    CustomerIOError
        As of `stores.Store`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     changes = Changes(Path(folder) / "changes.db")
    ...     print(changes.unchanged([1, 2], [10, 20]))  # both are sent
    ...     changes.delivered([1, 2], [10, 20])
    ...     print(changes.unchanged([1, 2], [10, 21]))  # the second one is
    ...     changes.dropped([2])  # and the server refused it
    ...     changes.close()
    None
    [ True False]
    """

    def __init__(self, path: Path) -> None:
        self._noting = Lock()
        self._on_the_way: Counter[int] = Counter()
        self._noted: list[Numbers] = []
        self._turn = Lock()  # over all that follows
        self._news = Layers()
        self._base: RecordFile | None = None
        self._store = Store(path, _FORM)
        try:
            self._open()
        except BaseException:
            self._store.close()
            raise

    def unchanged(self, keys: ArrayLike, contents: ArrayLike) -> NDArray[np.bool_] | None:
        """Tell which rows are what the person was last sent; None when none is.

        The others are taken to be sent: tell `delivered` or `dropped` what became of each.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file cannot be read or written. Nothing may be sent then.
        """
        rows = _records(keys, contents)
        asked = rows[:, 0]
        with self._turn:
            self._keep(NONE)
            known, there = self._find(asked)
            same = there & (known == rows[:, 1])
            differing = asked[there & ~same]
            if differing.size:
                self._keep(np.stack((differing, np.full(differing.size, GONE)), axis=1))
                same &= ~np.isin(asked, differing)
            with self._noting:
                self._on_the_way.update(asked[~same].tolist())
        return same if same.any() else None

    def delivered(self, keys: ArrayLike, contents: ArrayLike) -> None:
        """Remember rows that were not unchanged, and that the server took. They are in memory until `sync`."""
        rows = _records(keys, contents)
        with self._noting:
            self._noted.append(rows[self._arrived(rows[:, 0])])

    def dropped(self, keys: ArrayLike) -> None:
        """Note that rows which were not unchanged are not on the way any more, and were not delivered."""
        with self._noting:
            self._arrived(np.asarray(keys, np.int64))

    def sync(self) -> None:
        """Commit what was noted.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file cannot be written. All of it stays noted.
        """
        with self._turn:
            self._keep(NONE)

    def forget(self) -> None:
        """Forget everybody, on the disk: for a load that sends without asking, after which nothing of this is sure.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file cannot be written. Nothing may be sent then.
        """
        with self._turn:
            with self._store.transaction(durable=True) as database:
                database.execute("DELETE FROM news")
                database.execute("UPDATE base SET number = 0, records = 0, sum = 0")
            with self._noting:
                self._noted.clear()
            self._replace_base(None, 0)

    def close(self) -> None:
        """Close the file. What is not synced is sent once more by the next load."""
        with self._turn:
            if self._base is not None:
                self._base.close()
            self._store.close()

    def _open(self) -> None:
        with self._store.reading() as database:
            number, records, expected = database.execute("SELECT number, records, sum FROM base").fetchone()
            for other in self._store.path.parent.glob(f"{self._store.path.name}-records-*"):
                if other != self._place(number):  # it was being written when somebody died
                    other.unlink()
            if number:
                try:
                    self._base = RecordFile(self._place(number))
                except FileNotFoundError:
                    raise self._store.damaged() from None
                if (self._base.number, self._base.sum) != (records, expected):
                    self._base.close()
                    raise self._store.damaged()
            for (data,) in database.execute("SELECT records FROM news ORDER BY number"):
                self._news.add(unpacked(data))
        self._number = int(number)

    def _place(self, number: int) -> Path:
        path = self._store.path
        return path.with_name(f"{path.name}-records-{number}")

    def _find(self, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        contents, there = self._news.find(keys)
        if self._base is not None and not there.all():
            older = np.flatnonzero(~there)
            with self._store.reading():
                contents[older], there[older] = self._base.find(keys[older])
        return contents, there & (contents != GONE)

    def _arrived(self, keys: Numbers) -> NDArray[np.bool_]:
        """Take keys off those on the way; gives which of them are not on the way any more."""
        on_the_way = self._on_the_way
        last: list[bool] = []
        for key in keys.tolist():
            left = on_the_way.pop(key, 1) - 1
            if left:
                on_the_way[key] = left
            last.append(not left)
        return np.array(last, np.bool_)

    def _keep(self, gone: Numbers) -> None:
        """Write what was noted, and what is to be forgotten; that with an fsync, since it is sent afterwards."""
        with self._noting:
            noted, self._noted = self._noted, []
        new = np.concatenate([NONE, *noted, gone])
        if not len(new):
            return
        try:
            with self._store.transaction(durable=len(gone) > 0) as database:
                database.execute("INSERT INTO news (records) VALUES (?)", (packed(new),))
        except BaseException:
            with self._noting:
                self._noted[:0] = noted
            raise
        self._news.add(new)
        if len(self._news) >= max(_NEW, (self._base.number if self._base else 0) // _SHARE):
            self._write_again()

    def _write_again(self) -> None:
        """Put all records into a new file."""
        old, number = self._base, self._number + 1
        with self._store.reading():
            RecordFile.write(self._place(number), old.chunks() if old else [], self._news.whole())
            base = RecordFile(self._place(number))
        try:
            with self._store.transaction(durable=True) as database:
                database.execute("UPDATE base SET number = ?, records = ?, sum = ?", (number, base.number, base.sum))
                database.execute("DELETE FROM news")
        except BaseException:
            base.close()
            raise
        self._replace_base(base, number)

    def _replace_base(self, base: RecordFile | None, number: int) -> None:
        """Let another file have all that is remembered."""
        old = self._base
        self._base, self._number, self._news = base, number, Layers()
        if old is not None:
            old.close()
            with suppress(OSError):  # the next one who opens this removes it
                old.path.unlink()


def _records(keys: ArrayLike, contents: ArrayLike) -> Numbers:
    # One number stands for no content: whoever has it shares the next one.
    given = np.maximum(np.asarray(contents, np.int64), GONE + 1)
    return np.stack((np.asarray(keys, np.int64), given), axis=1)


def _hash(data: bytes) -> int:
    return int.from_bytes(md5(data, usedforsecurity=False).digest()[:8], signed=True)
