"""Objects on the page: by type, each with its attributes and its people."""

from collections.abc import Iterator

import httpx
import pytest
from leafing import batch, following, hrefs, rows, said, send

from cio_facade.sandbox import Sandbox


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    base = sandbox.url.removesuffix("/v1")
    with httpx.Client(base_url=base, auth=("key", ""), headers={"X-Strict-Mode": "1"}, verify=False) as client:
        yield client


def test_without_objects_the_page_says_how_one_is_made(page: httpx.Client) -> None:
    assert "No objects yet" in said(page.get("/objects"))


def test_objects_are_listed_by_type_with_the_number_of_their_people(page: httpx.Client) -> None:
    for number in range(3):
        send(page, "group", userId=f"u{number}", groupId="acme", traits={"name": "Acme"})
    send(page, "group", userId="u1", groupId="course", traits={"object_type_id": "2 <b>"})
    first = page.get("/objects")
    assert rows(first) == ["/objects/1/acme"]
    assert "acme 3 name" in said(first)
    (link,) = [link for link in hrefs(first) if "type=2" in link]
    assert rows(page.get(link)) == ["/objects/2%20%3Cb%3E/course"]


def test_objects_are_found_by_the_beginning_of_their_ids_over_several_pages(page: httpx.Client) -> None:
    batch(
        page,
        *(
            {"type": "group", "userId": "u1", "groupId": f"{letter}{number:03}"}
            for letter in "ab"
            for number in range(60)
        ),
    )
    first = page.get("/objects", params={"q": "b"})
    second = page.get("/objects" + (following(first) or ""))
    assert rows(first) + rows(second) == [f"/objects/1/b{number:03}" for number in range(60)]
    assert following(second) is None


def test_an_object_is_shown_with_attributes_and_people_over_several_pages(page: httpx.Client) -> None:
    related = {"relationshipAttributes": {"role": "admin"}}
    batch(
        page,
        *(
            {
                "type": "group",
                "userId": f"u/{number}",
                "groupId": "acme",
                "traits": {"city": {"name": "Riga"}} | related,
            }
            for number in range(60)
        ),
    )
    first = page.get("/objects/1/acme")
    assert "city name Riga" in said(first)
    assert "role admin" in said(first)
    second = page.get("/objects/1/acme" + (following(first) or ""))
    assert rows(first) + rows(second) == [f"/people/u%2F{number}" for number in range(60)]


@pytest.mark.parametrize("object_id", ["a/b", "..", ".", "-", "<script>alert(1)</script>", "ü?#%", " "])
def test_whatever_an_id_holds_the_list_leads_to_its_page(page: httpx.Client, object_id: str) -> None:
    send(page, "group", userId="u1", groupId=object_id, traits={"mark": "it is me"})
    (link,) = rows(page.get("/objects"))
    answer = page.get(link)
    assert answer.status_code == 200
    assert "it is me" in said(answer)
    assert "<script>alert" not in answer.text


def test_an_object_that_is_not_there_is_not_found_and_the_page_leads_out(page: httpx.Client) -> None:
    for address in ("/objects/1/none", "/objects/1", "/objects/1/a/b"):
        answer = page.get(address)
        assert answer.status_code == 404
        assert "/objects" in hrefs(answer)


@pytest.mark.parametrize("room", ["people", "objects", "events", "outbox"])
def test_an_address_without_its_end_leads_to_the_list(page: httpx.Client, room: str) -> None:
    answer = page.get(f"/{room}/")
    assert (answer.status_code, answer.headers["location"]) == (302, f"/{room}")
