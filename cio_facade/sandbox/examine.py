"""From the body of a request to the calls in it and what is wrong with them. Knows no I/O."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import orjson

from cio_facade.sandbox.checks import Checks, Json, said
from cio_facade.sandbox.records import Call, Outcome, Problem, Refusal
from cio_facade.sandbox.rules import Rules
from cio_facade.sandbox.wording import listed

__all__ = ["Examiner"]

# What a batch may say once for all of its calls.
_SHARED = ("context", "integrations")
# Bytes that this may come to in all of its calls: each is checked and kept with it, and a body of half a megabyte could
# stand for gigabytes.
_LARGEST_SHARE = 32_000_000
# Unfit calls of a batch that are kept, with what is wrong with them. There may be 250,000: those beyond are counted.
_MOST_UNFIT = 10_000

_NO_OBJECT = (Problem(400, "type", "must be of type object"),)
_NO_TYPE = (Problem(400, "required", "is required", "type"),)


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
            The body is no JSON object.
        """
        call = _json_object(body)
        if call.get("type") is None:
            call["type"] = type_
        told = said(call)
        problems = self._checks.call(type_, told)
        return Outcome([_call(0, type_, _encode(call), len(body), told, problems)], problems)

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
        if shared and len(_encode(shared)) * len(items) > _LARGEST_SHARE:
            raise Refusal(Problem(413, "size", "what it says for all calls is too much for so many", "batch"))
        outcome = Outcome()
        unfit = 0
        for position, item in enumerate(items):
            call, problems = self._item(item, position, shared)
            unfit += bool(problems)
            # One that is too large has a status of its own, which the answer may have to be; there are few of them.
            if problems and unfit > _MOST_UNFIT and call.bytes <= self._rules.call_bytes:
                outcome.count(call)
                continue
            outcome.calls.append(call)
            outcome.problems += [replace(problem, position=position) for problem in problems]
        return outcome

    def _items(self, envelope: Json) -> list[Any]:
        if problems := self._checks.envelope(said(envelope)):
            raise Refusal(*problems)
        items: list[Any] = envelope.get("batch") or []
        most = self._rules.batch_calls
        if most is not None and len(items) > most:
            raise Refusal(Problem(413, "size", f"must not hold over {most} calls", "batch"))
        return items

    def _item(self, item: Any, position: int, shared: Json) -> tuple[Call, Sequence[Problem]]:
        try:
            encoded = _encode(item)
        except Refusal as refusal:
            return _call(position, None, b"{}", 0, {}, refusal.problems), refusal.problems
        size = len(encoded)
        if not isinstance(item, dict):
            return _call(position, None, encoded, size, {}, _NO_OBJECT), _NO_OBJECT
        own = cast("dict[str, Any]", item)
        if shared and size <= self._rules.call_bytes:
            own = _inherit(own, shared)
            encoded = _encode(own)
        told = said(own)
        type_ = own.get("type")
        problems = self._problems(type_, told, size)
        return _call(position, type_ if isinstance(type_, str) else None, encoded, size, told, problems), problems

    def _problems(self, type_: object, told: Json, size: int) -> Sequence[Problem]:
        if type_ is None:
            return _NO_TYPE
        if not isinstance(type_, str) or type_ not in self._rules.batchable:
            return [Problem(400, "enum", f"must be one of {listed(sorted(self._rules.batchable))}", "type")]
        if size > self._rules.call_bytes:
            return [Problem(413, "size", f"is over the limit of {self._rules.call_bytes} bytes a call")]
        return self._checks.call(type_, told)


def _call(position: int, type_: str | None, body: bytes, size: int, told: Json, problems: Sequence[Problem]) -> Call:
    return Call(position, type_, body.decode(), size, told, str(problems[0]) if problems else None)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(Problem(400, "json", "the body is no JSON")) from None
    if not isinstance(value, dict):
        raise Refusal(Problem(400, "json", "the body is no JSON object"))
    return cast("dict[str, Any]", value)


def _encode(call: Any) -> bytes:
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
