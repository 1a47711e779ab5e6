"""The sandbox as its users have it: a context manager in Python, and a function that blocks for the command line."""

import ipaddress
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Collection, Generator
from contextlib import ExitStack, closing, contextmanager
from os import PathLike
from types import FrameType, TracebackType
from typing import Any, Final, Self

from cio_facade.sandbox import page
from cio_facade.sandbox.app import Intake, build
from cio_facade.sandbox.checks import Checks
from cio_facade.sandbox.examine import Examiner
from cio_facade.sandbox.keys import Keys
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.rate import Window
from cio_facade.sandbox.records import Counts, RequestRecord
from cio_facade.sandbox.rules import Document, Rules, published
from cio_facade.sandbox.storage import Storage
from cio_facade.sandbox.threaded import serving
from cio_facade.sandbox.workspace import Workspace

__all__ = ["Sandbox", "serve"]

_LOOPBACK: Final = "127.0.0.1"


class Sandbox:
    """A Data Pipelines API of your own, for as long as the ``with`` block lasts.

    It listens once the block is entered. What has arrived can be read from any thread until the block is left.

    Parameters
    ----------
    db : path or None
        SQLite file to keep what arrives in, continued when it is there; None keeps it in memory.
    port : int
        Port to listen on; 0 takes a free one.
    host : str
        Address to listen on. One that is not loopback warns: whoever reaches it can write to the sandbox.
    api_keys : collection of str or None
        Keys to accept; None accepts any that is well formed.
    rate : bool
        Whether the specification's rate limit is in force.
    document : mapping or None
        OpenAPI document to go by; None takes the one that the generated package carries.
    refuse_gzip : int or None
        A status to answer to compressed bodies, such as 415; None reads them.
    drop_repeats : bool
        Whether a call whose message id was accepted before is dropped; it is kept and counted as a repeat otherwise.

    Examples
    --------
    >>> with Sandbox() as sandbox:
    ...     sandbox.url.endswith("/v1"), sandbox.counts().accepted
    (True, 0)
    """

    def __init__(
        self,
        db: str | PathLike[str] | None = None,
        port: int = 0,
        *,
        host: str = _LOOPBACK,
        api_keys: Collection[str] | None = None,
        rate: bool = True,
        document: Document | None = None,
        refuse_gzip: int | None = None,
        drop_repeats: bool = False,
    ) -> None:
        self._db = db
        self._refuse_gzip = refuse_gzip
        self._host = host
        self._port = self._bound_port = port
        document = published() if document is None else document
        self._rules = Rules.read(document)
        self._keys = Keys(self._rules.key_pattern, api_keys)
        self._examiner = Examiner(self._rules, Checks(document, self._rules))
        self._window = Window(*self._rules.window) if rate and self._rules.window else None
        self._workspace = Workspace(self._rules.acting)
        self._drop_repeats = drop_repeats
        self._running = ExitStack()
        self._open_storage: Storage | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            listener = stack.enter_context(_listen(self._host, self._port))
            storage = stack.enter_context(closing(Storage(self._db, self._workspace, drop_repeats=self._drop_repeats)))
            hub = Hub()
            intake = Intake(self._rules, self._keys, self._examiner, storage, self._window, hub, self._refuse_gzip)
            beside = page.routes(storage, hub, self._rules)
            stack.enter_context(serving(build(intake, self._rules, beside), listener, hub.close))
            self._bound_port = listener.getsockname()[1]
            self._open_storage = storage
            self._running = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
        self._open_storage = None

    @property
    def url(self) -> str:
        """The prefix of all endpoints, such as ``http://127.0.0.1:8080/v1``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._bound_port}{self._rules.prefix}"

    def calls(
        self,
        type: str | None = None,  # noqa: A002 - the API's own word
        user_id: str | None = None,
        event: str | None = None,
    ) -> list[dict[str, Any]]:
        """List the accepted calls in the order of their arrival, each with its type; the arguments narrow the list."""
        return self._storage.calls(type, user_id, event)

    def requests(self) -> list[RequestRecord]:
        """List the requests in the order of their arrival, each with its verdict and its problems."""
        return self._storage.requests()

    def counts(self) -> Counts:
        """Total what has arrived."""
        return self._storage.counts()

    def clear(self) -> None:
        """Forget what has arrived, and start the rate limit anew."""
        self._storage.clear()
        if self._window is not None:
            self._window.clear()

    @property
    def _storage(self) -> Storage:
        if self._open_storage is None:
            raise RuntimeError("the sandbox is not running: use it in a with statement")
        return self._open_storage


def _listen(host: str, port: int) -> socket.socket:
    if not _is_loopback(host):
        warnings.warn(f"the sandbox listens on {host}, which other machines may reach", stacklevel=3)
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # asyncio does this only for sockets that name their protocol. Without it an answer, being written as head and body,
    # waits 40 ms for the peer's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    host: str = _LOOPBACK,
    port: int = 0,
    db: str | PathLike[str] | None = None,
    *,
    api_keys: Collection[str] | None = None,
    rate: bool = True,
) -> None:
    """Run a sandbox until Ctrl-C or SIGTERM; one line on standard output says where.

    Call it from the main thread, which alone can wait for signals.

    Parameters
    ----------
    host, port, db, api_keys, rate
        As for `Sandbox`.
    """
    with _stop_signals() as stopped, Sandbox(db, port, host=host, api_keys=api_keys, rate=rate) as sandbox:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()
        while not stopped.wait(1):  # a wait without end could not be interrupted on every system
            pass


@contextmanager
def _stop_signals() -> Generator[threading.Event]:
    """Turn the signals that ask for an end into an event, for as long as the block lasts."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
