"""uvicorn in a thread of this process, on a real socket that is given to it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from cio_facade.sandbox.connections import Protocol

__all__ = ["serving"]

# Seconds that requests under way have to end in when the server stops, before they are cut off.
_GRACE = 0.5
# Turns of the event loop that a connection takes from asking to being made: asyncio leaks those that are in between
# when a server closes, so it first accepts no more, and then gives these their time.
_TURNS_TO_ACCEPT = 3
# Seconds that an idle connection is kept open: longer than clients keep it, who would otherwise write to a closed one.
_KEEP_ALIVE = 75


class _Server(uvicorn.Server):
    """uvicorn without its clock.

    The original looks ten times a second whether it should stop, and then waits as long again: too long where each test
    has a server of its own. This one is woken.
    """

    def __init__(self, app: ASGIApp, closing: Callable[[], None]) -> None:
        config = uvicorn.Config(
            self._until_cut_off,
            http=Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        super().__init__(config)
        self._app = app
        self._closing = closing
        self.ready = Future[asyncio.AbstractEventLoop]()
        self._stopping = asyncio.Event()

    async def _until_cut_off(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:  # such as of one that waits for a thread; the connection is closed by then
            if not self._stopping.is_set():
                raise

    def run_on(self, listener: socket.socket) -> None:
        """Serve until `stop` is called; what keeps the server from starting goes to those who wait for `ready`."""
        try:
            asyncio.run(self.serve(sockets=[listener]))
        except BaseException as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)

    def stop(self) -> None:
        self.ready.result().call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set_result(asyncio.get_running_loop())

    async def main_loop(self) -> None:
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - closed by their servers
        self._closing()
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listening in server.sockets:
                with suppress(NotImplementedError):  # of event loops that ask nobody whether there is something to read
                    loop.remove_reader(listening.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()  # at once when it is idle, after its answer when it is not
        await self._requests_end()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._requests_end()
        await asyncio.sleep(0)  # connections that are closed say so on the next turn of the loop

    async def _requests_end(self) -> None:
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_GRACE)


@contextmanager
def serving(
    app: ASGIApp, listener: socket.socket, closing: Callable[[], None] = lambda: None
) -> Generator[Callable[[Callable[[], None]], None]]:
    """Serve an application on a listening socket, from entry to exit.

    It gives a function by which any thread has another one called on the event loop.

    Parameters
    ----------
    app : ASGIApp
        The ASGI application.
    listener : socket
        A socket that is bound and listens; closed at the end.
    closing : callable
        Called on the event loop when the server stops, to end the answers that would not end by themselves.
    """
    server = _Server(app, closing)
    thread = threading.Thread(target=server.run_on, args=(listener,), name="cio-facade-sandbox", daemon=True)
    thread.start()
    loop = server.ready.result()

    def on_loop(function: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(function)

    try:
        yield on_loop
    finally:
        server.stop()
        thread.join()
