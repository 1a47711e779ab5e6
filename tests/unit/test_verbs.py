"""What is said of a verb is what is said of its builder: it stands in the source twice, as editors show only that."""

import inspect

import pytest

from cio_facade import messages
from cio_facade.verbs import Verbs

VERBS = ["identify", "track", "page", "screen", "group", "alias"]
each_verb = pytest.mark.parametrize("verb", VERBS)


def told_of(function):
    """The docstring by its sections; what comes first is under nothing."""
    sections, title = {"": []}, ""
    lines = inspect.getdoc(function).splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"}:
            title = line
            sections[title] = []
        else:
            sections[title].append(line)
    return {title: "\n".join(lines).strip() for title, lines in sections.items()}


@each_verb
def test_a_verb_says_of_its_parameters_what_its_builder_says(verb):
    told = told_of(getattr(Verbs, verb))
    of_builder = told_of(getattr(messages, verb))
    assert (told[""], told["Parameters"]) == (of_builder[""], of_builder["Parameters"])


@each_verb
def test_a_verb_takes_what_its_builder_takes(verb):
    taken = [str(one) for one in inspect.signature(getattr(Verbs, verb)).parameters.values()]
    assert taken == ["self", *map(str, inspect.signature(getattr(messages, verb)).parameters.values())]


@each_verb
def test_a_verb_says_what_comes_back_and_what_is_raised_the_same_for_all(verb):
    told, of_first = told_of(getattr(Verbs, verb)), told_of(Verbs.identify)
    assert (told["Returns"], told["Raises"]) == (of_first["Returns"], of_first["Raises"])


@each_verb
def test_the_keywords_that_its_docstring_lists_are_those_that_there_are(verb):
    fields = inspect.signature(getattr(messages, verb)).parameters["fields"].annotation
    kind = getattr(messages, fields.removeprefix("Unpack[").removesuffix("]"))
    listed = told_of(getattr(messages, verb))["Parameters"].partition("**fields")[2].partition(": see")[0]
    assert set(listed.split("``")[1::2]) == set(kind.__annotations__)
