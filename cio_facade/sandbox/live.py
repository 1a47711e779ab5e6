"""Who is told that something has arrived. On the event loop only: no thread, no lock."""

import asyncio
from collections.abc import AsyncGenerator

__all__ = ["Hub"]


class Hub:
    """Wake those who watch what arrives.

    What has arrived is in the store; a watcher is told no more than that there is something new.
    """

    def __init__(self) -> None:
        self._watchers: set[asyncio.Event] = set()
        self._closed = False

    def announce(self) -> None:
        """Say that something has arrived, or changed otherwise."""
        for watcher in self._watchers:
            watcher.set()

    def close(self) -> None:
        """Send the watchers home: the server stops."""
        self._closed = True
        self.announce()

    async def watch(self, every: float) -> AsyncGenerator[bool]:
        """Yield whenever something has arrived, until the hub closes.

        Parameters
        ----------
        every : float
            Seconds after which it yields all the same.

        Yields
        ------
        bool
            Whether something has arrived since the last time; False where only the time has passed.
        """
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            while not self._closed:
                try:
                    await asyncio.wait_for(watcher.wait(), every)
                except TimeoutError:
                    yield False
                else:
                    watcher.clear()
                    if not self._closed:
                        yield True
        finally:
            self._watchers.discard(watcher)
