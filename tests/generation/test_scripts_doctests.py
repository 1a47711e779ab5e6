"""The examples in the docstrings of the scripts hold."""

import doctest
import importlib
import pkgutil

import pytest

import scripts

MODULES = [module.name for module in pkgutil.walk_packages(scripts.__path__, "scripts.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    found = (doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES)
    assert sum(len(test.examples) for tests in found for test in tests) >= 6
