import copy
import re

import pytest

from scripts.importer.limits import limits
from scripts.importer.reading import LimitText, Reading


def reading(*texts, unit=1):
    return Reading(limits=tuple(LimitText(re.compile(text, re.IGNORECASE), unit) for text in texts))


def document(text, **others):
    return {"info": {"title": "Boats", "description": text}, **others}


CREW = r"at most (?P<crew>\d+) sailors"


def test_a_limit_is_read_from_the_text():
    source = document("A boat takes At Most 12 sailors.", paths={})
    before = copy.deepcopy(source)
    assert limits(source, reading(CREW)) == {**source, "x-limits": {"crew": 12}}
    assert source == before


def test_a_limit_is_stated_in_our_unit():
    assert limits(document("up to 32 KB"), reading(r"up to (?P<bytes>\d+) KB", unit=1024))["x-limits"] == {
        "bytes": 32768
    }


def test_a_double_underscore_leads_one_level_down():
    text = r"(?P<window__requests>\d+) requests per (?P<window__seconds>\d+) seconds"
    found = limits(document("3000 requests per 3 seconds, at most 4 sailors"), reading(text, CREW))
    assert found["x-limits"] == {"window": {"requests": 3000, "seconds": 3}, "crew": 4}


@pytest.mark.parametrize("source", [document("No words of it."), document(""), {"info": {}}, {}])
def test_what_is_stated_nowhere_is_not_there(source):
    assert limits(source, reading(CREW)) == source


def test_what_is_known_already_stays_and_the_rest_is_added():
    source = document("at most 12 sailors, 3 masts", **{"x-limits": {"crew": 10, "sails": 5}})
    found = limits(source, reading(CREW, r"(?P<masts>\d+) masts"))
    assert found["x-limits"] == {"crew": 10, "sails": 5, "masts": 3}


def test_limits_are_read_once_and_for_all():
    found = limits(document("at most 12 sailors"), reading(CREW))
    assert limits(found, reading(CREW)) == found


def test_the_first_place_that_states_a_limit_counts():
    assert limits(document("at most 12 sailors. Later: at most 9 sailors."), reading(CREW))["x-limits"] == {"crew": 12}


def test_a_group_that_is_not_in_the_sentence_states_no_limit():
    found = limits(document("at most 12 sailors"), reading(CREW + r"(?: and (?P<boys>\d+) boys)?"))
    assert found["x-limits"] == {"crew": 12}


@pytest.mark.parametrize("text", [None, 5])
def test_a_description_may_be_no_text(text):
    assert limits(document(text), reading(CREW)) == document(text)
