"""A dead letter and its line in a file: written and read, with what is personal taken out on request. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import orjson

from cio_facade.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["HIDDEN", "Letter", "TornError", "holds", "is_whole", "names", "read", "torn", "without", "write"]

HIDDEN: Final = "[redacted]"
"""What stands in the place of a value that was taken out."""

_TORN: Final = "torn"
_NULL: Final = b"null"
_BETWEEN: Final = " \t\r,:"
_LONG: Final = 20


@attrs.frozen(kw_only=True)
class Letter:
    """A message that was not delivered, as it stands in the file.

    Attributes
    ----------
    message_id : str or None
        The call's ``messageId``.
    outcome : {"rejected", "failed", "pending"}
        What became of it.
    reason : str
        Why, as in `outcomes.DeadLetter`.
    said : tuple of str
        The server's words, without what they repeat of the call.
    status : int or None
        HTTP status of the answer that settled it; None when no answer did.
    at : str
        When that was, ISO 8601.
    call : bytes
        The call as it was encoded; empty where it could not be.
    redacted : tuple of str
        Paths of the values that were taken out.
    """

    message_id: str | None
    outcome: str
    reason: str
    said: tuple[str, ...] = ()
    status: int | None = None
    at: str = ""
    call: bytes = attrs.field(default=b"", repr=False)
    redacted: tuple[str, ...] = ()


class TornError(ValueError):
    """A line holds what was left of one that was cut short."""


def write(letter: Letter) -> bytes:
    """Write a line. The message comes last: it is the longest."""
    fields: dict[str, Any] = {
        "messageId": letter.message_id,
        "outcome": letter.outcome,
        "reason": letter.reason,
        "said": letter.said,
        "status": letter.status,
        "at": letter.at,
    }
    if letter.redacted:
        fields["redacted"] = letter.redacted
    return orjson.dumps({**fields, "message": orjson.Fragment(letter.call or _NULL)})


def torn(rest: bytes) -> bytes:
    """Write a line of what is left of one that was cut short."""
    return orjson.dumps({_TORN: rest.strip(b"\0").decode(errors="replace")})


def read(line: bytes) -> Letter:
    """Read a line, which may have been edited. The message stays as it is written there, to the last digit.

    Raises
    ------
    ValueError
        It is no letter; the text goes on from "the line ..." and holds nothing of it.
    """
    fields = _Fields(_parsed(line))
    if "message" not in fields.said and _TORN in fields.said:
        raise TornError
    message = fields.get("message", dict, None)
    own = None if message is None else message.get("messageId")
    return Letter(
        message_id=fields.get("messageId", str, own if isinstance(own, str) else None),
        outcome=fields.get("outcome", str, "rejected"),
        reason=fields.get("reason", str, ""),
        said=tuple(map(str, fields.get("said", list, []))),
        status=fields.get("status", int, None),
        at=fields.get("at", str, ""),
        call=b"" if message is None else _member(line, "message"),
        redacted=tuple(map(str, fields.get("redacted", list, []))),
    )


def is_whole(line: bytes) -> bool:
    """Whether a line is JSON."""
    try:
        _parsed(line)
    except ValueError:
        return False
    return True


def _parsed(line: bytes) -> Any:
    """Read JSON. What comes of long numbers does not matter, and there are some that are too long for Python."""
    try:
        return _decoder.decode(line.decode())
    except json.JSONDecodeError as error:
        problem = f"{error.msg}, column {error.colno}"
    except UnicodeDecodeError:
        problem = "nor UTF-8"
    except RecursionError:
        problem = "nested too deeply"
    raise ValueError(f"is not JSON ({problem})")


def _number(text: str) -> int | str:
    return int(text) if len(text) < _LONG else text


def _no_number(text: str) -> Any:
    raise json.JSONDecodeError(f"{text} is no number", "", 0)


class _Fields:
    """What a line says, by name; what was left out of it is as if it were not known."""

    def __init__(self, said: Any) -> None:
        if not isinstance(said, dict):
            raise ValueError("is no object")  # noqa: TRY004  a line is data
        self.said = cast("dict[str, Any]", said)

    def get(self, name: str, kind: type, otherwise: Any) -> Any:
        value = self.said.get(name)
        if value is None:
            return otherwise
        if not isinstance(value, kind):
            raise ValueError(f'has a "{name}" that is {type(value).__name__}, not {kind.__name__}')  # noqa: TRY004
        return value


def _member(line: bytes, name: str) -> bytes:
    """Give the text of an object's member as it is written; of several, the last."""
    text, found = line.decode(), ""
    at = _past(text, 1)
    while text[at] != "}":
        key, end = _decoder.raw_decode(text, at)
        start = _past(text, end)
        _, end = _decoder.raw_decode(text, start)
        if key == name:
            found = text[start:end]
        at = _past(text, end)
    return found.encode()


def _past(text: str, at: int) -> int:
    """Pass over what stands between the names and values of an object."""
    while text[at] in _BETWEEN:
        at += 1
    return at


def without(call: bytes, hidden: frozenset[str]) -> tuple[bytes, list[str]]:
    """Take values out of a call; gives the paths at which there were some. Numbers keep their digits."""
    message = json.loads(call, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    found = list(_taken_out(message, hidden, "", ""))
    return (orjson.dumps(message), found) if found else (call, found)


def _taken_out(value: Any, hidden: frozenset[str], path: str, place: str) -> Iterator[str]:
    """Take out what has one of the names; `place` is the path without the numbers of items."""
    match value:
        case dict():
            for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
                if name in hidden or place + name in hidden:
                    value[name] = HIDDEN
                    yield path + name
                else:
                    yield from _taken_out(inner, hidden, f"{path}{name}.", f"{place}{name}.")
        case list():
            for number, inner in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                yield from _taken_out(inner, hidden, f"{path[:-1]}[{number}].", place)
        case _:
            return


def holds(value: Any, text: str) -> bool:
    """Whether one of the values within is this text."""
    match value:
        case dict():
            return any(holds(inner, text) for inner in value.values())  # pyright: ignore[reportUnknownVariableType]
        case list():
            return any(holds(inner, text) for inner in value)  # pyright: ignore[reportUnknownVariableType]
        case _:
            return bool(value == text)


def names(redact: Iterable[str]) -> frozenset[str]:
    """Check what is to be taken out."""
    given = [redact] if isinstance(redact, str) else list(redact)
    if isinstance(redact, str) or not all(isinstance(name, str) and name for name in given):  # pyright: ignore
        raise ValidationError(field="redact", problem='must be a list of names, such as ["email", "traits.phone"]')
    if "messageId" in given:
        raise ValidationError(field="redact", problem="cannot have messageId: a letter is known by it")
    return frozenset(given)


_decoder: Final = json.JSONDecoder(parse_float=str, parse_int=_number, parse_constant=_no_number)
