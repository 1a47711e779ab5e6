"""The sorts of difference between two canonical documents, and which of them break callers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["READ", "RULES", "SENT", "Change", "Kind", "Rule", "Subject", "change_of"]

Kind = Literal["added", "removed", "changed", "renamed"]

Subject = Literal[
    "endpoint",
    "call",
    "event",
    "property",
    "type",
    "required",
    "identity",
    "enum",
    "region",
    "limit",
    "security",
]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Change:
    """One difference; sorts by name."""

    name: str
    """As a caller writes it: ``ecommerce.OrderCompleted.total``."""

    subject: Subject
    kind: Kind
    before: str = ""
    after: str = ""
    breaking: bool


SENT, READ = "sent", "read"
"""What callers do with a schema: they send requests and events, and read answers."""

ALWAYS = frozenset({SENT, READ})
NEVER: frozenset[str] = frozenset()


class Rule(NamedTuple):
    """How one sort of difference is reported, and where it breaks callers: in what they send, in what they read."""

    kind: Kind
    subject: Subject
    breaks: Collection[str]


RULES: Mapping[str, Rule] = {
    "endpoint added": Rule("added", "endpoint", NEVER),
    "endpoint removed": Rule("removed", "endpoint", ALWAYS),
    "endpoint otherwise": Rule("changed", "endpoint", ALWAYS),
    "endpoint deprecated": Rule("changed", "endpoint", NEVER),
    "function renamed": Rule("changed", "endpoint", ALWAYS),  # api.calls.track is a module that callers import
    "input added": Rule("added", "endpoint", NEVER),
    "input added, required": Rule("added", "endpoint", ALWAYS),
    "input removed": Rule("removed", "endpoint", ALWAYS),
    "input now required": Rule("changed", "endpoint", ALWAYS),
    "input now optional": Rule("changed", "endpoint", NEVER),
    "input or answer wider": Rule("changed", "endpoint", {READ}),
    "input or answer narrower": Rule("changed", "endpoint", {SENT}),
    "input or answer other": Rule("changed", "endpoint", ALWAYS),
    "input or answer deprecated": Rule("changed", "endpoint", NEVER),
    "status added": Rule("added", "endpoint", NEVER),
    "status removed": Rule("removed", "endpoint", ALWAYS),  # its answers are no longer parsed
    "call batchable": Rule("changed", "call", NEVER),
    "call not batchable": Rule("changed", "call", ALWAYS),
    "call renamed": Rule("renamed", "call", ALWAYS),
    "event added": Rule("added", "event", NEVER),
    "event removed": Rule("removed", "event", ALWAYS),
    "event renamed": Rule("renamed", "event", ALWAYS),
    "event sent under another name": Rule("changed", "event", ALWAYS),
    "event's name now an alias": Rule("changed", "event", NEVER),
    "event's family": Rule("changed", "event", ALWAYS),
    "event's shape": Rule("changed", "event", ALWAYS),
    "alias added": Rule("added", "event", NEVER),
    "alias removed": Rule("removed", "event", ALWAYS),
    "property added": Rule("added", "property", NEVER),
    "property added, required": Rule("added", "property", {SENT}),
    "property removed": Rule("removed", "property", ALWAYS),
    "type renamed": Rule("renamed", "type", ALWAYS),
    # A wider type takes whatever the narrower took, but gives readers what they do not expect.
    "type wider": Rule("changed", "type", {READ}),
    "type narrower": Rule("changed", "type", {SENT}),
    "type other": Rule("changed", "type", ALWAYS),
    "type deprecated": Rule("changed", "type", NEVER),
    "required added": Rule("added", "required", {SENT}),
    "required removed": Rule("removed", "required", {READ}),
    "identity added": Rule("added", "identity", NEVER),
    "identity removed": Rule("removed", "identity", {SENT}),
    # Without alternatives any call will do: the first ones narrow it, and dropping the last is a relief.
    "identity now needed": Rule("added", "identity", {SENT}),
    "identity no longer needed": Rule("removed", "identity", NEVER),
    "enum renamed": Rule("renamed", "enum", ALWAYS),
    "value added": Rule("added", "enum", {READ}),
    "value removed": Rule("removed", "enum", ALWAYS),  # of readers too: type checkers refuse to compare with it
    "region added": Rule("added", "region", NEVER),
    "region removed": Rule("removed", "region", ALWAYS),
    "region moved": Rule("changed", "region", ALWAYS),  # firewalls and proxies know the old address
    "default region": Rule("changed", "region", ALWAYS),
    "limit stated": Rule("added", "limit", ALWAYS),
    "limit lifted": Rule("removed", "limit", NEVER),
    "limit raised": Rule("changed", "limit", NEVER),
    "limit lowered": Rule("changed", "limit", ALWAYS),
    # The client paces itself: whatever the window, callers need not do anything.
    "window stated": Rule("added", "limit", NEVER),
    "window lifted": Rule("removed", "limit", NEVER),
    "window changed": Rule("changed", "limit", NEVER),
    "security added": Rule("added", "security", NEVER),
    "security now needed": Rule("added", "security", ALWAYS),
    "security removed": Rule("removed", "security", ALWAYS),
    "security changed": Rule("changed", "security", ALWAYS),  # of two patterns of keys neither is known to be wider
}


def change_of(rule: str, name: str, before: str = "", after: str = "", uses: Collection[str] = (SENT,)) -> Change:
    """Return a difference of a sort in RULES, at something that callers use in these ways."""
    kind, subject, breaks = RULES[rule]
    breaking = any(use in breaks for use in uses)
    return Change(name=name, subject=subject, kind=kind, before=before, after=after, breaking=breaking)
