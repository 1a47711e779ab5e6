"""Puts what the vendor's files say over what is committed: what they do not speak of stays."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from scripts.importer.combine import LIMITS, WHOLE_TOPICS, topics
from scripts.importer.document import MARK, Json, is_array, is_object, operations, parameter_place, schemas_of
from scripts.importer.values import text_of


def keep_unspoken(document: Json, committed: Json) -> Json:
    """Return the document with the topics of the committed one that it does not speak of.

    Events of other families stay, and so do servers, limits and paths where the document has none.
    """
    spoken = topics(document)
    found: Json = {**committed, **document}
    for topic in WHOLE_TOPICS:
        if topic in committed and topic not in spoken:
            found[topic] = committed[topic]
    if LIMITS in committed:
        # A sentence that is not found states nothing: it does not lift a limit.
        found[LIMITS] = _deep(document.get(LIMITS, {}), committed[LIMITS])
    components: dict[str, Json] = {
        kind: committed.get("components", {}).get(kind, {}) | document.get("components", {}).get(kind, {})
        for kind in {**committed.get("components", {}), **document.get("components", {})}
    }
    # What is left of a family that the document speaks of are parts which nothing reaches without its events.
    components["schemas"] = {
        name: schema
        for name, schema in components.get("schemas", {}).items()
        if name in schemas_of(document) or MARK not in schema or f"events.{schema[MARK]['family']}" not in spoken
    }
    return {**found, "components": components}


def keep_everything(document: Json, committed: Json) -> Json:
    """Return the document with all that the committed one has besides, down to members and values of enums."""
    found: Json = {**committed, **document}
    if "paths" in committed:
        both = partial(_operation, document, committed)
        ids = {operation.get("operationId") for _, _, operation in operations(document)} - {None}
        # An operation that has moved is not kept in its old place too.
        old = {
            path: item
            for path, item in committed["paths"].items()
            if path in document.get("paths", {}) or not ids & {*_ids(item)}
        }
        found["paths"] = _united(document.get("paths", {}), old, partial(_united, both=both))
    if LIMITS in committed:
        found[LIMITS] = _deep(document.get(LIMITS, {}), committed[LIMITS])
    for key, identity in (("servers", "url"), ("tags", "name")):
        if key in committed:
            found[key] = _listed(document.get(key, []), committed[key], identity)
    if "security" in committed:
        found["security"] = _listed(document.get("security", []), committed["security"])
    components: Json = dict(document.get("components", {}))
    for kind, named in committed.get("components", {}).items():
        components[kind] = _united(components.get(kind, {}), named, KINDS.get(kind, _first))
    return {**found, "components": components}


def in_order(document: Json, committed: Json) -> Json:
    """Return the document with alternatives and keys in the order of the committed one, since it means nothing."""
    found: Json = _in_order(document, committed)
    return found


def _first(new: Any, _: Any) -> Any:
    return new


def _united(new: Any, old: Any, both: Callable[[Any, Any], Any]) -> Any:
    if not is_object(new) or not is_object(old):
        return new
    return {**old, **{name: both(value, old[name]) if name in old else value for name, value in new.items()}}


def _deep(new: Any, old: Any) -> Any:
    return _united(new, old, _deep) if is_object(new) and is_object(old) else new


def _listed(new: list[Any], old: list[Any], identity: str | None = None) -> list[Any]:
    there = [_key(entry, identity) for entry in new]
    return [*new, *(entry for entry in old if _key(entry, identity) not in there)]


def _key(entry: Any, identity: str | None = None) -> str:
    return _text(entry.get(identity) if identity and is_object(entry) else entry)


def _text(value: Any) -> str:
    """Return a text that is the same for alternatives that list the same names in another order."""
    if is_array(value):
        return json.dumps(sorted(map(_text, value)))
    if is_object(value):
        return json.dumps({key: _text(part) for key, part in value.items()}, sort_keys=True)
    return text_of(value)


def _ids(item: Json) -> list[Any]:
    return [operation.get("operationId") for operation in item.values() if is_object(operation)]


def _operation(document: Json, committed: Json, new: Any, old: Any) -> Any:
    if not is_object(new) or not is_object(old):
        return new
    found = dict(new)
    if "requestBody" in old:
        found["requestBody"] = _content(new.get("requestBody", {}), old["requestBody"])
    if "responses" in old:
        found["responses"] = _united(new.get("responses", {}), old["responses"], _content)
    if "parameters" in old:
        there = [parameter_place(document, parameter) for parameter in new.get("parameters", ())]
        gone = [parameter for parameter in old["parameters"] if parameter_place(committed, parameter) not in there]
        found["parameters"] = [*new.get("parameters", ()), *gone]
    return found


def _content(new: Json, old: Json) -> Json:
    """Return a body or an answer with the kinds of content that only the old one has."""
    if "$ref" in new or "content" not in old:
        return new or old
    return {**new, "content": {**old["content"], **new.get("content", {})}}


def _schema(new: Any, old: Any) -> Any:
    if not is_object(new) or not is_object(old) or "$ref" in new or "$ref" in old:
        return new
    found: Json = dict(new)
    if "properties" in old:
        found["properties"] = _united(new.get("properties", {}), old["properties"], _schema)
    values = _listed(_values(new), _values(old))
    if _values(new) and len(values) > len(_values(new)):
        found.pop("const", None)
        found["enum"] = values
    if "anyOf" in old and "anyOf" in new:
        found["anyOf"] = _listed(new["anyOf"], old["anyOf"])
    if is_object(new.get("items")) and is_object(old.get("items")):
        found["items"] = _schema(new["items"], old["items"])
    if "x-batchable" in old:
        found.setdefault("x-batchable", old["x-batchable"])
    if MARK in new and MARK in old:
        found[MARK] = _mark(new[MARK], old[MARK])
    return found


def _values(schema: Json) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


KINDS: dict[str, Callable[[Any, Any], Any]] = {"schemas": _schema, "responses": _content}


def _mark(new: Json, old: Json) -> Json:
    found = {**new, **({"context": old["context"]} if "context" in old and "context" not in new else {})}
    if aliases := sorted({*new.get("aliases", ()), *old.get("aliases", ())} - {new["name"]}):
        found["aliases"] = aliases
    return found


def _in_order(new: Any, old: Any) -> Any:
    if not is_object(new) or not is_object(old):
        return new
    names = [*(key for key in old if key in new), *(key for key in new if key not in old)]
    found = {key: _in_order(new[key], old[key]) if key in old else new[key] for key in names}
    if is_array(found.get("anyOf")) and is_array(old.get("anyOf")):
        order = [_key(entry) for entry in old["anyOf"]]
        found["anyOf"] = sorted(found["anyOf"], key=lambda entry: _rank(_key(entry), order))
    return found


def _rank(key: str, order: list[str]) -> int:
    return order.index(key) if key in order else len(order)
