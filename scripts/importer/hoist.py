"""Gives every object, mapping and enum a component of its own, under the name that callers know it by."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from scripts.importer.announced import key_of
from scripts.importer.combine import APART
from scripts.importer.constraints import constants_of, is_constraint
from scripts.importer.document import (
    MAPS_OF_SCHEMAS,
    MARK,
    SCHEMAS,
    Json,
    event_names,
    is_array,
    is_object,
    operations,
    parameter_place,
    reference_to,
    referred,
    resolve,
    schemas_of,
)
from scripts.importer.fingerprint import Fingerprints, endless
from scripts.importer.naming import pascal, singular
from scripts.importer.shared_parts import SharedParts
from scripts.importer.values import text_of


def hoist(document: Json, committed: Json | None = None) -> Json:
    """Return the document with a named component for each object, mapping and enum, and a ``$ref`` wherever it is used.

    A name once given stays: what the committed document has in a place gives its name to what the new one has there.
    Elsewhere an event is called by its words, a call as its operation, a component as before, and what was inline as
    the member that holds it, after its owner. The same schema under the same member name is one component.

    Parameters
    ----------
    document : dict
        Merged, pruned, its events marked. Titles name nothing.
    committed : dict, optional
        Canonical; only its names are read.
    """
    return _Hoister(document, committed or {}).document()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema stands.

    Attributes
    ----------
    owner : str
        The component that has it, empty for an event or a call.
    member : str
        The member that holds it: equal schemas under the same member are the same thing.
    known : dict or None
        What the committed document has in the same place.
    """

    owner: str
    member: str
    known: Json | None

    @property
    def name(self) -> str:
        """What it is called there when nothing else names it."""
        return self.owner + pascal(self.member)

    @property
    def known_name(self) -> str:
        """What the committed document calls it, empty when it does not."""
        return referred(self.known) or ""


UNREAD = ("headers", "links")
"""Parts of answers that no generated client reads."""

PHRASES = {str(status.value): status.phrase for status in HTTPStatus}

See = Callable[[Json, _Place], Json]


class _Hoister:
    def __init__(self, document: Json, committed: Json) -> None:
        self._source = document
        self._committed = committed
        self._print = Fingerprints(lambda schema: resolve(document, schema)).of
        self._known_print = Fingerprints(lambda schema: resolve(committed, schema)).of
        self._endless = endless(document)
        self._unions = {
            self._print(reference_to(key)): key
            for key, schema in sorted(schemas_of(document).items(), reverse=True)
            if schema.get("type") != "object" and "anyOf" in resolve(document, schema)
        }
        self._seen: set[tuple[str, str]] = set()
        self._votes: dict[str, Counter[str]] = defaultdict(Counter)
        self._uses: Counter[tuple[str, str]] = Counter()
        self._kept: dict[str, str] = {}
        self._alike: dict[tuple[str, str], str] = {}
        self._given: dict[str, str] = {}
        self._schemas: dict[str, Json] = {}
        self._shared = SharedParts(committed)
        self._parameters = Counter(
            text_of(resolve(document, parameter))
            for _, _, operation in operations(document)
            for parameter in operation.get("parameters", ())
        )
        tags = [operation.get("tags") for _, _, operation in operations(committed)]
        self._only_tags = tags[0] if tags and all(tag == tags[0] for tag in tags) else None

    def document(self) -> Json:
        self._rewritten(self._learn)
        # Where one component has become two, the name stays with what most places have.
        self._kept = {name: votes.most_common(1)[0][0] for name, votes in self._votes.items()}
        self._shared.forget()
        found = self._rewritten(self._named)
        components = {**found.get("components", {}), **self._shared.parts, "schemas": self._schemas}
        found = {**found, "components": {kind: named for kind, named in components.items() if named}}
        listed: list[Json] = self._source.get("tags", [])
        used = {tag for _, _, operation in operations(found) for tag in operation.get("tags", ())}
        tags = [tag for tag in listed if tag.get("name") in used]
        rest = {key: value for key, value in found.items() if key != "tags"}
        return {**rest, "tags": tags} if tags else rest

    # ---- every place -------------------------------------------------------------------------------------------

    def _rewritten(self, see: See) -> Json:
        """Return the document with each schema of an event or an operation as ``see`` would have it."""
        committed, ours = schemas_of(self._committed), schemas_of(self._source)
        known = {called: key for key, schema in committed.items() for called in event_names(schema)}
        # The same words with other capitals are the same event.
        alike = {key_of(called): key for called, key in known.items()}
        # Of two components that are one event the first by key counts.
        events = {ours[key][MARK]["name"]: key for key in sorted(ours, reverse=True) if MARK in ours[key]}
        for name, key in sorted(events.items()):
            called = event_names(ours[key])
            names = [known[one] for one in called if one in known]
            names += [alike[key_of(one)] for one in called if key_of(one) in alike]
            see(reference_to(key), _Place("", name, reference_to(names[0]) if names else None))
        if "paths" not in self._source:
            return self._source
        paths: Json = {path: dict(item) for path, item in self._source["paths"].items()}
        for path, method, operation in sorted(operations(self._source), key=lambda entry: entry[:2]):
            there = self._committed.get("paths", {}).get(path, {}).get(method, {})
            name = str(operation.get("operationId") or method + path)
            paths[path][method] = self._operation(operation, there, name, see)
        return {**self._source, "paths": paths}

    def _operation(self, operation: Json, known: Json, name: str, see: See) -> Json:
        found = {key: value for key, value in operation.items() if key != "callbacks"}
        if tags := known.get("tags") or self._only_tags or operation.get("tags"):
            found["tags"] = tags
        if "requestBody" in operation:
            body, there = self._both(operation["requestBody"], known.get("requestBody"))
            found["requestBody"] = self._content(body, there, _Place("", name, None), see)
        if "responses" in operation:
            found["responses"] = {
                status: self._response(status, response, known.get("responses", {}).get(status), pascal(name), see)
                for status, response in operation["responses"].items()
            }
        if "parameters" in operation:
            found["parameters"] = [
                self._parameter(parameter, known.get("parameters", []), pascal(name), see)
                for parameter in operation["parameters"]
            ]
        return found

    def _both(self, node: Json, known: Json | None) -> tuple[Json, Json]:
        return resolve(self._source, node), resolve(self._committed, known) if known else {}

    def _content(self, node: Json, known: Json, place: _Place, see: See) -> Json:
        content = {
            kind: {**media, "schema": see(media["schema"], replace(place, known=_at(known, "content", kind, "schema")))}
            if is_object(media.get("schema"))
            else media
            for kind, media in node.get("content", {}).items()
        }
        return {**node, "content": content} if content else node

    def _response(self, status: str, response: Json, known: Json | None, owner: str, see: See) -> Json:
        here, there = self._both(response, known)
        place = _Place(owner, "Response" + ("" if status == "200" else pascal(status)), None)
        found = {key: part for key, part in self._content(here, there, place, see).items() if key not in UNREAD}
        key = str(response.get("$ref", "")).rpartition("/")[2]
        return self._shared.put("responses", here, found, known, PHRASES.get(key, key))

    def _parameter(self, parameter: Json, known: list[Json], owner: str, see: See) -> Json:
        here = found = resolve(self._source, parameter)
        goes = parameter_place(self._source, found)
        same = next((part for part in known if parameter_place(self._committed, part) == goes), None)
        name = str(found["name"])
        if is_object(found.get("schema")):
            there = resolve(self._committed, same) if same else {}
            place = _Place(owner, name, _at(there, "schema"))
            found = {**found, "schema": see(found["schema"], place)}
        several = self._parameters[text_of(here)] > 1
        return self._shared.put("parameters", here, found, same, name.removeprefix("X-") if several else "")

    def _inside(self, schema: Json, place: _Place, owner: str, see: See) -> Json:
        """Return a schema with each of its parts as ``see`` would have it; members belong to the owner."""
        known = resolve(self._committed, place.known) if place.known else {}
        found = dict(schema)
        for key in MAPS_OF_SCHEMAS:
            if key in schema:
                # The order of members must not decide which of them gives its name.
                found[key] = {
                    name: see(part, _Place(owner, name, _at(known, key, name))) if is_object(part) else part
                    for name, part in sorted(schema[key].items())
                }
        # What an array or a union in a member holds belongs to the member's owner, under the member's name.
        inline = owner == place.owner
        for key in SCHEMAS:
            if is_object(schema.get(key)):
                one = _Place(owner, singular(place.member) if inline else "item", _at(known, key))
                found[key] = see(schema[key], one)
        if "prefixItems" in schema:
            items: list[Json] = known.get("prefixItems", [])
            there = dict(enumerate(items))
            found["prefixItems"] = [
                see(part, _Place(owner, f"item_{index + 1}", there.get(index))) if is_object(part) else part
                for index, part in enumerate(schema["prefixItems"])
            ]
        if "anyOf" in schema and not all(is_constraint(part) for part in schema["anyOf"]):
            each = enumerate(self._alternatives(schema["anyOf"], known.get("anyOf", [])))
            seen = {
                index: see(part, _Place(owner, (place.member if inline else "") + label, there))
                # Nor does the order of alternatives decide.
                for index, (part, label, there) in sorted(each, key=lambda entry: self._print(entry[1][0]))
            }
            found["anyOf"] = [seen[index] for index in sorted(seen)]
        if MARK in schema and is_object(schema[MARK].get("context")):
            context = _Place(owner, "context", _at(known, MARK, "context"))
            found[MARK] = {**schema[MARK], "context": see(schema[MARK]["context"], context)}
        return found

    def _alternatives(self, parts: list[Json], known: list[Json]) -> Iterator[tuple[Json, str, Json | None]]:
        """Yield each alternative, what tells it from the others in a word, and the committed one that it is.

        That is the one that says the same, or has the same constants: the order of alternatives means nothing.
        """
        same = {self._known_print(part): part for part in known}
        alike = {key: part for part in known if (key := constants_of(self._committed, part))}
        constants = [constants_of(self._source, part) for part in parts]
        common = frozenset[tuple[str, str]].intersection(*constants)
        for part, own in zip(parts, constants, strict=True):
            label = "_".join(value for _, value in sorted(own - common))
            yield part, f"_{label or 'variant'}", same.get(self._print(part)) or alike.get(own)

    # ---- first walk: which names are known ---------------------------------------------------------------------

    def _learn(self, schema: Json, place: _Place) -> Json:
        read, owner = resolve(self._source, schema), place.owner
        if null := _without_null(read):
            return self._learn(null, replace(place, known=_known_without_null(place.known)))
        if self._is_named(schema, read):
            owner, print_ = "", self._print(schema)
            self._uses[print_, place.member] += 1
            if place.known_name:
                self._votes[place.known_name][print_] += 1
                self._alike.setdefault((print_, place.member), place.known_name)
            if (print_, place.known_name) in self._seen:
                return schema
            self._seen.add((print_, place.known_name))
        self._inside(read, place, owner, self._learn)
        return schema

    # ---- second walk: everything gets its name -----------------------------------------------------------------

    def _named(self, schema: Json, place: _Place) -> Json:
        read = resolve(self._source, schema)
        if null := _without_null(read):
            there = replace(place, known=_known_without_null(place.known))
            return {"anyOf": [self._named(null, there), {"type": "null"}]}
        if not self._is_named(schema, read):
            return self._inside(read, place, place.owner, self._named)
        print_ = self._print(schema)
        name = self._name(schema, place, print_)
        if name not in self._given:
            self._given[name] = print_
            self._alike.setdefault((print_, place.member), name)
            self._schemas[name] = {}
            self._schemas[name] = self._inside(read, place, name, self._named)
        return reference_to(name)

    def _is_named(self, schema: Json, read: Json) -> bool:
        """Tell whether a schema is a component: it has members, typed values, or a choice of values."""
        if read.get("type") == "object":
            return bool(read.get("properties")) or is_object(read.get("additionalProperties")) or MARK in read
        if "anyOf" in read:
            # A union that had a name somewhere has it wherever it stands.
            return self._print(schema) in self._unions
        # What holds itself can only be referred to.
        return "enum" in read or schema.get("$ref") in self._endless

    def _name(self, schema: Json, place: _Place, print_: str) -> str:
        read = resolve(self._source, schema)
        component = (referred(schema) or self._unions.get(print_, "")).partition(APART)[0]
        several = self._uses[print_, place.member] > 1
        wanted = [
            place.known_name,
            self._alike.get((print_, place.member), ""),
            place.name if not place.owner else "",
            pascal(component),
            pascal(place.member) if several and "enum" not in read else "",
            place.name,
        ]
        for name in wanted:
            if name and self._is_free(name, print_):
                return name
        number = 2
        while not self._is_free(f"{place.name}{number}", print_):
            number += 1
        return f"{place.name}{number}"

    def _is_free(self, name: str, print_: str) -> bool:
        if name in self._kept:
            return self._kept[name] == print_
        if name in self._given:
            return self._given[name] == print_
        return name not in schemas_of(self._committed)


def _at(node: Json, *path: str) -> Json | None:
    found: Any = node
    for key in path:
        found = found.get(key) if is_object(found) else None
    return found if is_object(found) else None


def _without_null(schema: Json) -> Json | None:
    """Return what an object, or a choice of values, may be besides null; None when it may not be null."""
    types = schema.get("type")
    if not is_array(types) or "null" not in types or not ({"enum", "properties"} & schema.keys() or "object" in types):
        return None
    left = [name for name in types if name != "null"]
    found = {**schema, "type": left[0] if len(left) == 1 else left}
    if "enum" in schema:
        values = [value for value in found.pop("enum") if value is not None]
        found |= {"const": values[0]} if len(values) == 1 else {"enum": values}
    return found


def _known_without_null(known: Json | None) -> Json | None:
    if known and "$ref" in known:
        return known
    alternatives = (known or {}).get("anyOf", [])
    return next((part for part in alternatives if part.get("type") != "null"), None)
