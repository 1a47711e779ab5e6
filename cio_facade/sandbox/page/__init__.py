"""The page: what arrives, and what it did, for people to look at."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.rules import Rules
from cio_facade.sandbox.storage import Storage

__all__ = ["routes"]


def routes(storage: Storage, hub: Hub, rules: Rules) -> list[BaseRoute]:
    """Make the routes of the page."""

    async def home(request: Request) -> Response:
        if request.query_params.get("wait"):
            await anext(hub.watch(1))
        (total,) = storage.read("SELECT count(*) AS calls FROM received")
        return HTMLResponse(f"<!doctype html><title>{rules.prefix}</title><p>{total['calls']} calls")

    return [Route("/", home)]
