"""People and events into Customer.io, by its Data Pipelines API: typed, fast, and no event lost without saying so.

>>> from cio_facade import CustomerIO, people
>>> from cio_facade.testing import RecordingTransport
>>> with CustomerIO("key", transport=RecordingTransport()) as cio:
...     report = cio.send_many(people.identify(f"u{n}", {"plan": "pro"}) for n in range(1000))
>>> report.accepted == report.delivered == 1000
True
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cio_facade._version import __version__

if TYPE_CHECKING:
    from cio_facade import deliveries, devices, events, messages, objects, people
    from cio_facade.aio import AsyncCustomerIO
    from cio_facade.aoutbox import AsyncOutbox
    from cio_facade.client import CustomerIO
    from cio_facade.config import Limits
    from cio_facade.errors import (
        AuthenticationError,
        CustomerIOError,
        NetworkError,
        OutboxError,
        OutboxFullError,
        RateLimitError,
        RefusedError,
        ServerError,
        ValidationError,
    )
    from cio_facade.loading.load import load
    from cio_facade.loading.report import LoadReport
    from cio_facade.messages import Message
    from cio_facade.outbox import Outbox
    from cio_facade.outcomes import DeadLetter, Outcome, Receipt, Report, UndeliveredWarning
    from cio_facade.retrying import Retry

__all__ = [
    "AsyncCustomerIO",
    "AsyncOutbox",
    "AuthenticationError",
    "CustomerIO",
    "CustomerIOError",
    "DeadLetter",
    "Limits",
    "LoadReport",
    "Message",
    "NetworkError",
    "Outbox",
    "OutboxError",
    "OutboxFullError",
    "Outcome",
    "RateLimitError",
    "Receipt",
    "RefusedError",
    "Report",
    "Retry",
    "ServerError",
    "UndeliveredWarning",
    "ValidationError",
    "__version__",
    "deliveries",
    "devices",
    "events",
    "load",
    "messages",
    "objects",
    "people",
]

# A name costs the rooms it needs, when it is asked for: building messages needs no HTTP, the sync client no asyncio.
_ROOMS = {
    "AsyncCustomerIO": "aio",
    "AsyncOutbox": "aoutbox",
    "CustomerIO": "client",
    "Limits": "config",
    "LoadReport": "loading.report",
    "Message": "messages",
    "Outbox": "outbox",
    "Retry": "retrying",
    "load": "loading.load",
    **dict.fromkeys(("DeadLetter", "Outcome", "Receipt", "Report", "UndeliveredWarning"), "outcomes"),
}
_MODULES = {name for name in __all__ if name.islower() and not name.startswith("_") and name not in _ROOMS}

# Silent unless the application configures logging.
logging.getLogger("cio_facade").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    room = import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}")
    return globals().setdefault(name, getattr(room, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
