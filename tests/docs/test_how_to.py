"""The console sessions of the how-to guides and explanations print what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import ROOT, blocks, files, name
from sessions import Command, agrees, commands, run

pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

from cio_facade.sandbox import Sandbox

# docs/how-to/spec-change.md needs a clone to work in: it has a test of its own, test_spec_change.py.
PAGES = [
    ROOT / "docs" / page
    for page in (
        "how-to/troubleshooting.md",
        "how-to/eu-region.md",
        "how-to/testing-your-code.md",
        "how-to/gdpr.md",
        "how-to/from-customerio-cdp-analytics.md",
        "how-to/from-segment.md",
        "explanation/delivery.md",
        "explanation/limits-and-strict-mode.md",
    )
]
KEYS = ["sk_us_snippets", "any-key"]
TESTING = ROOT / "docs" / "how-to" / "testing-your-code.md"
INSTALLS = "pip install"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_sessions_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    """All of a page in one folder, with one sandbox, from top to bottom: its files are saved, its commands run."""
    with Sandbox(api_keys=KEYS) as sandbox:
        address = sandbox.url.removeprefix("http://").removesuffix("/v1")
        for block in blocks(page):
            if block.file:
                save(tmp_path / block.file, block.text)
            elif block.language == "console":
                for command in commands(block.text):
                    if not command.text.startswith(INSTALLS):
                        run(command, tmp_path, address)


def save(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(text, encoding="utf-8")


def test_all_tests_on_the_page_about_tests_pass(tmp_path: Path) -> None:
    told = {file: text for file, text in files(TESTING).items() if not file.startswith("wrong/")}
    for file, text in told.items():
        save(tmp_path / file, text)
    number = sum(text.count("\ndef test_") for text in told.values())
    everything = Command("python -m pytest -q -W error tests", f"...\n{number} passed in ...")
    with Sandbox() as sandbox:
        run(everything, tmp_path, sandbox.url.removeprefix("http://").removesuffix("/v1"), CIO_API_KEY="")
        assert sandbox.requests() == []
        live = Command("python -m pytest -q -W error tests/test_anywhere.py", "...1 passed in ...")
        run(live, tmp_path, sandbox.url.removeprefix("http://").removesuffix("/v1"))
        assert sandbox.counts().by_type == {"identify": 1, "track": 1}
    assert number > 10


def test_a_session_that_prints_something_else_is_told() -> None:
    assert agrees("ok   ...\nfailed", "ok   1\nok   2\nfailed")
    assert agrees("http://127.0.0.1:8080/v1", "http://127.0.0.1:4711/v1")
    assert agrees("answered 400 in 0.001 s", "answered 400 in 0.123 s")
    assert not agrees("answered 400 in 0.001 s", "answered 401 in 0.001 s")
    assert not agrees("failed", "ok\nfailed")
