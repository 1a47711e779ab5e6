"""A real browser that is watched: what a page does besides what it is asked to is a fault."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nodes import modules
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

__all__ = ["Watch", "accessibility_faults", "chromium", "launched"]

# A page that is left breaks off what it was reading.
_LEFT = "net::ERR_ABORTED"
# Reported before anything of the page's own runs, and whatever becomes of the console.
_REPORT_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (violation) =>
        console.error(`CSP: ${violation.effectiveDirective} ${violation.blockedURI} ${violation.sample}`));
"""


def chromium() -> str:
    """The browser's program; without one the tests are skipped."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("chromium is missing: make debian installs it where it may")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window that can reach this machine and no other."""
    flags = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's own cannot be set up by root
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What a page did that it should not: complain, break, be refused something, look outside, or open a dialog.

    Parameters
    ----------
    page : Page
        Nothing has been opened in it yet.
    home : str
        The only address that it may ask: ``http://127.0.0.1:8080/``.
    """

    def __init__(self, page: Page, home: str) -> None:
        self._home = urlsplit(home).netloc
        self._forgiven: list[re.Pattern[str]] = []
        self._faults: list[str] = []
        page.add_init_script(_REPORT_VIOLATIONS)
        page.on("console", lambda said: said.type in {"error", "warning"} and self._note(f"console: {said.text}"))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("crash", lambda _: self._note("the page crashed"))
        page.on("dialog", lambda dialog: (self._note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def forgive(self, pattern: str) -> None:
        """Take what matches for no fault, such as a server that is away because the test stopped it."""
        self._forgiven.append(re.compile(pattern))

    @property
    def faults(self) -> list[str]:
        """What happened that should not."""
        return [fault for fault in self._faults if not any(known.search(fault) for known in self._forgiven)]

    def _note(self, fault: str) -> None:
        self._faults.append(fault)

    def _asked(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme not in {"data", "blob"} and asked.netloc != self._home:
            self._note(f"request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self._note(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"answered {response.status}: {response.request.method} {response.url}")


def accessibility_faults(page: Page) -> list[str]:
    """What axe finds in a page that keeps people out: faults it calls serious or critical, with their places."""
    source = modules() / "axe-core" / "axe.min.js"
    page.evaluate(_text(source))
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['html'][:120]}: {node['failureSummary']}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
