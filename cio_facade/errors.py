"""Every error of the library, in one tree that a caller can act on.

::

    CustomerIOError
    |-- ValidationError       the message is not fit to be sent; nothing was sent
    |-- AuthenticationError   401 and 403: the key is wrong, or belongs elsewhere
    |-- RateLimitError        429, for longer than the retry budget
    |-- NetworkError          no answer: the call may or may not have arrived
    |-- RefusedError          the server refuses this call; repeating it will not help
    |-- ServerError           5xx, for longer than the retry budget
    `-- OutboxError           the outbox could not take the message: nothing of it was kept
        `-- OutboxFullError   it holds as much as it may

No text holds a payload, personal data or a key, so every one of them may be logged. All are picklable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cio_facade.outcomes import Report

__all__ = [
    "AuthenticationError",
    "CustomerIOError",
    "NetworkError",
    "OutboxError",
    "OutboxFullError",
    "RateLimitError",
    "RefusedError",
    "ServerError",
    "ValidationError",
]


class CustomerIOError(Exception):
    """The root of all errors that this library raises.

    Attributes
    ----------
    status : int or None
        HTTP status of the last answer; None where there was none.
    message_id : str or None
        The ``messageId`` of the call, the same in every retry.
    request_id : str or None
        The ``X-Request-Id`` of the last request, as in the logs.
    reasons : tuple of str
        The server's own words, without what they repeat of the call.
    attempts : int
        Requests made for the call.
    report : Report or None
        From ``send_many``: the account of all messages when it had to stop.
    """

    def __init__(
        self,
        text: str = "",
        *,
        status: int | None = None,
        message_id: str | None = None,
        request_id: str | None = None,
        reasons: tuple[str, ...] = (),
        attempts: int = 0,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.message_id = message_id
        self.request_id = request_id
        self.reasons = reasons
        self.attempts = attempts
        self.report: Report | None = None


class ValidationError(CustomerIOError):
    """The message is not fit to be sent. Nothing of it was sent.

    Attributes
    ----------
    field : str
        Where in the call, as a path in the names of the wire: ``traits.email``, ``properties.items[2].price``. Of a
        typed event that cannot be written, its class and where in it: ``OrderCompleted.products[0]``.
    problem : str
        What is wrong with it and what would be right; never the value.
    """

    def __init__(self, text: str = "", *, field: str = "", problem: str = "", message_id: str | None = None) -> None:
        super().__init__(text or f"{field}: {problem}", message_id=message_id)
        self.field = field
        self.problem = problem


class AuthenticationError(CustomerIOError):
    """The server does not accept the API key (401, 403)."""


class RateLimitError(CustomerIOError):
    """The server answered 429 until the retry budget was spent.

    Attributes
    ----------
    retry_after : float or None
        Seconds that the server asked to wait, when it did.
    """

    retry_after: float | None = None


class NetworkError(CustomerIOError):
    """No answer came: the connection failed, broke or timed out until the retry budget was spent."""


class RefusedError(CustomerIOError):
    """The server refuses the call (400, 413 and the like), or answered with a redirect that must not be followed."""


class ServerError(CustomerIOError):
    """The server failed (5xx) until the retry budget was spent."""


class OutboxError(CustomerIOError):
    """The outbox could not take the messages: it is closed, or its file cannot be written. Nothing of them was kept."""


class OutboxFullError(OutboxError):
    """The outbox holds as many messages, or bytes, as it may. Nothing of what was put was kept."""
