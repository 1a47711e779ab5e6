"""Reaching a server step by step: its name, a connection, encryption, and one call that nobody can use."""

from __future__ import annotations

import socket
import time
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, TypeVar

import httpx
from cio_pipelines import constants

from cio_facade.answers import reasons_in
from cio_facade.cli import examining
from cio_facade.cli.examining import Finding, Heard
from cio_facade.cli.failures import Undelivered
from cio_facade.client import CustomerIO
from cio_facade.policy import is_loopback
from cio_facade.retrying import Retry
from cio_facade.transport import carriage, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cio_facade.config import Settings

__all__ = ["reach"]

_T = TypeVar("_T")

_CALL = b"{}"
"""A call about nobody: it has no identity, so that it cannot create anything, wherever it goes."""


def reach(settings: Settings) -> Iterator[Finding]:
    """Go the way to the server, as far as it goes, a finding for each step.

    Parameters
    ----------
    settings : Settings
        Key and server, and the seconds that a step may take.
    """
    server, timeout = httpx.URL(settings.base_url), settings.timeout
    proxy = carriage(settings.base_url, 1)["proxy"]
    url = server if proxy is None else httpx.URL(proxy)
    if proxy is not None:
        yield Finding("proxy", "ok", f"the environment names one: {url.host}")
    for finding in _connect(url, timeout):
        yield finding
        if finding.verdict == "failed":
            return
    if server.scheme == "http" and not is_loopback(server):
        yield Finding("tls", "warning", "none: the key travels in the clear", "an https URL in CIO_BASE_URL")
    yield from _call(settings)


def _connect(url: httpx.URL, timeout: float) -> Iterator[Finding]:
    """Look the name up, connect, and agree on encryption."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found, took = _timed(lambda: socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        hint = "is the server's name right, and this machine online? HTTPS_PROXY names a proxy where one is needed"
        yield Finding("dns", "failed", f"{url.host} is not found: {_words(error)}", hint, Undelivered)
        return
    yield Finding("dns", "ok", f"{url.host} has {_number(len(found), 'address')}, {took}")
    try:
        connection, took = _timed(lambda: socket.create_connection((url.host, port), timeout))
    except OSError as error:
        hint = "is a firewall on the way, or the server not running? HTTPS_PROXY names a proxy where one is needed"
        yield Finding("tcp", "failed", f"{url.host} port {port}: {_words(error)}", hint, Undelivered)
        return
    with connection:
        yield Finding("tcp", "ok", f"connected to port {port}, {took}")
        if url.scheme == "https":
            yield _encrypt(connection, url.host)


def _encrypt(connection: socket.socket, host: str) -> Finding:
    context = httpx.create_ssl_context()
    try:
        secure, took = _timed(lambda: context.wrap_socket(connection, server_hostname=host))
    except OSError as error:
        hint = "does a proxy look into the traffic? SSL_CERT_FILE names the certificates to trust"
        return Finding("tls", "failed", f"{host}: {_words(error)}", hint, Undelivered)
    with secure:
        return Finding("tls", "ok", f"{secure.version()}, the certificate is good, {took}")


class _Noting(httpx.BaseTransport):
    """Notes who was asked, and what the last answer was headed by."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.hosts: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _call(settings: Settings) -> Iterator[Finding]:
    """Send the call that nobody can use, by the way that all calls take: with key, strict mode and redirects."""
    noting = _Noting(lanes(settings.base_url, 1))
    client = CustomerIO(
        settings.api_key,
        base_url=settings.base_url,
        transport=noting,
        timeout=settings.timeout,
        retry=Retry(budget=0),
    )
    with client as cio:
        http, path, json = cio.api.get_httpx_client(), constants.PATHS["identify"], {"Content-Type": "application/json"}
        begun, began = time.monotonic(), time.time()
        try:
            response = http.post(path, content=_CALL, headers=json)
        except httpx.HTTPError as error:
            seconds = time.monotonic() - begun
            heard = Heard(status=0, reasons=(_words(error),), seconds=seconds, hosts=tuple(noting.hosts))
            yield from examining.answers(heard)
            return
        seconds = time.monotonic() - begun
    reasons = reasons_in(response.content) if response.status_code >= 400 else ()
    heard = Heard(
        status=response.status_code,
        reasons=tuple(reason.replace(settings.api_key, "[key]") for reason in reasons),
        seconds=seconds,
        hosts=tuple(noting.hosts),
    )
    yield from examining.answers(heard)
    yield examining.clock(response.headers.get("Date"), began + seconds / 2)


def _timed(action: Callable[[], _T]) -> tuple[_T, str]:
    begun = time.monotonic()
    result = action()
    return result, f"{time.monotonic() - begun:.3f} s"


def _words(error: Exception) -> str:
    """Say in short what went wrong."""
    if isinstance(error, SSLCertVerificationError):
        return error.verify_message
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 'es'}"
