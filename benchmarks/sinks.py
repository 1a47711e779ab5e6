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
        Requests, the bytes of their bodies, and the message ids in them.
    quiet : float
        Seconds since the last answer left.
    """

    requests: int
    bytes: int
    events: int
    quiet: float


class Sink(NamedTuple):
    """A running sink.

    Attributes
    ----------
    kind : {"compiled", "nginx", "python"}
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
        Milliseconds before each answer, as if the server were far away. nginx cannot wait.
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
        binary = str(folder / "sink")
        subprocess.run([cc, "-O2", "-pthread", "-o", binary, str(_HERE / "sink.c")], check=True)
        return "compiled", [binary, str(delay_ms)], None
    if (nginx := shutil.which("nginx")) is not None and not delay_ms:
        print("No C compiler: the sink is nginx, which does not count; nobody checks what arrives.", file=sys.stderr)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (folder / "nginx.conf").write_text(_NGINX.format(port=port))
        return "nginx", [nginx, "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"], port
    print("NO C COMPILER: the sink is a Python program, AND THAT IS WHAT BOUNDS THE FIGURES.", file=sys.stderr)
    return "python", [sys.executable, str(_HERE / "python_sink.py"), str(delay_ms)], None


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
