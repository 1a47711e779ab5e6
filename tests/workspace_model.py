"""What calls do to a workspace, in plain words of Python: to be read as the specification of the sandbox's.

It knows calls that are right, one after another; no storage, no transaction, no checks. Written apart from the sandbox.
"""

from dataclasses import dataclass, field
from typing import Any

Call = dict[str, Any]

# Whose a call is: somebody's, nobody's yet (None), or that of somebody who was deleted.
GONE = object()


@dataclass(eq=False)
class Somebody:
    number: int
    user_id: str | None
    first_seen: str
    last_seen: str
    traits: dict[str, Any] = field(default_factory=dict)

    @property
    def email(self) -> str | None:
        email = self.traits.get("email")
        return email if isinstance(email, str) and email else None


@dataclass(eq=False)
class Kept:
    """An accepted call, and whose it is."""

    call: Call
    whose: Any


def told(known: dict[str, Any], said: dict[str, Any], removing: tuple[Any, ...] = (None,)) -> dict[str, Any]:
    """A member replaces the one before, whole; null removes it; one topic or channel can be named by its path."""
    known = dict(known)
    for name, value in said.items():
        match name.split(".", 2):
            case ["cio_subscription_preferences", kind, one] if kind and one and value in (True, False, None):
                preferences = dict(known.get("cio_subscription_preferences", {}))
                ones = dict(preferences.get(kind, {}))
                ones[one] = value
                if value is None:
                    del ones[one]
                known["cio_subscription_preferences"] = {**preferences, kind: ones}
            case _ if value in removing:
                known.pop(name, None)
            case _:
                known[name] = value
    return known


def filled(own: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What one has holds; what is missing or empty comes from the other."""
    missing = {name: value for name, value in other.items() if name not in own or own[name] == ""}
    return {**own, **missing}


def object_key(name: str, said: dict[str, Any]) -> tuple[str, str]:
    """The type may be a text or a whole number, under either name; it is 1 where nothing is said."""
    type_ = said.get("object_type_id")
    if type_ is None:
        type_ = said.get("objectTypeId")
    return ("1" if type_ is None else str(type_), name)


class Model:
    def __init__(self) -> None:
        self.made = 0
        self.people: list[Somebody] = []
        self.links: dict[str, Somebody] = {}  # by anonymous id
        self.strangers: dict[str, dict[str, Any]] = {}  # traits by anonymous id
        self.merged: dict[str, Somebody] = {}  # heir by the id that was given up
        self.suppressed: dict[str, str | None] = {}  # address by user id
        self.devices: dict[str, tuple[Somebody, str | None, dict[str, Any]]] = {}
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.related: dict[tuple[Any, tuple[str, str]], dict[str, Any]] = {}  # by (somebody or anonymous id, object)
        self.deliveries: list[dict[str, Any]] = []
        self.contents: list[dict[str, Any]] = []
        self.kept: list[Kept] = []

    def take(self, call: Call, time: str) -> None:
        self.time = time
        whose = self.do(call)
        if whose is not None:
            whose.last_seen = time
        self.kept.append(Kept(call, whose))

    def do(self, call: Call) -> Somebody | None:
        deeds = {
            "User Unsuppressed": self.unsuppress,
            "User Deleted": self.delete,
            "User Suppressed": self.suppress,
            "Device Created or Updated": self.register,
            "Device Deleted": self.unregister,
            "Object Deleted": self.delete_object,
            "Group Deleted": self.delete_object,
            "Relationship Deleted": self.unrelate,
            "Report Delivery Event": lambda call: self.report(self.deliveries, call),
            "Report Content Event": lambda call: self.report(self.contents, call),
        }
        others = {"identify": self.identify, "alias": self.alias, "group": self.group}
        deed = deeds.get(call["event"], self.whose) if call["type"] == "track" else others.get(call["type"], self.whose)
        ids = {call.get("userId"), call["previousId"] if call["type"] == "alias" else None}
        if deed != self.unsuppress and ids & self.suppressed.keys():
            return None
        return deed(call)

    # Who it is

    def of_user(self, user_id: str | None) -> Somebody | None:
        return next((one for one in self.people if one.user_id == user_id), None) if user_id else None

    def of_email(self, email: str | None) -> Somebody | None:
        return next((one for one in self.people if email and self.has(one, email)), None)

    def has(self, one: Somebody, email: str) -> bool:
        return (one.email or "").lower() == email.lower()

    def make(self, user_id: str | None) -> Somebody:
        self.made += 1
        self.people.append(Somebody(self.made, user_id, self.time, self.time))
        return self.people[-1]

    def known(self, call: Call) -> Somebody | None:
        if "userId" in call:
            return self.of_user(call["userId"])
        return self.links.get(call.get("anonymousId", ""))

    def whose(self, call: Call) -> Somebody | None:
        return self.known(call) or (self.make(call["userId"]) if "userId" in call else None)

    # What is said of people

    def identify(self, call: Call) -> Somebody | None:
        traits = call.get("traits", {})
        email = traits.get("email") or None
        user_id, anonymous_id = call.get("userId"), call.get("anonymousId")
        one = self.known(call)
        if one is None and user_id:
            without_id = [one for one in self.people if not one.user_id and email]
            one = next((one for one in without_id if self.has(one, email)), None) or self.make(user_id)
            one.user_id = user_id
        elif one is None and email:
            if email.lower() in {(address or "").lower() for address in self.suppressed.values()}:
                return None
            one = self.of_email(email) or self.make(None)
        elif one is None:
            if anonymous_id:
                self.strangers[anonymous_id] = told(self.strangers.get(anonymous_id, {}), traits)
            return None
        if anonymous_id:
            self.link(anonymous_id, one)
        one.traits = told(one.traits, traits)
        return one

    def link(self, anonymous_id: str, one: Somebody) -> None:
        if self.links.get(anonymous_id) is one:
            return
        self.links[anonymous_id] = one
        one.traits = filled(one.traits, self.strangers.pop(anonymous_id, {}))
        for kept in self.kept:
            if kept.whose is None and kept.call.get("anonymousId") == anonymous_id and "userId" not in kept.call:
                kept.whose = one
        self.hand_over(anonymous_id, one)

    def alias(self, call: Call) -> Somebody | None:
        heir, previous = self.of_user(call["userId"]), self.of_user(call["previousId"])
        if call["userId"] == call["previousId"]:
            return heir
        heir = heir or self.make(call["userId"])
        if previous is None:
            self.link(call["previousId"], heir)
            return heir
        heir.traits = filled(heir.traits, previous.traits)
        heir.first_seen = min(heir.first_seen, previous.first_seen)
        self.people.remove(previous)
        self.links = {name: heir if one is previous else one for name, one in self.links.items()}
        self.merged = {name: heir if one is previous else one for name, one in self.merged.items()}
        self.merged[call["previousId"]] = heir
        if self.merged.get(call["userId"]) is heir:
            del self.merged[call["userId"]]
        for token, (owner, type_, attributes) in self.devices.items():
            self.devices[token] = (heir if owner is previous else owner, type_, attributes)
        for kept in self.kept:
            kept.whose = heir if kept.whose is previous else kept.whose
        self.hand_over(previous, heir)
        return heir

    def hand_over(self, owner: Any, heir: Somebody) -> None:
        for (related, key), attributes in list(self.related.items()):
            if related == owner:
                del self.related[related, key]
                self.related[heir, key] = filled(self.related.get((heir, key), {}), attributes)

    # Who leaves

    def delete(self, call: Call) -> None:
        if one := self.of_user(call["userId"]) or self.of_email(call["userId"]):
            self.remove(one)

    def suppress(self, call: Call) -> None:
        one = self.of_user(call["userId"])
        self.suppressed[call["userId"]] = one.email if one else None
        if one:
            self.remove(one)

    def unsuppress(self, call: Call) -> Somebody | None:
        if call["userId"] in self.suppressed:
            del self.suppressed[call["userId"]]
        return self.of_user(call["userId"])

    def remove(self, gone: Somebody) -> None:
        self.people.remove(gone)
        self.links = {name: one for name, one in self.links.items() if one is not gone}
        self.merged = {name: one for name, one in self.merged.items() if one is not gone}
        self.devices = {token: device for token, device in self.devices.items() if device[0] is not gone}
        self.related = {key: attributes for key, attributes in self.related.items() if key[0] is not gone}
        for kept in self.kept:
            if kept.whose is gone:
                kept.whose = None if "userId" in kept.call else GONE

    # Things

    def group(self, call: Call) -> Somebody | None:
        one = self.whose(call)
        traits = call.get("traits", {})
        special = ("object_type_id", "objectTypeId", "relationshipAttributes")
        key = object_key(call["groupId"], traits)
        attributes = {name: value for name, value in traits.items() if name not in special}
        self.objects[key] = told(self.objects.get(key, {}), attributes, (None, ""))
        pair = (one or call["anonymousId"], key)
        self.related[pair] = told(self.related.get(pair, {}), traits.get("relationshipAttributes", {}), (None, ""))
        return one

    def delete_object(self, call: Call) -> Somebody | None:
        key = object_key(call["properties"]["objectId"], call["properties"])
        self.objects.pop(key, None)
        self.related = {pair: attributes for pair, attributes in self.related.items() if pair[1] != key}
        return self.known(call)

    def unrelate(self, call: Call) -> Somebody | None:
        one = self.of_user(call["userId"]) or self.of_email(call["userId"])
        self.related.pop((one, object_key(call["properties"]["objectId"], call["properties"])), None)
        return one

    def register(self, call: Call) -> Somebody | None:
        one, device = self.whose(call), call["context"]["device"]
        _, type_, attributes = self.devices.get(device["token"], (None, None, {}))
        known = told(attributes, call.get("properties", {}))
        assert one is not None
        self.devices[device["token"]] = (one, device.get("type", type_), known)
        return one

    def unregister(self, call: Call) -> Somebody | None:
        one, token = self.known(call), call["context"]["device"]["token"]
        if one and token in self.devices and self.devices[token][0] is one:
            del self.devices[token]
        return one

    def report(self, reports: list[dict[str, Any]], call: Call) -> Somebody | None:
        reports.append(call["properties"])
        return self.known(call)
