"""What the stream is narrowed by: read from an address, as a condition of SQL, and as an address again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Self
from urllib.parse import urlencode

__all__ = ["VERDICTS", "Filters"]

# What became of a call; a repeat is an accepted one that came before.
_REPEAT: Final = "repeat"
VERDICTS: Final = ("accepted", "refused", "lost", "dropped", _REPEAT)

_CONDITIONS: Final = {
    "type": "received.type = :type",
    "event": "received.event = :event",
    "person": (
        ":person IN (received.user_id, received.anonymous_id, received.group_id, received.previous_id)"
        " OR received.person = (SELECT people.id FROM people WHERE people.user_id = :person)"
    ),
}
# The index has those that were not accepted; SQLite takes it where it reads that it is about them.
_BY_VERDICT: Final = {"accepted": "received.verdict = 'accepted'", _REPEAT: "received.repeat = 1"}
_NOT_ACCEPTED: Final = "received.verdict = :verdict AND received.verdict <> 'accepted'"


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that a call has to meet, all of them; empty ones are none.

    Attributes
    ----------
    type : str
        The call's type.
    event : str
        The name of the event.
    person : str
        An id that the call names: the user's, the anonymous one, the group's, the previous one. Of a user id, also the
        calls of that person that do not name it.
    verdict : str
        One of `VERDICTS`.
    """

    type: str = ""
    event: str = ""
    person: str = ""
    verdict: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read them from the parameters of an address; others are not looked at."""
        verdict = parameters.get("verdict", "")
        texts = {name: parameters.get(name, "") for name in _CONDITIONS}
        return cls(**texts, verdict=verdict if verdict in VERDICTS else "")

    @property
    def given(self) -> dict[str, str]:
        """Those that are not empty, by name."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def condition(self) -> str:
        """The condition in SQL, over ``received``; its parameters are called as in `given`."""
        conditions = {**_CONDITIONS, "verdict": _BY_VERDICT.get(self.verdict, _NOT_ACCEPTED)}
        return " AND ".join(f"({conditions[name]})" for name in self.given) or "TRUE"

    @property
    def is_looked_up(self) -> bool:
        """Whether an index has the calls that fit; otherwise calls are looked at one by one."""
        return len(self.given) == 1 and not self.person and self.verdict not in _BY_VERDICT

    def address(self, path: str = "/", **more: object) -> str:
        """Give the address of a path with the filters and other parameters.

        >>> Filters(event="A & B").address(before=7)
        '/?event=A+%26+B&before=7'
        """
        parameters = {**self.given, **more}
        return f"{path}?{urlencode(parameters)}" if parameters else path
