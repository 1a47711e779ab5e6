"""Who is told that something has arrived. On the event loop only: no thread, no lock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

__all__ = ["Hub"]


class Hub:
    """Wake those who watch what arrives.

    What has arrived is in the store; a watcher is told no more than that there is something new.
    """

    def __init__(self) -> None:
        self._watchers: set[asyncio.Event] = set()
        self._closed = asyncio.Event()

    def announce(self) -> None:
        """Say that something has arrived, or changed otherwise."""
        for watcher in self._watchers:
            watcher.set()

    def close(self) -> None:
        """Send the watchers home: the server stops."""
        self._closed.set()
        self.announce()

    async def watch(self, every: float, pause: float = 0) -> AsyncGenerator[bool]:
        """Yield at once, and then whenever something has arrived, until the hub closes.

        Parameters
        ----------
        every : float
            Seconds after which it yields all the same.
        pause : float
            Seconds between one time and the next, at least; what arrives meanwhile makes one time of it.

        Yields
        ------
        bool
            Whether something may have arrived since the last time; False where only the time has passed.
        """
        watcher = asyncio.Event()
        watcher.set()
        self._watchers.add(watcher)
        try:
            while not self._closed.is_set():
                try:
                    await asyncio.wait_for(watcher.wait(), every)
                except TimeoutError:
                    yield False
                else:
                    watcher.clear()
                    if not self._closed.is_set():
                        yield True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), pause)
        finally:
            self._watchers.discard(watcher)
