"""Take the pictures of the sandbox's page that the docs show, of the sample's people and orders.

python scripts/screenshots.py   writes docs/images/sandbox-*.png

What was sent, its order and every time that is shown are the same in each run, and so are the pictures, but for what
the browser and its fonts do.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, Literal, Self
from unittest import mock

import httpx
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from cio_facade import CustomerIO, Limits, Outbox, devices, messages
from cio_facade.demo.loading import load
from cio_facade.demo.sample import lines
from cio_facade.demo.tables import tables
from cio_facade.messages import Message
from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page import telling

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images"
WINDOW: ViewportSize = {"width": 1200, "height": 660}

# One request at a time: threads that take turns would send in another order each time.
_LIMITS = Limits(in_flight=1)
# How many rows of views and of orders come at a time, in turn.
_SIZES = (9, 31, 2, 14, 60, 5, 22)
# When all of it is shown to have arrived, the requests in their order over half an hour, and when that is looked at.
_BEGIN, _SECONDS = datetime(2026, 10, 5, 9, 30, tzinfo=UTC), 1_795
_NOW = _BEGIN + timedelta(minutes=31)
_TIMES = {"time", "first_seen", "last_seen", "updated"}
# A person of the sample who has a device, a company, and looked at what they bought.
_PERSON, _EARLIER, _VISITOR = "c-268", "lead-17", "visitor-1"
# Not what the client's types allow: it is for the server to refuse.
_PLATFORMS: tuple[Any, ...] = ("toaster", "kettle", "fridge")


class _Then(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(_NOW.timestamp(), tz)


def fill(sandbox: Sandbox, outbox: Path) -> None:
    """Send the sample, what a person did before and after they had a name, and calls that the sandbox refuses."""
    with CustomerIO("sandbox", base_url=sandbox.url, limits=_LIMITS) as cio:
        with Outbox(cio, outbox) as box:
            for number, platform in enumerate(_PLATFORMS):
                box.put(devices.register(f"c-{number + 8}", f"token-{number}", platform, message_id=f"odd-{number}"))
                box.flush()
        _load_sample(cio)
        cio.send_many(_visits())
    with httpx.Client(base_url=sandbox.url, auth=("sandbox", "")) as client:
        for path, body, strict in _singles():
            client.post(path, json=body, headers={"X-Strict-Mode": "1"} if strict else {})


def _load_sample(cio: CustomerIO) -> None:
    *known, views, orders, wishes = tables()
    for table in known:
        load(cio, table, lines(table.file), "sample")
    left = {table: lines(table.file) for table in (views, orders)}
    for table, size in zip(cycle(left), cycle(_SIZES), strict=False):
        if not (some := list(islice(left[table], size))):
            break
        load(cio, table, some, "sample")
    load(cio, wishes, lines(wishes.file), "sample")


def _visits() -> Iterator[Message]:
    ids = (f"visit-{number}" for number in count(1))
    yield messages.identify(_EARLIER, {"source": "trade fair", "language": "fr"}, message_id=next(ids))
    yield messages.track(_EARLIER, "Catalogue Requested", {"issue": "spring"}, message_id=next(ids))
    yield messages.page(None, "Pricing", {"path": "/pricing"}, anonymous_id=_VISITOR, message_id=next(ids))
    yield messages.track(None, "Newsletter Subscribed", anonymous_id=_VISITOR, message_id=next(ids))
    yield messages.identify(_PERSON, {"language": "en"}, anonymous_id=_VISITOR, message_id=next(ids))
    yield messages.alias(_PERSON, _EARLIER, message_id=next(ids))


def _singles() -> Iterator[tuple[str, Any, bool]]:
    """Paths and bodies, and whether in strict mode: good ones, refused ones, and one that is lost in silence."""
    good = {"type": "track", "userId": "c-9", "event": "Product Viewed", "properties": {"product_id": "p-1"}}
    odd_traits = {"email": "giulia.lindqvist.9@example.com", "plan": "team", "createdAt": "yesterday"}
    yield "/track", good, True
    yield "/track", {"userId": "c-9", "properties": {"product_id": "p-1"}}, True
    yield "/identify", {"userId": "c-9", "traits": {"plan": "team", "seats": 12}}, True
    yield "/identify", {"userId": "c-9", "traits": {"note": "so long a note " * 2_400}}, False
    yield "/screen", {"userId": "c-9", "name": "Basket"}, True
    yield "/batch", {"batch": [good, {**good, "event": None}, good]}, True
    yield "/track", {**good, "event": "Product Added", "messageId": "single-1"}, True
    yield "/track", {**good, "event": "Product Added", "messageId": "single-1"}, True
    yield "/identify", {"userId": "c-9", "traits": odd_traits, "timestamp": "12 o'clock", "context": "none"}, True
    yield "/page", {"userId": "c-9", "name": "Checkout", "properties": {"path": "/checkout"}}, True


def set_times(database: Path, letters: Path) -> None:
    """Have everything arrive at times that are the same in each run."""
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "CREATE TEMP TABLE moments AS SELECT id, time AS old, strftime('%Y-%m-%dT%H:%M:%fZ', julianday(?)"
            " + id * (? / (SELECT max(id) FROM requests)) / 86400) AS new FROM requests",
            (f"{_BEGIN:%Y-%m-%d %H:%M:%S}", float(_SECONDS)),
        )
        db.execute("CREATE INDEX temp.by_old ON moments (old)")
        ((began,),) = db.execute("SELECT min(old) FROM moments")
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            # Two requests may have come in the same millisecond.
            which = {"requests": f"id = {name}.id", "received": f"id = {name}.request"}
            for column in _TIMES & {row[1] for row in db.execute(f"PRAGMA table_info({name})")}:
                new = f"SELECT min(new) FROM moments WHERE {which.get(name, f'old = {name}.{column}')}"  # noqa: S608
                db.execute(f"UPDATE {name} SET {column} = ({new})")  # noqa: S608
        # What the client stamped itself: with the time of sending.
        db.execute(
            "UPDATE received SET timestamp = time, body = json_set(body, '$.timestamp', time) WHERE timestamp >= ?",
            (began[:10],),
        )
        db.execute("UPDATE requests SET request_id = printf('request-%04d', id) WHERE request_id IS NOT NULL")
        db.execute("DELETE FROM tallies")
        db.execute(
            "INSERT INTO tallies SELECT strftime('%s', time), coalesce(type, ''), coalesce(event, ''), verdict,"
            " count(*), sum(bytes) FROM received GROUP BY 1, 2, 3, 4"
        )
        db.execute("DELETE FROM periods")
        db.execute(
            "INSERT INTO periods SELECT second / 300 * 300, type, event, verdict, sum(calls), sum(bytes), max(second)"
            " FROM tallies GROUP BY 1, 2, 3, 4"
        )
    told = [json.loads(line) for line in letters.read_text(encoding="utf-8").splitlines()]
    for number, letter in enumerate(told):
        letter["at"] = (_NOW - timedelta(minutes=3 - number)).isoformat()
    letters.write_text("".join(f"{json.dumps(letter)}\n" for letter in told), encoding="utf-8")


@contextmanager
def looked_at() -> Iterator[Browser]:
    """Launch a browser that looks while the page takes it to be the time at which all had arrived."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is missing: make debian installs it where it may")
    # What is drawn piece by piece, on several threads, differs at rounded corners from one time to the next.
    flags = ["--disable-lcd-text", "--disable-gpu", "--disable-partial-raster", "--num-raster-threads=1"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    with mock.patch.object(telling, "datetime", _Then), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


def views(sandbox: Sandbox) -> Iterator[tuple[str, str, Literal["light", "dark"]]]:
    """Name what there are pictures of, with addresses and colours."""
    ((refused,),) = (row.values() for row in sandbox.sql("SELECT max(id) FROM received WHERE verdict = 'refused'"))
    yield "stream", "", "light"
    yield "dark", "", "dark"
    yield "refusal", f"calls/{refused}", "light"
    yield "person", f"people/{_PERSON}", "light"
    yield "events", "events?range=all", "light"
    yield "batches", "batches", "light"
    yield "outbox", "outbox", "light"


def shown(page: Page, address: str) -> None:
    """Wait until a page is whole, also what it gets later."""
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if page.get_by_label("Totals").count():
        expect(page.get_by_text("waiting for calls")).to_be_visible()


def main() -> int:
    """Run the command line, and return its exit code."""
    TARGET.mkdir(parents=True, exist_ok=True)
    # The page names the file of the outbox: as one does who is in its folder.
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        database, outbox = Path("sandbox.db"), Path("outbox.db")
        with Sandbox(database) as sandbox:
            fill(sandbox, outbox)
        set_times(database, Path(f"{outbox}.dead.jsonl"))
        with Sandbox(database, outbox=outbox) as sandbox, looked_at() as browser:
            for name, address, scheme in views(sandbox):
                context = browser.new_context(viewport=WINDOW, color_scheme=scheme)
                page = context.new_page()
                shown(page, sandbox.page + address)
                page.screenshot(path=TARGET / f"sandbox-{name}.png", animations="disabled")
                context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
