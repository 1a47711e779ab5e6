"""What the tests look up in a spec, or in a file of the vendor's."""

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]


def resolve(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        target: Any = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        schema = target
    return schema


def strings(node: Any, keys: Iterable[str]) -> Iterator[str]:
    """The strings that stand under any of these keys, anywhere in a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            else:
                yield from strings(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, keys)
