"""The guides for those who come from another library: each pair of blocks, before and after, brings the same calls."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from documents import ROOT, Block, blocks

pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

from cio_facade.sandbox import Sandbox

# The others ask for the time as newer Pythons advise against.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

GUIDES = {
    "from-customerio-cdp-analytics": "customerio.analytics",
    "from-segment": "segment.analytics",
}
EMPTY: tuple[Any, ...] = ({}, None)


class Pair(NamedTuple):
    """What was written there, and what is written here."""

    before: Block
    after: Block


class Moved(NamedTuple):
    """What a pair brought to the two sandboxes."""

    pair: Pair
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]


def page(guide: str) -> Path:
    return ROOT / "docs" / "how-to" / f"{guide}.md"


def pairs(guide: str) -> list[Pair]:
    found = [block for block in blocks(page(guide)) if block.language in {"py", "python"}]
    return [Pair(*two) for two in zip(found[::2], found[1::2], strict=True)]


def plain(call: dict[str, Any], code: str) -> dict[str, Any]:
    """A call without what a library adds to it by itself."""
    call = {**call, "context": {key: value for key, value in call.get("context", {}).items() if key != "library"}}
    if "message_id" not in code:
        call.pop("messageId")
    when = call.pop("timestamp", None)
    if "timestamp" in code:
        call["timestamp"] = datetime.fromisoformat(when)
    return {name: value for name, value in call.items() if value not in EMPTY}


def run(block: Block, guide: str, namespace: dict[str, Any]) -> None:
    text = "\n" * (block.line - 1) + block.text  # so that an error names the line of the page
    exec(compile(text, str(page(guide)), "exec"), namespace)


@pytest.fixture(scope="module", params=GUIDES)
def guide(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def moved(guide: str) -> Iterator[list[Moved]]:
    """All pairs of a guide, run from top to bottom: each half with a namespace and a sandbox of its own."""
    other = importlib.import_module(GUIDES[guide])
    logger = logging.getLogger(GUIDES[guide].partition(".")[0])
    found = []
    with pytest.MonkeyPatch.context() as patch, Sandbox() as there, Sandbox() as here:
        for name, value in {"CIO_API_KEY": "any-key", "CIO_BASE_URL": here.url, "CIO_REGION": ""}.items():
            patch.setenv(name, value)
        patch.setattr(other, "host", there.url.removesuffix("/v1"))
        patch.setattr(other, "default_client", None)
        logger.setLevel(logging.CRITICAL)
        before: dict[str, Any] = {"__name__": "before"}
        after: dict[str, Any] = {"__name__": "after"}
        for pair in pairs(guide):
            seen = len(there.calls()), len(here.calls())
            run(pair.before, guide, before)
            if other.default_client is not None:
                other.flush()
            run(pair.after, guide, after)
            found.append(Moved(pair, there.calls()[seen[0] :], here.calls()[seen[1] :]))
        assert there.counts().lost == here.counts().lost == here.counts().refused == 0
        yield found
        logger.setLevel(logging.NOTSET)


def test_every_pair_brings_the_same_calls(moved: list[Moved]) -> None:
    for pair, before, after in moved:
        assert as_compared(before, pair.before.text) == as_compared(after, pair.after.text), f"line {pair.before.line}"


def as_compared(calls: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    """The calls person by person: that is the order that is promised."""
    return sorted((plain(call, code) for call in calls), key=lambda call: str(call.get("userId")))


def test_all_pairs_but_the_first_and_the_last_bring_calls(moved: list[Moved]) -> None:
    silent = [number for number, (_, before, after) in enumerate(moved) if not before or not after]
    assert silent == [0, len(moved) - 1]


def test_every_type_of_call_is_among_them(moved: list[Moved]) -> None:
    types = {call["type"] for one in moved for call in one.after}
    assert types == {"identify", "track", "page", "screen", "group", "alias"}


@pytest.mark.parametrize("guide", GUIDES, indirect=True)
def test_halves_are_named_and_the_old_one_is_not_run_by_itself(guide: str) -> None:
    for before, after in pairs(guide):
        assert (before.language, before.text.splitlines()[0]) == ("py", "# before")
        assert (after.language, after.text.splitlines()[0]) == ("python", "# after")


@pytest.mark.parametrize("guide", GUIDES, indirect=True)
def test_the_version_that_the_guide_speaks_of_is_the_one_that_is_tried(guide: str) -> None:
    version = importlib.import_module(GUIDES[guide]).__version__
    assert re.search(rf"^\| \| \S+ {re.escape(version)} \| here \|$", page(guide).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("guide", GUIDES, indirect=True)
def test_settings_that_the_guide_names_exist_there(guide: str) -> None:
    other = importlib.import_module(GUIDES[guide])
    table = page(guide).read_text("utf-8").partition("\n## Settings\n")[2].partition("\n## ")[0]
    there = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    names = {name for cell in there for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", cell)}
    names -= {"customerio", "segment"}  # loggers
    known = vars(other.Client.DefaultConfig)
    assert names <= known.keys()
    assert len(names) > 8


def test_the_older_library_has_a_page_too() -> None:
    assert "Coming from the earlier library" in (ROOT / "docs" / "migrating.md").read_text("utf-8")


# What the guides say of the others ---------------------------------------------------------------------------------


@pytest.fixture(params=GUIDES.values())
def other(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


def queueing(other: Any, **settings: Any) -> Any:
    """A client of theirs whose queue nobody empties."""
    client = other.Client("key", send=False, **settings)
    client.send = True
    return client


def test_a_full_queue_there_says_no_and_drops(other: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = queueing(other, max_queue_size=1)
    caplog.set_level(logging.WARNING, logger=client.log.name)
    assert client.track("u1", "Seen")[0] is True
    assert client.track("u1", "Seen")[0] is False
    assert "analytics-python queue is full" in caplog.messages


def test_a_time_without_a_zone_is_guessed_there(other: Any) -> None:
    client = queueing(other)
    _, old = client.track("u1", "Seen", timestamp=datetime(2026, 1, 2))
    _, coming = client.track("u1", "Seen", timestamp=datetime(2099, 1, 2))
    assert datetime.fromisoformat(old["timestamp"]) == datetime(2026, 1, 2, tzinfo=UTC)
    assert datetime.fromisoformat(coming["timestamp"]) == datetime(2099, 1, 2).astimezone()


def test_segments_client_tries_as_long_as_the_guide_says() -> None:
    other = importlib.import_module("segment.analytics")
    defaults = other.Client.DefaultConfig
    assert (defaults.max_retries, defaults.max_total_backoff_duration, defaults.thread) == (10, 12 * 3600, 1)
    assert "up to 10 retries within 12 hours, in one thread" in page("from-segment").read_text("utf-8")
