"""The page over a real socket: what the list and a call's own page show, how they narrow, and that all is escaped."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Page, read

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.page import assets, rendering
from cio_facade.sandbox.page.arrivals import Arrivals
from cio_facade.sandbox.page.filters import VERDICTS, Filters
from cio_facade.sandbox.page.rendering import brief, clock, pretty, shown, size
from cio_facade.sandbox.page.views import Cursor
from cio_facade.sandbox.storage import Storage

TEMPLATES = Path(rendering.__file__).parent / "templates"
STATIC = Path(rendering.__file__).parent / "static"


def track(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "userId": "u1", "event": f"e{number}", **more}


@pytest.fixture
def some(sandbox: Sandbox, permissive: httpx.Client) -> Sandbox:
    """A sandbox with calls of every kind; their numbers are the order here."""
    calls: list[dict[str, Any]] = [
        {"type": "track", "anonymousId": "a1", "event": "Looked"},
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"email": "u1@example.com"}},
        {"type": "track", "userId": "u2", "event": "Looked", "messageId": "m1"},
        {"type": "group", "userId": "u2", "groupId": "g1"},
        {"type": "track", "userId": "u2", "event": "Looked", "messageId": "m1"},
        {"type": "page", "userId": "u2", "name": "Prices"},
        {"type": "alias", "userId": "u3", "previousId": "u2"},
        {"type": "track", "userId": "u1"},
    ]
    for call in calls:
        permissive.post(f"/{call['type']}", json=call)
    permissive.post("/track", json={"userId": "u1"}, headers={"X-Strict-Mode": "1"})
    return sandbox


# The list ------------------------------------------------------------------------------------------------------------


def test_an_empty_sandbox_says_that_it_waits(sandbox: Sandbox) -> None:
    page = read(sandbox.page)
    assert page.rows == []
    assert "No call yet" in page.text


def test_the_list_shows_the_newest_first_with_what_they_did(some: Sandbox) -> None:
    page = read(some.page)
    assert [row.id for row in page.rows] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    by_id = {row.id: row.cells[1:7] for row in page.rows}
    assert by_id[9] == ["refused", "track", "", "u1", "event: is required", "15 B"]
    assert by_id[8][:1] == ["lost"]
    assert by_id[7][1:5] == ["alias", "", "u3", "person created; merged u2 into u3"]
    assert by_id[6][1:4] == ["page", "Prices", "u2"]
    assert (by_id[5][0], by_id[5][4]) == ("accepted", "repeat")
    assert by_id[2][4] == "person created; anonymous activity joined: 1 call; set email"


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        ({"type": "track"}, [9, 8, 5, 3, 1]),
        ({"event": "Looked"}, [5, 3, 1]),
        ({"event": "looked"}, []),
        ({"person": "u1"}, [9, 8, 2, 1]),  # also what was anonymous when it came
        ({"person": "a1"}, [2, 1]),
        ({"person": "g1"}, [4]),
        ({"person": "u2"}, [7, 6, 5, 4, 3]),
        ({"verdict": "accepted"}, [7, 6, 5, 4, 3, 2, 1]),
        ({"verdict": "refused"}, [9]),
        ({"verdict": "lost"}, [8]),
        ({"verdict": "repeat"}, [5]),
        ({"verdict": "nonsense"}, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"type": "track", "person": "u2", "verdict": "repeat", "event": "Looked"}, [5]),
        ({"type": "", "event": "", "person": "", "verdict": ""}, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_the_filters_narrow_the_list(some: Sandbox, parameters: dict[str, str], ids: list[int]) -> None:
    assert [row.id for row in read(some.page, **parameters).rows] == ids


def test_the_filters_are_in_the_form_again(some: Sandbox) -> None:
    page = read(some.page, type="track", event='"><b>', person="u'1", verdict="lost")
    values = {said["name"]: said.get("value") for tag, said in page.tags if tag == "input" and "name" in said}
    chosen = re.findall(r"<option selected>(\w+)", page.html)
    assert (values, chosen) == ({"event": '"><b>', "person": "u'1"}, ["track", "lost"])


def test_older_calls_are_read_page_by_page_each_once(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/batch", json={"batch": [track(number) for number in range(250)]})
    seen: list[list[int]] = []
    page = read(sandbox.page)
    while page.rows:
        seen.append([row.id for row in page.rows])
        address = page.attribute("older", "href") or ""
        if address not in page.links:
            break
        page = read(sandbox.page, address)
        assert page.attribute("feed", "hx-sse:connect") is None  # what is old does not grow
    assert [len(ids) for ids in seen] == [100, 100, 50]
    assert [id_ for ids in seen for id_ in ids] == list(range(250, 0, -1))


@pytest.mark.parametrize("before", ["x", "-3", "0", "1", "9" * 30, "", "1e3"])
def test_a_place_that_is_none_is_no_error(some: Sandbox, before: str) -> None:
    read(some.page, before=before)
    read(some.page, "/stream/older", before=before, have=before)


def test_few_among_many_are_looked_for_by_and_by(
    sandbox: Sandbox, permissive: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cio_facade.sandbox.page.arrivals._LOOKED_AT", 10)
    wanted = range(3, 45, 4)
    calls = [track(number, userId="rare" if number in wanted else "u1") for number in range(1, 46)]
    permissive.post("/batch", json={"batch": calls})
    page = read(sandbox.page, person="rare")
    found = [row.id for row in page.rows]
    steps = 0
    while address := page.attribute("more", "hx-get"):
        assert page.attribute("more", "hx-trigger") == "load"
        page = read(sandbox.page, address)
        found += [row.id for row in page.rows]
        steps += 1
    assert (found, steps) == (sorted(wanted, reverse=True), 4)
    assert "These are the first calls" in page.text


def test_it_stops_looking_when_a_page_is_full(
    sandbox: Sandbox, permissive: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cio_facade.sandbox.page.arrivals._LOOKED_AT", 80)
    permissive.post("/batch", json={"batch": [track(number) for number in range(200)]})
    page = read(sandbox.page, person="u1")
    page = read(sandbox.page, page.attribute("more", "hx-get") or "")
    assert [row.id for row in page.rows] == list(range(120, 100, -1))
    assert page.attribute("more", "hx-get") is None
    assert "before=101" in (page.attribute("older", "href") or "")


# A call --------------------------------------------------------------------------------------------------------------


def test_a_call_shows_its_body_what_it_did_and_whose_it_is(some: Sandbox) -> None:
    page = read(some.page, "/calls/1")
    assert '{\n  "type": "track",' in page.text or '"anonymousId": "a1",\n' in page.text
    assert "/people/u1" in page.links  # joined later
    page = read(some.page, "/calls/2")
    assert "anonymous activity joined: 1 call; set email" in page.text
    assert {"/people/u1", "/requests/2"} <= set(page.links)


def test_a_call_shows_each_of_its_problems_with_the_field(sandbox: Sandbox, strict: httpx.Client) -> None:
    bad = {"type": "identify", "traits": {"email": 7}}
    strict.post("/batch", json={"batch": [track(1), bad, {"type": "track", "userId": "u1"}]})
    page = read(sandbox.page, "/calls/2")
    assert "traits.email" in page.text
    assert "event" not in page.text.replace("Events", "").replace("Event", "")  # what is wrong with another call
    assert "batch[1]" in page.text
    page = read(sandbox.page, "/calls/1")
    assert "refused with the batch" in page.text
    assert "Problems" not in page.text
    assert "/requests/1" in page.links


def test_a_request_of_which_no_call_could_be_read_has_a_page(sandbox: Sandbox, strict: httpx.Client) -> None:
    strict.post("/track", content=b"{", headers={"X-Request-Id": "r<1>", "X-Retry-Count": "3"})
    page = read(sandbox.page, "/calls/1")
    for words in ("No call could be read", "the body is no JSON", "r<1>"):
        assert words in page.text


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("/track", b'{"event": <b>', 'As it came, 2 000 bytes of it at most. {"event": <b>'),
        ("/track", b"", "The body was empty."),
        ("/nowhere", b"{}", "The body was not kept: nobody read it."),
    ],
)
def test_a_body_that_could_not_be_read_is_shown_as_it_came(
    path: str, content: bytes, words: str, sandbox: Sandbox, strict: httpx.Client
) -> None:
    strict.post(path, content=content)
    page = read(sandbox.page, "/calls/1")
    assert words in " ".join(page.text.split())
    assert (words in " ".join(read(sandbox.page, "/requests/1").text.split())) == (path != "/nowhere")


def test_repeats_lead_to_one_another(some: Sandbox) -> None:
    assert "/calls/5" in read(some.page, "/calls/3").links
    assert "/calls/3" in read(some.page, "/calls/5").links


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("sink", [False, True])
@pytest.mark.parametrize("path", ["/poeple", "/_sandboxes", "/v11/track", "/peop%3Cb%3Ele"])
def test_a_browser_at_an_address_that_has_no_page_is_led_on(path: str, sink: bool) -> None:
    with Sandbox(sink=sink) as sandbox:
        answer = httpx.get(f"{sandbox.page.rstrip('/')}{path}", headers=BROWSER)
    page = Page(answer.text)
    assert answer.status_code == 404
    assert "There is no such page" in page.text
    assert "<b>" not in answer.text
    assert "/" in page.links
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(
    ("method", "path", "accept", "status"),
    [
        ("GET", "/poeple", "*/*", 404),
        ("POST", "/poeple", "text/html", 404),
        ("GET", "/v1/track", "text/html", 405),
        ("GET", "/v1", "text/html", 404),
        ("GET", "/_sandbox/nothing", "text/html", 404),
        ("GET", "/_sandbox/clear", "text/html", 405),
    ],
)
def test_a_program_at_such_an_address_is_answered_as_one(
    method: str, path: str, accept: str, status: int, sandbox: Sandbox
) -> None:
    answer = httpx.request(method, f"{sandbox.page.rstrip('/')}{path}", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()


@pytest.mark.parametrize("number", ["0", "10", "9" * 30, "-1", "first", "<b>"])
def test_a_call_that_is_not_there_is_said(some: Sandbox, number: str) -> None:
    assert "No such call" in read(some.page, f"/calls/{number}", status=404).text


# Whatever is sent is shown as text -----------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "a\u202eb\u2066c\u200bd",
    "nul\x00l",
    "{{ 7 * 7 }}{% raw %}",
    "</td></tr></table><hx-partial hx-target='body'>",
    "javascript:alert(1)",
    "..",
    "a/b?c#d%2F&e",
    "\ufffe\uffff\U000e0041",
]


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest, sandbox: Sandbox, permissive: httpx.Client) -> str:
    name = str(request.param)
    call = {"event": name, "userId": name, "messageId": name, "context": {name: name}, "properties": {name: [name]}}
    permissive.post("/track", json=call, headers={"X-Request-Id": "<script>alert(1)</script>"})
    permissive.post("/group", json={"anonymousId": name, "groupId": name, "traits": {name: name}})
    permissive.post("/page", json={"userId": name, "name": name, "properties": 7})
    permissive.post("/batch", json={"batch": [{"type": name, name: name}]})
    return name


def test_what_was_sent_is_text_on_every_page(sandbox: Sandbox, hostile: str) -> None:
    unseen = re.compile("[\x00-\x1f\u200b-\u206f\ufffe\uffff\U000e0041]")
    words = unseen.sub(lambda found: f"U+{ord(found[0]):04X}", hostile)
    for path in ("/", "/?before=9", "/stream/older?before=9", *(f"/calls/{number}" for number in range(1, 5))):
        page = read(sandbox.page, path)
        harmless(page)
        assert (
            words in page.text or json.dumps(hostile, ensure_ascii=False)[1:-1] in page.text or words in json_of(page)
        )


def json_of(page: Page) -> str:
    return page.text.replace('\\"', '"').replace("\\u", "U+").upper() + page.text


def test_filters_are_text_on_the_page(sandbox: Sandbox, hostile: str) -> None:
    for name in ("event", "person", "type"):
        harmless(read(sandbox.page, **{name: hostile}))


def harmless(page: Page) -> None:
    """Nothing of what was sent is a tag, an attribute, or a character that cannot be seen."""
    sources = [said.get("src") or "" for tag, said in page.tags if tag == "script"]
    assert all(source.startswith("/static/") for source in sources)
    assert not [said for tag, said in page.tags if tag == "img" or any(name.startswith("on") for name in said)]
    assert {tag for tag, said in page.tags if said.get("hx-target") == "body"} == set()
    assert not [link for link in page.links if not link.startswith("/") and link != "#main"]
    visible = re.sub(r'(?s)(value|title|content)="[^"]*"', "", page.html)
    assert not re.search("[\x00-\x08\x0e-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0041]", visible)


def test_a_name_of_32_kb_is_cut_in_the_list_and_whole_on_its_page(sandbox: Sandbox, permissive: httpx.Client) -> None:
    name = "Ä" * 16_000
    permissive.post("/track", json={"userId": "u1", "event": name})
    page = read(sandbox.page)
    assert len(page.html) < 20_000
    assert page.rows[0].cells[3] == "Ä" * 60 + " …"
    assert name in read(sandbox.page, "/calls/1").text


def test_lone_surrogates_are_no_error(sandbox: Sandbox, permissive: httpx.Client) -> None:
    permissive.post("/track", content=b'{"userId": "u1", "event": "\\ud800"}')
    assert read(sandbox.page).rows[0].cells[5] == "the body is no JSON"
    for path in ("/?event=%ED%A0%80&person=%FF%00", "/stream/older?before=3&event=%ED%A0%80", "/calls/%ED%A0%80"):
        assert httpx.get(httpx.URL(sandbox.page).join(path)).status_code in {200, 404}


@given(st.text(st.characters(exclude_categories=[]), max_size=50))
def test_all_text_is_shown_without_tags_or_unseen_characters(text: str) -> None:
    found = str(shown(text))
    bare = re.sub(r'<span class="unseen">(U\+[0-9A-F]{4,6})</span>', r"\1", found)
    assert not set(bare) & set("<>\"'\x00\r\n\u202e\u2028")
    unescaped = Page(found).text
    assert [*filter(str.isalnum, unescaped)] == [
        *filter(str.isalnum, "".join(one if one in unescaped else f"U+{ord(one):04X}" for one in text))
    ]


def test_ends_of_lines_are_kept_in_a_block_alone() -> None:
    assert str(shown("a\nb")) == 'a<span class="unseen">U+000A</span>b'
    assert str(shown("a\nb\r", block=True)) == 'a\nb<span class="unseen">U+000D</span>'
    assert str(shown(None)) == ""


def test_json_is_shown_member_by_member_and_anything_else_as_it_is() -> None:
    assert str(pretty('{"a":[1]}')) == "{\n  &#34;a&#34;: [\n    1\n  ]\n}"
    assert str(pretty("{<")) == "{&lt;"
    deep = "[" * 2000 + "]" * 2000
    assert str(pretty(deep)) == deep


def test_numbers_are_for_people() -> None:
    assert [size(count) for count in (0, 1023, 1024, 1024**2 - 1, 1024**2)] == [
        "0 B",
        "1023 B",
        "1.0 KB",
        "1024.0 KB",
        "1.0 MB",
    ]
    assert clock("no time") == "no time"
    assert str(brief("abcdef", 3)) == 'abc<span class="more">… 3 more</span>'
    assert str(brief("abcdef", 3, counted=False)) == 'abc<span class="more">…</span>'
    assert str(brief(None)) == ""


# The frame -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_needs_more_than_the_policy_allows(template: Path) -> None:
    """Neither scripts nor styles stand in the page, and nothing comes from elsewhere."""
    text = template.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|js:|\beval\b|\|\s*safe", text)
    assert not re.search(r"<script(?! src=\"\{\{ static\()", text)
    assert not re.search(r"[\"'=]\s*(https?:)?//", text)
    assert "import" not in text or "{% import" in text


def test_nothing_of_the_styles_is_from_elsewhere() -> None:
    for path in STATIC.glob("*.css"):
        assert not re.search(r"url\(|@import|//", path.read_text("utf-8")), path.name


def test_the_files_of_the_page_are_served_and_may_be_kept(sandbox: Sandbox) -> None:
    page = read(sandbox.page)
    found = [said.get("src") or said.get("href") or "" for tag, said in page.tags if tag in {"script", "link"}]
    assert len(found) >= 5
    types = set()
    for address in (*found, "/favicon.ico"):
        answer = httpx.get(httpx.URL(sandbox.page).join(address))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        types.add(answer.headers["content-type"])
    assert types == {"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"}


def test_files_that_are_not_there_are_not_found_and_no_call(sandbox: Sandbox) -> None:
    for path in ("/static/nothing.js", "/static/../stream.py", "/static/%2e%2e/__init__.py", "/static/", "/static"):
        answer = httpx.get(sandbox.page.rstrip("/") + path)
        assert answer.status_code == 404
    assert sandbox.requests() == []


def test_the_address_of_a_file_changes_with_its_content(tmp_path: Path) -> None:
    found = []
    for content in ("a {}", "b {}", "a {}"):
        (tmp_path / "style.css").write_text(content)
        found.append(assets.Assets(tmp_path).address("style.css"))
    assert found[0] == found[2] != found[1]


def test_the_navigation_says_where_one_is(sandbox: Sandbox) -> None:
    for path in ("/", "/people", "/events", "/objects", "/batches", "/outbox"):
        page = read(sandbox.page, path)
        current = [said["href"] for tag, said in page.tags if tag == "a" and said.get("aria-current") == "page"]
        assert current == [path]
        assert sum(tag == "h1" for tag, _ in page.tags) == 1
        assert "data-filter" in page.html or path != "/"


# How it is read ------------------------------------------------------------------------------------------------------


class Spy:
    """Reads a store, and asks SQLite how it does."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.plans: list[str] = []

    def read(self, query: str, parameters: Any = ()) -> list[sqlite3.Row]:
        if not query.endswith("LIMIT 1"):  # the last one is found by walking from the end
            plans = self._storage.read(f"EXPLAIN QUERY PLAN {query}", parameters)
            self.plans += [row["detail"] for row in plans]
        return self._storage.read(query, parameters)


@pytest.fixture
def spied(some: Sandbox) -> Spy:
    return Spy(some._storage)


@pytest.mark.parametrize(
    "filters",
    [{}, *({name: "x"} for name in ("type", "event", "person"))]
    + [{"verdict": verdict} for verdict in VERDICTS]
    + [{"type": "x", "event": "x", "person": "x", "verdict": "lost"}],
)
def test_no_reading_sorts_or_goes_through_everything(spied: Spy, filters: dict[str, str]) -> None:
    """However many calls there are, what is read is bounded."""
    arrivals = Arrivals(spied)  # type: ignore[arg-type]
    latest = arrivals.latest()
    arrivals.older(Filters.read(filters), latest.number + 1)
    arrivals.since(Filters.read(filters), Cursor())
    assert spied.plans
    for plan in spied.plans:
        assert "TEMP B-TREE" not in plan
        assert not re.match(r"SCAN (received|requests|problems)$", plan) or filters == {}, plan


def test_a_call_is_read_by_its_number_and_its_repeats_by_their_message_id(spied: Spy) -> None:
    arrivals = Arrivals(spied)  # type: ignore[arg-type]
    call = arrivals.call(5)
    assert call is not None
    arrivals.problems(call)
    assert [row["id"] for row in arrivals.repeats(call)] == [3]
    assert any("received_by_message" in plan for plan in spied.plans)
    assert not [plan for plan in spied.plans if re.match(r"SCAN received", plan)]
