"""The page while thousands of calls a second come, and while the sandbox goes away and comes back."""

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import orjson
import pytest
from playwright.sync_api import Page, expect
from traffic import EVENTS

from cio_facade import CustomerIO
from cio_facade.sandbox import Sandbox

_A_SECOND = 20_000
_SECONDS = 3
_EACH = 500


@contextmanager
def running(database: Path, port: int = 0, ending: signal.Signals = signal.SIGTERM):
    """A sandbox in a process of its own, as the command line starts it."""
    command = [
        sys.executable,
        "-c",
        "from cio_facade.cli import main; main()",
        "sandbox",
        "--db",
        str(database),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(ending)
        process.communicate(timeout=20)


def home_of(url: str) -> str:
    return url.removesuffix("v1")


def rows(page: Page):
    return page.get_by_role("table", name="Calls").get_by_role("row").filter(has=page.get_by_role("link", name="Call "))


def numbers(page: Page) -> list[int]:
    """The numbers of the calls that the page lists."""
    links = page.get_by_role("table", name="Calls").get_by_role("link", name="Call ")
    return [
        int(path.rpartition("/")[2]) for path in links.evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    ]


def flood(url: str, requests: int) -> None:
    """As many calls as make twenty thousand a second, or as many as are taken."""
    begin = time.monotonic()
    with httpx.Client(auth=("key", ""), headers={"X-Strict-Mode": "1"}, timeout=60) as client:
        for number in range(requests):
            calls = (
                {
                    "type": "track",
                    "userId": f"u{n % 97}",
                    "event": EVENTS[n % len(EVENTS)],
                    "messageId": f"{number}-{n}",
                }
                for n in range(_EACH)
            )
            assert client.post(f"{url}/batch", content=orjson.dumps({"batch": list(calls)})).status_code == 200
            time.sleep(max(0.0, begin + (number + 1) * _EACH / _A_SECOND - time.monotonic()))


def test_the_page_answers_while_thousands_of_calls_a_second_come(visit, tmp_path):
    requests = _A_SECOND * _SECONDS // _EACH
    with running(tmp_path / "sandbox.db") as url:
        page = visit(home=home_of(url))
        # The longest time in which the page could not have answered anybody.
        page.evaluate(
            "window.longest = 0; new PerformanceObserver((list) => { for (const task of list.getEntries())"
            " window.longest = Math.max(window.longest, task.duration) }).observe({ entryTypes: ['longtask'] })"
        )
        sender = Thread(target=flood, args=(url, requests))
        sender.start()
        expect(page.get_by_text(re.compile(r"\d\d\d calls a second"))).to_be_visible()
        while sender.is_alive():
            page.get_by_role("button", name="Keys").click(timeout=5_000)
            expect(page.get_by_role("dialog")).to_be_visible(timeout=5_000)
            page.get_by_role("button", name="Close").click(timeout=5_000)
            expect(page.get_by_role("dialog")).to_be_hidden(timeout=5_000)
            assert rows(page).count() <= 200
        sender.join()
        told = f"{requests * _EACH:,}".replace(",", "\u202f")
        expect(page.get_by_label("Totals")).to_contain_text(f"accepted{told}")
        assert numbers(page)[0] == requests * _EACH
        assert page.evaluate("window.longest") < 1_000
        # A call that is somewhere in the middle is found, and shown.
        page.get_by_label("Event").fill("Quiz Passed")
        page.get_by_role("button", name="Filter").click()
        expect(rows(page)).to_have_count(100)
        page.goto("about:blank")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_missing_or_doubled_when_the_sandbox_was_away(visit, watches, tmp_path, ending):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = tmp_path / "sandbox.db"
    with running(database, port, ending) as url:
        page = visit(home=home_of(url))
        page.evaluate("window.opened = 'once'")
        with CustomerIO("key", base_url=url) as cio:
            for number in range(5):
                cio.track("u1", f"Before {number}")
        expect(rows(page)).to_have_count(5)
        watches[0].forgive("net::ERR|htmx:sse:error")  # as browser and htmx say that nobody answers
    expect(page.get_by_text("does not answer")).to_be_visible()
    with Sandbox(database) as sandbox, CustomerIO("key", base_url=sandbox.url) as cio:
        cio.track("u1", "While nobody could look")
    with running(database, port, ending) as url, CustomerIO("key", base_url=url) as cio:
        for number in range(5):
            cio.track("u1", f"After {number}")
        expect(rows(page)).to_have_count(11)
        cio.track("u1", "The last")
        expect(rows(page)).to_have_count(12)
        assert numbers(page) == list(range(12, 0, -1))
        expect(page.get_by_label("Totals")).to_contain_text("accepted12")
        assert page.evaluate("window.opened") == "once"
        page.goto("about:blank")
