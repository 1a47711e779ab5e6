"""Keys of another region: sent where they belong, or refused. The regions are the specification's."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from cio_facade.sandbox.records import Problem, Refusal

__all__ = ["REDIRECT", "Regions"]

# The method and the body stay, as with 308; but nobody may remember it: the port of a sandbox is soon another's.
REDIRECT: Final = 307


class Regions:
    """Decide what becomes of a key by the region that it names.

    Parameters
    ----------
    known : collection of str
        The regions that there are.
    home : str or None
        The region that the sandbox stands for; None for all of them.
    elsewhere : str or None
        Prefix of all endpoints where keys of other regions belong, such as ``http://127.0.0.1:8081/v1``.

    Raises
    ------
    ValueError
        The region is unknown, or `elsewhere` is no URL, or there is no region to be elsewhere from.
    """

    def __init__(self, known: Collection[str], home: str | None, elsewhere: str | None) -> None:
        if home is not None and home not in known:
            raise ValueError(f"the region {home!r} is not one of the specification's: {', '.join(known)}")
        if elsewhere is not None:
            if home is None:
                raise ValueError("keys are sent elsewhere only by a sandbox of one region: name its region")
            if not _is_address(elsewhere):
                raise ValueError(f"{elsewhere!r} is no URL such as http://127.0.0.1:8081/v1")
        self._known = known
        self._home = home
        self._elsewhere = elsewhere and elsewhere.rstrip("/")

    def check(self, region: str | None) -> None:
        """Let through a key of this region, or one that names none.

        Raises
        ------
        Refusal
            The key belongs elsewhere.
        """
        if self._home is None or region in {None, self._home}:
            return
        if self._elsewhere and region in self._known:
            raise Refusal(Problem(REDIRECT, "region", f"the key belongs to the region {region}: sent there"))
        raise Refusal(Problem(401, "region", "the key belongs to another region"))

    def location(self, endpoint: str) -> str:
        """Give the address of an endpoint, such as ``/track``, where keys of other regions belong."""
        return f"{self._elsewhere}{endpoint}"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    return (
        printable and parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    )
