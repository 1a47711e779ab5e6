"""A local server that speaks the Data Pipelines API, checks every call and keeps what arrives.

It knows the API by its specification, and nothing of any client: whatever speaks HTTP can be pointed at it. It needs
the extra ``[sandbox]``.

>>> from cio_facade.sandbox import Sandbox
>>> with Sandbox() as sandbox:
...     sandbox.counts().requests
0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cio_facade.sandbox.foreground import serve
    from cio_facade.sandbox.records import Counts, Problem, RequestRecord
    from cio_facade.sandbox.server import Sandbox

__all__ = ["Counts", "Problem", "RequestRecord", "Sandbox", "serve"]

_ROOMS = {
    **dict.fromkeys(("Counts", "Problem", "RequestRecord"), "records"),
    "Sandbox": "server",
    "serve": "foreground",
}
_NEEDED = {"jinja2", "jsonschema_rs", "starlette", "uvicorn"}


# The server is imported when a name is asked for: every run of pytest imports this package, for the plugin in it.
def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        room = import_module(f"{__name__}.{_ROOMS[name]}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDED:
            raise
        raise ImportError(f"the sandbox needs {missing}: pip install 'cio-facade[sandbox]'", name=missing) from error
    return globals().setdefault(name, getattr(room, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
