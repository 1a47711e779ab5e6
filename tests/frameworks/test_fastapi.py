"""docs/how-to/fastapi.md: its test, and uvicorn with several workers that are ended and killed."""

from __future__ import annotations

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from documents import lines, words
from projects import LIMIT, done, environment, free_port, made, page, running, said, until

from cio_facade.glance import glance

pytest.importorskip("fastapi", reason="needs FastAPI: the extra [frameworks]")

_PAGE = "fastapi.md"
_NOT_OURS = "ignore:Using `httpx` with `starlette.testclient` is deprecated"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return made(_PAGE, tmp_path)


def _command(at: str) -> list[str]:
    """The page's own, at a free port."""
    (line,) = (line for line in lines(page(_PAGE)) if line.startswith("uvicorn"))
    return [*words(line), "--port", at.rpartition(":")[2]]


def _sign_up(browser: httpx.Client, number: int) -> str:
    answer = browser.post("/sign-up", json={"user_id": f"u{number}", "email": f"u{number}@example.com"}, timeout=LIMIT)
    return str(answer.raise_for_status().json()["user_id"])


def test_the_test_of_the_page_passes(shop):
    command = [
        "python",
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-W",
        _NOT_OURS,
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "test_main.py",
    ]
    assert "1 passed" in done(command, shop, environment({}, shop))


def test_all_that_was_answered_is_delivered_when_the_server_ends(shop, cio_sandbox):
    at = f"127.0.0.1:{free_port()}"
    ready = r"(?s)startup complete.*startup complete"
    with (
        running(_command(at), shop, environment(cio_sandbox.environment, shop), ready) as process,
        httpx.Client(base_url=f"http://{at}") as browser,
    ):
        with ThreadPoolExecutor(8) as people:
            told = set(people.map(lambda number: _sign_up(browser, number), range(200)))
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    assert glance(str(shop / "outbox.db")).totals.pending == 0, said(shop)
    assert {call["userId"] for call in cio_sandbox.calls("track")} == told
    cio_sandbox.assert_delivered(400)
    cio_sandbox.assert_nothing_refused()


def test_another_worker_delivers_when_one_is_killed(shop, cio_sandbox):
    at = f"127.0.0.1:{free_port()}"
    ready = r"(?s)startup complete.*startup complete"
    with (
        running(_command(at), shop, environment(cio_sandbox.environment, shop), ready) as process,
        httpx.Client(base_url=f"http://{at}") as browser,
    ):
        told = {_sign_up(browser, number) for number in range(50)}
        first = int(re.findall(r"Started server process \[(\d+)\]", said(shop))[0])
        os.kill(first, signal.SIGKILL)
        until(lambda: {call["userId"] for call in cio_sandbox.calls("track")} == told, lambda: said(shop))
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    cio_sandbox.assert_nothing_refused()
