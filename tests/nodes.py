"""Node.js and packages from npm, for the tests that need them: what is missing skips them, and says why."""

from pathlib import Path

import pytest

from scripts import npm

__all__ = ["modules", "node"]


def modules() -> Path:
    """The folder ``node_modules`` with what tests/npm/package.json names, installed where it was not."""
    try:
        return npm.install()
    except (npm.NotInstalledError, OSError) as error:
        pytest.skip(str(error))


def node() -> str:
    """The program of Node.js."""
    try:
        return npm.node()
    except npm.NotInstalledError as error:
        pytest.skip(str(error))
