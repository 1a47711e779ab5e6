"""What holds for every request: how it is marked, where it may be redirected, how its answer is read. No I/O."""

from __future__ import annotations

import sys
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from cio_pipelines import constants

from cio_facade._version import __version__
from cio_facade.answers import Answer, reasons_in
from cio_facade.bounds import STEPS

if TYPE_CHECKING:
    from collections.abc import Generator

    from cio_facade.clock import Clock, Stamps
    from cio_facade.compression import Gzip
    from cio_facade.config import Settings
    from cio_facade.packing import Parcel

__all__ = ["ATTEMPT", "Policy", "is_loopback"]

ATTEMPT = "cio_facade.attempt"
"""The extension of a request that says which attempt it is: one without it is not ours, and nothing repeats it yet."""

_MOST_HOPS = 3
_LAST_PORT = 65_535
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = f"cio-facade/{__version__} (Python {sys.version.split()[0]}; httpx {httpx.__version__})"


class Policy:
    """What holds for every request of a client.

    Parameters
    ----------
    settings : Settings
        Key, server, strict mode.
    clock : Clock
        For ``Retry-After`` with a date.
    stamps : Stamps
        For ``X-Timestamp``.
    gzip : Gzip, optional
        Which bodies go compressed; none without it.
    """

    def __init__(self, settings: Settings, clock: Clock, stamps: Stamps, gzip: Gzip | None = None) -> None:
        base = httpx.URL(settings.base_url)
        self._own = _origin(base)
        self._loopback = is_loopback(base)
        self._servers = {_origin(httpx.URL(server)) for server in constants.REGIONS.values()}
        self._secrets = _secrets(settings)
        self._clock, self._stamps, self._gzip = clock, stamps, gzip
        self._moved: httpx.URL | None = None
        self._headers = {"User-Agent": _USER_AGENT}
        if settings.strict:
            self._headers[constants.STRICT_HEADER] = "1"
        self._prefix = settings.base_url
        self._urls: dict[str, httpx.URL] = {}
        self.timeout = httpx.Timeout(settings.timeout, pool=None)  # waiting for a connection is not the server's fault
        self.longest = STEPS * settings.timeout
        """Seconds for one attempt as a whole: a step's time is that to the next byte, which may come in drops."""
        self._extensions = {"timeout": self.timeout.as_dict()}

    def request(self, parcel: Parcel) -> httpx.Request:
        """Build the request of one attempt to deliver a parcel."""
        if parcel.request_id is None:
            parcel.request_id = str(uuid4())
        headers = self._marks(parcel.request_id, parcel.attempts)
        headers["Content-Type"] = "application/json"
        body = parcel.body()
        if self._gzip is not None and (packed := self._gzip.packed(parcel, body)) is not None:
            headers["Content-Encoding"], body = "gzip", packed
        url = self._urls.get(parcel.path)
        if url is None:
            url = self._urls[parcel.path] = httpx.URL(self._prefix + parcel.path)
        # Built here and not by httpx's client, which would parse the URL and merge headers anew for each call.
        extensions = {**self._extensions, ATTEMPT: parcel.attempts}
        return httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)

    def repeated(self, request: httpx.Request, attempt: int) -> httpx.Request:
        """Make a request of the generated client into one attempt: each its own, since what carries it may keep it."""
        request_id = request.headers.setdefault("X-Request-Id", str(uuid4()))
        headers = request.headers.copy()
        headers.update(self._marks(request_id, attempt))
        extensions = {**request.extensions, ATTEMPT: attempt}
        return httpx.Request(
            request.method, request.url, headers=headers, content=request.content, extensions=extensions
        )

    def flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Yield the requests that one attempt takes: itself, and what redirects ask for."""
        if self._moved is not None and _origin(request.url) == self._own:
            request = _elsewhere(request, request.url.copy_with(**_place(self._moved)))
        for hop in range(1, _MOST_HOPS + 1):
            if self._trusted(request.url):
                request.headers["Authorization"] = self._secrets[0]
            response = yield request
            target = self._target(request, response)
            if target is None or hop == _MOST_HOPS:
                if response.status_code in _REDIRECTS:
                    # httpx reads it even where it does not follow, and takes what it cannot read for no answer.
                    response.headers.pop("Location", None)
                return
            request = _elsewhere(request, target)

    def answer(self, response: httpx.Response, body: bytes, request_id: str | None) -> Answer:
        """Read an answer: its reasons if it is no success, without the key."""
        status = response.status_code
        reasons: tuple[str, ...] = ()
        if status >= 400:
            reasons = tuple(self._without_key(reason) for reason in reasons_in(body))
        elif status >= 300:
            reasons = ("the answer is a redirect to a server that is not to get the key",)
        return Answer(status, reasons, self.retry_after(response), request_id)

    def learned(self, parcel: Parcel, request: httpx.Request, answer: Answer) -> Answer:
        """Note what an answer tells of compressed bodies; it may ask for a plain one."""
        if self._gzip is None:
            return answer
        packed = "Content-Encoding" in request.headers
        return answer._replace(plain_please=self._gzip.learn(parcel, answer.status, packed=packed))

    def no_answer(self, error: Exception, request_id: str | None) -> Answer:
        """Make the answer of a request to which none came."""
        words = self._without_key(str(error))
        return Answer(0, (f"{type(error).__name__}{f': {words}' if words else ''}",), None, request_id)

    def retry_after(self, response: httpx.Response) -> float | None:
        """Seconds that the server asks to wait, given in seconds or as a date."""
        text = response.headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.isdecimal() and len(text) < 10:
            return float(text)
        with suppress(ValueError):
            # By the server's own clock where it tells the time: ours may be days off.
            said = response.headers.get("Date")
            now = _moment(said) if said else datetime.fromtimestamp(self._clock.time(), UTC)
            return max(0.0, (_moment(text) - now).total_seconds())
        return None

    def _target(self, request: httpx.Request, response: httpx.Response) -> httpx.URL | None:
        """Where a redirect leads, when the call may follow: a POST with its body, and the key, to no stranger."""
        location = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not location:
            return None
        try:
            target = request.url.join(location)
        except httpx.InvalidURL:
            return None
        if not self._trusted(target) or (target.port or 0) > _LAST_PORT:
            return None
        if response.status_code in {301, 308} and target.raw_path == request.url.raw_path:
            self._moved = target
        return target

    def _marks(self, request_id: str, attempt: int) -> dict[str, str]:
        marks = {**self._headers, "X-Request-Id": request_id, "X-Timestamp": self._stamps()}
        if attempt > 1:
            marks["X-Retry-Count"] = str(attempt - 1)
        return marks

    def _trusted(self, url: httpx.URL) -> bool:
        origin = _origin(url)
        local = self._loopback and origin[0] in {"http", "https"} and is_loopback(url)
        return local or origin == self._own or origin in self._servers

    def _without_key(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def _elsewhere(request: httpx.Request, url: httpx.URL) -> httpx.Request:
    """Turn a request to another address, without credentials."""
    headers = [(k, v) for k, v in request.headers.raw if k.lower() not in {b"host", b"authorization"}]
    return httpx.Request(request.method, url, headers=headers, content=request.content, extensions=request.extensions)


def _secrets(settings: Settings) -> tuple[str, ...]:
    """Give the Authorization header, then all forms in which a server could repeat the key."""
    basic = b64encode(f"{settings.api_key}:".encode()).decode()
    header = f"Bearer {settings.api_key}" if settings.scheme == "bearer" else f"Basic {basic}"
    return header, settings.api_key, basic


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _place(url: httpx.URL) -> dict[str, Any]:
    return {"scheme": url.scheme, "host": url.host, "port": url.port}


def is_loopback(url: httpx.URL) -> bool:
    """Tell whether a URL leads to this machine."""
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
