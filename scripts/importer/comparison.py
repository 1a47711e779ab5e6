"""Compares what two schemas say, at every depth: what is only in one of them is a loss, or has a rule."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from scripts.importer.document import MARK, Json, schemas_of
from scripts.importer.plain_schemas import ITEMS, VALUES, Alternative, Member, members_of
from scripts.importer.source_reader import ObjectView, Reader, View, at, common, request_schemas

__all__ = ["MORE", "Comparison", "Loss", "Rule", "Walk"]

MORE = "asks for more"
"""The kind of a loss of freedom: the canonical document refuses what the source takes."""


class Rule(Enum):
    """Why something of the source is not in the canonical document, and is not lost; its value is the reason."""

    DEFAULTED_CONST = "A member that is a constant has it as its default, so nobody needs to give it."
    EVENT_OF_ITS_OWN = "An alternative of a call that is a semantic event stands in the event's own schema."
    OF_THE_CALL = "What every call has that carries events is the call's, and not repeated by the event."
    EVENT_NAME = "An event's name is its class's; aliases of the event stand in its mark."
    HEADER_VALUE = "A header with one value stays an open string, which generated clients can send."
    CALL_OF_ITS_OWN = "An item of a list that is a call needs what the call's own endpoint needs."
    NO_STATUS = "A response key that is no status code is never answered."
    NO_MEMBER = "A required name that no member has requires nothing that anybody could give."


@dataclass(frozen=True, order=True)
class Loss:
    """Something that the source says and the canonical document does not, or that only the latter asks for."""

    where: str
    path: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        return f"{place}: {self.kind}{f' ({self.detail})' if self.detail else ''}"


class Comparison:
    """Collects what is lost, what is not lost by a rule, and how much was looked at."""

    def __init__(self, source: Reader, canonical: Reader) -> None:
        self.source = source
        self.canonical = canonical
        self.found: set[Loss] = set()
        self.explained: set[tuple[Rule, str, str]] = set()
        self.compared: Counter[str] = Counter()

    def lost(self, where: str, path: str, kind: str, detail: str = "") -> None:
        """Note a loss."""
        self.found.add(Loss(where, path, kind, detail))

    @cached_property
    def calls(self) -> frozenset[int]:
        """The component schemas that some operation takes, by identity."""
        schemas = request_schemas(self.canonical)
        return frozenset(id(self.canonical.resolved(schema)) for schema in schemas if "$ref" in schema)

    @cached_property
    def carrier(self) -> View:
        """The call that carries events."""
        views = map(self.canonical.view, request_schemas(self.canonical))
        carriers = [view for view in views if view.steps.keys() >= _CARRIED]
        return min(carriers, key=lambda view: len(view.alternatives)) if carriers else self.canonical.view({})

    @cached_property
    def events(self) -> dict[str, View]:
        """What each event says of the call, by its component."""
        schemas = schemas_of(self.canonical.document)
        return {name: self.canonical.view(_as_call(schema)) for name, schema in schemas.items() if MARK in schema}

    @cached_property
    def events_by_name(self) -> dict[str, View]:
        """The same by what is sent as the event's name."""
        marks = {name: schemas_of(self.canonical.document)[name][MARK] for name in self.events}
        return {
            known: self.events[name]
            for name, mark in marks.items()
            for known in (str(mark.get("name")), *mark.get("aliases", ()))
        }

    def repeated(self, theirs: View, ours: View) -> frozenset[str]:
        """Return the members of the call that an event should have itself: those it needs, and those its like have."""
        if not _is_envelope(ours):
            return frozenset()
        alike = (name for view in self.events.values() if _is_envelope(view) for name in view.steps)
        return common(theirs.names_needed).union(alike)

    def carried(self, event: View) -> View:
        """Return what is sent for an event: the call with the event in it."""
        return self.canonical.of((*one, *own) for one in self.carrier.alternatives for own in event.alternatives)


_CARRIED = frozenset(("event", "properties"))


def _as_call(schema: Json) -> Json:
    mark = schema[MARK]
    names = [mark.get("name"), *mark.get("aliases", ())]
    if mark.get("shape") != "properties":
        own = schema.get("properties", {})
        if "const" not in own.get("event", {}):
            return schema
        # A constant reads as the name or any alias.
        event = {key: value for key, value in own["event"].items() if key not in ("const", "default")} | {"enum": names}
        return schema | {"required": [*schema.get("required", ()), "event"], "properties": {**own, "event": event}}
    context = {"context": mark["context"]} if "context" in mark else {}
    own = {"event": {"type": "string", "enum": names}, "properties": schema, **context}
    return {"type": "object", "required": ["event", "properties"], "properties": own}


def _is_envelope(event: View) -> bool:
    return any(MARK in schema for one in event.alternatives for schema in one)


@dataclass
class Walk:
    """Compares two views and everything below them."""

    comparison: Comparison
    where: str
    in_header: bool = False
    repeated: frozenset[str] | None = None
    """For an event, the members of the call that it repeats; the others it leaves to the call that carries it."""
    in_call: bool = False
    """For an event, whether the source has it among the alternatives of a call."""
    of_several: bool = False
    """Whether the source says this of several events at once, each of which may ask for more."""
    _seen: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    def compare(self, theirs: View, ours: View, path: tuple[str, ...] = ()) -> None:
        """Note what the canonical view does not say of what the source says."""
        if (id(theirs), id(ours)) in self._seen:
            return
        self._seen.add((id(theirs), id(ours)))
        pairs = self._told_apart(theirs, ours)
        if not pairs:
            self._compare(theirs, ours, path)
        for one, other in pairs:
            self._compare(one, other, path)

    def _told_apart(self, theirs: View, ours: View) -> list[tuple[View, View]]:
        """Pair the alternatives that constants or enums tell apart, if they are the same on both sides."""
        names = sorted(theirs.constants.keys() & ours.constants.keys())
        groups, here = theirs.by_constants(names), ours.by_constants(names)
        if len(groups) < 2 or not groups.keys() <= here.keys():
            return []
        return [(view, here[values]) for values, view in groups.items()]

    def _compare(self, theirs: View, ours: View, path: tuple[str, ...]) -> None:
        self._facts(theirs.member, ours.member, path)
        self._needs(theirs, self.comparison.carried(ours) if self.repeated is not None and not path else ours, path)
        if self.repeated is None and path[-1:] in ((), (ITEMS,)):
            theirs = self._without_events(theirs, path)
        self._asks_for_more(theirs, ours, path)
        self._members(theirs, ours, path)
        self._together(theirs, ours, path)

    def _members(self, theirs: View, ours: View, path: tuple[str, ...]) -> None:
        for name in theirs.steps:
            self.comparison.compared["members"] += 1
            below = (*path, name)
            if name in ours.steps:
                self.compare(theirs.part(name), ours.part(name), below)
            elif self._is_of_the_call(theirs.part(name), below):
                self._explained(Rule.OF_THE_CALL, below)
            else:
                self._lost(below, "member")

    def _together(self, theirs: View, ours: View, path: tuple[str, ...]) -> None:
        """Look whether some alternative has all the members that are in one alternative of the source."""
        have = [frozenset(members_of(one)) for one in ours.alternatives]
        for alternative in theirs.alternatives:
            names = frozenset(members_of(alternative)) & ours.steps.keys()
            for name in min((names - found for found in have), key=_size, default=frozenset[str]()):
                self._lost((*path, name), "member", "of one alternative")

    def _is_of_the_call(self, theirs: View, path: tuple[str, ...]) -> bool:
        if self.repeated is None or path[0] in self.repeated:
            return False
        found = at(self.comparison.carrier, path)
        return found is not None and _loses_nothing(self.comparison, theirs, found)

    def _without_events(self, theirs: View, path: tuple[str, ...]) -> View:
        """Compare the alternatives that are semantic events with those, and return the others."""
        events = self.comparison.events_by_name
        others: list[Alternative] = []
        moved: dict[frozenset[str], list[Alternative]] = {}
        for alternative in theirs.alternatives:
            names = _event_names(self.comparison.source, alternative)
            if names and names <= events.keys():
                moved.setdefault(names, []).append(alternative)
            else:
                others.append(alternative)
        if not others:
            return theirs
        for names, alternatives in moved.items():
            ours = self.comparison.canonical.of(one for name in sorted(names) for one in events[name].alternatives)
            whole = self.comparison.source.of(alternatives)
            walk = Walk(
                self.comparison,
                f"{self.where} {_text(names)}",
                repeated=self.comparison.repeated(whole, ours),
                in_call=True,
                of_several=len({id(events[name]) for name in names}) > 1,
            )
            walk.compare(whole, ours)
            self._explained(Rule.EVENT_OF_ITS_OWN, (*path, _text(names)))
        return self.comparison.source.of(others)

    def _facts(self, theirs: Member, ours: Member, path: tuple[str, ...]) -> None:
        if theirs.types is not None and ours.types != theirs.types:
            self._lost(path, "type", f"{_text(theirs.types)}, not {_text(ours.types)}")
        if theirs.format is not None and ours.format != theirs.format:
            self._lost(path, "format", theirs.format)
        if theirs.values is not None and ours.values != theirs.values:
            if self.in_header and len(theirs.values) == 1 and ours.values is None:
                self._explained(Rule.HEADER_VALUE, path)
            elif (
                self.repeated is not None
                and path == ("event",)
                and ours.values is not None
                and theirs.values < ours.values
            ):
                self._explained(Rule.EVENT_NAME, path)
            else:
                self._lost(path, "enum", f"{_text(theirs.values)}, not {_text(ours.values)}")
        # Where the values are stated, no bounds are needed.
        for keyword, value in theirs.bounds.items() if ours.values is None else ():
            if ours.bounds.get(keyword) != value:
                self._lost(path, keyword, f"{value}, not {ours.bounds.get(keyword)}")

    def _needs(self, theirs: View, ours: View, path: tuple[str, ...]) -> None:
        """Whatever the canonical schema takes has to have what some alternative of the source needs."""
        if not theirs.objects or not all(one.needed for one in theirs.objects):
            return
        self.comparison.compared["required sets"] += 1
        known = {name for one in theirs.objects for name in one.needed if not self._is_unknown(name, theirs, ours)}
        for here in ours.objects:
            closest = min(theirs.objects, key=lambda one: _size((one.needed & known) - here.has))
            missing = closest.needed - here.has
            if (missing & known) and (rule := self._rule_for(here, theirs.objects, path)):
                self._explained(rule, path)
                continue
            for name in closest.needed - here.needed:
                if name not in known:
                    self._explained(Rule.NO_MEMBER, (*path, name))
                elif name in here.preset:
                    self._explained(Rule.DEFAULTED_CONST, (*path, name))
                else:
                    self._lost((*path, *name.split(".")), "required")

    def _asks_for_more(self, theirs: View, ours: View, path: tuple[str, ...]) -> None:
        """Whatever the source takes has to have what some alternative of the canonical schema needs."""
        of_event = self.repeated is not None and not path
        objects = (self.comparison.carried(ours) if of_event and self.in_call else ours).objects
        for one in theirs.objects if objects and not self.of_several else ():
            here = [other for other in objects if other.takes_values_of(one)] or objects
            closest = min(here, key=lambda other: _size(other.needed - one.has))
            for name in closest.needed - one.has:
                if ITEMS in path and self._needs_as_call(name, closest):
                    self._explained(Rule.CALL_OF_ITS_OWN, (*path, name))
                # An event's name and properties are always sent; what the properties need is asked below.
                elif not (of_event and name.split(".")[0] in _CARRIED):
                    self._lost((*path, *name.split(".")), MORE)

    def _needs_as_call(self, name: str, ours: ObjectView) -> bool:
        """Whether it is a call that needs this member of an alternative, rather than the list that the call is in."""
        calls = [schema for schema in ours.alternative if id(schema) in self.comparison.calls]
        return any(name in one.needed for one in self.comparison.canonical.view(*calls).objects)

    def _rule_for(self, here: ObjectView, theirs: list[ObjectView], path: tuple[str, ...]) -> Rule | None:
        """Why an alternative of the canonical schema may need less than all those of the source."""
        if ITEMS in path and any(id(schema) in self.comparison.calls for schema in here.alternative):
            return Rule.CALL_OF_ITS_OWN
        names = _event_names(self.comparison.canonical, here.alternative)
        if names and all(any(self._stands_in_event(name, one) for one in theirs) for name in names):
            return Rule.EVENT_OF_ITS_OWN
        return None

    def _stands_in_event(self, name: str, theirs: ObjectView) -> bool:
        """Whether an alternative of the source is this event, whose own schema needs what the alternative needs."""
        event = self.comparison.events_by_name.get(name)
        if event is None or name not in _event_names(self.comparison.source, theirs.alternative):
            return False
        return all(theirs.needed <= one.has for one in self.comparison.carried(event).objects)

    @staticmethod
    def _is_unknown(name: str, theirs: View, ours: View) -> bool:
        steps = name.split(".")
        return at(theirs, steps) is None and at(ours, steps) is None

    def _lost(self, path: tuple[str, ...], kind: str, detail: str = "") -> None:
        self.comparison.lost(self.where, _joined(path), kind, detail)

    def _explained(self, rule: Rule, path: tuple[str, ...]) -> None:
        self.comparison.explained.add((rule, self.where, _joined(path)))


def _event_names(reader: Reader, alternative: Alternative) -> frozenset[str]:
    schemas = members_of(alternative).get("event")
    return (reader.view(*schemas).member.values if schemas else None) or frozenset()


def _loses_nothing(comparison: Comparison, theirs: View, ours: View) -> bool:
    trial = Comparison(comparison.source, comparison.canonical)
    Walk(trial, "").compare(theirs, ours)
    return not trial.found


def _joined(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(f".{ITEMS}", ITEMS).replace(f".{VALUES}", VALUES)


def _text(values: frozenset[str] | None) -> str:
    return "anything" if values is None else "|".join(sorted(values))


def _size(names: frozenset[str]) -> tuple[int, list[str]]:
    return len(names), sorted(names)
