"""The spec as openapi-python-client gets to see it: what it would misread is put in words that it understands."""

from typing import Any

from scripts.generator.spec import COMPONENT, MARK, Json, Spec, is_array, is_object

UNIONS = ("allOf", "anyOf", "oneOf")

CONSTRAINTS = {"required", "properties", "not", "minProperties", "maxProperties"}
"""Keywords that narrow an object down without saying anything new about its members."""

SCALARS = {"string": "str", "boolean": "bool", "integer": "int", "number": "float", "null": "None"}

PYTHON_TYPE = "x-python-type"
"""Tells the model template the type of a property which the generator takes for any value."""


def view(spec: Spec) -> Json:
    """Return the document for the generator; the spec's own stays as it is.

    - Alternatives of required members go: they say which calls are valid, not what a call has.
    - An object without named members is a mapping; the generator would make an empty class of it.
    - A response that is such an object is not read: the API may as well send an empty body.
    - The context that an event adds to its call becomes the event's property `context`.
    - The name of an event that has aliases may be any of them.
    """
    return _Translation(spec).document()


class _Translation:
    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        classes = {event.schema for event in spec.events} | {operation.schema for operation in spec.operations}
        self._mappings = {name for name, schema in spec.schemas.items() if name not in classes and _mapping(schema)}

    def document(self) -> Json:
        spec = self._spec
        document: Json = self._rewritten({**spec.document, "components": {**spec.at("components"), "schemas": {}}})
        document["components"]["schemas"] = {
            name: self._class(schema) for name, schema in spec.schemas.items() if name not in self._mappings
        }
        return document

    def _rewritten(self, node: Any) -> Any:
        """Rewrite the schemas of bodies, parameters and responses, wherever they stand."""
        if is_array(node):
            return [self._rewritten(item) for item in node]
        if not is_object(node):
            return node
        found: Json = {}
        for key, value in node.items():
            if key == "schema":
                # A parameter's description is lost unless its schema has it.
                own = {"description": node["description"]} if "in" in node and "description" in node else {}
                found[key] = self._schema({**own, **value})
            elif key == "responses":
                found[key] = {status: self._response(response) for status, response in value.items()}
            else:
                found[key] = self._rewritten(value)
        return found

    def _response(self, response: Json) -> Json:
        schemas = [media.get("schema", {}) for media in response.get("content", {}).values()]
        if schemas and all(_mapping(self._spec.resolve(schema)) for schema in schemas):
            return {key: value for key, value in response.items() if key != "content"}
        found: Json = self._rewritten(response)
        return found

    def _schema(self, schema: Json) -> Json:
        name = schema.get("$ref", "").removeprefix(COMPONENT)
        if name and name not in self._mappings:
            return schema
        meant = self._spec.resolve(schema)
        if (python := _mapping(meant)) is not None:
            return {PYTHON_TYPE: python, "description": schema.get("description", meant.get("description", ""))}
        return self._class(schema)

    def _class(self, schema: Json) -> Json:
        found = {key: self._member(key, value) for key, value in schema.items() if not _is_constraint(schema, key)}
        mark = found.get(MARK)
        if mark is not None:
            context = {name: self._schema(value) for name, value in mark.items() if name == "context"}
            found["properties"] = {**found.get("properties", {}), **context}
            found[MARK] = {**mark, "addsContext": bool(context)}
            _allow_aliases(found, mark)
        return found

    def _member(self, key: str, value: Any) -> Any:
        if key == "properties":
            return {name: self._schema(schema) for name, schema in value.items()}
        if key in UNIONS:
            return [self._schema(schema) for schema in value]
        if key in {"items", "additionalProperties"} and is_object(value):
            return self._schema(value)
        return value


def _allow_aliases(schema: Json, mark: Json) -> None:
    """Have the constant name of an event read as the name or any of its aliases."""
    event = schema["properties"].get("event", {})
    if "const" in event and mark.get("aliases"):
        plain = {key: value for key, value in event.items() if key != "const"}
        schema["properties"]["event"] = {**plain, "enum": sorted([mark["name"], *mark["aliases"]])}


def _is_constraint(schema: Json, key: str) -> bool:
    return key in UNIONS and "properties" in schema and all(CONSTRAINTS.issuperset(branch) for branch in schema[key])


def _mapping(schema: Json) -> str | None:
    """Return the Python type of an object without named members, None for anything else."""
    if schema.get("type") != "object" or any(key in schema for key in ("properties", *UNIONS)):
        return None
    values = schema.get("additionalProperties", True)
    python = "Any" if values in (True, {}) else _python(values) if is_object(values) else None
    return python and f"dict[str, {python}]"


def _python(schema: Json) -> str | None:
    types = schema.get("type")
    names = [types] if isinstance(types, str) else types or []
    if names and SCALARS.keys() >= set(names) and "format" not in schema:
        return " | ".join(SCALARS[name] for name in names)
    return _mapping(schema)
