"""The threads of a delivery: who looks what there is to do, who keeps the time, and what ends them."""

import threading
import time
from contextlib import contextmanager

import pytest
from boxing import eventually

from cio_facade.answers import Answer
from cio_facade.clock import Clock
from cio_facade.crew import Crew
from cio_facade.delivery import Delivery
from cio_facade.pacing import Pace
from cio_facade.packing import Parcel
from cio_facade.retrying import Retry


class Place:
    """A delivery and its crew; parcels are numbered by their body."""

    def __init__(self, answer, most=4, **settings):
        self.delivery = Delivery(None, Pace(3000, 3), Retry(base=0, budget=60), lambda: 1.0, in_flight=most)
        self.posted = []
        self._answer = answer
        self.crew = Crew(self.delivery, self._post, Clock(), most, **settings)

    def _post(self, parcel):
        number = int(parcel.data)
        self.posted.append(number)
        return self._answer(number, self.posted.count(number))

    def put(self, *numbers):
        with self.crew.lock:
            for number in numbers:
                data = b"%d" % number
                self.delivery.put(Parcel(data, [len(data)], [number], "/track", batch=False))
            self.crew.look()

    def wait(self, done, seconds=10):
        with self.crew.lock:
            return self.crew.wait(done, time.monotonic() + seconds)


@contextmanager
def place(answer=lambda number, turn: Answer(200), **settings):
    made = Place(answer, **settings)
    try:
        yield made
    finally:
        made.crew.dismiss()


def test_the_task_is_done_at_its_time_however_often_somebody_looks():
    done = []
    with place() as here:
        with here.crew.lock:
            here.crew.tend(lambda: done.append(1), 0.03)

        def look():
            with here.crew.lock:
                here.crew.look()
            return len(done) >= 3

        eventually(look, 5)


def test_the_task_is_done_while_somebody_waits_in_short_steps():
    """As a flush does which asks again and again what another process has done."""
    done = []
    with place() as here:
        with here.crew.lock:
            here.crew.tend(lambda: done.append(1), 0.05)
        until = time.monotonic() + 5
        while not done:
            assert time.monotonic() < until
            here.wait(lambda: bool(done), 0.01)


def test_who_waits_for_what_others_do_and_who_has_nothing_to_do_do_not_keep_each_other_awake():
    """As where another process delivers what this one flushes."""
    with place() as here:
        turns, following = [], here.delivery.next
        here.delivery.next = lambda now: turns.append(now) or following(now)
        here.put(1)
        assert here.wait(lambda: here.delivery.finished)
        turns.clear()
        assert not here.wait(lambda: False, 0.1)
        assert len(turns) < 5
        here.put(2)
        assert here.wait(lambda: here.delivery.finished)


def test_who_has_a_nearer_moment_does_not_sleep_with_who_has_a_far_one():
    """Three rest, one of them till the far moment; a fourth comes back with a near one."""
    held = threading.Event()

    def answer(number, turn):
        if number == 0 and turn == 1:
            return Answer(503, retry_after=20.0)
        if number == 3 and turn == 1:
            held.wait(10)
            return Answer(503, retry_after=0.05)
        return Answer(200)

    with place(answer) as here:
        here.put(0, 1, 2, 3)
        eventually(lambda: len(here.posted) == 4)
        eventually(lambda: here.crew._idle >= 1)
        held.set()
        eventually(lambda: here.posted.count(3) == 2, 5)
        assert here.posted.count(0) == 1


def test_no_more_requests_are_under_way_than_may_be():
    under_way, most = [], []
    lock = threading.Lock()

    def answer(number, turn):
        with lock:
            under_way.append(number)
            most.append(len(under_way))
        time.sleep(0.002)
        with lock:
            under_way.remove(number)
        return Answer(200)

    with place(answer, most=3) as here:
        here.put(*range(60))
        assert here.wait(lambda: here.delivery.finished)
    assert 1 < max(most) <= 3


def test_afterwards_comes_after_each_answer_and_without_the_lock():
    seen = []

    def afterwards():
        with here.crew.lock:
            seen.append(1)

    with place(afterwards=afterwards) as here:
        here.put(*range(5))
        assert here.wait(lambda: here.delivery.finished)
        eventually(lambda: len(seen) == 5)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LookupError()])
def test_what_is_no_answer_ends_the_waiting_and_the_delivery(error):
    def answer(number, turn):
        raise error

    with place(answer) as here:
        here.put(0)
        begun = time.monotonic()
        assert here.wait(lambda: False) is False
        assert time.monotonic() - begun < 5
        assert here.crew.raised is error
        assert here.delivery.closed


@pytest.mark.parametrize("until", [None, float("inf"), 1e12])
def test_any_time_may_be_waited_for(until):
    with place() as here:
        here.put(0)
        with here.crew.lock:
            assert here.crew.wait(lambda: here.delivery.finished, until)


def test_all_threads_end_when_they_are_dismissed():
    before = set(threading.enumerate())
    with place() as here:
        here.put(*range(20))
        assert here.wait(lambda: here.delivery.finished)
        assert set(threading.enumerate()) - before
    eventually(lambda: not set(threading.enumerate()) - before)


def test_where_no_thread_is_to_be_had_who_waits_does_the_work(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    done = []
    with place() as here:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with here.crew.lock:
            here.crew.tend(lambda: done.append(1), 0.01)
        here.put(*range(5))
        assert here.wait(lambda: here.delivery.finished)
        assert sorted(here.posted) == list(range(5))
        assert here.wait(lambda: bool(done))
