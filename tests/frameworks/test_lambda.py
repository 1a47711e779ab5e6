"""docs/how-to/lambda.md: handlers that are called as Lambda does, in a process that is frozen in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from projects import LIMIT, done, environment, made, until

from cio_facade.sandbox import Sandbox

_PAGE = "lambda.md"
# What Lambda's runtime is to a handler: an event a line, an answer a line, and the time that is left.
_RUNTIME = """
import importlib, json, sys

class Context:
    def get_remaining_time_in_millis(self):
        return 3000

module = importlib.import_module(sys.argv[1])
for line in sys.stdin:
    try:
        print(json.dumps(module.handler(json.loads(line), Context())), flush=True)
    except Exception as error:
        print(json.dumps({"errorType": type(error).__name__}), flush=True)
"""


class Instance:
    """An instance of a function."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def invoke(self, event: object) -> dict:
        """Thaw it, have it work, and freeze it as soon as it has answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        os.kill(self._process.pid, signal.SIGCONT)
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        os.kill(self._process.pid, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        return answer


@contextmanager
def _instance(folder: Path, module: str, variables: dict[str, str]) -> Iterator[Instance]:
    with subprocess.Popen(
        [sys.executable, "-c", _RUNTIME, module],
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Instance(process)
        finally:
            process.kill()  # as AWS does, without a word
            process.wait(LIMIT)


@pytest.fixture
def function(tmp_path: Path) -> Path:
    folder = made(_PAGE, tmp_path)
    for file in folder.glob("*.py"):  # not in everybody's /tmp
        file.write_text(file.read_text("utf-8").replace("/tmp/", f"{folder}/"), encoding="utf-8")
    return folder


def _order(number: int) -> dict[str, object]:
    return {"user": f"u{number}", "email": f"u{number}@example.com", "order": f"o-{number}", "total": 9.5}


def test_the_test_of_the_page_passes(function):
    command = ["python", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".", "test_app.py"]
    assert "1 passed" in done(command, function, environment({}, function))


def test_all_is_delivered_whenever_a_handler_has_returned(function, cio_sandbox):
    with _instance(function, "app", environment(cio_sandbox.environment, function)) as instance:
        for number in range(1, 6):
            assert instance.invoke(_order(number)) == {"waiting": 0}
            cio_sandbox.assert_delivered(2 * number)
    assert cio_sandbox.counts().requests == 5


def test_a_connection_that_went_stale_while_it_was_frozen_costs_nothing(function):
    with ExitStack() as ends:
        first = ends.enter_context(Sandbox())
        port = int(first.url.rpartition(":")[2].removesuffix("/v1"))
        variables = environment({"CIO_API_KEY": "any", "CIO_BASE_URL": first.url}, function)
        with _instance(function, "app", variables) as instance:
            assert instance.invoke(_order(1)) == {"waiting": 0}
            ends.close()
            with Sandbox(port=port) as second:  # which knows nothing of the connection
                assert instance.invoke(_order(2)) == {"waiting": 0}
                assert [call["userId"] for call in second.calls("track")] == ["u2"]


@pytest.mark.cio_sandbox(faults=["503"])
def test_what_could_not_be_delivered_goes_with_the_next_invocation(function, cio_sandbox):
    with _instance(function, "app", environment(cio_sandbox.environment, function)) as instance:
        assert instance.invoke(_order(1)) == {"waiting": 2}
        cio_sandbox.faults.clear()
        assert instance.invoke(_order(2)) == {"waiting": 0}
    assert {call["userId"] for call in cio_sandbox.calls("track")} == {"u1", "u2"}


def _records(*bodies: dict[str, object]) -> dict[str, object]:
    return {"Records": [{"messageId": f"m-{n}", "body": json.dumps(body)} for n, body in enumerate(bodies)]}


def test_records_that_were_not_delivered_go_back_to_the_queue(function, cio_sandbox):
    event = _records(
        {"user": "u1", "event": "Seen", "properties": {"page": "/"}},
        {"user": "", "event": "Seen", "properties": {}},
        {"user": "u3", "event": "Seen", "properties": {}},
    )
    with _instance(function, "from_queue", environment(cio_sandbox.environment, function)) as instance:
        assert instance.invoke(event) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert [call["messageId"] for call in cio_sandbox.calls("track")] == ["m-0", "m-2"]


@pytest.mark.cio_sandbox(api_keys=["another"])
def test_with_a_wrong_key_all_records_go_back(function, cio_sandbox):
    variables = environment({**cio_sandbox.environment, "CIO_API_KEY": "wrong"}, function)
    with _instance(function, "from_queue", variables) as instance:
        event = _records({"user": "u1", "event": "Seen", "properties": {}})
        assert instance.invoke(event) == {"errorType": "AuthenticationError"}
