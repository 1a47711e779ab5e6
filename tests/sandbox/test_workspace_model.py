"""Whatever calls come, in whatever order: the sandbox's workspace is what a plain model of it says."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspace_model import GONE, Model, Somebody

from cio_facade.sandbox.checks import Checks
from cio_facade.sandbox.examine import Examiner
from cio_facade.sandbox.objects import Objects
from cio_facade.sandbox.people import People, suppressed
from cio_facade.sandbox.records import Call, RequestRecord
from cio_facade.sandbox.reports import contents, deliveries
from cio_facade.sandbox.rules import Rules, published
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.workspace import Effect, Workspace

RULES = Rules.read(published())
EXAMINER = Examiner(RULES, Checks(published(), RULES))
DISK_FULL = "Disk Full"

# Few of everything, so that calls meet. What is an address may be a user id, and a user id an anonymous one.
addresses = st.sampled_from(["ann@example.com", "ANN@example.com", "bob@example.com"])
users = st.sampled_from(["u1", "u2", "u3", "u1", "u2", "ann@example.com"])
strangers = st.sampled_from(["a1", "a1", "a2", "u3"])
objects = st.sampled_from(["acme", "globex"])
tokens = st.sampled_from(["t1", "t2"])
values = st.sampled_from([None, "", "x", 0, 1, True, [1], {"deep": None}])
some = st.dictionaries(st.sampled_from(["plan", "city"]), values, max_size=2)
agreed = st.dictionaries(st.sampled_from(["topic_1", "topic_2"]), st.booleans(), max_size=2)
preferences = st.fixed_dictionaries({}, optional={"topics": agreed, "channels": agreed})


def optional(required: dict[str, Any], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=members)


traits = optional(
    {},
    email=addresses,
    plan=values,
    city=values,
    cio_subscription_preferences=preferences,
    **{f"cio_subscription_preferences.topics.topic_{n}": st.sampled_from([True, False, None]) for n in (1, 2)},
)
grouped = optional(
    {},
    plan=values,
    object_type_id=st.sampled_from(["1", "2"]),
    objectTypeId=st.sampled_from([1, 2, "2"]),
    relationshipAttributes=some,
)
reference = optional({"objectId": objects}, objectTypeId=st.sampled_from([1, 2]))
context = st.fixed_dictionaries({"device": optional({"token": tokens}, type=st.sampled_from(["ios", "android"]))})
delivery = optional(
    {"deliveryId": st.just("d1"), "metric": st.sampled_from(["opened", "clicked"])}, recipient=st.just("x")
)
content = optional({"actionType": st.just("viewed_content")}, contentId=st.integers(1, 2), templateId=st.just(3))

someone = st.one_of(
    st.fixed_dictionaries({"userId": users}),
    st.fixed_dictionaries({"anonymousId": strangers}),
    st.fixed_dictionaries({"userId": users, "anonymousId": strangers}),
)
a_user = optional({"userId": users}, anonymousId=strangers)
anybody: st.SearchStrategy[dict[str, Any]] = st.just({}) | someone
message = optional({}, messageId=st.sampled_from(["m1", "m2", "m3"]))


def call(type_: str, identity: st.SearchStrategy[Any], /, **members: Any) -> st.SearchStrategy[dict[str, Any]]:
    constant = {name: one if isinstance(one, st.SearchStrategy) else st.just(one) for name, one in members.items()}
    parts = st.tuples(identity, st.fixed_dictionaries(constant), message)
    return parts.map(lambda found: {"type": type_, **found[0], **found[1], **found[2]})


def event(name: str, identity: st.SearchStrategy[Any], **members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return call("track", identity, event=name, **members)


identifying = call("identify", someone, traits=traits)
by_address = call(
    "identify", st.just({}), traits=st.builds(lambda known, email: {**known, "email": email}, traits, addresses)
)
merging = call("alias", st.just({}), userId=users, previousId=users | strangers)
grouping = call("group", someone, groupId=objects, traits=grouped)
registering = event("Device Created or Updated", a_user, context=context, properties=some)
making = st.one_of(identifying, by_address, grouping, registering, call("track", someone, event="Page Read"))
ordinary = st.one_of(
    call("track", someone, event="Page Read"),
    call("track", st.just({"groupId": "acme"}), event="Of An Object"),
    call("page", someone),
    call("screen", someone),
)
removing = st.one_of(
    event("Device Deleted", a_user, context=context),
    event("Object Deleted", optional({"anonymousId": strangers}, userId=users), properties=reference),
    event("Group Deleted", st.fixed_dictionaries({"anonymousId": strangers}), properties=reference),
    event("Relationship Deleted", a_user, properties=reference),
)
leaving = st.one_of(event("User Deleted", a_user), event("User Suppressed", a_user))
returning = event("User Unsuppressed", a_user)
reporting = st.one_of(
    event("Report Delivery Event", anybody, properties=delivery),
    event("Report Content Event", anybody, properties=content),
)
# More is made than removed, or there would never be much to merge.
calls = st.sampled_from(
    [making] * 6 + [identifying] * 3 + [merging] * 6 + [ordinary] * 2 + [removing] * 2 + [leaving, returning, reporting]
).flatmap(lambda kind: kind)
faulty = st.just({"type": "track", "userId": "u1"})
failing = st.just({"type": "track", "userId": "u1", "event": DISK_FULL})


@dataclass(frozen=True)
class Request:
    calls: Sequence[dict[str, Any]]
    strict: bool


RESTART = "restart"
founding = st.builds(Request, st.lists(making, min_size=8, max_size=12), st.just(True))
one = st.builds(Request, st.lists(calls, min_size=1, max_size=1), st.booleans())
many = st.builds(Request, st.lists(calls, min_size=6, max_size=12), st.booleans())
mixed = st.builds(Request, st.lists(calls | faulty, min_size=2, max_size=4), st.booleans())
failed = st.builds(lambda before, last: Request([*before, last], False), st.lists(calls, max_size=3), failing)
steps = st.builds(
    lambda first, rest: [first, *rest],
    founding,
    st.lists(st.one_of(many, many, many, one, mixed, failed, st.just(RESTART)), min_size=3, max_size=8),
)


class FailingWorkspace(Workspace):
    """Breaks in the middle of a request, when a certain event comes."""

    def apply(self, db: sqlite3.Connection, call: Call, time: str) -> Effect:
        effect = super().apply(db, call, time)
        if call.said.get("event") == DISK_FULL:
            raise sqlite3.OperationalError("database or disk is full")
        return effect


class Station:
    """The sandbox without its socket: it examines requests, and keeps them in a file."""

    def __init__(self, path: Path, *, drop_repeats: bool) -> None:
        self._path, self._drop_repeats = path, drop_repeats
        self._open()

    def _open(self) -> None:
        self.storage = Storage(self._path, FailingWorkspace(RULES.acting), drop_repeats=self._drop_repeats)

    def restart(self) -> None:
        self.storage.close()
        self._open()

    def receive(self, request: Request, time: str) -> None:
        if len(request.calls) == 1:
            (one,) = request.calls
            outcome = EXAMINER.single(one["type"], orjson.dumps(one))
        else:
            outcome = EXAMINER.batch(orjson.dumps({"batch": request.calls}))
        status = 400 if outcome.problems and request.strict else 200
        self.storage.record(RequestRecord(time, "/v1/batch", status=status), outcome.calls)


class Expectation:
    """What the model makes of requests: those that are refused do nothing, and of the others what is faulty."""

    def __init__(self, *, drop_repeats: bool) -> None:
        self.model = Model()
        self._drop_repeats = drop_repeats
        self._ids: set[str] = set()

    def receive(self, request: Request, time: str) -> None:
        right = [one for one in request.calls if one["type"] != "track" or "event" in one]
        if request.strict and right != request.calls:
            return
        for one in right:
            is_repeat = one.get("messageId") in self._ids
            if not (is_repeat and self._drop_repeats):
                self.model.take(one, time)
            self._ids |= {one["messageId"]} if "messageId" in one else set()


def seen_in(storage: Storage) -> dict[str, Any]:
    """All that the workspace holds, as users read it."""
    people = People(storage.read)
    return {
        "people": {
            one.number: {
                "user_id": one.user_id,
                "email": one.email,
                "traits": one.traits,
                "seen": (one.first_seen, one.last_seen),
                "anonymous_ids": one.anonymous_ids,
                "merged_ids": one.merged_ids,
                "devices": {device.token: [device.type, device.attributes] for device in one.devices},
                "related": {text_of((r.object_type_id, r.object_id)): r.attributes for r in one.relationships},
                "calls": one.calls,
            }
            for one in people.all()
        },
        "user_ids": list(people),
        "objects": {
            text_of((one.object_type_id, one.object_id)): (one.attributes, one.people)
            for one in Objects(storage.read).all()
        },
        "suppressed": sorted(suppressed(storage.read)),
        "deliveries": [(one.delivery_id, one.metric, one.recipient) for one in deliveries(storage.read)],
        "contents": [(one.action_type, one.content_id, one.template_id) for one in contents(storage.read)],
        "whose": [tuple(row) for row in storage.read("SELECT body, person FROM calls ORDER BY id")],
        "strangers": {
            name: orjson.loads(known)
            for name, known in storage.read("SELECT anonymous_id, traits FROM anonymous WHERE person IS NULL")
        },
        "devices": len(storage.read("SELECT * FROM devices")),
        "relationships": len(storage.read("SELECT * FROM relationships")),
        "merges": len(storage.read("SELECT * FROM merges")),
    }


def told_by(model: Model) -> dict[str, Any]:
    def related(one: Somebody) -> dict[str, Any]:
        return {text_of(key): attributes for (who, key), attributes in model.related.items() if who is one}

    def names(of: dict[str, Somebody], one: Somebody) -> tuple[str, ...]:
        return tuple(sorted(name for name, who in of.items() if who is one))

    def in_relation(key: tuple[str, str]) -> Iterator[Somebody]:
        return (one for one in model.people if text_of(key) in related(one))

    return {
        "people": {
            one.number: {
                "user_id": one.user_id,
                "email": one.email,
                "traits": one.traits,
                "seen": (one.first_seen, one.last_seen),
                "anonymous_ids": names(model.links, one),
                "merged_ids": names(model.merged, one),
                "devices": {token: device for token, (owner, *device) in model.devices.items() if owner is one},
                "related": related(one),
                "calls": [kept.call for kept in model.kept if kept.whose is one],
            }
            for one in model.people
        },
        "user_ids": [one.user_id for one in model.people if one.user_id],
        "objects": {
            text_of(key): (attributes, tuple(one.user_id for one in in_relation(key) if one.user_id))
            for key, attributes in model.objects.items()
        },
        "suppressed": sorted(model.suppressed),
        "deliveries": [(one["deliveryId"], one["metric"], one.get("recipient")) for one in model.deliveries],
        "contents": [(one["actionType"], one.get("contentId"), one.get("templateId")) for one in model.contents],
        "whose": [(orjson.dumps(kept.call).decode(), number_of(kept.whose)) for kept in model.kept],
        "strangers": model.strangers,
        "devices": len(model.devices),
        "relationships": sum(isinstance(owner, Somebody) for owner, _ in model.related),
        "merges": len(model.merged),
    }


def number_of(whose: Any) -> int | None:
    return 0 if whose is GONE else whose.number if whose else None


def text_of(key: tuple[str, str]) -> str:
    return "/".join(key)


def exactly(state: dict[str, Any]) -> bytes:
    """As JSON has it, where true is not 1."""
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


@given(steps, st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_workspace_is_what_a_plain_model_says(told: list[Any], drop_repeats: bool) -> None:
    """After each request; a restart and a request that is refused, or fails in its middle, change nothing."""
    with tempfile.TemporaryDirectory() as folder:
        station = Station(Path(folder) / "calls.db", drop_repeats=drop_repeats)
        expectation = Expectation(drop_repeats=drop_repeats)
        for moment, step in enumerate(told):
            time = f"2026-01-01T00:{moment:02}:00.000+00:00"
            if step == RESTART:
                station.restart()
            elif any(one.get("event") == DISK_FULL for one in step.calls):
                with pytest.raises(sqlite3.OperationalError):
                    station.receive(step, time)
            else:
                station.receive(step, time)
                expectation.receive(step, time)
            found, expected = seen_in(station.storage), told_by(expectation.model)
            assert found == expected
            assert exactly(found) == exactly(expected)
        station.storage.close()
