"""The outbox where processes fork, end, freeze and are killed: real ones, over a real socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from server import Reply, ScriptedServer
from table import KEY

from cio_facade.journal import Journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

_PRELUDE = """
import multiprocessing, os, signal, sys, threading, time, warnings
from cio_facade import AsyncCustomerIO, AsyncOutbox, CustomerIO, Outbox, Retry, messages

PATH = sys.argv[1] if sys.argv[1:] else None
RETRY = Retry(base=0.01, cap=0.05, budget=1)

def opened(**settings):
    return Outbox(CustomerIO.from_env(retry=RETRY), PATH, **{"flush_interval": 0.05, **settings})

def message(name):
    return messages.track("u1", "Seen", message_id=str(name))

def put(outbox, name, number):
    for n in range(number):
        outbox.put(message(f"{name}-{n}"))

"""

PLACES = pytest.mark.parametrize("place", ["memory", "file"])
DOWN = "http://127.0.0.1:9/v1"


class Script:
    """Runs Python on a piece of code that makes outboxes."""

    def __init__(self, stack: ExitStack, folder: Path, place: str) -> None:
        self._stack, self._folder = stack, folder
        self.path = folder / "outbox" if place == "file" else None

    def start(self, code: str, url: str, *, python: str = sys.executable, **env: str) -> subprocess.Popen[str]:
        """Start it; nothing survives the test."""
        number = len(list(self._folder.glob("script*.py")))
        script = self._folder / f"script{number}.py"
        script.write_text(_PRELUDE + textwrap.dedent(code))
        process = subprocess.Popen(
            [python, str(script), *([str(self.path)] if self.path else [])],
            env={**os.environ, "CIO_API_KEY": KEY, "CIO_BASE_URL": url, "CIO_REGION": "", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._stack.callback(_ended, process)
        return process

    def run(self, code: str, url: str, **more: Any) -> str:
        """Start it, and give what it printed until it ended."""
        output, _ = self.start(code, url, **more).communicate(timeout=25)
        return output

    def pending(self) -> int:
        """How many messages are in the file."""
        assert self.path is not None
        journal = Journal(self.path)
        try:
            return journal.totals().pending
        finally:
            journal.close()


def _ended(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its children too
    process.communicate(timeout=10)


@pytest.fixture
def place() -> str:
    """In memory, unless the test says otherwise."""
    return "memory"


@pytest.fixture
def script(tmp_path: Path, place: str) -> Iterator[Script]:
    """Runs code."""
    with ExitStack() as stack:
        yield Script(stack, tmp_path, place)


def arrived(server: ScriptedServer) -> Counter[str]:
    """How often each message came."""
    return Counter(call["messageId"] for call in server.calls)


def names(name: str, number: int) -> set[str]:
    """The ids that `put` gives."""
    return {f"{name}-{n}" for n in range(number)}


def eventually(true: Callable[[], Any], seconds: float = 15) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.01)


# The end of the interpreter ------------------------------------------------------------------------------------------

ENDINGS = {
    "the end of the script": "",
    "sys.exit": "sys.exit(0)",
    "an exception": "raise LookupError",
    "a thread that goes on putting": """
threading.Thread(target=lambda: [put(outbox, f"late{n}", 1) for n in range(10**6)], daemon=True).start()
""",
    "another outbox that was never used": "Outbox(CustomerIO('key'))",
}


@PLACES
@pytest.mark.parametrize("ending", list(ENDINGS))
def test_what_was_put_is_delivered_when_the_interpreter_ends(place: str, ending: str, script: Script) -> None:
    code = "outbox = opened(flush_interval=60)\nput(outbox, 'm', 20)\n" + ENDINGS[ending]
    with ScriptedServer() as server:
        output = script.run(code, server.url)
        seen = arrived(server)
    assert names("m", 20) <= set(seen), output
    assert set(seen.values()) == {1}
    assert "UndeliveredWarning" not in output


@PLACES
def test_a_server_that_is_down_does_not_hold_up_the_end(place: str, script: Script) -> None:
    begun = time.monotonic()
    output = script.run("outbox = opened(exit_timeout=0.3)\nput(outbox, 'm', 20)", DOWN)
    assert time.monotonic() - begun < 10
    if place == "file":
        assert "UndeliveredWarning" not in output
        assert script.pending() == 20
    else:
        assert "UndeliveredWarning: 20 messages were not delivered before the interpreter ended: m-0, m-1, " in output
        assert "and others" in output
        assert "m-10" not in output


def test_warnings_as_errors_keep_no_other_outbox_from_its_end(script: Script) -> None:
    code = """
        warnings.simplefilter("error")
        bad = Outbox(CustomerIO("key", base_url="http://127.0.0.1:9", retry=RETRY), exit_timeout=0.1)
        good = opened(flush_interval=60)
        other = Outbox(CustomerIO("key", base_url="http://127.0.0.1:9", retry=RETRY), exit_timeout=0.1)
        for outbox in (bad, good, other):
            put(outbox, "m", 3)
    """
    with ScriptedServer() as server:
        output = script.run(code, server.url)
        assert set(arrived(server)) == names("m", 3), output
    assert "UndeliveredWarning" in output


def test_only_what_was_not_delivered_is_named(script: Script) -> None:
    code = """
        outbox = opened(exit_timeout=0.1, max_messages=1, on_full="drop_newest")
        print(outbox.put(message("kept")), outbox.put(message("dropped")))
    """
    output = script.run(code, DOWN)
    assert "1 messages were not delivered before the interpreter ended: kept" in output
    assert "dropped" not in output


@pytest.mark.parametrize("ending", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
@pytest.mark.parametrize("place", ["file"])
def test_no_end_at_all_loses_nothing_of_a_file(place: str, ending: str, script: Script) -> None:
    script.run(f"outbox = opened()\nput(outbox, 'm', 20)\n{ending}", DOWN)
    with ScriptedServer() as server:
        output = script.run("outbox = opened()\nprint(outbox.flush(10).delivered)", server.url)
        assert output.splitlines()[-1] == "20"
        assert arrived(server) == dict.fromkeys(names("m", 20), 1)


def test_an_outbox_that_was_never_used_leaves_its_file_closed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        script = Script(stack, tmp_path, "file")
        script.run("outbox = opened()", DOWN)
        assert "False" in script.run("outbox = opened()\nprint(outbox.opening.unclean)", DOWN)


@PLACES
def test_the_async_one_says_what_a_loop_that_ended_left_behind(place: str, script: Script) -> None:
    code = """
        import asyncio
        async def main():
            outbox = AsyncOutbox(AsyncCustomerIO.from_env(), PATH, flush_interval=60)
            await outbox.put(message("m-0"))
        asyncio.run(main())
    """
    with ScriptedServer() as server:
        output = script.run(code, server.url)
    if place == "file":
        assert "UndeliveredWarning" not in output
        assert script.pending() == 1
    else:
        assert "UndeliveredWarning: 1 messages were not delivered before the interpreter ended: m-0" in output


# Forks ---------------------------------------------------------------------------------------------------------------

FORKS = {
    "os.fork": """
        pids = []
        for child in range(3):
            if not (pid := os.fork()):
                put(outbox, f"child{child}", 5)
                begun = time.monotonic()
                outbox.flush(20)
                os._exit(0 if time.monotonic() - begun < 15 else 1)
            pids.append(pid)
        put(outbox, "after", 5)
        print([os.waitpid(pid, 0)[1] for pid in pids])
    """,
    "os.fork with an orderly end": """
        pids = []
        for child in range(3):
            if not (pid := os.fork()):
                put(outbox, f"child{child}", 5)
                sys.exit(0)
            pids.append(pid)
        put(outbox, "after", 5)
        print([os.waitpid(pid, 0)[1] for pid in pids])
    """,
    "multiprocessing": """
        def work(child):
            put(outbox, f"child{child}", 5)
        children = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range(3)]
        for child in children: child.start()
        put(outbox, "after", 5)
        for child in children: child.join()
        print([child.exitcode for child in children])
    """,
    "executor": """
        from concurrent.futures import ProcessPoolExecutor
        def work(child):
            put(outbox, f"child{child}", 5)
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            for _ in pool.map(work, range(3)): pass
        put(outbox, "after", 5)
        print([0, 0, 0])
    """,
}


@PLACES
@pytest.mark.parametrize("way", list(FORKS))
def test_a_fork_sends_nothing_twice_and_loses_nothing(place: str, way: str, script: Script) -> None:
    code = "outbox = opened(flush_interval=0.3)\nput(outbox, 'before', 5)\n" + textwrap.dedent(FORKS[way])
    with ScriptedServer() as server:
        output = script.run(code, server.url)
        seen = arrived(server)
    assert output.splitlines()[-1] == "[0, 0, 0]", output
    wanted = names("before", 5) | names("after", 5) | {name for n in range(3) for name in names(f"child{n}", 5)}
    assert seen == dict.fromkeys(wanted, 1), output


@PLACES
def test_workers_of_a_preloaded_parent_that_never_puts(place: str, script: Script) -> None:
    code = """
        outbox = opened()
        pids = []
        for child in range(3):
            if not (pid := os.fork()):
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                put(outbox, f"child{child}", 10)
                os.write(1, b"put\\n")  # whole, whatever the others write meanwhile
                while True:
                    time.sleep(0.05)
            pids.append(pid)
        sys.stdin.read()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        print([os.waitpid(pid, 0)[1] for pid in pids])
    """
    with ScriptedServer() as server:
        process = script.start(code, server.url)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["put\n"] * 3
        output, _ = process.communicate(timeout=20)
        assert output.splitlines()[-1] == "[0, 0, 0]", output
        assert arrived(server) == dict.fromkeys({name for n in range(3) for name in names(f"child{n}", 10)}, 1)


@PLACES
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_children_that_are_no_forks_make_their_own(place: str, method: str, script: Script) -> None:
    code = f"""
        def work(child):
            outbox = opened(flush_interval=60)
            put(outbox, f"child{{child}}", 5)
        if __name__ == "__main__":
            outbox = opened()
            put(outbox, "before", 5)
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work, args=(n,)) for n in range(2)]
            for child in children: child.start()
            for child in children: child.join()
            print([child.exitcode for child in children])
    """
    with ScriptedServer() as server:
        output = script.run(code, server.url)
        assert output.splitlines()[-1] == "[0, 0]", output
        wanted = names("before", 5) | names("child0", 5) | names("child1", 5)
        assert arrived(server) == dict.fromkeys(wanted, 1), output


@PLACES
def test_forks_while_other_threads_put_and_flush(place: str, script: Script) -> None:
    code = """
        outbox = opened(flush_interval=0.01, durability="relaxed")
        enough, acknowledged = threading.Event(), []
        def go_on(thread):
            n = 0
            while not enough.is_set():
                outbox.put(message(f"parent{thread}-{n}"))
                acknowledged.append(1)
                n += 1
                time.sleep(0.002)
        def flush():
            while not enough.is_set():
                outbox.flush(0.05)
        threads = [threading.Thread(target=go_on, args=(n,)) for n in range(3)] + [threading.Thread(target=flush)]
        for thread in threads: thread.start()
        codes = []
        for child in range(25):
            if not (pid := os.fork()):
                signal.alarm(15)
                outbox.put(message(f"child-{child}"))
                report = outbox.flush(10)
                os._exit(1 if report.pending and PATH is None else 0)
            codes.append(os.waitpid(pid, 0)[1])
        enough.set()
        for thread in threads: thread.join()
        print(outbox.close(15).pending)
        print(set(codes), len(acknowledged))
    """
    with ScriptedServer() as server:
        output = script.run(code, server.url)
        left, last = output.splitlines()[-2:]
        assert (left, last.rpartition(" ")[0]) == ("0", "{0}"), output
        seen = arrived(server)
        assert set(seen.values()) == {1}
        assert names("child", 25) <= set(seen)
        assert len(seen) == int(last.rpartition(" ")[2]) + 25


# Several on one file -------------------------------------------------------------------------------------------------

_WORKER = """
    outbox = opened()
    for line in sys.stdin:
        what, name, number = line.split()
        if what == "put":
            put(outbox, name, int(number))
            print("put", flush=True)
        else:
            begun = time.monotonic()
            outbox.flush(float(number))
            print("in time" if time.monotonic() - begun < float(number) else "too late", flush=True)
"""


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("place", ["file"])
def test_one_of_three_delivers_and_when_it_is_killed_another_does(place: str, script: Script) -> None:
    with ScriptedServer() as server:
        workers = [script.start(_WORKER, server.url) for _ in range(3)]
        for number, worker in enumerate(workers):
            _tell(worker, f"put w{number} 10")
            assert _told(worker) == "put"
        for number, worker in enumerate(workers):
            _tell(worker, "flush - 10")
            assert _told(worker) == "in time"
            assert names(f"w{number}", 10) <= set(arrived(server))
        assert arrived(server) == dict.fromkeys({name for n in range(3) for name in names(f"w{n}", 10)}, 1)

        server.replies(rest=Reply(hold=True))
        _tell(workers[0], "put x 5")
        assert _told(workers[0]) == "put"
        workers[0].kill()  # the one who began first is the one who delivers
        server.release()
        for number, worker in enumerate(workers[1:]):
            _tell(worker, f"put y{number} 5")
            assert _told(worker) == "put"
        for worker in workers[1:]:
            _tell(worker, "flush - 10")
        assert [_told(worker) for worker in workers[1:]] == ["in time"] * 2
        seen = arrived(server)
        assert names("x", 5) | names("y0", 5) | names("y1", 5) <= set(seen)
        assert {name for name, times in seen.items() if times > 1} <= names("x", 5)


_FLUSHING = {
    "threads": """
        outbox = opened()
        outbox.put(message("other"))
        begun = time.process_time()
        outbox.flush(1)
    """,
    "asyncio": """
        import asyncio
        async def main():
            global begun
            async with AsyncOutbox(AsyncCustomerIO.from_env(), PATH, flush_interval=0.05) as outbox:
                await outbox.put(message("other"))
                begun = time.process_time()
                await outbox.flush(1)
                print(time.process_time() - begun, flush=True)
                os._exit(0)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("kind", list(_FLUSHING))
@pytest.mark.parametrize("place", ["file"])
def test_to_wait_for_another_process_to_deliver_takes_no_processor(place: str, kind: str, script: Script) -> None:
    """Two threads, or tasks, that wake each other have all of it, and those who deliver have none."""
    with ScriptedServer(rest=Reply(hold=True)) as server:
        leader = script.start(_WORKER, server.url)
        _tell(leader, "put m 1")
        assert _told(leader) == "put"
        server.wait_for(1)
        code = textwrap.dedent(_FLUSHING[kind])
        output = script.run(f"{code}print(time.process_time() - begun, flush=True)\nos._exit(0)", server.url)
        assert float(output) < 0.5


# Frozen --------------------------------------------------------------------------------------------------------------


@PLACES
def test_a_process_that_was_frozen_delivers_when_it_is_thawed(place: str, script: Script) -> None:
    """As a function in a cloud: put and flush in a handler, then nothing runs till the next call."""
    with ScriptedServer(rest=Reply(close=True)) as server:
        worker = script.start(_WORKER, server.url)
        for turn in range(3):
            os.kill(worker.pid, signal.SIGCONT)
            _tell(worker, f"put t{turn} 5")
            assert _told(worker) == "put"
            _tell(worker, "flush - 10")
            assert _told(worker) == "in time"
            os.kill(worker.pid, signal.SIGSTOP)
        assert {name for n in range(3) for name in names(f"t{n}", 5)} == set(arrived(server))


def test_ctrl_c_ends_a_put_that_waits_for_room(script: Script) -> None:
    code = """
        signal.signal(signal.SIGINT, signal.default_int_handler)
        outbox = opened(max_messages=2, exit_timeout=0.1)
        put(outbox, "m", 2)
        print("full", flush=True)
        try:
            outbox.put(message("late"))
        except KeyboardInterrupt:
            print("interrupted", outbox.account.pending, outbox.account.balanced, flush=True)
    """
    with ScriptedServer(rest=Reply(hold=True)) as server:
        process = script.start(code, server.url)
        assert _told(process) == "full"
        server.wait_for(1)
        process.send_signal(signal.SIGINT)
        assert _told(process) == "interrupted 2 True"
        output, _ = process.communicate(timeout=10)
        assert "2 messages were not delivered" in output
