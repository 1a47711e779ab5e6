"""JSON values as JSON has them: where true is not 1, and 1.0 is."""

import json
from typing import Any

from scripts.importer.document import is_array, is_object

TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def text_of(value: Any) -> str:
    """Return a text that is the same for the same value.

    >>> text_of(True) == text_of(1), text_of(1) == text_of(1.0)
    (False, True)
    """
    return json.dumps(_normal(value), sort_keys=True)


def types_of(types: Any) -> set[str]:
    """Return the names of a schema's ``type``, which may be one or several."""
    return set(types) if is_array(types) else {types}


def is_of(value: Any, types: Any) -> bool:
    """Tell whether a value is of a schema's ``type``."""
    value = _normal(value)
    return any(
        isinstance(value, TYPES.get(name, ())) and (name == "boolean" or not isinstance(value, bool))
        for name in types_of(types)
    )


def _normal(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_array(value):
        return [_normal(part) for part in value]
    return {key: _normal(part) for key, part in value.items()} if is_object(value) else value
