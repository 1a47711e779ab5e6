"""From the body of a request to the calls in it that are fit to keep, and the problems of the others. Knows no I/O."""

from dataclasses import replace
from typing import Any, cast

import orjson

from cio_facade.sandbox.checks import Checks, Json
from cio_facade.sandbox.faults import listed
from cio_facade.sandbox.records import COLUMNS, Call, Outcome, Problem, Refusal
from cio_facade.sandbox.rules import Rules

__all__ = ["Examiner"]

# What a batch may say once for all of its calls.
_SHARED = ("context", "integrations")


class Examiner:
    """Examine request bodies against a specification.

    Parameters
    ----------
    rules : Rules
        Limits and call types.
    checks : Checks
        The compiled schemas.
    """

    def __init__(self, rules: Rules, checks: Checks) -> None:
        self._rules = rules
        self._checks = checks

    def single(self, type_: str, body: bytes) -> Outcome:
        """Examine a call that came to the endpoint of its type.

        Raises
        ------
        Refusal
            The body is no JSON object, or no faultless call.
        """
        call = _json_object(body)
        if call.get("type") is None:
            call["type"] = type_
        return Outcome([self._judge(type_, call, _encode(call), size=len(body))])

    def batch(self, body: bytes) -> Outcome:
        """Examine a batch, call by call: each has its own verdict.

        Raises
        ------
        Refusal
            The body is no JSON object, or none that holds a batch.
        """
        envelope = _json_object(body)
        items = self._items(envelope)
        shared = {name: envelope[name] for name in _SHARED if envelope.get(name)}
        outcome = Outcome()
        for position, item in enumerate(items):
            try:
                outcome.calls.append(self._item(item, position, shared))
            except Refusal as refusal:
                outcome.problems += [replace(problem, position=position) for problem in refusal.problems]
        return outcome

    def _items(self, envelope: Json) -> list[Any]:
        if problems := self._checks.envelope(envelope):
            raise Refusal(*problems)
        items: list[Any] = envelope.get("batch") or []
        most = self._rules.batch_calls
        if most is not None and len(items) > most:
            raise Refusal(Problem(413, "size", f"must not hold over {most} calls", "batch"))
        return items

    def _item(self, item: Any, position: int, shared: Json) -> Call:
        if not isinstance(item, dict):
            raise Refusal(Problem(400, "type", "must be of type object"))
        own = cast("dict[str, Any]", item)
        type_ = self._type(own)
        encoded = _encode(own)
        size = len(encoded)
        if size > self._rules.call_bytes:
            raise Refusal(Problem(413, "size", f"is over the limit of {self._rules.call_bytes} bytes a call"))
        if shared:
            own = _inherit(own, shared)
            encoded = _encode(own)
        return self._judge(type_, own, encoded, size, position)

    def _type(self, item: Json) -> str:
        type_ = item.get("type")
        if type_ is None:
            raise Refusal(Problem(400, "required", "is required", "type"))
        if not isinstance(type_, str) or type_ not in self._rules.batchable:
            raise Refusal(Problem(400, "enum", f"must be one of {listed(sorted(self._rules.batchable))}", "type"))
        return type_

    def _judge(self, type_: str, call: Json, encoded: bytes, size: int, position: int = 0) -> Call:
        if problems := self._checks.call(type_, call):
            raise Refusal(*problems)
        return Call(position, type_, encoded.decode(), size, tuple(map(_text, map(call.get, COLUMNS.values()))))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(Problem(400, "json", "the body is no JSON")) from None
    if not isinstance(value, dict):
        raise Refusal(Problem(400, "json", "the body is no JSON object"))
    return cast("dict[str, Any]", value)


def _encode(call: Json) -> bytes:
    try:
        return orjson.dumps(call)
    except orjson.JSONEncodeError:  # of what was decoded a moment ago, only the depth can be refused
        raise Refusal(Problem(400, "depth", "is nested too deeply")) from None


def _inherit(call: Json, shared: Json) -> dict[str, Any]:
    """Give a call what its batch says of all calls; where both name a key, the call's own holds."""
    merged = dict(call)
    for name, common in shared.items():
        own = call.get(name, {})
        if isinstance(own, dict):
            merged[name] = {**common, **own}
    return merged


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
