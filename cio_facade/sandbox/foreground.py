"""A sandbox that runs until a signal ends it, for the command line."""

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from os import PathLike
from types import FrameType
from typing import Unpack

from cio_facade.sandbox.options import LOOPBACK, Options
from cio_facade.sandbox.server import Sandbox

__all__ = ["serve"]


def serve(
    host: str = LOOPBACK,
    port: int = 0,
    db: str | PathLike[str] | None = None,
    *,
    ready: Callable[[Sandbox], None] | None = None,
    **options: Unpack[Options],
) -> None:
    """Run a sandbox until Ctrl-C or SIGTERM.

    Call it from the main thread, which alone can wait for signals.

    Parameters
    ----------
    host, port, db
        As for `Sandbox`.
    ready : callable or None
        Called once it listens; without it, one line on standard output says where.
    **options
        Further parameters of `Sandbox`.
    """
    with _stop_signals() as stopped, Sandbox(db, port, host=host, **options) as sandbox:
        (ready or _say_where)(sandbox)
        while not stopped.wait(1):  # a wait without end could not be interrupted on every system
            pass


def _say_where(sandbox: Sandbox) -> None:
    sys.stdout.write(f"{sandbox.url}\n")
    sys.stdout.flush()


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
