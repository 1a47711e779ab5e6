"""Who may look, and who may change something. Browsers are kept from doing for a stranger's page what it may not do.

The API's endpoints take calls from whoever reaches them, as the service does. The page shows what arrived: where only
this machine can reach it, requests that name another host are refused, or a page elsewhere could have its own name lead
here and read along. What changes the sandbox is for this machine alone, whatever address it listens on.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, URLPath
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

__all__ = ["LOOKING", "Guard", "is_loopback", "may_cross", "opened"]

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOKING: Final = frozenset({"GET", "HEAD"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine's own."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class Guard:
    """Stands before the page and the admin endpoints.

    Parameters
    ----------
    host : str
        The address that the sandbox listens on.
    """

    def __init__(self, host: str) -> None:
        self._host = host.lower()

    def page(self, routes: Iterable[BaseRoute]) -> list[BaseRoute]:
        """Guard routes that all who can reach them may look at; to change something is for this machine."""
        return [_Guarded(route, self, local=False) for route in routes]

    def local(self, routes: Iterable[BaseRoute]) -> list[BaseRoute]:
        """Guard routes that are for this machine alone."""
        return [_Guarded(route, self, local=True) for route in routes]

    def objection(self, scope: Scope, *, local: bool) -> str | None:
        """Say why a request is not let through; None where it is."""
        headers = Headers(scope=scope)
        local = local or scope["method"] not in LOOKING
        peer = scope.get("client")
        if local and (peer is None or not is_loopback(peer[0])):
            return "this is for clients on the same machine"
        if (local or is_loopback(self._host)) and not self._names_us(headers.get("host", "")):
            return "the Host header names another host"
        if local and not _is_own_page(headers):
            return "the request comes from another site's page"
        return None

    def _names_us(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (is_loopback(name) or name == self._host)


def _is_own_page(headers: Headers) -> bool:
    """Tell whether a request comes from a page of this sandbox's, or from no page at all."""
    origin = headers.get("origin")
    if origin is not None and _place(origin) != headers.get("host", "").lower():
        return False
    return headers.get("sec-fetch-site", "none") in _OWN_SITE


def _place(origin: str) -> str | None:
    """Read host and port of an origin; None, which is nobody's, of one that cannot be read."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


class _Guarded(BaseRoute):
    """A route behind the guard."""

    def __init__(self, route: BaseRoute, guard: Guard, *, local: bool) -> None:
        self._route = route
        self._guard = guard
        self._local = local

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return self._route.matches(scope)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        return self._route.url_path_for(name, **path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")  # files that never change say so themselves
            await send(message)

        objection = self._guard.objection(scope, local=self._local)
        if objection is None:
            await self._route.handle(scope, receive, marked)
        else:
            await JSONResponse({"error": objection}, 403)(scope, receive, marked)


def may_cross(request: Request) -> Response | None:
    """Answer a browser that asks whether a page elsewhere may call the API: it may, as with the service.

    None where the request asks no such thing.
    """
    headers = request.headers
    if "origin" not in headers or "access-control-request-method" not in headers:
        return None
    allowed = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
    }
    return opened(request, Response(status_code=204, headers=allowed))


def opened(request: Request, answer: Response) -> Response:
    """Let the page that made a request read the answer; a client that is no browser gets it as it is."""
    if "origin" in request.headers:
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return answer
