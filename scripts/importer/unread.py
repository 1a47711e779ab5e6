"""Names the components of a vendor's document that nothing is made of."""

from collections.abc import Collection
from typing import Any

from scripts.importer.document import Json, is_array, is_object, schemas_of
from scripts.importer.source_reader import Reader


def unread(document: Json, events: Collection[str]) -> tuple[str, ...]:
    """Return the components that neither a path nor these components of events refer to or repeat."""
    schemas = schemas_of(document)
    digests: dict[int, int] = {}
    read: set[int] = set()
    waiting: list[Any] = [document.get("paths", {}), *(schemas[key] for key in events if key in schemas)]
    reader, visited = Reader(document), set[int]()
    while waiting:
        node = waiting.pop()
        if is_object(node):
            if id(node) in visited:
                continue
            visited.add(id(node))
            read.add(_digest(node, digests))
            if isinstance(target := node.get("$ref"), str):
                waiting.append(reader.resolve(target))
            waiting.extend(node.values())
        elif is_array(node):
            waiting.extend(node)
    return tuple(sorted(name for name, schema in schemas.items() if _digest(schema, digests) not in read))


def _digest(node: Any, known: dict[int, int]) -> int:
    """Return a number that equal trees share."""
    if is_object(node):
        if id(node) not in known:
            known[id(node)] = hash(frozenset((key, _digest(value, known)) for key, value in node.items()))
        return known[id(node)]
    if is_array(node):
        return hash(("list", *(_digest(value, known) for value in node)))
    return hash((node.__class__.__name__, node))
