"""A browser for the tests of a module, pages that are watched, and a sandbox that nothing has reached yet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Watch, launched
from playwright.sync_api import Browser, Page, expect

from cio_facade.sandbox import Sandbox

Visit = Callable[..., Page]

# Two cores, a browser, a server and a load: slow is no fault, never is.
_PATIENCE = 15_000  # milliseconds


# Not for the session: while it lives, its event loop runs in this thread, and no other test could have one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=_PATIENCE)
    with launched() as browser:
        yield browser


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox.db") as sandbox:
        yield sandbox


@pytest.fixture
def watches() -> list[Watch]:
    """Who watches the pages that were opened."""
    return []


@pytest.fixture
def visit(browser: Browser, sandbox: Sandbox, watches: list[Watch]) -> Iterator[Visit]:
    """Opens an address of the sandbox's in a page of its own; in the end none may have done what it should not."""
    contexts = []

    def opened(address: str = "", home: str | None = None, **settings: Any) -> Page:
        home = home or sandbox.page
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, home))
        page.goto(home + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [fault for watch in watches for fault in watch.faults] == []
