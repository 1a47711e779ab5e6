import re
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.storage import Storage

ACCOUNT = re.compile(r"accepted (\d+) = delivered (\d+) \+ rejected (\d+) \+ failed (\d+) \+ pending (\d+)")


def people(sandbox: Sandbox) -> set[str]:
    return {call["userId"] for call in sandbox.calls() if call["type"] in ("identify", "group")}


def deleted(sandbox: Sandbox) -> set[str]:
    return {call["userId"] for call in sandbox.calls(event="User Deleted")}


@pytest.fixture(scope="module")
def demo(run) -> "subprocess.CompletedProcess[str]":
    """The demo, run where no settings are needed and those there are lead nowhere."""
    return run("demo", CIO_API_KEY="not used", CIO_BASE_URL="http://127.0.0.1:9/v1")


def test_demo_ends_well_and_its_account_balances(demo):
    assert demo.returncode == 0, demo.stdout + demo.stderr
    accepted, delivered, rejected, failed, pending = map(int, ACCOUNT.search(demo.stdout).groups())
    assert accepted == delivered + rejected
    assert delivered > 3000
    assert rejected > 0
    assert failed == pending == 0
    assert f"{delivered} held, {delivered} delivered" in demo.stdout


def test_demo_says_what_was_refused_and_why_and_what_is_held(demo):
    lines = demo.stdout.splitlines()
    assert any("people.csv line 42" in line and "userId: is empty" in line for line in lines)
    assert any("devices.csv line 62" in line and "context.device.type" in line for line in lines)
    assert any(re.match(r"\s+1250  events 'Order Completed'", line) for line in lines)


def test_demo_writes_plain_lines_when_it_is_no_terminal(demo):
    assert "\x1b" not in demo.stdout
    assert "\r" not in demo.stdout


LOSING = textwrap.dedent("""
    import cio_facade.sandbox
    from cio_facade.cli import main

    class Losing(cio_facade.sandbox.Sandbox):
        def calls(self, *narrow):
            return super().calls(*narrow)[:-1]

    cio_facade.sandbox.Sandbox = Losing
    main()
""")


def test_demo_fails_when_the_sandbox_lost_a_call(one_line):
    done = subprocess.run([sys.executable, "-c", LOSING, "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    held, delivered = map(int, re.search(r"(\d+) held, (\d+) delivered", done.stdout).groups())
    assert held == delivered - 1
    assert one_line(done.stderr)


def test_live_demo_without_a_key_is_one_clear_line(run, one_line):
    done = run("demo", "--live")
    assert done.returncode == 2
    assert "CIO_API_KEY" in done.stderr
    assert one_line(done.stderr)
    assert not done.stdout


def test_live_demo_with_a_wrong_key_is_one_clear_line(run, sandbox, settings, one_line):
    done = run("demo", "--live", "--yes", **{**settings, "CIO_API_KEY": "wrong-secret"})
    assert done.returncode == 3
    assert one_line(done.stderr)
    assert "wrong-secret" not in done.stdout + done.stderr
    assert not sandbox.calls()


def test_live_demo_creates_little_and_deletes_it(run, sandbox, settings):
    done = run("demo", "--live", "--yes", **settings)
    assert done.returncode == 0, done.stderr
    assert 0 < len(people(sandbox)) < 20
    assert people(sandbox) == deleted(sandbox)
    assert all(name.startswith("cio-facade-demo-") for name in people(sandbox))
    groups = {call["groupId"] for call in sandbox.calls(type="group")}
    assert groups == {call["properties"]["objectId"] for call in sandbox.calls(event="Object Deleted")}


def test_live_demo_says_where_and_what_before_it_asks(run, sandbox, settings):
    done = run("demo", "--live", stdin="n\n", **settings)
    assert sandbox.url in done.stdout
    assert "All ids begin with cio-facade-demo-" in done.stdout
    assert done.stdout.index("people") < done.stdout.index("Go ahead?")
    assert done.returncode == 1
    assert not sandbox.calls()


def test_live_demo_without_an_answer_does_nothing(run, sandbox, settings, one_line):
    done = run("demo", "--live", **settings)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "--yes" in done.stderr
    assert not sandbox.calls()


def test_live_demo_goes_ahead_after_a_yes(run, sandbox, settings):
    assert run("demo", "--live", stdin="y\n", **settings).returncode == 0
    assert people(sandbox) == deleted(sandbox) != set()


class Slow:
    """Keeps the first request waiting until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        record = Storage.record

        def later(*arguments):
            self.reached.set()
            self.go_on.wait(20)
            record(*arguments)

        monkeypatch.setattr(Storage, "record", later)


@pytest.fixture
def slow(monkeypatch) -> Slow:
    return Slow(monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_demo_deletes_after_a_signal(start, sandbox, settings, slow, number, one_line):
    demo = start("demo", "--live", "--yes", **settings)
    assert slow.reached.wait(20)
    demo.send_signal(number)
    assert any("Stopping" in line for line in demo.stderr)
    slow.go_on.set()
    out, err = demo.communicate(timeout=30)
    assert demo.returncode == 130, out + err
    assert one_line(err)
    assert people(sandbox) == deleted(sandbox) != set()
    assert not sandbox.calls(event="Order Completed")
