"""Puts references back where a schema repeats a component word for word."""

from dataclasses import dataclass, field
from typing import Any

from scripts.importer.document import COMPONENT, UNIONS, Json, is_array, is_object, schemas_of, with_parts, with_schemas

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
        return with_parts(schema, replaced) if name is None else {"$ref": COMPONENT + name}

    found = with_schemas(document, replaced)
    if components:
        kept = {name: with_parts(schema, replaced) for name, schema in components.items()}
        found["components"] = found["components"] | {"schemas": kept}
    return found


def _is_worth_a_name(schema: Json) -> bool:
    return bool(schema.get("properties")) or any(key in schema for key in ("allOf", *UNIONS))


@dataclass
class _Numbers:
    """Gives equal schemas equal numbers, a reference that of its component: each part is looked at once."""

    components: dict[str, Json]
    _numbers: dict[Any, int] = field(default_factory=dict[Any, int])
    _known: dict[int, int] = field(default_factory=dict[int, int])
    _of_components: dict[str, int | None] = field(default_factory=dict[str, int | None])

    def of_component(self, name: str) -> int:
        """Return the number of a component, whatever its title."""
        if (known := self._of_components.get(name)) is not None:
            return known
        # While it is under way a component is known by its name: it may contain itself.
        self._of_components[name] = None
        found = self._of_object({key: value for key, value in self.components[name].items() if key != "title"})
        self._of_components[name] = found
        return found

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
        target = node.get("$ref")
        if len(node) == 1 and isinstance(target, str):
            name = target.removeprefix(COMPONENT)
            if name in self.components and self._of_components.get(name, 0) is not None:
                return self.of_component(name)
        parts = ((key, self._of_set(value) if key in _SETS else self.of(value)) for key, value in node.items())
        return self._number(("object", *sorted(parts)))

    def _of_set(self, value: Any) -> int:
        return self._number(("set", *sorted(map(self.of, value)))) if is_array(value) else self.of(value)

    def _number(self, content: tuple[Any, ...]) -> int:
        return self._numbers.setdefault(content, len(self._numbers))
