"""No sentence of the vendor's is in the spec or in its documents."""

import json
import re
from pathlib import Path

import pytest
from spec_reading import strings

PROSE = ("description", "summary", "title")
DOCS = ("spec.md", "vendor-contradictions.md")
RUN = 8
"""So many words in a row that are the vendor's are a sentence of the vendor's."""

SHORT = 25
"""Texts of fewer characters are names, not sentences."""


def words(text):
    return re.findall(r"[a-z0-9_]+", text.casefold())


def runs(text):
    found = words(text)
    return {tuple(found[start : start + RUN]) for start in range(len(found) - RUN + 1)}


@pytest.fixture(scope="module")
def vendor_texts(vendor_files):
    return {text for path in vendor_files for text in strings(json.loads(path.read_text("utf-8")), PROSE)}


@pytest.fixture(scope="module")
def our_texts(spec):
    docs = Path(__file__).parents[2] / "docs"
    return {*strings(spec, PROSE), *((docs / name).read_text("utf-8") for name in DOCS)}


def test_there_is_something_to_compare(vendor_texts, our_texts):
    assert len(vendor_texts) > 300
    assert len(our_texts) > 300


def test_no_description_is_the_vendors(vendor_texts, our_texts):
    theirs = "\n".join(f" {' '.join(words(text))} " for text in vendor_texts)
    assert {text for text in our_texts if len(text) >= SHORT and f" {' '.join(words(text))} " in theirs} == set()


def test_no_eight_words_in_a_row_are_the_vendors(vendor_texts, our_texts):
    theirs = set().union(*map(runs, vendor_texts))
    assert {run for text in our_texts for run in runs(text) & theirs} == set()


def test_samples_and_examples_of_the_vendor_are_not_taken_over(spec):
    text = json.dumps(spec)
    assert not any(word in text for word in ("x-codeSamples", '"example"', "x-scalar-ignore", "$.context"))
