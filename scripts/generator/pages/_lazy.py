"""Names that are imported when they are asked for (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(module: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a module.

    Parameters
    ----------
    module : str
        The module's `__name__`.
    homes : Mapping[str, str]
        Each name and the module that has it, relative to the package of `module`. A name that is a module of that
        package itself has ``.`` for its home.
    """
    here = sys.modules[module]

    def get(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=here)
        if home == ".":
            return import_module(f".{name}", here.__package__)
        value: object = getattr(import_module(home, here.__package__), name)
        setattr(here, name, value)
        return value

    def names() -> list[str]:
        return sorted(homes)

    return get, names
