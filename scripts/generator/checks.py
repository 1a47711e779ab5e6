"""What a spec must keep to, so that every class comes out with the name and the members that it should have."""

import re
from collections import Counter
from collections.abc import Iterator

from openapi_python_client.strings import ClassName, PythonIdentifier

from scripts.generator.spec import COMPONENT, MARK, Json, Spec, SpecError, is_array, is_object

FIELD_PREFIX = "field_"

MEMBERS = {"additional_keys", "additional_properties", "from_dict", "to_dict"}
"""What every generated class has besides its fields."""

EVENT_MEMBERS = {"event_adds_context", "event_family", "event_name", "event_shape"}
"""What the class of an event has besides."""


def check(spec: Spec) -> None:
    """Refuse a spec whose names cannot all be kept.

    Raises
    ------
    SpecError
        A reference leads nowhere, two components would give one class, two events have one name, a family is no module
        name, a property takes the name of a member, or an event's class would not be called like its schema.
    """
    for schema in _references(spec.document):
        spec.resolve(schema)
    _check_classes(spec)
    _check_events(spec)
    for name, schema in spec.schemas.items():
        _check_properties(name, schema)


def _references(node: object) -> Iterator[Json]:
    if is_object(node) and str(node.get("$ref", "")).startswith(COMPONENT):
        yield node
    for child in node.values() if is_object(node) else node if is_array(node) else ():
        yield from _references(child)


def _check_classes(spec: Spec) -> None:
    by_module: dict[str, str] = {}
    for name in spec.schemas:
        made = ClassName(name, FIELD_PREFIX)
        # Where a file system ignores case, two names that differ in case alone are one module.
        first = by_module.setdefault(made.casefold(), name)
        if first != name:
            raise SpecError(f"components.schemas: {first} and {name} would both be the class {made}")


def _check_events(spec: Spec) -> None:
    if not spec.events:
        raise SpecError(f"{MARK}: no schema has it")
    names = Counter(name for event in spec.events for name in (event.name, *event.aliases))
    for name, times in names.items():
        if times > 1:
            raise SpecError(f"{MARK}: {name!r} names {times} events")
    for event in spec.events:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", event.family):
            raise SpecError(f"{event.schema}.{MARK}.family: {event.family!r} is no name of a module")
        if (made := ClassName(event.schema, FIELD_PREFIX)) != event.schema:
            raise SpecError(f"{event.schema}: its class would be called {made}")
        if event.context is not None and "context" in spec.schemas[event.schema].get("properties", {}):
            raise SpecError(f"{event.schema}.{MARK}.context: the event has a property context already")


def _check_properties(name: str, schema: Json) -> None:
    taken = MEMBERS | EVENT_MEMBERS if MARK in schema else MEMBERS
    for key in schema.get("properties", {}):
        if (made := PythonIdentifier(key, FIELD_PREFIX)) in taken:
            raise SpecError(f"{name}.{key}: its class has a member {made} already")
