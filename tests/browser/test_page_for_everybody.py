"""Whoever looks at it: in the dark, by keyboard, on a narrow screen, with what axe knows of others."""

import re

import httpx
import pytest
from browsing import accessibility_faults
from playwright.sync_api import Page, expect
from traffic import PLATFORM

from cio_facade import CustomerIO, Outbox, devices, messages, objects
from cio_facade.sandbox import Sandbox

ROOMS = ("Stream", "People", "Objects", "Events", "Batches", "Outbox", "Faults")
VIEWS = (
    *("", "people", "people/u1", "people/u0", "people/gone", "suppressed", "events", "events/Course%20Started"),
    *("objects", "objects/1/acme", "batches", "requests/1", "requests/5", "calls/1", "calls/9", "reports", "outbox"),
    *("outbox/bad-1", "faults", "?type=page&before=3", "?person=nobody", "people?q=nobody", "calls/999"),
)
# What is not there is answered 404, and the console says so.
ABSENT = "404|Not Found"


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory):
    """A sandbox in which something of everything has happened."""
    folder = tmp_path_factory.mktemp("lived-in")
    with Sandbox(folder / "sandbox.db", outbox=folder / "outbox.db") as sandbox:
        with CustomerIO("key", base_url=sandbox.url) as cio:
            cio.identify("u0", {"email": "ada@example.com", "address": {"city": "Oslo", "tags": ["a", "b", None]}})
            cio.track("u0", "Course Started", {"title": "Intro" * 40, "price": 9.5})
            cio.alias("u1", "u0")
            cio.page("u1", "Pricing")
            cio.send(objects.create("u1", "acme", {"name": "Acme", "note": "x" * 400}))
            cio.send(devices.register("u1", "token-1", "ios", {"app_version": "4.2"}))
            cio.track(None, "Course Started", anonymous_id="visitor-" + "1" * 80)
            with Outbox(cio, folder / "outbox.db") as outbox:
                outbox.put(devices.register("u1", "token-2", PLATFORM, message_id="bad-1"))  # type: ignore[arg-type]
            cio.send_many([messages.track("u2", "Quiz Passed", {"n": n}) for n in range(60)])
        bad = {"userId": "u1", "event": "Course Started", "timestamp": "yesterday"}
        with httpx.Client(base_url=sandbox.url, auth=("key", "")) as client:
            client.post("/track", json=bad, headers={"X-Strict-Mode": "1"})
            client.post("/track", json=bad)
        yield sandbox


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(visit, watches, lived_in, scheme):
    page = visit(home=lived_in.page, color_scheme=scheme)
    watches[0].forgive(ABSENT)
    faults = {}
    for view in VIEWS:
        page.goto(lived_in.page + view)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if found := accessibility_faults(page):
            faults[view] = found
    page.goto(lived_in.page)
    page.get_by_role("button", name="Keys").click()
    if found := accessibility_faults(page):
        faults["keys"] = found
    assert faults == {}


@pytest.mark.parametrize("width", [375, 320])
def test_a_narrow_window_scrolls_down_only(visit, watches, lived_in, width):
    page = visit(home=lived_in.page, viewport={"width": width, "height": 700})
    watches[0].forgive(ABSENT)
    too_wide = {}
    for view in VIEWS:
        page.goto(lived_in.page + view)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over:
            too_wide[view] = over
    assert too_wide == {}
    page.goto(lived_in.page)
    for room in ROOMS:
        expect(page.get_by_role("navigation", name="Rooms").get_by_role("link", name=room)).to_be_visible()


def is_dark(page: Page) -> bool:
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) < 128


def test_dark_is_what_the_system_says_until_somebody_chooses(visit, lived_in):
    page = visit(home=lived_in.page, color_scheme="dark")
    dark = page.get_by_role("button", name="Dark")
    expect(dark).to_have_attribute("aria-pressed", "true")
    assert is_dark(page)
    page.emulate_media(color_scheme="light")
    expect(dark).to_have_attribute("aria-pressed", "false")
    assert not is_dark(page)
    dark.click()
    expect(dark).to_have_attribute("aria-pressed", "true")
    assert is_dark(page)
    page.reload()
    assert is_dark(page)
    page.goto(f"{lived_in.page}people")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert is_dark(page)
    page.get_by_role("button", name="Dark").click()
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert not is_dark(page)


def test_everything_is_reached_by_keyboard(visit, lived_in):
    page = visit(home=lived_in.page)
    keys = page.keyboard
    # In the order of the page: past the navigation, into the rooms.
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for room in ("cio-facade sandbox", *ROOMS):
        keys.press("Tab")
        expect(page.get_by_role("link", name=room, exact=True)).to_be_focused()
    for button in ("Dark", "Keys"):
        keys.press("Tab")
        expect(page.get_by_role("button", name=button)).to_be_focused()
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Keys")).to_be_focused()
    # The filter, and the calls that it leaves.
    keys.press("/")
    expect(page.get_by_label("Event")).to_be_focused()
    keys.type("Course Started")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("event=Course[+]Started"))
    keys.press("j")
    keys.press("j")
    second = page.get_by_role("table", name="Calls").get_by_role("link", name="Call ").nth(1)
    expect(second).to_be_focused()
    keys.press("k")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Course Started")
    # A person by their id, in another room: its link is the third of the page.
    for _ in range(4):
        keys.press("Tab")
    expect(page.get_by_role("link", name="People", exact=True)).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    keys.press("/")
    keys.type("u1")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("q=u1"))
    keys.press("j")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="u1")).to_be_visible()
    keys.press("d")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    keys.press("?")
    expect(dialog).to_be_visible()
    # The stream is paused and goes on.
    page.goto(lived_in.page)
    expect(page.get_by_text("waiting for calls")).to_be_visible()
    with CustomerIO("key", base_url=lived_in.url) as cio:
        cio.track("u9", "Said Before")
        expect(page.get_by_role("row").filter(has_text="Said Before")).to_have_count(1)
        keys.press("p")
        expect(page.get_by_text("paused")).to_be_visible()
        cio.track("u9", "Said Meanwhile")
        keys.press("p")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        cio.track("u9", "Said After")
    for said in ("After", "Meanwhile", "Before"):
        expect(page.get_by_role("row").filter(has_text=f"Said {said}")).to_have_count(1)


@pytest.mark.parametrize("view", ["", "people", "people/u1", "requests/9", "events", "outbox"])
def test_every_list_is_walked(visit, lived_in, view):
    page = visit(view, home=lived_in.page)
    expect(page.locator("[data-rows] a").first).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("[data-rows] > :first-child a").first).to_be_focused()


def test_single_keys_can_be_switched_off_by_keyboard_and_stay_off(visit, lived_in):
    page = visit(home=lived_in.page)
    keys, switch = page.keyboard, page.get_by_role("checkbox", name="Single keys")
    dialog, dark = page.get_by_role("dialog", name="Keys"), page.get_by_role("button", name="Dark")
    pause, first = page.get_by_role("button", name="Pause"), page.get_by_role("link", name="Call ").first
    keys.press("?")
    expect(switch).to_be_focused()
    expect(switch).to_be_checked()
    keys.press("Space")
    expect(switch).not_to_be_checked()
    keys.press("Escape")
    for _ in range(2):  # also after the page was opened anew
        for key in ("d", "p", "j", "k", "?", "/"):
            keys.press(key)
        expect(dark).to_have_attribute("aria-pressed", "false")
        expect(pause).to_have_attribute("aria-pressed", "false")
        expect(dialog).to_be_hidden()
        assert page.evaluate("document.activeElement.matches('input, [data-rows] *')") is False
        expect(pause).not_to_have_attribute("aria-keyshortcuts", re.compile("."))
        page.reload()
    first.focus()
    keys.press("ArrowDown")  # no character: it may go on
    expect(page.get_by_role("link", name="Call ").nth(1)).to_be_focused()
    page.get_by_role("button", name="Keys").focus()
    keys.press("Enter")
    expect(switch).to_be_focused()
    expect(switch).not_to_be_checked()
    keys.press("Space")
    keys.press("Escape")
    keys.press("d")
    expect(dark).to_have_attribute("aria-pressed", "true")
    expect(pause).to_have_attribute("aria-keyshortcuts", "p")


def test_long_names_leave_the_other_columns_their_place(visit, sandbox):
    name = "w" * 99
    with CustomerIO("key", base_url=sandbox.url) as cio:
        cio.identify(name, {name: name})
        cio.track(name, name, {name: name})
        cio.group(name, name, {name: name})
    page = visit()
    for room, table in (("events", "Events by name"), ("people", "People"), ("objects", "Objects of type 1")):
        page.goto(sandbox.page + room)
        last = page.get_by_role("region", name=table, exact=True).get_by_role("columnheader").last
        place = last.bounding_box()
        assert place["x"] + place["width"] <= 1280, room
