"""The site of the documentation as a reader has it: from the disk or from a server, and with no other host there."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsing import Watch
from playwright.sync_api import Browser, Locator, Page, expect

pytest.importorskip("zensical", reason="needs the extra [docs]: pip install -e '.[docs]'")

from scripts.docs import build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    assert build(folder) is None
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["disk", "server"])
def home(request: pytest.FixtureRequest, site: Path, served: str) -> str:
    """Where the site is: its files, or a server that has them."""
    return f"{site.as_uri()}/" if request.param == "disk" else served


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_no_page_asks_another_host_or_complains(page: Page, site: Path, served: str) -> None:
    watch = Watch(page, served)
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":
            page.goto(served + path.relative_to(site).as_posix(), wait_until="load")
            expect(page.locator("h1").first).to_be_visible()
    assert watch.faults == []


def test_a_page_from_the_disk_asks_nothing_but_the_disk(page: Page, site: Path) -> None:
    watch = Watch(page, f"{site.as_uri()}/")
    for name in ("index.html", "reference/api/clients.html", "reference/events/ecommerce.html"):
        page.goto((site / name).as_uri(), wait_until="load")
    assert watch.faults == []


@pytest.mark.parametrize(
    ("words", "title", "heading"),
    [
        ("order refunded", "Order Refunded", "order-refunded"),
        ("RedisPace", "RedisPace", "RedisPace"),
        ("CIO_STATE", "Environment", "environment"),
    ],
)
def test_the_search_finds_it_and_leads_there(page: Page, home: str, words: str, title: str, heading: str) -> None:
    watch = Watch(page, home)
    page.goto(f"{home}index.html")
    result = page.get_by_role("option").filter(has=page.get_by_role("heading", name=title)).first
    type_until_there(page, words, result)
    result.click()
    expect(page).to_have_url(re.compile(r"/reference/.*\.html"))
    assert heading in page.url
    assert watch.faults == []


def type_until_there(page: Page, words: str, result: Locator) -> None:
    """Open the search by its key and type, as a reader does; what comes before it has started is lost, and repeated."""
    box = page.get_by_placeholder("Search")
    for _ in range(20):
        with suppress(AssertionError):
            if not box.is_visible():
                page.keyboard.press("Control+k")
            expect(box).to_be_visible(timeout=1_000)
            box.fill("")
            box.press_sequentially(words)
            expect(result).to_be_visible(timeout=1_000)
            expect(box).to_have_value(words, timeout=1_000)
            return
    pytest.fail(f"the search does not find {words!r}")
