"""A message to bytes, once. The bytes that are measured here are the bytes that are sent."""

from __future__ import annotations

from functools import partial
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, NamedTuple, cast

import orjson
from cio_pipelines import constants

from cio_facade.errors import ValidationError
from cio_facade.messages import Message
from cio_facade.misfits import misfit
from cio_facade.validation import Validator
from cio_facade.values import plain, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cio_facade.config import Limits, NaivePolicy
    from cio_facade.messages import CallModel
    from cio_facade.validation import Keys

__all__ = ["Chunk", "Encoded", "Encoder", "alone", "parted"]

# Times go through `to_json`, since the encoder would send one without a zone as it is; so do dataclasses, of which it
# would leave out private fields and add what is cached beside them.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
# How calls go on that share an id: each has a number of its own. The first ones are made once.
_NUMBER = b'.%x"}'
_NUMBERS = tuple(_NUMBER % number for number in range(256))


class Encoded(NamedTuple):
    """A call ready to be packed.

    Attributes
    ----------
    data : bytes
        The call as UTF-8 JSON.
    keys : tuple of str
        Calls that share a key keep their order.
    kind : str
        The call's type.
    message_id : str
        The id that every retry repeats.
    """

    data: bytes
    keys: tuple[str, ...]
    kind: str
    message_id: str


class Chunk(NamedTuple):
    """Calls of a stream ready to be packed: those that were accepted, in their order.

    Attributes
    ----------
    data : list of bytes
        The calls as UTF-8 JSON.
    keys : list of str or tuple of str
        Calls that share a key keep their order. Most have only one, without a tuple around it.
    alone : dict of int to str, or None
        Position in `data` to path, of calls of a type that no batch takes.
    refused : list of (int, ValidationError)
        Position in what was given, and why.
    """

    data: list[bytes]
    keys: list[Keys]
    alone: dict[int, str] | None
    refused: list[tuple[int, ValidationError]]


def alone(one: Encoded) -> Chunk:
    """Make a chunk of one message."""
    path = None if one.kind in constants.BATCHABLE else {0: constants.PATHS[one.kind]}
    return Chunk([one.data], [one.keys[0] if len(one.keys) == 1 else one.keys], path, [])


def parted(chunk: Chunk, at: int) -> tuple[Chunk, Chunk]:
    """Part a chunk in two, before a place in it."""
    alone = chunk.alone or {}
    first = {place: path for place, path in alone.items() if place < at}
    second = {place - at: path for place, path in alone.items() if place >= at}
    return (
        Chunk(chunk.data[:at], chunk.keys[:at], first or None, []),
        Chunk(chunk.data[at:], chunk.keys[at:], second or None, []),
    )


class Encoder:
    """Validates messages and encodes them.

    Parameters
    ----------
    limits : Limits
        Lengths, and the bytes of one call.
    new_id : callable
        Gives a message id, ASCII without quotes, for messages that have none.
    now : callable, optional
        Gives the present as ISO 8601 text, to stamp messages without a ``timestamp``. None: they go without, and the
        server takes the time of arrival.
    naive : {"refuse", "utc", "local"}
        What a datetime without a time zone means.
    """

    def __init__(
        self,
        limits: Limits,
        new_id: Callable[[], str],
        now: Callable[[], str] | None = None,
        naive: NaivePolicy = "refuse",
    ) -> None:
        self._validator = Validator(limits, naive)
        self._most = limits.call_bytes
        self._new_id = new_id
        self._now = now
        self._naive: NaivePolicy = naive
        self._default = partial(to_json, naive=naive)

    def encode(self, message: Message | CallModel) -> Encoded:
        """Validate a message, give it an id (and a time) if it has none, and encode it.

        Raises
        ------
        ValidationError
            The message is not fit to be sent.
        """
        return Encoded._make(self._parts(message.call if type(message) is Message else _wire(message)))

    def many(self, messages: Sequence[Message | CallModel]) -> Chunk:
        """Do what `encode` does for each, but together for those that look alike: that takes a third of the time.

        They share a time, and an id to which each adds a number. What is not fit is told, not raised.
        """
        calls, unread = _calls(messages)
        alike, refused = self._validator.check_many(calls)
        data: list[bytes | ValidationError] = [b""] * len(calls)
        keys: list[Keys] = [()] * len(calls)
        for places, some, theirs in alike:
            encoded: Sequence[bytes | ValidationError] = self._together(some) or [*map(self._told, some)]
            if len(places) == len(calls):
                data, keys = [*encoded], [*theirs]
                break
            for place, one, about in zip(places, encoded, theirs, strict=True):
                data[place], keys[place] = one, about
        for place, error in refused:
            data[place] = unread.get(place, error)
        return _chunk(calls, data, keys)

    def written(self, calls: Sequence[Mapping[str, Any]], data: Sequence[bytes]) -> Chunk:
        """Make a chunk of whole calls that whoever made them has encoded as well: so they are not encoded twice.

        Used by the loader. What is not fit as it stands, or whose bytes are empty, is encoded here, or told.
        """
        alike, refused = self._validator.check_many(calls)
        found: list[bytes | ValidationError] = list(data)
        keys: list[Keys] = [()] * len(calls)
        for places, some, theirs in alike:
            for place, call, about in zip(places, some, theirs, strict=True):
                keys[place] = about
                if call is not calls[place] or not 0 < len(data[place]) <= self._most:
                    found[place] = self._told(call)
        for place, error in refused:
            found[place] = error
        return _chunk(calls, found, keys)

    def again(self, data: Sequence[bytes]) -> Chunk:
        """Make a chunk of calls that were encoded before, by another process perhaps: their bytes stay as they are.

        Used by the outbox, for what it finds in its file.
        """
        calls: list[dict[str, Any]] = [orjson.loads(call) for call in data]
        keys: list[Keys] = []
        for call in calls:
            try:
                about = self._validator.check(call)[1]
            except ValidationError:  # by rules that were not in force then: the server decides
                about = ()
            keys.append(about[0] if len(about) == 1 else about)
        return _chunk(calls, list(data), keys)

    def _together(self, calls: Sequence[Mapping[str, Any]]) -> list[bytes] | None:
        """Complete and encode calls that have the same fields. None: one of them needs more, or cannot be sent."""
        try:
            # To cut off the brace also lets go of the kilobyte that the encoder takes for each.
            data = [orjson.dumps(c, self._default, _OPTIONS)[:-1] + end for c, end in zip(calls, self._ends(calls[0]))]  # noqa: B905
        except TypeError:
            return None
        return data if max(map(len, data)) <= self._most else None

    def _told(self, call: Mapping[str, Any]) -> bytes | ValidationError:
        """Complete and encode a call, or give why not."""
        try:
            return self._measured(self._completed(call))
        except ValidationError as error:
            return error.with_traceback(None)  # which would hold the call

    def _ends(self, call: Mapping[str, Any]) -> Iterable[bytes]:
        """Give what stands in the place of the last brace: what messages like this one leave to us."""
        time = f',"timestamp":"{self._now()}"' if self._now is not None and "timestamp" not in call else ""
        if "messageId" in call:
            return repeat(f"{time}}}".encode())
        numbers = chain(_NUMBERS, map(_NUMBER.__mod__, count(len(_NUMBERS))))
        return map(f'{time},"messageId":"{self._new_id()}'.encode().__add__, numbers)

    def _parts(self, call: Mapping[str, Any]) -> tuple[bytes, tuple[str, ...], str, str]:
        try:
            checked, keys = self._validator.check(call)
            sent = self._completed(checked)
            data = self._measured(sent)
        except ValidationError as error:
            error.message_id = _given_id(call)
            raise
        return data, keys, sent["type"], sent["messageId"]

    def _completed(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add what the message leaves to us: a time, if it may be held back, and an id."""
        stamped = self._now is None or "timestamp" in call
        if stamped and "messageId" in call:
            return call
        sent = {**call}
        if not stamped and self._now is not None:
            sent["timestamp"] = self._now()
        if "messageId" not in call:
            sent["messageId"] = self._new_id()
        return sent

    def _measured(self, call: Mapping[str, Any]) -> bytes:
        try:
            data = orjson.dumps(call, self._default, _OPTIONS)
        except TypeError:
            data = None  # and the error forgotten: a traceback would show what a value's own code said
        if data is None:
            # Rare: what needs more than a step (a huge number, a key that is no text), or cannot be sent at all.
            data = orjson.dumps(plain(call, self._naive), option=_OPTIONS)
        if len(data) > self._most:
            problem = f"is {len(data)} bytes; a call has at most {self._most} (limits.call_bytes)"
            raise ValidationError(field="message", problem=problem)
        return data


def _chunk(calls: Sequence[Mapping[str, Any]], data: list[bytes | ValidationError], keys: list[Keys]) -> Chunk:
    """Part what was accepted from what was refused."""
    if {bytes}.issuperset(map(type, data)) and constants.PATHS.keys() <= constants.BATCHABLE:
        return Chunk(cast("list[bytes]", data), keys, None, [])
    chunk, alone = Chunk([], [], None, []), dict[int, str]()
    for place, (call, one, about) in enumerate(zip(calls, data, keys, strict=True)):
        if isinstance(one, ValidationError):
            one.message_id = _given_id(call)
            chunk.refused.append((place, one))
            continue
        if (kind := call["type"]) not in constants.BATCHABLE:
            alone[len(chunk.data)] = constants.PATHS[kind]
        chunk.data.append(one)
        chunk.keys.append(about)
    return chunk._replace(alone=alone or None)


def _given_id(call: Mapping[str, Any]) -> str | None:
    given = call.get("messageId")
    return given if isinstance(given, str) else None


def _calls(messages: Sequence[Message | CallModel]) -> tuple[list[Mapping[str, Any]], dict[int, ValidationError]]:
    """Give the calls of messages, and why for what gives none: an empty one stands in its place."""
    if {Message}.issuperset(map(type, messages)):
        return [message.call for message in cast("Sequence[Message]", messages)], {}
    calls: list[Mapping[str, Any]] = []
    unread: dict[int, ValidationError] = {}
    for place, message in enumerate(messages):
        try:
            calls.append(message.call if type(message) is Message else _wire(message))
        except ValidationError as error:
            calls.append({})
            unread[place] = error.with_traceback(None)
    return calls, unread


def _wire(message: CallModel) -> dict[str, Any]:
    """Ask a generated model, or whatever else gives a call, for it."""
    try:
        return {field: value for field, value in message.to_dict().items() if value is not None}
    except Exception as error:
        problem = f"gives no call: {type(error).__name__} in to_dict(); pass messages.track(...) or a generated model"
    raise misfit(message) or ValidationError(field="message", problem=problem)
