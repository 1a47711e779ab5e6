"""Objects and relationships, devices, and what became of deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from cio_facade import deliveries, devices, objects


def test_an_object_is_created_changed_and_deleted(workspace: Any) -> None:
    who, what = workspace.person(), workspace.object(2)
    created = workspace.send(objects.create(who, what, {"name": "Acme"}, object_type_id=2))
    changed = workspace.send(objects.update(who, what, {"plan": "pro"}, object_type_id=2))
    deleted = workspace.send(objects.delete(what, object_type_id=2))
    group = {"type": "group", "userId": who, "groupId": what}
    workspace.holds(created, {**group, "traits": {"name": "Acme", "object_type_id": "2"}})
    workspace.holds(changed, {**group, "traits": {"plan": "pro", "object_type_id": "2"}})
    workspace.holds(
        deleted,
        {
            "type": "track",
            "event": "Object Deleted",
            "anonymousId": what,
            "properties": {"objectId": what, "objectTypeId": 2},
        },
    )


def test_a_person_is_related_to_an_object_and_parted_from_it(workspace: Any) -> None:
    who, what = workspace.person(), workspace.object()
    related = workspace.send(objects.relate(who, what, {"role": "admin"}))
    parted = workspace.send(objects.unrelate(who, what))
    workspace.holds(
        related,
        {
            "type": "group",
            "userId": who,
            "groupId": what,
            "traits": {"object_type_id": "1", "relationshipAttributes": {"role": "admin"}},
        },
    )
    workspace.holds(
        parted,
        {
            "type": "track",
            "userId": who,
            "event": "Relationship Deleted",
            "properties": {"objectId": what, "objectTypeId": 1},
        },
    )


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_a_device_is_registered_changed_and_deleted(platform: Any, workspace: Any) -> None:
    who = workspace.person()
    token = f"{who}-token"
    registered = workspace.send(devices.register(who, token, platform, {"app_version": "1.0"}))
    changed = workspace.send(devices.update(who, token, platform, {"app_version": "1.1"}))
    deleted = workspace.send(devices.delete(who, token, platform))
    device = {"device": {"token": token, "type": platform}}
    for receipt, version in ((registered, "1.0"), (changed, "1.1")):
        workspace.holds(
            receipt,
            {
                "type": "track",
                "userId": who,
                "event": "Device Created or Updated",
                "properties": {"app_version": version},
                "context": device,
            },
        )
    workspace.holds(deleted, {"type": "track", "userId": who, "event": "Device Deleted", "context": device})


@pytest.mark.parametrize("metric", ["delivered", "opened", "clicked", "converted"])
def test_a_delivery_is_reported(metric: Any, workspace: Any) -> None:
    delivery = f"{workspace.name}-delivery"
    receipt = workspace.send(deliveries.report(delivery, metric, recipient="token-1"))
    workspace.holds(
        receipt,
        {
            "type": "track",
            "event": "Report Delivery Event",
            "properties": {"deliveryId": delivery, "metric": metric, "recipient": "token-1"},
        },
    )


def test_what_was_done_with_content_is_reported(workspace: Any) -> None:
    receipt = workspace.send(deliveries.report_content("viewed_content", 12, 7))
    workspace.holds(
        receipt,
        {
            "type": "track",
            "event": "Report Content Event",
            "properties": {"actionType": "viewed_content", "contentId": 12, "templateId": 7},
        },
    )
