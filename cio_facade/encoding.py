"""A message to bytes, once. The bytes that are measured here are the bytes that are sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import orjson

from cio_facade.errors import ValidationError
from cio_facade.messages import Message
from cio_facade.validation import Validator
from cio_facade.values import plain, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cio_facade.config import Limits, NaivePolicy
    from cio_facade.messages import CallModel

__all__ = ["Encoded", "Encoder"]

# Times go through `to_json`, since the encoder would send one without a zone as it is; so do dataclasses, of which it
# would leave out private fields and add what is cached beside them.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


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
        return Encoded._make(self.parts(message))

    def parts(self, message: Message | CallModel) -> tuple[bytes, tuple[str, ...], str, str]:
        """Do what `encode` does, and give a plain tuple: for streams, where a named one would count."""
        call = message.call if type(message) is Message else _wire(message)
        try:
            checked, keys = self._validator.check(call)
            sent = self._completed(checked)
            data = self._measured(sent)
        except ValidationError as error:
            given = call.get("messageId")
            error.message_id = given if isinstance(given, str) else None
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


def _wire(message: CallModel) -> dict[str, Any]:
    """Ask a generated model, or whatever else gives a call, for it."""
    try:
        return {field: value for field, value in message.to_dict().items() if value is not None}
    except Exception as error:
        problem = f"gives no call: {type(error).__name__} in to_dict(); pass messages.track(...) or a generated model"
    raise ValidationError(field="message", problem=problem)
