"""What became of messages: a receipt for one, a report for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DeadLetter", "Outcome", "Receipt", "Report", "UndeliveredWarning"]


@attrs.frozen
class Receipt:
    """One call was taken by the server.

    Attributes
    ----------
    message_id : str
        The ``messageId`` the call carried.
    status : int
        HTTP status of the answer, 200 to 299.
    attempts : int
        Requests it took, 1 or more.
    """

    message_id: str
    status: int
    attempts: int

    def _repr_html_(self) -> str:
        return _shown(self)


@attrs.frozen
class DeadLetter:
    """A message that was not delivered, and why.

    Attributes
    ----------
    message_id : str or None
        The call's ``messageId``; None when it was rejected before it got one.
    index : int
        The message's place in what was handed to ``send_many``, from 0.
    reason : str
        What was wrong: the field and the rule, or the server's words without what they repeat of the call.
    status : int or None
        HTTP status of the answer that settled it; None when no answer did.
    """

    message_id: str | None
    index: int
    reason: str
    status: int | None

    def _repr_html_(self) -> str:
        return _shown(self)


@attrs.frozen
class Outcome:
    """What became of one message of an outbox.

    Attributes
    ----------
    message_id : str or None
        The call's ``messageId``.
    outcome : {"delivered", "rejected", "failed"}
        As in `Report`.
    reason : str or None
        Why it was not delivered.
    status : int or None
        HTTP status of the answer that settled it, where that was a refusal.
    """

    message_id: str | None
    outcome: Literal["delivered", "rejected", "failed"]
    reason: str | None = None
    status: int | None = None

    def _repr_html_(self) -> str:
        return _shown(self)


@attrs.frozen(kw_only=True)
class Report:
    """The account of a ``send_many``.

    It always balances::

        accepted == delivered + rejected + failed + pending

    Attributes
    ----------
    accepted : int
        Messages taken from the iterable.
    delivered : int
        Taken by the server.
    rejected : int
        Not fit to be sent, or refused by the server: repeating them will not help.
    failed : int
        Sent without success until the retry budget was spent: repeating them may help.
    pending : int
        Not settled when the time was up or delivery had to stop.
    dead_letters : tuple of DeadLetter
        One for each message that was not delivered, by index: the first 10 000. All are counted in `reasons`
        and handed to ``on_dead_letter``.
    reasons : mapping of str to int
        How many messages were not delivered, by reason.
    requests : int
        Requests made, retries included.
    retries : int
        Requests that repeated an earlier one.
    """

    accepted: int = 0
    delivered: int = 0
    rejected: int = 0
    failed: int = 0
    pending: int = 0
    requests: int = 0
    retries: int = 0
    dead_letters: tuple[DeadLetter, ...] = attrs.field(default=(), repr=False)
    reasons: Mapping[str, int] = attrs.field(factory=dict[str, int], repr=False)

    @property
    def balanced(self) -> bool:
        """Whether every accepted message is accounted for."""
        return self.accepted == self.delivered + self.rejected + self.failed + self.pending

    @property
    def complete(self) -> bool:
        """Whether every accepted message was delivered."""
        return self.accepted == self.delivered

    def _repr_html_(self) -> str:
        from cio_facade import displaying  # noqa: PLC0415  only notebooks ask for it

        numbers = {name: getattr(self, name) for name in ("accepted", "delivered", "rejected", "failed", "pending")}
        letters = [attrs.asdict(letter) for letter in self.dead_letters]
        columns = ("index", "reason", "status", "message_id")
        return displaying.account(
            numbers,
            "accepted",
            self.reasons if len(self.reasons) > 1 else {},  # a single one is said by each letter
            note=f"requests: {self.requests:,}, of which {self.retries:,} repeated one",
            more=displaying.grid(letters, columns, title="dead letters", most=10) if letters else "",
        )


class UndeliveredWarning(RuntimeWarning):
    """The interpreter ended before an outbox in memory could deliver everything. It says how many, and names some."""


def _shown(value: attrs.AttrsInstance) -> str:
    """Show a value's fields in a notebook."""
    from cio_facade import displaying  # noqa: PLC0415  only notebooks ask for it

    return displaying.fields(attrs.asdict(value))
