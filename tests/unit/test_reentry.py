"""Signal handlers and destructors come in the middle of what their own thread is doing: they are let in, or told.

A signal is sent to a thread again and again while it works, so that handlers come at any place, those where a lock is
held among them. Nothing may hang, and the account must balance.
"""

import signal
import subprocess
import sys
import textwrap

import pytest

from cio_facade import CustomerIO, CustomerIOError, Outbox, OutboxError, messages
from cio_facade.crew import Crew
from cio_facade.journal import Journal
from cio_facade.reentry import INSIDE
from cio_facade.testing import RecordingTransport

MESSAGE = messages.track("u1", "Signed Up")

# A process of its own: what hangs is ended from outside, and the signals are no others'.
WORK = """
import signal, sys
from cio_facade import CustomerIO, Limits, Outbox, OutboxError, messages
from cio_facade.testing import RecordingTransport

what, path, number = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
transport = RecordingTransport()
cio = CustomerIO("key", transport=transport, limits=Limits(window_requests=1_000_000))
message = messages.track("u1", "Signed Up")
taken = refused = 0
inside = False
if what == "track":
    act = lambda: cio.send(message)
else:
    outbox = Outbox(cio, path, durability="relaxed")
    act = lambda: outbox.put(message)

def handler(*_):
    global taken, refused, inside
    if inside:
        return
    inside = True
    try:
        act()
        taken += 1
    except OutboxError:
        refused += 1
    inside = False

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for _ in range(number):
    act()
signal.setitimer(signal.ITIMER_REAL, 0)
if what == "put":
    report = outbox.close()
    assert report.delivered == report.accepted, report
assert taken
assert len(transport.calls) == number + taken
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
@pytest.mark.parametrize(("what", "place", "number"), [("track", "", 500), ("put", "", 20_000), ("put", "file", 300)])
def test_a_signal_handler_may_come_at_any_place(tmp_path, what, place, number):
    path = str(tmp_path / "outbox.db") if place else ""
    command = [sys.executable, "-c", WORK, what, path, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def cio():
    with CustomerIO("key", transport=RecordingTransport()) as client:
        yield client


def crew_of(outbox: Outbox) -> Crew:
    return outbox._engine._crew


ENTRIES = {
    "put": lambda outbox: outbox.put(MESSAGE),
    "put_many": lambda outbox: outbox.put_many([MESSAGE]),
    "put_many of the unfit": lambda outbox: outbox.put_many([messages.track(None, "Signed Up")]),
    "flush": lambda outbox: outbox.flush(),
    "close": lambda outbox: outbox.close(None),
    "account": lambda outbox: outbox.account,
}
each_entry = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


@each_entry
@pytest.mark.parametrize("place", ["memory", "file"])
def test_who_comes_while_its_thread_is_inside_is_told_and_nothing_is_done(cio, tmp_path, place, entry):
    with Outbox(cio, tmp_path / "outbox.db" if place == "file" else None) as outbox:
        with crew_of(outbox).lock, pytest.raises(OutboxError) as caught:
            entry(outbox)
        assert str(caught.value) == INSIDE
        assert outbox.put(MESSAGE)
        report = outbox.close()
    assert (report.accepted, report.delivered) == (1, 1)


@each_entry
def test_who_comes_while_its_thread_commits_is_told(cio, tmp_path, entry):
    with Outbox(cio, tmp_path / "outbox.db") as outbox:
        with outbox._journal._lock, pytest.raises(OutboxError, match="signal handler"):
            entry(outbox)
        with outbox._journal._gathering, pytest.raises(OutboxError, match="signal handler"):
            entry(outbox)


def test_who_comes_while_its_thread_is_about_to_commit_for_others_is_told(cio, tmp_path, monkeypatch):
    told = []

    def joined(journal, own):
        batch = found(journal, own)
        if not told:
            with pytest.raises(OutboxError) as caught:
                outbox.put(MESSAGE)
            told.append(str(caught.value))
        return batch

    with Outbox(cio, tmp_path / "outbox.db") as outbox:
        found = Journal._joined
        monkeypatch.setattr(Journal, "_joined", joined)
        assert outbox.put(MESSAGE)
    assert told == [INSIDE]


def test_who_comes_while_the_outbox_begins_is_told(cio):
    outbox = Outbox(cio)
    with outbox._beginning, pytest.raises(OutboxError, match="signal handler"):
        outbox.put(MESSAGE)
    outbox.close()


def test_who_closes_while_its_thread_closes_gets_the_account_at_once(cio):
    with Outbox(cio) as outbox:
        outbox.put(MESSAGE)
        with outbox._closing:
            assert outbox.close(None).accepted == 1


def test_an_outbox_of_a_closed_client_is_an_error_at_once():
    """What it took would never leave."""
    cio = CustomerIO("key", transport=RecordingTransport())
    cio.close()
    with pytest.raises(CustomerIOError, match="the client is closed"):
        Outbox(cio)


def test_a_destructor_that_sends_while_the_interpreter_ends_does_not_hang():
    """No thread begins any more: up to Python 3.11, who starts one waits for it for ever."""
    code = """
    import sys
    from cio_facade import CustomerIO, messages
    from cio_facade.testing import RecordingTransport

    class Late:
        def __init__(self, cio):
            self.cio, self.build = cio, messages.track
        def __del__(self):
            print(sys.is_finalizing(), self.cio.send_many([self.build("u1", "Left")]).delivered)

    cio = CustomerIO("key", transport=RecordingTransport())
    cio.send_many([messages.track("u1", "Came")])
    late = Late(cio)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["True", "1"], done.stderr
