"""Finds the semantic events of a document and gives them one form: marked components of two shapes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.importer.bodies import calls
from scripts.importer.constraints import constraints_of
from scripts.importer.document import (
    MARK,
    Json,
    is_object,
    referred,
    resolve,
    schemas_of,
    with_parts,
)
from scripts.importer.reading import Reading

SMALL_WORDS = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
"""Words that a name does not capitalise unless it starts with them."""

HEADING = re.compile(r"^(?P<level>#+)\s*(?P<text>.+?)\s*$")
MENTION = re.compile(r"schemaRef=\"#/components/schemas/(?P<key>[^\"]+)\"")
ROW = re.compile(r"^\|\s*(?P<label>[^|`]+?)\s*\|(?P<rest>.*`.*)\|\s*$")
NAMES = re.compile(r"`([^`]+)`")


def events(document: Json, reading: Reading, call: Json | None = None) -> Json:
    """Return the document with every semantic event as a component that carries the mark.

    An event is a component that gives the call's event name a constant value, that the document's text shows under a
    heading, or whose key is the name of an event in the text's table. Its name is the constant; else the table's entry
    that equals the key; else the one that equals the title; else the heading above; else what the key says.

    Alternatives of a call that are events go: the call itself stays plain.

    Parameters
    ----------
    document : dict
        Merged. Components that are marked already stay as they are.
    reading : Reading
        What the members of a call mean, and what families are called.
    call : dict, optional
        The call that events travel in, for a document that has the events alone.
    """
    return _Finder(document, reading, call).document()


def call_of(document: Json, reading: Reading) -> Json | None:
    """Return the schema of the call that a document's events travel in, with what it refers to in place."""
    call = _Finder(document, reading, None).call
    return _inlined(document, call) if call else None


def capitalised(name: str) -> str:
    """Return an event's name with the capitals that all names have.

    >>> capitalised("Seat booked Again")
    'Seat Booked Again'
    >>> capitalised("seat_given_to_friend")
    'Seat Given to Friend'
    """
    words = re.split(r"[\s_]+", name.strip())
    return " ".join(
        word.lower() if index and word.lower() in SMALL_WORDS else word[:1].upper() + word[1:]
        for index, word in enumerate(words)
    )


def key_of(name: str) -> str:
    """Return a name as components' keys are written, to compare by.

    >>> key_of("Seat Given to Friend")
    'seat_given_to_friend'
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class _Text:
    """What a document's text says of events.

    Attributes
    ----------
    families : dict of str to str
        Family of each name in the text's table, by the name as it is written.
    headings : dict of str to list of str
        Headings above the mention of a component, outermost first, by the component's key.
    """

    families: dict[str, str] = field(default_factory=dict[str, str])
    headings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, text: str, reading: Reading) -> "_Text":
        found = cls()
        above: list[tuple[int, str]] = []
        for line in text.splitlines():
            if heading := HEADING.match(line):
                level = len(heading["level"])
                above = [*((deep, words) for deep, words in above if deep < level), (level, heading["text"])]
            elif row := ROW.match(line):
                for name in NAMES.findall(row["rest"]):
                    found.families.setdefault(name, _family(row["label"], reading))
            for mention in MENTION.finditer(line):
                found.headings.setdefault(mention["key"], [words for _, words in above])
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    """An event of the source: the component, and what it is called."""

    key: str
    name: str
    family: str
    aliases: tuple[str, ...]


class _Finder:
    def __init__(self, document: Json, reading: Reading, call: Json | None) -> None:
        self._source = document
        self._reading = reading
        self._schemas = dict(schemas_of(document))
        self._text = _Text.of(str(document.get("info", {}).get("description", "")), reading)
        self._by_key = {key_of(name): name for name in self._text.families}
        self._bodies = [name for name in calls(document) if self._is_call(self._schemas[name])]
        self.call = self._plain_call() or call or {}

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
        return {**self._source, "components": components}

    # ---- the call ----------------------------------------------------------------------------------------------

    def _is_call(self, schema: Json) -> bool:
        return any(
            not self._constant(alternative) and self._reading.event in alternative.get("properties", {})
            for alternative in self._alternatives(schema)
        )

    def _plain_call(self) -> Json | None:
        for body in sorted(self._bodies):
            for alternative in self._alternatives(self._schemas[body]):
                if not self._constant(alternative) and self._reading.event in alternative.get("properties", {}):
                    return alternative
        return None

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
        left: list[Json] = []
        for alternative in schema["anyOf"]:
            read = _requiring(resolve(self._source, alternative), beside.get("required", ()))
            name = self._constant(read)
            if not name:
                left.append(alternative)
                continue
            self._schemas[referred(alternative) or self._free_key(name, read)] = read
            if not self._needs(read) & {*self._reading.identity}:
                nameless.append(name)
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

    def _constant(self, schema: Json) -> str | None:
        """Return the one value that a schema gives to the event's name."""
        event = schema.get("properties", {}).get(self._reading.event)
        value = resolve(self._source, event).get("const") if is_object(event) else None
        return value if isinstance(value, str) else None

    def _event(self, key: str) -> _Found | None:
        schema = self._schemas[key]
        if MARK in schema or key in self._bodies or resolve(self._source, schema).get("type") != "object":
            return None
        headings = self._text.headings.get(key, [])
        constant = self._constant(schema)
        listed = self._by_key.get(key_of(key))
        if not (constant or listed or headings or self._family_by_key(key)):
            return None
        title = self._by_key.get(key_of(str(schema.get("title", ""))))
        written = listed or title or (headings[-1] if headings else key)
        name = constant or capitalised(written)
        aliases = {alias for alias in (listed, title) if alias and alias != name and key_of(alias) == key_of(name)}
        if constant and listed:
            aliases.add(listed)
        return _Found(key, name, self._family(name, written, headings), tuple(sorted(aliases - {name})))

    def _family(self, name: str, written: str, headings: list[str]) -> str:
        families = self._text.families
        for called in (name, written):
            if called in families:
                return families[called]
        if not headings and (family := self._family_by_key(written)):
            return family
        # The heading right above names the event, the one above that the family.
        section = headings[-2] if len(headings) > 1 and self._is_name(headings[-1]) else (headings or [""])[-1]
        return _family(section, self._reading) if section else self._reading.family

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
        return _family_name(heading) is None

    def _marked(self, event: _Found, taken: set[str]) -> Json:
        schema = resolve(self._source, self._schemas[event.key])
        mark: Json = {"name": event.name, "family": event.family, "shape": "properties", "source": event.key}
        if aliases := [alias for alias in event.aliases if alias not in taken]:
            mark["aliases"] = aliases
        if not self._is_whole(schema):
            return {**_untitled(schema), MARK: mark}
        if self._needs(schema) & {*self._reading.identity, self._reading.context}:
            return {**self._envelope(schema), MARK: {**mark, "shape": "envelope"}}
        members = schema["properties"]
        inner = resolve(self._source, members.get(self._reading.properties, {"type": "object"}))
        if context := members.get(self._reading.context):
            mark["context"] = context
        return {**_untitled(inner), MARK: mark}

    def _is_whole(self, schema: Json) -> bool:
        """Tell whether an event's schema is the whole call, rather than what it says in its properties."""
        members = schema.get("properties", {}).keys()
        return self._constant(schema) is not None or (
            bool(members) and members <= {*self._reading.shared} and self._reading.properties in members
        )

    def _needs(self, schema: Json) -> set[str]:
        sets = [frozenset[str](one.get("required", ())) for one in constraints_of(schema)]
        return {*schema.get("required", ()), *(frozenset[str].intersection(*sets) if sets else ())}

    def _envelope(self, schema: Json) -> Json:
        call = self.call.get("properties", {})
        shared = {name: call[name] for name in self._reading.shared if name in call}
        return {**_untitled(schema), "properties": {**shared, **schema["properties"]}}


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


def _family_name(heading: str) -> str | None:
    """Return what a heading or a table's row says of a family, None for a heading that names something else."""
    match = re.match(r"(?i)(?P<name>.+?)\s+(?:event schemas?|events?|event schema definitions?)$", heading)
    return match["name"] if match else None


def _family(label: str, reading: Reading) -> str:
    for called in (label, _family_name(label) or label):
        if called.lower() in reading.families:
            return reading.families[called.lower()]
    return key_of(_family_name(label) or label)
