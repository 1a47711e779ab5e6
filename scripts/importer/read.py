"""Reads an OpenAPI file, whoever wrote it: what is returned can be worked on, anything else is refused in one line."""

import re
from pathlib import Path
from typing import Any

from scripts.importer.document import METHODS, Json, SourceError, is_array, is_object
from scripts.importer.references import check_references
from scripts.importer.syntax import brief, load

__all__ = ["read"]

VERSION = re.compile(r"3\.[01](\.[0-9]+)?")

LISTS = ("servers", "tags", "security")
OBJECTS = ("info", "paths", "components", "webhooks")


def read(path: Path) -> Json:
    """Read an OpenAPI 3.0 or 3.1 document from a JSON or YAML file.

    Raises
    ------
    SourceError
        The file holds no such document, or one that refers to what is not there. The message does not name the file.
    """
    document = load(path)
    _check_version(document)
    _check_form(document)
    check_references(document)
    found: Json = document
    return found


def _check_version(document: Any) -> None:
    if not is_object(document):
        raise SourceError("is no OpenAPI document: it holds no object")
    if "swagger" in document:
        raise SourceError("is Swagger 2.0; convert it to OpenAPI 3 first, for example with swagger2openapi")
    if "openapi" not in document:
        raise SourceError("is no OpenAPI document: the key openapi is missing")
    version = str(document["openapi"])
    if not VERSION.fullmatch(version):
        raise SourceError(f"is OpenAPI {brief(version)}; 3.0 and 3.1 can be taken")
    if "paths" not in document and "components" not in document:
        raise SourceError("describes nothing: it has neither paths nor components")


def _check_form(document: Json) -> None:
    """Refuse what would make every later pass stumble."""
    for key in OBJECTS:
        _object(document.get(key, {}), key)
    for key in LISTS:
        if not is_array(entries := document.get(key, [])):
            raise SourceError(f"{key}: must be an array")
        for index, entry in enumerate(entries):
            _object(entry, key, str(index))
    for path, item in _own(document.get("paths", {})):
        _object(item, "paths", path)
        for method in METHODS:
            _object(item.get(method, {}), "paths", path, method)
    for kind, components in _own(document.get("components", {})):
        _object(components, "components", kind)
        for name, component in components.items():
            _object(component, "components", kind, name)


def _own(section: Json) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in section.items() if not key.startswith("x-")]


def _object(value: Any, *place: str) -> None:
    if not is_object(value):
        raise SourceError(f"{brief('.'.join(place))}: must be an object")
