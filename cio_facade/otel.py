"""OpenTelemetry: a span for each request, and metrics. With the extra ``otel``; the application brings the SDK.

>>> from cio_facade import CustomerIO
>>> from cio_facade.testing import RecordingTransport
>>> with CustomerIO("key", transport=RecordingTransport(), observer=OpenTelemetry()) as cio:
...     cio.identify("u1").status
200
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakMethod

from cio_facade._version import __version__
from cio_facade.observing import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import TracerProvider

    from cio_facade.observing import Attempt, Count, Gauges

__all__ = ["OpenTelemetry"]

_NAME = "cio_facade"
# By the semantic conventions; those that the SDK has of its own are for milliseconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_BYTES = tuple(4**power for power in range(3, 11))


class OpenTelemetry(Observer):
    """An observer that makes spans and metrics of what it is told. One may serve several clients and outboxes.

    A span is a child of what was current where the message was handed over: for ``send`` and ``send_many`` the
    caller's. Nothing in spans or metrics is of the messages' content.

    Parameters
    ----------
    tracer_provider : opentelemetry.trace.TracerProvider, optional
        The application's global one when absent.
    meter_provider : opentelemetry.metrics.MeterProvider, optional
        Likewise.

    Raises
    ------
    ImportError
        opentelemetry-api is not installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        try:
            from opentelemetry import metrics, trace  # noqa: PLC0415  an extra, and only for those who use it
        except ImportError:
            raise ImportError("OpenTelemetry needs opentelemetry-api: pip install 'cio-facade[otel]'") from None
        self._kind, self._failed = trace.SpanKind.CLIENT, trace.StatusCode.ERROR
        self._observation = metrics.Observation
        self._readers: list[Callable[[], Callable[[], Gauges] | None]] = []
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        self._make_instruments(metrics.get_meter(_NAME, __version__, meter_provider))

    def on_request(self, request: Attempt) -> None:
        """Make a span that began and ended when the request did, and measure it."""
        about = _about(request)
        self._duration.record(request.seconds, about)
        self._size.record(request.bytes, about)
        more: dict[str, str | int] = {"url.full": request.url, "messaging.batch.message_count": request.calls}
        if request.attempt > 1:
            more["http.request.resend_count"] = request.attempt - 1
        if request.request_id is not None:
            more["cio.request_id"] = request.request_id
        span = self._tracer.start_span(
            f"POST {request.path}",
            kind=self._kind,
            attributes={**about, **more},
            start_time=_nanoseconds(request.began),
        )
        if "error.type" in about:
            span.set_status(self._failed)
        span.end(_nanoseconds(request.began + request.seconds))

    def on_count(self, what: Count, number: int) -> None:
        """Count."""
        if what == "accepted":
            self._accepted.add(number)
        elif what == "retries":
            self._retries.add(number)
        else:
            self._settled.add(number, {"cio.outcome": what})

    def on_gauges(self, read: Callable[[], Gauges]) -> None:
        """Remember whom to ask when metrics are collected; it may be forgotten by all others meanwhile."""
        bound: Any = read
        self._readers.append(WeakMethod(bound) if hasattr(bound, "__self__") else lambda: read)

    def _make_instruments(self, meter: Meter) -> None:
        self._accepted = meter.create_counter("cio.messages.accepted", "{message}", "Messages taken.")
        self._settled = meter.create_counter(
            "cio.messages.settled", "{message}", "Messages that were delivered, were rejected or failed."
        )
        self._retries = meter.create_counter(
            "cio.requests.retries", "{request}", "Requests that repeated an earlier one."
        )
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Until the answer had been read.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._size = meter.create_histogram(
            "http.client.request.body.size",
            "By",
            "Bodies as they were sent.",
            explicit_bucket_boundaries_advisory=_BYTES,
        )
        meter.create_observable_up_down_counter(
            "cio.messages.pending", [self._asked("pending", sum)], "{message}", "Messages that are not settled."
        )
        meter.create_observable_up_down_counter(
            "cio.messages.pending.size", [self._asked("bytes", sum)], "By", "Size of the messages that are not settled."
        )
        meter.create_observable_gauge(
            "cio.messages.pending.age", [self._asked("age", max)], "s", "How long the oldest of them has waited."
        )
        meter.create_observable_gauge(
            "cio.requests.pace", [self._asked("pace", max)], "{request}/s", "Requests that the pace allows at present."
        )

    def _asked(
        self, name: str, together: Callable[[list[float]], float]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """Make what asks all clients and outboxes for one of their gauges."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            self._readers = [reader for reader in self._readers if reader() is not None]
            told = [getattr(read(), name) for reader in self._readers if (read := reader()) is not None]
            known = [value for value in told if value is not None]
            return [self._observation(together(known))] if known else []

        return observe


def _about(request: Attempt) -> dict[str, str | int]:
    """Say what spans and metrics have in common, by the semantic conventions for HTTP clients."""
    server = urlsplit(request.url)
    about: dict[str, str | int] = {
        "http.request.method": "POST",
        "url.template": request.path,
        "server.address": server.hostname or "",
        "server.port": server.port or (443 if server.scheme == "https" else 80),
    }
    if request.status:
        about["http.response.status_code"] = request.status
    if not 200 <= request.status < 300:
        about["error.type"] = request.error or str(request.status)
    return about


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
