"""What somebody does who looks at the page while their program sends: as they see it, in a real browser."""

import re
from itertools import takewhile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from traffic import HOSTILE, PLATFORM, Load

from cio_facade import CustomerIO, Outbox, devices, messages, objects
from cio_facade.sandbox import Sandbox

STRICT = {"X-Strict-Mode": "1"}


def total(page: Page, name: str) -> int:
    """A number of the head of the stream."""
    return int(re.sub(r"\D", "", shown_total(page, name).inner_text()))


def shown_total(page: Page, name: str):
    told = page.get_by_label("Totals").locator("div").filter(has_text=re.compile(rf"^\s*{name}"))
    return told.get_by_role("definition")


def rows(page: Page):
    """The rows of the stream that are calls."""
    return page.get_by_role("table", name="Calls").get_by_role("row").filter(has=page.get_by_role("link", name="Call "))


def numbers(page: Page) -> list[int]:
    """The numbers of the calls at the head of the stream, down to where it says that some were left out."""
    told = page.get_by_role("table", name="Calls").get_by_role("row").all_inner_texts()[1:]
    whole = list(takewhile(lambda text: "in between" not in text, told))
    links = page.get_by_role("table", name="Calls").get_by_role("link", name="Call ")
    names = links.evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    return [int(name.rpartition("/")[2]) for name in names[: len(whole)]]


@pytest.fixture
def cio(sandbox: Sandbox):
    with CustomerIO("key", base_url=sandbox.url) as cio:
        yield cio


def test_calls_arrive_while_somebody_looks(visit, sandbox):
    page = visit()
    page.evaluate("window.opened = 'once'")
    expect(page.get_by_text("No call yet")).to_be_visible()
    with Load(sandbox.url) as load:
        expect(rows(page).first).to_be_visible()
        expect(page.get_by_text(re.compile(r"[1-9]\d* calls a second"))).to_be_visible()
        expect(shown_total(page, "accepted")).not_to_have_text("0")
        early = total(page, "accepted")
        assert 0 < early < 3_920
        expect(page.get_by_label("Totals")).not_to_contain_text(f"{early:,}".replace(",", "\u202f"))
        load.finish()
    assert (load.delivered, load.refused) == (3_920, 80)
    expect(page.get_by_label("Totals")).to_contain_text("3\u202f920")
    ((refused,),) = [
        tuple(row.values()) for row in sandbox.sql("SELECT count(*) FROM received WHERE verdict = 'refused'")
    ]
    assert (total(page, "accepted"), total(page, "refused")) == (3_920, refused)
    assert rows(page).count() <= 200
    assert page.evaluate("window.opened") == "once"


@pytest.mark.parametrize(
    ("label", "value", "condition"),
    [
        ("Type", "page", "type = 'page'"),
        ("Event", "Quiz Passed", "event = 'Quiz Passed'"),
        ("Person", "learner-7", "user_id = 'learner-7'"),
        ("Verdict", "refused", "verdict = 'refused'"),
    ],
)
def test_the_stream_is_narrowed_and_stays_so_as_calls_arrive(visit, sandbox, label, value, condition):
    page = visit()
    with Load(sandbox.url, 2_000, pause=0.2) as load:
        expect(rows(page).first).to_be_visible()
        choose(page, label, value)
        expect(rows(page).first).to_be_visible()
        first = rows(page).first.inner_text()
        page.evaluate("window.opened = 'once'")
        expect(rows(page).first).not_to_have_text(first)  # others that fit have come
        load.finish()
    fitting = sandbox.sql(f"SELECT id FROM received WHERE {condition} ORDER BY id DESC LIMIT 1")
    expect(rows(page).first.get_by_role("link", name=f"Call {fitting[0]['id']} ")).to_be_visible()
    shown = numbers(page)
    wanted = [row["id"] for row in sandbox.sql(f"SELECT id FROM received WHERE {condition} ORDER BY id DESC")]
    assert shown == wanted[: len(shown)]
    assert page.evaluate("window.opened") == "once"


def choose(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("search").get_by_label(label)
    if label in {"Type", "Verdict"}:
        field.select_option(value)
    else:
        field.fill(value)
    page.get_by_role("button", name="Filter").click()


def test_a_refusal_says_why(visit, sandbox):
    page = visit()
    bad = {"userId": "u1", "traits": {"createdAt": "yesterday"}}
    with httpx.Client(base_url=sandbox.url, auth=("key", "")) as client:
        assert client.post("/identify", json=bad, headers=STRICT).status_code == 400
        assert client.post("/identify", json=bad).status_code == 200
        assert client.post("/track", content=b"not json", headers=STRICT).status_code == 400
    refused, lost = (
        rows(page).filter(has_text=verdict).filter(has_text="createdAt") for verdict in ("refused", "lost")
    )
    for row in (refused, lost):
        expect(row).to_contain_text("traits.createdAt: must be a valid date-time")
    expect(rows(page).filter(has_text="/v1/track")).to_contain_text("refused")
    refused.get_by_role("link", name="Call ").click()
    problems = page.get_by_role("region", name="Problems")
    expect(problems.get_by_role("row").nth(1)).to_contain_text("traits.createdAt")
    expect(page.get_by_role("region", name="Body", exact=True).last).to_contain_text('"createdAt": "yesterday"')
    page.get_by_role("link", name="#1").click()
    expect(page.get_by_role("heading", name="Request 1")).to_be_visible()
    expect(page.get_by_text("400, in strict mode")).to_be_visible()


def test_a_person_is_followed_through_an_alias(visit, sandbox, cio):
    cio.identify("u0", {"email": "ada@example.com", "plan": "free"})
    cio.track("u0", "Course Started", {"title": "Intro"})
    page = visit("people")
    page.get_by_role("link", name="u0").click()
    expect(page.get_by_role("heading", name="u0")).to_be_visible()
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("free")
    timeline = page.get_by_role("region", name="Timeline").last
    expect(timeline.get_by_role("row").filter(has_text="Course Started")).to_be_visible()

    cio.send(devices.register("u1", "token-1", "ios", {"app_version": "4.2"}))
    cio.page(None, "Pricing", anonymous_id="visitor-1")
    cio.identify("u1", {"plan": "pro"}, anonymous_id="visitor-1")
    cio.alias("u1", "u0")
    page.goto(sandbox.page)
    rows(page).filter(has_text="alias").get_by_role("link", name="u1").click()
    expect(page.get_by_role("heading", name="u1")).to_be_visible()
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("pro")
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text("ada@example.com")
    expect(page.get_by_role("region", name="Ids")).to_contain_text("u0")
    expect(page.get_by_role("region", name="Ids")).to_contain_text("visitor-1")
    expect(page.get_by_role("region", name="Devices")).to_contain_text("token-1")
    for done in ("Course Started", "Pricing", "alias"):
        expect(timeline.get_by_role("row").filter(has_text=done)).to_be_visible()

    cio.track("u1", "Quiz Passed")  # the page is open, and shows it
    expect(timeline.get_by_role("row").filter(has_text="Quiz Passed")).to_be_visible()
    page.goto(f"{sandbox.page}people/u0")
    expect(page.get_by_text("merged into")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="u1").click()
    expect(page.get_by_role("heading", name="u1")).to_be_visible()


def test_objects_and_who_belongs_to_them(visit, sandbox, cio):
    cio.identify("u1", {"email": "ada@example.com"})
    cio.send(objects.create("u1", "acme", {"name": "Acme", "seats": 12}))
    cio.send(objects.create(None, "brick lane", {"name": "Brick Lane"}, 2, anonymous_id="visitor-1"))
    page = visit()
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Objects").click()
    page.get_by_role("link", name="acme").click()
    expect(page.get_by_role("region", name="Attributes", exact=True)).to_contain_text("12")
    page.get_by_role("region", name="People").last.get_by_role("link", name="u1").click()
    page.get_by_role("region", name="Relationships").get_by_role("link", name="acme").click()
    expect(page.get_by_role("heading", name="acme")).to_be_visible()
    page.get_by_role("link", name="Objects of type 1").click()
    page.get_by_role("link", name=re.compile("type 2")).click()
    expect(page.get_by_role("link", name="brick lane")).to_be_visible()


def test_events_are_counted_over_time(visit, sandbox):
    with Load(sandbox.url, 500, pause=0) as load:
        load.finish()
    page = visit("events")
    counted = page.get_by_role("region", name="Events by name").get_by_role("row").filter(has_text="Lesson Watched")
    ((wanted,),) = [
        tuple(row.values()) for row in sandbox.sql("SELECT count(*) FROM calls WHERE event = 'Lesson Watched'")
    ]
    expect(counted.get_by_role("cell").nth(1)).to_have_text(str(wanted))
    chart = page.get_by_role("img", name="Calls over time by verdict")
    expect(chart).to_be_visible()
    page.get_by_text("As a table").click()
    heard = page.get_by_role("table").filter(has_text="accepted").first
    expect(heard.get_by_role("row").nth(1)).to_be_visible()
    counted.get_by_role("link", name="Lesson Watched").click()
    expect(page.get_by_role("heading", name="Lesson Watched")).to_be_visible()
    expect(page.get_by_role("region", name="Properties").last).to_contain_text("n")


def test_batches_stand_beside_their_limit(visit, sandbox):
    big = [messages.track("u1", "Course Started", {"text": "x" * 20_000}, message_id=f"m{n}") for n in range(20)]
    with CustomerIO("key", base_url=sandbox.url) as cio:
        cio.send_many(big)
    page = visit("batches")
    row = page.get_by_role("region", name="Requests").get_by_role("row").nth(1)
    ((size,),) = [tuple(row.values()) for row in sandbox.sql("SELECT bytes FROM requests")]
    expect(row).to_contain_text(f"{size:,} B".replace(",", "\u202f"))
    expect(row).to_contain_text(re.compile(r"\b(7|8|9)\d %"))
    row.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Calls").last.get_by_role("row")).to_have_count(21)


def test_dead_letters_of_a_connected_outbox(visit, tmp_path: Path):
    path = tmp_path / "outbox.db"
    with Sandbox(outbox=path) as sandbox:
        page = visit("outbox", home=sandbox.page)
        with CustomerIO("key", base_url=sandbox.url) as cio, Outbox(cio, path) as outbox:
            outbox.put(messages.identify("u1", {"plan": "pro"}))
            outbox.put(devices.register("u1", "token-1", PLATFORM, message_id="bad-1"))  # type: ignore[arg-type]
        letter = page.get_by_role("region", name="The last dead letters").get_by_role("row").nth(1)
        expect(letter).to_contain_text("u1")
        expect(letter).to_contain_text("android or ios")
        letter.get_by_role("link").click()
        expect(page.get_by_role("region", name="Message").last).to_contain_text(PLATFORM)
        page.goto("about:blank")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_sent_is_text_whatever_it_looks_like(visit, sandbox, cio, name):
    traits = {name: name, "email": "ada@example.com"}
    cio.identify(name, traits)
    cio.track(name, name, {name: [name]}, message_id=name, context={"page": {"url": name}})
    cio.group(name, name, {name: name})
    cio.track(None, name, anonymous_id=name)
    post = {"auth": ("key", ""), "headers": {**STRICT, "X-Request-Id": "<b>id</b>"}}
    httpx.post(f"{sandbox.url}/track", json={"userId": name, "event": name, "timestamp": name}, **post)
    httpx.post(f"{sandbox.url}/<script>alert(1)</script>", json={}, **post)
    page = visit()
    plain = name.replace("\u202e", "U+202E")
    expect(rows(page).filter(has_text=plain).first).to_be_visible()
    for room in ("people", "events", "objects", "batches", "reports", "outbox"):
        page.goto(sandbox.page + room)
        expect(page.get_by_role("heading").first).to_be_visible()
    page.goto(f"{sandbox.page}people")
    page.get_by_role("main").get_by_role("link", name=plain).first.click()
    expect(page.get_by_role("heading", name=plain)).to_be_visible()
    expect(page.get_by_role("region", name="Traits", exact=True)).to_contain_text(plain)
    page.get_by_role("region", name="Relationships").get_by_role("link", name=plain).click()
    expect(page.get_by_role("heading", name=plain)).to_be_visible()
    page.goto(f"{sandbox.page}events")
    page.get_by_role("region", name="Events by name").get_by_role("link", name=plain).click()
    expect(page.get_by_role("heading", name=plain)).to_be_visible()
    page.get_by_role("link", name="Its calls in the stream").click()
    expect(rows(page)).to_have_count(3)
    for address in ("calls/1", "calls/2", "calls/5", "calls/6", "requests/5", "requests/6"):
        page.goto(sandbox.page + address)
        expect(page.get_by_role("heading").first).to_be_visible()
