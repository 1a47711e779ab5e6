"""The connected outbox on the page: what waits in it, what was not delivered; and files that are none."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest
from leafing import hrefs, polled, said

from cio_facade.deadletters import DeadLetterFile, beside
from cio_facade.journal import Journal
from cio_facade.letters import Letter
from cio_facade.sandbox import Sandbox

Connect = Callable[[Path | None], httpx.Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """The page of a sandbox with an outbox connected."""
    with ExitStack() as stack:

        def connected(outbox: Path | None) -> httpx.Client:
            sandbox = stack.enter_context(Sandbox(outbox=outbox))
            base = sandbox.url.removesuffix("/v1")
            return stack.enter_context(httpx.Client(base_url=base, verify=False))

        yield connected


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    """An outbox in which three messages wait."""
    path = tmp_path / "outbox.db"
    journal = Journal(str(path))
    journal.append([orjson.dumps({"messageId": f"m{number}", "type": "track"}) for number in range(3)])
    journal.close()
    return path


def letter(number: int, reason: str = "no identity", **call: object) -> Letter:
    said = {"messageId": f"<m>/{number}", "type": "track", "event": "<b>E", "userId": "u1", **call}
    return Letter(
        message_id=f"<m>/{number}",
        outcome="rejected",
        reason=reason,
        said=("it <i>said",),
        status=400,
        at="2026-01-31T12:00:00.000Z",
        call=orjson.dumps(said),
        redacted=("traits.email",),
    )


def test_without_one_the_page_says_how_to_connect_one(connect: Connect) -> None:
    page = connect(None)
    assert "--outbox" in said(page.get("/outbox"))
    assert page.get("/outbox/m1").status_code == 404


def test_what_waits_is_shown_and_that_nobody_delivers(connect: Connect, outbox: Path) -> None:
    words = said(connect(outbox).get("/outbox"))
    assert "waiting 3" in words
    assert "Nobody delivers." in words
    assert "None: nothing was rejected" in words


def test_nothing_is_written_beside_it(connect: Connect, outbox: Path) -> None:
    before = sorted(outbox.parent.iterdir())
    connect(outbox).get("/outbox")
    assert sorted(outbox.parent.iterdir()) == before


def test_dead_letters_are_counted_by_reason_and_listed_the_last_first(connect: Connect, outbox: Path) -> None:
    letters = DeadLetterFile(beside(outbox))
    letters.write(letter(number, "too <large" if number % 3 else "no identity") for number in range(60))
    answer = connect(outbox).get("/outbox")
    words = said(answer)
    assert "too <large 40" in words
    assert "no identity 20" in words
    assert "The last 50 of 60" in words
    links = [link for link in hrefs(answer) if link.startswith("/outbox/")]
    assert links == [f"/outbox/%3Cm%3E%2F{number}" for number in range(59, 9, -1)]


def test_a_dead_letter_is_shown_with_its_message(connect: Connect, outbox: Path) -> None:
    DeadLetterFile(beside(outbox)).write([letter(1), letter(2, traits={"name": "<script>alert(1)</script>"})])
    page = connect(outbox)
    (link, _) = [link for link in hrefs(page.get("/outbox")) if link.startswith("/outbox/")]
    answer = page.get(link)
    words = said(answer)
    for phrase in ("rejected, 400", "no identity", "it <i>said", "2026-01-31 12:00:00", "traits.email", "alert(1)"):
        assert phrase in words, phrase
    assert "<script>alert" not in answer.text
    assert page.get("/outbox/gone").status_code == 404


def test_a_letter_without_an_id_or_a_message_is_listed(connect: Connect, outbox: Path) -> None:
    DeadLetterFile(beside(outbox)).write([Letter(message_id=None, outcome="rejected", reason="not JSON")])
    assert "no id rejected not JSON" in said(connect(outbox).get("/outbox"))


def test_an_open_page_is_told_nothing_until_the_files_change(connect: Connect, outbox: Path) -> None:
    page = connect(outbox)
    asks = polled(page.get("/outbox"))
    assert page.get(f"/outbox{asks}").status_code == 204
    DeadLetterFile(beside(outbox)).write([letter(1)])
    assert "no identity 1" in said(page.get(f"/outbox{asks}"))


def test_a_file_that_is_not_there_is_said_in_a_line(connect: Connect, tmp_path: Path) -> None:
    page = connect(tmp_path / "nowhere.db")
    answer = page.get("/outbox")
    assert answer.status_code == 200
    assert "there is no outbox at" in said(answer)


def test_a_file_of_something_else_is_said_in_a_line(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of the kind " * 500)
    assert connect(tmp_path / "notes.txt").get("/outbox").status_code == 200
    assert connect(tmp_path).get("/outbox").status_code == 200


def test_a_damaged_file_is_said_and_its_dead_letters_are_shown(connect: Connect, outbox: Path) -> None:
    DeadLetterFile(beside(outbox)).write([letter(1)])
    content = outbox.read_bytes()
    outbox.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    words = said(connect(outbox).get("/outbox"))
    assert "damaged" in words
    assert "no identity 1" in words


def test_letters_that_cannot_be_read_are_said_in_a_line(connect: Connect, outbox: Path) -> None:
    beside(outbox).write_bytes(b'{"reason": 3, "message": {}}\n')
    page = connect(outbox)
    answer = page.get("/outbox")
    assert answer.status_code == 200
    assert "waiting 3" in said(answer)
    assert "line 1" in said(answer)
    assert "cannot be read" in said(page.get("/outbox/m1"))
