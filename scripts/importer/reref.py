"""Puts references back where a schema repeats a component word for word."""

from collections.abc import Iterator
from typing import Any

from scripts.importer.document import (
    UNIONS,
    Json,
    is_array,
    is_object,
    reference_to,
    referred,
    schemas_of,
    with_parts,
    with_schemas,
)

__all__ = ["reref"]

_SETS = ("required", "enum", "type")


def reref(document: Json) -> Json:
    """Return the document with a reference in place of every schema that equals a component.

    Only what is worth a name is replaced, the largest first; a component itself stays. Of several equal components
    the first by name stands for all.
    """
    components = schemas_of(document)
    numbers = _Numbers(components)
    names: dict[int, str] = {}
    for name in sorted(components):
        if _is_worth_a_name(components[name]):
            names.setdefault(numbers.of_component(name), name)

    def replaced(schema: Json) -> Json:
        name = names.get(numbers.of(schema)) if _is_worth_a_name(schema) else None
        return with_parts(schema, replaced) if name is None else reference_to(name)

    found = with_schemas(document, replaced)
    if components:
        kept = {name: with_parts(schema, replaced) for name, schema in components.items()}
        found["components"] = found["components"] | {"schemas": kept}
    return found


def _is_worth_a_name(schema: Json) -> bool:
    return bool(schema.get("properties")) or any(key in schema for key in ("allOf", *UNIONS))


class _Numbers:
    """Gives equal schemas equal numbers, a reference that of its component: each part is looked at once."""

    def __init__(self, components: dict[str, Json]) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, int] = {}
        self._of_components: dict[str, int] = {}
        for name in _contained_first(components):
            plain = {key: value for key, value in components[name].items() if key != "title"}
            self._of_components[name] = self._of_object(plain)

    def of_component(self, name: str) -> int:
        """Return the number of a component, whatever its title."""
        return self._of_components[name]

    def of(self, node: Any) -> int:
        """Return the number of a schema, or of any value inside one."""
        if not is_object(node) and not is_array(node):
            # To Python, 1 and True are equal.
            return self._number((node.__class__.__name__, node))
        if (known := self._known.get(id(node))) is None:
            known = self._of_object(node) if is_object(node) else self._number(("list", *map(self.of, node)))
            self._known[id(node)] = known
        return known

    def _of_object(self, node: Json) -> int:
        # A component that contains itself has no number yet where it does: there it is known by its name.
        if len(node) == 1 and (known := self._of_components.get(referred(node) or "")) is not None:
            return known
        parts = ((key, self._of_set(value) if key in _SETS else self.of(value)) for key, value in node.items())
        return self._number(("object", *sorted(parts)))

    def _of_set(self, value: Any) -> int:
        return self._number(("set", *sorted(map(self.of, value)))) if is_array(value) else self.of(value)

    def _number(self, content: tuple[Any, ...]) -> int:
        return self._numbers.setdefault(content, len(self._numbers))


def _contained_first(components: dict[str, Json]) -> Iterator[str]:
    """Yield the names of the components, each after those that it refers to, as far as none contains itself.

    Without recursion: how deep a schema is nested is bounded, how many refer to one another is not.
    """
    seen: set[str] = set()
    under_way: list[tuple[str | None, Iterator[str]]] = [(None, iter(sorted(components)))]
    while under_way:
        name, inside = under_way[-1]
        for part in inside:
            if part in components and part not in seen:
                seen.add(part)
                under_way.append((part, _referred_in(components[part])))
                break
        else:
            under_way.pop()
            if name is not None:
                yield name


def _referred_in(node: Any) -> Iterator[str]:
    if (name := referred(node)) is not None:
        yield name
    for part in node.values() if is_object(node) else node if is_array(node) else ():
        yield from _referred_in(part)
