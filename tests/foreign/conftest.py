"""What the tests with foreign clients share: a sandbox over a real socket, and Node.js with its packages."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from access import KEY
from nodes import modules, node

from cio_facade.sandbox import Sandbox

CLIENTS = Path(__file__).with_name("clients")
# Seconds that a client may take with a handful of calls: far more than it needs.
PATIENCE = 60


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine's environment is none of these tests'."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(api_keys=[KEY]) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """A sandbox that knows one key, and that nothing has reached yet."""
    running.clear()
    return running


@pytest.fixture
def host(running: Sandbox) -> str:
    """Where the sandbox is, without the prefix of the endpoints: clients add it themselves."""
    return running.url.removesuffix("/v1")


Run = Callable[..., Any]


@pytest.fixture(scope="session")
def run_node() -> Run:
    """Runs a script of `clients` with a setup, as JSON, and gives back the JSON it prints."""
    environment = {"NODE_PATH": str(modules()), "PATH": os.environ["PATH"], "NODE_NO_WARNINGS": "1"}
    program = node()

    def run(script: str, **setup: Any) -> Any:
        done = subprocess.run(
            [program, CLIENTS / f"{script}.mjs"],
            input=json.dumps(setup),
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
