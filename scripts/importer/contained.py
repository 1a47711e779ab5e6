"""Recognises calls where they are spelled out again: what a batch takes are the calls themselves."""

from typing import Any

from scripts.importer.bodies import calls
from scripts.importer.constraints import constants_of, constraints_of, is_constraint
from scripts.importer.document import (
    Json,
    is_object,
    reference_to,
    referred,
    resolve,
    schemas_of,
    with_parts,
    with_schemas,
)


def contained(document: Json) -> Json:
    """Return the document with each alternative that is a lesser copy of a call as a reference to the call.

    A lesser copy has no member that the call has not, says nothing else of those it has, and shares a constant with
    it, such as its type. What it requires is not looked at: it is the call that decides.
    """
    whole = {name: resolve(document, schemas_of(document)[name]) for name in calls(document)}

    def changed(schema: Json) -> Json:
        found = with_parts(schema, changed)
        if "anyOf" in found and not all(is_constraint(part) for part in found["anyOf"]):
            found["anyOf"] = [reference(part) for part in found["anyOf"]]
        return found

    def reference(alternative: Json) -> Json:
        if "$ref" in alternative:
            return alternative
        names = [name for name, call in whole.items() if _is_lesser(document, alternative, call)]
        return reference_to(names[0]) if len(names) == 1 else alternative

    return with_schemas(document, changed)


def batchable(document: Json) -> Json:
    """Return the document with a mark (``x-batchable``) on each call that an array in another call's body takes."""
    schemas = schemas_of(document)
    names = list(calls(document))
    taken: set[str] = set()
    for name in names:
        for member in schemas[name].get("properties", {}).values():
            items = resolve(document, member).get("items") if is_object(member) else None
            if is_object(items):
                alternatives = [items, *resolve(document, items).get("anyOf", ())]
                called = {part for part in map(referred, alternatives) if part and part in schemas and part != name}
                # Where it takes one call, what it takes besides are calls too, even if they have no path of their own.
                taken |= called if called & {*names} else set()
    marked = {name: {**schemas[name], "x-batchable": True} for name in sorted(taken)}
    if not marked:
        return document
    return {**document, "components": {**document["components"], "schemas": {**schemas, **marked}}}


def _is_lesser(document: Json, part: Json, call: Json) -> bool:
    mine, theirs = (constants_of(document, schema) for schema in (part, call))
    return bool(mine & theirs) and _within(document, part, call, frozenset())


def _within(document: Json, part: Any, whole: Any, above: frozenset[tuple[str | None, str | None]]) -> bool:
    """Tell whether one schema says nothing of members that the other does not say too."""
    if not is_object(part) or not is_object(whole):
        return bool(part == whole)
    pair = (referred(part), referred(whole))
    if all(pair) and (pair[0] == pair[1] or pair in above):
        return True
    part, whole = resolve(document, part), resolve(document, whole)
    if part.get("type") != "object" or whole.get("type") != "object":
        return _plain(part) == _plain(whole)
    mine, theirs = part.get("properties", {}), whole.get("properties", {})
    return _beside(part) == _beside(whole) and all(
        name in theirs and _within(document, value, theirs[name], above | {pair}) for name, value in mine.items()
    )


def _beside(schema: Json) -> Json:
    """Return what an object says beside its members; which of them it requires is for the call to say."""
    said = {"title", "properties", "required", "x-batchable", *(["anyOf"] if constraints_of(schema) else [])}
    return {key: value for key, value in schema.items() if key not in said}


def _plain(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key not in {"title", "readOnly", "default", "minLength"}}
