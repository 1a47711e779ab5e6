"""What a specification says of the properties of semantic events, and what calls have been seen to carry. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from cio_facade.sandbox.rules import Document

__all__ = ["Property", "Shape", "Shapes", "compare", "kind"]

_KINDS: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
}
_NAMES: Final[Mapping[str, str]] = {"string": "text", "integer": "number", "array": "list"}

_MOST_PROPERTIES: Final = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """The specification's words on an event.

    Attributes
    ----------
    family : str
        What kind of event it is, such as ``ecommerce``.
    description : str
        A sentence; empty where there is none.
    properties : mapping of str to str
        Type of each property by its name; empty where it may be anything.
    required : frozenset of str
        Names of those that must be there.
    """

    family: str
    description: str
    properties: Mapping[str, str]
    required: frozenset[str]


class Shapes:
    """The semantic events of a specification, by every spelling of their names."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes

    @classmethod
    def read(cls, document: Document) -> Self:
        """Gather them from an OpenAPI document with this project's extensions."""
        schemas: Document = document.get("components", {}).get("schemas", {})
        marks = {name: schema["x-semantic-event"] for name, schema in schemas.items() if "x-semantic-event" in schema}
        return cls(
            {
                spelling: _shape(schemas, schemas[name], mark)
                for name, mark in marks.items()
                for spelling in (mark["name"], *mark.get("aliases", ()))
            }
        )

    def get(self, event: str) -> Shape | None:
        """Look an event up; None where it has none of these names."""
        return self._shapes.get(event)


def _shape(schemas: Document, schema: Document, mark: Document) -> Shape:
    own = schema if mark.get("shape") == "properties" else _followed(schemas, schema["properties"].get("properties"))
    types = {name: _type(_followed(schemas, inner)) for name, inner in own.get("properties", {}).items()}
    description = str(schema.get("description", ""))
    return Shape(str(mark.get("family", "")), description, types, frozenset(own.get("required", ())))


def _followed(schemas: Document, schema: Document | None) -> Document:
    reference = (schema or {}).get("$ref")
    found: Document = schemas[reference.rpartition("/")[2]] if reference else schema or {}
    return found


def _type(schema: Document) -> str:
    said: Any = schema.get("type", [])
    names: list[str] = [said] if isinstance(said, str) else said
    return " or ".join(_NAMES.get(name, name) for name in names)


def kind(value: object) -> str:
    """Name the type of a value of JSON, in the words of `Shape`."""
    return _KINDS.get(type(value), "null")


@dataclass(slots=True)
class Property:
    """A property of an event: what was seen, beside what the specification says.

    Attributes
    ----------
    name : str
    seen : int
        Calls that carried it.
    kinds : Counter
        How often each type.
    expected : str or None
        Its type in the specification; None where that does not know it.
    required : bool
        Whether the specification requires it.
    """

    name: str
    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    expected: str | None = None
    required: bool = False


def compare(calls: Iterable[Mapping[str, Any]], shape: Shape | None) -> list[Property]:
    """List the properties that calls of an event carried, and those that it should: these first, then the frequent."""
    found: dict[str, Property] = {}
    if shape is not None:
        for name, expected in shape.properties.items():
            found[name] = Property(name, expected=expected, required=name in shape.required)
    for call in calls:
        carried = call.get("properties")
        if not isinstance(carried, dict):
            continue
        for name, value in cast("dict[str, object]", carried).items():
            known = found.setdefault(name, Property(name))
            known.seen += 1
            known.kinds[kind(value)] += 1
    ordered = sorted(found.values(), key=lambda known: (not known.required, -known.seen, known.name))
    return ordered[:_MOST_PROPERTIES]
