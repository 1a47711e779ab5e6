"""Which field of a generated model holds what it cannot write: a dict in place of a class, text in place of a datetime.

The models take whatever they are given; what is wrong shows when they are written, by an error of their own that names
no field. Only then it is looked for here: all other fields are given what can surely be written, one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs

from cio_facade.errors import ValidationError

__all__ = ["misfit"]


class _Fitting:
    """A value that any model can write, in any field."""

    def to_dict(self) -> dict[str, Any]:
        return {}

    def isoformat(self) -> str:
        return ""

    def __iter__(self) -> Iterator[Any]:
        return iter(())


_FITTING = _Fitting()


def misfit(model: Any) -> ValidationError | None:
    """Tell what keeps a model from being written: the class, the field, and the way out, never the value.

    None is given for what is no such model, or can be written.

    Examples
    --------
    >>> from cio_facade.events import ecommerce
    >>> print(misfit(ecommerce.OrderCompleted(products=[None])))
    OrderCompleted.products[0]: is None, and the field is list[Product]; leave out what is not there
    """
    found = _found(model)
    if found is None:
        return None
    path, kind, value = found
    name = _class_of(model).__name__
    what, way = f"a {type(value).__name__}", "use its class"
    if value is None:
        what, way = "None", "leave out what is not there"
    elif isinstance(value, Mapping) and hasattr(model, "from_dict"):
        way = f"use its class, or make all of it of a dict: {name}.from_dict(...)"
    return ValidationError(field=f"{name}.{path}", problem=f"is {what}, and the field is {kind}; {way}")


def _found(model: Any) -> tuple[str, str, Any] | None:
    """Give the path of the first value that cannot be written, the type that its field has, and the value."""
    kind_of_model = _class_of(model)
    if not (attrs.has(kind_of_model) and hasattr(model, "additional_properties")) or _can_be_written(model):
        return None
    names = [field.name for field in attrs.fields(kind_of_model)]
    for field in attrs.fields(kind_of_model):
        alone = copy.copy(model)
        for name in names:
            if name != field.name:
                object.__setattr__(alone, name, _FITTING)
        if _can_be_written(alone):
            continue
        value: Any = getattr(model, field.name)
        kind = str(field.type).removesuffix(" | Unset")
        items = cast("list[Any]", value) if isinstance(value, (list, tuple)) else []
        inner = {f"{field.name}[{place}]": item for place, item in enumerate(items)}
        for path, item in (inner or {field.name: value}).items():
            if not hasattr(item, "to_dict"):
                return path, kind, item
            if (deeper := _found(item)) is not None:
                return f"{path}.{deeper[0]}", *deeper[1:]
        return field.name, kind, cast("Any", value)
    return None


def _class_of(model: object) -> type[Any]:
    return type(model)


def _can_be_written(model: Any) -> bool:
    try:
        model.to_dict()
    except Exception:
        return False
    return True
