"""An OpenAPI document as the passes handle it: plain JSON, never changed in place."""

from collections.abc import Callable, Iterator
from typing import Any

from scripts.generator.spec import COMPONENT, MARK, Json, is_array, is_object

__all__ = [
    "COMPONENT",
    "KINDS_OF_COMPONENTS",
    "LISTS_OF_SCHEMAS",
    "MAPS_OF_SCHEMAS",
    "MARK",
    "METHODS",
    "SCHEMAS",
    "UNIONS",
    "Json",
    "SourceError",
    "event_names",
    "is_array",
    "is_object",
    "operations",
    "parameter_place",
    "reference_to",
    "referred",
    "resolve",
    "schemas_of",
    "with_parts",
    "with_schemas",
]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

UNIONS = ("anyOf", "oneOf")

MAPS_OF_SCHEMAS = ("properties", "patternProperties")
LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
SCHEMAS = ("items", "additionalProperties", "contains", "propertyNames", "not")
"""Keywords of a schema whose values are schemas, or may be."""


KINDS_OF_COMPONENTS = {
    "schemas": "component{}",
    "responses": "response{}",
    "parameters": "parameter{}",
    "headers": "header{}",
    "requestBodies": "body{}",
    "securitySchemes": "scheme{}",
    "callbacks": "path{}{}",
    "pathItems": "path{}",
}
"""What the components are by name, for tables of what holds what."""


class SourceError(Exception):
    """Nothing sound can be made of this input; the message says why in one line."""


def reference_to(name: str) -> Json:
    """Return the reference to a component schema."""
    return {"$ref": COMPONENT + name.replace("~", "~0").replace("/", "~1")}


def referred(schema: Any) -> str | None:
    """Return the name of the component schema that a schema refers to, None when it is no such reference.

    >>> referred(reference_to("A/B"))
    'A/B'
    """
    target = schema.get("$ref") if is_object(schema) else None
    if not isinstance(target, str) or not target.startswith(COMPONENT):
        return None
    name = target.removeprefix(COMPONENT)
    return None if "/" in name else name.replace("~1", "/").replace("~0", "~")


def schemas_of(document: Json) -> dict[str, Json]:
    """Return the component schemas by name."""
    found: dict[str, Json] = document.get("components", {}).get("schemas", {})
    return found


def resolve(document: Json, node: Json) -> Json:
    """Follow a node's ``$ref`` to the component that it names, of whatever kind.

    Raises
    ------
    SourceError
        The reference leads nowhere, out of the document, or back to itself.
    """
    seen: set[str] = set()
    while is_object(node) and isinstance(target := node.get("$ref"), str):
        if target in seen:
            raise SourceError(f"{target}: refers to nothing but itself")
        seen.add(target)
        found: Any = document if target.startswith("#/") else None
        for key in target.removeprefix("#/").split("/"):
            found = found.get(key.replace("~1", "/").replace("~0", "~")) if is_object(found) else None
        if not is_object(found):
            raise SourceError(f"{target}: there is no such component")
        node = found
    return node


def event_names(schema: Json) -> list[str]:
    """Return what an event may be called, its name first; nothing for what is no event."""
    mark = schema.get(MARK)
    return [mark["name"], *mark.get("aliases", ())] if mark else []


def parameter_place(document: Json, parameter: Json) -> tuple[Any, Any]:
    """Return where a parameter goes: no operation has two for one place."""
    read = resolve(document, parameter)
    return read.get("in"), read.get("name")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation, in the order of the document."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def with_parts(schema: Json, change: Callable[[Json], Json]) -> Json:
    """Return a schema whose direct parts (members, items, alternatives, ...) are changed."""
    found: Json = {}
    for key, value in schema.items():
        if key in MAPS_OF_SCHEMAS and is_object(value):
            found[key] = {name: change(part) if is_object(part) else part for name, part in value.items()}
        elif key in LISTS_OF_SCHEMAS and is_array(value):
            found[key] = [change(part) if is_object(part) else part for part in value]
        elif key in SCHEMAS and is_object(value):
            found[key] = change(value)
        elif key == MARK and is_object(value) and is_object(value.get("context")):
            found[key] = {**value, "context": change(value["context"])}
        else:
            found[key] = value
    return found


def with_schemas(document: Json, change: Callable[[Json], Json]) -> Json:
    """Return a document whose schemas are changed: components and those of parameters, bodies, responses."""
    return {key: _changed(value, change, key) if key != "info" else value for key, value in document.items()}


def _changed(node: Any, change: Callable[[Json], Json], key: str) -> Any:
    if key == "schema" and is_object(node):
        return change(node)
    if key == "schemas" and is_object(node):
        return {name: change(schema) for name, schema in node.items()}
    if is_object(node):
        return {name: _changed(value, change, name) for name, value in node.items()}
    if is_array(node):
        return [_changed(value, change, "") for value in node]
    return node
