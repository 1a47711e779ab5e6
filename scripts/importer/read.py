"""Reads an OpenAPI file, whoever wrote it: what is returned can be worked on, anything else is refused in one line."""

import re
from pathlib import Path
from typing import Any

from scripts.importer.document import METHODS, Json, SourceError, is_object, operations
from scripts.importer.kinds import check_kinds
from scripts.importer.references import check_references, with_entries_in_place
from scripts.importer.syntax import brief, load

__all__ = ["read"]

VERSION = re.compile(r"3\.[01](\.[0-9]+)?")


def read(path: Path) -> Json:
    """Read an OpenAPI 3.0 or 3.1 document from a JSON or YAML file.

    References lead to what has a key, never to an entry of an array: the passes put arrays in order.

    Raises
    ------
    SourceError
        The file holds no such document, or one that cannot be worked on. The message does not name the file.
    """
    document = load(path)
    _check_version(document)
    check_kinds(document)
    check_references(document)
    found = _without_extensions(with_entries_in_place(document))
    _check_paths(found)
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


def _check_paths(document: Json) -> None:
    """Refuse what makes of two operations one, or of one operation none."""
    places: dict[str, str] = {}
    for path, item in document.get("paths", {}).items():
        if "$ref" in item:
            raise SourceError(f"paths.{brief(path)}: a path that is a reference cannot be taken; write it out")
    for path, method, operation in operations(document):
        place, name = f"paths.{brief(path)}.{method}", operation.get("operationId")
        if name is not None and places.setdefault(name, place) != place:
            raise SourceError(f"{places[name]} and {place}: both have the operationId {brief(name)}")


def _without_extensions(document: Json) -> Json:
    """Leave out what is no path and no response, though it stands among them."""
    if "paths" not in document:
        return document
    paths: Json = {}
    for path, item in _own(document["paths"]).items():
        answering = {key: item[key] for key in METHODS if "responses" in item.get(key, {})}
        plain = {key: {**one, "responses": _own(one["responses"])} for key, one in answering.items()}
        paths[path] = {**item, **plain}
    return {**document, "paths": paths}


def _own(section: Json) -> Json:
    return {key: value for key, value in section.items() if not key.startswith("x-")}
