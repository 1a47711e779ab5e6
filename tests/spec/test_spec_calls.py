"""Which calls the schemas take and which they refuse."""

from functools import cache

import jsonschema_rs
import pytest

DEVICE = {"device": {"token": "t", "type": "ios"}}
TOPICS = {"topics": {"topic_1": True}}
OBJECT = {"objectId": "acme", "objectTypeId": 1}

ACCEPTED = [
    ("Identify", {"userId": "u"}),
    ("Identify", {"anonymousId": "a"}),
    ("Identify", {"userId": "u", "anonymousId": "a", "type": "identify"}),
    ("Identify", {"traits": {"email": "ann@example.com"}}),
    ("Identify", {"userId": "u", "traits": {"plan": "pro", "cio_subscription_preferences": TOPICS}}),
    ("Identify", {"userId": "u", "context": {"ip": "8.8.8.8", "page": {"path": "/"}, "device": {"id": "d"}, "own": 1}}),
    ("Track", {"userId": "u", "event": "Course Started", "properties": {"anything": [1, {"goes": None}]}}),
    ("Track", {"groupId": "acme", "event": "Invoice Paid"}),
    ("Track", {"event": "Report Delivery Event", "properties": {"deliveryId": "d", "metric": "opened"}}),
    ("Track", {"event": "Report Content Event", "properties": {"actionType": "viewed_content"}}),
    ("Page", {"userId": "u", "category": "Docs", "name": "Home"}),
    ("Screen", {"anonymousId": "a", "category": "Main", "name": "Feed"}),
    (
        "Group",
        {"userId": "u", "groupId": "acme", "traits": {"object_type_id": "2", "relationshipAttributes": {"r": 1}}},
    ),
    ("Alias", {"userId": "new", "previousId": "old"}),
    ("Batch", {"batch": [{"type": "alias", "userId": "u", "previousId": "v"}, {"type": "identify", "userId": "u"}]}),
    ("Batch", {"batch": [], "context": {"ip": "8.8.8.8"}, "integrations": {"All": False}}),
    ("DeviceCreatedOrUpdated", {"userId": "u", "context": DEVICE, "properties": {"app_version": "1.0"}}),
    ("ObjectDeleted", {"anonymousId": "any", "properties": OBJECT}),
    ("RelationshipDeleted", {"userId": "u", "properties": {"objectId": "acme"}}),
    ("OrderCompleted", {"order_id": "o-1", "total": 99.9, "products": [{"sku": "s", "own": True}]}),
]

REFUSED = [
    ("Identify", {}),
    ("Identify", {"userId": ""}),
    ("Identify", {"userId": 7}),
    ("Identify", {"userId": None, "traits": {"email": "ann@example.com"}}),
    ("Identify", {"traits": {"name": "Ann"}}),
    ("Identify", {"userId": "u", "type": "track"}),
    ("Identify", {"userId": "u", "timestamp": "yesterday"}),
    ("Identify", {"userId": "u", "integrations": {"All": "no"}}),
    ("Identify", {"userId": "u", "context": {"channel": "fax"}}),
    ("Track", {"userId": "u"}),
    ("Track", {"userId": "u", "event": ""}),
    ("Track", {"event": "Course Started"}),
    ("Track", {"event": "User Deleted"}),
    ("Track", {"userId": "u", "event": "e", "properties": "text"}),
    ("Page", {"name": "Home"}),
    ("Screen", {"name": "Feed"}),
    ("Group", {"userId": "u"}),
    ("Group", {"groupId": "acme"}),
    ("Alias", {"userId": "new"}),
    ("Alias", {"previousId": "old"}),
    ("Batch", {"batch": [{"userId": "u", "event": "untyped"}]}),
    ("Batch", {"batch": [{"type": "track", "userId": "u"}]}),
    ("Batch", {"batch": [{"type": "delete", "userId": "u"}]}),
    ("DeviceCreatedOrUpdated", {"userId": "u", "context": {"device": {"type": "ios"}}}),
    ("DeviceDeleted", {"userId": "u"}),
    ("ObjectDeleted", {"userId": "u", "properties": OBJECT}),
    ("RelationshipDeleted", {"userId": "u", "properties": {}}),
    ("UserDeleted", {"userId": "u", "event": "User Suppressed"}),
    ("ReportDeliveryEvent", {"deliveryId": "d", "metric": "bounced"}),
    ("ReportContentEvent", {"activityType": "viewed_content"}),
    ("EmailOpened", {"email_subject": "Hello"}),
    ("OrderCompleted", {"total": "99.90"}),
    ("VideoPlaybackPaused", {"sound": 101}),
]


@pytest.fixture(scope="module")
def validator(spec):
    @cache
    def build(name):
        schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    return build


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_valid_values_are_accepted(validator, name, value):
    assert [error.message for error in validator(name).iter_errors(value)] == []


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_faulty_values_are_refused(validator, name, value):
    assert not validator(name).is_valid(value)


def test_every_component_schema_compiles(spec, validator):
    for name in spec["components"]["schemas"]:
        validator(name)
