"""What the page on troubleshooting shows is what is printed: each text is produced here and compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import ROOT, blocks
from sessions import agrees, told

pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

from cio_facade import CustomerIO, Limits, Outbox, Retry, messages, people
from cio_facade.events import ecommerce
from cio_facade.sandbox import Sandbox
from cio_facade.testing import FakeClock

PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
KEY = "the-right-key"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
WITHOUT_EXTRA = """
import sys
for name in ("starlette", "uvicorn", "jinja2", "jsonschema_rs"):
    sys.modules[name] = None
"""

Say = Callable[[CustomerIO], object]


def sections() -> dict[str, list[str]]:
    """The texts of each entry: what is seen."""
    whole = PAGE.read_text("utf-8")
    starts = [(whole.count("\n", 0, found.start()) + 1, found[1]) for found in HEADING.finditer(whole)]
    shown: dict[str, list[str]] = {heading: [] for _, heading in starts}
    for block in blocks(PAGE):
        if block.language == "text":
            heading = next(heading for line, heading in reversed(starts) if line < block.line)
            shown[heading] += [block.text]
    return shown


def raised(action: Callable[[], object]) -> str:
    """The last line of the traceback, as Python prints it."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is, it is compared
        action()
    return "".join(traceback.format_exception_only(caught.value))


def with_sandbox(say: Say, *faults: str, key: str = KEY, path: str = "/v1", **settings: Any) -> str:
    """What is raised when a client whose pauses pass at once says something."""
    with Sandbox(api_keys=[KEY], faults=faults) as sandbox:
        url = sandbox.url.removesuffix("/v1") + path
        with CustomerIO(key, base_url=url, clock=FakeClock(), **settings) as cio:
            return raised(lambda: say(cio))


def track(cio: CustomerIO) -> object:
    return cio.track("u1", "Seen")


def python(code: str, *arguments: object, folder: Path) -> str:
    """What a program of its own prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CIO_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=False,
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.stdout


def run_pytest(*arguments: object, folder: Path, before: str = "") -> str:
    code = f"import sys\n{before}\nimport pytest\nsys.exit(pytest.main(sys.argv[1:]))"
    return python(code, "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", *arguments, folder=folder)


def asked(query: str, *said: Say) -> str:
    """The answer of the sandbox to a query, between tabs."""
    with Sandbox() as sandbox, CustomerIO("any-key", base_url=sandbox.url) as cio:
        for say in said:
            say(cio)
        rows = sandbox.sql(query)
    lines = [[*rows[0]], *[["" if value is None else str(value) for value in row.values()] for row in rows]]
    return "\n".join("\t".join(line) for line in lines)


def of_another_client() -> str:
    with Sandbox(api_keys=[KEY]) as sandbox:
        answer = httpx.post(f"{sandbox.url}/track", json={"userId": "u1", "event": "Seen"}, auth=("another", ""))
        assert sandbox.counts().lost == 1
    return f"{answer.http_version} {answer.status_code} {answer.reason_phrase}"


def type_at_the_top(cio: CustomerIO) -> None:
    call = {"userId": "u1", "groupId": "course-7", "objectTypeId": 2}
    assert httpx.post(f"{cio.base_url}/group", json=call, auth=("any-key", "")).status_code == 200


def merged_away() -> str:
    with Sandbox() as sandbox, CustomerIO("any-key", base_url=sandbox.url) as cio:
        cio.send_many([people.identify("u1"), people.merge("u2", "u1")])
        return raised(lambda: sandbox.people["u1"])


def a_rule_of_its_own() -> str:
    def archived(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"meta": {"error": "the project is archived"}})

    with CustomerIO(KEY, transport=httpx.MockTransport(archived)) as cio:
        return raised(lambda: track(cio))


def nobody_listens() -> str:
    with CustomerIO(KEY, base_url="http://127.0.0.1:9/v1", clock=FakeClock(), retry=Retry(budget=5)) as cio:
        return raised(lambda: track(cio))


def two_of_three() -> str:
    with Sandbox() as sandbox, CustomerIO("any-key", base_url=sandbox.url) as cio:
        bad = messages.identify("u2", {"email": 7}), messages.track("u3", "x" * 101)
        return str(cio.send_many([messages.identify("u1"), *bad]))


def full() -> str:
    with (
        Sandbox() as sandbox,
        CustomerIO("any-key", base_url=sandbox.url) as cio,
        Outbox(cio, max_messages=1, on_full="raise", flush_interval=60) as outbox,
    ):
        outbox.put(messages.track("u1", "Seen"))
        return raised(lambda: outbox.put(messages.track("u1", "Seen")))


def left_at_the_end(folder: Path) -> str:
    return python(
        "from cio_facade import CustomerIO, Outbox, messages\n"
        "outbox = Outbox(CustomerIO('key', base_url='http://127.0.0.1:9/v1'), exit_timeout=0.1)\n"
        "outbox.put(messages.track('u1', 'Seen', message_id='m-1'))\n",
        folder=folder,
    )


def not_fit() -> Iterator[str]:
    """Each of the errors of validation that the page shows, in its order."""
    says: list[Say] = [
        lambda cio: cio.identify(1.0),  # type: ignore[arg-type]
        lambda cio: cio.identify(""),
        lambda cio: cio.identify(None),
        lambda cio: cio.identify("u" * 151),
        lambda cio: cio.track("u1", "x" * 101),
        lambda cio: cio.track("u1", "Seen", timestamp=datetime(2026, 1, 2)),
        lambda cio: cio.track("u1", "Device Created or Updated"),
        lambda cio: cio.track("u1", "Seen", {"items": [{"price": object()}]}),
    ]
    for say in says:
        yield with_sandbox(say)


def settings_of(**variables: str) -> str:
    return with_environment(CustomerIO.from_env, **variables)


def with_environment(action: Callable[[], object], **variables: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CIO_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        return raised(action)


def a_test_of_somebody(folder: Path, *arguments: str, before: str = "") -> str:
    (folder / "test_mine.py").write_text("def test_mine(cio_sandbox): pass\n", "utf-8")
    return run_pytest(*arguments, "--rootdir", folder, folder, folder=folder, before=before)


COMMAND = WITHOUT_EXTRA + "from cio_facade.cli import main\nsys.argv = ['cio-facade', 'sandbox']\nmain()"
WIDE = {"t": "x" * 33_000}
SEEN: dict[str, Callable[[Path], list[str]]] = {
    "CIO_API_KEY: is not set": lambda _: [settings_of()],
    "401: the API key was not accepted": lambda _: [with_sandbox(track, key="another")],
    "The key and the region contradict each other": lambda _: [settings_of(CIO_API_KEY="sk_eu_1", CIO_REGION="us")],
    "api_key: holds characters that no key has": lambda _: [settings_of(CIO_API_KEY="\N{LEFT DOUBLE QUOTATION MARK}k")],
    "200, and nothing arrives": lambda _: [of_another_client()],
    "429: too many requests": lambda _: [with_sandbox(track, "429")],
    "message: is 33108 bytes; a call has at most 32768": lambda _: [
        with_sandbox(lambda cio: cio.track("u1", "Seen", WIDE))
    ],
    "413: the body is over the limit": lambda _: [
        with_sandbox(lambda cio: cio.track("u1", "Seen", WIDE), limits=Limits(call_bytes=60_000))
    ],
    "A value is refused before anything is sent": lambda _: [
        with_sandbox(lambda cio: cio.identify("u1", {"email": 7})),
        "\n".join(text.strip() for text in not_fit()),
    ],
    "A typed event cannot be written": lambda _: [
        with_sandbox(lambda cio: cio.track("u1", ecommerce.OrderCompleted(products=[{"product_id": "p-1"}]))),  # type: ignore[list-item]
        with_sandbox(lambda cio: cio.track("u1", ecommerce.OrderCompleted(products=None))),  # type: ignore[arg-type]
    ],
    "TypeError: got an unexpected keyword argument": lambda _: [
        raised(lambda: ecommerce.OrderCompleted(gift_note="Well done"))  # type: ignore[call-arg]
    ],
    "400: the server refused the call": lambda _: [a_rule_of_its_own()],
    "A person is missing": lambda _: [merged_away()],
    "An object is of type 1, whatever I send": lambda _: [
        asked("SELECT type_id, object_id FROM objects", type_at_the_top)
    ],
    "Events have the wrong time": lambda _: [
        asked("SELECT event, timestamp FROM calls", lambda cio: cio.track("u1", "Course Started"))
    ],
    "A call arrives twice": lambda _: [
        asked(
            "SELECT event, message_id, repeat FROM calls",
            *[lambda cio: cio.track("u1", "Course Started", message_id="m-1")] * 2,
        )
    ],
    "No answer: the connection fails": lambda _: [nobody_listens()],
    "404: the server refused the call": lambda _: [with_sandbox(track, path="")],
    "503: the server failed": lambda _: [with_sandbox(track, "503")],
    "Not everything was delivered": lambda _: [two_of_three()],
    "The program ends, and the last events are missing": lambda folder: [left_at_the_end(folder)],
    "The outbox is full": lambda _: [full()],
    "The integration tests are skipped": lambda folder: [
        run_pytest(
            ROOT / "tests" / "integration" / "test_workspace_people.py", "-n0", folder=ROOT, before=WITHOUT_EXTRA
        )
    ],
    "fixture 'cio_sandbox' not found": lambda folder: [
        a_test_of_somebody(folder, "-p", "no:cio_facade"),
        a_test_of_somebody(folder, before=WITHOUT_EXTRA),
    ],
    "This command needs an extra": lambda folder: [python(COMMAND, folder=folder)],
    "I see nothing in the log": lambda _: [],
}
"""What each entry shows, produced."""

IN_PASSING = {
    "The program ends, and the last events are missing",
    "The integration tests are skipped",
    "fixture 'cio_sandbox' not found",
}
"""Entries that show a line of a longer text."""


def test_every_entry_is_tried_here() -> None:
    assert list(sections()) == list(SEEN)


@pytest.mark.parametrize("heading", SEEN)
def test_what_is_shown_is_what_is_seen(heading: str, tmp_path: Path) -> None:
    shown, produced = sections()[heading], SEEN[heading](tmp_path)
    assert len(shown) == len(produced)
    for text, real in zip(shown, produced, strict=True):
        if heading in IN_PASSING:
            assert told(text) in told(real)
        else:
            assert agrees(text, real), told(real)


@pytest.mark.parametrize(
    "heading", [heading for heading in SEEN if SEEN[heading] is not SEEN["I see nothing in the log"]]
)
def test_every_entry_says_cause_remedy_and_check(heading: str) -> None:
    whole = PAGE.read_text("utf-8")
    entry = whole.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert "**Cause" in entry
    assert "**Do.**" in entry
    assert re.search(r"\*\*(Check\.|Cause and check\.)\*\*", entry)


def test_a_skip_that_nobody_expects_fails_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hook,) = [block.text for block in blocks(PAGE) if "in conftest.py" in block.text]
    (tmp_path / "conftest.py").write_text(hook, "utf-8")
    (tmp_path / "test_mine.py").write_text("import pytest\n\ndef test_mine(): pytest.skip('no key')\n", "utf-8")
    monkeypatch.delenv("CI", raising=False)
    assert "1 skipped" in run_pytest(tmp_path, folder=tmp_path)
    monkeypatch.setenv("CI", "true")
    done = run_pytest(tmp_path, folder=tmp_path)
    assert "1 failed" in done
    assert "skipped in CI: Skipped: no key" in done
