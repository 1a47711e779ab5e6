"""A document without what makes no difference to callers: texts, and the order of names and sets."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.importer.document import COMPONENT, MARK, is_array, is_object

__all__ = ["comparable", "in_json", "or_none"]

TEXT = {"description", "summary", "title", "example", "examples", "externalDocs"}

EXTENSIONS = {MARK, "x-batchable", "x-key-pattern", "x-limits"}
"""Those that mean something; no caller notices others."""

DATA = {"const", "default", "security", "servers", "x-limits"}
"""Keywords whose values are taken as they are."""

SETS = {"required", "enum", "anyOf", "type", "aliases"}
"""Lists whose order means nothing."""

NAMED = {
    *("paths", "schemas", "parameters", "responses", "requestBodies", "headers", "securitySchemes"),
    *("content", "properties", "patternProperties"),
}
"""Keywords whose keys are names: a property may be called `description`."""


def comparable(node: Any, renames: Mapping[str, str], *, named: bool = False) -> Any:
    """Return a tree without texts, with sets in one order, and with its references renamed.

    Where it is `named`, its keys are names that somebody chose, and no keywords.
    """
    if is_array(node):
        return [comparable(item, renames) for item in node]
    if not is_object(node):
        return node
    if named:
        return {key: comparable(value, renames) for key, value in node.items()}
    found = {key: _of_keyword(key, value, renames) for key, value in node.items() if not _is_text(key)}
    # Of a const the default says nothing new.
    if "const" in found and found.get("default") == found["const"]:
        del found["default"]
    return found


def _is_text(keyword: str) -> bool:
    return keyword in TEXT or (keyword.startswith("x-") and keyword not in EXTENSIONS)


def _of_keyword(key: str, value: Any, renames: Mapping[str, str]) -> Any:
    if key in DATA:
        return value
    if key == "$ref" and str(value).startswith(COMPONENT):
        name = str(value).removeprefix(COMPONENT)
        return COMPONENT + renames.get(name, name)
    if key in SETS and is_array(value):
        values = _set(comparable(value, renames))
        return values[0] if key == "type" and len(values) == 1 else values
    return comparable(value, renames, named=key in NAMED)


def _set(values: Iterable[Any]) -> list[Any]:
    by_text = {in_json(value): value for value in values}
    return [by_text[text] for text in sorted(by_text)]


def in_json(value: Any) -> str:
    """Return a value as JSON on one line: the same for the same values, and for people to read."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def or_none(value: Any) -> str:
    """Return the value of a keyword as JSON; "none" where it is absent."""
    return "none" if value is None else in_json(value)
