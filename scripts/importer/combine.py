"""Makes one document of several files: of each topic, the newest file that speaks of it is believed."""

from collections.abc import Callable, Sequence
from typing import Any

from scripts.importer.document import COMPONENT, MARK, Json, is_array, is_object, reference_to, referred, schemas_of

LIMITS = "x-limits"

WHOLE_TOPICS = ("servers", "security", LIMITS, "paths")
"""Parts of a document that one file states as a whole."""


PARTS = {"securitySchemes": "security"}
"""Topics that components other than schemas belong to, where it is not the paths."""

APART = "@"
"""Stands in the keys of components that a newer document has under the same name; no component's own name has it."""


def topics(document: Json) -> set[str]:
    """Return what a document speaks of: parts of the document, and families of events as ``events.<family>``."""
    whole = {topic for topic in WHOLE_TOPICS if document.get(topic)}
    return whole | {f"events.{schema[MARK]['family']}" for schema in schemas_of(document).values() if MARK in schema}


def combine(documents: Sequence[Json]) -> Json:
    """Return one document of what each file says, the newest first.

    The vendor keeps families of events in files of their own. A file that has any event of a family is taken to have
    all of them; the events of that family in older files go.
    """
    # Other parts, such as webhooks, have no place in the canonical form.
    found: Json = {key: documents[0][key] for key in ("openapi", "info", "tags") if key in documents[0]}
    spoken: set[str] = set()
    components: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(documents):
        new = topics(document) - spoken
        spoken |= new
        apart = _apart(document, components.get("schemas", {}), number)
        found |= {topic: apart[topic] for topic in new & set(WHOLE_TOPICS)}
        for kind, named in apart.get("components", {}).items():
            if kind == "schemas":
                components[kind] = {name: _believed(schema, new) for name, schema in named.items()} | components.get(
                    kind, {}
                )
            elif PARTS.get(kind, "paths") in new:
                components[kind] = named
    return {**found, "components": components}


def _believed(schema: Json, topics: set[str]) -> Json:
    """Take the mark off an event of a family that a newer file speaks of."""
    believed = MARK not in schema or f"events.{schema[MARK]['family']}" in topics
    return schema if believed else {key: value for key, value in schema.items() if key != MARK}


def _apart(document: Json, taken: dict[str, Any], number: int) -> Json:
    """Rename the components that an older document calls as a newer one calls something else."""
    schemas = schemas_of(document)
    names = {name: f"{name}{APART}{number}" for name in schemas if name in taken}
    if not names:
        return document
    renamed: Json = _renamed(document, lambda name: names.get(name, name))
    kept = {names.get(name, name): schema for name, schema in schemas_of(renamed).items()}
    return {**renamed, "components": {**renamed["components"], "schemas": kept}}


def _renamed(node: Any, name_of: Callable[[str], str]) -> Any:
    if is_array(node):
        return [_renamed(value, name_of) for value in node]
    if not is_object(node):
        return node
    found = {key: _renamed(value, name_of) for key, value in node.items()}
    if isinstance(target := node.get("$ref"), str) and target.startswith(COMPONENT):
        # It may lead into a component.
        key, *path = target.removeprefix(COMPONENT).split("/")
        name = name_of(referred({"$ref": COMPONENT + key}) or key)
        found["$ref"] = "/".join([str(reference_to(name)["$ref"]), *path])
    return found
