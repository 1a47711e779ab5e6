"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import cio_facade
from cio_facade.testing import RecordingTransport

MODULES = ["cio_facade", *(module.name for module in pkgutil.walk_packages(cio_facade.__path__, "cio_facade."))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name, monkeypatch):
    monkeypatch.delenv("CIO_API_KEY", raising=False)  # an example is nothing for somebody's workspace
    with cio_facade.CustomerIO("key", transport=RecordingTransport()) as cio:
        there = {"cio": cio} if name == "cio_facade.verbs" else {}  # what editors show beside a verb has a client
        module = pytest.importorskip(name, exc_type=ImportError)  # some need an extra
        outcome = doctest.testmod(module, extraglobs=there, optionflags=doctest.ELLIPSIS, raise_on_error=False)
    assert outcome.failed == 0


def test_there_are_examples_for_what_users_call():
    finder = doctest.DocTestFinder()
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
        module = importlib.import_module(f"cio_facade.{room}")
        with_examples = {test.name for test in finder.find(module) if test.examples}
        assert {f"{module.__name__}.{name}" for name in names} <= with_examples
