"""`cio-facade load` as it is installed, with real files and a real server."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

PEOPLE = "id,email,plan,zip\nu1,ann@example.com,pro,01234\n,ben@example.com,free,55555\nu3,cem@example.com,pro,99999\n"


@pytest.fixture
def shell(run, settings, tmp_path):
    """Run `cio-facade load` where there is a state of its own."""

    def call(*arguments, **variables):
        return run("load", *map(str, arguments), **{**settings, "CIO_STATE": str(tmp_path / "state"), **variables})

    return call


@pytest.fixture
def people(tmp_path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def test_a_file_is_loaded_and_what_was_rejected_is_mended(shell, sandbox, people, run, settings, tmp_path):
    done = shell(people, "--as", "identify")
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1] == "cio-facade: 1 row rejected"
    assert {call["userId"]: call["traits"]["zip"] for call in sandbox.calls()} == {"u1": "01234", "u3": "99999"}
    assert "          1  user_id is empty" in done.stdout

    line = next(line for line in done.stdout.splitlines() if line.startswith("to load them when they are mended: "))
    words = shlex.split(line.partition(": ")[2])
    rejected = Path(words[2])
    text = rejected.read_text()
    assert "user_id is empty" in text
    rejected.write_text(text.replace(",ben@", "u2,ben@"))
    again = run(*words[1:], **settings, CIO_STATE=str(tmp_path / "state"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert {call["userId"] for call in sandbox.calls()} == {"u1", "u2", "u3"}


def test_a_finished_load_says_so_and_sends_nothing(shell, sandbox, people):
    people.write_text("id,email\nu1,ann@example.com\n")
    assert shell(people, "--as", "identify").returncode == 0
    done = shell(people, "--as", "identify")
    assert done.returncode == 0, done.stderr
    assert "finished before; nothing was sent" in done.stdout
    assert len(sandbox.calls()) == 1
    assert shell(people, "--as", "identify", "--again").returncode == 0
    assert len(sandbox.calls()) == 2


def test_json(shell, people):
    done = shell(people, "--as", "identify", "--json")
    assert done.returncode == 3
    said = json.loads(done.stdout)
    assert (said["rows"], said["delivered"], said["rejected"], said["exit_code"]) == (3, 2, 1, 3)
    assert said["reasons"] == {"user_id is empty": 1}


def test_a_dry_run_without_a_key(shell, sandbox, people):
    done = shell(people, "--as", "identify", "--dry-run", CIO_API_KEY="")
    assert done.returncode == 3, done.stderr
    assert '"userId": "u1"' in done.stdout
    assert "  row 2        user_id is empty" in done.stdout
    assert not sandbox.calls()
    assert not list(people.parent.glob("*rejected*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv", "--as", "identify"], "nowhere.csv"),
        (["PEOPLE", "--as", "identfy"], "did you mean 'identify'?"),
        (["PEOPLE", "--as", "identify", "--map", "plna=traits.plan"], "did you mean 'plan'?"),
        (["PEOPLE", "--as", "Order Completed"], "email=properties.email"),
        (["PEOPLE", "--as", "delete"], "--yes"),
    ],
)
def test_refused_before_anything_is_sent(shell, sandbox, people, one_line, arguments, words):
    done = shell(*[str(people) if word == "PEOPLE" else word for word in arguments])
    assert done.returncode == 5, done.stderr
    assert words in done.stderr
    assert one_line(done.stderr)
    assert not sandbox.requests()


def test_a_wrong_key_leaves_all_to_be_done(shell, sandbox, people, one_line):
    done = shell(people, "--as", "identify", CIO_API_KEY="a-wrong-secret")
    assert done.returncode == 4
    assert "cio-facade doctor" in done.stderr
    assert "people.csv: not finished\n" in done.stdout
    assert "2 rows not delivered; the same command goes on with them" in done.stderr
    assert one_line(done.stderr)
    assert "a-wrong-secret" not in done.stdout + done.stderr


def test_nobody_is_there(shell, people, one_line):
    done = shell(people, "--as", "identify", "--timeout", "1", CIO_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 4
    assert "2 rows not delivered; the same command goes on with them" in done.stderr
    assert one_line(done.stderr)


def test_a_mapping_file_and_what_the_command_line_says_besides(shell, sandbox, people, tmp_path):
    (tmp_path / "map.yaml").write_text("map:\n  plan: traits.tier\n  zip:\n")
    done = shell(people, "--as", "identify", "--mapping", tmp_path / "map.yaml", "--map", "email=traits.mail")
    assert done.returncode == 3, done.stderr
    assert sandbox.calls()[0]["traits"] == {"mail": "ann@example.com", "tier": "pro"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_taken_up_again(start, shell, sandbox, settings, tmp_path, number):
    rows = 100_000
    path = tmp_path / "many.csv"
    path.write_text("id,plan\n" + "".join(f"u{row},pro\n" for row in range(rows)))
    environment = {**settings, "CIO_STATE": str(tmp_path / "state")}
    process = start("load", str(path), "--as", "identify", **environment)
    while sandbox.counts().accepted < rows // 10:  # so that answers have been noted, too
        assert process.poll() is None, process.communicate()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "cio-facade: interrupted; the same command goes on where it stopped"
    assert "  left  " in output
    done = shell(path, "--as", "identify", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["state"], said["delivered"]) == ("resumed", rows)
    assert said["earlier"] > 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 5)])
def test_deletion_is_asked_about_on_a_terminal(sandbox, settings, tmp_path, answer, code):
    path = tmp_path / "ids.csv"
    path.write_text("id\nu1\nu2\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "cio-facade", "load", path, "--as", "delete"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **settings, "CIO_STATE": str(tmp_path / "state"), "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(theirs)
    read = b""
    try:
        while b"Go ahead?" not in read:
            read += os.read(ours, 4096)
        assert f"delete up to 2 people at {sandbox.url}" in read.decode()
        assert not sandbox.requests()
        os.write(ours, f"{answer}\n".encode())
        with suppress(OSError):  # the other end is closed
            while True:
                read += os.read(ours, 4096)
    finally:
        process.kill()  # unless it has ended
        os.close(ours)
        ended = process.wait(60)
    said = read.decode()
    assert ended == code, said
    assert len(sandbox.calls()) == (2 if code == 0 else 0)
    assert ("audit log: " in said) is (code == 0)
