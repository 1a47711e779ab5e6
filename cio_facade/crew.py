"""Threads that carry out what a `Delivery` says: each asks it what to do, does it, and reports what came of it.

Nobody leads: a thread that has its answer looks for the next request itself, so that nothing is handed from thread to
thread. Whoever feeds the delivery does no more than that, and may be blocked by its source for as long as it likes.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import TIMEOUT_MAX, Condition, Lock, RLock, Thread
from time import sleep
from typing import TYPE_CHECKING

from cio_facade.delivery import Send, Wait
from cio_facade.streams import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from cio_facade.answers import Answer
    from cio_facade.clock import Clock
    from cio_facade.core import Core
    from cio_facade.delivery import Delivery
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Report
    from cio_facade.packing import Parcel
    from cio_facade.streams import Stream

__all__ = ["Crew", "deliver"]


class Crew:
    """The threads of one delivery.

    Parameters
    ----------
    delivery : Delivery
        What decides. Only who holds `lock` may use it.
    post : callable
        Makes a request of a parcel and waits for the answer.
    clock : Clock
        Time.
    most : int
        How many threads at most.
    afterwards : callable, optional
        Called by a thread after each answer it has reported, without the lock.
    """

    def __init__(
        self,
        delivery: Delivery,
        post: Callable[[Parcel], Answer],
        clock: Clock,
        most: int,
        afterwards: Callable[[], object] | None = None,
    ) -> None:
        self.delivery = delivery
        self.lock = RLock()  # so that who holds it is known; nobody takes it twice
        self.raised: BaseException | None = None
        """What a thread met that is no answer: the caller's, who waits for it."""
        self._post, self._clock, self._most, self._afterwards = post, clock, most, afterwards
        self._work = Condition(self.lock)  # there may be something to do
        self._progress = Condition(self.lock)  # something was settled
        self._threads = self._idle = self._out = 0
        self._dismissed = False
        self._quiet = False  # there was nothing to do when somebody looked last
        self._waiting = 0
        self._kept: float | None = None  # until when one of those who rest keeps the time
        self._task: Callable[[], object] | None = None
        self._every = self._due = 0.0

    # For those who feed ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Have somebody look whether there is something to do. With the lock held."""
        if self._idle:
            self._work.notify()
        elif not self._threads:
            self._hire()

    def progressed(self) -> None:
        """Have those who wait for something look whether it is so. With the lock held."""
        self._progress.notify_all()

    def give_way(self) -> None:
        """Give the threads that post a turn: else they get the interpreter every 5 ms, and need it many times."""
        if self._out:
            sleep(0)

    def tend(self, task: Callable[[], object] | None, every: float = 0.0) -> None:
        """Have something done by a thread that has nothing else to do, every so many seconds. With the lock held."""
        self._task, self._every, self._due = task, every, self._clock.monotonic() + every
        self.look()

    def wait(self, done: Callable[[], bool], until: float | None = None) -> bool:
        """Wait until something is so, or the time has come. With the lock held. True when it is so."""
        while not done():
            if self.raised is not None:
                return False
            seconds = None if until is None else until - self._clock.monotonic()
            if seconds is not None and seconds <= 0:
                return False
            self._waiting += 1
            try:
                self.look()
                if self._threads:
                    self._progress.wait(None if seconds is None else min(seconds, TIMEOUT_MAX))
                else:  # none is to be had, as while the interpreter ends: this one works
                    self._turn(until)
            finally:
                self._waiting -= 1
        return True

    def dismiss(self) -> None:
        """Have the threads end: what is under way is not waited for."""
        with self.lock:
            self._dismissed = True
            self._work.notify_all()
            self._progress.notify_all()

    # The threads -----------------------------------------------------------------------------------------------------

    def _hire(self) -> None:
        if sys.is_finalizing():  # it would never begin, and Python up to 3.11 waits for it
            return
        try:
            # A daemon: a request that hangs must not keep the process from ending.
            Thread(target=self._run, name="cio_facade", daemon=True).start()
            self._threads += 1
        except RuntimeError:  # the process has no more
            return

    def _run(self) -> None:
        with self.lock:
            while not self._dismissed:
                self._turn(None)
            self._threads -= 1

    def _turn(self, until: float | None) -> None:
        """Do the next thing there is to do, or wait for it."""
        if self.raised is not None:
            self._work.wait()
            return
        try:
            step = self.delivery.next(self._clock.monotonic())
            # To say so again would wake those who wait, who have somebody look again, and so on.
            news, self._quiet = step is None and not self._quiet, step is None
            if news:
                self._progress.notify_all()
            if isinstance(step, Send):
                self._carry(step)
            else:
                self._rest(step, until)
        except BaseException as error:  # a clock, or the caller's own transport
            self._fail(error)

    def _carry(self, send: Send) -> None:
        self._another()
        self._out += 1
        try:
            with self._unlocked():
                answer = self._post(send.parcel)
        finally:
            self._out -= 1
        self.delivery.completed(send.ticket, answer, self._clock.monotonic())
        self._progress.notify_all()
        if self._afterwards is not None:
            with self._unlocked():
                self._afterwards()

    @contextmanager
    def _unlocked(self) -> Generator[None]:
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def _another(self) -> None:
        """Have somebody else look what there is to do besides."""
        if self._idle:
            self._work.notify()
        elif self._threads < self._most:
            self._hire()

    def _rest(self, step: Wait | None, until: float | None) -> None:
        """Wait for something to do; one of those who wait keeps the time."""
        moments = [until] if until is not None else []
        if isinstance(step, Wait) and step.until is not None:
            moments.append(step.until)
        if self._task is not None:  # at its time, however often somebody is woken before
            moments.append(self._due)
        at = min(moments, default=None)
        self._idle += 1
        try:
            if at is None or (self._kept is not None and self._kept <= at):
                self._work.wait()
            else:
                self._keep_time(at)
        finally:
            self._idle -= 1

    def _keep_time(self, until: float) -> None:
        self._kept = until
        try:
            seconds = until - self._clock.monotonic()
            # While somebody reads a source, time that nobody waits for passes by itself.
            idle = not self._out and (self._task is None or self._waiting > 0)
            self._clock.wait(self._work, min(seconds, TIMEOUT_MAX), idle=idle)
        finally:
            if self._kept == until:
                self._kept = None
        now = self._clock.monotonic()
        if self._task is not None and now >= self._due:
            self._due = now + self._every
            with self._unlocked():
                self._task()

    def _fail(self, error: BaseException) -> None:
        self.raised = self.raised or error
        self.delivery.stop(f"not sent: the transport raised {type(error).__name__}")
        self._progress.notify_all()


def deliver(stream: Stream, messages: Iterable[CallModel], post: Callable[[Parcel], Answer], core: Core) -> Report:
    """Read a source to its end, send what it gives, and give the account."""
    crew = Crew(stream.delivery, post, core.clock, core.limits.in_flight)
    feeder = _Feeder(stream, crew)
    try:
        feeder.read(messages)
        feeder.finish()
    except BaseException as error:  # Ctrl-C, most of all
        with crew.lock:
            stream.interrupted(error)
        raise
    finally:
        crew.dismiss()
    with crew.lock:
        return stream.result()


class _Feeder:
    """Reads a source in the caller's thread; a crew sends meanwhile."""

    def __init__(self, stream: Stream, crew: Crew) -> None:
        self._stream, self._crew = stream, crew
        self._pouring = Lock()

    def read(self, messages: Iterable[CallModel]) -> None:
        """Take what the source gives, as fast as it can be sent."""
        stream = self._stream
        try:
            source = iter(messages)
            if stream.time_is_up():
                return
            with self._crew.lock:
                self._crew.tend(self._pour, LINGER)
            for message in source:
                stream.take(message, source)
                self._pour()
                self._until(lambda: stream.closed or not stream.delivery.full)
                if stream.closed or stream.time_is_up():
                    return
                self._crew.give_way()
        except Exception as error:
            stream.raised = stream.raised or error
        self._pour()

    def finish(self) -> None:
        """Wait for what was taken to be settled."""
        delivery = self._stream.delivery
        with self._crew.lock:
            delivery.finish()
            self._crew.tend(None)
        self._until(lambda: delivery.finished)
        self._stream.time_is_up()

    def _pour(self) -> None:
        """Encode what waits, and feed it. A thread of the crew does so too, when the source is slow."""
        with self._pouring:
            chunk, first = self._stream.encoded()
            with self._crew.lock:
                if self._stream.feed(chunk, first):
                    self._crew.look()

    def _until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so or the time is up; hand over letters meanwhile."""
        stream, crew, is_done = self._stream, self._crew, False
        while not is_done:
            with crew.lock:
                in_time = crew.wait(lambda: done() or stream.has_news, stream.deadline)
                is_done = done() or not in_time
                stream.raised = stream.raised or crew.raised
            stream.tell()
