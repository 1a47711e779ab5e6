"""What the tests of faults share: the real sandbox, every way of sending, a network that fails, and the balance."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import length
import pytest
from drivers import DRIVERS, Account, Driver
from proxy import FaultProxy, Plan

from cio_facade import Limits, Retry, messages
from cio_facade.messages import Message


@pytest.fixture(scope="session")
def times() -> Callable[[Any, Any], Any]:
    """`length.times` for tests that take fixtures: `times(short, long)`."""
    return length.times


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine's environment is none of these tests'."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def _sandbox_of_module() -> Iterator[Any]:
    sandboxes = pytest.importorskip(
        "cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]"
    )
    with sandboxes.Sandbox(rate=False) as running:
        yield running


@pytest.fixture
def sandbox(_sandbox_of_module: Any) -> Any:
    """An honest server with nothing in it, strict where it is asked to be."""
    _sandbox_of_module.clear()
    return _sandbox_of_module


@pytest.fixture(params=list(DRIVERS))
def driver(request: pytest.FixtureRequest) -> Driver:
    """Every way of sending."""
    return DRIVERS[request.param]


@dataclass
class Network:
    """A client's way to a server, with a proxy on it, and what was seen of it."""

    proxy: FaultProxy
    settings: dict[str, Any]

    def deliver(self, driver: Driver, given: Sequence[Message], **settings: Any) -> Account:
        """Send through the faults."""
        return driver.deliver(given, **{**self.settings, **settings})


# Small bodies, so that a few hundred messages make dozens of requests.
_LIMITS = Limits(call_bytes=2_000, batch_bytes=4_000, in_flight=4)
# Patience by the budget alone: no test waits for a fixed number of attempts.
_RETRY = Retry(base=0.01, cap=0.1, budget=60)


@pytest.fixture
def network() -> Callable[..., Any]:
    """Puts a proxy with a plan before a server."""

    @contextmanager
    def before(server: Any, plan: Plan, **more: Any) -> Iterator[Network]:
        with FaultProxy(server.url, plan, **more) as proxy:
            yield Network(proxy, {"base_url": proxy.url, "limits": _LIMITS, "retry": _RETRY, "timeout": 10.0})

    return before


@pytest.fixture
def given() -> Callable[[int], list[Message]]:
    """Makes messages of some people, that know their ids and their order."""

    def make(number: int, people: int = 23) -> list[Message]:
        return [
            messages.track(f"u{n % people}", "Seen", {"n": n, "text": "x" * 150}, message_id=f"m{n}")
            for n in range(number)
        ]

    return make


@pytest.fixture
def check() -> Callable[..., int]:
    """Holds an account against what the server has and against what the network did; gives the number of repeats."""

    def check(account: Account, driver: Driver, given: Sequence[Message], proxy: FaultProxy, *servers: Any) -> int:
        report = account.report
        calls = [call for server in servers for call in server.calls()]
        arrived = Counter(call["messageId"] for call in calls)
        assert report.balanced
        assert report.delivered == len(account.delivered)
        assert account.delivered <= arrived.keys(), "counted as delivered, and not there"
        assert arrived.keys() <= {message.call["messageId"] for message in given}
        more = {key: (times, proxy.lost[key]) for key, times in arrived.items() if times > 1 + proxy.lost[key]}
        assert not more, "repeated although the answer was there"
        if driver.batches and len(servers) == 1:
            _check_order(calls)
        return arrived.total() - len(arrived)

    return check


def _check_order(calls: Sequence[dict[str, Any]]) -> None:
    """What the server first saw of each person came as it was given."""
    seen: set[str] = set()
    last: dict[str, int] = {}
    for call in calls:
        if call["messageId"] not in seen:
            seen.add(call["messageId"])
            number = call["properties"]["n"]
            assert last.get(call["userId"], -1) < number, "out of order"
            last[call["userId"]] = number
