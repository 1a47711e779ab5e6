"""The site of the documentation: it builds, leads nowhere wrong, and asks nobody but itself."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("zensical", reason="needs the extra [docs]: pip install -e '.[docs]'")

from scripts.docs import build, main
from scripts.siting.layout import external, lay_out, listing

ROOT = Path(__file__).parents[2]
SPEC = json.loads((ROOT / "cio_pipelines_api.json").read_text("utf-8"))
EVENTS = [
    schema["x-semantic-event"] for schema in SPEC["components"]["schemas"].values() if "x-semantic-event" in schema
]


class Found(NamedTuple):
    """What a page has: its anchors, where it leads, what it loads."""

    anchors: set[str]
    links: list[str]
    loads: list[str]


class Reader(HTMLParser):
    """Reads what matters of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Found(set(), [], [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.found.anchors.add(given["id"] or "")
        if tag == "a" and given.get("href") is not None:
            self.found.links.append(given["href"] or "")
        elif tag == "link" and given.get("rel") not in {"canonical", "next", "prev"}:
            self.found.loads.append(given.get("href") or "")
        self.found.loads.extend(given[name] or "" for name in ("src", "srcset", "poster", "data") if given.get(name))


@cache
def read(page: Path) -> Found:
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader.found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    assert build(folder) is None
    return folder


def pages(site: Path) -> Iterator[Path]:
    # Of the page for what is not there, the server decides below which address it is shown.
    return (page for page in sorted(site.rglob("*.html")) if page.name != "404.html")


def test_the_site_has_a_page_for_each_document_and_each_notebook(site: Path) -> None:
    docs = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    books = {Path("notebooks", f"{path.stem}.html") for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert docs | books | {Path("CHANGELOG.html"), Path("CONTRIBUTING.html")} <= {
        page.relative_to(site) for page in pages(site)
    }


def test_every_link_and_every_anchor_leads_somewhere(site: Path) -> None:
    dead = []
    for page in pages(site):
        for link in read(page).links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in read(target).anchors):
                dead.append(f"{page.relative_to(site)}: {link}")
    assert dead == []


def test_every_picture_script_and_style_is_there(site: Path) -> None:
    missing = [
        f"{page.relative_to(site)}: {address}"
        for page in pages(site)
        for address in read(page).loads
        if not urlsplit(address).scheme and not (page.parent / unquote(urlsplit(address).path)).is_file()
    ]
    assert missing == []
    assert list(site.glob("notebooks/*.svg")) + list(site.glob("notebooks/*.png")), "no notebook shows a plot"


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    strangers = [
        f"{page.relative_to(site)}: {address}"
        for page in sorted(site.rglob("*.html"))
        for address in read(page).loads
        if urlsplit(address).netloc
    ]
    for sheet in site.rglob("*.css"):
        addresses = re.findall(r"url\(['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", sheet.read_text("utf-8"))
        strangers += [f"{sheet.name}: {found}" for pair in addresses for found in pair if urlsplit(found).netloc]
    assert strangers == []


def test_the_search_knows_every_event_and_where_it_is(site: Path) -> None:
    known = {(item["title"], item["location"].partition("#")[0]) for item in index(site)}
    assert [e["name"] for e in EVENTS if (e["name"], f"reference/events/{e['family']}.html") not in known] == []


def test_the_search_knows_names_of_the_api_and_of_commands(site: Path) -> None:
    titles = {re.sub(r"<[^>]+>", "", item["title"]) for item in index(site)}
    assert {"send_many", "cio-facade load", "RateLimitError"} <= {title.split("(")[0].strip() for title in titles}


def index(site: Path) -> list[dict[str, str]]:
    """The search's index, which is the same for pages from a server and from the disk."""
    items: list[dict[str, str]] = json.loads((site / "search.json").read_text("utf-8"))["items"]
    from_disk = (site / "search.js").read_text("utf-8").removeprefix("var __index = ").rstrip("; \n")
    assert json.loads(from_disk)["items"] == items
    return items


def test_the_navigation_has_every_page_once_and_nothing_else(tmp_path: Path) -> None:
    lay_out(ROOT, tmp_path / "docs")
    settings = listing((ROOT / "mkdocs.yml").read_text("utf-8"), tmp_path / "docs")
    named = re.findall(r"(\S+\.md)$", settings.partition("\nnav:\n")[2], re.MULTILINE)
    there = [path.relative_to(tmp_path / "docs").as_posix() for path in (tmp_path / "docs").rglob("*.md")]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[gone](gone.md)", "index.md:3:8: page does not exist"),
        ("[gone](#gone)", "index.md:3:8: anchor does not exist"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error_that_names_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    said = build(tmp_path / "site", project(tmp_path / "project", f"# Title\n\n{text}\n"))
    assert said is not None
    assert said.startswith(complaint[: complaint.index(":8:")])
    assert said.endswith(complaint.rpartition(": ")[2])
    assert not (tmp_path / "site").exists()


def test_a_site_that_is_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old.html").touch()
    assert build(tmp_path / "site", project(tmp_path / "project", "# Title\n")) is None
    assert not (tmp_path / "site" / "old.html").exists()
    assert (tmp_path / "site" / "index.html").exists()


def project(folder: Path, start: str) -> Path:
    """A project of one page."""
    (folder / "docs" / "assets").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text(start)
    for name in ("iframe-worker.js", "site.css"):
        (folder / "docs" / "assets" / name).touch()
    settings = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[0]
    (folder / "mkdocs.yml").write_text(f"{settings}\nnav:\n  - index.md\n")
    return folder


def test_links_move_with_the_documents(tmp_path: Path) -> None:
    root = project(tmp_path / "project", "# Title\n")
    (root / "docs" / "how").mkdir()
    (root / "docs" / "how" / "a.md").write_text(
        "[house](../../CONTRIBUTING.md#rooms) [code](../../code.py) [book](../../notebooks/00_a.ipynb)\n"
        "```text\n[house](../../CONTRIBUTING.md)\n```\n![picture](../p.png) [readme](../../README.md)\n"
    )
    (root / "docs" / "p.png").touch()
    (root / "code.py").touch()
    (root / "README.md").touch()
    (root / "CONTRIBUTING.md").write_text("[a](docs/how/a.md)")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "00_a.ipynb").write_text('{"cells": []}')
    lay_out(root, tmp_path / "pages")
    assert (tmp_path / "pages" / "how" / "a.md").read_text() == (
        "[house](../CONTRIBUTING.md#rooms) code [book](../notebooks/00_a.md)\n"
        "```text\n[house](../../CONTRIBUTING.md)\n```\n![picture](../p.png) [readme](../index.md)\n"
    )
    assert (tmp_path / "pages" / "CONTRIBUTING.md").read_text() == "[a](how/a.md)"


def test_a_notebook_is_a_page_with_what_its_cells_gave(tmp_path: Path) -> None:
    root = project(tmp_path / "project", "# Title\n")
    (root / "notebooks").mkdir()
    picture = base64.b64encode(b"picture").decode()
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words."]},
        {
            "cell_type": "code",
            "source": "1 + 1",
            "outputs": [
                {"output_type": "stream", "text": ["said\n"]},
                {"data": {"text/plain": "2"}},
                {"data": {"text/html": "<b>\n2</b>", "text/plain": "2"}},
                {"data": {"image/png": picture, "text/plain": "<Figure>"}},
            ],
        },
    ]
    (root / "notebooks" / "00_a.ipynb").write_text(json.dumps({"cells": cells}))
    lay_out(root, tmp_path / "pages")
    assert (tmp_path / "pages" / "notebooks" / "00_a.md").read_text() == (
        "# Title\n\nWords.\n\n```python\n1 + 1\n```\n\n```text\nsaid\n```\n\n```text\n2\n```\n\n"
        '<div class="cio-output"><b> 2</b></div>\n\n![Plot](00_a-1-3.png)\n'
    )
    assert (tmp_path / "pages" / "notebooks" / "00_a-1-3.png").read_bytes() == b"picture"


def test_links_to_other_hosts_are_listed_with_their_pages(capsys: pytest.CaptureFixture[str]) -> None:
    links = external(ROOT)
    assert "docs/index.md" in links["https://customer.io"]
    assert main(["--external"]) == 0
    assert "https://customer.io  (" in capsys.readouterr().out
