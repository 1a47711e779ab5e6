"""Both clients behind one face, so that each scenario is written once, and an end to whatever hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from driving import AsyncDriven
from table import KEY

from cio_facade import CustomerIO
from cio_facade.testing import FakeClock

_LIMIT = 30


@pytest.fixture(autouse=True)
def _hard_limit() -> Iterator[None]:
    """A test that hangs fails, and its traceback shows where."""

    def over(*_: object) -> None:
        raise TimeoutError(f"still running after {_LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine's environment is none of the scenarios'."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FakeClock:
    """The clients' clock: pauses between attempts cost no time, and are remembered."""
    return FakeClock()


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Callable[..., Any]]:
    """Makes a client of either kind."""
    kind = CustomerIO if request.param == "sync" else AsyncDriven
    with ExitStack() as stack:

        def connect(url: str, **settings: Any) -> Any:
            settings = {"api_key": KEY, "base_url": url, "timeout": 5.0, "clock": clock, **settings}
            return stack.enter_context(kind(**settings))

        yield connect
