"""Whether every reference of a document leads to something, and no schema consists of itself."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from scripts.importer.document import COMPONENT, MARK, Json, SourceError, is_array, is_object
from scripts.importer.syntax import brief

__all__ = ["check_references"]

NAMED = frozenset(
    {
        *("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"),
        *("paths", "webhooks", "pathItems", "callbacks", "responses", "headers", "content", "encoding", "links"),
        *("schemas", "parameters", "requestBodies", "securitySchemes", "mapping", "variables", "scopes"),
    }
)
"""Keywords whose keys are names that somebody chose, so that ``$ref`` or ``default`` among them mean nothing."""

DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are data."""

IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
"""Keywords whose schemas hold for the very value that the schema around them holds for."""

LONG = 6
"""A longer cycle is shown by its beginning and its end."""

Place = tuple["Place", str] | None


def check_references(document: Json) -> None:
    """Follow every ``$ref``.

    Raises
    ------
    SourceError
        One leads out of the document or nowhere, or schemas contain each other without a member, an item or a
        mapping's value in between. (Through those, a schema may well contain itself.)
    """
    found: dict[str, Json] = {}
    for target, place in _references(document):
        if target not in found:
            found[target] = _follow(document, target, place)
    try:
        TopologicalSorter({target: dict.fromkeys(_parts(node)) for target, node in found.items()}).prepare()
    except CycleError as error:
        # graphlib names a cycle from the contained to what contains it.
        raise SourceError(f"{_cycle(error.args[1][::-1])}: contained in itself with nothing in between") from error


def _references(document: Json) -> Iterator[tuple[Any, Place]]:
    """Yield every ``$ref`` and where it stands, in the order of the document."""
    waiting: list[tuple[Any, bool, Place]] = [(document, False, None)]
    while waiting:
        node, named, place = waiting.pop()
        if is_array(node):
            waiting += [(part, False, (place, str(index))) for index, part in enumerate(node)][::-1]
        elif is_object(node):
            if not named and "$ref" in node:
                yield node["$ref"], place
            waiting += [
                (part, key in NAMED and not named, (place, key))
                for key, part in reversed(node.items())
                if named or key == MARK or (key not in DATA and not key.startswith("x-"))
            ]


def _follow(document: Json, target: Any, place: Place) -> Json:
    if not isinstance(target, str):
        raise SourceError(f"{_path(place)}: a $ref must be a text")
    if not target.startswith("#"):
        raise SourceError(
            f"{_path(place)}: refers to another document, {brief(target)}; bundle them into one file first"
        )
    found: Any = document if target.startswith("#/") else None
    for key in target.removeprefix("#/").split("/"):
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if is_object(found) else None
    if not is_object(found):
        raise SourceError(f"{_path(place)}: refers to {brief(target)}, which is not there")
    return found


def _parts(schema: Json) -> Iterator[str]:
    """Yield the references that a schema makes about the very value it describes."""
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if is_array(node):
            waiting += node
        elif is_object(node):
            if isinstance(target := node.get("$ref"), str):
                yield target
            waiting += [node[key] for key in IN_PLACE if key in node]


def _path(place: Place) -> str:
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return brief(".".join(reversed(keys)))


def _cycle(targets: list[str]) -> str:
    names = [brief(target.removeprefix(COMPONENT)) for target in targets]
    return " -> ".join(names if len(names) <= LONG else [*names[: LONG - 2], "...", names[-1]])
