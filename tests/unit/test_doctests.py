"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import cio_facade
import cio_facade.loading
from cio_facade.testing import RecordingTransport

# These need extras; their commands and servers are tested by what they do.
WITH_EXTRAS = ("cli", "demo", "sandbox")
MODULES = ["cio_facade"] + [
    f"cio_facade.{module.name}"
    for module in pkgutil.iter_modules(cio_facade.__path__)
    if module.name not in WITH_EXTRAS
]
MODULES += [f"cio_facade.loading.{module.name}" for module in pkgutil.iter_modules(cio_facade.loading.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    with cio_facade.CustomerIO("key", transport=RecordingTransport()) as cio:
        there = {"cio": cio} if name == "cio_facade.verbs" else {}  # what editors show beside a verb has a client
        module = importlib.import_module(name)
        outcome = doctest.testmod(module, extraglobs=there, optionflags=doctest.ELLIPSIS, raise_on_error=False)
    assert outcome.failed == 0


def test_there_are_examples_for_what_users_call():
    finder = doctest.DocTestFinder()
    with_examples = {
        test.name for name in MODULES for test in finder.find(importlib.import_module(name), name) if test.examples
    }
    for room, names in {
        "messages": ["identify", "track", "page", "screen", "group", "alias"],
        "verbs": [f"Verbs.{name}" for name in ("identify", "track", "page", "screen", "group", "alias")],
        "people": ["delete", "suppress", "unsuppress", "merge"],
        "devices": ["register", "delete"],
        "objects": ["create", "delete", "relate", "unrelate"],
        "deliveries": ["report", "report_content"],
        "testing": ["RecordingTransport", "FakeClock"],
        "loading.load": ["load"],
    }.items():
        assert {f"cio_facade.{room}.{name}" for name in names} <= with_examples
