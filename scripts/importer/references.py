"""Whether every reference of a document leads to something, and no schema consists of itself."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from scripts.importer.document import COMPONENT, MARK, Json, SourceError, is_array, is_object
from scripts.importer.syntax import MAX_VALUES, brief

__all__ = ["Place", "check_references", "follow", "path_in", "path_of", "with_entries_in_place"]

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

LONG_PATH = 120
"""So is a place of more characters."""

INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

Place = tuple["Place", str] | None
"""Where something stands: the place of what it is in, and the key that it has there."""


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
        if not isinstance(target, str):
            raise SourceError(f"{path_of(place)}: a $ref must be a text")
        if target not in found:
            found[target] = _follow(document, target, place)
    try:
        TopologicalSorter({target: dict.fromkeys(_parts(node)) for target, node in found.items()}).prepare()
    except CycleError as error:
        # graphlib names a cycle from the contained to what contains it.
        raise SourceError(f"{_cycle(error.args[1][::-1])}: contained in itself with nothing in between") from error


def with_entries_in_place(document: Json) -> Json:
    """Return the document with a copy in place of each reference that leads through an array.

    Where an entry stands in an array is no name that lasts.

    Raises
    ------
    SourceError
        What is referred to in such a way contains itself.
    """
    targets = {target for target, _ in _references(document) if _is_through_array(document, target)}
    found: Json = _Copier(document, targets).copied(document) if targets else document
    return found


def _is_through_array(document: Json, target: str) -> bool:
    keys = target.split("/")
    return any(is_array(follow(document, "/".join(keys[:end]))) for end in range(2, len(keys)))


class _Copier:
    def __init__(self, document: Json, targets: set[str]) -> None:
        self._document = document
        self._targets = targets
        self._inside: list[str] = []
        self._values = 0

    def copied(self, node: Any) -> Any:
        """Return a node with what its references lead to in their place."""
        self._values += bool(self._inside)
        if self._values > MAX_VALUES:
            raise SourceError(f"holds more than {MAX_VALUES} values when its references into arrays are written out")
        if is_array(node):
            return [self.copied(part) for part in node]
        if not is_object(node):
            return node
        found = {key: self.copied(part) for key, part in node.items()}
        target = node.get("$ref")
        if not isinstance(target, str) or target not in self._targets:
            return found
        del found["$ref"]
        if target in self._inside:
            raise SourceError(
                f"{path_of(path_in(target))}: contains itself, and has no name in components; give it one"
            )
        self._inside.append(target)
        copy: Json = self.copied(follow(self._document, target))
        self._inside.pop()
        return copy | found


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


def _follow(document: Json, target: str, place: Place) -> Json:
    if not target.startswith("#"):
        raise SourceError(
            f"{path_of(place)}: refers to another document, {brief(target)}; bundle them into one file first"
        )
    found = follow(document, target)
    if not is_object(found):
        raise SourceError(f"{path_of(place)}: refers to {brief(target)}, which is not there")
    return found


def follow(document: Json, target: str) -> Any:
    """Return what a ``$ref`` leads to, None when it leads nowhere.

    >>> follow({"tags": [{"name": "a/b"}], "a/b": 1}, "#/tags/0/name")
    'a/b'
    """
    found: Any = document if target.startswith("#/") else None
    for key in _keys(target):
        if is_array(found):
            found = found[int(key)] if INDEX.fullmatch(key) and int(key) < len(found) else None
        else:
            found = found.get(key) if is_object(found) else None
    return found


def _keys(target: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in target.removeprefix("#/").split("/")]


def path_in(target: str) -> Place:
    """Return the place that a ``$ref`` leads to."""
    place: Place = None
    for key in _keys(target):
        place = (place, key)
    return place


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


def path_of(place: Place) -> str:
    """Return a place as it stands in a message: its keys, of a long one the beginning and the end."""
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(brief(key))
    path = ".".join(reversed(keys))
    return path if len(path) <= LONG_PATH else f"{path[: LONG_PATH // 2]}...{path[-LONG_PATH // 2 :]}"


def _cycle(targets: list[str]) -> str:
    names = [brief(target.removeprefix(COMPONENT)) for target in targets]
    return " -> ".join(names if len(names) <= LONG else [*names[: LONG - 2], "...", names[-1]])
