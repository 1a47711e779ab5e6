"""docs/how-to/gunicorn.md: nothing that was answered is lost, however workers are replaced, ended and killed."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from projects import LIMIT, done, environment, free_port, made, running, said, until

from cio_facade.glance import glance

pytest.importorskip("gunicorn", reason="needs gunicorn: the extra [frameworks]")

_PAGE = "gunicorn.md"
_BEGUN = r"(?s)Booting worker.*Booting worker"


class Crowd:
    """People who ask without a pause, each time under another name; who was answered is known."""

    def __init__(self, at: str) -> None:
        self.answered = set[str]()
        self._browser = httpx.Client(base_url=f"http://{at}", timeout=LIMIT)
        self._enough = threading.Event()
        self._people = ThreadPoolExecutor(4)
        self._done = [self._people.submit(self._ask, one) for one in range(4)]

    def goes(self) -> None:
        self._enough.set()
        for one in self._done:
            one.result(LIMIT)
        self._people.shutdown()
        self._browser.close()

    def waits_for_more(self, number: int = 60) -> None:
        already = len(self.answered)
        until(lambda: len(self.answered) >= already + number)

    def _ask(self, one: int) -> None:
        number = 0
        while not self._enough.is_set():
            number += 1
            try:
                answer = self._browser.get("/", params={"user": f"u{one}-{number}"})
            except httpx.TransportError:  # the worker was killed: nobody was promised anything
                continue
            if answer.status_code == 200:
                self.answered.add(answer.text)


def _workers(folder: Path) -> list[int]:
    booted = re.findall(r"Booting worker with pid: (\d+)", said(folder))
    ended = set(re.findall(r"Worker exiting \(pid: (\d+)\)", said(folder)))
    return [int(pid) for pid in booted if pid not in ended and _lives(int(pid))]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _hup(server: int, folder: Path) -> None:
    before = _workers(folder)
    os.kill(server, signal.SIGHUP)
    until(lambda: len(_workers(folder)) == 2 and not set(before) & set(_workers(folder)), lambda: said(folder))


def _kill_a_worker(_server: int, folder: Path) -> None:
    before = _workers(folder)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(_workers(folder)) - set(before)) == 1, lambda: said(folder))


def _nothing(_server: int, _folder: Path) -> None:
    pass


def _served(
    folder: Path,
    variables: dict[str, str],
    options: list[str],
    happens: Callable[[int, Path], None],
    end: signal.Signals,
) -> set[str]:
    """Serve a crowd while something happens, and end the server; gives who was answered."""
    at = f"127.0.0.1:{free_port()}"
    command = ["gunicorn", "--bind", at, *options, "shop.wsgi"]
    with running(command, folder, variables, _BEGUN) as process:
        crowd = Crowd(at)
        try:
            crowd.waits_for_more()
            for _ in range(2):
                happens(process.pid, folder)
                crowd.waits_for_more()
        finally:
            crowd.goes()
        process.send_signal(end)
        process.wait(LIMIT)
    return crowd.answered


@pytest.mark.cio_sandbox(rate=False)
@pytest.mark.parametrize(
    ("options", "happens", "end"),
    [
        pytest.param([], _hup, signal.SIGTERM, id="preload-hup"),
        pytest.param(["--threads", "4"], _kill_a_worker, signal.SIGTERM, id="threads-killed"),
        pytest.param(
            ["--max-requests", "25", "--max-requests-jitter", "5"], _nothing, signal.SIGTERM, id="max-requests"
        ),
        pytest.param([], _nothing, signal.SIGINT, id="int"),
    ],
)
def test_all_that_was_answered_is_delivered(tmp_path, cio_sandbox, options, happens, end):
    folder = made(_PAGE, tmp_path)
    variables = environment(cio_sandbox.environment, folder)
    answered = _served(folder, variables, options, happens, end)
    if glance(str(folder / "outbox.db")).totals.pending:  # for whoever opens it next
        done(["cio-facade", "outbox", "drain", "outbox.db"], folder, variables)
    delivered = [call["userId"] for call in cio_sandbox.calls("track")]
    assert answered <= set(delivered), said(folder)
    cio_sandbox.assert_nothing_refused()


@pytest.mark.cio_sandbox(rate=False)
@pytest.mark.parametrize("hooks", ["as the page has them", "none"])
def test_an_outbox_in_memory_delivers_before_its_worker_ends(tmp_path, cio_sandbox, hooks):
    folder = made(_PAGE, tmp_path)
    wsgi = folder / "shop" / "wsgi.py"
    wsgi.write_text(wsgi.read_text("utf-8").replace('"outbox.db"', "flush_interval=60"), encoding="utf-8")
    if hooks == "none":
        settings = folder / "gunicorn.conf.py"
        settings.write_text(settings.read_text("utf-8").partition("def ")[0], encoding="utf-8")
    answered = _served(folder, environment(cio_sandbox.environment, folder), [], _hup, signal.SIGTERM)
    delivered = [call["userId"] for call in cio_sandbox.calls("track")]
    assert answered <= set(delivered), said(folder)
    assert len(delivered) == len(set(delivered))
