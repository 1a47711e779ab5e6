"""What is to be seen of an outbox from outside, without a trace."""

import sqlite3

import pytest

from cio_facade.deadletters import DeadLetterFile, Letter, beside
from cio_facade.errors import OutboxError
from cio_facade.glance import glance
from cio_facade.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
def journal(path):
    journal = Journal(path, now=lambda: 1_000.0)
    yield journal
    journal.close()


def state(folder):
    return {entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in folder.iterdir()}


def test_the_account_is_that_of_the_journal(path, journal):
    seqs = journal.append([b'{"a":1}', b'{"a":2}', b'{"a":3}', b'{"a":4}'])
    journal.settle(seqs[:1], "delivered")
    journal.settle(seqs[1:2], "rejected")
    totals = journal.totals()
    found = glance(path)
    assert found.totals == totals
    assert found.totals._replace(bytes=0) == (4, 1, 1, 0, 2, 0, 1_000.0)
    assert not found.delivering
    assert found.log > 0
    journal.close()
    assert glance(path) == glance(path)
    assert glance(path).log == 0
    assert glance(path).totals == totals


@pytest.mark.parametrize("closed", [True, False])
def test_nothing_is_left_behind(path, tmp_path, journal, closed):
    journal.append([b"{}"])
    if closed:
        journal.close()
    before = state(tmp_path)
    glance(path)
    after = state(tmp_path)
    assert {name: seen for name, seen in after.items() if not name.endswith("-shm")} == {
        name: seen for name, seen in before.items() if not name.endswith("-shm")
    }
    assert after.keys() == before.keys()


def test_who_delivers_is_seen_and_goes_on(path, journal):
    assert journal.lead()
    assert glance(path).delivering
    other = Journal(path)
    assert not other.lead()
    other.close()
    journal.close()
    assert not glance(path).delivering


def test_a_look_does_not_keep_others_from_writing(path, journal):
    journal.append([b"{}"])
    glance(path)
    assert journal.append([b"{}"]) == range(2, 3)


def test_the_dead_letters_are_counted_by_reason(path, journal, tmp_path):
    def letters(*reasons):
        return [
            Letter(message_id=f"m{n}", outcome="rejected", reason=reason, call=b"{}")
            for n, reason in enumerate(reasons)
        ]

    assert glance(path).dead_letters.number == 0
    DeadLetterFile(beside(path)).write(letters("rare", "often", "often"))
    found = glance(path).dead_letters
    assert (found.number, list(found.reasons.items())) == (3, [("often", 2), ("rare", 1)])
    DeadLetterFile(tmp_path / "elsewhere").write(letters("odd"))
    assert glance(path, tmp_path / "elsewhere").dead_letters.reasons == {"odd": 1}
    beside(path).write_bytes(b"{\n")
    found = glance(path)
    assert "line 1" in found.dead_letters.problem
    assert found.totals == journal.totals()


def test_a_damaged_file_is_said_to_be(path, journal):
    journal.append([b"{}" * 1_000] * 100)
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(4_000) + content[4_100:])
    assert glance(path).totals is None
    Journal(path).close()
    found = glance(path)
    assert found.totals is not None
    (aside,) = found.set_aside
    assert aside.startswith(f"{path}.damaged-")


def test_what_is_no_outbox_is_told(path, tmp_path):
    with pytest.raises(OutboxError, match="there is no outbox"):
        glance(path)
    with pytest.raises(OutboxError, match="there is no outbox"):
        glance(tmp_path)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE shopping (list)")
    other.close()
    with pytest.raises(OutboxError, match="is no outbox"):
        glance(path)
