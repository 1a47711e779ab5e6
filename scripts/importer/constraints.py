"""Alternatives of what an object requires: an ``anyOf`` of nothing but required sets, beside its members."""

from collections.abc import Iterable
from itertools import product
from math import prod

from scripts.importer.document import Json, SourceError, is_object, resolve
from scripts.importer.keywords import ImpossibleError, both_keywords
from scripts.importer.values import text_of

NARROWING = {"required", "properties", "items", "enum", "const"}
"""Keywords of an alternative that narrows an object down and says nothing new about its members."""

MOST_ALTERNATIVES = 1000
"""Unions inside one ``allOf`` multiply; beyond this a document is not meant to be read by anybody."""


def is_constraint(schema: Json) -> bool:
    """Tell whether a schema is an alternative of what an object requires: it has no type, it only narrows."""
    parts = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return (
        bool(schema) and schema.keys() <= NARROWING and all(is_object(part) and is_constraint(part) for part in parts)
    )


def constraints_of(schema: Json) -> list[Json]:
    """Return the alternatives that stand beside an object's members, empty when ``anyOf`` means something else."""
    alternatives: list[Json] = schema.get("anyOf", [])
    return alternatives if all(is_constraint(alternative) for alternative in alternatives) else []


def constants_of(document: Json, schema: Json) -> frozenset[tuple[str, str]]:
    """Return the members that have one value, with the value as text: they tell an alternative from others."""
    members = resolve(document, schema).get("properties", {})
    read = {name: resolve(document, member) for name, member in members.items() if is_object(member)}
    return frozenset((name, text_of(member["const"])) for name, member in read.items() if "const" in member)


def united(constraints: Iterable[Json]) -> Json | None:
    """Return the one constraint that asks for all of them, None when they cannot hold at once."""
    found: Json = {}
    for constraint in constraints:
        if required := sorted({*found.get("required", ()), *constraint.get("required", ())}):
            found["required"] = required
        for name, part in constraint.get("properties", {}).items():
            members = found.setdefault("properties", {})
            both = united([members[name], part]) if name in members else part
            if both is None:
                return None
            members[name] = both
        others = {key: value for key, value in constraint.items() if key not in {"required", "properties"}}
        mine = {key: value for key, value in found.items() if key not in {"required", "properties"}}
        try:
            found |= both_keywords(mine, others)
        except ImpossibleError:
            return None
        if "const" in found:
            found.pop("enum", None)
    return found


def with_constraints(schema: Json, choices: Iterable[list[Json]]) -> Json:
    """Put alternatives beside an object's members, one of each choice; those that ask for more than another go.

    A single one that is left, and does nothing but require, is required outright.

    Raises
    ------
    ImpossibleError
        None of them can hold.
    """
    given = [choice for choice in choices if choice]
    if not given:
        return schema
    each = [constraint for combination in multiplied(given) if (constraint := united(combination)) is not None]
    if not each:
        raise ImpossibleError("allOf: no alternative is left that all its parts allow")
    unique = list({text_of(constraint): constraint for constraint in each}.values())
    least = [one for one in unique if not any(other is not one and _implies(one, other) for other in unique)]
    if least == [{}]:
        return schema
    if len(least) == 1 and least[0].keys() == {"required"}:
        return {**schema, "required": sorted({*schema.get("required", ()), *least[0]["required"]})}
    return {**schema, "anyOf": least}


def multiplied(choices: list[list[Json]]) -> list[tuple[Json, ...]]:
    """Return every combination of one alternative of each choice.

    Raises
    ------
    SourceError
        They are too many.
    """
    total = prod(map(len, choices))
    if total > MOST_ALTERNATIVES:
        raise SourceError(f"allOf: its unions multiply to {total} alternatives, more than {MOST_ALTERNATIVES}")
    return list(product(*choices))


def _implies(one: Json, other: Json) -> bool:
    """Tell whether whatever satisfies one constraint satisfies the other."""
    rest = other.keys() - {"required", "properties"}
    return (
        {*other.get("required", ())} <= {*one.get("required", ())}
        and all(key in one and one[key] == other[key] for key in rest)
        and all(
            name in one.get("properties", {}) and _implies(one["properties"][name], part)
            for name, part in other.get("properties", {}).items()
        )
    )
