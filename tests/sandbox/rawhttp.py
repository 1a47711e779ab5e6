"""Requests as bytes, right and wrong, and the status that comes back: no client that would mend them stands between."""

import contextlib
import socket
from urllib.parse import urlsplit

__all__ = ["Head", "ask", "request"]

# Seconds that an answer may take: far more than any does.
PATIENCE = 20

Head = list[tuple[bytes, bytes]]


def request(method: bytes, target: bytes, headers: Head, body: bytes) -> bytes:
    """Write a request as it is asked for, sense or not; its length is told unless the headers tell something else."""
    names = {name.lower() for name, _ in headers}
    told = [] if names & {b"content-length", b"transfer-encoding"} else [(b"Content-Length", b"%d" % len(body))]
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: 127.0.0.1"]
    lines += [b"%s: %s" % header for header in (*told, *headers)]
    return b"\r\n".join((*lines, b"", body))


def ask(url: str, sent: bytes, *, whole: bool = True) -> int | None:
    """Send bytes, and give the status of the answer; None where the server hangs up without a word.

    What is not a whole request, or may not be one, is followed by an end: the server would wait for more of it.
    """
    there = urlsplit(url)
    head = b""
    with socket.create_connection((there.hostname, there.port), timeout=PATIENCE) as connection:
        with contextlib.suppress(OSError):  # it may refuse before it has read all, and hang up
            connection.sendall(sent)
            if not whole:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while _status(head) is None and (more := connection.recv(4096)):
                head += more
    return _status(head)


def _status(head: bytes) -> int | None:
    """The status of what has come so far, if it is there; that of an interim answer does not count."""
    line, ended, _ = head.partition(b"\r\n")
    if not ended:
        return None
    assert line.startswith(b"HTTP/1."), line
    status = int(line.split(b" ", 2)[1])
    return _status(head.partition(b"\r\n\r\n")[2]) if status < 200 else status
