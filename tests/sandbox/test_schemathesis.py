"""schemathesis drives the sandbox from the specification: no accident, only answers that the specification knows.

Each of the calls that it makes up is sent strict and permissive. The long form is 5 000 of them, and an example for
each constraint of the specification besides.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from length import LONG, times
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KEY = {"Authorization": "Basic azo="}

schema = schemathesis.openapi.from_dict(dict(published()))
# An example for each constraint takes a minute in all: random ones, right and wrong by turns, are enough on every run.
schema.config.phases.coverage.enabled = LONG


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(rate=False) as sandbox:
        yield sandbox
        counts = sandbox.counts()
        print(f"\n{counts.requests} requests, {counts.accepted} calls accepted, {counts.refused} requests refused")


@schema.parametrize()
@settings(max_examples=times(36, 720), derandomize=not LONG, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_specification_knows(case: schemathesis.Case, running: Sandbox) -> None:
    case.call_and_validate(base_url=running.url, headers={**KEY, "X-Strict-Mode": "1"}, checks=CHECKS)
    permissive = case.call_and_validate(base_url=running.url, headers={**KEY, "X-Strict-Mode": "0"}, checks=CHECKS)
    assert permissive.status_code == (200 if case.method == "POST" else 405)
