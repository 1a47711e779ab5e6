"""What a typed event says when a field holds what it cannot write, and where: at acceptance, of one message alone."""

from datetime import UTC, datetime

import attrs
import pytest
from cio_pipelines import models

from cio_facade import CustomerIO, Outbox, ValidationError, messages
from cio_facade.events import customerio, ecommerce, email
from cio_facade.misfits import misfit
from cio_facade.testing import RecordingTransport

Order, Product = ecommerce.OrderCompleted, ecommerce.Product
ANN = {"email": "ann@example.com"}
BY_DICT = "use its class, or make all of it of a dict: "

UNFIT = [
    (Order(products=[ANN]), "OrderCompleted.products[0]", f"a dict, and the field is list[Product]; {BY_DICT}"),
    (Order(products=[Product(), ANN]), "OrderCompleted.products[1]", "a dict, and the field is list[Product]; "),
    (
        Order(products=[Product(), None]),
        "OrderCompleted.products[1]",
        "None, and the field is list[Product]; leave out",
    ),
    (Order(products=None), "OrderCompleted.products", "None, and the field is list[Product]; leave out"),
    (Order(products="ann@example.com"), "OrderCompleted.products", "a str, and the field is list[Product]; use its"),
    (Order(products=ANN), "OrderCompleted.products", f"a dict, and the field is list[Product]; {BY_DICT}"),
    (Order(products=7), "OrderCompleted.products", "a int, and the field is list[Product]; use its class"),
    (
        customerio.DeviceCreatedOrUpdated(user_id="u1", context=customerio.DeviceContext(device=ANN)),
        "DeviceCreatedOrUpdated.context.device",
        f"a dict, and the field is PushDevice; {BY_DICT}DeviceCreatedOrUpdated.from_dict(...)",
    ),
    (
        customerio.DeviceCreatedOrUpdated(user_id="u1", context=ANN),
        "DeviceCreatedOrUpdated.context",
        "a dict, and the field is DeviceContext; ",
    ),
    (email.EmailOpened(email_id="e-1", context=ANN), "EmailOpened.context", "a dict, and the field is "),
]
unfit = pytest.mark.parametrize(("event", "field", "problem"), UNFIT, ids=[field for _, field, _ in UNFIT])


@pytest.fixture
def transport():
    return RecordingTransport()


@pytest.fixture
def cio(transport):
    with CustomerIO("key", transport=transport) as client:
        yield client


@unfit
def test_the_error_names_the_event_and_the_field_and_never_the_value(cio, transport, event, field, problem):
    with pytest.raises(ValidationError) as caught:
        cio.track("u1", event)
    assert caught.value.field == field
    assert caught.value.problem.startswith(f"is {problem}")
    assert "ann" not in str(caught.value)
    assert caught.value.__context__ is None
    assert not transport.requests


@unfit
def test_of_a_stream_it_costs_one_message(cio, event, field, problem):
    report = cio.send_many(messages.track("u1", one) for one in (Order(order_id="o-1"), event, Order(order_id="o-2")))
    assert (report.accepted, report.delivered, report.rejected) == (3, 2, 1)
    (letter,) = report.dead_letters
    assert letter.index == 1
    assert letter.reason.startswith(f"{field}: is {problem}")


@unfit
def test_an_outbox_takes_none(cio, event, field, problem):
    with Outbox(cio) as outbox, pytest.raises(ValidationError, match=problem[:4]) as caught:
        outbox.put(messages.track("u1", event, timestamp=datetime(2026, 1, 31, tzinfo=UTC)))
    assert caught.value.field == field


@unfit
def test_such_a_message_can_be_looked_at_and_compared(event, field, problem):
    message = messages.track("u1", event)
    assert repr(message) == f"<Message track {event.event_name!r}>"
    assert message == messages.track("u1", event)
    assert event.event_name in message._repr_html_()


CALLS = [
    (
        models.Track(event="Signed Up", user_id="u1", context=ANN),
        "Track.context",
        "is a dict, and the field is Context",
    ),
    (models.Track(event="Signed Up", user_id="u1", timestamp="now"), "Track.timestamp", "and the field is datetime."),
    (models.Batch(batch=[ANN]), "Batch.batch[0]", "is a dict, and the field is list["),
]


@pytest.mark.parametrize(("call", "field", "problem"), CALLS, ids=[field for _, field, _ in CALLS])
def test_a_call_model_says_it_too(cio, call, field, problem):
    with pytest.raises(ValidationError) as caught:
        cio.send(call)
    assert caught.value.field == field
    assert problem in caught.value.problem


def test_traits_and_values_deep_inside_say_it_too(cio):
    with pytest.raises(ValidationError, match=r"^IdentifyTraits\.created_at: is a str, and the field is datetime"):
        cio.identify("u1", models.IdentifyTraits(created_at="2026-01-31"))
    deep = {"cart": [Order(products=[ANN])]}
    with pytest.raises(ValidationError, match=r"properties\.cart\[0\]: .*OrderCompleted\.products\[0\]: is a dict"):
        cio.track("u1", "Cart Saved", deep)


@pytest.mark.parametrize("event", [Order(total="3"), Order(total=None, products=(Product(),)), Order(order_id=5)])
def test_what_can_be_written_is_sent_whatever_its_type(cio, event):
    assert cio.track("u1", event).status == 200
    assert misfit(event) is None


@attrs.define
class Strange:
    """A class of somebody else, with a field that was never set."""

    never: str = attrs.field(init=False)

    def to_dict(self):
        raise RuntimeError("ann@example.com")


def test_of_a_class_of_somebody_else_nothing_is_known():
    assert misfit(Strange()) is None
    assert misfit("text") is None


def test_what_is_laid_on_a_typed_event_and_is_no_object_is_refused(cio):
    """It was dropped without a word."""
    with pytest.raises(ValidationError, match="properties: must be an object"):
        cio.track("u1", Order(order_id="o-1"), ["gift"])
    with pytest.raises(ValidationError, match="context: must be an object"):
        cio.track("u1", email.EmailOpened(email_id="e-1", context=email.EmailActivityContext()), context="mine")
