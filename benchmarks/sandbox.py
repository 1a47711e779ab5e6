"""The sandbox as one client sees it over a socket: kept in a file, kept in memory, only counted.

``python -m benchmarks.sandbox CALLS SINGLES WHERE`` is one round, and prints a JSON object.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.report import Figure, Target
from benchmarks.rounds import in_turn, medians, ratio, run_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["sandbox"]

_FILE, _MEMORY, _SINK = "kept in a file", "kept in memory", "only counted"
_BATCH = 500
_PEOPLE = 5_000
_WANTED = 20_000  # calls a second
_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: benchmark\r\nAuthorization: Basic azo=\r\nX-Strict-Mode: 1\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def sandbox(scale: Scale, sink: Sink) -> tuple[list[Figure], list[Target]]:  # noqa: ARG001 - as the other runs
    """Calls a second in batches and one by one, all checks on."""
    rounds = in_turn(
        (_FILE, _MEMORY, _SINK), scale.few, lambda where: run_module("sandbox", scale.kept, scale.singles, where)
    )
    figures: list[Figure] = []
    for way in ("batches", "singles"):
        values = {who: [{"calls_per_second": one[way]} for one in many] for who, many in rounds.items()}
        for who, mine in values.items():
            ratios = {} if who == _FILE else {_FILE: ratio(mine, values[_FILE], "calls_per_second")}
            figures.append(Figure(run=f"sandbox, {way}", who=who, values=medians(mine), ratios=ratios))
    return figures, [
        Target("sandbox: calls a second in batches, kept in a file", _WANTED, figures[0].values["calls_per_second"])
    ]


def _round(calls: int, singles: int, where: str) -> dict[str, float]:
    batches = [_request("/v1/batch", {"batch": [_call(n) for n in some]}) for some in _chunks(calls)]
    alone = [_request(f"/v1/{call['type']}", call) for call in (_call(calls + n) for n in range(singles))]
    with (
        TemporaryDirectory() as folder,
        _serving(where, Path(folder)) as address,
        socket.create_connection(address) as peer,
    ):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _send(peer, batches[:1])
        return {"batches": calls / _send(peer, batches), "singles": singles / _send(peer, alone)}


def _chunks(calls: int) -> Iterator[range]:
    return (range(first, min(first + _BATCH, calls)) for first in range(0, calls, _BATCH))


def _call(number: int) -> dict[str, Any]:
    """A call like those that people send: one in seven says who somebody is, the others what they did."""
    own = {"userId": f"u{number % _PEOPLE}", "messageId": f"message-{number:024}", "timestamp": "2026-01-01T00:00:00Z"}
    if number % 7 == 0:
        return {"type": "identify", **own, "traits": {"email": f"u{number % _PEOPLE}@example.com", "plan": "basic"}}
    bought = {"order_id": f"o-{number}", "total": 99.9, "currency": "EUR", "note": "n" * 120}
    return {"type": "track", **own, "event": f"Event {number % 40}", "properties": bought}


def _request(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    return _HEAD.format(path=path, length=len(content)).encode() + content


def _send(peer: socket.socket, requests: Iterable[bytes]) -> float:
    """Send one after the other, each after the answer to the one before; gives seconds."""
    begun = time.perf_counter()
    for request in requests:
        peer.sendall(request)
        answer = b""
        while not answer.endswith(b"{}"):  # that is what an accepted call is answered, head and body
            more = peer.recv(1 << 16)
            if not more or (answer and b" 200 " not in answer):
                raise RuntimeError(f"not accepted: {answer.decode()}")
            answer += more
    return time.perf_counter() - begun


@contextmanager
def _serving(where: str, folder: Path) -> Iterator[tuple[str, int]]:
    db = str(folder / "sandbox.db") if where == _FILE else None
    code = f"from cio_facade.sandbox import serve; serve(db={db!r}, rate=False, sink={where == _SINK})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = urlsplit(process.stdout.readline())
            yield url.hostname or "", url.port or 0
        finally:
            process.kill()


if __name__ == "__main__":
    calls, singles, where = sys.argv[1:]
    print(json.dumps(_round(int(calls), int(singles), where)))
