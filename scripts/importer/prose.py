"""Our descriptions: kept by path in a file of their own, and put into a document that has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.importer.document import Json, SourceError, is_array, is_object, operations, schemas_of
from scripts.importer.syntax import brief, load

__all__ = ["Prose"]

COMPONENTS = ("parameters", "responses", "securitySchemes")

SECTIONS = ("info", "servers", "tags", "operations", *COMPONENTS, "shared", "schemas")
"""The sections of a file of prose. In ``shared``, a member's text holds in every schema that has none of its own."""

OWN_KEYS = ("operations", "schemas")
"""Sections whose keys say by themselves what they describe."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A node that may have a text."""

    node: Json
    keys: tuple[str, ...]
    """What its text is called; the first one that there is a text for counts."""

    field: str = "description"
    required: bool = False
    """Whether OpenAPI asks for a text, so that it is empty where there is none."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Texts by what they describe.

    ``Order`` is a schema, ``Order.total`` its member, ``*.total`` that member of any schema; ``POST /orders`` an
    operation, ``POST /orders summary`` its summary, ``POST /orders parameter limit`` and ``POST /orders response 404``
    what it has of its own; ``parameters.Limit``, ``responses.Invalid``, ``securitySchemes.basic``, ``servers.eu`` (by
    region, else by URL), ``tags.orders`` and ``info`` the rest. What is a ``$ref`` has no text: its component has.
    """

    texts: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Prose":
        """Read texts from a YAML or JSON file.

        Raises
        ------
        SourceError
            It is not laid out as such a file is. The message does not name the file.
        """
        sections = load(path)
        if not is_object(sections):
            raise SourceError("holds no sections of texts")
        texts: dict[str, str] = {}
        for name, section in sections.items():
            for key, text in _entries(name, section):
                if key in texts:
                    raise SourceError(f"{name}: {brief(key)} is described in another section too")
                texts[key] = text
        return cls(texts)

    def describe(self, document: Json) -> Json:
        """Return a document with these texts, and no others, in their places."""
        described: Json = _copy(document)
        for place in _places(described):
            text = self._text(place)
            if text is not None or place.required:
                place.node[place.field] = text or ""
            else:
                place.node.pop(place.field, None)
        return described

    def missing(self, document: Json) -> list[str]:
        """Return what could have a text and has none, in the order of the document."""
        return list(dict.fromkeys(place.keys[0] for place in _places(document) if self._text(place) is None))

    def unused(self, document: Json) -> list[str]:
        """Return the texts that describe nothing in the document."""
        used = {self._key(place) for place in _places(document)}
        return [key for key in self.texts if key not in used]

    def _key(self, place: _Place) -> str | None:
        return next((key for key in place.keys if key in self.texts), None)

    def _text(self, place: _Place) -> str | None:
        key = self._key(place)
        return None if key is None else self.texts[key]


def _entries(name: str, section: Any) -> Iterator[tuple[str, str]]:
    if name not in SECTIONS:
        raise SourceError(f"{brief(name)}: there is no such section; there are {', '.join(SECTIONS)}")
    if name == "info":
        yield name, _text(section, name)
        return
    if not is_object(section):
        raise SourceError(f"{name}: must be a list of keys, each with a text")
    prefix = {"shared": "*.", **dict.fromkeys(OWN_KEYS, "")}.get(name, f"{name}.")
    for key, text in section.items():
        yield prefix + key, _text(text, f"{name}: {brief(key)}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SourceError(f"{where}: must be a text, and not an empty one")
    return value


def _copy(node: Any) -> Any:
    """Return a copy in which no two places are one node, as deepcopy would leave them."""
    if is_object(node):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if is_array(node) else node


def _places(document: Json) -> Iterator[_Place]:
    """Yield every place for a text, in the order of the document's parts."""
    places = (*_places_outside(document), *_places_of_operations(document), *_places_of_schemas(document))
    return (place for place in places if "$ref" not in place.node)


def _places_outside(document: Json) -> Iterator[_Place]:
    if "info" in document:
        yield _Place(document["info"], ("info",))
    for server in document.get("servers", []):
        yield _Place(server, (f"servers.{server.get('x-region', server.get('url'))}",))
    for tag in document.get("tags", []):
        yield _Place(tag, (f"tags.{tag.get('name')}",))
    for kind in COMPONENTS:
        for name, component in document.get("components", {}).get(kind, {}).items():
            yield _Place(component, (f"{kind}.{name}",), required=kind == "responses")


def _places_of_operations(document: Json) -> Iterator[_Place]:
    for path, item in document.get("paths", {}).items():
        for parameter in item.get("parameters", []):
            yield _Place(parameter, (f"{path} parameter {parameter.get('name')}",))
    for path, method, operation in operations(document):
        key = f"{method.upper()} {path}"
        yield _Place(operation, (key,))
        yield _Place(operation, (f"{key} summary",), "summary")
        for parameter in operation.get("parameters", []):
            yield _Place(parameter, (f"{key} parameter {parameter.get('name')}",))
        for status, response in operation.get("responses", {}).items():
            yield _Place(response, (f"{key} response {status}",), required=True)


def _places_of_schemas(document: Json) -> Iterator[_Place]:
    for owner, schema in schemas_of(document).items():
        yield _Place(schema, (owner,))
        for member, part in schema.get("properties", {}).items():
            # A member may be a schema of one word: true or false.
            if is_object(part):
                yield _Place(part, (f"{owner}.{member}", f"*.{member}"))
