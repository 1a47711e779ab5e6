"""The client: a thin driver of `delivery` that blocks, with a thread for each request under way of a stream."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

import httpx

from cio_facade.answers import Answer
from cio_facade.config import Settings, from_env
from cio_facade.core import Core, receipt
from cio_facade.crew import deliver
from cio_facade.delivery import Send
from cio_facade.errors import CustomerIOError
from cio_facade.observing import in_context
from cio_facade.outcomes import Receipt
from cio_facade.transport import Gate, WrongTwin, lanes, read
from cio_facade.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from types import TracebackType
    from typing import Any

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

__all__ = ["CustomerIO", "parts_of"]


class CustomerIO(Verbs[Receipt]):
    """A client of the Data Pipelines API. Threads may share it.

    Parameters
    ----------
    api_key : str
        Keys of both forms; white space around it is dropped.
    region : str, optional
        ``"us"`` or ``"eu"``, in any case. Absent: the key's own, else US.
    base_url : str, optional
        Another server, such as the sandbox's; used whatever the region.
    strict : bool
        Have the server refuse what it cannot use. Without it, it answers 200 and drops the call.
    timeout : float
        Seconds for each step of a request: connecting, writing, reading.
    limits : Limits, optional
        What the API takes; the spec's figures when absent.
    retry : Retry, optional
        How patiently to repeat what may yet succeed.
    gzip : bool
        Compress bodies of more than a kilobyte, best with the extra ``gzip``. A server that refuses them gets plain
        ones from then on. Needs strict mode.
    transport : httpx.BaseTransport, optional
        What carries the requests, such as `testing.RecordingTransport`, or ``httpx.HTTPTransport`` with a proxy.
        One of httpx's own that several threads share may break off a request, which is then repeated under its id
        (encode/httpcore#1110); what is used by default does not.
    naive_timestamps : {"refuse", "utc", "local"}
        What a datetime without a time zone means.
    observer : Observer, optional
        Who is told of requests and counts, such as `otel.OpenTelemetry`.
    clock : Clock, optional
        Time, such as `testing.FakeClock`.
    pace : Pacer, optional
        When requests may go, such as `leases.RedisPace`, which processes share. Absent: one that all clients of the
        key in this process share, at ``limits.share`` of the limit.

    Raises
    ------
    ValidationError
        A setting is wrong; it is named.

    Examples
    --------
    >>> from cio_facade.testing import RecordingTransport
    >>> with CustomerIO("key", transport=RecordingTransport()) as cio:
    ...     receipt = cio.track("u1", "Signed Up", {"plan": "pro"})
    >>> receipt.status
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
        transport: httpx.BaseTransport | None = None,
        naive_timestamps: NaivePolicy = "refuse",
        observer: Observer | None = None,
        clock: Clock | None = None,
        pace: Pacer | None = None,
    ) -> None:
        settings = Settings.resolve(api_key, region, base_url, strict=strict, timeout=timeout)
        self._core = core = Core(
            settings, limits, retry, naive_timestamps, clock, gzip=gzip, observer=observer, pace=pace
        )
        made = partial(lanes, settings.base_url, core.limits.in_flight)
        self._http = httpx.Client(
            base_url=settings.base_url,
            timeout=core.policy.timeout,
            transport=Gate(core.policy, made if transport is None else lambda: transport, self._run, core.watch),
        )

    @classmethod
    def from_env(cls, dotenv: str | PathLike[str] | None = None, **settings: Any) -> Self:
        """Make a client for ``CIO_API_KEY``, ``CIO_REGION`` and ``CIO_BASE_URL``.

        Parameters
        ----------
        dotenv : path, optional
            A ``.env`` file to read first; the environment wins over it. Needs the extra ``dotenv``.
        **settings
            As for the class.
        """
        return cls(**{**from_env(dotenv), **settings})

    @cached_property
    def api(self) -> Client:
        """The generated client, for what the facade does not name: with key, pace and retries in force."""
        from cio_pipelines import Client  # noqa: PLC0415  not everybody needs it

        return Client(base_url=self.base_url, httpx_args={"transport": WrongTwin()}).set_httpx_client(self._http)

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at the end."""
        return self._core.settings.base_url

    def send(self, message: CallModel) -> Receipt:
        """Send one message, and wait for the answer.

        Parameters
        ----------
        message : Message or call model
            From a builder such as `people.delete`, or a generated model such as ``models.Track``.

        Raises
        ------
        ValidationError
            Before anything is sent.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.
        """
        self._check_open()
        encoded, parcel = self._core.encode(message)
        delivery, answer = self._run(parcel, self._post)
        return receipt(delivery, encoded, answer.status)

    def send_many(
        self,
        messages: Iterable[CallModel],
        *,
        on_dead_letter: Callable[[DeadLetter], object] | None = None,
        timeout: float | None = None,
    ) -> Report:
        """Send any number of messages in batches, in flat memory; the order is kept per person.

        A message that is not fit to be sent, or is refused, is counted and has its letter; the others go on.

        Parameters
        ----------
        messages : iterable
            Read as fast as they can be sent.
        on_dead_letter : callable, optional
            Gets the letter of each message that was not delivered. What it raises ends the stream.
        timeout : float, optional
            Seconds after which nothing more is sent; what is left is pending in the report.

        Raises
        ------
        CustomerIOError
            Delivery stopped: the key is wrong, or the retry budget is spent. ``report`` holds the account.
        Exception
            Whatever `messages` raises, once what it gave before has been delivered; with ``report`` as an attribute.
        """
        self._check_open()
        return deliver(self._core.stream(on_dead_letter, timeout), messages, in_context(self._post), self._core)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.settings.base_url}>"

    def _check_open(self) -> None:
        if self._http.is_closed:
            raise CustomerIOError("the client is closed; nothing was sent")

    def _run(self, parcel: Parcel, post: Callable[[Parcel], Answer]) -> tuple[Delivery, Answer]:
        """Deliver one parcel in this thread."""
        delivery, clock = self._core.single(parcel), self._core.clock
        answer = Answer(0)
        while step := delivery.next(clock.monotonic()):
            if isinstance(step, Send):
                answer = post(step.parcel)
                delivery.completed(step.ticket, answer, clock.monotonic())
            elif step.until is not None:
                clock.sleep(step.until - clock.monotonic())
        return delivery, answer

    def _post(self, parcel: Parcel) -> Answer:
        """One attempt."""
        clock, policy = self._core.clock, self._core.policy
        request, begun = policy.request(parcel), clock.monotonic()
        try:
            response = self._http.send(request, stream=True)
            answer = policy.answer(response, read(response, clock, self._core.settings.timeout), parcel.request_id)
        except httpx.RequestError as error:
            answer = policy.no_answer(error, parcel.request_id)
        return self._core.attempted(parcel, request, answer, begun)


def parts_of(client: CustomerIO) -> tuple[Core, Callable[[Parcel], Answer]]:
    """Give what an outbox needs of a client: its settings, and what makes one attempt to deliver a parcel.

    Raises
    ------
    CustomerIOError
        The client is closed: what an outbox took would never leave.
    """
    client._check_open()  # pyright: ignore[reportPrivateUsage]
    return client._core, client._post  # pyright: ignore[reportPrivateUsage]
