"""The server that is measured against: it throws bodies away, as fast as this machine can give one."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Counts", "Sink", "compiler", "running"]

_HERE = Path(__file__).parent
_NGINX = """
daemon off; worker_processes 1; pid pid; error_log error.log;
events {{ }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 4m; client_body_temp_path body;
  proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{ listen 127.0.0.1:{port}; default_type application/json; location / {{ return 200 '{{}}'; }} }}
}}
"""


class Counts(NamedTuple):
    """What a sink has seen since it was last reset.

    Attributes
    ----------
    requests, bytes, events : int
        Requests, the bytes of their bodies, and the events in them.
    unread : int
        Bodies that could not be read: compressed ones, where the sink was built without zlib.
    connections, most_open : int
        Connections that carried a request, and the most of them open at once: what is more was a reconnection.
    most_in_flight : int
        The most requests that waited for their answer at once.
    quiet : float
        Seconds since the last answer left.
    """

    requests: int
    bytes: int
    events: int
    unread: int
    connections: int
    most_open: int
    most_in_flight: int
    quiet: float


class Sink(NamedTuple):
    """A running sink.

    Attributes
    ----------
    kind : {"compiled", "nginx"}
        What it is.
    origin : str
        ``http://127.0.0.1:PORT``.
    """

    kind: str
    origin: str

    def reset(self) -> None:
        """Count from zero."""
        if self.kind != "nginx":
            _get(f"{self.origin}/reset")

    def counts(self) -> Counts | None:
        """What has come in; None when the sink does not count."""
        return Counts(**json.loads(_get(f"{self.origin}/counts"))) if self.kind != "nginx" else None


def compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


@contextmanager
def running(delay_ms: int = 0) -> Iterator[Sink]:
    """Give the fastest sink there can be here, for as long as the context lasts.

    Parameters
    ----------
    delay_ms : int
        Milliseconds before each answer, as if the server were far away.

    Raises
    ------
    RuntimeError
        Neither a C compiler nor nginx is here; nginx cannot wait. A sink in Python would measure itself.
    """
    with tempfile.TemporaryDirectory() as name:
        kind, command, port = _command(Path(name), delay_ms)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                port = port or int(process.stdout.readline())
                _await_listening(port)
                yield Sink(kind, f"http://127.0.0.1:{port}")
            finally:
                process.terminate()


def _command(folder: Path, delay_ms: int) -> tuple[str, list[str], int | None]:
    """What the sink is, how it is started, and its port unless it chooses and prints it."""
    if (cc := compiler()) is not None:
        return "compiled", [_built(cc, folder), str(delay_ms)], None
    if (nginx := shutil.which("nginx")) is None or delay_ms:
        raise RuntimeError("the sink needs a C compiler (cc, gcc or clang); nginx does where no answer has to wait")
    print("NO C COMPILER: the sink is nginx, which does not count; nobody checks what arrives.", file=sys.stderr)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(_NGINX.format(port=port))
    return "nginx", [nginx, "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"], port


def _built(cc: str, folder: Path) -> str:
    """Compile the sink, with zlib where there is one."""
    binary = str(folder / "sink")
    command = [cc, "-O2", "-pthread", "-o", binary, str(_HERE / "sink.c")]
    if subprocess.run([*command, "-DWITH_ZLIB", "-lz"], check=False, stderr=subprocess.DEVNULL).returncode:
        print("NO ZLIB: the events in compressed bodies are not counted.", file=sys.stderr)
        subprocess.run(command, check=True)
    return binary


def _await_listening(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError("the sink does not listen")


def _get(url: str) -> bytes:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("GET", urlsplit(url).path)
        return connection.getresponse().read()
