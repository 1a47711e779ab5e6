"""The plugin that pytest loads: fixtures for a sandbox and for what sends to it. Imports nothing but pytest.

It is registered by an entry point, so each run of pytest imports this module where the package is installed. The
server comes with the first test that asks for it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cio_facade.client import CustomerIO
    from cio_facade.sandbox.asserting import CioSandbox

__all__ = ["CioSandbox", "cio_client", "cio_environment", "cio_sandbox"]

_MARKER = "cio_sandbox"


def __getattr__(name: str) -> Any:
    if name != "CioSandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cio_facade.sandbox.asserting import CioSandbox  # noqa: PLC0415  the server, for those who name its type

    return CioSandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): settings of the sandbox that the fixture {_MARKER} gives, as Sandbox takes them",
    )


@pytest.fixture
def cio_sandbox(request: pytest.FixtureRequest) -> Iterator[CioSandbox]:
    """Give a running sandbox of the test's own, which speaks the Data Pipelines API and keeps what arrives in memory.

    ``@pytest.mark.cio_sandbox(...)`` sets its options, on a test, a class or a module; the nearest wins.
    """
    failed = request.session.testsfailed
    with _made(_options(request.node)) as sandbox:
        yield sandbox
        if request.session.testsfailed > failed:  # shown with the failure, as captured output is
            request.node.add_report_section("teardown", _MARKER, sandbox.seen())


@pytest.fixture
def cio_client(cio_sandbox: CioSandbox) -> Iterator[CustomerIO]:
    """Give a client that sends to the sandbox of the test."""
    from cio_facade.client import CustomerIO  # noqa: PLC0415  only for those who ask for one

    with CustomerIO(**cio_sandbox.settings) as cio:
        yield cio


@pytest.fixture
def cio_environment(cio_sandbox: CioSandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set CIO_API_KEY and CIO_BASE_URL, so that ``CustomerIO.from_env()`` sends to the sandbox; gives what it set."""
    variables = cio_sandbox.environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def _options(node: pytest.Item) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for mark in node.iter_markers(_MARKER):  # the nearest first
        if mark.args:
            pytest.fail(f"the marker {_MARKER} takes names with values, such as rate=False", pytrace=False)
        options = {**mark.kwargs, **options}
    return options


def _made(options: dict[str, Any]) -> CioSandbox:
    try:
        from cio_facade.sandbox.asserting import CioSandbox  # noqa: PLC0415  the server, and the extra that it needs
    except ImportError as error:
        why = f"the fixture {_MARKER}: {error}"
    else:
        return _ready(CioSandbox, options)
    pytest.fail(why, pytrace=False)  # here, or the error that it words would be shown beside it


def _ready(sandbox: type[CioSandbox], options: dict[str, Any]) -> CioSandbox:
    if unknown := options.keys() - (known := _known()):
        close = get_close_matches(min(unknown), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        pytest.fail(f"the marker {_MARKER} has no option {min(unknown)}; {hint}", pytrace=False)
    try:
        return sandbox(**options)
    except ValueError as error:
        why = f"the marker {_MARKER}: {error}"
    pytest.fail(why, pytrace=False)  # as above


def _known() -> list[str]:
    from inspect import signature  # noqa: PLC0415  costs time that runs without a sandbox need not take

    from cio_facade.sandbox import Sandbox  # noqa: PLC0415  as above

    return sorted(signature(Sandbox).parameters)
