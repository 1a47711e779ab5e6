"""What a test expects to have arrived, how far a call is from it, and how that is said. Pure: no store, no server."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Any, Final

from cio_facade.sandbox.effects import counted

__all__ = ["Arrived", "Expected", "as_told", "grouped", "last", "unmet"]

_MOST_LISTED: Final = 5
# Characters of a value, and of an account, before they are cut.
_LONGEST_VALUE: Final = 60
_LONGEST_REASON: Final = 200
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A call that came.

    Attributes
    ----------
    type : str or None
        Its call type; None for a request of which no call could be read.
    said : mapping
        The call.
    verdict : str
        ``accepted``, ``refused``, ``lost`` or ``dropped``.
    reason : str or None
        Why it was not accepted.
    effect : str or None
        What it changed.
    """

    type: str | None
    said: Mapping[str, Any]
    verdict: str = "accepted"
    reason: str | None = None
    effect: str | None = None

    @property
    def who(self) -> str | None:
        """The user id, or else the anonymous id."""
        said = self.said.get("userId") or self.said.get("anonymousId")
        return said if isinstance(said, str) else None

    @property
    def name(self) -> str | None:
        """The event of a track call, the name of a page or screen."""
        said = self.said.get("event") or self.said.get("name")
        return said if isinstance(said, str) else None

    def __str__(self) -> str:
        return _words(self.type or "an unreadable request", self.name, self.who)


@dataclass(frozen=True, slots=True)
class Expected:
    """A call that a test expects.

    Attributes
    ----------
    type : str
        Its call type.
    who : str or None
        User id, or anonymous id of a call without one; None for anybody.
    members : mapping
        What the call must hold at least. A mapping in it is met by one that holds as much, anything else by what is
        equal.
    """

    type: str
    who: str | None
    members: Mapping[str, Any]

    @property
    def name(self) -> str | None:
        """The event, or the name of a page or screen, where one is expected."""
        said = self.members.get("event", self.members.get("name"))
        return said if isinstance(said, str) else None

    def misses(self, call: Arrived) -> list[str]:
        """Say in what a call is not the one expected; nothing where it is."""
        if call.type != self.type:
            return ["another type of call"]
        another = ["somebody else's" if call.who else "nobody's"] if self.who not in {None, call.who} else []
        return [*another, *unmet(self.members, call.said)]

    def nearness(self, call: Arrived) -> float:
        """Tell how much a call is like the one expected; more is nearer."""
        values = sum(1 for _ in _leaves(self.members))
        wrong = min(values, sum(1 for _ in unmet(self.members, call.said)))
        alike = _likeness(self.who, call.who) + _likeness(self.name, call.name)
        return 2 * (call.type == self.type) + 2 * alike + (1 - wrong / values if values else 1)

    def __str__(self) -> str:
        rest = ", ".join(
            f"{path.partition('.')[2] or path}={_short(value)}"
            for path, value in _leaves(self.members)
            if path not in {"event", "name"}
        )
        return _words(self.type, self.name, self.who) + (f" with {rest}" if rest else "")


def unmet(expected: Mapping[str, Any], said: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Say what of the expected members is absent or another.

    Examples
    --------
    >>> list(unmet({"plan": "pro", "address": {"city": "Rome"}}, {"plan": "free", "address": {"zip": 1}}))
    ["plan is 'free', not 'pro'", 'address.city is absent']
    """
    for name, value in expected.items():
        found = said.get(name, _ABSENT)
        place = f"{path}{name}"
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            yield from unmet(value, found, f"{place}.")  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, Mapping) and found is _ABSENT and not value:
            continue  # nothing is expected there
        elif found is _ABSENT:
            yield f"{place} is absent"
        elif not _equal(found, value):
            yield f"{place} is {_short(found)}, not {_short(value)}"


def as_told(expected: Expected, calls: Iterable[Arrived]) -> str:
    """Say that an expected call did not arrive, and what did instead: the nearest first, no more than a few."""
    calls = list(calls)
    lines = [f"no {expected} has arrived"]
    accepted = [call for call in calls if call.verdict == "accepted"]
    others = [call for call in calls if call.verdict != "accepted"]
    if accepted:
        lines.append("the nearest that did:")
        lines += _nearest(expected, accepted)
    elif not others:
        lines.append("nothing has")
    if others:
        lines.append("what came and was not accepted:")
        lines += _nearest(expected, others)
    return "\n".join(lines)


def _nearest(expected: Expected, calls: list[Arrived]) -> Iterator[str]:
    told = {f"  {call}: {_cut(_trouble(expected, call))}": call for call in calls}
    yield from nlargest(_MOST_LISTED, told, key=lambda line: expected.nearness(told[line]))
    if len(told) > _MOST_LISTED:
        yield f"  and {counted(len(told) - _MOST_LISTED, 'other')}"


def _trouble(expected: Expected, call: Arrived) -> str:
    if call.verdict != "accepted":
        return f"{call.verdict}: {call.reason}"
    return "; ".join(expected.misses(call)) or "as expected"


def grouped(calls: Iterable[Arrived]) -> Iterator[str]:
    """List a few calls by what they are and what became of them, each kind once, the most frequent first."""
    kinds = Counter(f"  {call}: {_fate(call)}" for call in calls)
    if not kinds:
        yield "  nothing has arrived"
    for line, number in kinds.most_common(_MOST_LISTED):
        yield line + (f" ({number:,} times)" if number > 1 else "")
    if len(kinds) > _MOST_LISTED:
        yield f"  and {counted(len(kinds) - _MOST_LISTED, 'other')}"


def last(calls: Iterable[Arrived], others: int) -> Iterator[str]:
    """List the last calls in the order of their arrival, each with what became of it, after a number of others."""
    if others:
        yield f"  after {counted(others, 'other')}:"
    yield from (f"  {call}: {_fate(call)}" for call in calls)


def _fate(call: Arrived) -> str:
    if call.verdict == "accepted":
        return call.effect or call.verdict
    return _cut(f"{call.verdict}: {call.reason}")


def _words(type_: str, name: str | None, who: str | None) -> str:
    named = f" {_short(name)}" if name is not None else ""
    return f"{type_}{named} {_of(who)}" if who is not None else f"{type_}{named}"


def _of(who: str | None) -> str:
    return "of nobody" if who is None else f"of {_short(who)}"


def _equal(one: Any, other: Any) -> bool:
    # True is no 1 in JSON, though it is in Python.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _likeness(expected: str | None, found: str | None) -> float:
    if expected is None or expected == found:
        return 1.0
    return SequenceMatcher(None, expected, found).ratio() if found is not None else 0.0


def _leaves(members: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in members.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{path}{name}", value


def _short(value: Any) -> str:
    return _cut(repr(value), _LONGEST_VALUE)


def _cut(text: str, longest: int = _LONGEST_REASON) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
