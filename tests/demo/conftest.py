import io

import pytest
from rich.console import Console

from cio_facade.demo.display import Display
from cio_facade.demo.embedded import Arrival, load_all
from cio_facade.sandbox import Sandbox


class Screen:
    """A display and what was written to it."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.display = Display(Console(file=self._file, highlight=False))

    @property
    def text(self) -> str:
        return self._file.getvalue()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture(scope="session")
def arrival() -> Arrival:
    """The sample, loaded into a sandbox once for all tests that look at the outcome."""
    with Sandbox() as sandbox:
        return load_all(sandbox, Screen().display)
