"""Rooms of the page that are open: they are told nothing until something came, and then what it is."""

from collections.abc import Iterator

import httpx
import pytest
from leafing import batch, following, polled, said, send

from cio_facade.sandbox import Sandbox

ADDRESSES = [
    "/people",
    "/people?q=u",
    "/people/u1",
    "/objects",
    "/objects?type=1&q=a",
    "/objects/1/acme",
    "/events",
    "/events/E",
    "/batches",
    "/batches?singles=1",
    "/reports",
    "/reports?type=content",
    "/faults",
]


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    base = sandbox.url.removesuffix("/v1")
    with httpx.Client(base_url=base, auth=("key", ""), verify=False) as client:
        yield client


def fill(page: httpx.Client, some: str) -> None:
    """Something for each of the rooms."""
    batch(
        page,
        {"type": "identify", "userId": "u1", "traits": {"trait": some}},
        {"type": "identify", "userId": f"u-{some}"},
        {"type": "group", "userId": f"u-{some}", "groupId": "acme"},
        {"type": "group", "userId": "u1", "groupId": f"a-{some}", "traits": {"name": some}},
        {"type": "track", "userId": "u1", "event": "E", "properties": {some: 1}},
        {
            "type": "track",
            "event": "Report Delivery Event",
            "properties": {"deliveryId": f"d-{some}", "metric": "opened"},
        },
        {
            "type": "track",
            "event": "Report Content Event",
            "anonymousId": "a1",
            "properties": {"contentId": len(some), "actionType": "viewed_content"},
        },
    )


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_open_page_is_told_what_came_and_nothing_before(address: str, sandbox: Sandbox, page: httpx.Client) -> None:
    sandbox.faults.set("slow:1ms")
    fill(page, "first")
    answer = page.get(address)
    asks = polled(answer)
    address = address.partition("?")[0] if asks.startswith("?") else ""
    assert page.get(address + asks).status_code == 204
    fill(page, "second")
    again = page.get(address + asks)
    assert again.status_code == 200
    assert polled(again) != asks
    assert said(again) != said(answer)
    sandbox.faults.clear()


@pytest.mark.parametrize("address", ADDRESSES)
def test_as_many_calls_as_were_forgotten_are_news(address: str, sandbox: Sandbox, page: httpx.Client) -> None:
    fill(page, "first")
    asks = polled(page.get(address))
    address = address.partition("?")[0] if asks.startswith("?") else ""
    sandbox.clear()
    fill(page, "second")
    assert page.get(address + asks).status_code == 200


@pytest.mark.parametrize("address", ["/people", "/objects?type=1", "/reports"])
def test_only_the_first_page_of_a_list_is_live(address: str, page: httpx.Client) -> None:
    for number in range(60):
        fill(page, f"{number:03}")
    first = page.get(address)
    second = page.get(address.partition("?")[0] + (following(first) or ""))
    assert ("hx-trigger" in first.text, "hx-trigger" in second.text) == (True, False)


def test_a_search_stays_one_while_it_is_open(page: httpx.Client) -> None:
    send(page, "identify", userId="ann")
    asks = polled(page.get("/people", params={"q": "ann"}))
    batch(page, {"type": "identify", "userId": "bob"}, {"type": "identify", "userId": "anna"})
    answer = page.get("/people" + asks)
    assert "anna" in said(answer)
    assert "bob" not in said(answer)
