"""People on the page: the list and its search, one person's page, and ids that have no person any more."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leafing import batch, following, hrefs, polled, rows, said, send

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page import links
from cio_facade.sandbox.people import People


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[httpx.Client]:
    base = sandbox.url.removesuffix("/v1")
    with httpx.Client(base_url=base, auth=("key", ""), headers={"X-Strict-Mode": "1"}, verify=False) as client:
        yield client


# The list ------------------------------------------------------------------------------------------------------------


def test_nobody_is_there_at_first_and_the_page_says_how_somebody_comes(page: httpx.Client) -> None:
    assert "Nobody yet" in said(page.get("/people"))
    assert "No id is suppressed" in said(page.get("/suppressed"))


def test_everybody_is_listed_once_over_several_pages(page: httpx.Client) -> None:
    batch(page, *({"type": "identify", "userId": f"u{number}"} for number in range(120)))
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        answer = page.get(f"/people{query}")
        found += rows(answer)
        query = following(answer)
    assert found == [f"/people/u{number}" for number in reversed(range(120))], "the newest first"


def test_a_search_finds_by_the_beginning_of_any_id_page_by_page(page: httpx.Client) -> None:
    people = [
        {"type": "identify", "userId": f"Ann{number:03}", "traits": {"email": f"b{number}@x.org"}}
        for number in range(70)
    ]
    batch(page, *people, {"type": "identify", "userId": "z", "traits": {"email": "ann@x.org"}})
    batch(
        page, {"type": "identify", "userId": "y", "anonymousId": "Ann-cookie"}, {"type": "identify", "userId": "other"}
    )
    first = page.get("/people", params={"q": "Ann"})
    second = page.get("/people" + (following(first) or ""))
    assert following(second) is None
    assert rows(first) + rows(second) == [
        *(f"/people/Ann{number:03}" for number in range(70)),
        "/people/z",
        "/people/y",
    ]


def test_a_search_finds_what_is_within_an_id_where_nothing_begins_so(page: httpx.Client) -> None:
    batch(
        page,
        *(
            {"type": "identify", "userId": f"u{number}", "traits": {"email": f"u{number}@ex_ample.org"}}
            for number in range(3)
        ),
    )
    send(page, "identify", userId="other", traits={"email": "u9@exxample.org"})
    assert rows(page.get("/people", params={"q": "ex_ample"})) == ["/people/u2", "/people/u1", "/people/u0"]
    assert "Nobody has %" in said(page.get("/people", params={"q": "%"}))


def test_the_list_counts_calls_and_devices(page: httpx.Client, sandbox: Sandbox) -> None:
    send(page, "identify", userId="u1", anonymousId="cookie", traits={"email": "u1@example.com"})
    send(
        page, "track", userId="u1", event="Device Created or Updated", context={"device": {"token": "t", "type": "ios"}}
    )
    assert "u1 u1@example.com cookie 2 1" in said(page.get("/people"))


def test_a_list_of_just_a_page_has_no_next_page(page: httpx.Client) -> None:
    batch(page, *({"type": "identify", "userId": f"u{number:02}"} for number in range(50)))
    for query in ("", "?q=u"):
        answer = page.get(f"/people{query}")
        assert len(rows(answer)) == 50
        assert following(answer) is None


# One person ----------------------------------------------------------------------------------------------------------


def test_a_person_is_shown_with_all_that_belongs_to_it(page: httpx.Client) -> None:
    traits = {
        "email": "u1@example.com",
        "address": {"city": "Kyiv", "lines": ["a", "b"]},
        "vip": True,
        "note": "",
        "cio_subscription_preferences": {"topics": {"news": True}, "channels": {"email": False}},
    }
    send(page, "track", anonymousId="cookie", event="Visited")
    send(page, "identify", userId="u1", anonymousId="cookie", traits=traits)
    send(page, "group", userId="u1", groupId="acme inc", traits={"relationshipAttributes": {"role": "admin"}})
    send(page, "alias", userId="u1", previousId="old one")
    send(page, "identify", userId="old")
    send(page, "alias", userId="u1", previousId="old")
    send(
        page,
        "track",
        userId="u1",
        event="Device Created or Updated",
        context={"device": {"token": "tok", "type": "ios"}},
        properties={"os": "17"},
    )
    send(page, "page", userId="u1", name="Pricing", timestamp="2026-01-31T12:00:00Z")
    answer = page.get("/people/u1")
    words = said(answer)
    for phrase in (
        "u1@example.com",
        "address city Kyiv lines a b",
        "vip true",
        "note an empty text",
        "topics news true channels email false",
        "cookie",
        "Merged into it old",
        "ios tok",
        "os 17",
        "acme inc type 1",
        "role admin",
        "page Pricing",
        "2026-01-31 12:00",
        "track Visited anonymous",
        "identify email, address, vip, note, cio_subscription_preferences",
    ):
        assert phrase in words, phrase
    assert "/objects/1/acme%20inc" in hrefs(answer)
    assert "/?person=u1" in hrefs(answer)


def test_whatever_traits_hold_is_shown_as_text(page: httpx.Client) -> None:
    evil = "<script>alert(1)</script>\u202e"
    deep: object = evil
    for _ in range(100):
        deep = {evil: [deep]}
    send(
        page,
        "identify",
        userId="u1",
        traits={evil: evil, "list": [evil], "deep": deep, "cio_subscription_preferences": {"topics": {evil: True}}},
    )
    send(page, "group", userId="u1", groupId="acme", traits={"name": evil, "relationshipAttributes": {evil: evil}})
    for address in ("/people/u1", "/objects", "/objects/1/acme"):
        answer = page.get(address)
        assert answer.status_code == 200
        assert "alert(1)" in said(answer) or address == "/objects"
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text


def test_a_timeline_leads_to_each_call_the_last_first_over_several_pages(page: httpx.Client, sandbox: Sandbox) -> None:
    batch(page, *({"type": "track", "userId": f"u{number % 2}", "event": "E"} for number in range(240)))
    found: list[str] = []
    query: str | None = ""
    while query is not None:
        answer = page.get(f"/people/u1{query}")
        found += [link for link in hrefs(answer) if link.startswith("/calls/")]
        assert ("hx-trigger" in answer.text) == (not query), "only the first page is live"
        query = following(answer)
    assert found == [f"/calls/{number}" for number in range(240, 0, -2)]


def test_an_open_page_is_told_nothing_until_the_person_has_a_new_call(page: httpx.Client) -> None:
    send(page, "identify", userId="u1")
    asks = polled(page.get("/people/u1"))
    send(page, "track", userId="u2", event="E")
    assert page.get("/people/u1" + asks).status_code == 204
    send(page, "track", userId="u1", event="E")
    assert "track E" in said(page.get("/people/u1" + asks))


def test_a_person_without_a_user_id_has_a_page_and_moves_when_it_gets_one(page: httpx.Client, sandbox: Sandbox) -> None:
    send(page, "identify", userId=None, traits={"email": "nobody@example.com", "city": "Riga"})
    (row,) = rows(page.get("/people"))
    assert row.startswith("/people/-/")
    assert "city Riga" in said(page.get(row))
    assert page.get("/people/-/99").status_code == 404


def test_the_number_of_a_person_with_a_user_id_leads_to_it(page: httpx.Client, sandbox: Sandbox) -> None:
    send(page, "identify", userId="a/b")
    number = People(sandbox._storage.read)["a/b"].number
    answer = page.get(f"/people/-/{number}")
    assert (answer.status_code, answer.headers["location"]) == (302, "/people/a%2Fb")


@pytest.mark.parametrize(
    "user_id",
    [
        "a/b c",
        "..",
        ".",
        "-",
        "-/1",
        "q\"'<b>",
        "ü?#%&+;",
        "a//b/",
        "/",
        "<script>alert(1)</script>",
        "x\u202ey",
        "\u0000z",
        "%2F",
    ],
)
def test_whatever_an_id_holds_the_list_leads_to_its_page(page: httpx.Client, user_id: str) -> None:
    send(page, "identify", userId=user_id, traits={"mark": "it is me"})
    send(page, "identify", userId="1", traits={"mark": "it is not"})
    link = next(link for link in rows(page.get("/people")) if link != "/people/1")
    answer = page.get(link)
    assert answer.status_code == 200
    assert "it is me" in said(answer)
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text


segment = st.text(min_size=1, max_size=20)


@given(segment, segment)
@settings(max_examples=200)
def test_an_address_gives_back_what_it_was_made_of(one: str, other: str) -> None:
    one, other = (text.encode("utf-8", "replace").decode() for text in (one, other))
    for address, names, parts in (
        (links.person(one), ("id",), [one]),
        (links.object(one, other), ("type", "id"), [one, other]),
    ):
        url = httpx.URL(f"http://sandbox{address}")
        scope = {
            "type": "http",
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "headers": [],
        }
        assert links.segments(links.Request(scope), *names) == parts


# Nobody --------------------------------------------------------------------------------------------------------------


def test_an_id_that_was_merged_away_leads_to_where_it_went(page: httpx.Client) -> None:
    send(page, "identify", userId="u 0")
    send(page, "alias", userId="u/1", previousId="u 0")
    answer = page.get("/people/u%200")
    assert answer.status_code == 200
    assert "merged into u/1" in said(answer)
    assert "/people/u%2F1" in hrefs(answer)
    assert "was merged into another" in said(page.get("/people", params={"q": "u 0"}))


def test_a_suppressed_id_says_so_and_leads_to_its_calls(page: httpx.Client) -> None:
    send(page, "identify", userId="u1")
    send(page, "track", userId="u1", event="User Suppressed")
    answer = page.get("/people/u1")
    assert answer.status_code == 200
    assert "This id was suppressed" in said(answer)
    assert "/?person=u1" in hrefs(answer)
    assert rows(page.get("/suppressed")) == ["/people/u1"]
    assert "is suppressed" in said(page.get("/people", params={"q": "u1"}))


def test_a_deleted_id_says_so_and_leads_to_its_calls(page: httpx.Client) -> None:
    send(page, "identify", userId="u1")
    send(page, "track", userId="u1", event="User Deleted")
    answer = page.get("/people/u1")
    assert answer.status_code == 200
    assert "The person was deleted" in said(answer)
    assert {"/?person=u1", "/calls/2", "/people"} <= set(hrefs(answer))


def test_an_id_that_nobody_named_is_not_found_and_the_page_leads_out(page: httpx.Client) -> None:
    answer = page.get("/people/nobody")
    assert answer.status_code == 404
    assert "No person has this id" in said(answer)
    assert "/people" in hrefs(answer)


def test_an_id_whose_calls_were_all_refused_is_not_found_but_its_calls_are(page: httpx.Client) -> None:
    assert page.post("/v1/track", json={"userId": "u1"}).status_code == 400
    answer = page.get("/people/u1")
    assert answer.status_code == 404
    assert "none of its calls was accepted" in said(answer)
    assert "/calls/1" in hrefs(answer)
