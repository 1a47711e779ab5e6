"""All ways of sending behind one face: messages in, account out. A new one is one entry in `DRIVERS`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from length import LONG, times

from cio_facade import (
    AsyncCustomerIO,
    AsyncOutbox,
    CustomerIO,
    CustomerIOError,
    DeadLetter,
    Outbox,
    Outcome,
    Receipt,
    RefusedError,
    Report,
    Retry,
)
from cio_facade.messages import Message

__all__ = ["DRIVERS", "FEWER", "KEY", "Account", "Driver"]

KEY = "sk_us_0123456789abcdef"
_CONTENT = {400, 413, 415, 422}
_INTERVAL = 0.02
_ONE_BY_ONE = 12  # each waits for the disk


@dataclass(frozen=True)
class Driver:
    """A way of sending.

    Attributes
    ----------
    deliver
        Sends messages by a client with these settings.
    batches
        Whether several messages travel in a request, and the order is kept per person.
    raises
        Whether it ends with an error when nothing gets through.
    """

    deliver: Callable[..., Account]
    batches: bool = True
    raises: bool = True


@dataclass(frozen=True)
class Account:
    """What a way of sending says became of the messages.

    Attributes
    ----------
    delivered
        The ids of those that it says were delivered.
    error
        What ended it early, or the first that a single call raised.
    letters
        What is told of those that were not delivered.
    """

    report: Report
    delivered: set[str]
    error: BaseException | None = None
    letters: Sequence[DeadLetter | Outcome] = field(default=(), repr=False)


def _ids(given: Sequence[Message]) -> list[str]:
    return [message.call.get("messageId") for message in given]


# Single calls --------------------------------------------------------------------------------------------------------


def _send(given: Sequence[Message], **settings: Any) -> Account:
    with CustomerIO(KEY, **settings) as cio, ThreadPoolExecutor(4) as threads:

        def came(message: Message) -> Receipt | CustomerIOError:
            try:
                return cio.send(message)
            except CustomerIOError as error:
                return error

        return _of_singles(given, list(threads.map(came, given)))


def _async_send(given: Sequence[Message], **settings: Any) -> Account:
    async def main() -> list[Any]:
        async with AsyncCustomerIO(KEY, **settings) as cio:
            return await asyncio.gather(*map(cio.send, given), return_exceptions=True)

    return _of_singles(given, asyncio.run(main()))


def _of_singles(given: Sequence[Message], came: Sequence[Receipt | BaseException]) -> Account:
    errors = [error for error in came if isinstance(error, BaseException)]
    for error in errors:
        if not isinstance(error, CustomerIOError):
            raise error
    delivered = [message_id for message_id, one in zip(_ids(given), came, strict=True) if isinstance(one, Receipt)]
    rejected = sum(isinstance(error, RefusedError) and error.status in _CONTENT for error in errors)
    report = Report(
        accepted=len(given), delivered=len(delivered), rejected=rejected, failed=len(errors) - rejected, requests=0
    )
    return Account(report, set(delivered), errors[0] if errors else None)


# Streams -------------------------------------------------------------------------------------------------------------


def _send_many(given: Sequence[Message], **settings: Any) -> Account:
    with CustomerIO(KEY, **settings) as cio:
        try:
            return _of_stream(given, cio.send_many(iter(given)))
        except CustomerIOError as error:
            return _of_stream(given, error.report, error)


def _async_send_many(given: Sequence[Message], **settings: Any) -> Account:
    async def main() -> Account:
        async with AsyncCustomerIO(KEY, **settings) as cio:
            try:
                return _of_stream(given, await cio.send_many(iter(given)))
            except CustomerIOError as error:
                return _of_stream(given, error.report, error)

    return asyncio.run(main())


def _of_stream(given: Sequence[Message], report: Report | None, error: BaseException | None = None) -> Account:
    assert report is not None
    taken = _ids(given)[: report.accepted]
    letters = report.dead_letters
    assert all(taken[letter.index] == letter.message_id for letter in letters), "a letter of another message"
    delivered = set(taken) - {letter.message_id for letter in letters}
    return Account(report, delivered, error, letters)


# Outboxes ------------------------------------------------------------------------------------------------------------


def _seconds(settings: dict[str, Any]) -> float:
    """An outbox does not give up: how long it is waited for, in relation to the budget of those who do."""
    retry: Retry = settings["retry"]
    return retry.budget + 0.3


def _outbox(given: Sequence[Message], *path: Path, **settings: Any) -> Account:
    outcomes: list[Outcome] = []
    with (
        CustomerIO(KEY, **settings) as cio,
        Outbox(cio, *path, flush_interval=_INTERVAL, on_outcome=outcomes.append) as outbox,
    ):
        bulk = max(len(given) // 2, len(given) - _ONE_BY_ONE)
        assert outbox.put_many(given[:bulk]) == bulk
        assert all(outbox.put(message) for message in given[bulk:])
        return _of_outbox(given, outbox.close(_seconds(settings)), outcomes)


def _async_outbox(given: Sequence[Message], *path: Path, **settings: Any) -> Account:
    outcomes: list[Outcome] = []

    async def main() -> Account:
        async with (
            AsyncCustomerIO(KEY, **settings) as cio,
            AsyncOutbox(cio, *path, flush_interval=_INTERVAL, on_outcome=outcomes.append) as outbox,
        ):
            bulk = max(len(given) // 2, len(given) - _ONE_BY_ONE)
            assert await outbox.put_many(given[:bulk]) == bulk
            assert all([await outbox.put(message) for message in given[bulk:]])
            return _of_outbox(given, await outbox.close(_seconds(settings)), outcomes)

    return asyncio.run(main())


def _durable(deliver: Callable[..., Account]) -> Callable[..., Account]:
    """The same with a file, new for each run."""

    def in_file(given: Sequence[Message], **settings: Any) -> Account:
        with TemporaryDirectory() as folder:
            return deliver(given, Path(folder) / "outbox", **settings)

    return in_file


def _of_outbox(given: Sequence[Message], report: Report, outcomes: Sequence[Outcome]) -> Account:
    assert report.accepted == len(given)
    settled = [outcome.message_id for outcome in outcomes]
    assert len(settled) == len(set(settled)) == report.accepted - report.pending, "settled twice, or without a word"
    delivered = {str(outcome.message_id) for outcome in outcomes if outcome.outcome == "delivered"}
    return Account(report, delivered, None, [outcome for outcome in outcomes if outcome.outcome != "delivered"])


DRIVERS: dict[str, Driver] = {
    "send": Driver(_send, batches=False),
    "async send": Driver(_async_send, batches=False),
    "send_many": Driver(_send_many),
    "async send_many": Driver(_async_send_many),
    "outbox": Driver(_outbox, raises=False),
    "durable outbox": Driver(_durable(_outbox), raises=False),
    "async outbox": Driver(_async_outbox, raises=False),
}
if LONG:
    DRIVERS["durable async outbox"] = Driver(_durable(_async_outbox), raises=False)

# For what costs a second each, and is decided in one place for all of them.
FEWER = pytest.mark.parametrize("driver", times(["send", "async send_many", "outbox"], list(DRIVERS)), indirect=True)
