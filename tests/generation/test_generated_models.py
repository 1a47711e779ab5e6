"""What the generated classes do: there and back again, what is not set, and what they keep to themselves."""

import copy
import pickle
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from cio_pipelines import AuthenticatedClient, Client, models
from cio_pipelines.api.calls import batch, track
from cio_pipelines.errors import UnexpectedStatus
from cio_pipelines.events import customerio, ecommerce, email
from cio_pipelines.types import UNSET
from drawing import plain
from generation_runs import SPEC, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCHEMAS = read(SPEC)["components"]["schemas"]
PLAIN = {
    "string": st.text(max_size=5),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "null": st.none(),
}
ANYTHING = st.recursive(st.one_of(*PLAIN.values()), lambda inner: st.lists(inner, max_size=2), max_leaves=3)


def json_of(schema):
    """JSON that a schema describes, with members that it does not name."""
    if "$ref" in schema:
        return st.deferred(lambda: json_of(SCHEMAS[schema["$ref"].rpartition("/")[2]]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" not in schema and "anyOf" in schema:
        return st.one_of(*map(json_of, schema["anyOf"]))
    types = schema.get("type", list(PLAIN))
    if isinstance(types, list):
        return st.one_of(*(json_of({**schema, "type": each}) for each in types))
    if types == "array":
        return st.lists(json_of(schema.get("items", {})), max_size=2)
    if types == "object":
        return json_object(schema)
    return plain({**schema, "type": types})


def json_object(schema):
    values = schema.get("additionalProperties", True)
    others = st.just({}) if values is False else st.dictionaries(
        st.from_regex(r"own_[a-z]", fullmatch=True), ANYTHING if values is True else json_of(values), max_size=2
    )  # fmt: skip
    members = {name: json_of(member) for name, member in schema.get("properties", {}).items()}
    required = {name: members.pop(name) for name in schema.get("required", ())}
    return st.builds(lambda named, other: {**named, **other}, st.fixed_dictionaries(required, optional=members), others)


CLASSES = sorted(name for name in models.__all__ if name in SCHEMAS and hasattr(getattr(models, name), "to_dict"))


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_model_gives_back_the_json_that_it_was_made_of(data):
    name = data.draw(st.sampled_from(CLASSES))
    model = getattr(models, name)
    given_json = data.draw(json_of(SCHEMAS[name]))
    if name == "Batch":
        # Without its type an item reads as the first kind that fits.
        given_json["batch"] = [item for item in given_json.get("batch", []) if "type" in item]

    made = model.from_dict(copy.deepcopy(given_json))
    assert made.to_dict() == given_json
    assert model.from_dict(made.to_dict()) == made


def test_only_what_is_set_is_sent():
    assert ecommerce.OrderCompleted(order_id="o-1").to_dict() == {"order_id": "o-1"}
    assert ecommerce.OrderCompleted(order_id="o-1", total=0).to_dict() == {"order_id": "o-1", "total": 0}


def test_an_envelope_is_a_whole_call():
    call = customerio.UserDeleted(user_id="u1").to_dict()
    assert call == {"type": "track", "event": "User Deleted", "userId": "u1"}


def test_a_context_that_an_event_adds_comes_with_its_properties():
    opened = email.EmailOpened(email_id="e1", context=models.EmailActivityContext.from_dict({"ip": "192.0.2.1"}))
    assert opened.to_dict() == {"email_id": "e1", "context": {"ip": "192.0.2.1"}}


def test_an_object_takes_members_that_the_spec_does_not_name():
    order = ecommerce.OrderCompleted(order_id="o-1")
    order["source"] = "kiosk"
    assert order.to_dict() == {"source": "kiosk", "order_id": "o-1"}


def test_times_keep_their_offset():
    zone = timezone(timedelta(hours=2))
    call = models.Track(event="Seen", user_id="u1", timestamp=datetime(2026, 3, 1, 12, tzinfo=zone))
    assert call.to_dict()["timestamp"] == "2026-03-01T12:00:00+02:00"
    assert models.Track.from_dict({"event": "Seen", "timestamp": "2026-03-01T10:00:00Z"}).timestamp == call.timestamp


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_sends_the_same(twin):
    order = ecommerce.OrderCompleted(order_id="o-1", products=[models.Product(product_id="p1")])
    assert twin(order) == order
    assert twin(order).to_dict() == order.to_dict()
    assert twin(UNSET) is UNSET


def test_a_repr_names_fields_and_shows_no_values():
    traits = models.IdentifyTraits(email="ann@example.com")
    assert repr(traits) == "IdentifyTraits(email=...)"
    assert repr(models.Identify(user_id="u1", traits=traits)) == "Identify(traits=..., type_=..., user_id=...)"


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (models.Track, {"event": "Seen", "type": "secret"}),
        (customerio.ReportDeliveryEvent, {"deliveryId": "d1", "metric": "secret"}),
        (models.Track, {"userId": "secret"}),
    ],
)
def test_a_refusal_shows_no_values(model, wrong):
    with pytest.raises((KeyError, TypeError, ValueError)) as caught:
        model.from_dict(wrong)
    assert "secret" not in str(caught.value)


def test_keys_stay_out_of_the_repr_of_a_client():
    client = AuthenticatedClient(base_url="https://cdp.example/v1", token="secret", headers={"Authorization": "secret"})
    assert "https://cdp.example/v1" in repr(client)
    assert "secret" not in repr(client)


def answering(status, content, **options):
    def answer(request):
        return httpx.Response(status, content=content)

    return Client("https://cdp.example/v1", httpx_args={"transport": httpx.MockTransport(answer)}, **options)


CALL = models.Track(event="Seen", user_id="u1")


def test_an_operation_sends_the_call_and_reads_the_answer():
    def answer(request):
        assert request.url == "https://cdp.example/v1/track"
        assert request.headers["X-Strict-Mode"] == "1"
        assert request.content == httpx.Request("POST", request.url, json=CALL.to_dict()).content
        return httpx.Response(400, json={"meta": {"errors": ["userId is wrong"]}})

    with Client("https://cdp.example/v1", httpx_args={"transport": httpx.MockTransport(answer)}) as client:
        response = track.sync_detailed(client=client, body=CALL, x_strict_mode="1")
    assert response.status_code == 400
    assert response.parsed.meta.errors == ["userId is wrong"]


@pytest.mark.parametrize("content", [b"", b"{}", b"not json"])
def test_success_needs_no_body(content):
    response = track.sync_detailed(client=answering(200, content), body=CALL)
    assert (response.status_code, response.parsed) == (200, None)


@pytest.mark.parametrize(("status", "content"), [(400, b"<html>"), (429, b"[1]"), (522, b""), (600, b"")])
def test_an_answer_that_is_not_the_apis_keeps_its_status_and_content(status, content):
    response = batch.sync_detailed(client=answering(status, content), body=models.Batch(batch=[CALL]))
    assert (response.status_code, response.content, response.parsed) == (status, content, None)


def test_an_unexpected_status_is_raised_when_asked_for_and_quotes_nothing():
    with pytest.raises(UnexpectedStatus) as caught:
        track.sync_detailed(client=answering(502, b"secret", raise_on_unexpected_status=True), body=CALL)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (twin.status_code, twin.content) == (502, b"secret")
    assert "secret" not in f"{twin} {twin!r}"


@pytest.mark.parametrize("authenticated", [False, True])
def test_both_clients_send_what_they_were_given(authenticated):
    seen = []

    def answer(request):
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200)

    options = {"httpx_args": {"transport": httpx.MockTransport(answer)}}
    make = AuthenticatedClient if authenticated else Client
    client = make("https://cdp.example/v1", **options, **({"token": "key"} if authenticated else {}))
    with client:
        track.sync_detailed(client=client, body=CALL)
    assert seen == ["Bearer key" if authenticated else None]
