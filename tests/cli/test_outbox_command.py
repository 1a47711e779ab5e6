import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from cio_facade.deadletters import DeadLetterFile, Letter, Letters, beside
from cio_facade.journal import Journal

HOLDER = """
import sys
from cio_facade.journal import Journal
journal = Journal(sys.argv[1])
assert journal.lead()
journal.settle(journal.read(0, 1)[0].seqs[:1], "delivered")
journal.sync()
print("holds", flush=True)
sys.stdin.read()
"""


def call(number, **fields):
    return {"type": "track", "userId": f"u{number}", "event": "Looked", "messageId": f"m{number}", **fields}


def letter(number, reason="traits.email: is no address", **fields):
    data = json.dumps(call(number, **fields)).encode()
    return Letter(message_id=f"m{number}", outcome="rejected", reason=reason, said=(reason,), status=400, call=data)


@pytest.fixture
def path(tmp_path):
    """An outbox in which 5 messages wait, of 10."""
    path = tmp_path / "outbox.db"
    journal = Journal(path)
    seqs = journal.append([json.dumps(call(number)).encode() for number in range(10)])
    journal.settle(seqs[:4], "delivered")
    journal.settle(seqs[4:5], "failed")
    journal.close()
    return path


@pytest.fixture
def dead(path):
    """The dead letters of that outbox, with one in it that is redacted."""
    DeadLetterFile(beside(path), redact=["email"]).write(
        [letter(1), letter(2, traits={"email": "ann@example.com"}), letter(3, "event: is too odd")]
    )
    return beside(path)


@pytest.fixture
def holder(path):
    """Another process, which delivers from the outbox."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "holds\n"
        yield process
        process.communicate()


def waiting(path):
    journal = Journal(path)
    calls = [json.loads(each) for group in journal.read(0, 1_000_000) for each in group.calls]
    journal.close()
    return calls


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


# status --------------------------------------------------------------------------------------------------------------


def test_status_says_what_is_there(run, path, dead):
    done = run("outbox", "status", str(path))
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) == 2}
    assert told["waiting"].startswith("5 messages, ")
    assert ", the oldest for " in told["waiting"]
    assert (told["delivered"], told["rejected"], told["failed"]) == ("4", "0", "1")
    assert told["now"].startswith("nobody delivers; cio-facade outbox drain")
    assert told["dead"] == f"3 letters in {dead}"
    assert told["2"] == "traits.email: is no address"


def test_status_for_programs(run, path, dead):
    found = json.loads(run("outbox", "status", str(path), "--json").stdout)
    assert found["totals"]["pending"] == 5
    assert found["dead_letters"]["reasons"] == {"traits.email: is no address": 2, "event: is too odd": 1}


def test_status_sees_who_delivers_and_leaves_no_trace(run, path, holder):
    before = names(path.parent)
    assert "now        a process delivers" in run("outbox", "status", str(path)).stdout
    assert names(path.parent) == before


def test_status_makes_no_file(run, tmp_path, one_line):
    done = run("outbox", "status", str(tmp_path / "typo.db"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert one_line(done.stderr)
    assert names(tmp_path) == []


def test_status_of_another_file_is_one_line(run, tmp_path, one_line):
    (tmp_path / "notes.txt").write_text("buy milk")
    done = run("outbox", "status", str(tmp_path / "notes.txt"))
    assert done.returncode == 4
    assert "is no outbox" in done.stderr
    assert one_line(done.stderr)
    assert names(tmp_path) == ["notes.txt"]


def test_status_names_ten_reasons_and_counts_the_others(run, path):
    DeadLetterFile(beside(path)).write([letter(number, f"reason {number % 13}") for number in range(26)])
    lines = run("outbox", "status", str(path)).stdout.splitlines()
    assert sum("reason " in line for line in lines) == 10
    assert lines[-1].split() == ["6", "for", "other", "reasons"]


# dead ----------------------------------------------------------------------------------------------------------------


def test_dead_prints_the_letters_as_they_are_stored(run, path, dead):
    assert run("outbox", "dead", str(path)).stdout == dead.read_text()
    assert run("outbox", "dead", str(dead)).stdout == dead.read_text()
    assert run("outbox", "dead", str(path), "--limit", "1").stdout == dead.read_text().splitlines(keepends=True)[2]


def test_dead_counts_by_reason(run, path, dead):
    lines = run("outbox", "dead", str(path), "--reasons").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        ["2", "traits.email: is no address"],
        ["1", "event: is too odd"],
    ]


def test_dead_tells_the_line_that_is_broken(run, path, dead, one_line):
    dead.write_text(dead.read_text() + "{oh\n")
    done = run("outbox", "dead", str(path))
    assert done.returncode == 5
    assert "line 4" in done.stderr
    assert one_line(done.stderr)
    done = run("outbox", "status", str(path))
    assert done.returncode == 0
    assert "5 messages" in done.stdout
    assert "line 4" in done.stdout


def test_dead_tells_what_is_torn_and_prints_the_rest(run, path, dead):
    dead.write_bytes(dead.read_bytes()[:-20])
    done = run("outbox", "dead", str(path))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "1 line is cut short and left out\n"


def test_where_there_are_none_dead_says_nothing(run, path):
    done = run("outbox", "dead", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# retry ---------------------------------------------------------------------------------------------------------------


def test_retry_puts_back_what_can_be(run, path, dead):
    done = run("outbox", "retry", str(path))
    assert done.returncode == 4
    assert done.stdout.startswith(f"2 messages put back\nto send it: cio-facade outbox drain {path}\n")
    assert "personal data was redacted" in done.stdout
    assert done.stderr == f"cio-facade: not all were put back; {dead} has the rest\n"
    assert [each["messageId"] for each in waiting(path)][-2:] == ["m1", "m3"]
    assert [each.message_id for each in Letters(dead)] == ["m2"]
    assert stat.S_IMODE(dead.stat().st_mode) == 0o600


def test_retry_of_some(run, path, dead):
    assert run("outbox", "retry", str(path), "--reason", "odd").stdout.startswith("1 message put back, 2 not")
    assert run("outbox", "retry", str(path), "--id", "m1", "--id", "m9").stdout.startswith("1 message put back, 1 not")
    assert [each["messageId"] for each in waiting(path)][-2:] == ["m3", "m1"]
    assert [each.message_id for each in Letters(dead)] == ["m2"]


def test_retry_after_an_edit(run, path, dead):
    text = dead.read_text().replace("[redacted]", "ann@example.com").replace('"redacted":["traits.email"],', "")
    dead.write_text(text)
    done = run("outbox", "retry", str(path))
    assert done.returncode == 0, done.stderr
    assert waiting(path)[-2]["traits"] == {"email": "ann@example.com"}
    assert not dead.exists()


def test_retry_into_an_outbox_that_a_process_has(run, path, dead, holder):
    done = run("outbox", "retry", str(path), "--reason", "odd")
    assert done.returncode == 0, done.stderr
    assert "the process that has the outbox sends it" in done.stdout


def test_the_letters_of_an_outbox_in_memory_go_into_a_new_one(run, tmp_path):
    letters = DeadLetterFile(tmp_path / "letters.jsonl")
    letters.write([letter(1)])
    done = run("outbox", "retry", str(tmp_path / "new.db"), "--dead-letters", str(letters.path))
    assert done.returncode == 0, done.stderr
    assert [each["messageId"] for each in waiting(tmp_path / "new.db")] == ["m1"]


def test_retry_makes_no_file_for_a_mistyped_name(run, tmp_path, one_line):
    done = run("outbox", "retry", str(tmp_path / "typo.db"))
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert names(tmp_path) == []


def test_where_there_are_none_retry_puts_none(run, path):
    done = run("outbox", "retry", str(path))
    assert (done.returncode, done.stdout) == (0, "0 messages put back\n")


def test_help_says_which_exit_codes_there_are(run):
    assert "Exit codes: 0" in run("outbox").stdout
    for name in ("status", "drain", "dead", "retry"):
        assert run("outbox", name, "--help").returncode == 0


# drain ---------------------------------------------------------------------------------------------------------------


def test_drain_delivers_what_waits(run, path, sandbox, settings):
    done = run("outbox", "drain", str(path), **settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5 messages delivered, 0 rejected, 0 failed, 0 left\n"
    assert {each["messageId"] for each in sandbox.calls()} == {"m5", "m6", "m7", "m8", "m9"}
    assert waiting(path) == []
    assert run("outbox", "drain", str(path), **settings).stdout.startswith("0 messages delivered")


def test_drain_says_what_was_rejected(run, path, sandbox, settings):
    journal = Journal(path)
    journal.append([json.dumps(call(10, context={"active": "yes"})).encode()])
    journal.close()
    done = run("outbox", "drain", str(path), "--redact", "userId", **settings)
    assert done.returncode == 3
    assert done.stdout == "5 messages delivered, 1 rejected, 0 failed, 0 left\n"
    assert f"cio-facade outbox dead {path} says why" in done.stderr
    (letter,) = Letters(beside(path))
    assert (letter.message_id, letter.outcome, letter.status) == ("m10", "rejected", 400)
    assert "context.active" in letter.reason
    assert letter.said
    assert letter.redacted == ("userId",)
    assert b"u10" not in beside(path).read_bytes()


def test_what_was_put_back_is_delivered(run, path, dead, sandbox, settings):
    run("outbox", "retry", str(path))
    assert run("outbox", "drain", str(path), **settings).returncode == 0
    assert {"m1", "m3"} < {each["messageId"] for each in sandbox.calls()}


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"CIO_API_KEY": "wrong-secret"}, 4, "the API key was not accepted"),
        ({"CIO_BASE_URL": "http://127.0.0.1:9/v1"}, 4, "no answer"),
        ({"CIO_API_KEY": ""}, 2, "CIO_API_KEY"),
    ],
)
def test_drain_that_cannot_deliver_loses_nothing(run, path, settings, variables, code, words):
    done = run("outbox", "drain", str(path), "--timeout", "1.5", **{**settings, **variables})
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "wrong-secret" not in done.stderr
    assert len(waiting(path)) == 5


def test_drain_waits_for_the_process_that_has_the_outbox(run, path, holder, settings, sandbox):
    done = run("outbox", "drain", str(path), "--timeout", "0.2", **settings)
    assert done.returncode == 4
    assert "another process has the outbox" in done.stderr
    assert "4 left" in done.stdout
    assert not sandbox.calls()


RUNNING = """
import sys
from cio_facade import CustomerIO
from cio_facade.outbox import Outbox
with CustomerIO.from_env() as cio, Outbox(cio, sys.argv[1]) as outbox:
    outbox.flush(timeout=20)
    print("empty", flush=True)
    sys.stdin.read()
"""


def test_a_running_process_sends_what_is_put_back(run, path, dead, sandbox, settings):
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", RUNNING, path], stdin=pipe, stdout=pipe, text=True, env={**os.environ, **settings}
    ) as process:
        assert process.stdout.readline() == "empty\n"
        done = run("outbox", "retry", str(path), "--reason", "odd")
        assert "the process that has the outbox sends it" in done.stdout
        until = time.monotonic() + 20
        while "m3" not in {each["messageId"] for each in sandbox.calls()}:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.communicate()
    assert process.returncode == 0


# after an accident ---------------------------------------------------------------------------------------------------


def test_status_after_the_process_was_killed(run, path, holder):
    holder.kill()
    holder.wait()
    done = run("outbox", "status", str(path))
    assert "nobody delivers" in done.stdout
    assert "ended without closing it" in done.stdout


def test_status_of_a_damaged_file_says_what_happens_next(run, path, sandbox, settings):
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(4_000) + content[4_100:])
    done = run("outbox", "status", str(path))
    assert done.returncode == 0
    assert "whoever opens it next saves what can be read" in done.stdout
    drained = run("outbox", "drain", str(path), **settings)
    assert "it was damaged" in drained.stderr
    assert "an earlier file, kept as" in run("outbox", "status", str(path)).stdout


def test_ctrl_c_ends_drain_at_once_and_keeps_the_rest(start, path, holder, settings):
    process = start("outbox", "drain", str(path), **settings)
    assert "another process has the outbox" in process.stderr.readline()
    time.sleep(0.3)  # wherever it is then
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "cio-facade: interrupted"
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["status", "drain", "dead", "retry"])
def test_a_file_that_is_no_outbox_is_said_to_be_none_and_gets_nothing_beside_it(run, tmp_path, command):
    people = tmp_path / "people.csv"
    people.write_text("user_id,email\nu1,ann@example.com\n")
    done = run("outbox", command, str(people), CIO_API_KEY="key")
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr == (
        f"cio-facade: path: {people} is no outbox; it was left as it is. Give the outbox a file of its own\n"
    )
    assert [*tmp_path.iterdir()] == [people]
