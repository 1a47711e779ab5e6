"""A page that stays open while things change: what it shows stays true, and what somebody reads stays where it is."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import Watch
from playwright.sync_api import Page, expect

from cio_facade import CustomerIO, messages, people
from cio_facade.sandbox import Sandbox

# What is not there any more is answered 404, and the console says so.
ABSENT = "404|Not Found"
# As browser and htmx say that nobody answers.
AWAY = "net::ERR|htmx:(sse:)?error"


@pytest.fixture
def cio(sandbox: Sandbox):
    with CustomerIO("key", base_url=sandbox.url) as cio:
        yield cio


@pytest.fixture
def port() -> int:
    """One that is free, for a sandbox that goes away and comes back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def call(page: Page, number: int):
    """The row of a call in the stream."""
    return page.get_by_role("table", name="Calls").get_by_role("link", name=re.compile(f"^Call {number} at"))


def send(cio: CustomerIO, calls: int) -> None:
    cio.send_many([messages.track("u1", "Course Started", {"n": n}) for n in range(calls)])


def deleted(sandbox: Sandbox, cio: CustomerIO) -> None:
    cio.send(people.delete("u1"))


def merged(sandbox: Sandbox, cio: CustomerIO) -> None:
    cio.alias("u2", "u1")


def forgotten(sandbox: Sandbox, cio: CustomerIO) -> None:
    sandbox.clear()


@pytest.mark.parametrize(
    ("address", "change", "said"),
    [
        ("people/u1", deleted, "The person was deleted"),
        ("people/u1", merged, "merged into u2"),
        ("people/u1", forgotten, "No person has this id"),
        ("objects/1/acme", forgotten, "It was deleted, or never made"),
        ("events/Course%20Started", forgotten, "No call has the event"),
    ],
)
def test_an_open_page_says_what_became_of_what_it_showed(
    visit, watches: list[Watch], sandbox, cio, address: str, change: Callable[[Sandbox, CustomerIO], None], said: str
):
    cio.group("u1", "acme", {"name": "Acme"})
    cio.track("u1", "Course Started")
    page = visit(address)
    watches[0].forgive(ABSENT)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    change(sandbox, cio)
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_text("There is no answer any more")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_list_grows_and_what_is_typed_beside_it_stays(visit, cio):
    page = visit("people")
    expect(page.get_by_text("Nobody yet")).to_be_visible()
    search = page.get_by_role("searchbox")
    search.fill("ann")
    cio.identify("u1", {"plan": "pro"})
    expect(page.get_by_role("link", name="u1")).to_be_visible()
    expect(page.get_by_text("1 known")).to_be_visible()
    expect(search).to_have_value("ann")
    expect(search).to_be_focused()


def test_rules_that_are_being_written_stay_while_requests_are_struck(visit, sandbox, cio):
    sandbox.faults.set("slow:1ms")
    page = visit("faults")
    rules = page.get_by_role("textbox", name="Rules")
    rules.fill("reset:5%")
    cio.track("u1", "Course Started")
    expect(page.get_by_role("table").get_by_text("slow:1ms")).to_be_visible()
    expect(rules).to_have_value("reset:5%")


def test_times_are_told_as_of_now(visit, sandbox, cio):
    cio.identify("u1", {"plan": "pro"})
    page = visit("people")
    page.clock.install()
    page.goto(f"{sandbox.page}people/u1")
    seen = page.locator("div").filter(has_text=re.compile(r"^\s*last seen")).get_by_role("definition")
    expect(seen).to_have_text(re.compile("just now|s ago"))
    page.clock.fast_forward("10:30")
    expect(seen).to_have_text("10 min ago")


def test_who_stands_on_a_total_stays_there_while_calls_arrive(visit, cio):
    page = visit()
    total = page.get_by_label("Totals").get_by_role("link").first
    expect(total).to_have_text("0")
    total.focus()
    cio.track("u1", "Course Started")
    expect(total).to_have_text("1")
    expect(total).to_be_focused()


def test_what_is_read_stays_where_it_is_while_calls_arrive(visit, cio):
    send(cio, 100)
    page = visit()
    call(page, 20).evaluate("link => link.scrollIntoView({ block: 'center' })")
    before = call(page, 20).bounding_box()
    for last in (150, 200, 250):  # more than the list holds while nobody reads
        send(cio, 50)
        expect(call(page, last)).to_have_count(1)
    after = call(page, 20).bounding_box()
    assert abs(before["y"] - after["y"]) < 5
    page.evaluate("scrollTo(0, 0)")
    cio.track("u1", "Quiz Passed")
    expect(call(page, 20)).to_have_count(0)
    expect(page.locator("[data-id]")).to_have_count(100)
    # Nothing of the rows that are gone is left, nor of the blanks between them.
    assert page.locator("#calls").evaluate("list => list.childNodes.length") <= 2 * 100 + 1


def test_who_walks_the_list_stays_there_while_calls_arrive(visit, cio):
    send(cio, 100)
    page = visit()
    page.keyboard.press("j")
    expect(call(page, 100)).to_be_focused()
    for last in (150, 200, 250):
        send(cio, 50)
        expect(call(page, last)).to_have_count(1)
    expect(call(page, 100)).to_be_focused()
    page.keyboard.press("j")
    expect(call(page, 99)).to_be_focused()


def test_who_stood_on_a_call_that_is_gone_goes_on_at_the_newest(visit, cio):
    send(cio, 10)
    page = visit()
    call(page, 1).focus()
    page.locator("#calls").evaluate("list => { list.dataset.most = 2; }")  # and ten times as many while one is marked
    send(cio, 15)
    expect(call(page, 1)).to_have_count(0)
    expect(call(page, 25)).to_be_focused()


def test_the_stream_is_resumed_by_itself_where_nobody_answered_at_first(visit, watches, tmp_path: Path, port: int):
    database = tmp_path / "calls.db"
    with Sandbox(database, port=port) as sandbox:
        page = visit(home=sandbox.page)
        expect(page.get_by_text("waiting for calls")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        watches[0].forgive(AWAY)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("does not answer")).to_be_visible()
    with Sandbox(database, port=port) as sandbox, CustomerIO("key", base_url=sandbox.url) as cio:
        cio.track("u1", "Course Started")
        expect(call(page, 1)).to_be_visible()
        cio.track("u1", "Course Started")
        expect(call(page, 2)).to_be_visible()
        expect(page.locator("[data-id]")).to_have_count(2)
        page.goto("about:blank")


def test_an_open_page_says_that_the_sandbox_is_away(visit, watches, tmp_path: Path, port: int):
    database = tmp_path / "calls.db"
    with Sandbox(database, port=port) as sandbox, CustomerIO("key", base_url=sandbox.url) as cio:
        cio.identify("u1", {"plan": "free"})
        page = visit("people/u1", home=sandbox.page)
        away = page.get_by_text("There is no answer any more")
        expect(away).to_be_hidden()
        watches[0].forgive(AWAY)
    expect(away).to_be_visible()
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("free")
    with Sandbox(database, port=port) as sandbox, CustomerIO("key", base_url=sandbox.url) as cio:
        cio.identify("u1", {"plan": "pro"})
        expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("pro")
        expect(away).to_be_hidden()
        page.goto("about:blank")


def test_an_answer_that_the_store_failed_does_not_take_the_place_of_what_was_shown(visit, watches, sandbox, cio):
    cio.identify("u1", {"plan": "free"})
    page = visit("people/u1")
    watches[0].forgive("500")
    page.route("**/people/u1?seen=*", lambda route: route.fulfill(status=500, json={"meta": {"error": "it failed"}}))
    expect(page.get_by_text("There is no answer any more")).to_be_visible()
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("free")
    page.unroute("**/people/u1?seen=*")
    expect(page.get_by_text("There is no answer any more")).to_be_hidden()


def test_the_filter_says_what_the_list_is_narrowed_by_also_when_somebody_goes_back(visit, cio):
    cio.track("u1", "Course Started")
    page = visit()
    kind = page.get_by_role("search").get_by_label("Type")
    kind.select_option("page")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No such call")).to_be_visible()
    expect(kind).to_have_value("page")
    page.go_back()
    expect(call(page, 1)).to_be_visible()
    expect(kind).to_have_value("")
    page.go_forward()
    expect(page.get_by_text("No such call")).to_be_visible()
    expect(kind).to_have_value("page")
