"""Events on the page: by name, over time, one with what its calls carry; and what was reported."""

import re
from collections.abc import Iterator

import httpx
import pytest
from leafing import batch, following, hrefs, polled, rows, said, send

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page.events import RANGES, over_time, window
from cio_facade.sandbox.page.shapes import Shapes, compare
from cio_facade.sandbox.records import Call, Problem, RequestRecord
from cio_facade.sandbox.rules import published
from cio_facade.sandbox.storage import Storage

NOON = "2026-01-31T12:00:{:02}+00:00"
SECONDS = 1769860800  # the same as a number


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    base = sandbox.url.removesuffix("/v1")
    with httpx.Client(base_url=base, auth=("key", ""), verify=False) as client:
        yield client


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    yield storage
    storage.close()


def keep(storage: Storage, time: str, event: str, number: int = 1, status: int = 200) -> None:
    problems = () if status == 200 else (Problem(status, "type", "no"),)
    said = {"type": "track", "event": event, "userId": "u1"}
    calls = [Call(place, "track", "{}", 50, said, problems[0].message if problems else None) for place in range(number)]
    storage.record(RequestRecord(time, "/v1/batch", status=status, problems=problems), calls)


# Over time -----------------------------------------------------------------------------------------------------------


def test_calls_are_counted_in_the_bar_of_their_time_and_verdict(storage: Storage) -> None:
    keep(storage, NOON.format(0), "A", 3)
    keep(storage, NOON.format(1), "A", 2, status=400)
    keep(storage, NOON.format(59), "B")
    shown = window(storage.read, "1m", SECONDS + 59)
    chart = over_time(storage.read, shown)
    counted = {bar.column.label: bar.column.counts for bar in chart.bars if bar.parts}
    assert counted == {NOON.format(0): (3, 0, 0, 0), NOON.format(1): (0, 0, 2, 0), NOON.format(59): (1, 0, 0, 0)}
    assert len(chart.bars) == 60
    assert over_time(storage.read, shown, "B").totals == (1, 0, 0, 0)


def test_a_range_leaves_out_what_came_before_it(storage: Storage) -> None:
    keep(storage, NOON.format(0), "A")
    assert over_time(storage.read, window(storage.read, "1m", SECONDS + 60)).total == 0
    assert over_time(storage.read, window(storage.read, "15m", SECONDS + 60)).total == 1


@pytest.mark.parametrize("asked", [one.name for one in RANGES])
@pytest.mark.parametrize("now", [SECONDS, SECONDS + 7, SECONDS + 86_399])
def test_every_range_has_so_many_bars_that_they_can_be_told_apart(storage: Storage, asked: str, now: int) -> None:
    keep(storage, NOON.format(0), "A")
    shown = window(storage.read, asked, now)
    assert 1 <= len(over_time(storage.read, shown).bars) <= 61
    assert shown.start % shown.width == 0


def test_all_goes_from_the_first_call_to_the_last(storage: Storage) -> None:
    keep(storage, "2025-01-01T00:00:00+00:00", "A")
    keep(storage, NOON.format(0), "A", 2)
    shown = window(storage.read, "all", SECONDS + 5_000_000)
    assert shown.end == SECONDS + 1
    assert over_time(storage.read, shown).totals == (3, 0, 0, 0)


@pytest.mark.parametrize(("after", "name"), [(5, "15m"), (1_000, "1h"), (50_000, "1d"), (500_000, "all")])
def test_unasked_it_shows_a_time_in_which_something_came(storage: Storage, after: int, name: str) -> None:
    keep(storage, NOON.format(0), "A")
    assert window(storage.read, None, SECONDS + after).range.name == name
    assert window(storage.read, "nonsense", SECONDS + after).range.name == name


def test_a_store_without_calls_has_a_chart_without_bars(storage: Storage) -> None:
    for one in RANGES:
        assert over_time(storage.read, window(storage.read, one.name, SECONDS)).total == 0


# The list of events --------------------------------------------------------------------------------------------------


def test_nothing_has_arrived_and_the_page_says_what_to_do(page: httpx.Client) -> None:
    assert "Nothing has arrived yet" in said(page.get("/events"))


def test_events_are_listed_with_their_counts_and_refusals(page: httpx.Client) -> None:
    batch(page, *({"type": "track", "userId": "u1", "event": "Often"} for _ in range(3)))
    send(page, "track", userId="u1", event="Once")
    page.post("/v1/track", json={"event": "Once"}, headers={"X-Strict-Mode": "1"})
    send(page, "track", event="Once")
    send(page, "identify", userId="u1")
    answer = page.get("/events")
    assert rows(answer)[:2] == ["/events/Often", "/events/Once"]
    words = said(answer)
    assert "Often 3 3 0 0 0" in words
    assert "Once 3 1 1 1 0" in words
    assert "identify 1 1 0 0 0" in words


def test_the_chart_says_the_same_as_its_table(page: httpx.Client) -> None:
    batch(page, *({"type": "track", "userId": "u1", "event": "E"} for _ in range(1_234)))
    answer = page.get("/events?range=all")
    assert re.search(r'<svg class="bars"[^>]* role="img" aria-label="[^"]+"', answer.text)
    told = re.findall(r"<title>([^<]*accepted)</title>", answer.text)
    assert [one.split("UTC:")[1].strip() for one in told] == ["1\u202f234 accepted"]
    table = answer.text.partition("<caption>")[2].partition("</table>")[0]
    assert "1\u202f234" in table
    assert " style=" not in answer.text


def test_ranges_are_links_and_the_chosen_one_is_marked(page: httpx.Client) -> None:
    send(page, "track", userId="u1", event="E")
    answer = page.get("/events?range=1h")
    assert {f"?range={one.name}" for one in RANGES} <= set(hrefs(answer))
    assert re.findall(r'href="\?range=(\w+)" aria-current="true"', answer.text) == ["1h"]


def test_an_open_list_is_told_nothing_until_something_comes(page: httpx.Client) -> None:
    send(page, "track", userId="u1", event="E")
    asks = polled(page.get("/events?range=all"))
    assert page.get(f"/events{asks}").status_code == 204
    send(page, "track", userId="u1", event="New")
    assert "New 1" in said(page.get(f"/events{asks}"))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "..", "a?b#c%", "-", "\u202eevil", "x" * 90])
def test_whatever_an_event_is_called_the_list_leads_to_its_page(page: httpx.Client, name: str) -> None:
    send(page, "track", userId="u1", event=name)
    answer = page.get("/events")
    assert "<script>alert" not in answer.text
    (link,) = [link for link in rows(answer) if link.startswith("/events/")]
    one = page.get(link)
    assert one.status_code == 200
    assert "/calls/1" in hrefs(one)
    assert "<script>alert" not in one.text


def test_a_name_too_long_for_an_address_is_listed_all_the_same(page: httpx.Client) -> None:
    send(page, "track", userId="u1", event="x" * 5_000)
    answer = page.get("/events")
    assert "4 900 more" in said(answer)
    assert not [link for link in rows(answer) if link.startswith("/events/")]


# One event -----------------------------------------------------------------------------------------------------------


def test_properties_are_shown_beside_the_specifications(page: httpx.Client) -> None:
    for total in (1, 2.5, "3"):
        send(
            page,
            "track",
            userId="u1",
            event="Order Completed",
            properties={"total": total, "own": None, "products": []},
        )
    words = said(page.get("/events/Order%20Completed"))
    assert "total number 2 , text 1 100 % number" in words
    assert "own null 100 % not in it" in words
    assert "products list 100 % list" in words
    assert "coupon not seen 0 % text" in words


def test_an_event_of_the_specification_has_a_page_before_it_comes(page: httpx.Client) -> None:
    answer = page.get("/events/Email%20Bounced")
    assert answer.status_code == 200
    assert "email_id not seen text required" in said(answer)


def test_an_event_that_nobody_knows_is_not_found_and_the_page_leads_out(page: httpx.Client) -> None:
    answer = page.get("/events/Nothing")
    assert answer.status_code == 404
    assert "/events" in hrefs(answer)


def test_every_event_of_the_specification_has_a_shape() -> None:
    document = published()
    shapes = Shapes.read(document)
    marks = [one["x-semantic-event"] for one in document["components"]["schemas"].values() if "x-semantic-event" in one]
    assert marks
    for mark in marks:
        for name in (mark["name"], *mark.get("aliases", ())):
            shape = shapes.get(name)
            assert shape is not None
            assert shape.required <= set(shape.properties)


def test_a_document_without_events_has_no_shapes() -> None:
    assert Shapes.read({}).get("Order Completed") is None


def test_properties_that_are_no_object_are_passed_over() -> None:
    assert compare([{}, {"properties": None}, {"properties": 3}, {"properties": []}], None) == []


# Reports -------------------------------------------------------------------------------------------------------------


def test_reports_are_listed_by_kind_the_last_first(page: httpx.Client) -> None:
    for number in range(60):
        metric = "opened" if number % 2 else "clicked"
        properties = {"deliveryId": f"d{number}", "metric": metric, "recipient": "<b>@example.com"}
        send(page, "track", event="Report Delivery Event", properties=properties)
    send(
        page,
        "track",
        event="Report Content Event",
        properties={"actionType": "clicked_content", "contentId": 7, "templateId": 8},
    )
    first = page.get("/reports")
    assert "clicked 30 opened 30" in said(first)
    assert "d59 opened <b>@example.com" in said(first)
    last = page.get("/reports" + (following(first) or ""))
    assert "d0 clicked" in said(last)
    assert following(last) is None
    assert "7 clicked_content 8" in said(page.get("/reports?type=content"))


def test_no_reports_is_said(page: httpx.Client) -> None:
    assert "No reports of this kind" in said(page.get("/reports"))
    assert "No reports of this kind" in said(page.get("/reports?type=content"))
