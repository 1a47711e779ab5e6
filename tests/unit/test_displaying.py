"""What notebooks show of values: small tables of their own, in which every text is escaped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cio_facade import DeadLetter, LoadReport, Outcome, Receipt, Report, displaying, load, messages
from cio_facade.events import ecommerce

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></tr></table><h1>x",
    '" onmouseover="alert(1)',
    "' style='position:fixed",
    "&lt;b&gt; &amp;lt;",
    "{{ 7 * 7 }} ${7*7} <!-- --> ]]>",
    "a\u202eb\u200bc\x00d\x1b[31me\ud800f",
    "x" * 1_000_000,
    "\n" * 500,
    "",
]


class Page(HTMLParser):
    """The elements, attributes and texts of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def sound(html: str) -> Page:
    """Nothing is in it that this module does not make, and it is closed."""
    page = Page(html)
    assert page.open == []
    assert set(page.tags) <= {"div", "table", "thead", "tbody", "tr", "th", "td", "a"}
    assert {name for name, _ in page.attributes} <= {"style", "scope", "href", "target", "rel"}
    assert not [value for name, value in page.attributes if name == "style" and "url" in (value or "")]
    html.encode("utf-8")
    return page


def shown(value: str) -> Iterator[str]:
    """All ways in which a text comes to be shown."""
    yield messages.track(value, value, {value: value, "nested": {value: [value]}}, context={value: value})._repr_html_()
    yield messages.identify(value, {value: {value: value}})._repr_html_()
    yield Receipt(value, 200, 1)._repr_html_()
    yield DeadLetter(value, 0, value, 400)._repr_html_()
    yield Outcome(value, "failed", value)._repr_html_()
    letters = (DeadLetter(value, 0, value, None),)
    yield Report(accepted=2, rejected=2, reasons={value: 1, "other": 1}, dead_letters=letters)._repr_html_()
    yield LoadReport(
        state="loaded", source=value, rows=1, rejected=1, reasons={value: 1}, rejected_path=Path("x"), notes=(value,)
    )._repr_html_()
    yield displaying.grid([{value: value}], title=value, note=value)
    yield displaying.fields({value: value}, title=value, note=value)
    yield displaying.link(value)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_more_than_text(value: str) -> None:
    for html in shown(value):
        page = sound(html)
        assert len(html) < 20_000
        assert not [name for name, told in page.attributes if name != "href" and "alert" in (told or "")]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", " http://x", "//x", "vbscript:x", ""])
def test_only_a_web_address_is_a_link(address: str) -> None:
    assert "a" not in sound(displaying.link(address)).tags
    assert sound(displaying.link('http://x/"><b>')).tags == ["a"]


def test_what_cannot_be_seen_is_shown_by_number() -> None:
    assert displaying.text("a\u202eb\x00c\ud800") == "a[U+202E]b[U+0000]c[U+D800]"
    assert displaying.text("ü, 名, \n") == "ü, 名, \n"


class Rude:
    """Something that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def endless() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None"),
        (True, "true"),
        (1234, "1,234"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (Decimal("1.50"), "1.50"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ({1: Decimal(2)}, '{"1":"2"}'),
        (Rude(), "<Rude>"),
        ([Rude()], '["<Rude>"]'),
        (2**70, "1,180,591,620,717,411,303,424"),
        (b"x", "b'x'"),
    ],
)
def test_anything_can_be_said(value: object, said: str) -> None:
    assert displaying.text(value) == said


def test_what_cannot_be_said_is_named_by_its_type() -> None:
    assert displaying.text(10**5_000) == "<int>"
    assert displaying.text(endless())
    assert sound(messages.track("u1", "Seen", {"list": endless()})._repr_html_())


def test_a_message_is_shown_by_its_fields_and_those_within() -> None:
    order = messages.track("u1", ecommerce.OrderCompleted(order_id="o-1", total=99.5), context={"ip": "192.0.2.1"})
    texts = sound(order._repr_html_()).texts
    for name, value in [("type", "track"), ("userId", "u1"), ("properties.total", "99.5"), ("context.ip", "192.0.2.1")]:
        assert texts[texts.index(name) + 1] == value
    assert "o-1" not in repr(order)


def test_a_message_of_many_fields_is_cut() -> None:
    html = messages.identify("u1", {f"trait {n}": n for n in range(500)})._repr_html_()
    assert "and 452 more fields" in sound(html).texts


def test_a_report_shows_its_account_the_reasons_and_the_first_letters() -> None:
    letters = tuple(DeadLetter(f"m-{n}", n, f"reason {n % 2}", None) for n in range(30))
    report = Report(
        accepted=1_030, delivered=1_000, rejected=30, reasons={"reason 0": 15, "reason 1": 15}, dead_letters=letters
    )
    texts = sound(report._repr_html_()).texts
    assert [texts[texts.index(name) + 1] for name in ("accepted", "delivered", "rejected")] == ["1,030", "1,000", "30"]
    assert "and 20 more" in texts
    assert "failed" not in texts


def test_an_empty_report_is_shown_too() -> None:
    assert "0" in sound(Report()._repr_html_()).texts


def test_a_load_and_its_dry_run_are_shown() -> None:
    dry = load([{"id": 7, "plan": "pro"}, {"id": "", "plan": None}], "identify", dry_run=True, state=None)
    texts = sound(dry._repr_html_()).texts
    assert {"dry run: list", "would be sent", "would be rejected", "identify", "user_id is empty"} <= set(texts)


def test_a_table_shows_some_rows_and_counts_the_others() -> None:
    texts = sound(displaying.grid([{"n": n} for n in range(1_000)], title="numbers")).texts
    assert "and 980 more" in texts
    assert "19" in texts
    assert "20" not in texts
    assert sound(displaying.grid([])).texts == ["nothing"]


def test_nobody_pays_for_it_who_shows_nothing() -> None:
    code = "import sys; from cio_facade import Report, messages; repr(messages.page('u')); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    assert "cio_facade.displaying" not in loaded.split()
