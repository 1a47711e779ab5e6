"""Gives every operation's body a component, so that the passes after this one can speak of calls by name."""

from collections.abc import Iterator
from typing import Any

from scripts.importer.document import Json, is_object, operations, reference_to, referred, resolve, schemas_of


def bodies(document: Json) -> Json:
    """Return the document with each inline schema of a request body as a component.

    It is called as the operation, or as method and path where the operation has no id.
    """
    schemas = dict(schemas_of(document))
    paths = {path: dict(item) for path, item in document.get("paths", {}).items()}
    for path, method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        name = operation.get("operationId")
        changed = {
            kind: {**media, "schema": _named(document, media["schema"], name or method + path, schemas)}
            for kind, media in content.items()
            if is_object(media.get("schema")) and media["schema"] and referred(media["schema"]) not in schemas
        }
        if changed:
            body = {**operation["requestBody"], "content": {**content, **changed}}
            paths[path][method] = {**operation, "requestBody": body}
    if "paths" not in document:
        return document
    return {**document, "paths": paths, "components": {**document.get("components", {}), "schemas": schemas}}


def calls(document: Json) -> Iterator[str]:
    """Yield the components that are the body of an operation, in the order of their names."""
    found: set[str] = set()
    for _, _, operation in operations(document):
        for media in resolve(document, operation.get("requestBody", {})).get("content", {}).values():
            name = referred(media.get("schema"))
            if name in schemas_of(document):
                found.add(name)
    yield from sorted(found)


def _named(document: Json, schema: Json, name: Any, schemas: dict[str, Any]) -> Json:
    number, key = 1, str(name)
    if "$ref" in schema:
        schema = resolve(document, schema)
    while key in schemas and schemas[key] != schema:
        number += 1
        key = f"{name}{number}"
    schemas[key] = schema
    return reference_to(key)
