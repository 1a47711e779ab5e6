"""The names that callers rely on, pinned: whoever changes one changes this file, and knows what that means."""

import inspect
from typing import Any, get_args

import attrs
import pytest
from cio_pipelines import constants

import cio_facade
from cio_facade import clock, config, errors, messages, observing, otel, outcomes, testing

NAMES = [
    "AsyncCustomerIO",
    "AsyncOutbox",
    "AuthenticationError",
    "CustomerIO",
    "CustomerIOError",
    "DeadLetter",
    "Limits",
    "LoadReport",
    "Message",
    "NetworkError",
    "Outbox",
    "OutboxError",
    "OutboxFullError",
    "Outcome",
    "RateLimitError",
    "Receipt",
    "RefusedError",
    "Report",
    "Retry",
    "ServerError",
    "UndeliveredWarning",
    "ValidationError",
    "__version__",
    "deliveries",
    "devices",
    "events",
    "load",
    "messages",
    "objects",
    "people",
]

CALL_FIELDS = ["anonymous_id", "context", "integrations", "message_id", "timestamp"]
CLIENT = (
    "(api_key, region=None, *, base_url=None, strict=True, timeout=30.0, limits=None, retry=None, gzip=False,"
    " transport=None, naive_timestamps='refuse', observer=None, clock=None, pace=None)"
)
SIGNATURES = {
    "CustomerIO": CLIENT,
    "CustomerIO.from_env": "(dotenv=None, **settings)",
    "CustomerIO.send": "(self, message)",
    "CustomerIO.send_many": "(self, messages, *, on_dead_letter=None, timeout=None)",
    "CustomerIO.close": "(self)",
    "Outbox": (
        "(client, path=None, *, max_messages=None, max_bytes=None, on_full='block', flush_interval=0.5, lanes=None,"
        " durability='full', on_outcome=None, dead_letters=None, redact=(), exit_timeout=5.0)"
    ),
    "Outbox.put": "(self, message, timeout=None)",
    "Outbox.put_many": "(self, messages, timeout=None)",
    "Outbox.flush": "(self, timeout=None)",
    "Outbox.close": "(self, timeout=30.0)",
    "CustomerIO.identify": "(self, user_id, traits=None, **fields)",
    "CustomerIO.track": "(self, user_id, event, properties=None, **fields)",
    "CustomerIO.page": "(self, user_id, name=None, properties=None, **fields)",
    "CustomerIO.screen": "(self, user_id, name=None, properties=None, **fields)",
    "CustomerIO.group": "(self, user_id, group_id, traits=None, **fields)",
    "CustomerIO.alias": "(self, user_id, previous_id, **fields)",
    "load": (
        "(source, as_, *, client=None, mapping=None, only=None, identify_by=None, event=None, nulls=None, types=None,"
        " encoding=None, name=None, state=None, again=False, changed_only=False, dry_run=False, rejected=None,"
        " audit=None, timeout=None, on_progress=None, confirm=None)"
    ),
    "Limits": (
        f"(*, call_bytes={constants.CALL_BYTES}, batch_bytes={constants.BATCH_BYTES},"
        f" batch_calls={constants.BATCH_CALLS}, id_bytes={constants.ID_BYTES},"
        f" event_name_bytes={constants.EVENT_NAME_BYTES}, window_requests={constants.WINDOW_REQUESTS},"
        f" window_seconds={constants.WINDOW_SECONDS}, share=1.0, in_flight=16)"
    ),
    "Retry": "(*, budget=30.0, base=0.2, cap=5.0)",
    "messages.identify": "(user_id, traits=None, **fields)",
    "messages.track": "(user_id, event, properties=None, **fields)",
    "messages.page": "(user_id, name=None, properties=None, **fields)",
    "messages.screen": "(user_id, name=None, properties=None, **fields)",
    "messages.group": "(user_id, group_id, traits=None, **fields)",
    "messages.alias": "(user_id, previous_id, **fields)",
    "people.identify": "(user_id, traits=None, **fields)",
    "people.delete": "(user_id, **fields)",
    "people.suppress": "(user_id, **fields)",
    "people.unsuppress": "(user_id, **fields)",
    "devices.register": "(user_id, token, platform=None, attributes=None, **fields)",
    "devices.update": "(user_id, token, platform=None, attributes=None, **fields)",
    "devices.delete": "(user_id, token, platform=None, attributes=None, **fields)",
    "objects.create": "(user_id, object_id, attributes=None, object_type_id=1, **fields)",
    "objects.update": "(user_id, object_id, attributes=None, object_type_id=1, **fields)",
    "objects.delete": "(object_id, object_type_id=1, **fields)",
    "objects.relate": "(user_id, object_id, attributes=None, object_type_id=1, **fields)",
    "objects.unrelate": "(user_id, object_id, object_type_id=1, **fields)",
    "deliveries.report": (
        "(delivery_id, metric, *, recipient=None, reason=None, action_value=None, href=None, user_id=None, **fields)"
    ),
    "deliveries.report_content": "(action_type, content_id, template_id=None, *, user_id=None, **fields)",
}


def named(path: str) -> Any:
    found: Any = cio_facade
    for name in path.split("."):
        found = getattr(found, name)
    return found


def signature(thing: Any) -> str:
    """A signature without its types: those are what type checkers look at."""
    plain = inspect.signature(thing)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in plain.parameters.values()]
    return str(plain.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_the_names_of_the_package() -> None:
    assert sorted(cio_facade.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(cio_facade))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    assert getattr(cio_facade, name) is getattr(cio_facade, name)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = cio_facade.nonsense


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures(path: str) -> None:
    assert signature(named(path)) == SIGNATURES[path]


def test_both_clients_are_called_alike() -> None:
    public = [name for name in dir(cio_facade.CustomerIO) if not name.startswith("_")]
    assert public == [name for name in dir(cio_facade.AsyncCustomerIO) if not name.startswith("_")]
    assert public == sorted(
        [
            *("alias", "api", "base_url", "close", "from_env", "group", "identify"),
            *("page", "screen", "send", "send_many", "track"),
        ]
    )
    assert signature(cio_facade.AsyncCustomerIO) == signature(cio_facade.CustomerIO)
    for name in public:
        thing = getattr(cio_facade.CustomerIO, name)
        if callable(thing):
            assert signature(thing) == signature(getattr(cio_facade.AsyncCustomerIO, name))


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (messages.CallFields, CALL_FIELDS),
        (messages.TrackFields, [*CALL_FIELDS, "group_id"]),
        (messages.PageFields, [*CALL_FIELDS, "category"]),
    ],
)
def test_keyword_fields(fields: Any, names: list[str]) -> None:
    assert fields.__optional_keys__ == frozenset(names)
    assert not fields.__required_keys__


def test_outcomes() -> None:
    def fields(kind: Any) -> tuple[str, ...]:
        return tuple(field.name for field in attrs.fields(kind))

    assert fields(outcomes.Receipt) == ("message_id", "status", "attempts")
    assert fields(outcomes.DeadLetter) == ("message_id", "index", "reason", "status")
    assert set(fields(outcomes.Report)) == {
        *("accepted", "delivered", "rejected", "failed", "pending"),
        *("requests", "retries", "dead_letters", "reasons"),
    }
    assert outcomes.Report().balanced
    assert outcomes.Report().complete


def test_what_an_observer_is_told() -> None:
    def fields(kind: Any) -> tuple[str, ...]:
        return tuple(field.name for field in attrs.fields(kind))

    assert {name for name in vars(observing.Observer) if name.startswith("on_")} == {
        *("on_request", "on_count", "on_gauges"),
    }
    assert fields(observing.Attempt) == (
        *("url", "path", "calls", "bytes", "attempt", "status", "error", "request_id", "began", "seconds"),
    )
    assert fields(observing.Gauges) == ("pending", "bytes", "age", "pace")
    assert set(get_args(observing.Count)) == {"accepted", "delivered", "rejected", "failed", "retries"}
    assert signature(otel.OpenTelemetry) == "(tracer_provider=None, meter_provider=None)"


def test_one_tree_of_errors() -> None:
    tree = {name: getattr(errors, name) for name in errors.__all__}
    assert set(tree) == {name for name in NAMES if name.endswith("Error")}
    for name, error in tree.items():
        base = {"CustomerIOError": Exception, "OutboxFullError": errors.OutboxError}.get(name, errors.CustomerIOError)
        assert error.__base__ is base
    error = errors.CustomerIOError()
    assert set(vars(error)) == {"status", "message_id", "request_id", "reasons", "attempts", "report"}


def test_test_doubles() -> None:
    assert testing.__all__ == ["Answering", "FakeClock", "RecordingTransport"]
    assert signature(testing.RecordingTransport) == "(answers=())"
    assert signature(testing.FakeClock) == "(start=1767225600.0)"
    public = {name for name in dir(testing.FakeClock) if not name.startswith("_")}
    assert public == {"advance", "asleep", "await_event", "monotonic", "sleep", "time", "wait"}
    assert public - {"advance"} == {name for name in dir(clock.Clock) if not name.startswith("_")}
    assert config.NaivePolicy.__args__ == ("refuse", "utc", "local")


def test_families_of_events() -> None:
    assert set(cio_facade.events.__all__) >= {
        *("ab_test", "customerio", "ecommerce", "email", "live_chat", "mobile", "video"),
    }
