"""Who watches what a client does: the log, and an observer of the user's own."""

from __future__ import annotations

import logging
from contextvars import copy_context
from typing import TYPE_CHECKING, Literal, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from cio_facade.answers import Answer
    from cio_facade.clock import Clock
    from cio_facade.packing import Parcel

__all__ = ["Attempt", "Count", "Gauges", "Observer", "Watch", "in_context"]

Count = Literal["accepted", "delivered", "rejected", "failed", "retries"]

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")

_log = logging.getLogger("cio_facade.transport")


@attrs.frozen(kw_only=True)
class Attempt:
    """One request to the server, and how it was answered. It says nothing of what was in the calls.

    Attributes
    ----------
    url : str
        Where it was posted, as the client was told: redirects are not seen here.
    path : str
        The endpoint.
    calls : int
        Calls in it, 1 or more.
    bytes : int
        Size of its body as it was sent, compressed where it was.
    attempt : int
        Which attempt to deliver these calls it was, 1 or more.
    status : int
        HTTP status; 0 when no answer came.
    error : str or None
        The class of what went wrong on the way when no answer came, such as ``ReadTimeout``.
    request_id : str or None
        The ``X-Request-Id`` that was sent.
    began : float
        Seconds since 1970.
    seconds : float
        Until the answer had been read.
    """

    url: str
    path: str
    calls: int
    bytes: int
    attempt: int
    status: int
    error: str | None
    request_id: str | None
    began: float
    seconds: float


@attrs.frozen(kw_only=True)
class Gauges:
    """How things stand at the moment. None: not to be told by who was asked.

    Attributes
    ----------
    pending : int or None
        Messages that are not settled.
    bytes : int or None
        Their size.
    age : float or None
        Seconds that the oldest of them has waited.
    pace : float or None
        Requests a second that the pace allows at present.
    """

    pending: int | None = None
    bytes: int | None = None
    age: float | None = None
    pace: float | None = None


class Observer:
    """Is told what a client does; does nothing with it. Override what you want to know.

    The methods are called in the thread or task that does the work, which waits for them, and by several at once. What
    they raise is logged, once, and goes no further.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> from cio_facade.testing import RecordingTransport
    >>> class Statuses(Observer):
    ...     def on_request(self, request):
    ...         print(request.path, request.status)
    >>> with CustomerIO("key", transport=RecordingTransport(), observer=Statuses()) as cio:
    ...     receipt = cio.identify("u1")
    /identify 200
    """

    def on_request(self, request: Attempt) -> None:
        """Learn of a request, after its answer."""

    def on_count(self, what: Count, number: int) -> None:
        """Learn of messages that were accepted, delivered, rejected or failed, or of requests that were repeated."""

    def on_gauges(self, read: Callable[[], Gauges]) -> None:
        """Learn of a client or outbox that can be asked how things stand, once. It may be asked from any thread.

        A bound method: who keeps it, keeps the client too; see `weakref.WeakMethod`.
        """


class Watch:
    """Tells the log and the observer.

    Parameters
    ----------
    observer : Observer or None
        The user's.
    clock : Clock
        Time.
    """

    def __init__(self, observer: Observer | None, clock: Clock) -> None:
        self._observer, self.clock = observer, clock
        self.count: Callable[[str, int], object] | None = None if observer is None else self._count
        """Tells what is counted; None where nobody listens."""

    def attempted(self, parcel: Parcel, request: httpx.Request, answer: Answer, begun: float) -> None:
        """Tell of an attempt to deliver a parcel, begun at this moment of the clock."""
        seconds = self.clock.monotonic() - begun
        _log_answer(parcel, request, answer, seconds)
        if self._observer is None:
            return
        attempt = Attempt(
            url=str(request.url.copy_with(query=None, fragment=None)),
            path=parcel.path,
            calls=len(parcel),
            bytes=len(request.content),
            attempt=parcel.attempts,
            status=answer.status,
            error=None if answer.status else answer.reasons[0].partition(":")[0],
            request_id=request.headers.get("X-Request-Id"),
            began=self.clock.time() - seconds,
            seconds=seconds,
        )
        self._tell("on_request", attempt)

    def gauges(self, read: Callable[[], Gauges]) -> None:
        """Tell of somebody who can be asked how things stand."""
        if self._observer is not None:
            self._tell("on_gauges", read)

    def _count(self, what: str, number: int) -> None:
        self._tell("on_count", what, number)

    def _tell(self, method: str, *given: object) -> None:
        """Tell the observer; what it raises is its own trouble, and not that of the messages."""
        try:
            getattr(self._observer, method)(*given)
        except Exception:
            reported: set[str] = vars(self._observer).setdefault("_cio_facade_reported", set())
            if method not in reported:
                reported.add(method)
                _log.exception("%s of the observer raised; that is not said again", method)


def in_context(action: Callable[[_Given], _Result]) -> Callable[[_Given], _Result]:
    """Make a function run in the context of its maker, in whatever threads: so that spans have their parents."""
    context = copy_context()
    # Each time a copy, since no two threads can be in one.
    return lambda given: context.copy().run(action, given)


def _log_answer(parcel: Parcel, request: httpx.Request, answer: Answer, seconds: float) -> None:
    """Note an answer: what happened, never what was in it."""
    level = logging.DEBUG if 200 <= answer.status < 300 else logging.INFO
    if _log.isEnabledFor(level):
        fields = {
            "cio_path": parcel.path,
            "cio_status": answer.status,
            "cio_calls": len(parcel),
            "cio_bytes": len(request.content),
            "cio_attempt": parcel.attempts,
            "cio_request_id": request.headers.get("X-Request-Id"),
            "cio_seconds": round(seconds, 6),
        }
        _log.log(
            level, "%s answered %s to %d calls", parcel.path, answer.status or "nothing", len(parcel), extra=fields
        )
