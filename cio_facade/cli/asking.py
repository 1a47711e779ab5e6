"""Asking a sandbox that runs on this machine, at the address that only this machine may reach."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import httpx
import orjson

from cio_facade.cli.failures import Misused, Undelivered
from cio_facade.policy import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ask"]

_PATH = "/_sandbox/"
_STEP = 5.0  # seconds to connect in
_PATIENCE = 60.0  # seconds that an answer may take


def ask(method: str, what: str, said: Mapping[str, Any] | None = None, *, url: str | None, port: int) -> dict[str, Any]:
    """Send a request to the sandbox, and give what it answers.

    Parameters
    ----------
    method : str
        Of HTTP.
    what : str
        Which of its endpoints.
    said : mapping or None
        What is sent.
    url : str or None
        Where it runs; None for what CIO_BASE_URL says, or else this machine at the usual port.
    port : int
        The usual port.

    Raises
    ------
    Misused
        That is not on this machine, or the sandbox cannot use what is said.
    Undelivered
        Nobody answers.
    """
    address = url or os.environ.get("CIO_BASE_URL") or f"http://127.0.0.1:{port}"
    target = _endpoint(address, what)
    try:
        # Neither the environment's proxies nor its credentials are for what is on this machine.
        with httpx.Client(trust_env=False, timeout=httpx.Timeout(_PATIENCE, connect=_STEP)) as client:
            answer = client.request(method, target, content=None if said is None else orjson.dumps(said), headers=_JSON)
    except httpx.TransportError as error:
        hint = "cio-facade sandbox starts one, --url says where it is, --db FILE reads a file"
        raise Undelivered(
            f"no sandbox answers at {target.copy_with(path='/')}: {error or type(error).__name__} ({hint})"
        ) from error
    return _read(answer, target)


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def _endpoint(address: str, what: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise Misused(f"{address}: is no URL") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Misused(f"{address}: is no URL of a sandbox, such as http://127.0.0.1:8080")
    if not is_loopback(url):
        raise Misused(f"{url.host} is not this machine: a sandbox is asked only where it runs (--url, or CIO_BASE_URL)")
    return httpx.URL(scheme=url.scheme, host=url.host, port=url.port, path=_PATH + what)


def _read(answer: httpx.Response, target: httpx.URL) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        where = target.copy_with(path="/")
        raise Misused(f"what answers at {where} is no sandbox of this version ({answer.status_code})")
    known = cast("dict[str, Any]", said)
    if answer.is_success:
        return known
    raise Misused(str(known.get("error") or f"the sandbox answered {answer.status_code}"))
