"""``demo --live``: small, recognisable, and gone afterwards."""

import os
import signal

import pytest

from cio_facade import AuthenticationError, CustomerIO, NetworkError, messages
from cio_facade.demo import live
from cio_facade.demo.brake import Brake, Stopped
from cio_facade.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(api_keys=["key"]) as sandbox:
        yield sandbox


def connection(sandbox: Sandbox, key: str = "key"):
    return lambda: CustomerIO(key, base_url=sandbox.url)


def left(calls: list[dict]) -> dict[str, set]:
    """What is there after the calls, one by one."""
    people, objects, devices = set(), set(), set()
    for call in calls:
        match call.get("event"):
            case "User Deleted":
                people.discard(call["userId"])
            case "Object Deleted":
                objects.discard(call["properties"]["objectId"])
            case "Device Deleted":
                devices.discard(call["context"]["device"]["token"])
            case "Device Created or Updated":
                devices.add(call["context"]["device"]["token"])
            case "Relationship Deleted":
                pass
            case _:
                people.add(call["userId"])
                objects |= {call["groupId"]} if call["type"] == "group" else set()
    return {"people": people, "objects": objects, "devices": devices}


def test_the_plan_is_small_and_all_its_ids_bear_its_name():
    plan = live.plan()
    rows = [(table, line.row) for table, rows in plan.parts.items() for line in rows]
    assert 20 < len(rows) < 60
    assert {table.name for table, _ in rows} >= {"people", "companies", "memberships", "devices", "orders"}
    for table, row in rows:
        call = table.build(row, "id").call
        assert call["userId"].startswith(plan.name)
        assert call.get("groupId", plan.name).startswith(plan.name)


def test_two_plans_share_no_id():
    assert live.plan().name != live.plan().name


def test_people_are_unsubscribed_and_live_at_example_com():
    (people,) = (rows for table, rows in live.plan().parts.items() if table.name == "people")
    for line in people:
        assert line.row["unsubscribed"] is True
        assert line.row["email"].endswith("@example.com")


def test_nobody_is_suppressed_since_that_would_outlive_a_deletion(sandbox, screen):
    live.run(connection(sandbox), live.plan(), screen.display)
    assert not sandbox.calls(event="User Suppressed")


def test_what_is_created_is_deleted(sandbox, screen):
    plan = live.plan()
    assert live.run(connection(sandbox), plan, screen.display)
    calls = sandbox.calls()
    assert any(left(calls[:place])["people"] for place in range(len(calls)))
    assert left(calls) == {"people": set(), "objects": set(), "devices": set()}


def test_an_error_half_way_is_followed_by_deletion(sandbox, screen):
    plan = live.plan()

    class Failing(CustomerIO):
        streams = 0

        def send_many(self, *args, **settings):
            Failing.streams += 1
            if Failing.streams == 3:
                raise NetworkError("no answer")
            return super().send_many(*args, **settings)

    with pytest.raises(NetworkError):
        live.run(lambda: Failing("key", base_url=sandbox.url), plan, screen.display)
    assert sandbox.calls(type="identify")
    assert left(sandbox.calls()) == {"people": set(), "objects": set(), "devices": set()}


def test_ctrl_c_half_way_is_followed_by_deletion(sandbox, screen):
    plan = live.plan()

    class Interrupted(CustomerIO):
        streams = 0

        def send_many(self, *args, **settings):
            Interrupted.streams += 1
            if Interrupted.streams == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return super().send_many(*args, **settings)

    with pytest.raises(Stopped):
        live.run(lambda: Interrupted("key", base_url=sandbox.url), plan, screen.display)
    assert sandbox.calls(type="identify")
    assert not sandbox.calls(event="Order Completed")
    assert left(sandbox.calls()) == {"people": set(), "objects": set(), "devices": set()}


def test_a_second_ctrl_c_ends_it_and_tells_what_may_be_left(sandbox, screen):
    plan = live.plan()

    class Interrupted(CustomerIO):
        streams = 0

        def send_many(self, *args, **settings):
            Interrupted.streams += 1
            if Interrupted.streams == 2:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return super().send_many(*args, **settings)

    with pytest.raises(KeyboardInterrupt):
        live.run(lambda: Interrupted("key", base_url=sandbox.url), plan, screen.display)
    assert Interrupted.streams == 2
    assert f"look for ids that begin with {plan.name}" in screen.text


def test_what_could_not_be_deleted_is_told(sandbox, screen):
    plan = live.plan()

    class Breaking(CustomerIO):
        streams = 0

        def send_many(self, *args, **settings):
            Breaking.streams += 1
            if Breaking.streams > 2:
                raise NetworkError("no answer")
            return super().send_many(*args, **settings)

    with pytest.raises(NetworkError):
        live.run(lambda: Breaking("key", base_url=sandbox.url), plan, screen.display)
    assert f"look for ids that begin with {plan.name}" in screen.text


def test_a_wrong_key_creates_nothing_and_deletes_nothing(sandbox, screen):
    with pytest.raises(AuthenticationError):
        live.run(connection(sandbox, "wrong"), live.plan(), screen.display)
    assert "Deleting" not in screen.text
    assert not sandbox.calls()


def test_things_are_deleted_before_what_they_hang_on():
    made = live.Made()
    made.note(messages.identify("u1"))
    made.note(messages.group("u1", "acme", {"object_type_id": "2"}))
    made.note(messages.track("u1", "x", context={"device": {"token": "t", "type": "ios"}}))
    events = [message.call["event"] for message in made.undo()]
    assert events == ["Device Deleted", "Relationship Deleted", "Object Deleted", "User Deleted"]


def test_a_second_ctrl_c_breaks_off_at_once():
    with Brake():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_brake_gives_the_signals_back():
    before = signal.getsignal(signal.SIGTERM)
    with Brake():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
