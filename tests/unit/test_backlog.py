"""What an outbox holds: read on as memory allows, fed once and in order, written down before it is let go."""

import logging
import threading

import pytest
from driving import tracked, within

from cio_facade import CustomerIO, Limits, Retry
from cio_facade import backlog as backlog_room
from cio_facade.answers import Answer
from cio_facade.backlog import Backlog
from cio_facade.client import parts_of
from cio_facade.delivery import Send
from cio_facade.encoding import Chunk, parted
from cio_facade.journal import Journal
from cio_facade.observing import Gauges
from cio_facade.testing import FakeClock, RecordingTransport

OK = Answer(200)


@pytest.fixture
def core():
    limits = Limits(call_bytes=400, batch_bytes=1000, in_flight=2)
    clock = FakeClock()
    with CustomerIO("key", transport=RecordingTransport(), limits=limits, clock=clock, retry=Retry()) as cio:
        yield parts_of(cio)[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def journals(path):
    made = []

    def make():
        made.append(Journal(path, durability="relaxed"))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


@pytest.fixture
def backlog(core):
    def make(journal=None, **settings):
        given = {"lanes": 2, "flush_interval": 0.5, "max_messages": 1000, "max_bytes": 1 << 20, "letters": None}
        return Backlog(core, **{**given, "journal": journal, "on_outcome": None, **settings})

    return make


def chunk(backlog, *numbers):
    return backlog.encoder.many([tracked(n) for n in numbers])


def put(backlog, *numbers):
    """Put as an outbox with a file does."""
    made = chunk(backlog, *numbers)
    return backlog.kept(backlog.journal.append(made.data), made)


def refill(backlog):
    first = backlog.wanted()
    if first is not None:
        backlog.loaded(backlog.load(first))


def carry(backlog, now=0.0, answer=OK):
    """Have everything answered that may be sent soon; gives the indexes as they came."""
    order, until = [], now + 0.4
    while now < until:
        step = backlog.delivery.next(now)
        if isinstance(step, Send):
            order += step.parcel.index
            backlog.delivery.completed(step.ticket, answer, now)
            backlog.write()
            refill(backlog)
        elif step is None or step.until is None:
            break
        else:
            now = step.until  # the pace's
    return order


def test_in_memory_messages_are_numbered_from_zero(backlog):
    box = backlog()
    assert box.last == -1
    box.hold(chunk(box, 0, 1), 200)
    assert box.last == 1
    assert box.is_settled(-1) is True
    assert box.is_settled(0) is False


def test_room_is_for_so_many_messages_and_so_many_bytes(backlog):
    box = backlog(max_messages=3, max_bytes=500)
    assert box.has_room(3, 500)
    assert not box.has_room(4, 10)
    assert not box.has_room(1, 501)
    made = chunk(box, 0, 1)
    box.hold(made, sum(map(len, made.data)))
    assert box.has_room(1, 100)
    assert not box.has_room(2, 10)
    box.flush()
    carry(box)
    assert box.has_room(3, 500)


def test_only_who_leads_feeds(backlog, journals):
    one, other = backlog(journals()), backlog(journals())
    one.lead()
    other.lead()
    assert (one.leading, other.leading) == (True, False)
    put(other, 0)
    assert other.delivery.oldest is None
    assert other.is_settled(other.last) is None
    assert not other.is_settled_in_file(other.last)
    one.lead()
    refill(one)
    one.flush()
    assert carry(one, 1.0) == [1]
    assert other.is_settled_in_file(other.last)


def test_what_others_put_is_read_in_its_turn(backlog, journals):
    one, other = backlog(journals()), backlog(journals())
    one.lead()
    put(one, 0)
    put(other, 1)
    put(one, 2)  # before its turn
    put(one, 3)
    assert one.delivery.oldest == 1
    refill(one)
    assert not one._early  # they were read with the others
    one.flush()
    assert carry(one, 1.0) == [1, 2, 3, 4]
    put(one, 4)
    one.flush()
    assert carry(one, 1.0) == [5]


def test_commits_that_end_in_another_order_are_fed_in_theirs(backlog, journals):
    box = backlog(journals())
    box.lead()
    first, second, third = (chunk(box, n) for n in range(3))
    seqs = [box.journal.append(made.data) for made in (first, second, third)]
    assert box.kept(seqs[2], third) is False
    assert box.kept(seqs[1], second) is False
    box.kept(seqs[0], first)
    assert box.wanted() is None
    box.flush()
    assert carry(box, 1.0) == [1, 2, 3]


def test_no_message_is_fed_twice_by_its_put_and_by_a_reading(backlog, journals):
    box = backlog(journals())
    box.lead()
    made = chunk(box, 0, 1)
    seqs = box.journal.append(made.data)
    other = chunk(box, 2)
    seqs_of_other = box.journal.append(other.data)
    box.lead()
    groups = box.load(box.wanted())  # read, but not fed yet
    box.kept(seqs, made)
    box.loaded(groups)
    box.kept(seqs_of_other, other)
    assert not box._early
    box.flush()
    assert carry(box, 1.0) == [1, 2, 3]


def test_only_so_many_wait_in_memory_for_their_turn(backlog, journals, monkeypatch):
    """A thread that was held up between its commit and its turn; the others go on."""
    monkeypatch.setattr(backlog_room, "_MOST_EARLY", 3)
    box = backlog(journals())
    box.lead()
    first = chunk(box, 0)
    seqs = box.journal.append(first.data)
    for n in range(1, 9):
        put(box, n)
    assert len(box._early) == 3
    box.kept(seqs, first)
    assert box.wanted() == 5  # the others are read
    refill(box)
    box.flush()
    assert carry(box, 1.0) == list(range(1, 10))


def test_what_is_found_in_the_file_is_read_as_memory_allows(backlog, journals):
    before = backlog(journals())
    for start in range(0, 1000, 50):
        put(before, *range(start, start + 50))
    box = backlog(before.journal)
    box.lead()
    refill(box)
    assert 0 < box.delivery.report().accepted < 500
    box.flush()
    assert carry(box, 1.0) == list(range(1, 1001))


def test_more_than_fits_into_memory_stays_in_the_file_until_it_does(backlog, journals):
    box = backlog(journals())
    box.lead()
    for start in range(0, 1000, 50):
        put(box, *range(start, start + 50))
    fed = box.delivery.report().accepted
    assert fed < 1000
    assert len(box._early) == 0
    box.flush()
    order = carry(box, 1.0)
    assert sorted(order) == list(range(1, 1001))
    assert order == sorted(order)  # all of one person
    assert box.is_settled(box.last)


def test_what_is_flushed_and_read_later_waits_for_nothing_else(backlog, journals):
    box = backlog(journals(), flush_interval=1e6)
    box.lead()
    for start in range(0, 501, 3):
        put(box, *range(start, start + 3))
    box.flush()
    assert len(carry(box, 1.0)) == 501
    put(box, 501)  # this one was not meant
    assert carry(box, 2.0) == []


def test_who_takes_over_begins_with_the_first_that_waits(backlog, journals):
    one = backlog(journals())
    one.lead()
    put(one, *range(5))
    one.flush()
    step = one.delivery.next(0.0)
    one.delivery.completed(step.ticket, OK, 0.0)
    one.write()
    left = 5 - len(step.parcel)
    one.journal.close()
    other = backlog(journals())
    other.lead()
    refill(other)
    other.flush()
    assert len(carry(other, 1.0)) == left
    report = other.report()
    assert (report.accepted, report.delivered, report.balanced) == (left, left, True)


def test_what_was_fed_while_more_was_read_leaves_no_gap(backlog, journals):
    """A thread feeds what it put, between another's reading of the file and its feeding."""
    box = backlog(journals())
    box.lead()
    first = chunk(box, 0, 1, 2)
    seqs = box.journal.append(first.data)
    later = chunk(box, 3, 4)
    more = box.journal.append(later.data)
    read = box.load(seqs[0])
    box.kept(seqs[:1], parted(first, 1)[0])
    box.loaded(read)
    box.kept(seqs[1:], parted(first, 1)[1])
    box.kept(more, later)
    box.flush()
    assert sorted(box.delivery.left(), key=lambda left: left[0]) == sorted(
        ((seq, call, "not settled") for seq, call in zip([*seqs, *more], [*first.data, *later.data], strict=True)),
        key=lambda left: left[0],
    )


def test_outcomes_are_in_the_file_before_anybody_hears_of_them(backlog, journals):
    pending = []
    box = backlog(journals(), on_outcome=lambda _: pending.append(box.journal.totals().pending))
    box.lead()
    put(box, 0)
    box.flush()
    carry(box, 1.0)
    assert pending == [0]


def test_what_is_written_down_is_not_said_to_be_settled_before(backlog, journals):
    box = backlog(journals())
    box.lead()
    put(box, 0)
    box.flush()
    step = box.delivery.next(0.0)
    box.delivery.completed(step.ticket, OK, 0.0)
    assert box.is_settled(box.last) is False
    box.write()
    assert box.is_settled(box.last) is True


def test_writing_within_on_outcome_is_left_to_who_called_it(backlog):
    def again(outcome):
        if outcome.message_id == "m0":
            box.refuse("outbox full", "m9")
            box.write(None)
        heard.append(outcome.message_id)

    heard = []
    box = backlog(on_outcome=again)
    box.hold(chunk(box, 0), 100)
    box.flush()
    within(5, lambda: carry(box))
    assert heard == ["m0", "m9"]
    assert not box.is_telling


class Disk:
    """Takes letters, unless it is full."""

    def __init__(self):
        self.full, self.written = True, []

    def write(self, letters):
        if self.full:
            raise OSError(28, "No space left on device")
        self.written += [letter.message_id for letter in letters]


def test_letters_that_cannot_be_written_hold_nothing_else_up(backlog, journals):
    heard, disk = [], Disk()
    box = backlog(journals(), letters=disk, on_outcome=lambda outcome: heard.append(outcome.outcome))
    box.lead()
    put(box, 0)
    box.flush()
    carry(box, 1.0, Answer(400, ("no",)))
    put(box, 1)
    box.flush()
    carry(box, 2.0)
    assert heard == ["delivered"]
    assert box.journal.totals().pending == 1  # it is not let go before its letter is safe
    assert box.is_settled(box.last) is False
    disk.full = False
    box.write()
    assert (heard, disk.written) == (["delivered", "rejected"], ["m0"])
    assert (box.journal.totals().pending, box.is_settled(box.last)) == (0, True)


def test_letters_that_could_not_be_written_are_when_they_can_in_their_order(backlog):
    disk = Disk()
    box = backlog(letters=disk)
    for n in range(3):
        disk.full = n < 2
        box.hold(chunk(box, n), 100)
        box.flush()
        carry(box, n + 1.0, Answer(400, ("no",)))
    assert disk.written == ["m0", "m1", "m2"]


def test_what_was_told_is_not_told_again_after_an_interrupt(backlog):
    def interrupted(outcome):
        heard.append(outcome.message_id)
        if len(heard) == 1:
            raise KeyboardInterrupt

    heard = []
    box = backlog(on_outcome=interrupted)
    box.refuse("outbox full", "m0")
    box.refuse("outbox full", "m1")
    with pytest.raises(KeyboardInterrupt):
        box.write()
    assert not box.is_telling
    box.write()
    assert heard == ["m0", "m1"]


def test_who_writes_does_so_for_others_too_and_nobody_waits_for_it(backlog):
    """One is in a slow `on_outcome`; another comes with news and goes on at once."""
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(outcome):
        inside.set()
        assert go_on.wait(10)
        heard.append(outcome.message_id)

    box = backlog(on_outcome=slow)
    box.refuse("outbox full", "m0")
    thread = threading.Thread(target=box.write)
    thread.start()
    assert inside.wait(10)
    box.refuse("outbox full", "m1")
    within(5, box.write)
    assert heard == []
    go_on.set()
    thread.join(10)
    assert heard == ["m0", "m1"]


def test_news_that_comes_while_the_file_is_written_is_not_left_lying(backlog, journals, monkeypatch):
    """Who brought it found somebody at it, and went on."""
    heard = []
    box = backlog(journals(), on_outcome=lambda outcome: heard.append(outcome.message_id))
    sync = box.journal.sync

    def meanwhile():
        if len(heard) == 1:
            box.refuse("outbox full", "m1")
        return sync()

    monkeypatch.setattr(box.journal, "sync", meanwhile)
    box.refuse("outbox full", "m0")
    box.write()
    assert heard == ["m0", "m1"]


def test_who_needs_it_written_waits_for_who_is_at_it_as_long_as_was_said(backlog):
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(outcome):
        inside.set()
        assert go_on.wait(10)
        heard.append(outcome.message_id)

    box = backlog(on_outcome=slow)
    box.refuse("outbox full", "m0")
    threads = [threading.Thread(target=box.write), threading.Thread(target=box.write, args=(None,))]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    within(5, lambda: box.write(0.01))
    threads[1].join(0.05)
    assert threads[1].is_alive()
    assert heard == []
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert heard == ["m0"]


def test_the_gauges_of_what_is_closed_or_somebody_else_s_say_nothing(backlog, journals):
    box = backlog(journals())
    assert box.gauges().pending == 0
    box.retire()
    box.journal.close()
    assert box.gauges() == Gauges()


def test_only_the_thread_that_tells_is_said_to_tell(backlog):
    seen = []

    def look(_):
        thread = threading.Thread(target=lambda: seen.append(box.is_telling))
        thread.start()
        thread.join()
        seen.append(box.is_telling)

    box = backlog(on_outcome=look)
    box.refuse("outbox full", "m0")
    box.write()
    assert seen == [False, True]


def test_what_the_file_refuses_is_said_once_and_contained(backlog, caplog):
    box = backlog()
    for _ in range(3):
        with box.contained():
            raise LookupError("odd")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    with pytest.raises(KeyboardInterrupt), box.contained():
        raise KeyboardInterrupt


def test_age_is_that_of_what_waits_longest(backlog, core):
    box = backlog()
    assert box.gauges().age is None
    box.hold(chunk(box, 0), 100)
    box.tick()
    core.clock.advance(5)
    box.hold(chunk(box, 1), 100)
    box.tick()
    assert box.gauges().age == pytest.approx(5)
    assert (box.gauges().pending, box.gauges().bytes) == (2, 200)
    box.flush()
    carry(box, core.clock.monotonic())
    box.tick()
    assert box.gauges().age is None


def test_the_parts_of_a_chunk_know_which_of_them_travel_alone():
    one, other = parted(Chunk([b"a", b"b", b"c"], ["1", "2", "3"], {0: "/x", 2: "/y"}, []), 1)
    assert (one.data, one.keys, one.alone) == ([b"a"], ["1"], {0: "/x"})
    assert (other.data, other.keys, other.alone) == ([b"b", b"c"], ["2", "3"], {1: "/y"})
    assert parted(Chunk([b"a", b"b"], ["1", "2"], None, []), 1)[1].alone is None
