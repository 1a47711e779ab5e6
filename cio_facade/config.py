"""Frozen settings: which key, which server, which limits. All numbers and servers come from the spec."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal

import attrs
from cio_pipelines import constants

from cio_facade.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

__all__ = ["Limits", "NaivePolicy", "Settings", "from_env"]

NaivePolicy = Literal["refuse", "utc", "local"]

_ENVELOPE = len('{"batch":[]}')
_BEARER_KEY = re.compile(constants.BEARER_KEY_PATTERN)
# Neither credentials, which `repr` would show, nor a query, which paths cannot be put behind.
_BASE_URL = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:(?P<port>\d{1,5}))?(/[^\s?#]*)?")
_LAST_PORT = 65_535


@attrs.frozen(kw_only=True)
class Limits:
    """What the API takes, with the spec's figures as defaults. None switches a limit off.

    Attributes
    ----------
    call_bytes : int
        One call, UTF-8 JSON, in bytes.
    batch_bytes : int
        The body of one batch request, envelope included, in bytes.
    batch_calls : int or None
        Calls in one batch; the API documents no such limit.
    id_bytes : int or None
        An id, in bytes of UTF-8.
    event_name_bytes : int or None
        An event's name, in bytes of UTF-8.
    window_requests : int
        Requests in any window of `window_seconds`.
    window_seconds : float
        Length of that window, in seconds.
    share : float
        This process's part of the window, above 0 and at most 1, where others send with the same key: 1/8 for each
        of eight processes. A part below one request is one request in a longer window. See `leases.RedisPace` for
        processes that share the window as they need it.
    in_flight : int
        Requests of one ``send_many`` under way at once, 1 or more. How many there really are follows from
        the round trip.

    Examples
    --------
    >>> Limits(window_requests=500).window_requests
    500
    """

    call_bytes: int = constants.CALL_BYTES
    batch_bytes: int = constants.BATCH_BYTES
    batch_calls: int | None = constants.BATCH_CALLS
    id_bytes: int | None = constants.ID_BYTES
    event_name_bytes: int | None = constants.EVENT_NAME_BYTES
    window_requests: int = constants.WINDOW_REQUESTS
    window_seconds: float = constants.WINDOW_SECONDS
    share: float = 1.0
    in_flight: int = 16

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Limits):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ValidationError(field=f"limits.{field.name}", problem="must be greater than zero")
        if self.share > 1:
            raise ValidationError(field="limits.share", problem="must be at most 1: the whole window")
        if self.batch_bytes < self.call_bytes + _ENVELOPE:
            raise ValidationError(
                field="limits.batch_bytes", problem=f"must hold one call (limits.call_bytes) and {_ENVELOPE} bytes"
            )


@attrs.frozen(kw_only=True)
class Settings:
    """A key with the server it belongs to. Made by `resolve`.

    Attributes
    ----------
    api_key : str
        Never shown by ``repr``.
    scheme : {"bearer", "basic"}
        How the key is sent.
    base_url : str
        Without a slash at the end.
    strict : bool
        Whether the server is told to refuse what it cannot use, instead of answering 200 and dropping it.
    timeout : float
        Seconds for each step of one request: connecting, writing, reading.
    """

    api_key: str = attrs.field(repr=False)
    scheme: Literal["bearer", "basic"]
    base_url: str
    strict: bool = True
    timeout: float = 30.0

    @classmethod
    def resolve(
        cls, api_key: str, region: str | None, base_url: str | None, *, strict: bool, timeout: float
    ) -> Settings:
        """Make settings for a key as a user gives it.

        Parameters
        ----------
        api_key : str
            White space around it is dropped: keys read from files end in a newline.
        region : str or None
            A region of the spec, in any case. None: the key's own, else the spec's first.
        base_url : str or None
            Another server, with its path prefix; it is used whatever the region.

        Raises
        ------
        ValidationError
            The key is empty or not one line of ASCII; the region is unknown, or contradicts the key's own.
        """
        key = _clean_key(api_key)
        own = match["region"] if (match := _BEARER_KEY.match(key)) else None
        chosen = _known_region(region, "region") if region is not None else None
        if own is not None and not base_url:
            own = _known_region(own, "api_key")
            if chosen is not None and chosen != own:
                raise ValidationError(
                    field="region", problem=f"is {chosen!r}, but the key belongs to {own!r}; leave the region out"
                )
        url = (base_url or constants.REGIONS[chosen or own or constants.DEFAULT_REGION]).strip()
        found = _BASE_URL.fullmatch(url)
        if not found or int(found["port"] or 0) > _LAST_PORT:
            raise ValidationError(field="base_url", problem="must be an http or https URL, such as https://host/v1")
        return cls(
            api_key=key,
            scheme="bearer" if match else "basic",
            base_url=url.rstrip("/"),
            strict=strict,
            timeout=timeout,
        )


def _clean_key(api_key: Any) -> str:
    if not isinstance(api_key, str) or not api_key.strip():
        raise ValidationError(field="api_key", problem="is missing; pass the key or set CIO_API_KEY")
    key = api_key.strip()
    # What cannot stand in a header is found here, since the error of the HTTP layer would show it.
    if not key.isascii() or not key.isprintable() or any(c in key for c in " :"):
        raise ValidationError(field="api_key", problem="holds characters that no key has; copy it again")
    return key


def _known_region(region: Any, field: str) -> str:
    known = {name.lower(): name for name in constants.REGIONS}
    found = known.get(region.strip().lower()) if isinstance(region, str) else None
    if found is None:
        what = "names a region that is not known" if field == "api_key" else "is not known"
        raise ValidationError(field=field, problem=f"{what}; known are {', '.join(sorted(known))}")
    return found


def from_env(dotenv: str | PathLike[str] | None = None) -> dict[str, Any]:
    """Collect the arguments that the environment gives: ``CIO_API_KEY``, ``CIO_REGION``, ``CIO_BASE_URL``.

    Parameters
    ----------
    dotenv : path, optional
        A file of such variables to read first; the environment wins over it. Needs the extra ``dotenv``.

    Raises
    ------
    ValidationError
        ``CIO_API_KEY`` is missing, or the file is.
    """
    env: Mapping[str, str | None] = {**_read_dotenv(dotenv), **os.environ} if dotenv is not None else os.environ
    if not (env.get("CIO_API_KEY") or "").strip():
        raise ValidationError(field="CIO_API_KEY", problem="is not set")
    return {
        "api_key": env["CIO_API_KEY"],
        "region": env.get("CIO_REGION") or None,
        "base_url": env.get("CIO_BASE_URL") or None,
    }


def _read_dotenv(path: str | PathLike[str]) -> dict[str, str | None]:
    try:
        from dotenv import dotenv_values  # noqa: PLC0415  an extra, and only for those who name a file
    except ImportError:
        raise ImportError("reading a .env file needs python-dotenv: pip install 'cio-facade[dotenv]'") from None
    if not os.path.isfile(path):  # noqa: PTH113  a PathLike need not be a Path
        raise ValidationError(field="dotenv", problem="names no file")
    return dotenv_values(path)
