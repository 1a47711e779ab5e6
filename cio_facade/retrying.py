"""What follows an answer: done, again in a while, split, reject, or give up. Pure: time and chance are handed in."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import attrs

from cio_facade.errors import ValidationError

if TYPE_CHECKING:
    from cio_facade.answers import Answer

__all__ = ["Retry", "Verdict"]

# The content is at fault: in a batch one call may be, so the others get another chance. Any other refusal, such as 401
# or 404, is about key or server, and no smaller body will change it.
_CONTENT = frozenset({400, 413, 415, 422})
_MOST_DOUBLINGS = 30


class Verdict(Enum):
    """What to do with the calls of a request."""

    DONE = auto()
    AGAIN = auto()
    SPLIT = auto()
    REJECT = auto()
    GIVE_UP = auto()


@attrs.frozen(kw_only=True)
class Retry:
    """How patiently to repeat what may yet succeed: 408, 425, 429, 5xx and lost connections.

    The pause before attempt ``n`` is drawn evenly from 0 to ``base * 2**n``, at most `cap` (full jitter), or is what
    the server asks for in ``Retry-After``.

    Attributes
    ----------
    budget : float
        Seconds from the first attempt after which none begins. 0 never repeats.
    base : float
        Seconds.
    cap : float
        Seconds.

    Examples
    --------
    >>> Retry(budget=120).cap
    5.0
    """

    budget: float = 30.0
    base: float = 0.2
    cap: float = 5.0

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Retry):
            if not getattr(self, field.name) >= 0:
                raise ValidationError(field=f"retry.{field.name}", problem="must be seconds, zero or more")

    def judge(
        self, answer: Answer, *, attempts: int, elapsed: float, calls: int, jitter: float
    ) -> tuple[Verdict, float]:
        """Decide what follows an answer.

        Parameters
        ----------
        answer : Answer
            What came of the request.
        attempts : int
            Requests made so far with these calls, this one included.
        elapsed : float
            Seconds since the first of them.
        calls : int
            Calls in the request.
        jitter : float
            A random number from 0 to 1.

        Returns
        -------
        (Verdict, float)
            With the seconds to wait, for AGAIN.
        """
        status = answer.status
        if 200 <= status < 300:
            return Verdict.DONE, 0.0
        if answer.plain_please:  # whatever the budget: it comes once, and is no trouble of the server's
            return Verdict.AGAIN, 0.0
        if answer.transient:
            pause = answer.retry_after
            if not pause:  # 0 is no wish: repeating at once would hammer a server in trouble
                pause = jitter * min(self.cap, self.base * 2.0 ** min(attempts, _MOST_DOUBLINGS))
            return (Verdict.AGAIN, pause) if elapsed + pause < self.budget else (Verdict.GIVE_UP, 0.0)
        if status in _CONTENT:
            return (Verdict.SPLIT if calls > 1 else Verdict.REJECT), 0.0
        return Verdict.GIVE_UP, 0.0
