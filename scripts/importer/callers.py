"""What callers know of a document: what they call its parts, and whether they send or read them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openapi_python_client.strings import ClassName, PythonIdentifier

from scripts.generator.checks import FIELD_PREFIX
from scripts.importer.comparable import comparable, in_json
from scripts.importer.document import COMPONENT, MARK, Json, is_array, is_object, operations, resolve, schemas_of
from scripts.importer.rules import READ, SENT

__all__ = ["Endpoint", "Side", "python_name", "python_names", "references", "values_of"]


@dataclass(frozen=True)
class Endpoint:
    """An operation."""

    function: str
    """As a caller writes it: ``api.calls.track``."""
    inputs: dict[str, tuple[Json, bool]]
    """Parameters and bodies: schema, and whether required."""
    answers: dict[str, Json | None]
    """Schemas by status; None where there is no body."""
    rest: Json


class Side:
    """One of two documents that are compared.

    Attributes
    ----------
    document : dict
        Without what makes no difference.
    schemas : dict
        Its component schemas.
    endpoints : dict of Endpoint
        By method and path.
    names : dict of str
        What callers write for each component: ``ecommerce.OrderCompleted``.
    uses : dict of set
        Whether callers send or read each component. What nothing uses counts as sent.
    takers : dict of set
        The endpoints that take a component as their body.
    batched : set
        The components that are calls in a batch.
    """

    def __init__(self, document: Json) -> None:
        self.document: Json = comparable(document, {})
        self.schemas = schemas_of(self.document)
        self.endpoints = {
            f"{method.upper()} {path}": _endpoint(self.document, path, operation)
            for path, method, operation in operations(self.document)
        }
        events = {name: schema[MARK]["family"] for name, schema in self.schemas.items() if MARK in schema}
        families: dict[str, set[str]] = defaultdict(set)
        for name, family in events.items():
            for part in {name} | self._reached(self.schemas[name]):
                families[part].add(family)
        inputs = self._reached([schema for each in self.endpoints.values() for schema, _ in each.inputs.values()])
        self.takers: dict[str, set[str]] = defaultdict(set)
        for label, each in self.endpoints.items():
            for schema, _ in each.inputs.values():
                if "$ref" in schema:
                    self.takers[str(schema["$ref"]).removeprefix(COMPONENT)].add(label)
        self.batched = {name for name, schema in self.schemas.items() if schema.get("x-batchable")}
        self.batched |= {item for name in self.takers for item in self._items(name) if item in self.schemas}
        answers = self._reached([list(each.answers.values()) for each in self.endpoints.values()])
        self.names: dict[str, str] = {}
        self.uses: dict[str, set[str]] = {}
        for name in self.schemas:
            # What events of one family alone consist of is at hand beside them.
            alone = len(families[name]) == 1 and name not in inputs | answers
            home = events[name] if name in events else next(iter(families[name])) if alone else "models"
            self.names[name] = f"{home}.{ClassName(name, FIELD_PREFIX)}"
            is_sent = name in inputs or families[name] or name not in answers
            self.uses[name] = {*([SENT] if is_sent else []), *([READ] if name in answers else [])}

    def renamed(self, renames: Mapping[str, str]) -> "Side":
        """Return the same document under other component names, called by callers as before."""
        document = comparable(self.document, renames)
        if self.schemas:
            schemas = {renames.get(name, name): schema for name, schema in schemas_of(document).items()}
            document["components"] = {**document["components"], "schemas": schemas}
        found = Side(document)
        found.names = {renames.get(name, name): called for name, called in self.names.items()}
        return found

    def sort(self, name: str) -> str | None:
        """Tell what a component is to callers; None for a mapping or a scalar, which is not known by its name."""
        schema = self.schemas[name]
        if MARK in schema:
            return "event"
        if "enum" in schema:
            return "enum"
        if name in self.takers or name in self.batched:
            return "call"
        return "type" if "properties" in schema or "anyOf" in schema else None

    def is_importable(self, name: str) -> bool:
        """Tell whether there is a class or an enum that callers may import."""
        return "properties" in self.schemas[name] or "enum" in self.schemas[name]

    def classless(self, schema: Json) -> Json:
        """Follow a reference to what has no class in Python: an enum, a mapping, a scalar."""
        meant = self.schemas.get(str(schema.get("$ref", "")).removeprefix(COMPONENT), schema)
        has_class = len(schema) > 1 or "properties" in meant or "anyOf" in meant or MARK in meant
        return schema if has_class else meant

    def text(self, schema: Json | None, *, required: bool = False) -> str:
        """Say in few words what a schema takes."""
        if required:
            return f"{self.text(schema)}, required"
        if schema is None:
            return "no body"
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix(COMPONENT)
            return self.names.get(name, name)
        if (values := values_of(schema)) is not None:
            return " or ".join(map(in_json, values))
        if "anyOf" in schema:
            return " or ".join(map(self.text, schema["anyOf"]))
        return self._type(schema)

    def _type(self, schema: Json) -> str:
        name = schema.get("type", "anything")
        if name == "array":
            return f"list of {self.text(schema.get('items', {}))}"
        if name == "object" and is_object(values := schema.get("additionalProperties")):
            return f"mapping of {self.text(values)}"
        plain = " or ".join(name) if is_array(name) else str(name)
        return f"{plain} ({schema['format']})" if "format" in schema else plain

    def places(self) -> dict[tuple[str, str], set[str]]:
        """Return which components each member, input and answer refers to; under no name, what is beside members."""
        trees: dict[tuple[str, str], Any] = {}
        for name, schema in self.schemas.items():
            trees[name, ""] = {key: value for key, value in schema.items() if key != "properties"}
            trees |= {(name, key): member for key, member in schema.get("properties", {}).items()}
        for name, endpoint in self.endpoints.items():
            trees |= {(name, label): schema for label, (schema, _) in endpoint.inputs.items()}
            trees |= {(name, status): schema for status, schema in endpoint.answers.items()}
        return {place: {name for _, name in references(tree)} for place, tree in trees.items()}

    def items(self, member: Json) -> list[str]:
        """Return the components that a list takes as its items."""
        items = member.get("items")
        alternatives = [items, *items.get("anyOf", ())] if is_object(items) else []
        return [str(each["$ref"]).removeprefix(COMPONENT) for each in alternatives if "$ref" in each]

    def _items(self, name: str) -> Iterator[str]:
        """Yield what the lists of a body take, of lists that take some call which has an endpoint too."""
        for member in self.schemas.get(name, {}).get("properties", {}).values():
            found = self.items(member)
            if any(item in self.takers or item in self.batched for item in found if item != name):
                yield from found

    def _reached(self, tree: Any) -> set[str]:
        """Return the components that a tree refers to, and those that they refer to."""
        found: set[str] = set()
        waiting = [name for _, name in references(tree)]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.schemas:
                found.add(name)
                waiting += [part for _, part in references(self.schemas[name])]
        return found


def references(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield where a tree refers to component schemas, and to which; places in a list are one."""
    if is_object(node):
        if str(node.get("$ref", "")).startswith(COMPONENT):
            yield path, str(node["$ref"]).removeprefix(COMPONENT)
        for key, value in node.items():
            yield from references(value, f"{path}/{key}")
    elif is_array(node):
        for item in node:
            yield from references(item, path)


def values_of(schema: Json) -> list[Any] | None:
    """Return the only values that a schema takes, None when it names none."""
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def python_name(key: str) -> str:
    """Return what a member is called in Python."""
    return PythonIdentifier(key, FIELD_PREFIX)


def python_names(keys: Iterable[str]) -> dict[str, str]:
    """Return what each member of a class is called in Python: where two would be called the same, as in JSON.

    >>> python_names(["orderId", "orderID", "total"])
    {'orderID': 'orderID', 'orderId': 'orderId', 'total': 'total'}
    """
    found: dict[str, str] = {}
    for key in sorted(keys):
        called = python_name(key)
        alike = [other for other, name in found.items() if name == called]
        found[key] = called
        for each in [*alike, key] if alike else ():
            found[each] = PythonIdentifier(each, FIELD_PREFIX, skip_snake_case=True)
    return found


def _endpoint(document: Json, path: str, operation: Json) -> Endpoint:
    inputs: dict[str, tuple[Json, bool]] = {}
    # An operation's own parameters come after those of its path, which they replace.
    for node in [*document["paths"][path].get("parameters", ()), *operation.get("parameters", ())]:
        parameter = resolve(document, node)
        required = parameter.get("required", False)
        inputs[f"{parameter['in']} {parameter['name']}"] = parameter.get("schema", {}), required
    body = resolve(document, operation.get("requestBody", {}))
    for media, content in body.get("content", {}).items():
        inputs[_of_media("body", media)] = content.get("schema", {}), body.get("required", False)
    answers: dict[str, Json | None] = {}
    for status, node in operation.get("responses", {}).items():
        contents = resolve(document, node).get("content", {})
        answers |= {_of_media(str(status), media): content.get("schema", {}) for media, content in contents.items()}
        answers |= {} if contents else {str(status): None}
    tag = next(iter(operation.get("tags", ())), "default")
    function = ".".join(python_name(str(name)) for name in (tag, operation.get("operationId", path)))
    known = {"parameters", "requestBody", "responses", "tags", "operationId"}
    rest = {key: value for key, value in operation.items() if key not in known}
    return Endpoint(f"api.{function}", inputs, answers, rest)


def _of_media(label: str, media: str) -> str:
    essence = media.partition(";")[0].strip().lower()  # parameters such as a charset make no other type
    return label if essence == "application/json" else f"{label} {essence}"
