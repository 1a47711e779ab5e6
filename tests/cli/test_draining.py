from types import SimpleNamespace

import pytest

from cio_facade.cli import draining
from cio_facade.outcomes import Report


class Slow:
    """An outbox from which so many messages go in each step."""

    def __init__(self, now, each, waiting=100):
        self.now, self.each, self.waiting, self.delivered = now, list(each), waiting, 0

    def flush(self, timeout):
        self.now[0] += timeout
        number = self.each.pop(0) if self.each else 0
        self.delivered += number
        self.waiting -= number
        return Report(accepted=self.delivered + self.waiting, delivered=self.delivered, pending=self.waiting)


@pytest.fixture
def now(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(draining, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_it_says_how_far_it_is_until_nothing_is_left(now, capsys):
    draining._deliver(Slow(now, [60, 30, 10]), None)
    assert capsys.readouterr().err.splitlines() == ["60 delivered, 40 left", "90 delivered, 10 left"]


def test_it_ends_when_nothing_has_got_through_for_a_minute(now, capsys):
    outbox = Slow(now, [0, 0, 1])
    draining._deliver(outbox, None)
    assert 60 < now[0] - 1_015 <= 65
    assert capsys.readouterr().err.endswith("nothing got through for a minute\n")


@pytest.mark.parametrize("timeout", [3, 12, 600])
def test_a_timeout_is_kept_even_when_nothing_gets_through(now, timeout):
    draining._deliver(Slow(now, []), timeout)
    assert now[0] == 1_000 + timeout
