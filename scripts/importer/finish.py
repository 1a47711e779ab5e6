"""Gives a document its final form: defaulted constants, nothing empty, and one order for everything."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from scripts.importer.document import (
    MARK,
    Json,
    is_array,
    is_object,
    resolve,
    with_parts,
    with_schemas,
)

__all__ = ["finish", "ordered"]

_REGION = "x-region"

_FIRST = """
    openapi info servers security tags x-limits paths components $ref operationId title summary name in url description
    version parameters requestBody responses required content schema type format scheme const enum default minimum
    maximum minLength readOnly items properties additionalProperties anyOf
"""
_RANKS = {key: rank for rank, key in enumerate(_FIRST.split())}

_NAMED = """
    paths webhooks callbacks pathItems schemas responses parameters headers requestBodies securitySchemes content
    encoding properties patternProperties dependentSchemas $defs variables
"""
_MAPS = frozenset(_NAMED.split())
"""Keywords whose values are things by name."""

_SETS = ("required", "enum")
_VALUES = ("const", "default")


def finish(document: Json) -> Json:
    """Return the document in its final form, without the texts that only the passes read."""
    found = with_schemas(document, lambda schema: _finished(document, schema))
    found = _without_presets(found)
    if "servers" in found:
        found["servers"] = _with_regions(found["servers"])
    if is_object(info := found.get("info")):
        found["info"] = {key: value for key, value in info.items() if key != "description"}
    return ordered(found)


# Schemas


def _finished(document: Json, schema: Json) -> Json:
    found = with_parts(schema, lambda part: _finished(document, part))
    if isinstance(found.get("title"), str):
        del found["title"]
    if is_object(mark := found.get(MARK)):
        found[MARK] = {key: value for key, value in mark.items() if key != "source"}
        # An event without members is a class all the same.
        found.setdefault("properties", {})
    if "const" in found:
        found["default"] = found["const"]
        # What is always sent is not the server's to set.
        found.pop("readOnly", None)
    if "properties" in found:
        found = _without_needless(document, found)
    if found.get("required") == []:
        del found["required"]
    if found.get("properties") == {} and MARK not in found:
        del found["properties"]
    return found


def _without_needless(document: Json, schema: Json) -> Json:
    """Require no member that is a constant: by its default it is always there."""
    members: Json = schema["properties"]
    constant = {name for name, member in members.items() if is_object(member) and "const" in resolve(document, member)}
    if not constant:
        return schema
    found = _not_requiring(constant, schema)
    alternatives = found.get("anyOf")
    if not is_array(alternatives) or any("$ref" in one or "type" in one for one in alternatives):
        return found
    found["anyOf"] = [_not_requiring(constant, one) for one in alternatives]
    return _with_fewest_alternatives(found)


def _not_requiring(names: Iterable[str], schema: Json) -> Json:
    if not is_array(schema.get("required")):
        return schema
    required = [name for name in schema["required"] if name not in names]
    return {key: value for key, value in schema.items() if key != "required"} | (
        {"required": required} if required else {}
    )


def _with_fewest_alternatives(schema: Json) -> Json:
    """Leave out the alternatives that say nothing more, now that they require less."""
    alternatives: list[Json] = []
    for one in schema["anyOf"]:
        if one not in alternatives:
            alternatives.append(one)
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if {} in alternatives:
        # One that requires nothing is always met, and so are they all.
        return rest
    if len(alternatives) == 1 and alternatives[0].keys() == {"required"}:
        return rest | {"required": sorted({*rest.get("required", ()), *alternatives[0]["required"]})}
    return rest | {"anyOf": alternatives}


# Parameters


def _without_presets(node: Any) -> Any:
    """Leave out empty lists of parameters, and constants as defaults of parameters that may be absent.

    A member that is a constant says what its object is; a parameter that is one says something only when it is there.
    """
    if is_array(node):
        return [_without_presets(part) for part in node]
    if not is_object(node):
        return node
    found = {key: _without_presets(value) for key, value in node.items() if (key, value) != ("parameters", [])}
    if (
        isinstance(found.get("in"), str)
        and found.get("required") is not True
        and is_object(schema := found.get("schema"))
    ):
        preset = "const" in schema and "default" in schema
        found["schema"] = {key: value for key, value in schema.items() if not (preset and key == "default")}
    return found


# Servers


def _with_regions(servers: list[Json]) -> list[Json]:
    """Read a server's region from what its host has more than another's."""
    urls = [str(server.get("url", "")) for server in servers]
    return [
        server
        if _REGION in server or (region := _region(str(server.get("url", "")), urls)) is None
        else server | {_REGION: region}
        for server in servers
    ]


def _region(url: str, others: list[str]) -> str | None:
    label = (urlsplit(url).hostname or "").partition(".")[0]
    name, _, region = label.rpartition("-")
    if not name or not re.fullmatch(r"[a-z][a-z0-9]*", region):
        return None
    return region if url.replace(f"//{label}.", f"//{name}.", 1) in others else None


# Order


def ordered(document: Json) -> Json:
    """Return the document in the one order: keywords by rank, named things and sets sorted, other lists as they are."""
    return {key: _in_order(document[key], key) for key in sorted(document, key=_rank)}


def _in_order(value: Any, keyword: str = "") -> Any:
    if keyword.startswith("x-") or keyword in _VALUES:
        return value
    if is_array(value):
        return sorted(value, key=_place) if keyword in _SETS else [_in_order(part) for part in value]
    if not is_object(value):
        return value
    if keyword in _MAPS:
        return {name: _in_order(value[name]) for name in sorted(value)}
    return {key: _in_order(value[key], key) for key in sorted(value, key=_rank)}


def _rank(keyword: str) -> tuple[int, str]:
    return _RANKS.get(keyword, len(_RANKS)), keyword


def _place(value: Any) -> tuple[bool, bool, Any]:
    # What has no order of its own goes by its text; null is last.
    plain = isinstance(value, int | float)
    return value is None, not plain, value if plain else str(value)
