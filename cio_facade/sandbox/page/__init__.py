"""The page: what arrives, and what it did, for people to look at."""

from collections.abc import Callable
from os import PathLike
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox import admin
from cio_facade.sandbox.faults import Faults
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.page import batches, events, objects, outbox, people, person, reports, stream
from cio_facade.sandbox.page import faults as on_demand
from cio_facade.sandbox.page.absent import Absent
from cio_facade.sandbox.page.assets import Assets
from cio_facade.sandbox.page.rendering import Rendering
from cio_facade.sandbox.page.shapes import Shapes
from cio_facade.sandbox.page.views import View
from cio_facade.sandbox.records import Counts
from cio_facade.sandbox.rules import Document, Rules
from cio_facade.sandbox.storage import Storage

__all__ = ["routes", "totals"]

_ROOMS: Final = {
    "/": "Stream",
    "/people": "People",
    "/objects": "Objects",
    "/events": "Events",
    "/batches": "Batches",
    "/outbox": "Outbox",
    "/faults": "Faults",
}
_VIEWS: Final = (people, person, objects, events, reports, batches, outbox)


def routes(
    storage: Storage,
    hub: Hub,
    rules: Rules,
    *,
    document: Document | None = None,
    outbox: str | PathLike[str] | None = None,
    faults: Faults | None = None,
) -> list[BaseRoute]:
    """Make the routes of the page.

    Parameters
    ----------
    storage : Storage
        What is shown.
    hub : Hub
        Says when there is something new.
    rules : Rules
        Limits and paths.
    document : mapping or None
        The OpenAPI document in force, for what it says of events.
    outbox : path or None
        The file of a connected outbox.
    faults : Faults or None
        The faults on demand, to be shown and set.
    """
    assets = Assets()
    rendering = Rendering(assets.address, _ROOMS)
    view = View(storage, rules, Shapes.read(document or {}), rendering, outbox)
    return [
        *assets.routes(),
        *stream.routes(view, hub),
        *on_demand.routes(view, Faults() if faults is None else faults),
        *(route for room in _VIEWS for route in room.routes(view)),
        Absent(rendering, rules.prefix, admin.PREFIX),
    ]


def totals(counts: Callable[[], Counts], rules: Rules) -> list[BaseRoute]:
    """Make the routes of the page of a sandbox that only counts.

    Parameters
    ----------
    counts : callable
        Gives what is shown.
    rules : Rules
        Paths.
    """
    assets = Assets()
    rendering = Rendering(assets.address, {"/": "Totals"})

    def show(request: Request) -> Response:
        return rendering.page(request, "totals.html", counts=counts())

    return [*assets.routes(), Route("/", show), Absent(rendering, rules.prefix, admin.PREFIX)]
