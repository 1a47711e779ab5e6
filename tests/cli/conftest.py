import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cio_facade.sandbox import Sandbox

COMMAND = str(Path(sys.executable).parent / "cio-facade")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**variables: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CIO_")}
    return {**own, "COLUMNS": "100", **variables}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the installed command, as a shell would, in a folder without settings."""
    folder = tmp_path_factory.mktemp("shell")

    def call(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment(**variables),
            cwd=folder,
            timeout=60,
            check=False,
        )

    return call


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # shells have their background jobs ignore it


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the installed command and leave it running; it is gone when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [COMMAND, *arguments],
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=environment(**variables),
            preexec_fn=_heed_interrupts,  # noqa: PLW1509  it takes no lock
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(api_keys=["key"]) as sandbox:
        yield sandbox


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, str]:
    """What the environment says of the sandbox."""
    return {"CIO_BASE_URL": sandbox.url, "CIO_API_KEY": "key"}


@pytest.fixture
def one_line() -> Callable[[str], bool]:
    """Whether a command said what it had to say in one line."""
    return lambda text: len(text.splitlines()) == 1 and "Traceback" not in text
