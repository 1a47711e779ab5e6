"""schemathesis drives the sandbox from the specification: no accident, only answers that the specification knows."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

schema = schemathesis.openapi.from_dict(dict(published()))
# An example for each constraint takes a minute in all: random ones, right and wrong by turns, are enough on every run.
schema.config.phases.coverage.enabled = False


@schema.parametrize()
@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_specification_knows(case: schemathesis.Case, running: Sandbox) -> None:
    key = {"Authorization": "Basic azo="}
    case.call_and_validate(base_url=running.url, headers={**key, "X-Strict-Mode": "1"}, checks=CHECKS)
    permissive = case.call_and_validate(base_url=running.url, headers={**key, "X-Strict-Mode": "0"}, checks=CHECKS)
    assert permissive.status_code == 200
