"""Takes a vendor's document to plain OpenAPI 3.1: known keywords, sound values, no prose.

Every rule speaks of a shape and holds for any schema. What a schema means stays, unless the vendor contradicts itself.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from scripts.importer.document import (
    KINDS_OF_COMPONENTS,
    MARK,
    METHODS,
    UNIONS,
    Json,
    is_array,
    is_object,
    parameter_place,
)

__all__ = ["tidy"]


def _taken(keywords: str, kind: str = "") -> dict[str, str]:
    return dict.fromkeys(keywords.split(), kind)


_SCHEMA = (
    _taken("$ref $id $anchor $schema type nullable format const enum default readOnly writeOnly deprecated x-batchable")
    | _taken("multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern")
    | _taken("minItems maxItems uniqueItems minContains maxContains minProperties maxProperties")
    | _taken("required dependentRequired contentEncoding contentMediaType")
    | _taken("items additionalProperties not contains propertyNames if then else contentSchema", "schema")
    | _taken("unevaluatedItems unevaluatedProperties", "schema")
    | _taken("properties patternProperties dependentSchemas $defs", "schema{}")
    | _taken("allOf anyOf oneOf prefixItems", "schema[]")
    | {MARK: "mark"}
)

_PARAMETER = _taken("$ref name in required deprecated allowEmptyValue style explode allowReserved") | {
    "schema": "schema",
    "content": "media{}",
}

_KEYWORDS: dict[str, dict[str, str]] = {
    "document": {
        "openapi": "",
        "info": "info",
        "servers": "server[]",
        "security": "",
        "tags": "tag[]",
        "x-limits": "",
        "paths": "path{}",
        "webhooks": "path{}",
        "components": "components",
    },
    # The text is data until the limits and the events' names have been read from it.
    "info": {"title": "", "description": "", "version": ""},
    "server": {"url": "", "variables": "", "x-region": ""},
    "tag": {"name": ""},
    "path": {"$ref": "", "servers": "server[]", "parameters": "parameter[]"} | dict.fromkeys(METHODS, "operation"),
    "operation": {
        "tags": "",
        "operationId": "",
        "parameters": "parameter[]",
        "requestBody": "body",
        "responses": "response{}",
        "callbacks": "path{}{}",
        "deprecated": "",
        "security": "",
        "servers": "server[]",
    },
    "parameter": _PARAMETER,
    "body": {"$ref": "", "required": "", "content": "media{}"},
    "media": {"schema": "schema", "encoding": ""},
    "response": {"$ref": "", "headers": "header{}", "content": "media{}"},
    "header": _PARAMETER,
    "components": KINDS_OF_COMPONENTS,
    "scheme": _taken("$ref type scheme name in bearerFormat flows openIdConnectUrl x-key-pattern"),
    "schema": _SCHEMA,
    # Here the title is data too: it may be the name of an event.
    "component": _SCHEMA | {"title": ""},
    # Members that a schema has already described, narrowed or required once more.
    "alternative": _SCHEMA | {"properties": "alternative{}"},
    "mark": {"name": "", "source": "", "family": "", "shape": "", "aliases": "", "context": "schema"},
}
"""What stays of each kind of object, and of which kind the parts are.

``{}`` is a mapping of that kind, ``[]`` a list, and nothing stands for a value that is taken as it is.
"""

_SCHEMAS = ("schema", "component", "alternative")
_OF_DESCRIBED = dict.fromkeys(UNIONS, "alternative[]")

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_STATUS = re.compile(r"[1-5](\d\d|XX)|default")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FROM_THE_CALL = "$."
"""How a default starts that is a path into the call, and no value."""


def tidy(document: Json) -> Json:
    """Return the document as plain OpenAPI 3.1.

    Of the texts only those stay that a later pass reads: ``info.description`` and the titles of component schemas.
    """
    found: Json = _tidied(document, "document")
    found["openapi"] = "3.1.0"
    found = _with_plain_scheme_names(found)
    if is_object(paths := found.get("paths")):
        found["paths"] = {path: _operations_alone(found, item) for path, item in paths.items()}
    return _with_common_security(found)


def _tidied(node: Any, kind: str) -> Any:
    if not kind:
        return node
    if kind.endswith("{}"):
        return {str(name): _tidied(part, kind[:-2]) for name, part in node.items()}
    if kind.endswith("[]"):
        return [_tidied(part, kind[:-2]) for part in node]
    if not is_object(node):
        # The schemas true and false: everything, which needs no words, and nothing.
        return {} if node is True else node
    keywords = _KEYWORDS[kind]
    if kind in _SCHEMAS:
        node = _with_required_members(_with_keywords_in_place(node))
        if "type" in node or "properties" in node:
            keywords = keywords | _OF_DESCRIBED
    taken = {key: value for key, value in node.items() if key in keywords and _fits(value, keywords[key])}
    return _repaired({key: _tidied(value, keywords[key]) for key, value in taken.items()}, kind)


def _repaired(node: Json, kind: str) -> Json:
    """Mend an object whose parts are sound already."""
    if kind in _SCHEMAS:
        return _schema(node, typed=kind != "alternative")
    if kind == "server" and "url" in node:
        # Paths begin with a slash.
        return node | {"url": _address(node)}
    if kind == "response" and "$ref" not in node:
        return {"description": "", **node}
    if kind == "operation" and "responses" in node:
        return node | {"responses": {key: one for key, one in node["responses"].items() if _STATUS.fullmatch(key)}}
    if (kind == "header" or node.get("in") == "header") and "const" in node.get("schema", {}):
        # A header that can have one value only is more than generated clients take.
        plain = {key: value for key, value in node["schema"].items() if key not in ("const", "default")}
        return node | {"schema": plain}
    return node


def _fits(value: Any, kind: str) -> bool:
    """Whether a keyword's value has the form that the keyword wants."""
    if not kind:
        return True
    if kind.endswith("{}"):
        return is_object(value)
    if kind.endswith("[]"):
        return is_array(value)
    return is_object(value) or (kind == "schema" and isinstance(value, bool))


# Schemas


def _with_keywords_in_place(node: Json) -> Json:
    """Move the keywords that stand among an object's members to the object itself."""
    members = node.get("properties")
    if not is_object(members):
        return node
    strayed = {name: value for name, value in members.items() if _is_stray(name, value)}
    if not strayed:
        return node
    kept = {name: value for name, value in members.items() if name not in strayed}
    found = {**strayed, **node, "properties": kept}
    if is_array(strayed.get("allOf")) and is_array(node.get("allOf")):
        found["allOf"] = [*node["allOf"], *strayed["allOf"]]
    return found


def _is_stray(name: str, value: Any) -> bool:
    # An API may well call a member "type" or "items"; nobody calls one "additionalProperties".
    is_schema = is_object(value) or (isinstance(value, bool) and name not in _SCHEMA)
    return name == "additionalProperties" or not is_schema


def _with_required_members(node: Json) -> Json:
    """Take the names of the members that say themselves that they are required."""
    members = node.get("properties")
    named = members.items() if is_object(members) else ()
    own = [name for name, member in named if is_object(member) and member.get("required") is True]
    stated: Any = node.get("required")
    names = [name for name in stated if isinstance(name, str)] if is_array(stated) else []
    if names + own == stated:
        return node
    found = {key: value for key, value in node.items() if key != "required"}
    if names or own or stated == []:
        found["required"] = _distinct(names + own)
    return found


def _schema(node: Json, *, typed: bool = True) -> Json:
    found = _with_bounds(_with_null(_with_type(node, typed=typed)))
    if "enum" in found:
        found = _with_enum(found, typed=typed)
    if "default" in found and not _is_sound_default(found):
        del found["default"]
    if found.get("additionalProperties", False) in (None, True, {}):
        # Objects are open.
        found.pop("additionalProperties", None)
    return found


def _with_type(node: Json, *, typed: bool) -> Json:
    """Put the type in its simplest form, and state one where it is missing and plain."""
    found = dict(node)
    stated = _distinct(kind for kind in _listed(found.pop("type", [])) if kind in _TYPES)
    if typed and not stated:
        if found.get("properties") or is_object(found.get("additionalProperties")):
            stated = ["object"]
        elif "items" in found:
            stated = ["array"]
    if stated:
        found["type"] = stated[0] if len(stated) == 1 else stated
    return found


def _with_null(node: Json) -> Json:
    """Say in the way of OpenAPI 3.1 that a value may be null."""
    if "nullable" not in node:
        return node
    found = {key: value for key, value in node.items() if key != "nullable"}
    if node["nullable"] is not True:
        return found
    if "type" in found:
        found["type"] = _distinct([*_listed(found["type"]), "null"])
        if is_array(found.get("enum")):
            found["enum"] = _distinct([*found["enum"], None])
        return found
    for union in UNIONS:
        if union in found:
            found[union] = _distinct([*found[union], {"type": "null"}])
    return found


def _with_bounds(node: Json) -> Json:
    """Turn a bound that is said to be exclusive into an exclusive bound."""
    found = dict(node)
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and inclusive in found:
            found[exclusive] = found.pop(inclusive)
    return found


def _with_enum(node: Json, *, typed: bool) -> Json:
    """Make an enum's values distinct and of the schema's type; a single one is a constant."""
    found = dict(node)
    values = _distinct(_listed(found.pop("enum")))
    types = _listed(found.get("type", []))
    if types:
        values = _distinct(value for stated in values for value in _of_type(stated, types))
    if not values:
        return found
    kinds = _distinct(map(_type_of, values))
    if "number" in kinds:
        kinds = [kind for kind in kinds if kind != "integer"]
    if not types and len(set(kinds) - {"null"}) > 1 and "anyOf" not in found:
        by_kind = {kind: [value for value in values if _is_of_type(value, kind)] for kind in kinds}
        return found | {"anyOf": [_schema({"type": kind, "enum": those}) for kind, those in by_kind.items()]}
    if len(values) == 1:
        kinds = [kind for kind in types if _is_of_type(values[0], kind)] or kinds
    if typed and (not types or len(values) == 1):
        found["type"] = kinds[0] if len(kinds) == 1 else kinds
    return found | ({"const": values[0]} if len(values) == 1 else {"enum": values})


def _of_type(value: Any, types: list[str]) -> Iterator[Any]:
    """Yield a value of an enum in one of the types that the schema states, if it can be understood so."""
    if any(_is_of_type(value, kind) for kind in types):
        yield value
    elif "string" in types and isinstance(value, bool | int | float):
        # YAML reads a bare yes or 1 as something else than the text that was meant.
        yield str(value).lower()
    elif isinstance(value, str):
        for kind, read in (("integer", int), ("number", float)):
            if kind in types and re.fullmatch(r"-?\d+(\.\d+)?", value) and (kind == "number" or "." not in value):
                yield read(value)
                return
        if "boolean" in types and value.lower() in ("true", "false"):
            yield value.lower() == "true"


def _is_sound_default(node: Json) -> bool:
    default = node["default"]
    if isinstance(default, str) and default.startswith(_FROM_THE_CALL):
        return False
    if "const" in node:
        return _same(default, node["const"])
    if "enum" in node and not any(_same(default, value) for value in node["enum"]):
        return False
    if node.get("format") in ("date", "date-time") and isinstance(default, str):
        try:
            datetime.fromisoformat(default)
        except ValueError:
            return False
    return "type" not in node or any(_is_of_type(default, kind) for kind in _listed(node["type"]))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    for kind, python in (("boolean", bool), ("integer", int), ("number", float), ("string", str), ("array", list)):
        if isinstance(value, python):
            return kind
    return "object"


def _is_of_type(value: Any, kind: str) -> bool:
    return _type_of(value) == kind or (kind == "number" and _type_of(value) == "integer")


def _same(one: Any, other: Any) -> bool:
    # To Python, 1 and True are equal.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in found):
            found.append(value)
    return found


def _listed(value: Any) -> list[Any]:
    return value if is_array(value) else [value]


# Operations


def _operations_alone(document: Json, item: Json) -> Json:
    """Give the operations what a path says for all of them, and leave out what the document says for all."""
    operations = {method: item[method] for method in METHODS if is_object(item.get(method))}
    if not operations:
        return item
    shared, roots = item.get("parameters", []), set(map(_address, document.get("servers", [])))
    found = {key: value for key, value in item.items() if key not in ("parameters", "servers")}
    for method, operation in operations.items():
        own = operation.get("parameters", [])
        named = {parameter_place(document, parameter) for parameter in own}
        parameters = [parameter for parameter in shared if parameter_place(document, parameter) not in named] + own
        servers = operation.get("servers") or item.get("servers", [])
        found[method] = {key: value for key, value in operation.items() if key not in ("parameters", "servers")}
        if parameters:
            found[method]["parameters"] = parameters
        if not set(map(_address, servers)) <= roots:
            found[method]["servers"] = servers
    return found


def _address(server: Json) -> str:
    return str(server.get("url", "")).rstrip("/")


# Security


def _with_plain_scheme_names(document: Json) -> Json:
    """Name the security schemes as everything else is named, in camel case."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    names = {key: _camel_case(key) for key in schemes}
    if len(set(names.values())) < len(names) or all(key == name for key, name in names.items()):
        return document

    def renamed(node: Json) -> Json:
        if "security" not in node:
            return node
        needs = [{names.get(key, key): scopes for key, scopes in need.items()} for need in node["security"]]
        return node | {"security": needs}

    components = document["components"] | {"securitySchemes": {names[key]: value for key, value in schemes.items()}}
    return _with_operations(renamed(document), renamed) | {"components": components}


def _camel_case(key: str) -> str:
    words = _WORD.findall(key)
    return "".join(word.capitalize() if position else word.lower() for position, word in enumerate(words)) or key


def _with_common_security(document: Json) -> Json:
    """Say once what every operation says that needs a key at all."""
    stated = [
        operation.get("security")
        for item in document.get("paths", {}).values()
        for method, operation in item.items()
        if method in METHODS
    ]
    common, root = document.get("security"), "security" in document
    if not root:
        needs = _distinct(security for security in stated if security)
        if len(needs) != 1:
            return document
        common = needs[0]

    def without(operation: Json) -> Json:
        # What says nothing where nothing is said for all needs no key.
        security = operation.get("security", common if root else [])
        rest = {key: value for key, value in operation.items() if key != "security"}
        return rest if security == common else {**rest, "security": security}

    return _with_operations(document, without) | {"security": common}


def _with_operations(document: Json, change: Any) -> Json:
    paths = {
        path: {key: change(value) if key in METHODS and is_object(value) else value for key, value in item.items()}
        for path, item in document.get("paths", {}).items()
    }
    return document | ({"paths": paths} if "paths" in document else {})
