"""What arrives while somebody looks: people who do things, through our own client, and what the server refuses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Event, Thread
from types import TracebackType
from typing import Self

from cio_facade import CustomerIO, devices, messages
from cio_facade.messages import Message

__all__ = ["EVENTS", "HOSTILE", "PLATFORM", "Load", "traffic"]

EVENTS = ("Course Started", "Lesson Watched", "Lesson Watched", "Lesson Watched", "Quiz Passed", "Certificate Shared")
# A platform that no device has: our client leaves it to the server to refuse.
PLATFORM = "toaster"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "\u202egnp.exe",
)


def traffic(calls: int, people: int = 40) -> Iterator[Message]:
    """Calls of every type by people who are named; one in fifty is refused by the server."""
    for number in range(calls):
        person = f"learner-{number % people}"
        match number % 50:
            case 0:
                yield devices.register(person, f"token-{number}", PLATFORM)  # type: ignore[arg-type]
            case 1:
                yield messages.identify(person, {"plan": "pro", "number": number}, message_id=f"call-{number}")
            case 2:
                yield messages.page(person, f"Lesson {number}", message_id=f"call-{number}")
            case 3:
                yield messages.group(person, f"school-{number % 3}", {"name": "A school"}, message_id=f"call-{number}")
            case _:
                yield messages.track(person, EVENTS[number % len(EVENTS)], {"n": number}, message_id=f"call-{number}")


class Load:
    """Calls that keep arriving, from another thread, until all were sent; leaving the block ends it sooner.

    Parameters
    ----------
    url : str
        The sandbox's endpoints.
    calls : int
        How many, one in fifty of them refused.
    pause : float
        Seconds between a hundred calls and the next.
    """

    def __init__(self, url: str, calls: int = 4_000, pause: float = 0.1) -> None:
        self._url, self._calls, self._pause = url, calls, pause
        self._leave = Event()
        self._thread = Thread(target=self._run, name="load", daemon=True)
        self.delivered = self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()

    def finish(self) -> None:
        """Send the rest without pauses, and wait until the last was answered."""
        self._pause = 0
        self._thread.join()

    def _run(self) -> None:
        calls = traffic(self._calls)
        with CustomerIO("key", base_url=self._url) as cio:
            while not self._leave.is_set() and (some := list(islice(calls, 100))):
                report = cio.send_many(some)
                self.delivered += report.delivered
                self.refused += report.rejected
                self._leave.wait(self._pause)
