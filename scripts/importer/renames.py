"""Recognises components that are the same under another name."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from hashlib import sha256

from scripts.importer.callers import Side, references
from scripts.importer.comparable import comparable, in_json
from scripts.importer.document import MARK, Json

__all__ = ["renames", "unnamed"]


def renames(before: Side, after: Side) -> dict[str, str]:
    """Pair components that are gone with new ones that callers know under the other name.

    They are equal, in the same family or at the same places; or they are at the same place and share something.
    """
    found = _equal(before, after)
    # Parts of what was renamed are at the same place once that is known.
    while more := _in_place(before.renamed(found) if found else before, after):
        found |= more
    return found


def _equal(before: Side, after: Side) -> dict[str, str]:
    common = before.schemas.keys() & after.schemas.keys()
    alike = _alike(before, after, common)
    pairs: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for index, side in enumerate((before, after)):
        places = _places(side, alike[index])
        for name in sorted(side.schemas.keys() - common):
            mark = side.schemas[name].get(MARK)
            key = [alike[index][name], mark["family"] if mark else sorted(places[name])]
            pairs[in_json(key)][index].append(name)
    return {gone[0]: new[0] for gone, new in pairs.values() if len(gone) == len(new) == 1}


def _in_place(before: Side, after: Side) -> dict[str, str]:
    """Pair what is gone with what is new where it was, if there is no doubt."""
    gone, new = (
        {name for name in one.schemas.keys() - other.schemas.keys() if MARK not in one.schemas[name]}
        for one, other in ((before, after), (after, before))
    )
    if not gone or not new:
        return {}
    were, are = (
        {name: {path.replace("/anyOf", "") for path in places} for name, places in _places(side, {}).items()}
        for side in (before, after)
    )
    pairs = [
        (name, other)
        for name in gone
        for other in new
        if were.get(name, set()) & are.get(other, set())
        and before.sort(name) == after.sort(other) is not None
        and _said(before.schemas[name]) & _said(after.schemas[other])
    ]
    olds, news = Counter(name for name, _ in pairs), Counter(other for _, other in pairs)
    return {name: other for name, other in pairs if olds[name] == news[other] == 1}


def _said(schema: Json) -> set[str]:
    """Return the members of an object, the values of an enum."""
    return {*schema.get("properties", ()), *map(in_json, schema.get("enum", ()))}


def unnamed(schema: Json) -> Json:
    """Return an event's schema with a blank for its name, any other schema as it is."""
    if MARK not in schema:
        return schema
    mark: Json = schema[MARK]
    found = {**schema, MARK: {key: value for key, value in mark.items() if key not in {"name", "aliases", "source"}}}
    event = schema.get("properties", {}).get("event", {})
    if "const" in event and event["const"] in {mark["name"], *mark.get("aliases", ())}:
        found["properties"] = {**schema["properties"], "event": {**event, "const": ""}}
    return found


def _alike(before: Side, after: Side, common: Collection[str]) -> tuple[dict[str, str], ...]:
    """Map each component that only one side has to what tells its schema from others, whatever they are called.

    Where they consist of each other, each round looks one reference deeper, until nothing more is told apart.
    """
    sides = (before, after)
    found = tuple(dict.fromkeys(side.schemas.keys() - common, "") for side in sides)
    apart = 0
    while len(told := {text for known in found for text in known.values()}) > apart:
        apart = len(told)
        found = tuple(
            {name: _digest(unnamed(side.schemas[name]), known) for name in known}
            for side, known in zip(sides, found, strict=True)
        )
    return found


def _digest(schema: Json, names: Mapping[str, str]) -> str:
    return sha256(in_json(comparable(schema, names)).encode()).hexdigest()


def _places(side: Side, names: Mapping[str, str]) -> dict[str, set[str]]:
    """Map each component to where it is used: by what (a name, or the fingerprint of what may be renamed), at what."""
    found: dict[str, set[str]] = defaultdict(set)
    schemas = {names.get(name, name): schema for name, schema in side.schemas.items()}
    others = {key: value for key, value in side.document.get("components", {}).items() if key != "schemas"}
    for user, tree in [*schemas.items(), ("", {**side.document, "components": others})]:
        for path, name in references(tree, user):
            found[name].add(path)
    return found
