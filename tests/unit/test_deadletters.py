"""The file of dead letters: whole lines or none, from several writers, read after any accident, and put back."""

import json
import os
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade import Limits
from cio_facade.deadletters import DeadLetterFile, Letter, Letters, Retried, beside
from cio_facade.errors import OutboxError, OutboxFullError, ValidationError
from cio_facade.journal import Journal
from cio_facade.letters import write
from cio_facade.locks import LockFile


def letter(message_id="m1", reason="refused", **fields):
    call = {"type": "track", "userId": "u1", "event": "Looked", "messageId": message_id, **fields}
    return Letter(message_id=message_id, outcome="rejected", reason=reason, call=json.dumps(call).encode())


def ids(letters):
    return [one.message_id for one in letters]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dead.jsonl"


@pytest.fixture
def file(path):
    return DeadLetterFile(path)


class Box:
    """Takes calls, as an outbox does."""

    def __init__(self, most=1_000_000, fails_at=None):
        self.calls, self.groups, self.most, self.fails_at = [], [], most, fails_at

    def __call__(self, calls):
        if len(self.groups) == self.fails_at:
            raise KeyboardInterrupt
        if len(self.calls) + len(calls) > self.most:
            raise OutboxFullError("the outbox is full")
        self.groups.append(len(calls))
        self.calls += map(json.loads, calls)

    @property
    def ids(self):
        return [call["messageId"] for call in self.calls]


@contextmanager
def little_room(path, more):
    """Let files grow by so many bytes over the size of this one, and no more: as on a full disk, a part is written."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


# Writing -------------------------------------------------------------------------------------------------------------


def test_nothing_is_made_before_there_is_a_letter(file, tmp_path):
    file.write([])
    assert list(file) == []
    assert file.retry(Box()) == Retried()
    assert {entry.name for entry in tmp_path.iterdir()} <= {"dead.jsonl-lock"}


def test_letters_are_appended_for_their_owner_alone(file, path):
    file.write([letter("m1"), letter("m2")])
    file.write([letter("m3")])
    assert ids(file) == ["m1", "m2", "m3"]
    assert list(file) == [letter("m1"), letter("m2"), letter("m3")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_to_be_redacted_is_not_in_the_file(path):
    DeadLetterFile(path, redact=["email"]).write([letter(traits={"email": "ann@example.com"}), letter("m2")])
    assert b"ann@" not in path.read_bytes()
    assert [one.redacted for one in Letters(path)] == [("traits.email",), ()]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere/dead.jsonl", "there is no folder .*; make it first"),
        (".", "is no file"),
        ("outbox.db", "has something else in it"),
        ("notes.txt", "has something else in it"),
    ],
)
def test_a_place_that_will_not_do_is_told_early(tmp_path, place, words):
    Journal(tmp_path / "outbox.db").close()
    (tmp_path / "notes.txt").write_text("buy milk")
    with pytest.raises(ValidationError, match=f"^dead_letters: .*{words}"):
        DeadLetterFile(tmp_path / place)
    assert (tmp_path / "notes.txt").read_text() == "buy milk"


@pytest.mark.parametrize("there", [True, False])
def test_a_place_that_may_not_be_written_is_told_early(path, monkeypatch, there):
    if there:
        path.touch()
    monkeypatch.setattr(os, "access", lambda place, how: place != (path if there else path.parent))
    with pytest.raises(ValidationError, match=r"^dead_letters: .*cannot be written"):
        DeadLetterFile(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", bytes(4_096), b"\xef\xbb\xbf{}\n", b"{", b" {}"])
def test_a_file_that_an_accident_or_an_editor_left_will_do(path, content):
    path.write_bytes(content)
    DeadLetterFile(path)


@pytest.mark.parametrize("room", [0, 1, 100, 400])
def test_on_a_full_disk_no_half_line_stays(file, path, room):
    file.write([letter("m1")])
    before = path.read_bytes()
    with little_room(path, room), pytest.raises(OSError, match="too large"):
        file.write([letter(f"m{n}") for n in range(2, 9)])
    assert path.read_bytes() == before
    file.write([letter("m9")])
    assert ids(file) == ["m1", "m9"]


def test_a_folder_that_is_gone_is_an_error_of_the_system(file, path):
    path.parent.rename(path.parent.with_name("moved"))
    with pytest.raises(FileNotFoundError):
        file.write([letter()])
    path.parent.with_name("moved").rename(path.parent)


def test_threads_and_processes_write_whole_lines(file, path):
    code = (
        "import sys\nfrom cio_facade.deadletters import DeadLetterFile, Letter\n"
        "for n in range(40): DeadLetterFile(sys.argv[1]).write(\n"
        "    [Letter(message_id=f'{sys.argv[2]}-{n}', outcome='failed', reason='x' * 999, call=b'{}')])"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in "ab"]
    threads = [
        Thread(target=lambda name=name: [file.write([letter(f"{name}-{n}")]) for n in range(40)]) for name in "cd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    assert sorted(ids(file)) == sorted(f"{name}-{n}" for name in "abcd" for n in range(40))
    assert file.torn == 0


# Reading -------------------------------------------------------------------------------------------------------------


def test_of_several_letters_of_a_message_the_last_counts(file):
    file.write([letter("m1"), letter("m2"), letter("m1", "refused again")])
    assert [(one.message_id, one.reason) for one in file] == [("m2", "refused"), ("m1", "refused again")]


def test_letters_without_an_id_are_told_apart_by_what_they_say(file):
    nameless = [Letter(message_id=None, outcome="rejected", reason=reason) for reason in "aba"]
    file.write(nameless)
    assert [one.reason for one in file] == ["b", "a"]


@pytest.mark.parametrize("cut", range(1, 200, 7))
def test_a_torn_last_line_is_left_out_and_told(file, path, caplog, cut):
    file.write([letter("m1"), letter("m2", "x" * 100)])
    path.write_bytes(path.read_bytes()[: -1 - cut])
    assert ids(file) == ["m1"]
    assert file.torn == 1
    assert "1 lines are cut short" in caplog.text
    file.write([letter("m3")])
    assert ids(Letters(path)) == ["m1", "m3"]
    assert file.retry(Box()).put == 2
    assert b'"torn"' in path.read_bytes()


def test_what_a_power_cut_left_as_zeros_is_no_line(file, path):
    file.write([letter("m1")])
    with path.open("ab") as end:
        end.write(bytes(4096))
    assert ids(file) == ["m1"]
    file.write([letter("m2")])
    assert ids(file) == ["m1", "m2"]


def test_an_editor_may_leave_its_marks(path):
    lines = [write(letter("m1")), b"", b"  " + write(letter("m2")) + b" "]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    file = DeadLetterFile(path)
    assert ids(file) == ["m1", "m2"]
    file.write([letter("m3")])
    assert ids(file) == ["m1", "m2", "m3"]


def test_a_broken_line_is_told_by_its_number_and_nothing_moves(file, path):
    file.write([letter("m1"), letter("m2")])
    broken = path.read_bytes().replace(b'"userId": "u1"', b'"userId": "ann@example.com', 1)
    path.write_bytes(broken)
    box = Box()
    for use in (list, lambda file: file.retry(box)):
        with pytest.raises(ValidationError, match=rf"^dead_letters: line 1 of {path} is not JSON \(.*mend it") as told:
            use(file)
        assert "ann" not in str(told.value)
    assert path.read_bytes() == broken
    assert not box.calls


def test_many_letters_are_read_in_flat_memory(file):
    for start in range(0, 1_000, 500):
        file.write(letter(f"m{n}", traits={"text": "x" * 500}) for n in range(start, start + 500))
    import tracemalloc

    tracemalloc.start()
    assert sum(1 for _ in file) == 1_000
    assert tracemalloc.get_traced_memory()[1] < 400_000
    tracemalloc.stop()


# Putting back --------------------------------------------------------------------------------------------------------


def test_messages_are_put_back_as_they_were_and_the_file_is_gone(file, path, tmp_path):
    call = b'{"type":"identify","userId":"u1","traits":{"price":0.10000000000000000555},"messageId":"m1"}'
    file.write([Letter(message_id="m1", outcome="rejected", reason="refused", call=call), letter("m2")])
    with_journal = Journal(tmp_path / "outbox.db")
    assert file.retry(with_journal.append) == Retried(put=2)
    assert with_journal.read(0, 1_000_000)[0].calls[0] == call
    with_journal.close()
    assert not path.exists()
    assert list(file) == []


def test_what_is_not_meant_stays_as_it_is(file, path):
    file.write([letter("m1"), letter("m2", "no such person"), letter("m3")])
    _, second, _ = path.read_bytes().splitlines()
    path.write_bytes(path.read_bytes().replace(second, second[:-1] + b',"note":"ask sales"}'))
    box = Box()
    assert file.retry(box, wanted=lambda one: one.reason == "refused") == Retried(put=2, passed=1)
    assert box.ids == ["m1", "m3"]
    assert path.read_bytes() == second[:-1] + b',"note":"ask sales"}\n'


def test_a_message_that_is_still_not_fit_stays_with_the_reason(file):
    file.write([letter("m1", userId=""), letter("m2", traits={"text": "x" * 99})])
    back = file.retry(Box(), limits=Limits(call_bytes=100))
    assert back.put == 0
    assert [one.reason for one in file] == list(back.kept)
    assert [reason.split(":")[0] for reason in back.kept] == ["userId", "message"]
    assert ids(file) == ["m1", "m2"]


def test_an_edited_message_goes_under_its_old_id(file, path):
    file.write([letter("m1", userId="")])
    line = json.loads(path.read_bytes())
    line["message"]["userId"] = "u7"
    del line["message"]["messageId"]
    path.write_text(json.dumps(line))
    box = Box()
    assert file.retry(box).put == 1
    assert box.calls == [{"type": "track", "userId": "u7", "event": "Looked", "messageId": "m1"}]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda line: None, "redacted"),
        (lambda line: line.pop("redacted"), "redacted"),
        (lambda line: line["message"].update(userId="u1"), "redacted"),
        (lambda line: line.pop("message"), "not in the file"),
        (
            lambda line: (line.pop("messageId"), line.pop("redacted"), line.update(message={"type": "page"})),
            "messageId",
        ),
    ],
)
def test_what_cannot_be_put_back_as_it_is_stays_and_is_told(path, edit, words):
    file = DeadLetterFile(path, redact=["userId"])
    file.write([letter("m1")])
    line = json.loads(path.read_bytes())
    edit(line)
    path.write_text(json.dumps(line) + "\n")
    kept = path.read_bytes()
    box = Box()
    (reason,) = file.retry(box).kept
    assert words in reason
    assert not box.calls
    assert path.read_bytes() == kept


def test_a_redacted_message_goes_when_it_was_completed(path):
    file = DeadLetterFile(path, redact=["userId"])
    file.write([letter("m1")])
    line = json.loads(path.read_bytes())
    del line["redacted"]
    line["message"]["userId"] = "u1"
    path.write_text(json.dumps(line) + "\n")
    assert file.retry(Box()).put == 1


def test_a_full_outbox_gets_what_it_takes_and_the_rest_stays(file):
    file.write(letter(f"m{n}", traits={"text": "x" * 30_000}) for n in range(50))
    box = Box(most=40)
    back = file.retry(box)
    assert 0 < back.put == len(box.calls) < 40
    assert back.kept == {"the outbox is full": 50 - back.put}
    assert box.ids + ids(file) == [f"m{n}" for n in range(50)]


def test_an_interrupted_retry_is_taken_up(file, path):
    file.write(letter(f"m{n}", traits={"text": "x" * 30_000}) for n in range(50))
    box = Box(fails_at=1)
    with pytest.raises(KeyboardInterrupt):
        file.retry(box)
    assert not path.exists()
    assert len(list(file)) == 50
    file.write([letter("new"), letter("m49", "refused again")])
    box.fails_at = None
    assert file.retry(box) == Retried(put=51)
    assert set(box.ids) == {"new", *(f"m{n}" for n in range(50))}
    assert list(file) == []


def test_a_retry_that_cannot_write_what_stays_loses_nothing(file, path):
    file.write([letter("m1"), letter("m2")])
    size = path.stat().st_size
    with little_room(path, -size + 10), pytest.raises(OSError, match="too large"):
        file.retry(Box(), wanted=lambda one: False)
    assert ids(file) == ["m1", "m2"]
    assert file.retry(Box()).put == 2


def test_letters_that_come_meanwhile_stay(file):
    file.write([letter("m1")])
    assert file.retry(lambda calls: DeadLetterFile(file.path).write([letter("m1", "refused again"), letter("m2")]))
    assert [(one.message_id, one.reason) for one in file] == [("m1", "refused again"), ("m2", "refused")]


def test_two_retries_do_not_meet(file, path):
    file.write([letter("m1")])

    def put(calls):
        with pytest.raises(OutboxError, match="being put back already"):
            DeadLetterFile(path).retry(Box())

    assert file.retry(put).put == 1


def test_no_lock_is_held_when_nothing_is_done(file, path):
    file.write([letter("m1")])
    file.retry(Box())
    lock = LockFile(f"{path}-lock")
    assert lock.take()
    lock.close()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_after_any_writes_and_retries_each_message_is_in_the_file_or_put(tmp_path_factory, steps):
    file = DeadLetterFile(tmp_path_factory.mktemp("steps") / "dead.jsonl")
    written, box = set(), Box()
    for number, retries in steps:
        if retries:
            file.retry(box, wanted=lambda one, number=number: one.message_id != f"m{number}")
        else:
            file.write([letter(f"m{number}")])
            written.add(f"m{number}")
    assert set(box.ids) | set(ids(file)) == written
    assert len(ids(file)) == len(set(ids(file)))


def test_the_letters_of_an_outbox_are_beside_it(tmp_path):
    assert beside(tmp_path / "outbox.db") == tmp_path / "outbox.db.dead.jsonl"
