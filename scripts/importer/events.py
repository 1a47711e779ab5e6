"""Finds the semantic events of a document and gives them one form: marked components of two shapes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scripts.importer.announced import Announced, capitalised, family_in, family_of, key_of, words_of
from scripts.importer.bodies import calls
from scripts.importer.constraints import constraints_of
from scripts.importer.document import (
    MARK,
    Json,
    is_array,
    is_object,
    referred,
    resolve,
    schemas_of,
    with_parts,
)
from scripts.importer.fingerprint import Fingerprints
from scripts.importer.reading import Reading

UNMET = "x-unmet-events"
"""Key of a document, between the passes, for the names of events that its text lists and that it has no schema of."""


def events(document: Json, reading: Reading, committed: Json | None = None) -> Json:
    """Return the document with every semantic event as a component that carries the mark.

    An event is a component that gives the call's event name its value or values, that the document's text shows under
    a heading, or whose key is the name of an event in the text's table, or of a committed one of a family that the
    text speaks of. Its name is the value; else the table's entry that equals the key; else the one that equals the
    title; else the heading above; else the committed event's that says the same; else what the key says.

    Alternatives of a call that are events go: the call itself stays plain.

    Parameters
    ----------
    document : dict
        Merged. Components that are marked already stay as they are.
    reading : Reading
        What the members of a call mean, and what families are called.
    committed : dict, optional
        Canonical: the call that events travel in, for a document that has the events alone, and the names and
        families of what the text does not speak of.
    """
    return _Finder(document, reading, committed or {}).document()


@dataclass(frozen=True, slots=True)
class _Found:
    """An event of the source: the component, and what it is called."""

    key: str
    name: str
    family: str
    aliases: tuple[str, ...]


class _Known:
    """The events that are committed: what is called as they are, or says what they say, is the same event."""

    def __init__(self, committed: Json) -> None:
        self._committed = committed
        self._events = {name: schema for name, schema in sorted(schemas_of(committed).items()) if MARK in schema}
        marks = [schema[MARK] for schema in self._events.values()]
        self.names = {mark["name"] for mark in marks}
        self.families = {mark["family"] for mark in marks}
        self._by_key = {key_of(alias): mark for mark in marks for alias in mark.get("aliases", ())}
        self._by_key |= {key_of(mark["name"]): mark for mark in marks}

    def name(self, called: str) -> str:
        """Return the name of the event that is called so but for capitals and signs, empty when there is none."""
        return str(self._by_key.get(key_of(called), {}).get("name", ""))

    def family(self, called: str) -> str:
        """Return the family of the event that is called so, empty when there is none."""
        return str(self._by_key.get(key_of(called), {}).get("family", ""))

    def alike(self, print_: str) -> str:
        """Return the name of the one event whose schema has that fingerprint, empty when there is not exactly one."""
        names = self._prints.get(print_, [])
        return names[0] if len(names) == 1 else ""

    @cached_property
    def _prints(self) -> dict[str, list[str]]:
        prints = Fingerprints(lambda schema: resolve(self._committed, schema))
        found: dict[str, list[str]] = {}
        for schema in self._events.values():
            found.setdefault(prints.of(schema), []).append(schema[MARK]["name"])
        return found


class _Finder:
    def __init__(self, document: Json, reading: Reading, committed: Json) -> None:
        self._source = document
        self._reading = reading
        self._known = _Known(committed)
        self._schemas = dict(schemas_of(document))
        families = {*reading.families.values(), *self._known.families}
        self._text = Announced.of(str(document.get("info", {}).get("description", "")), reading, families)
        self._listed = {key_of(name): name for name in self._text.families}
        self._spoken = {*self._text.families.values(), *map(self._section, self._text.headings.values())} - {""}
        self._bodies = [name for name in calls(document) if self._plain(self._schemas[name])]
        self._calls = {*self._bodies}
        self.call = self._plain_call() or (_call_of(committed, reading) if committed else {})

    def document(self) -> Json:
        nameless: dict[str, list[str]] = {name: [] for name in self._bodies}
        for body in self._bodies:
            self._schemas[body] = self._without_events(body, nameless[body])
        found = {found.key: found for key in sorted(self._schemas) if (found := self._event(key))}
        taken = {event.name for event in found.values()}
        for key, event in found.items():
            self._schemas[key] = self._marked(event, taken)
        for body, names in nameless.items():
            self._schemas[body] = self._with_nameless(self._schemas[body], names)
        components = {**self._source.get("components", {}), "schemas": self._schemas}
        rest = {key: value for key, value in self._source.items() if key != UNMET}
        unmet = self._unmet()
        return {**rest, "components": components} | ({UNMET: unmet} if unmet else {})

    def _unmet(self) -> list[str]:
        """Return the names that the text lists and that no event has."""
        marks = [schema[MARK] for schema in self._schemas.values() if MARK in schema]
        met = {key_of(name) for mark in marks for name in (mark["name"], *mark.get("aliases", ()))}
        return sorted(name for name in self._text.names if key_of(name) not in met)

    # ---- the call ----------------------------------------------------------------------------------------------

    def _plain(self, schema: Json) -> list[Json]:
        """Return the alternatives of a body that are the call itself.

        They leave the event's name open; where none does, they let callers choose among several names.
        """
        alternatives = [one for one in self._alternatives(schema) if self._reading.event in one.get("properties", {})]
        return [one for one in alternatives if not self._names(one)] or [
            one for one in alternatives if len(self._names(one)) > 1
        ]

    def _plain_call(self) -> Json | None:
        return next((plain for body in sorted(self._bodies) for plain in self._plain(self._schemas[body])), None)

    def _alternatives(self, schema: Json) -> list[Json]:
        schema = resolve(self._source, schema)
        if "anyOf" not in schema or constraints_of(schema):
            return [schema]
        return [resolve(self._source, alternative) for alternative in schema["anyOf"]]

    def _without_events(self, body: str, nameless: list[str]) -> Json:
        """Take the alternatives that are events out of a call; an inline one becomes a component."""
        schema = self._schemas[body]
        if "anyOf" not in schema or constraints_of(schema):
            return schema
        beside = {key: value for key, value in schema.items() if key != "anyOf"}
        plain = self._plain(schema)
        left: list[Json] = []
        for alternative in schema["anyOf"]:
            one = resolve(self._source, alternative)
            names = self._names(one)
            if not names or one in plain:
                left.append(alternative)
                self._calls.update(filter(None, [referred(alternative)]))
                continue
            read = _requiring(one, beside.get("required", ()))
            self._schemas[referred(alternative) or self._free_key(self._chosen(names), read)] = read
            if not self._needs(read) & {*self._reading.identity}:
                nameless.extend(names)
        if len(left) != 1:
            return {**beside, "anyOf": left}
        only = _requiring(resolve(self._source, left[0]), beside.get("required", ()))
        return {**only, **{key: value for key, value in beside.items() if key != "required"}}

    def _free_key(self, name: str, schema: Json) -> str:
        number, key = 1, key_of(name)
        while self._schemas.get(key, schema) != schema:
            number += 1
            key = f"{key_of(name)}_{number}"
        return key

    def _with_nameless(self, schema: Json, names: list[str]) -> Json:
        """Let the events that need no identity pass as plain calls too."""
        event, identity = self._reading.event, {*self._reading.identity}
        if not names:
            return schema
        named: Json = {"required": [event], "properties": {event: {"enum": sorted({*names})}}}
        alternatives = constraints_of(schema)
        if needed := sorted({*schema.get("required", ())} & identity):
            # What the call requires outright, it then requires of other events only.
            rest = [name for name in schema["required"] if name not in identity]
            schema = {key: value for key, value in schema.items() if key != "required"}
            schema = {**schema, "required": rest} if rest else schema
            alternatives = [_requiring(alternative, needed) for alternative in alternatives or [{}]]
        if not alternatives or named in alternatives:
            return schema
        return {**schema, "anyOf": [*alternatives, named]}

    # ---- an event ----------------------------------------------------------------------------------------------

    def _names(self, schema: Json) -> list[str]:
        """Return the values that a schema gives to the event's name, empty when it leaves the name open."""
        event = schema.get("properties", {}).get(self._reading.event)
        read = resolve(self._source, event) if is_object(event) else {}
        values: list[Any] = [read["const"]] if "const" in read else read.get("enum", [])
        return values if all(isinstance(value, str) and value for value in values) else []

    def _chosen(self, names: list[str]) -> str:
        """Return the one of several values that is the event's name; the others are aliases."""
        for there in (self._known.names, self._text.families):
            for name in names:
                if name in there:
                    return name
        return names[0]

    def _event(self, key: str) -> _Found | None:
        schema = self._object(self._schemas[key])
        if schema is None or MARK in schema or key in self._calls:
            return None
        headings = self._text.headings.get(key, [])
        names = self._names(schema)
        listed = self._listed.get(key_of(key), "")
        committed = self._known.family(key) in self._spoken
        if not (names or listed or headings or committed or self._family_by_key(key)):
            return None
        title = self._listed.get(key_of(str(schema.get("title", ""))), "")
        if names:
            name = self._chosen(names)
        elif listed or title:
            name = capitalised(listed or title)
        else:
            name = self._unlisted_name(key, schema, headings)
        aliases = {alias for alias in (listed, title) if alias and key_of(alias) == key_of(name)} | {*names}
        if names and listed:
            aliases.add(listed)
        family = self._family(name, listed or title, key, headings)
        return _Found(key, name, family, tuple(sorted(aliases - {name})))

    def _unlisted_name(self, key: str, schema: Json, headings: list[str]) -> str:
        """Return the name of an event that no table has."""
        known = self._known.name(key) or self._known.name(str(schema.get("title", "")))
        if headings and self._is_name(headings[-1]):
            above = self._known.name(headings[-1])
            # A heading with another event's name stands above a wrong mention.
            return known if known and above else above or capitalised(headings[-1])
        return known or self._known.alike(self._print(self._inner(schema))) or words_of(key)

    def _print(self, schema: Json) -> str:
        return Fingerprints(lambda part: resolve(self._source, part)).of(schema)

    def _family(self, name: str, listed: str, key: str, headings: list[str]) -> str:
        families = {key_of(called): family for called, family in self._text.families.items()}
        return (
            families.get(key_of(name))
            or families.get(key_of(listed))
            or self._section(headings)
            or self._known.family(name)
            or self._family_by_key(key)
            or self._reading.family
        )

    def _section(self, headings: list[str]) -> str:
        """Return the family that the headings above an event say: the last one, or the one above its name."""
        above = headings[:-1] if headings and self._is_name(headings[-1]) else headings
        return family_of(above[-1], self._reading) if above else ""

    def _family_by_key(self, key: str) -> str:
        """Return the family whose events all start with the same word as a key that says what happened (``..._ed``).

        Such a component is an event that the text forgets.
        """
        first, _, rest = key_of(key).partition("_")
        words: dict[str, set[str]] = {}
        for name, family in self._text.families.items():
            words.setdefault(family, set()).add(key_of(name).partition("_")[0])
        return next((family for family, starts in words.items() if rest.endswith("ed") and starts == {first}), "")

    def _is_name(self, heading: str) -> bool:
        """Tell whether a heading names an event: one that says a family does so only where an event is called so."""
        if key_of(heading) in self._listed or self._known.name(heading):
            return True
        return family_in(heading) is None and heading.lower() not in self._reading.families

    def _marked(self, event: _Found, taken: set[str]) -> Json:
        schema = self._object(self._schemas[event.key]) or {}
        mark: Json = {"name": event.name, "family": event.family, "shape": "properties", "source": event.key}
        if aliases := [alias for alias in event.aliases if alias not in taken]:
            mark["aliases"] = aliases
        if not self._is_whole(schema):
            return {**_untitled(schema), MARK: mark}
        if self._needs(schema) & {*self._reading.identity, self._reading.context}:
            return {**self._envelope(schema, event.name), MARK: {**mark, "shape": "envelope"}}
        if context := schema["properties"].get(self._reading.context):
            mark["context"] = context
        return {**_untitled(self._inner(schema)), MARK: mark}

    def _inner(self, schema: Json) -> Json:
        """Return what an event says in its properties."""
        if not self._is_whole(schema):
            return schema
        return self._object(schema["properties"].get(self._reading.properties)) or {"type": "object"}

    def _object(self, schema: Any) -> Json | None:
        """Return what a schema says of an object, None when it is of something else.

        Null in its place says nothing of an event: the object is what callers write.
        """
        read = resolve(self._source, schema) if is_object(schema) else {}
        parts: list[Any] = read.get("anyOf", [])
        others = [part for part in parts if not (is_object(part) and part.get("type") == "null")]
        if len(others) == 1 and len(parts) > 1 and read.keys() <= {"anyOf", "title"}:
            return self._object(others[0])
        kinds = read.get("type")
        if is_array(kinds) and {*kinds} == {"object", "null"}:
            return {**read, "type": "object"}
        return read if kinds == "object" else None

    def _is_whole(self, schema: Json) -> bool:
        """Tell whether an event's schema is the whole call, rather than what it says in its properties."""
        members = schema.get("properties", {}).keys()
        return bool(self._names(schema)) or (
            bool(members) and members <= {*self._reading.shared} and self._reading.properties in members
        )

    def _needs(self, schema: Json) -> set[str]:
        sets = [frozenset[str](one.get("required", ())) for one in constraints_of(schema)]
        return {*schema.get("required", ()), *(frozenset[str].intersection(*sets) if sets else ())}

    def _envelope(self, schema: Json, name: str) -> Json:
        call = self.call.get("properties", {})
        shared = {name: call[name] for name in self._reading.shared if name in call}
        own: Json = schema["properties"]
        if len(self._names(schema)) > 1:
            # The other names are in the mark, as aliases.
            event = resolve(self._source, own[self._reading.event])
            plain = {key: value for key, value in event.items() if key != "enum"}
            own = {**own, self._reading.event: {**plain, "const": name}}
        return {**_untitled(schema), "properties": {**shared, **own}}


def _call_of(document: Json, reading: Reading) -> Json:
    """Return the schema of the call that a document's events travel in, with what it refers to in place."""
    call = _Finder(document, reading, {}).call
    return _inlined(document, call) if call else {}


def _inlined(document: Json, schema: Json, above: tuple[str, ...] = ()) -> Json:
    target = schema.get("$ref", "")
    if target in above:
        # What holds itself cannot be put in place; that it is an object is all that is left to say.
        return {"type": "object"}
    below = (*above, target) if target else above
    return with_parts(resolve(document, schema), lambda part: _inlined(document, part, below))


def _untitled(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "title"}


def _requiring(schema: Json, names: Iterable[str]) -> Json:
    required = sorted({*schema.get("required", ()), *names})
    return {**schema, "required": required} if required else schema
