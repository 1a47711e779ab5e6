"""Request bodies, bounded before they are read and while they are unpacked."""

import zlib
from collections.abc import AsyncIterable

from cio_facade.sandbox.records import Problem, Refusal

__all__ = ["read"]

# What gzip may add to data that it cannot make smaller: headers, and a few bytes for each block.
_GZIP_OVERHEAD = 1024


async def read(stream: AsyncIterable[bytes], encoding: str, limit: int, announced: int = 0) -> bytes:
    """Take in a body, decoded, of which never more than `limit` bytes and one chunk of the stream are held.

    A body that is over the limit by its own announcement is not read at all.

    Parameters
    ----------
    stream : async iterable of bytes
        The body as it arrives.
    encoding : str
        Value of the header Content-Encoding; empty without one.
    limit : int
        Largest body, in bytes after decoding.
    announced : int
        Value of the header Content-Length; 0 without one.

    Raises
    ------
    Refusal
        The body is over the limit, or is not in an encoding that is understood.
    """
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return await _collect(stream, limit, limit, announced)
    if coding in {"gzip", "x-gzip"}:
        return _unpack(await _collect(stream, limit + _GZIP_OVERHEAD, limit, announced), limit)
    raise Refusal(Problem(400, "encoding", "the Content-Encoding is neither gzip nor identity"))


async def _collect(stream: AsyncIterable[bytes], bound: int, limit: int, announced: int) -> bytes:
    if announced > bound:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > bound:
            raise _too_large(limit)
    return bytes(body)


def _unpack(packed: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        raise _corrupt() from None
    if len(body) > limit:
        raise _too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise _corrupt()
    return body


def _too_large(limit: int) -> Refusal:
    return Refusal(Problem(413, "size", f"the body is over the limit of {limit} bytes"))


def _corrupt() -> Refusal:
    return Refusal(Problem(400, "encoding", "the body is not whole gzip data"))
