"""What differs between the calls, the events and the types of two documents, each once, wherever it is used."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from scripts.generator.view import CONSTRAINTS
from scripts.importer.callers import Side, python_name, python_names, values_of
from scripts.importer.comparable import in_json
from scripts.importer.document import COMPONENT, MARK, Json, is_object
from scripts.importer.fits import Fit
from scripts.importer.renames import unnamed
from scripts.importer.rules import Change, change_of

__all__ = ["component_changes"]


def component_changes(old: Side, new: Side, renamed: Collection[str]) -> Iterator[Change]:
    """Compare components of one name in both; some of them are `renamed`."""
    olds, news = ({name for name, schema in side.schemas.items() if MARK in schema} for side in (old, new))
    for name in olds - news:
        yield change_of("event removed", old.names[name], before=_sent_as(old.schemas[name]))
    for name in news - olds:
        yield change_of("event added", new.names[name], after=_sent_as(new.schemas[name]))
    for name in old.schemas.keys() & new.schemas.keys():
        before, after = old.schemas[name], new.schemas[name]
        if before != after:
            pair = _Pair(before, after, old.names[name], old.uses[name], Fit(old, new))
            found = [*pair.changes(is_renamed=name in renamed)]
            if found and _has_lost_its_endpoint(name, old, new):
                found = [pair.change("call without endpoint", before="a call of its own", after="part of other calls")]
            yield from found
    yield from _calls(old, new)
    places, there = old.places(), new.places().keys()
    for name in old.schemas.keys() - new.schemas.keys() - olds:
        used_at = {place for place, parts in places.items() if name in parts}
        # With all that it was made for a class is gone too, without a word of its own.
        if used_at and used_at.isdisjoint(there):
            continue
        if old.sort(name) == "call":
            yield change_of("call removed", old.names[name])
        elif old.is_importable(name):
            yield change_of("type removed", old.names[name])


def _has_lost_its_endpoint(name: str, old: Side, new: Side) -> bool:
    """Tell whether a body's endpoints are gone: what is left of it, in a batch for example, says less of the call."""
    return bool(old.takers.get(name)) and old.takers[name].isdisjoint(new.endpoints)


def _calls(old: Side, new: Side) -> Iterator[Change]:
    """Compare what batches take. A call that is new or gone with its endpoint is reported with that."""
    for name in new.batched - old.batched - new.takers.keys():
        yield change_of("call added", new.names[name])
    for name in (old.batched - new.batched) & new.schemas.keys() - new.takers.keys():
        yield change_of("call removed", old.names[name])
    for name in (old.batched ^ new.batched) & old.schemas.keys() & new.takers.keys():
        was, is_now = ("batchable" if name in side.batched else "not batchable" for side in (old, new))
        yield change_of(f"call {is_now}", old.names[name], was, is_now)


@dataclass(frozen=True)
class _Pair:
    """A component as it was and as it is."""

    old: Json
    new: Json
    name: str
    uses: Collection[str]
    fit: Fit

    def changes(self, *, is_renamed: bool) -> Iterator[Change]:
        if MARK in self.old and MARK in self.new:
            yield from self._event(self.old[MARK], self.new[MARK], is_renamed=is_renamed)
        yield from self._members()
        yield from self._required()
        yield from self._identity()
        if "enum" in self.old and "enum" in self.new:
            yield from self._values()
        yield from self._type(self._rest(self.old), self._rest(self.new))

    def _rest(self, schema: Json) -> Json:
        """Return a schema without what is compared for itself."""
        told = {"properties", "required", MARK, "x-batchable", *({"enum"} & self.old.keys() & self.new.keys())}
        told |= {"anyOf"} if _demands(schema) else set()
        return {key: value for key, value in schema.items() if key not in told}

    def change(self, sort: str, key: str | None = None, *, before: str = "", after: str = "") -> Change:
        """Return a change of the component, or of one of its members."""
        name = self.name if key is None else _property(self.name, key, self._called | self._called_before)
        return change_of(sort, name, before, after, self.uses)

    @cached_property
    def _called(self) -> dict[str, str]:
        return python_names(_members(self.new))

    @cached_property
    def _called_before(self) -> dict[str, str]:
        return python_names(_members(self.old))

    def _type(self, old: Json, new: Json, key: str | None = None) -> Iterator[Change]:
        for sort, before, after in self.fit.differences(old, new, of="type"):
            yield self.change(sort, key, before=before, after=after)

    def _event(self, old: Json, new: Json, *, is_renamed: bool) -> Iterator[Change]:
        for key in ("family", "shape"):
            if old[key] != new[key]:
                yield self.change(f"event's {key}", before=f"{key} {old[key]}", after=f"{key} {new[key]}")
        known, accepted = ({each["name"], *each.get("aliases", ())} for each in (old, new))
        # A renamed event is reported as such already.
        if old["name"] != new["name"] and not is_renamed:
            sort = "event's name now an alias" if old["name"] in accepted else "event sent under another name"
            yield self.change(sort, before=f"name {in_json(old['name'])}", after=f"name {in_json(new['name'])}")
        for alias in known - accepted - {old["name"]}:
            yield self.change("alias removed", before=f"alias {in_json(alias)}")
        for alias in accepted - known - {new["name"]}:
            yield self.change("alias added", after=f"alias {in_json(alias)}")

    def _members(self) -> Iterator[Change]:
        olds, news = _members(self.old), _members(self.new)
        needed, needs = _required(self.old), _required(self.new)
        for key in olds.keys() - news.keys():
            yield self.change("property removed", key, before=self.fit.old.text(olds[key], required=key in needed))
        for key in news.keys() - olds.keys():
            sort = "property added, required" if key in needs - needed else "property added"
            yield self.change(sort, key, after=self.fit.new.text(news[key], required=key in needs))
            for sort, before, after in self.fit.defaults({}, news[key]):
                yield self.change(sort, key, before=before, after=after)
        blank_olds, blank_news = _members(unnamed(self.old)), _members(unnamed(self.new))
        for key in olds.keys() & news.keys():
            if self._called_before[key] != self._called[key]:
                called = _property(self.name, key, self._called)
                yield self.change("property renamed", key, after=called)
            # What only repeats the event's name follows it.
            if blank_olds[key] != blank_news[key]:
                yield from self._type(self._without_calls(olds[key]), self._without_calls(news[key]), key)

    def _without_calls(self, member: Json) -> Json:
        """Return a member without the calls that its list takes on one side alone: they have lines of their own."""
        told = self.fit.old.batched ^ self.fit.new.batched
        items = member.get("items")
        if not is_object(items) or "anyOf" not in items or told.isdisjoint(self.fit.new.items(member)):
            return member
        references = [{"$ref": COMPONENT + name} for name in told]
        return {**member, "items": {**items, "anyOf": [part for part in items["anyOf"] if part not in references]}}

    def _required(self) -> Iterator[Change]:
        needed, needs = _required(self.old), _required(self.new)
        # Of a member that is new or gone, that is said with it.
        unsaid = _members(self.old).keys() ^ _members(self.new).keys()
        for key in needs - needed - unsaid:
            yield self.change("required added", key)
        for key in needed - needs - unsaid:
            yield self.change("required removed", key)

    def _identity(self) -> Iterator[Change]:
        olds, news = _demands(self.old), _demands(self.new)
        if olds and news:
            for demand in olds - news:
                yield self.change("identity removed", before=demand)
            for demand in news - olds:
                yield self.change("identity added", after=demand)
        elif news:
            yield self.change("identity now needed", after=" or ".join(sorted(news)))
        elif olds:
            yield self.change("identity no longer needed", before=" or ".join(sorted(olds)))

    def _values(self) -> Iterator[Change]:
        olds, news = ({*map(in_json, each["enum"])} for each in (self.old, self.new))
        for value in olds - news:
            yield self.change("value removed", before=value)
        for value in news - olds:
            yield self.change("value added", after=value)


def _sent_as(schema: Json) -> str:
    return f"event {in_json(schema[MARK]['name'])}"


def _property(name: str, key: str, called: Mapping[str, str]) -> str:
    python = called.get(key, python_name(key))
    return f"{name}.{python}" if python == key else f"{name}.{python} ({key})"


def _required(schema: Json) -> set[str]:
    return {*schema.get("required", ())}


def _members(schema: Json) -> dict[str, Json]:
    """Return the properties by name; what an event adds to its call's context is its property `context`."""
    found: dict[str, Json] = dict(schema.get("properties", {}))
    if (context := schema.get(MARK, {}).get("context")) is not None:
        found["context"] = context
    return found


def _demands(schema: Json) -> set[str]:
    """Return the alternatives of required members of which a valid object satisfies one; none for other unions."""
    branches = schema.get("anyOf", ())
    if "properties" not in schema or not all(CONSTRAINTS.issuperset(branch) for branch in branches):
        return set()
    return {demand for branch in branches for demand in _demand(branch)}


def _demand(branch: Json) -> list[str]:
    """Put one alternative in words; where it names values of one member, each value is an alternative."""
    required, properties = branch.get("required", []), branch.get("properties", {})
    if not required or branch.keys() - {"required", "properties"} or properties.keys() - {*required}:
        return [in_json(branch)]
    if len(required) == 1 and (values := values_of(properties.get(required[0], {}))):
        return [f"{required[0]} {in_json(value)}" for value in values]
    words: list[str] = []
    for name in required:
        inner, python = properties.get(name, {}), python_name(name)
        words += [f"{python}.{word}" for each in _demand(inner) for word in each.split(" and ")] if inner else [python]
    return [" and ".join(words)]
