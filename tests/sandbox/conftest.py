from collections.abc import Iterator

import httpx
import pytest

from cio_facade.sandbox import Sandbox

STRICT = {"X-Strict-Mode": "1"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """A sandbox that nothing has reached yet."""
    running.clear()
    return running


@pytest.fixture(scope="module")
def connection(running: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, auth=("key", ""), verify=False) as client:
        yield client


@pytest.fixture
def permissive(sandbox: Sandbox, connection: httpx.Client) -> httpx.Client:
    connection.headers.pop("X-Strict-Mode", None)
    return connection


@pytest.fixture
def strict(sandbox: Sandbox, connection: httpx.Client) -> httpx.Client:
    connection.headers.update(STRICT)
    return connection
