"""Reports about deliveries: no person needed, and the spec agrees."""

from inspect import signature
from typing import get_args

import pytest
from spec_checks import SCHEMAS, problems, sent

from cio_facade import deliveries
from cio_facade.errors import ValidationError
from cio_facade.events import customerio

FULL = {
    "recipient": "token-1",
    "reason": "no route",
    "action_value": "Buy",
    "href": "https://example.com/a?b=c",
}


def test_a_report_carries_what_is_known_and_needs_nobody():
    message = deliveries.report("d1", "clicked", **FULL)
    assert message.to_dict() == {
        "type": "track",
        "event": "Report Delivery Event",
        "properties": {
            "deliveryId": "d1",
            "metric": "clicked",
            "recipient": "token-1",
            "reason": "no route",
            "actionValue": "Buy",
            "href": "https://example.com/a?b=c",
        },
    }
    assert problems(sent(message)) == []
    event = customerio.ReportDeliveryEvent.from_dict(sent(message)["properties"])
    assert event == customerio.ReportDeliveryEvent(delivery_id="d1", metric="clicked", **FULL)


@pytest.mark.parametrize("metric", SCHEMAS["DeliveryMetric"]["enum"])
def test_every_metric_of_the_spec_can_be_reported(metric):
    assert problems(sent(deliveries.report("d1", metric))) == []
    assert metric in get_args(customerio.DeliveryMetric)


def test_a_report_on_content_carries_its_numbers():
    message = deliveries.report_content("clicked_content", 12, 3)
    assert message.to_dict() == {
        "type": "track",
        "event": "Report Content Event",
        "properties": {"actionType": "clicked_content", "contentId": 12, "templateId": 3},
    }
    assert problems(sent(message)) == []


@pytest.mark.parametrize("action", SCHEMAS["ContentAction"]["enum"])
def test_every_action_of_the_spec_can_be_reported(action):
    assert problems(sent(deliveries.report_content(action, 12))) == []
    assert action in get_args(customerio.ContentAction)


def test_a_deliverys_id_may_be_longer_than_a_persons():
    assert problems(sent(deliveries.report("d" * 300, "opened"))) == []


def test_metrics_and_actions_are_typed_by_the_spec():
    assert signature(deliveries.report).parameters["metric"].annotation == "customerio.DeliveryMetric"
    assert signature(deliveries.report_content).parameters["action_type"].annotation == "customerio.ContentAction"
    assert set(get_args(customerio.DeliveryMetric)) == set(SCHEMAS["DeliveryMetric"]["enum"])
    assert set(get_args(customerio.ContentAction)) == set(SCHEMAS["ContentAction"]["enum"])


def test_a_report_may_name_a_person_and_takes_the_builders_fields():
    for message in (
        deliveries.report("d1", "opened", user_id="u1", timestamp="2026-01-31T12:00:00Z"),
        deliveries.report_content("viewed_content", 12, user_id="u1", timestamp="2026-01-31T12:00:00Z"),
    ):
        call = sent(message)
        assert (call["userId"], call["timestamp"]) == ("u1", "2026-01-31T12:00:00Z")
        assert problems(call) == []


@pytest.mark.parametrize("delivery_id", [None, "", " ", True, 1.5])
def test_a_report_without_a_delivery_is_refused(delivery_id):
    with pytest.raises(ValidationError) as refused:
        sent(deliveries.report(delivery_id, "opened"))
    assert refused.value.field == "properties.deliveryId"


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_report_of_nothing_is_refused(nothing):
    with pytest.raises(ValidationError) as refused:
        sent(deliveries.report("d1", nothing))
    assert refused.value.field == "properties.metric"
    with pytest.raises(ValidationError) as refused:
        sent(deliveries.report_content(nothing, 12))
    assert refused.value.field == "properties.actionType"
