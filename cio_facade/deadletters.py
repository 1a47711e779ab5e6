"""Dead letters: a file of the messages that were not delivered, a line of JSON each, and their way back.

::

    {"messageId": "9f-1", "outcome": "rejected", "reason": "...", "said": ["..."], "status": 400,
     "at": "2026-01-31T12:00:00.000Z", "message": {"messageId": "9f-1", "type": "track", ...}}

A line is written whole or not at all, and may be edited by hand. What is put back waits beside the file, under its name
and ``.retrying``, until all of it is safe; whoever reads the letters finds it there too.
"""

from __future__ import annotations

import logging
import os
from codecs import BOM_UTF8
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from cio_facade.appending import append
from cio_facade.config import Limits
from cio_facade.errors import OutboxError, ValidationError
from cio_facade.letters import Letter, TornError, is_whole, names, read, torn, without, write
from cio_facade.locks import LockFile
from cio_facade.returning import Retried, WayBack

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

__all__ = ["DeadLetterFile", "Letter", "Letters", "Retried", "beside"]

_log = logging.getLogger(__name__)

_PATIENCE: Final = 10.0  # seconds, for another process that writes

_BEGINNING: Final = 64  # bytes
_HAS_LOCKS: Final = find_spec("fcntl") is not None  # not on Windows


def beside(outbox: str | os.PathLike[str]) -> Path:
    """Give the place of the dead letters of an outbox in a file, unless it was told another.

    Examples
    --------
    >>> beside("outbox.db").name
    'outbox.db.dead.jsonl'
    """
    path = Path(os.path.realpath(outbox))  # by whatever name it is called
    return path.with_name(f"{path.name}.dead.jsonl")


class Letters:
    """The letters in a file, one for each message: of several, the last. Iterate as often as you like.

    Nothing is written, and a file that is absent is empty.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    ValidationError
        When iterated: a line is no letter. It names the line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._rests: list[bytes] = []
        self._aside = self.path.with_name(f"{self.path.name}.retrying")

    def __iter__(self) -> Iterator[Letter]:
        """Go through the letters, the oldest first."""
        return (letter for _, letter in self._read(self._aside, self.path))

    def lines(self) -> Iterator[bytes]:
        """Go through the same as it stands in the file."""
        return (line for line, _ in self._read(self._aside, self.path))

    @property
    def torn(self) -> int:
        """Lines that were cut short, and are left out, when the letters were last read."""
        return len(self._rests)

    def _read(self, *paths: Path) -> Iterator[tuple[bytes, Letter]]:
        """Give lines and what they say. All are checked before the first is given."""
        self._rests.clear()
        with ExitStack() as stack:
            last: dict[object, tuple[BinaryIO, int]] = {}
            for path in paths:
                with suppress(FileNotFoundError):
                    file: BinaryIO = stack.enter_context(path.open("rb"))
                    for start, line, letter in self._lines(path, file):
                        key = letter.message_id or line
                        last.pop(key, None)  # so that it is in the place of its last line
                        last[key] = file, start
            if self._rests:
                _log.warning("dead letters %s: %d lines are cut short and left out", self.path, self.torn)
            for file, start in last.values():
                file.seek(start)
                line = file.readline().strip()
                yield line, read(line)

    def _lines(self, path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes, Letter]]:
        start = 0
        for number, whole in enumerate(file, 1):
            line = whole.strip().removeprefix(BOM_UTF8 if number == 1 else b"")
            begin, start = start + whole.find(line), start + len(whole)
            if not line:
                continue
            try:
                letter = read(line)
            except TornError:
                self._rests.append(line)
            except ValueError as error:
                if whole.endswith(b"\n") or is_whole(line):
                    problem = f"line {number} of {path} {error}; mend it or take it out"
                    raise ValidationError(field="dead_letters", problem=problem) from None
                self._rests.append(torn(line))
            else:
                yield begin, line, letter


class DeadLetterFile(Letters):
    """A file that dead letters are written to, by several processes if need be; only its owner may read it.

    Parameters
    ----------
    path : path
        The file; made with its first letter, in a folder that is there.
    redact : iterable of str, optional
        What is not to be kept of messages: ``"email"`` is the key of that name at any depth, ``"traits.phone"`` the
        one at that path. The value becomes ``"[redacted]"``.

    Raises
    ------
    ValidationError
        The folder is absent, or the file could not be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     letters = DeadLetterFile(folder + "/dead.jsonl", redact=["email"])
    ...     call = b'{"messageId":"1","traits":{"email":"ann@example.com"}}'
    ...     letters.write([Letter(message_id="1", outcome="rejected", reason="no identity", call=call)])
    ...     [(letter.reason, letter.redacted, letter.call) for letter in letters]
    [('no identity', ('traits.email',), b'{"messageId":"1","traits":{"email":"[redacted]"}}')]
    """

    def __init__(self, path: str | os.PathLike[str], *, redact: Iterable[str] = ()) -> None:
        super().__init__(path)
        self._redact = names(redact)
        _check_place(self.path)

    def write(self, letters: Iterable[Letter]) -> None:
        """Append letters; when this returns they are on the disk.

        Raises
        ------
        OSError
            The disk is full, or the folder gone. None of the letters is in the file then.
        """
        if lines := [self._line(letter) for letter in letters]:
            self._keep(lines)

    def retry(
        self,
        put: Callable[[list[bytes]], object],
        *,
        wanted: Callable[[Letter], bool] | None = None,
        limits: Limits | None = None,
    ) -> Retried:
        """Put messages back into an outbox, with the ids that they had.

        They are validated again, since they may have been edited. When this is interrupted, the next one takes it up: a
        message may be put twice then, but none is lost.

        Parameters
        ----------
        put : callable
            Takes calls, a list of bytes, and keeps all of them or raises `OutboxError`; what is left stays in the file
            then.
        wanted : callable, optional
            Whether a letter is meant. None: all are.
        limits : Limits, optional
            As given to the client.

        Raises
        ------
        ValidationError
            A line is no letter. Nothing was put.
        OutboxError
            Another process is at it.
        OSError
            What is to stay could not be written. All is still there.
        """
        for _ in self:  # a broken line is told while the file is where it is looked for
            pass
        with ExitStack() as until_done:
            if not self._set_aside(until_done):
                return Retried()
            back = WayBack(put, self._keep, limits or Limits())
            for line, letter in self._read(self._aside):
                if wanted is None or wanted(letter):
                    back.add(line, letter)
                else:
                    back.pass_over(line)
            back.flush()
            self._keep(self._rests)
            with self._locked():
                self._aside.unlink()
        return back.result()

    def _set_aside(self, until_done: ExitStack) -> bool:
        """Move the file to where it waits, to what an interrupted retry left there; whether there are letters."""
        with self._locked():
            if not self._aside.exists():
                with suppress(FileNotFoundError):
                    self.path.rename(self._aside)
            if not self._aside.exists():
                return False
            if _HAS_LOCKS:
                lock = LockFile(str(self._aside))
                until_done.callback(lock.abandon)
                if not lock.take():
                    raise OutboxError(f"letters of {self.path} are being put back already; wait for that")
            if self.path.exists():
                lines = self.path.read_bytes().removeprefix(BOM_UTF8).splitlines()
                append(self._aside, [line if is_whole(line) else torn(line) for line in lines])
                self.path.unlink()
            return True

    def _keep(self, lines: Sequence[bytes]) -> None:
        with self._locked():
            append(self.path, lines)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Keep other threads and processes from writing."""
        if not _HAS_LOCKS:  # there, appending in one write must do
            yield
            return
        try:
            lock = LockFile(f"{self.path}-lock")  # opened each time: a fork would share it with the child
        except OutboxError as error:
            raise (error.__cause__ if isinstance(error.__cause__, OSError) else error) from None
        with closing(lock), lock.held(_PATIENCE):
            yield

    def _line(self, letter: Letter) -> bytes:
        if not (self._redact and letter.call):
            return write(letter)
        call, more = without(letter.call, self._redact)
        redacted = (*letter.redacted, *(path for path in more if path not in letter.redacted))
        return write(attrs.evolve(letter, call=call, redacted=redacted))


def _check_place(path: Path) -> None:
    problem = _problem(path, there=path.exists())
    if problem is not None and not path.exists():
        problem = _problem(path, there=False)  # somebody may have put it aside meanwhile
    if problem is not None:
        raise ValidationError(field="dead_letters", problem=problem)


def _problem(path: Path, *, there: bool) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first"
    if there and not path.is_file():
        return f"{path} is no file; name one"
    if not os.access(path if there else path.parent, os.W_OK):
        return f"{path} cannot be written; name another file"
    if there and not _may_be_letters(path):
        return f"{path} has something else in it, and was left as it is; name another file"
    return None


def _may_be_letters(path: Path) -> bool:
    """Whether a file begins as one of letters does, or is empty, or has zeros where a power cut left them."""
    try:
        with path.open("rb") as file:
            begin = file.read(_BEGINNING).removeprefix(BOM_UTF8).strip(b" \t\r\n\0")
    except FileNotFoundError:  # put aside meanwhile
        return True
    return begin[:1] in {b"", b"{"}
