"""Dead letters on their way back into an outbox: which go, which stay, and why. No files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from cio_facade.encoding import Encoder
from cio_facade.errors import OutboxError, ValidationError
from cio_facade.letters import HIDDEN, Letter, holds, write
from cio_facade.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cio_facade.config import Limits

__all__ = ["Retried", "WayBack"]

_GROUP_BYTES: Final = 1 << 19
_REDACTED: Final = 'its personal data was redacted: write it in, remove the line\'s "redacted", and try again'
_NO_MESSAGE: Final = "its message is not in the file"
_NO_ID: Final = "its message has no messageId; give it one, so that a repeat has the same"


@attrs.frozen(kw_only=True)
class Retried:
    """What became of letters that were to be put back.

    Attributes
    ----------
    put : int
        Messages that are in the outbox again.
    kept : mapping of str to int
        How many stayed in the file, by reason.
    passed : int
        How many stayed since they were not asked for.
    """

    put: int = 0
    kept: Mapping[str, int] = attrs.field(factory=dict[str, int])
    passed: int = 0


class WayBack:
    """Puts letters back, in groups.

    Parameters
    ----------
    put : callable
        Takes calls; keeps all of them or raises `OutboxError`.
    keep : callable
        Takes the lines of those that stay.
    limits : Limits
        What a call is validated by.
    """

    def __init__(
        self, put: Callable[[list[bytes]], object], keep: Callable[[list[bytes]], object], limits: Limits
    ) -> None:
        # The ids are those of the letters, so no more are made.
        self._put, self._keep, self._encoder = put, keep, Encoder(limits, str)
        self._group: list[tuple[bytes, bytes]] = []
        self._staying: list[bytes] = []
        self._size = self._number = self._passed = 0
        self._full: str | None = None
        self._kept: Counter[str] = Counter()

    def add(self, line: bytes, letter: Letter) -> None:
        """Put a letter back, or keep it when that cannot be."""
        try:
            call = self._call(letter)
        except _StaysError as reason:
            self._stay(line, str(reason))
        except ValidationError as error:
            self._stay(write(attrs.evolve(letter, reason=str(error), said=(), status=None)), str(error))
        else:
            self._group.append((line, call))
            self._grown(len(line))

    def pass_over(self, line: bytes) -> None:
        """Keep a letter that is not meant."""
        self._staying.append(line)
        self._passed += 1
        self._grown(len(line))

    def flush(self) -> None:
        """Put what was gathered, and write what stays."""
        group, self._group, self._size = self._group, [], 0
        if group and self._full is None:
            try:
                self._put([call for _, call in group])
            except OutboxError as error:
                self._full = str(error)
            else:
                self._number += len(group)
                group = []
        for line, _ in group:
            self._stay(line, self._full or "")
        staying, self._staying = self._staying, []
        self._keep(staying)

    def result(self) -> Retried:
        """Say what became of them."""
        return Retried(put=self._number, kept=dict(self._kept), passed=self._passed)

    def _stay(self, line: bytes, reason: str) -> None:
        self._staying.append(line)
        self._kept[reason] += 1

    def _grown(self, size: int) -> None:
        self._size += size
        if self._size >= _GROUP_BYTES:
            self.flush()

    def _call(self, letter: Letter) -> bytes:
        if not letter.call:
            raise _StaysError(_NO_MESSAGE)
        call = json.loads(letter.call, parse_float=Decimal, parse_int=_number)
        if letter.redacted or holds(call, HIDDEN):
            raise _StaysError(_REDACTED)
        if letter.message_id is not None:
            call.setdefault("messageId", letter.message_id)
        elif "messageId" not in call:
            raise _StaysError(_NO_ID)
        return self._encoder.encode(Message(call)).data


class _StaysError(Exception):
    """A letter cannot be put back as it is."""


def _number(text: str) -> int | Decimal:
    return int(text) if len(text) < sys.int_info.default_max_str_digits else Decimal(text)
