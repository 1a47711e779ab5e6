"""What both outboxes are: settings, the files they hold, and what a fork or the end of the process means to them."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import warnings
from contextlib import ExitStack
from functools import cache
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Final, Literal, get_args
from weakref import WeakSet

import attrs

from cio_facade.accounts import message_id_of
from cio_facade.backlog import Backlog
from cio_facade.deadletters import DeadLetterFile, beside
from cio_facade.errors import OutboxFullError, ValidationError
from cio_facade.journal import Durability, Journal
from cio_facade.outcomes import UndeliveredWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from os import PathLike

    from cio_facade.clock import Clock
    from cio_facade.core import Core
    from cio_facade.journal import Opening
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Outcome, Report

__all__ = ["ASK_AGAIN", "CLOSED", "NO_ROOM", "STOPPED", "TELLING", "Box", "OnFull", "Settings", "groups"]

ASK_AGAIN: Final = 0.05
"""Seconds, for what other processes do."""

CLOSED: Final = "the outbox is closed; the message was not taken"
STOPPED: Final = "the outbox has stopped, since something raised %s; the message was not taken"
TELLING: Final = "on_outcome cannot flush or close the outbox: that would wait for on_outcome"
NO_ROOM: Final = "the outbox is full; the message was not taken"

OnFull = Literal["block", "raise", "drop_newest"]

_log = logging.getLogger("cio_facade.outbox")

_GROUP: Final = 512  # messages that are put together, of many
_MESSAGES: Final = 100_000
_BYTES: Final = 1 << 26
_FILE_BYTES: Final = 1 << 32
_MOST_NAMED: Final = 10
_TEND_AT_LEAST: Final = 1.0


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of an outbox; `outbox.Outbox` says what they mean."""

    path: str | PathLike[str] | None
    max_messages: int | None
    max_bytes: int | None
    on_full: OnFull
    flush_interval: float
    lanes: int | None
    durability: Durability
    on_outcome: Callable[[Outcome], object] | None
    dead_letters: str | PathLike[str] | None
    redact: Iterable[str]
    exit_timeout: float

    @property
    def tend_every(self) -> float:
        """Seconds between looks at what nobody tells of, such as that the process which delivers has ended."""
        return min(max(self.flush_interval, ASK_AGAIN), _TEND_AT_LEAST)

    @property
    def most_messages(self) -> int | None:
        """Most messages that may wait; a file has no such limit unless it is set."""
        return self.max_messages or (_MESSAGES if self.path is None else None)

    @property
    def most_bytes(self) -> int:
        """Most bytes that may wait."""
        return self.max_bytes or (_BYTES if self.path is None else _FILE_BYTES)

    def never_fits(self, number: int, size: int) -> bool:
        """Whether so many messages of so many bytes would not fit even if nothing else were there."""
        return size > self.most_bytes or (self.most_messages is not None and number > self.most_messages)

    def may_wait(self, number: int, size: int, *, late: bool) -> bool:
        """Whether to wait for room; False: the messages are to be dropped."""
        if self.on_full == "drop_newest":
            return False
        if self.on_full == "raise" or late or self.never_fits(number, size):
            raise OutboxFullError(NO_ROOM)
        return True

    def __attrs_post_init__(self) -> None:
        for field in ("max_messages", "max_bytes", "flush_interval", "lanes"):
            value = getattr(self, field)
            if value is not None and not (_is_number(value) and value > 0):
                raise ValidationError(field=field, problem="must be a number greater than zero")
        if not (_is_number(self.exit_timeout) and self.exit_timeout >= 0):
            raise ValidationError(field="exit_timeout", problem="must be seconds, zero or more")
        for field, known in (("on_full", get_args(OnFull)), ("durability", get_args(Durability))):
            if getattr(self, field) not in known:
                raise ValidationError(field=field, problem=f"must be one of {', '.join(known)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def groups(messages: Iterable[CallModel], clock: Clock, seconds: float) -> Iterator[list[CallModel]]:
    """Part messages in groups, of what came in this time where the source is slow.

    What it gave before it raised makes a group too.
    """
    group: list[CallModel] = []
    begun = clock.monotonic()
    try:
        for message in messages:
            group.append(message)
            now = clock.monotonic()
            if len(group) >= _GROUP or now - begun >= seconds:
                yield group
                group, begun = [], clock.monotonic()
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group


class Box:
    """An outbox, without the threads or tasks that deliver.

    Parameters
    ----------
    core : Core
        The client's.
    settings : Settings
        As its user gave them.
    """

    def __init__(self, core: Core, settings: Settings) -> None:
        self._core, self._settings = core, settings
        self._beginning = RLock()
        self._final: Report | None = None
        self._journal: Journal | None = self._opened()
        self._letters: DeadLetterFile | None = self._letter_file()
        self._backlog: Backlog | None = None
        _all.add(self)
        _see_to_the_end()

    @property
    def opening(self) -> Opening | None:
        """What was found in the file when it was opened; None without a file."""
        return None if self._journal is None else self._journal.opening

    def _opened(self) -> Journal | None:
        settings = self._settings
        if settings.path is None:
            return None
        return Journal(
            settings.path,
            durability=settings.durability,
            max_messages=settings.most_messages,
            max_bytes=settings.most_bytes,
            now=self._core.clock.time,
        )

    def _letter_file(self) -> DeadLetterFile | None:
        settings = self._settings
        path = settings.dead_letters
        if path is None and settings.path is not None:
            path = beside(settings.path)
        return None if path is None else DeadLetterFile(path, redact=settings.redact)

    def _new_backlog(self) -> Backlog:
        """Begin in this process."""
        settings = self._settings
        if self._journal is None and settings.path is not None:
            self._journal = self._opened()  # in the child of a fork, where the parent's is of no use
        backlog = self._backlog = Backlog(
            self._core,
            lanes=settings.lanes,
            flush_interval=settings.flush_interval,
            max_messages=settings.most_messages,
            max_bytes=settings.most_bytes,
            journal=self._journal,
            letters=self._letters,
            on_outcome=settings.on_outcome,
        )
        self._core.watch.gauges(backlog.gauges)
        _begun.add(self)
        _see_to_the_end()  # of the child of a fork, too
        return backlog

    def _ended(self, report: Report) -> Report:
        """Note that it is closed, with this account."""
        _begun.discard(self)
        self._final = report
        self._retire()
        if self._journal is not None:
            self._journal.close()
        return report

    def _forget(self) -> None:
        """Begin anew, in the child of a fork: what was put is the parent's, and so are its threads and files."""
        self._beginning = RLock()
        self._retire()
        if self._journal is not None:
            self._journal.abandon()
            self._journal = None

    def _retire(self) -> None:
        if self._backlog is not None:
            self._backlog.retire()

    def _leave(self) -> Report | None:
        """Deliver what can be delivered while the interpreter ends; gives the account."""
        raise NotImplementedError

    def _end(self) -> None:
        """Deliver what can be delivered while the interpreter ends, and say what cannot."""
        report = self._leave()
        if report is not None and report.pending:
            self._say_what_is_left(report)

    def _say_what_is_left(self, report: Report) -> None:
        where = self._settings.path
        if where is not None:
            _log.info("%d messages are left in the outbox, for whoever opens it next", report.pending)
            return
        left = () if self._backlog is None else islice(self._backlog.delivery.left(), _MOST_NAMED)
        named = ", ".join(str(message_id_of(call)) for _, call, _ in left)
        more = " and others" if report.pending > _MOST_NAMED else ""
        kept = "; they are among the dead letters" if self._letters is not None else ""
        text = f"{report.pending} messages were not delivered before the interpreter ended: {named}{more}{kept}"
        warnings.warn(text, UndeliveredWarning, stacklevel=2)


# A fork and the end of the interpreter concern all outboxes of a process, so these must be known.
_all: WeakSet[Box] = WeakSet()
_begun: set[Box] = set()


@cache  # once in a process
def _see_to_the_end() -> None:
    """Have what is left delivered, or named, when this process ends in an orderly way."""
    atexit.register(_at_exit)
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, _at_exit, exitpriority=0)  # its children end without `atexit`


def _at_exit() -> None:
    with ExitStack() as ends:  # what one of them raises keeps no other from it
        for box in list(_begun):
            ends.callback(box._end)  # pyright: ignore[reportPrivateUsage]


def _journals() -> list[Journal]:
    return [box._journal for box in list(_all) if box._journal is not None]  # pyright: ignore


def _before_fork() -> None:
    for journal in _journals():
        journal.before_fork()


def _after_fork() -> None:
    for journal in _journals():
        journal.after_fork()


def _in_child() -> None:
    for box in list(_all):
        box._forget()  # pyright: ignore[reportPrivateUsage]
    _begun.clear()
    _see_to_the_end.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
