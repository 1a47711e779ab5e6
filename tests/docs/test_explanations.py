"""The explanations: each promise has tests that exist, figures are the spec's, everybody can read the drawing."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cio_pipelines import constants
from documents import ROOT

PROMISES = (ROOT / "docs" / "explanation" / "promises.md").read_text("utf-8")
LIMITS = (ROOT / "docs" / "explanation" / "limits-and-strict-mode.md").read_text("utf-8")
STATED = (ROOT / "docs" / "delivery.md").read_text("utf-8").partition("## What is promised")[2].partition("\n## ")[0]
DELIVERY, PIPELINE = ROOT / "docs" / "images" / "how-delivery-works.svg", ROOT / "docs" / "spec-pipeline.svg"
DRAWN = pytest.mark.parametrize("drawing", [DELIVERY, PIPELINE], ids=lambda path: path.stem)
SVG = "{http://www.w3.org/2000/svg}"

NAMED = re.findall(r"^- `(tests/[\w/]+\.py)::(\w+)`$", PROMISES, re.MULTILINE)
SECTIONS = dict(re.findall(r"^## (\d)\. (.+)$", PROMISES, re.MULTILINE))
ROWS = re.findall(r"^\| (\d) \| \[([^]]+)\]\(#[^)]+\) \| ([^|]+) \|", PROMISES, re.MULTILINE)


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_proves_a_promise_exists(file: str, test: str) -> None:
    assert test.startswith("test_")
    assert test in functions(file)


def test_all_nine_promises_are_there_with_tests_and_a_row_of_the_table() -> None:
    assert list(SECTIONS) == [str(number) for number in range(1, 10)]
    assert [(number, title) for number, title, _ in ROWS] == list(SECTIONS.items())
    for section in re.split(r"^## ", PROMISES, flags=re.MULTILINE)[1:-1]:
        assert "**How.**" in section
        assert len(re.findall(r"^- `tests/", section, re.MULTILINE)) >= 4
    assert len(NAMED) == len(set(NAMED)) == len(re.findall(r"^- ", PROMISES, re.MULTILINE))


def test_what_delivery_says_is_promised_is_among_them() -> None:
    said = [title.rstrip(".") for title in re.findall(r"^\d\. \*\*(.+?)\*\*", STATED, re.MULTILINE)]
    ours = [title.replace("the same id", "the same `messageId`") for title in SECTIONS.values()]
    assert len(said) == 8
    assert set(said) <= set(ours)


def test_the_rooms_that_keep_a_promise_exist() -> None:
    for _, title, rooms in ROWS:
        for room in re.findall(r"`(\w+)`", rooms):
            assert (ROOT / "cio_facade" / f"{room}.py").is_file(), title


def test_the_table_of_limits_has_each_with_the_figure_of_the_spec() -> None:
    figures = dict(re.findall(r"^\| `(\w+)` \| ([\d ]+|none) \|", LIMITS, re.MULTILINE))
    assert figures == {
        "call_bytes": f"{constants.CALL_BYTES:,}".replace(",", " "),
        "batch_bytes": f"{constants.BATCH_BYTES:,}".replace(",", " "),
        "batch_calls": "none" if constants.BATCH_CALLS is None else str(constants.BATCH_CALLS),
        "id_bytes": str(constants.ID_BYTES),
        "event_name_bytes": str(constants.EVENT_NAME_BYTES),
    }
    assert f"{constants.WINDOW_REQUESTS} in {constants.WINDOW_SECONDS:g} s |" in LIMITS


# The drawings ------------------------------------------------------------------------------------------------------


def colours(drawing: Path) -> list[dict[str, str]]:
    """The colours by day and by night."""
    style = ElementTree.parse(drawing).getroot().findtext(f"{SVG}style") or ""
    found = [dict(re.findall(r"--(\w+): (#\w{6})", rule)) for rule in re.findall(r":root \{(.*?)\}", style)]
    assert "prefers-color-scheme: dark" in style
    assert len(found) == 2
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@DRAWN
def test_a_drawing_says_in_words_what_it_shows(drawing: Path) -> None:
    root = ElementTree.parse(drawing).getroot()
    assert root.get("role") == "img"
    said = [root.find(f"{SVG}*[@id='{name}']") for name in (root.get("aria-labelledby") or "").split()]
    assert [element.tag if element is not None else None for element in said] == [f"{SVG}title", f"{SVG}desc"]
    assert all(element.text for element in said if element is not None)


@DRAWN
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_a_drawing_can_be_read_by_day_and_by_night(drawing: Path, scheme: int) -> None:
    colour = colours(drawing)[scheme]
    for ground in colour.keys() - {"ink", "soft", "line"}:
        assert contrast(colour["ink"], colour[ground]) >= 7, ground
    assert contrast(colour.get("soft", colour["ink"]), colour["paper"]) >= 4.5
    assert contrast(colour["line"], colour["paper"]) >= 3


def test_the_words_of_the_drawing_fit_into_their_boxes() -> None:
    for group in ElementTree.parse(DELIVERY).getroot().iterfind(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        assert box is not None
        width = float(box.attrib["width"])
        for text in group.iterfind(f"{SVG}text"):
            letter = 8.0 if text.get("class") == "head" else 6.6  # pixels, on the wide side
            assert len(text.text or "") * letter <= width, text.text


@DRAWN
def test_a_drawing_loads_nothing_from_elsewhere(drawing: Path) -> None:
    text = drawing.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|@import|<script|<image|href", text)


def test_the_passes_in_the_drawing_are_those_that_there_are() -> None:
    said = [text.text or "" for text in ElementTree.parse(PIPELINE).getroot().iterfind(f"{SVG}text")]
    passes = {name for line in said for name in line.removeprefix("then ").rstrip(",").split(", ") if name.isalpha()}
    rooms = {path.stem for path in (ROOT / "scripts" / "importer").glob("*.py")}
    once = {"read", "tidy", "bodies", "reref", "merge", "limits", "events", "contained", "combine", "prune", "hoist"}
    assert once | {"finish", "keep", "overlay", "prose", "fidelity", "changes", "report"} == passes & rooms
    assert passes <= rooms | {"together"}
