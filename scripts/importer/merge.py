"""Reads ``allOf`` as one schema, and alternatives that do not contradict each other as one object.

What is left are plain objects, and unions (``anyOf``) of schemas that do contradict each other. What only some of the
alternatives of one object require stays beside its members, as an ``anyOf`` of nothing but required sets.
"""

from collections.abc import Iterable
from typing import Any

from scripts.importer.constraints import constraints_of, is_constraint, multiplied, united, with_constraints
from scripts.importer.document import (
    COMPONENT,
    UNIONS,
    Json,
    SourceError,
    is_object,
    reference_to,
    resolve,
    schemas_of,
    with_parts,
    with_schemas,
)
from scripts.importer.fingerprint import Fingerprints, endless
from scripts.importer.keywords import ANNOTATIONS, ImpossibleError, NoValueError, both_keywords
from scripts.importer.values import text_of


def merge(document: Json) -> Json:
    """Return the document with ``allOf`` merged, ``oneOf`` read as ``anyOf``, and alternatives collapsed.

    Members of ``allOf`` must all hold: types and enums are intersected, required sets united, and a member that one
    part marks as read-only is writable if another does not. Alternatives become one object unless a common member
    contradicts, such as another ``const`` or type.

    Raises
    ------
    SourceError
        Parts of an ``allOf`` cannot hold at once, or their unions multiply beyond measure. The message names the
        component.
    """
    merger = _Merger(document)
    for name in schemas_of(document):
        try:
            merger.read(reference_to(name))
        except SourceError as error:
            raise SourceError(f"{name}: {error}") from error
    return with_schemas(document, merger.merged)


class ContradictionError(Exception):
    """Alternatives cannot be one object."""


class _Merger:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._components: dict[str, Json] = {}
        self._merging: set[str] = set()
        self._combining = 0
        self._reading: list[tuple[str, ...]] = []
        self._print = Fingerprints(self.read).of
        self._endless = endless(document)

    def merged(self, schema: Any) -> Json:
        """Return a schema in normal form: nothing to merge is left at any depth."""
        if not is_object(schema):
            return {} if schema else NOTHING
        if "$ref" in schema:
            # In OpenAPI 3.1 a reference may have siblings, which hold as well.
            beside = {key: value for key, value in schema.items() if key not in {"$ref", "title"}}
            return self._all([{"$ref": schema["$ref"]}, beside]) if beside else {"$ref": schema["$ref"]}
        if "allOf" in schema:
            own = {key: value for key, value in schema.items() if key != "allOf"}
            return self._all([*schema["allOf"], *([own] if own.keys() - {"title"} else [])], title=schema.get("title"))
        if any(key in schema for key in UNIONS):
            return self._union(schema)
        return self._settled(with_parts(schema, self._part))

    def _part(self, schema: Json) -> Json:
        """Return a member, or another part, in normal form.

        That it chooses other values than another part does is how alternatives are told apart. Anything else that
        cannot be there is a fault of the document.
        """
        try:
            return self.merged(schema)
        except NoValueError:
            raise
        except ImpossibleError as error:
            raise SourceError(str(error)) from error

    def _all(self, parts: list[Any], title: str | None = None) -> Json:
        found = self._each(
            {"$ref": part["$ref"]} if is_object(part) and part.keys() == {"$ref"} else self.merged(part)
            for part in parts
        )
        return found if title is None or "$ref" in found else {**found, "title": title}

    def _union(self, schema: Json) -> Json:
        base: Json = {key: value for key, value in schema.items() if key not in UNIONS}
        base = with_parts(base, self._part)
        unions = [schema[key] for key in UNIONS if key in schema]
        if "type" in base and all(is_object(part) and is_constraint(part) for union in unions for part in union):
            return self._settled(with_constraints(base, unions))
        merged = [self._flat(alternatives) for alternatives in unions]
        if base.keys() - {"title"} and base.keys() <= BESIDE and len(merged) == 1:
            # What holds for every alternative is said once, beside alternatives that may be references.
            return {**base, **_one_or_union(self._collapsed(merged[0]))}
        chosen = multiplied([[base], *merged])
        found = _one_or_union(self._collapsed(self._possible(chosen)))
        return found if "title" not in base or "$ref" in found else {**found, "title": base["title"]}

    def _possible(self, combinations: Iterable[Iterable[Json]]) -> list[Json]:
        """Return the schema of each combination of parts; what cannot hold at once is no alternative."""
        found: list[Json] = []
        reason: ImpossibleError | None = None
        self._combining += 1
        try:
            for combination in combinations:
                try:
                    found.append(self._each(combination))
                except ImpossibleError as error:
                    reason = error
        finally:
            self._combining -= 1
        if reason and not found:
            raise reason
        return found

    def _alternatives(self, schema: Json) -> list[Json]:
        """Return the alternatives of a union, each with what stands beside them; another schema is the only one."""
        if "anyOf" not in schema or constraints_of(schema):
            return [schema]
        beside = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
        return self._possible([beside, alternative] for alternative in schema["anyOf"])

    def _each(self, parts: Iterable[Json]) -> Json:
        found: Json = {}
        for part in parts:
            found = self.both(found, part)
        return found

    def _flat(self, alternatives: list[Json]) -> list[Json]:
        """Return the alternatives in normal form; those that are unions themselves give theirs."""
        found: list[Json] = []
        reason: ImpossibleError | None = None
        for part in alternatives:
            try:
                alternative = self.merged(part)
            except ImpossibleError as error:
                reason = error
                continue
            read = self.read(alternative)
            nested: list[Json] = read.get("anyOf", []) if not read.keys() - {"anyOf", "title"} else []
            found.extend(nested or ([] if alternative == NOTHING else [alternative]))
        if not found:
            raise reason or ImpossibleError("nothing satisfies any of the alternatives")
        return found

    def read(self, schema: Json) -> Json:
        """Return what a schema says, in normal form, instead of a reference to it."""
        target = schema.get("$ref")
        if target is None:
            return schema
        if target in self._merging:
            # It holds itself, and is not complete yet: it can be referred to, and not looked into.
            return {"$ref": target}
        if target not in self._components:
            self._merging.add(target)
            try:
                self._components[target] = self.merged(resolve(self._document, schema))
            finally:
                self._merging.remove(target)
        return self.read(self._components[target])

    # ---- everything must hold ----------------------------------------------------------------------------------

    def both(self, one: Json, other: Json) -> Json:
        """Return the schema of what satisfies both."""
        if not _says(other) or self._print(one) == self._print(other):
            return one
        if not _says(one):
            return other
        if NOTHING in (one, other):
            return NOTHING
        names = tuple(str(schema.get("$ref", "")) for schema in (one, other))
        one, other = self.read(one), self.read(other)
        if "$ref" in one or "$ref" in other or (all(names) and names in self._reading):
            # What holds itself cannot be copied; a mark that it bears in one place is not worth a copy.
            if "$ref" in one and other.keys() <= ANNOTATIONS:
                return one
            if "$ref" in other and one.keys() <= ANNOTATIONS:
                return other
            name = next(filter(None, names))
            raise SourceError(f"{name.removeprefix(COMPONENT)}: holds itself, and is more than that in one place")
        self._reading.append(names)
        try:
            return self._both(one, other)
        finally:
            self._reading.pop()

    def _both(self, one: Json, other: Json) -> Json:
        constraints = [constraints_of(schema) for schema in (one, other)]
        if any("anyOf" in schema and not found for schema, found in zip((one, other), constraints, strict=True)):
            alternatives = [self._alternatives(schema) for schema in (one, other)]
            return _one_or_union(self._collapsed(self._possible(multiplied(alternatives))))
        found = self._members(
            {key: value for key, value in one.items() if key != "anyOf"},
            {key: value for key, value in other.items() if key != "anyOf"},
        )
        return self._settled(with_constraints(found, constraints))

    def _members(self, one: Json, other: Json) -> Json:
        apart = {*MERGED, "title"}
        said = [{key: value for key, value in schema.items() if key not in apart} for schema in (one, other)]
        found = both_keywords(*said)
        for keyword in MERGED:
            if keyword in one or keyword in other:
                found[keyword] = one.get(keyword, other.get(keyword))
        if "items" in one and "items" in other:
            found["items"] = self.both(one["items"], other["items"])
        if "properties" in one or "properties" in other:
            found["properties"] = self._properties(one, other)
        if "patternProperties" in one and "patternProperties" in other:
            mine, theirs = one["patternProperties"], other["patternProperties"]
            found["patternProperties"] = {
                name: self._each([patterns[name] for patterns in (mine, theirs) if name in patterns])
                for name in {**mine, **theirs}
            }
        if "additionalProperties" in one and "additionalProperties" in other:
            found["additionalProperties"] = self._further(one, other)
        return found

    def _properties(self, one: Json, other: Json) -> Json:
        found: Json = {}
        mine, theirs = one.get("properties", {}), other.get("properties", {})
        for name in {**mine, **theirs}:
            named = [schema["properties"][name] for schema in (one, other) if name in schema.get("properties", {})]
            further = [
                schema["additionalProperties"]
                for schema in (one, other)
                if name not in schema.get("properties", {}) and "additionalProperties" in schema
            ]
            # Where one part forbids what it does not name, a member of the other cannot be there.
            if False not in further:
                found[name] = self._member([*named, *further])
        needed = {*one.get("required", ()), *other.get("required", ())}
        if impossible := sorted(name for name in needed if found.get(name) == NOTHING):
            raise ImpossibleError(f"allOf: {impossible[0]} is required, and nothing satisfies it")
        return found

    def _member(self, parts: list[Any]) -> Json:
        if False in parts:
            return NOTHING
        try:
            return self._each(filter(is_object, parts))
        except NoValueError:
            # It is how alternatives are told apart: this one is none.
            raise
        except ImpossibleError as error:
            if self._combining:
                return NOTHING
            raise SourceError(str(error)) from error

    def _further(self, one: Json, other: Json) -> Any:
        values = [schema["additionalProperties"] for schema in (one, other)]
        return False if False in values else self.both(*(value if is_object(value) else {} for value in values))

    def _settled(self, schema: Json) -> Json:
        """Return an object that requires no constants: by their defaults they are always there."""
        members = schema.get("properties", {})
        constants = {name for name, part in members.items() if is_object(part) and "const" in self.read(part)}
        if not constants:
            return schema
        found = _requiring_less(schema, constants)
        if alternatives := constraints_of(found):
            less = [_requiring_less(alternative, constants) for alternative in alternatives]
            rest = {key: value for key, value in found.items() if key != "anyOf"}
            return with_constraints(rest, [less])
        return found

    # ---- one of them is enough ---------------------------------------------------------------------------------

    def _collapsed(self, alternatives: list[Json]) -> list[Json]:
        """Make one object of each set of alternatives that do not contradict each other."""
        unique = list({self._print(alternative): alternative for alternative in alternatives}.values())
        groups: list[list[int]] = []
        # The order in which a document lists its alternatives means nothing: it must not decide which of them meet.
        for index in sorted(range(len(unique)), key=lambda index: self._print(unique[index])):
            for group in groups:
                if self._are_one([unique[member] for member in (*group, index)]):
                    group.append(index)
                    break
            else:
                groups.append([index])
        found = sorted(sorted(group) for group in groups)
        return [
            self.either([unique[member] for member in group]) if len(group) > 1 else unique[group[0]] for group in found
        ]

    def _are_one(self, alternatives: list[Json]) -> bool:
        try:
            self.either(alternatives)
        except ContradictionError:
            return False
        return True

    def either(self, alternatives: list[Json]) -> Json:
        """Return the one object that all of them can be.

        Raises
        ------
        ContradictionError
            They are no objects, or a member of two of them is not the same.
        """
        if any(alternative.get("$ref") in self._endless for alternative in alternatives):
            # One object of what holds itself and of something else would hold another such one, without end.
            raise ContradictionError
        read = [self.read(alternative) for alternative in alternatives]
        plain = [{key: value for key, value in schema.items() if key not in {"title", "anyOf"}} for schema in read]
        for schema, members in zip(read, plain, strict=True):
            if schema.get("type") != "object" or ("anyOf" in schema and not constraints_of(schema)):
                raise ContradictionError
            if _rest(members) != _rest(plain[0]):
                raise ContradictionError
        names = list(dict.fromkeys(name for schema in plain for name in schema.get("properties", {})))
        if "additionalProperties" in plain[0] and any(
            len(schema.get("properties", {})) < len(names) for schema in plain
        ):
            # What one of them names, another forbids or types: only open objects can take each other's members.
            raise ContradictionError
        properties = {
            name: self._same([schema["properties"][name] for schema in plain if name in schema.get("properties", {})])
            for name in names
        }
        found: Json = {"type": "object", **_rest(plain[0])}
        if required := frozenset[str].intersection(*(frozenset(schema.get("required", ())) for schema in plain)):
            found["required"] = sorted(required)
        if properties:
            found["properties"] = properties
        left = [self._left(schema, found) for schema in plain]
        # What an alternative requires besides holds together with each of its own constraints.
        alone = [
            both
            for schema, rest in zip(read, left, strict=True)
            for constraint in (constraints_of(schema) or [{}])
            if (both := united([rest, constraint])) is not None
        ]
        return with_constraints(found, [alone])

    def _same(self, schemas: list[Json]) -> Json:
        """Return the schema of a member that several alternatives have."""
        if len({self._print(schema) for schema in schemas}) == 1:
            return min(schemas, key=lambda schema: "$ref" not in schema)
        read = [self.read(schema) for schema in schemas]
        # Whether it is the server's to set, and what it is when it is absent, are no contradiction.
        said = [{key: value for key, value in schema.items() if key not in {"readOnly", "default"}} for schema in read]
        if len({self._print(schema) for schema in said}) == 1:
            defaults = {text_of(schema["default"]) if "default" in schema else "" for schema in read}
            server = all(schema.get("readOnly") for schema in read)
            default = {"default": read[0]["default"]} if len(defaults) == 1 and "default" in read[0] else {}
            return {**said[0], **default, **({"readOnly": True} if server else {})}
        names = tuple(str(schema.get("$ref", "")) for schema in schemas)
        if all(names) and names in self._reading:
            raise ContradictionError
        self._reading.append(names)
        try:
            return self.either(schemas)
        finally:
            self._reading.pop()

    def _left(self, schema: Json, whole: Json) -> Json:
        """Return what an alternative requires and the object made of all does not, at any depth."""
        found: Json = {}
        if more := sorted({*schema.get("required", ())} - {*whole.get("required", ())}):
            found["required"] = more
        members: Json = {}
        for name, part in schema.get("properties", {}).items():
            one, other = self.read(part), self.read(whole["properties"][name])
            both_objects = one.get("type") == "object" == other.get("type")
            if both_objects and self._print(one) != self._print(other) and (left := self._left(one, other)):
                members[name] = left
        return {**found, "properties": members} if members else found


BESIDE = {"title", "required", "readOnly", "writeOnly", "deprecated", "default"}
"""Keywords that may stand beside a union."""

MERGED = ("items", "properties", "patternProperties", "additionalProperties")
"""Keywords whose schemas are merged as well."""

NOTHING: Json = {"not": {}}
"""The schema that no value satisfies."""


def _requiring_less(schema: Json, names: set[str]) -> Json:
    if not names & {*schema.get("required", ())}:
        return schema
    left = [name for name in schema["required"] if name not in names]
    found = {key: value for key, value in schema.items() if key != "required"}
    return {**found, "required": left} if left else found


def _says(schema: Json) -> bool:
    return bool(schema.keys() - {"title"})


def _rest(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key not in {"type", "properties", "required"}}


def _one_or_union(alternatives: list[Json]) -> Json:
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
