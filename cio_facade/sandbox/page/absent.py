"""What a browser is shown where there is no page, such as at a mistyped address."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from cio_facade.sandbox.guard import LOOKING
from cio_facade.sandbox.page.rendering import Rendering

__all__ = ["Absent"]


class Absent(BaseRoute):
    """The route of all addresses that have none. To be the last.

    Parameters
    ----------
    rendering : Rendering
        The templates of the page.
    *but : str
        Beginnings of paths that are not the page's: there programs ask, and are answered as such.
    """

    def __init__(self, rendering: Rendering, *but: str) -> None:
        self._rendering = rendering
        self._but = tuple(f"{place.rstrip('/')}/" for place in but)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a browser looks for a page of ours."""
        is_looked_for = (
            scope["type"] == "http"
            and scope["method"] in LOOKING
            and not f"{scope['path']}/".startswith(self._but)
            and "text/html" in Headers(scope=scope).get("accept", "")
        )
        return (Match.FULL if is_looked_for else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that there is nothing, and lead on."""
        request = Request(scope, receive)
        await self._rendering.page(request, "absent.html", 404)(scope, receive, send)
