"""The client for asyncio: a thin driver of `delivery` that awaits, a task for each request under way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import httpx

from cio_facade.aiocrew import adeliver
from cio_facade.answers import Answer
from cio_facade.config import Settings, from_env
from cio_facade.core import Core, receipt
from cio_facade.delivery import Send
from cio_facade.errors import CustomerIOError
from cio_facade.outcomes import Receipt
from cio_facade.transport import AsyncGate, Own, WrongTwin, aread
from cio_facade.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
    from os import PathLike
    from types import TracebackType

    from cio_pipelines import Client

    from cio_facade.clock import Clock
    from cio_facade.config import Limits, NaivePolicy
    from cio_facade.delivery import Delivery
    from cio_facade.departures import Pacer
    from cio_facade.messages import CallModel
    from cio_facade.observing import Observer
    from cio_facade.outcomes import DeadLetter, Report
    from cio_facade.packing import Parcel
    from cio_facade.retrying import Retry

__all__ = ["AsyncCustomerIO", "async_parts_of"]


class AsyncCustomerIO(Verbs[Coroutine[Any, Any, Receipt]]):
    """A client of the Data Pipelines API for asyncio. Tasks of one loop may share it.

    Parameters
    ----------
    api_key, region, base_url, strict, timeout, limits, retry, gzip, naive_timestamps, observer, clock, pace
        As for `CustomerIO`.
    transport : httpx.AsyncBaseTransport, optional
        What carries the requests.

    Examples
    --------
    >>> import asyncio
    >>> from cio_facade.testing import RecordingTransport
    >>> async def main():
    ...     async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio:
    ...         return await cio.track("u1", "Signed Up", {"plan": "pro"})
    >>> asyncio.run(main()).status
    200
    """

    def __init__(
        self,
        api_key: str,
        region: str | None = None,
        *,
        base_url: str | None = None,
        strict: bool = True,
        timeout: float = 30.0,
        limits: Limits | None = None,
        retry: Retry | None = None,
        gzip: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        naive_timestamps: NaivePolicy = "refuse",
        observer: Observer | None = None,
        clock: Clock | None = None,
        pace: Pacer | None = None,
    ) -> None:
        settings = Settings.resolve(api_key, region, base_url, strict=strict, timeout=timeout)
        self._core = core = Core(
            settings, limits, retry, naive_timestamps, clock, gzip=gzip, observer=observer, pace=pace
        )
        most = core.limits.in_flight
        # httpx's pool looks through all that wait in it for each request: whoever finds no connection waits here.
        self._connections = Own(partial(asyncio.Semaphore, most), _loop)
        made = partial(_sessions, settings.base_url, most)
        own = Own[httpx.AsyncBaseTransport](made if transport is None else lambda: transport, _loop)
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            timeout=core.policy.timeout,
            transport=AsyncGate(core.policy, own, self._run, core.watch),
        )

    @classmethod
    def from_env(cls, dotenv: str | PathLike[str] | None = None, **settings: Any) -> Self:
        """Make a client for ``CIO_API_KEY``, ``CIO_REGION`` and ``CIO_BASE_URL``; see `CustomerIO.from_env`."""
        return cls(**{**from_env(dotenv), **settings})

    @cached_property
    def api(self) -> Client:
        """The generated client, for what the facade does not name: with key, pace and retries in force."""
        from cio_pipelines import Client  # noqa: PLC0415  not everybody needs it

        return Client(base_url=self.base_url, httpx_args={"transport": WrongTwin()}).set_async_httpx_client(self._http)

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at the end."""
        return self._core.settings.base_url

    async def send(self, message: CallModel) -> Receipt:
        """Send one message, and wait for the answer; see `CustomerIO.send`."""
        self._check_open()
        encoded, parcel = self._core.encode(message)
        delivery, answer = await self._run(parcel, self._post)
        return receipt(delivery, encoded, answer.status)

    async def send_many(
        self,
        messages: Iterable[CallModel] | AsyncIterable[CallModel],
        *,
        on_dead_letter: Callable[[DeadLetter], object] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the account is given when the time is up; nothing is cancelled
    ) -> Report:
        """Send any number of messages in batches; see `CustomerIO.send_many`. Takes async iterables too."""
        self._check_open()
        return await adeliver(self._core.stream(on_dead_letter, timeout), messages, self._post, self._core)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.settings.base_url}>"

    def _check_open(self) -> None:
        if self._http.is_closed:
            raise CustomerIOError("the client is closed; nothing was sent")

    async def _run(self, parcel: Parcel, post: Callable[[Parcel], Awaitable[Answer]]) -> tuple[Delivery, Answer]:
        """Deliver one parcel in this task."""
        delivery, clock = self._core.single(parcel), self._core.clock
        answer = Answer(0)
        while step := delivery.next(clock.monotonic()):
            if isinstance(step, Send):
                answer = await post(step.parcel)
                delivery.completed(step.ticket, answer, clock.monotonic())
            elif step.until is not None:
                await clock.asleep(step.until - clock.monotonic())
        return delivery, answer

    async def _post(self, parcel: Parcel) -> Answer:
        """One attempt."""
        clock, policy = self._core.clock, self._core.policy
        async with self._connections.get():
            request, begun = policy.request(parcel), clock.monotonic()
            try:
                async with asyncio.timeout(policy.longest):
                    response = await self._http.send(request, stream=True)
                    answer = policy.answer(
                        response, await aread(response, clock, self._core.settings.timeout), parcel.request_id
                    )
            except (httpx.RequestError, TimeoutError) as error:
                answer = policy.no_answer(error, parcel.request_id)
        return self._core.attempted(parcel, request, answer, begun)


def _sessions(base_url: str, connections: int) -> httpx.AsyncBaseTransport:
    from cio_facade.sessions import sessions  # noqa: PLC0415  as long to import as all the rest

    return sessions(base_url, connections)


def _loop() -> object:
    return os.getpid(), asyncio.get_running_loop()


def async_parts_of(client: AsyncCustomerIO) -> tuple[Core, Callable[[Parcel], Coroutine[Any, Any, Answer]]]:
    """Give what an outbox needs of a client, as `client.parts_of` does."""
    client._check_open()  # pyright: ignore[reportPrivateUsage]
    return client._core, client._post  # pyright: ignore[reportPrivateUsage]
