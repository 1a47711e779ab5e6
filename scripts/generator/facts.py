"""What code needs to know of the API, derived from the spec: the values of the module of constants."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any

from scripts.generator.spec import Event, Json, Operation, Spec, SpecError, at, find

ACTING_FAMILY = "customerio"
"""The family whose events do something inside Customer.io: what they need is checked before they are sent."""

Paths = tuple[str, ...]


def constants(spec: Spec) -> dict[str, Any]:
    """Return all of them by name.

    Raises
    ------
    SpecError
        The spec does not state one of them, or not in a way that code can use.
    """
    servers = regions(spec)
    return {
        "REGIONS": servers,
        "DEFAULT_REGION": next(iter(servers)),
        "BEARER_KEY_PATTERN": bearer_key_pattern(spec),
        "STRICT_HEADER": strict_header(spec),
        **limits(spec),
        "PATHS": {name: call.path for name, call in calls(spec).items()},
        "BATCH_PATH": batch_path(spec),
        "BATCHABLE": batchable(spec),
        "REQUIRED": required(spec),
        "IDENTITIES": identities(spec),
        "EVENTS_WITHOUT_IDENTITY": events_without_identity(spec),
        "EVENT_REQUIRED": event_required(spec),
        "EVENT_IDS": event_ids(spec),
        "SEMANTIC_EVENTS": {event.name: (event.family, event.schema) for event in spec.events},
    }


def regions(spec: Spec) -> dict[str, str]:
    """Map each region to the prefix of its paths, in the spec's order."""
    found: dict[str, str] = {}
    for index, server in enumerate(spec.at("servers", of=list)):
        place = f"servers[{index}]."
        region = at(server, "x-region", of=str, where=place)
        if region in found:
            raise SpecError(f"{place}x-region: {region!r} is named twice")
        found[region] = at(server, "url", of=str, where=place).rstrip("/")
    if not found:
        raise SpecError("servers: is empty")
    return found


def bearer_key_pattern(spec: Spec) -> str:
    """Return the pattern of the keys that go as a bearer token; its group ``region`` names their region."""
    place = ("components", "securitySchemes", "bearerAuth", "x-key-pattern")
    pattern: str = spec.at(*place, of=str)
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise SpecError(f"{'.'.join(place)}: is no regular expression: {error}") from error
    if "region" not in groups:
        raise SpecError(f"{'.'.join(place)}: has no group named region")
    return pattern


def strict_header(spec: Spec) -> str:
    """Return the name of the one header parameter that speaks of strictness."""
    declared: Json = find(spec.document, "components", "parameters") or {}
    parameters: list[Json] = list(declared.values())
    for item in spec.at("paths").values():
        parameters += find(item, "post", "parameters") or []
    headers = {str(parameter["name"]) for parameter in parameters if parameter.get("in") == "header"}
    strict = [name for name in sorted(headers) if "strict" in name.casefold()]
    if len(strict) != 1:
        raise SpecError(f"the header of strict mode: {' or '.join(strict) or 'is missing'}")
    return strict[0]


def limits(spec: Spec) -> dict[str, Any]:
    """Map the constants' names to the limits; None where the spec leaves one out."""
    given = spec.at("x-limits")

    def number(*path: str, of: type | UnionType = int) -> Any:
        return at(given, *path, of=of, where="x-limits.")

    def optional(key: str) -> Any:
        return number(key) if key in given else None

    return {
        "CALL_BYTES": number("callBytes"),
        "BATCH_BYTES": number("batchBytes"),
        "BATCH_CALLS": optional("batchCalls"),
        "ID_BYTES": optional("idBytes"),
        "EVENT_NAME_BYTES": optional("eventNameBytes"),
        "WINDOW_REQUESTS": number("window", "requests"),
        "WINDOW_SECONDS": float(number("window", "seconds", of=int | float)),
    }


def calls(spec: Spec) -> dict[str, Operation]:
    """Map each call type to its operation: the body's schema says its ``type``."""
    found: dict[str, Operation] = {}
    for operation in spec.operations:
        call_type = find(spec.schemas, operation.schema, "properties", "type", "const")
        if call_type is not None:
            found[str(call_type)] = operation
    if not found:
        raise SpecError("paths: no operation takes a call, an object whose type is a const")
    return found


def batch_path(spec: Spec) -> str:
    """Return the path of the operation that takes several calls at once."""
    for operation in spec.operations:
        if find(spec.schemas, operation.schema, "properties", "batch") is not None:
            return operation.path
    raise SpecError("paths: no operation takes a batch")


def batchable(spec: Spec) -> set[str]:
    """Return the call types that a batch takes."""
    found = {name for name, call in calls(spec).items() if spec.schemas[call.schema].get("x-batchable") is True}
    if not found:
        raise SpecError("x-batchable: no call has it")
    return found


def required(spec: Spec) -> dict[str, Paths]:
    """Map each call type to the fields that it cannot do without, the type itself aside."""
    return {
        name: tuple(sorted(set(spec.schemas[call.schema].get("required", ())) - {"type"}))
        for name, call in calls(spec).items()
    }


def identities(spec: Spec) -> dict[str, Paths]:
    """Map each call type to the fields of which one must say who it is about, as dotted paths."""
    found: dict[str, Paths] = {}
    for name, call in calls(spec).items():
        schema = spec.schemas[call.schema]
        alternatives = [branch for branch in schema.get("anyOf", ()) if not _event_names(branch)]
        leaves = [tuple(_leaves(spec, branch)) for branch in alternatives]
        if odd := [index for index, paths in enumerate(leaves) if len(paths) != 1]:
            raise SpecError(f"{call.schema}.anyOf: alternative {odd[0]} does not name one field")
        found[name] = tuple(path for (path,) in leaves)
    return found


def events_without_identity(spec: Spec) -> set[str]:
    """Return the events that need not say who they are about: alternatives of the identity that name events."""
    return {
        name
        for call in calls(spec).values()
        for branch in spec.schemas[call.schema].get("anyOf", ())
        for name in _event_names(branch)
    }


def event_required(spec: Spec) -> dict[str, Paths]:
    """Map each event that acts inside Customer.io to what its call cannot do without, as dotted paths."""
    return {
        name: _required_of(spec, event)
        for event in spec.events
        if event.family == ACTING_FAMILY
        for name in (event.name, *event.aliases)
    }


def event_ids(spec: Spec) -> dict[str, Paths]:
    """Map each event that acts inside Customer.io to those of its required members that are ids: text of any value."""
    by_name = {name: event for event in spec.events for name in (event.name, *event.aliases)}
    return {
        name: tuple(path for path in paths if _is_free_text(spec, by_name[name], path))
        for name, paths in event_required(spec).items()
    }


def _required_of(spec: Spec, event: Event) -> Paths:
    prefix = "properties." if event.shape == "properties" else ""
    return tuple(sorted(prefix + path for path in _leaves(spec, spec.schemas[event.schema])))


def _is_free_text(spec: Spec, event: Event, path: str) -> bool:
    schema = spec.schemas[event.schema]
    steps = path.split(".")
    for step in steps[1:] if event.shape == "properties" else steps:
        schema = spec.resolve(schema.get("properties", {}).get(step, {}))
    return schema.get("type") == "string" and not {"enum", "const"} & schema.keys()


def _leaves(spec: Spec, schema: Json) -> Iterator[str]:
    """Yield the required members of a schema: of an object its own, unless it requires none."""
    for name in schema.get("required", ()):
        member = spec.resolve(schema.get("properties", {}).get(name, {}))
        inner = [f"{name}.{path}" for path in _leaves(spec, member)]
        yield from inner or [name]


def _event_names(branch: Json) -> list[str]:
    names: list[str] = find(branch, "properties", "event", "enum") or []
    return names
