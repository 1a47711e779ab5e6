"""Which bodies go compressed, by what the server made of those that did. Pure.

The documents of the API do not say whether it reads gzip. So a refusal may be about the compression or about what was
compressed: the same calls are repeated plain, and what comes of that tells.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cio_facade.packing import Parcel

__all__ = ["Gzip", "compressor"]

# With its head, a smaller body fits into one packet as it is.
_LEAST = 1_024
_FASTEST = 1
_AS_GZIP = 31  # zlib's way to say: with gzip's head and sum


def compressor() -> Callable[[bytes], bytes]:
    """Choose what compresses: Intel's ISA-L with the extra ``gzip``, else zlib, which takes six times as long."""
    try:
        from isal import isal_zlib  # noqa: PLC0415  an extra, and only for those who compress
    except ImportError:
        return partial(zlib.compress, level=_FASTEST, wbits=_AS_GZIP)
    # Its stubs leave out the type of the data.
    return lambda body: isal_zlib.compress(body, _FASTEST, _AS_GZIP)  # pyright: ignore[reportUnknownMemberType]


class Gzip:
    """What a client knows of its server's way with compressed bodies. Threads may share it.

    Parameters
    ----------
    pack : callable, optional
        Compresses; by default what `compressor` chooses.
    """

    def __init__(self, pack: Callable[[bytes], bytes] | None = None) -> None:
        self._pack = pack or compressor()
        self._accepted = self._refused = False

    def packed(self, parcel: Parcel, body: bytes) -> bytes | None:
        """Give the body compressed; None where it is to go as it is."""
        if self._refused or parcel.plain or len(body) < _LEAST:
            return None
        return self._pack(body)

    def learn(self, parcel: Parcel, status: int, *, packed: bool) -> bool:
        """Note what came of a request. True where the same parcel is to be repeated at once, and is plain from now on.

        A server that has accepted a compressed body can read it: its 400 is about what is in it, its 415 is a change
        of mind. One that takes plain what it refused compressed gets nothing compressed again.
        """
        if 200 <= status < 300:
            self._accepted |= packed
            self._refused |= parcel.plain
            return False
        if packed and (status == 415 or (status == 400 and not self._accepted)):
            parcel.plain = True
            return True
        return False
