"""Spans and metrics, as OpenTelemetry's own SDK has them."""

import gc
import subprocess
import sys
from typing import Any

import httpx
import pytest
from driving import BOTH, SMALL, caught, connected, stream, tracked
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cio_facade import CustomerIO, Retry
from cio_facade.clock import Clock
from cio_facade.observing import Gauges
from cio_facade.otel import OpenTelemetry
from cio_facade.testing import FakeClock, RecordingTransport

METRICS = {
    "cio.messages.accepted": "{message}",
    "cio.messages.settled": "{message}",
    "cio.messages.pending": "{message}",
    "cio.messages.pending.size": "By",
    "cio.messages.pending.age": "s",
    "cio.requests.retries": "{request}",
    "cio.requests.pace": "{request}/s",
    "http.client.request.duration": "s",
    "http.client.request.body.size": "By",
}


class Telemetry:
    """An observer with the SDK behind it."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.observer = OpenTelemetry(self.tracers, self.meters)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def sums(self, name: str) -> dict[Any, float]:
        """What a counter or gauge stands at, by outcome."""
        metric = self.metrics().get(name)
        return {point.attributes.get("cio.outcome"): point.value for point in metric.data.data_points} if metric else {}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


# Spans ---------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_request_is_a_span_with_its_attributes_and_times(kind: Any, telemetry: Telemetry) -> None:
    clock = FakeClock()
    transport = RecordingTransport(lambda request: clock.advance(0.5) or 200)  # type: ignore[func-returns-value]
    with connected(kind, transport, observer=telemetry.observer, clock=clock) as cio:
        cio.send_many(stream(3))
    (span,) = telemetry.spans
    assert (span.name, span.kind) == ("POST /batch", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "cdp.customer.io",
        "server.port": 443,
        "url.template": "/batch",
        "url.full": "https://cdp.customer.io/v1/batch",
        "messaging.batch.message_count": 3,
        "cio.request_id": transport.requests[0].headers["X-Request-Id"],
    }
    assert span.start_time == FakeClock().time() * 1e9
    assert span.end_time == span.start_time + 0.5e9


@BOTH
def test_each_attempt_is_a_span_of_its_own(kind: Any, telemetry: Telemetry) -> None:
    transport = RecordingTransport([503, httpx.ReadTimeout("slow"), 200])
    with connected(kind, transport, observer=telemetry.observer) as cio:
        cio.send(tracked())
    attributes = [dict(span.attributes or {}) for span in telemetry.spans]
    assert [one.get("http.request.resend_count") for one in attributes] == [None, 1, 2]
    assert [one.get("error.type") for one in attributes] == ["503", "ReadTimeout", None]
    assert [one.get("http.response.status_code") for one in attributes] == [503, None, 200]
    assert [span.status.status_code for span in telemetry.spans] == [StatusCode.ERROR] * 2 + [StatusCode.UNSET]


def test_a_span_is_a_child_of_the_caller_s(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("test")
    with connected(CustomerIO, observer=telemetry.observer, limits=SMALL, clock=Clock()) as cio:
        with tracer.start_as_current_span("one") as one:
            cio.send(tracked())
        with tracer.start_as_current_span("many") as many:
            cio.send_many(stream(50))
    parents = {span.parent.span_id for span in telemetry.spans if span.parent is not None}
    assert parents == {one.get_span_context().span_id, many.get_span_context().span_id}
    assert len([span for span in telemetry.spans if span.parent is None]) == 2


def test_a_span_of_asyncio_is_a_child_of_the_caller_s(telemetry: Telemetry) -> None:
    from driving import AsyncDriven

    tracer = telemetry.tracers.get_tracer("test")

    async def send(cio: Any) -> None:
        with tracer.start_as_current_span("parent"):
            await cio.send(tracked())
            await cio.send_many(stream(50))

    with connected(AsyncDriven, observer=telemetry.observer, limits=SMALL, clock=Clock()) as cio:
        cio.run(send(cio.real))
    assert [span.name for span in telemetry.spans if span.parent is None] == ["parent"]
    assert trace.get_current_span() is trace.INVALID_SPAN


# Metrics -------------------------------------------------------------------------------------------------------------


@BOTH
def test_messages_are_counted_by_their_outcome(kind: Any, telemetry: Telemetry) -> None:
    with connected(kind, RecordingTransport([503, 200, 400]), observer=telemetry.observer) as cio:
        cio.send(tracked())
        caught(lambda: cio.send(tracked()))
    with connected(kind, RecordingTransport([503]), observer=telemetry.observer, retry=Retry(budget=0)) as cio:
        caught(lambda: cio.send(tracked()))
    assert telemetry.sums("cio.messages.accepted") == {None: 3}
    assert telemetry.sums("cio.messages.settled") == {"delivered": 1, "rejected": 1, "failed": 1}
    assert telemetry.sums("cio.requests.retries") == {None: 1}


@BOTH
def test_requests_are_measured(kind: Any, telemetry: Telemetry) -> None:
    clock = FakeClock()
    transport = RecordingTransport(lambda request: clock.advance(0.5) or 200)  # type: ignore[func-returns-value]
    with connected(kind, transport, observer=telemetry.observer, clock=clock) as cio:
        cio.send(tracked())
    found = telemetry.metrics()
    (duration,) = found["http.client.request.duration"].data.data_points
    (size,) = found["http.client.request.body.size"].data.data_points
    assert (duration.count, duration.sum) == (1, 0.5)
    assert duration.explicit_bounds[0] < 0.01
    assert (size.count, size.sum) == (1, len(transport.requests[0].content))
    assert set(duration.attributes) == {
        *("http.request.method", "http.response.status_code", "server.address", "server.port", "url.template"),
    }


def test_gauges_are_asked_of_all_who_told_of_themselves(telemetry: Telemetry) -> None:
    class Box:
        def __init__(self, *given: Any) -> None:
            self.given = Gauges(**dict(zip(("pending", "bytes", "age"), given, strict=True)))

        def gauges(self) -> Gauges:
            return self.given

    first, second = Box(3, 300, 1.5), Box(4, 400, 0.5)
    for box in (first, second):
        telemetry.observer.on_gauges(box.gauges)
    names = ("cio.messages.pending", "cio.messages.pending.size", "cio.messages.pending.age")
    assert [telemetry.sums(name) for name in names] == [{None: 7}, {None: 700}, {None: 1.5}]
    del first, box
    gc.collect()
    assert [telemetry.sums(name) for name in names] == [{None: 4}, {None: 400}, {None: 0.5}]
    del second
    gc.collect()
    assert [telemetry.sums(name) for name in names] == [{}, {}, {}]


def test_the_pace_is_a_gauge(telemetry: Telemetry) -> None:
    with connected(CustomerIO, observer=telemetry.observer):
        (pace,) = telemetry.sums("cio.requests.pace").values()
    assert 0 < pace <= 1_000


def test_all_metrics_are_there_with_their_units(telemetry: Telemetry) -> None:
    def gauges() -> Gauges:
        return Gauges(pending=1, bytes=2, age=3.0, pace=4.0)

    telemetry.observer.on_gauges(gauges)
    with connected(CustomerIO, RecordingTransport([503]), observer=telemetry.observer) as cio:
        cio.send(tracked())
    assert {name: metric.unit for name, metric in telemetry.metrics().items()} == METRICS


# What it must not do -------------------------------------------------------------------------------------------------


def test_nothing_of_a_message_or_the_key_is_in_it(telemetry: Telemetry) -> None:
    with CustomerIO("secret-key", transport=RecordingTransport([400]), observer=telemetry.observer) as cio:
        caught(lambda: cio.track("ann@example.com", "Diagnosis", {"a": "private"}))
    said = "".join(span.to_json() for span in telemetry.spans) + str(telemetry.metrics())
    for word in ("secret-key", "ann@", "Diagnosis", "private"):
        assert word not in said


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"cio-facade\[otel\]"):
        OpenTelemetry()


def test_nobody_who_does_not_ask_for_it_pays_for_it() -> None:
    script = "import sys, cio_facade.aio, cio_facade.client; sys.exit(any('opentelemetry' in m for m in sys.modules))"
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
