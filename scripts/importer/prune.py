"""Leaves out the components that nothing reaches."""

from collections.abc import Iterator
from typing import Any

from scripts.importer.document import MARK, METHODS, Json, is_array, is_object, schemas_of

__all__ = ["prune"]

_COMPONENTS = "#/components/"


def prune(document: Json) -> Json:
    """Return the document with those components only that a path, a semantic event or ``security`` reaches."""
    components: Json = document.get("components", {})
    events = {("schemas", name) for name, schema in schemas_of(document).items() if MARK in schema}
    schemes = {("securitySchemes", name) for name in _schemes(document)}
    outside = {key: value for key, value in document.items() if key not in ("components", "info")}
    reached = _reached(components, {*_references(outside), *events, *schemes})
    kept = {
        group: {name: part for name, part in parts.items() if (group, name) in reached}
        for group, parts in components.items()
    }
    found = {group: parts for group, parts in kept.items() if parts}
    pruned = {key: value for key, value in document.items() if key != "components"}
    # The place of the components among the document's keywords is nobody's business before the end.
    return pruned | ({"components": found} if found else {})


def _reached(components: Json, waiting: set[tuple[str, str]]) -> set[tuple[str, str]]:
    reached: set[tuple[str, str]] = set()
    while waiting:
        group, name = place = waiting.pop()
        reached.add(place)
        waiting |= set(_references(components.get(group, {}).get(name))) - reached
    return reached


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Yield group and name of the components that a tree refers to."""
    if is_object(node):
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith(_COMPONENTS):
            group, _, name = target.removeprefix(_COMPONENTS).partition("/")
            # A reference may lead to a part of a component.
            yield group, name.partition("/")[0].replace("~1", "/").replace("~0", "~")
        for value in node.values():
            yield from _references(value)
    elif is_array(node):
        for value in node:
            yield from _references(value)


def _schemes(document: Json) -> Iterator[str]:
    """Yield the names of the security schemes that are in use."""
    items = [*document.get("paths", {}).values(), *document.get("webhooks", {}).values()]
    stated = [item[method] for item in items for method in METHODS if method in item]
    for part in [document, *stated]:
        for need in part.get("security", ()):
            yield from need
