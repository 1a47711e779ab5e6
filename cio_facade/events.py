"""The typed semantic events, a module for each family; all of it is generated from the spec and only handed on here.

Examples
--------
>>> from cio_facade.events import ecommerce
>>> ecommerce.OrderCompleted.event_name
'Order Completed'
"""

from __future__ import annotations

import sys
from importlib import import_module

from cio_pipelines import events as _generated
from cio_pipelines.events import *  # noqa: F403

__all__ = _generated.__all__  # pyright: ignore[reportUnsupportedDunderAll]

# `import cio_facade.events.ecommerce` finds the same modules, under whatever names the spec's families have.
__path__: list[str] = []
for _family in _generated.__all__:
    sys.modules[f"{__name__}.{_family}"] = import_module(f"{_generated.__name__}.{_family}")
