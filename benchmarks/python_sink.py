"""The sink of `sink.c` for machines without a C compiler: the same counts at a fraction of the speed.

Usage: python_sink.py [milliseconds to wait before each answer]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


class Sink:
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._reset()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                writer.write(self._control(head) or await self._taken(body))
        except asyncio.IncompleteReadError:
            writer.close()

    async def _taken(self, body: bytes) -> bytes:
        if self._delay:
            await asyncio.sleep(self._delay)
        self._requests += 1
        self._bytes += len(body)
        self._events += body.count(b'"messageId":')
        self._last = time.monotonic()
        return _OK

    def _control(self, head: bytes) -> bytes | None:
        if not head.startswith((b"GET /counts ", b"GET /reset ")):
            return None
        quiet = time.monotonic() - self._last
        counts = {"requests": self._requests, "bytes": self._bytes, "events": self._events, "quiet": quiet}
        if head.startswith(b"GET /reset "):
            self._reset()
        body = json.dumps(counts).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def _reset(self) -> None:
        self._requests = self._bytes = self._events = 0
        self._last = 0.0


async def main() -> None:
    sink = Sink(float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
