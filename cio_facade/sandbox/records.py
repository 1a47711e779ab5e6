"""The values of the sandbox: an accepted call, a problem found, a request as it was answered, and the totals."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["COLUMNS", "Call", "Counts", "Outcome", "Problem", "Refusal", "RequestRecord"]

# The members of a call that are kept in columns of their own, for queries.
COLUMNS: Final = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "event": "event",
    "message_id": "messageId",
    "timestamp": "timestamp",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that came, fit to be kept or not.

    Attributes
    ----------
    position : int
        Its place in the batch, 0 for a request of its own.
    type : str or None
        Its call type, such as ``track``; None where it says none.
    body : str
        The call; JSON, with its ``type`` where that is known.
    bytes : int
        The size that counts against the limit.
    said : mapping
        The same, parsed; members that are null are left out.
    problem : str or None
        Why it is not fit, in words; None when it is.
    """

    position: int
    type: str | None
    body: str
    bytes: int
    said: Mapping[str, Any]
    problem: str | None = None

    @property
    def fields(self) -> tuple[str | None, ...]:
        """The members that `COLUMNS` names, in its order; None for one that is absent or not text."""
        said = self.said
        return tuple([value if isinstance(value := said.get(name), str) else None for name in COLUMNS.values()])


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request, or one call in it, is not accepted. Names the field, never its value.

    Attributes
    ----------
    status : int
        What strict mode answers.
    reason : str
        A short code: the keyword of the schema that was broken, or a word such as ``json``, ``size`` or ``rate``.
    message : str
        The reason in words.
    field : str
        Path of the field inside the call, such as ``traits.email``; empty where the call as a whole is meant.
    position : int or None
        Index of the call in its batch; None outside a batch.
    """

    status: int
    reason: str
    message: str
    field: str = ""
    position: int | None = None

    @property
    def place(self) -> str:
        """Path of the field inside the request body, such as ``batch[3].traits.email``."""
        if self.position is None:
            return self.field
        return f"batch[{self.position}].{self.field}" if self.field else f"batch[{self.position}]"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class Refusal(Exception):  # noqa: N818 - control flow inside the sandbox, no error of its users
    """Ends the examination of a call, or of a request as a whole, with its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(slots=True)
class Outcome:
    """What the examination of a request came to.

    Attributes
    ----------
    calls : list of Call
        The calls that are to be kept, fit or not.
    problems : list of Problem
        What is wrong with those that are unfit, or with the request as a whole.
    more : mapping of tuple to list
        Unfit calls that are too many to be kept: by type and event, their number and bytes.
    """

    calls: list[Call] = field(default_factory=list[Call])
    problems: list[Problem] = field(default_factory=list[Problem])
    more: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    @property
    def faulty(self) -> int:
        """How many calls have problems; a body that could not be read counts as one."""
        return len({problem.position for problem in self.problems}) + sum(number for number, _ in self.more.values())

    def count(self, call: Call) -> None:
        """Count an unfit call instead of keeping it."""
        event = call.said.get("event")
        sums = self.more[call.type or "", event if isinstance(event, str) else ""]
        sums[0] += 1
        sums[1] += call.bytes


@dataclass(slots=True)
class RequestRecord:
    """One request and what became of it.

    Attributes
    ----------
    time : str
        When it arrived, ISO 8601 in UTC.
    path : str
        Path of the URL.
    strict : bool
        Whether it asked for strict mode.
    request_id : str or None
    retry_count : int or None
        What the headers X-Request-Id and X-Retry-Count said.
    key : str or None
        Hash of the API key; None without an acceptable one.
    bytes : int
        Size of the body, decoded; of a body that was not read to its end, what its header announced.
    status : int
        The answer; 0 for none, where a fault was made on demand.
    accepted, lost, dropped : int
        Calls that were kept; calls that were answered 200 and not kept, of which a body that cannot be read counts as
        one; and repeats that were dropped.
    fault : str or None
        The fault that was made on demand, such as ``drop-response``.
    unread : str or None
        The beginning of a body of which no call could be read, 2,000 bytes of it; None for any other.
    problems : tuple of Problem
        Why calls were lost or the request refused.
    id : int
        Number in the order of arrival.
    """

    time: str
    path: str
    strict: bool = False
    request_id: str | None = None
    retry_count: int | None = None
    key: str | None = None
    bytes: int = 0
    status: int = 0
    accepted: int = 0
    lost: int = 0
    dropped: int = 0
    fault: str | None = None
    unread: str | None = None
    problems: tuple[Problem, ...] = ()
    id: int = 0

    @property
    def verdict(self) -> str:
        """``accepted``, ``refused``, ``lost``, or ``partly lost`` for a batch of which some calls were kept."""
        if self.status != 200:
            return "refused"
        if not self.lost:
            return "accepted"
        return "partly lost" if self.accepted else "lost"

    @property
    def reason(self) -> str | None:
        """The first problem in words, and how many more there are."""
        if not self.problems:
            return None
        more = len(self.problems) - 1
        return f"{self.problems[0]} (and {more} more)" if more else str(self.problems[0])


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals of what a sandbox has seen.

    Attributes
    ----------
    requests : int
        Requests answered, whatever the answer.
    accepted : int
        Calls kept.
    refused : int
        Requests answered with an error.
    lost : int
        Calls answered 200 and not kept.
    repeats : int
        Accepted calls whose message id an earlier one had already.
    people : int
        Different user ids among the accepted calls.
    by_type, by_event : mapping of str to int
        Accepted calls by call type, and tracked events by name.
    """

    requests: int
    accepted: int
    refused: int
    lost: int
    repeats: int
    people: int
    by_type: Mapping[str, int]
    by_event: Mapping[str, int]
