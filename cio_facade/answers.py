"""What a server said to a request, and which error it amounts to."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cio_facade.errors import (
    AuthenticationError,
    CustomerIOError,
    NetworkError,
    RateLimitError,
    RefusedError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Answer", "error_for", "reasons_in", "scrubbed"]

_NO_ANSWER = 0
_TRANSIENT = frozenset({_NO_ANSWER, 408, 425, 429})
_MOST_REASONS, _MOST_TEXT = 10, 300
_HIDDEN = "[...]"
_ECHO = re.compile(r"\{.*(\}|$)", re.DOTALL)  # a server that repeats the call as a whole
_TELLING = 6  # characters that no other word holds by chance


class Answer(NamedTuple):
    """The outcome of one request.

    Attributes
    ----------
    status : int
        HTTP status; 0 when no answer came.
    reasons : tuple of str
        The server's words, or what went wrong on the way.
    retry_after : float or None
        Seconds that the server asks to wait.
    request_id : str or None
        The ``X-Request-Id`` that was sent.
    plain_please : bool
        Whether the server may have refused no more than the compression: the same calls go again, as they are.
    """

    status: int
    reasons: tuple[str, ...] = ()
    retry_after: float | None = None
    request_id: str | None = None
    plain_please: bool = False

    @property
    def transient(self) -> bool:
        """Whether the same request may yet succeed: no answer, too early, too many, or the server failed."""
        return self.status in _TRANSIENT or self.status >= 500


def reasons_in(body: bytes) -> tuple[str, ...]:
    """Find the reasons in an error body, in any of the forms that the API uses; empty when there are none.

    Examples
    --------
    >>> reasons_in(b'{"meta": {"errors": ["event is required"]}}')
    ('event is required',)
    >>> reasons_in(b'{"errors": [{"reason": "required", "field": "userId", "message": "is missing"}]}')
    ('userId: is missing (required)',)
    """
    try:
        said = orjson.loads(body)
        return tuple(islice(_texts(said), _MOST_REASONS))
    except (ValueError, RecursionError):  # no JSON, or a thousand levels of it
        return ()


def _texts(said: Any) -> Iterator[str]:
    match said:
        case str() if said.strip():
            yield said.strip()
        case list():
            for item in said:  # pyright: ignore[reportUnknownVariableType]
                yield from _texts(item)
        case {"message": str(message)} | {"reason": str(message)} if message.strip():
            field, reason = said.get("field"), said.get("reason")
            yield f"{f'{field}: ' if field else ''}{message}{f' ({reason})' if reason and reason != message else ''}"
        case dict():
            for name in ("reason", "meta", "errors", "error"):
                yield from _texts(said.get(name))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        case _:
            return


def scrubbed(reasons: tuple[str, ...], call: bytes) -> tuple[str, ...]:
    """Take out of the reasons what they repeat of the call, and what is too long of them.

    Its values are personal data, its field names are not. Shortened last: half a value would not be recognised.

    Examples
    --------
    >>> scrubbed(("traits.email: ann@example is no address",), b'{"traits": {"email": "ann@example"}}')
    ('traits.email: [...] is no address',)
    """
    try:
        said = orjson.loads(call)
    except ValueError:
        return ()
    if not reasons:
        return ()
    reasons = tuple(_ECHO.sub(_HIDDEN, reason) for reason in reasons)
    words = "\n".join(reasons).lower()
    forms = {form for value in _values(said) for form in _forms(value) if form.lower() in words}
    if forms:
        longest_first = sorted(forms, key=len, reverse=True)
        pattern = re.compile("|".join(_as_pattern(form) for form in longest_first), re.IGNORECASE)
        reasons = tuple(pattern.sub(_HIDDEN, reason) for reason in reasons)
    return tuple(reason[:_MOST_TEXT] for reason in reasons)


def _values(said: Any) -> Iterator[str]:
    """Give what a call says, or several: all but type and id, and single characters, which stand in any word."""
    for call in said if isinstance(said, list) else [said]:  # pyright: ignore[reportUnknownVariableType]
        for field, value in call.items() if isinstance(call, dict) else [("", call)]:  # pyright: ignore
            if field not in {"type", "messageId"}:
                yield from (text for text in _leaves(value) if len(text) > 1)


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for item in value.values():  # pyright: ignore[reportUnknownVariableType]
                yield from _leaves(item)
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _leaves(item)
        case bool() | None:
            return
        case _:
            yield str(value)


def _forms(value: str) -> tuple[str, ...]:
    """Give a value as it is, and as it stands within JSON, in UTF-8 and in ASCII."""
    return (value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1])


def _as_pattern(form: str) -> str:
    """Match a value: what could be a part of another word, only where it is a word."""
    if len(form) >= _TELLING and not form.isalpha():
        return re.escape(form)
    left, right = (r"(?<!\w)" if form[0].isalnum() else ""), (r"(?!\w)" if form[-1].isalnum() else "")
    return f"{left}{re.escape(form)}{right}"


def error_for(answer: Answer, *, message_id: str | None = None, attempts: int = 0) -> CustomerIOError:
    """Make the error that an answer other than success amounts to."""
    kind, what = _kind(answer.status)
    text = what if answer.status == 0 else f"{what} ({answer.status})"
    if answer.reasons:
        text = f"{text}: {'; '.join(answer.reasons)}"
    more = [f"after {attempts} attempts"] if attempts > 1 else []
    more += [f"request {answer.request_id}"] if answer.request_id else []
    error = kind(
        f"{text} [{', '.join(more)}]" if more else text,
        status=answer.status or None,
        message_id=message_id,
        request_id=answer.request_id,
        reasons=answer.reasons,
        attempts=attempts,
    )
    if isinstance(error, RateLimitError):
        error.retry_after = answer.retry_after
    return error


def _kind(status: int) -> tuple[type[CustomerIOError], str]:
    match status:
        case 0:
            return NetworkError, "no answer"
        case 401 | 403:
            return AuthenticationError, "the API key was not accepted"
        case 429:
            return RateLimitError, "too many requests"
        case _ if status >= 500:
            return ServerError, "the server failed"
        case _ if 300 <= status < 400:
            return RefusedError, "the server redirects to where the call must not follow"
        case _:
            return RefusedError, "the server refused the call"
