"""The sorts of difference between two canonical documents, and which of them break callers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["READ", "SENT", "SORTS", "Change", "Kind", "Sort", "Subject", "change_of"]

Kind = Literal["added", "removed", "changed", "renamed"]

Subject = Literal[
    "endpoint",
    "call",
    "event",
    "property",
    "type",
    "default",
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


class Sort(NamedTuple):
    """How one sort of difference is reported, and where it breaks callers: in what they send, in what they read."""

    kind: Kind
    subject: Subject
    breaks: Collection[str]


SORTS: Mapping[str, Sort] = {
    "endpoint added": Sort("added", "endpoint", NEVER),
    "endpoint removed": Sort("removed", "endpoint", ALWAYS),
    "endpoint otherwise": Sort("changed", "endpoint", ALWAYS),
    "endpoint deprecated": Sort("changed", "endpoint", NEVER),
    "function renamed": Sort("changed", "endpoint", ALWAYS),  # api.calls.track is a module that callers import
    "input added": Sort("added", "endpoint", NEVER),
    "input added, required": Sort("added", "endpoint", ALWAYS),
    "input removed": Sort("removed", "endpoint", ALWAYS),
    "input now required": Sort("changed", "endpoint", ALWAYS),
    "input now optional": Sort("changed", "endpoint", NEVER),
    "input or answer wider": Sort("changed", "endpoint", {READ}),
    "input or answer narrower": Sort("changed", "endpoint", {SENT}),
    "input or answer other": Sort("changed", "endpoint", ALWAYS),
    "input or answer deprecated": Sort("changed", "endpoint", NEVER),
    "status added": Sort("added", "endpoint", NEVER),
    "status removed": Sort("removed", "endpoint", ALWAYS),  # its answers are no longer parsed
    # Of calls without an endpoint: what only batches take.
    "call added": Sort("added", "call", NEVER),
    "call removed": Sort("removed", "call", ALWAYS),
    "call without endpoint": Sort("changed", "call", ALWAYS),
    "call batchable": Sort("changed", "call", NEVER),
    "call not batchable": Sort("changed", "call", ALWAYS),
    "call renamed": Sort("renamed", "call", ALWAYS),
    "event added": Sort("added", "event", NEVER),
    "event removed": Sort("removed", "event", ALWAYS),
    "event renamed": Sort("renamed", "event", ALWAYS),
    "event sent under another name": Sort("changed", "event", ALWAYS),
    "event's name now an alias": Sort("changed", "event", NEVER),
    "event's family": Sort("changed", "event", ALWAYS),
    "event's shape": Sort("changed", "event", ALWAYS),
    "alias added": Sort("added", "event", NEVER),
    "alias removed": Sort("removed", "event", ALWAYS),
    "property added": Sort("added", "property", NEVER),
    "property added, required": Sort("added", "property", {SENT}),
    "property removed": Sort("removed", "property", ALWAYS),
    "property renamed": Sort("renamed", "property", ALWAYS),
    "type removed": Sort("removed", "type", ALWAYS),  # a class or an enum that callers import
    "type renamed": Sort("renamed", "type", ALWAYS),
    # A wider type takes whatever the narrower took, but gives readers what they do not expect.
    "type wider": Sort("changed", "type", {READ}),
    "type narrower": Sort("changed", "type", {SENT}),
    "type other": Sort("changed", "type", ALWAYS),
    "type deprecated": Sort("changed", "property", NEVER),
    # What callers leave out is sent for them.
    "default stated": Sort("added", "default", {SENT}),
    "default changed": Sort("changed", "default", {SENT}),
    "default gone": Sort("removed", "default", {SENT}),
    "required added": Sort("added", "required", {SENT}),
    "required removed": Sort("removed", "required", {READ}),
    "identity added": Sort("added", "identity", NEVER),
    "identity removed": Sort("removed", "identity", {SENT}),
    # Without alternatives any call will do: the first ones narrow it, and dropping the last is a relief.
    "identity now needed": Sort("added", "identity", {SENT}),
    "identity no longer needed": Sort("removed", "identity", NEVER),
    "enum renamed": Sort("renamed", "enum", ALWAYS),
    "value added": Sort("added", "enum", {READ}),
    "value removed": Sort("removed", "enum", ALWAYS),  # of readers too: type checkers refuse to compare with it
    "region added": Sort("added", "region", NEVER),
    "region removed": Sort("removed", "region", ALWAYS),
    "region moved": Sort("changed", "region", ALWAYS),  # firewalls and proxies know the old address
    "default region": Sort("changed", "region", ALWAYS),
    "limit stated": Sort("added", "limit", ALWAYS),
    "limit lifted": Sort("removed", "limit", NEVER),
    "limit raised": Sort("changed", "limit", NEVER),
    "limit lowered": Sort("changed", "limit", ALWAYS),
    # The client paces itself: whatever the window, callers need not do anything.
    "window stated": Sort("added", "limit", NEVER),
    "window lifted": Sort("removed", "limit", NEVER),
    "window changed": Sort("changed", "limit", NEVER),
    "security added": Sort("added", "security", NEVER),
    "security now needed": Sort("added", "security", ALWAYS),
    "security removed": Sort("removed", "security", ALWAYS),
    "security changed": Sort("changed", "security", ALWAYS),  # of two patterns of keys neither is known to be wider
}


def change_of(sort: str, name: str, before: str = "", after: str = "", uses: Collection[str] = (SENT,)) -> Change:
    """Return a difference of a sort in SORTS, at something that callers use in these ways."""
    kind, subject, breaks = SORTS[sort]
    breaking = any(use in breaks for use in uses)
    return Change(name=name, subject=subject, kind=kind, before=before, after=after, breaking=breaking)
