"""One rule of the faults on demand: what goes wrong, with which share of requests, and when. Read from a text."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, Self

__all__ = ["CLOSE_MIDWAY", "DROP_RESPONSE", "RESET", "SLOW", "Period", "Rule"]

RESET: Final = "reset"
SLOW: Final = "slow"
DROP_RESPONSE: Final = "drop-response"
CLOSE_MIDWAY: Final = "close-midway"

_KINDS: Final = (RESET, SLOW, DROP_RESPONSE, CLOSE_MIDWAY)
_STATUS: Final = re.compile(r"[45][0-9]{2}")
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")
_TIME: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)(ms|s)")
_UNITS: Final = {"ms": 0.001, "s": 1}
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")
_WAIT: Final = "retry-after="
_FORMS: Final = (
    "write KIND[:TIME][:SHARE][@FROM-TO], such as 429:5%, 503:1%:retry-after=2s, slow:200ms:10%, reset:1%, "
    "drop-response, close-midway:2%, 500@1-3 or reset:50%@5s-10s"
)


@dataclass(frozen=True, slots=True)
class Period:
    """When a rule holds: from one request, or second, to another.

    Attributes
    ----------
    timed : bool
        Whether the ends are seconds; they are numbers of requests otherwise, of which the first is 1.
    start, end : float
        The ends. The request of the number `end` is within, the second `end` is not.
    """

    timed: bool = False
    start: float = 0
    end: float = math.inf

    def holds(self, number: int, seconds: float) -> bool:
        """Tell whether the request of this number, at this second, is within."""
        if self.timed:
            return self.start <= seconds < self.end
        return self.start <= number <= self.end


_ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True)
class Rule:
    """What goes wrong, how often and when.

    Attributes
    ----------
    text : str
        The rule as it was written.
    kind : str
        ``reset``, ``slow``, ``drop-response``, ``close-midway``, or the status that is answered, such as ``429``.
    name : str
        What a request that it strikes is marked with: the kind, and how slow.
    share : float
        Share of the requests in the period, from 0 to 1.
    delay : float
        Seconds that the answer is held back, where the kind is ``slow``.
    retry_after : int or None
        Seconds that an answer with a status asks to wait.
    period : Period
        When it holds.
    """

    text: str
    kind: str
    name: str
    share: float = 1
    delay: float = 0
    retry_after: int | None = None
    period: Period = field(default=_ALWAYS)

    @property
    def status(self) -> int:
        """What is answered; 0 where it is something else that goes wrong."""
        return int(self.kind) if self.kind.isdecimal() else 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a rule.

        Raises
        ------
        ValueError
            It is none. The error names it, and shows the forms.
        """
        what, at, when = text.partition("@")
        kind, *details = (part.strip().lower() for part in what.split(":"))
        try:
            told = _details(kind, details)
            period = _period(when.strip().lower()) if at else _ALWAYS
        except ValueError as error:
            raise ValueError(f"the fault {text!r} {error}; {_FORMS}") from None
        told.setdefault("name", kind)
        return cls(text.strip(), kind, **told, period=period)


def _details(kind: str, details: list[str]) -> dict[str, Any]:
    if kind not in _KINDS and not _STATUS.fullmatch(kind):
        raise ValueError(f"begins neither with a status from 400 to 599 nor with {', '.join(_KINDS)}")
    told: dict[str, Any] = {}
    for detail in details:
        name, meant = _detail(kind, detail)
        if name in told:
            raise ValueError(f"says twice what {detail!r} says")
        told[name] = meant
        if name == "delay":
            told["name"] = f"{kind}:{detail}"
    if kind == SLOW and "delay" not in told:
        raise ValueError("does not say how slow")
    return told


def _detail(kind: str, detail: str) -> tuple[str, float]:
    if found := _SHARE.fullmatch(detail):
        share = float(found[1]) / 100
        if share > 1:
            raise ValueError("is over 100%")
        return "share", share
    if kind == SLOW and _TIME.fullmatch(detail):
        return "delay", _seconds(detail)
    if _STATUS.fullmatch(kind) and detail.startswith(_WAIT) and _TIME.fullmatch(wait := detail.removeprefix(_WAIT)):
        return "retry_after", math.ceil(_seconds(wait))  # the header knows whole seconds
    raise ValueError(f"has {detail!r}, which does not belong to {kind}")


def _period(text: str) -> Period:
    start, dash, end = (part.strip() for part in text.partition("-"))
    if not dash and _NUMBER.fullmatch(text):
        return Period(start=int(text), end=int(text))
    if dash and (start or end):
        ends = [end for end in (start, end) if end]
        if all(map(_NUMBER.fullmatch, ends)):
            return _between(start, end, timed=False)
        if all(map(_TIME.fullmatch, ends)):
            return _between(start, end, timed=True)
    raise ValueError(f"holds at {text!r}, which is neither requests (1-3, 5-, -9) nor seconds (5s-10s, 5s-, -9s)")


def _between(start: str, end: str, *, timed: bool) -> Period:
    read = _seconds if timed else float
    period = Period(timed, read(start) if start else 0, read(end) if end else math.inf)
    if period.start > period.end:
        raise ValueError("ends before it begins")
    return period


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"has {text!r}, which is no time such as 200ms or 1.5s")
    return float(found[1]) * _UNITS[found[2]]
