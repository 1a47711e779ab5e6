"""The vendor's own samples, posted or run as they are, get the verdict they should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import customerio.analytics
import customerio.analytics.request
import httpx
import pytest
import samples
from access import KEY

from cio_facade.sandbox import Sandbox
from scripts.import_spec import FACTS, SPEC
from scripts.importer.importing import Facts

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

CONTRADICTIONS = Path(__file__).parents[2] / "docs" / "vendor-contradictions.md"
STRICT = {"X-Strict-Mode": "1"}
# Of what our schemas refuse, what a request may say all the same: a member that is null counts as absent, and an event
# of another name than the one that acts is a custom one.
FINE_AS_A_CALL = {"/track json", "/track example", "DeviceDeleted example"}


class Posted(NamedTuple):
    """A sample with the fields at which it must be refused, none for a good one."""

    place: str
    path: str
    body: str
    refused_at: set[str]


@pytest.fixture(scope="module")
def vendor() -> dict[str, Any]:
    return samples.vendor_documents()


@pytest.fixture(scope="module")
def posted(vendor: dict[str, Any]) -> list[Posted]:
    listed = json.loads(samples.BROKEN.read_text("utf-8"))
    broken = {entry["place"]: set(entry["refused_at"]) for entry in listed if entry["place"] not in FINE_AS_A_CALL}
    spec = json.loads(SPEC.read_text("utf-8"))
    reading = Facts.read(FACTS / SPEC.stem).reading

    def read(document: Any) -> Iterator[Posted]:
        for sample in samples.endpoint_samples(document):
            yield Posted(sample.place, sample.path, sample.body, broken.get(sample.place, set()))
        for described, call in samples.event_samples(document, spec, reading):
            # An event that acts inside Customer.io is held to its own schema; others are free in their properties.
            yield Posted(described.place, call.path, call.body, broken.get(described.place, set()))

    return [posted for document in vendor.values() for posted in read(document)]


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, auth=(KEY, ""), verify=False) as client:
        yield client


# Bodies ---------------------------------------------------------------------------------------------------------------


def test_there_are_samples_of_every_endpoint_and_of_events(posted: list[Posted]) -> None:
    assert len(posted) > 30
    assert {sample.path[1:] for sample in posted} == {
        "identify",
        "track",
        "page",
        "screen",
        "group",
        "alias",
        "batch",
    }
    assert sum(bool(sample.refused_at) for sample in posted) > 3


def test_strict_mode_accepts_every_sample_but_the_broken_and_names_their_faults(
    posted: list[Posted], connection: httpx.Client, sandbox: Sandbox
) -> None:
    for sample in posted:
        sandbox.clear()
        answer = connection.post(sample.path, content=sample.body, headers=STRICT)
        fields = {error["field"] for error in answer.json().get("errors", [])}
        (request,) = sandbox.requests()
        if sample.refused_at:
            assert (answer.status_code, fields) == (400, sample.refused_at), sample.place
            assert (request.verdict, sandbox.calls()) == ("refused", []), sample.place
        else:
            assert (answer.status_code, answer.json()) == (200, {}), sample.place
            assert (request.verdict, request.accepted) == ("accepted", len(sandbox.calls())), sample.place


def test_permissive_mode_answers_200_to_all_and_loses_the_broken(
    posted: list[Posted], connection: httpx.Client, sandbox: Sandbox
) -> None:
    for sample in posted:
        sandbox.clear()
        answer = connection.post(sample.path, content=sample.body)
        assert (answer.status_code, answer.json()) == (200, {}), sample.place
        (request,) = sandbox.requests()
        assert request.verdict == ("lost" if sample.refused_at else "accepted"), sample.place
        assert {problem.field for problem in request.problems} == sample.refused_at, sample.place


def test_a_call_that_is_accepted_alone_is_accepted_in_a_batch_and_kept_as_it_came(
    posted: list[Posted], connection: httpx.Client, sandbox: Sandbox
) -> None:
    whole = [sample for sample in posted if sample.path != "/batch" and not sample.refused_at]
    items = [{**json.loads(sample.body), "type": sample.path[1:]} for sample in whole]
    answer = connection.post("/batch", json={"batch": items}, headers=STRICT)
    assert answer.status_code == 200, answer.text
    assert sandbox.calls() == items


# Lines of code --------------------------------------------------------------------------------------------------------

# Samples that their own language refuses, with what it says; the docs list them.
BROKEN_PYTHON = {"/identify": SyntaxError, "/track": NameError}
BROKEN_NODE = {("2025", "/track"): "SyntaxError"}
# What a sample expects around it.
NAMES = {"previous_id": "old", "user_id": "u1"}


@pytest.fixture
def _strict_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(customerio.analytics.request._session.headers, "X-Strict-Mode", "1")


@pytest.mark.usefixtures("_strict_sessions")
def test_the_python_samples_run_with_the_vendors_package_and_arrive(
    vendor: dict[str, Any], host: str, sandbox: Sandbox
) -> None:
    ran = []
    client = customerio.analytics.Client(KEY, host=host, sync_mode=True)
    for document in vendor.values():
        for code in samples.code_samples(document, "python"):
            sandbox.clear()
            names = {"analytics": client, **NAMES}
            if broken := BROKEN_PYTHON.get(code.place):
                with pytest.raises(broken):
                    exec(code.source, names)
                assert sandbox.requests() == []
                continue
            exec(code.source, names)
            (request,) = sandbox.requests()
            assert (request.status, request.accepted, request.strict) == (200, 1, True), code.place
            assert sandbox.calls()[0]["type"] == code.place[1:]
            ran.append(code.place)
    assert sorted(set(ran)) == ["/alias", "/group", "/page"]


def test_the_node_samples_run_with_the_vendors_package_and_arrive(
    vendor: dict[str, Any], host: str, sandbox: Sandbox, run_node: Callable[..., Any]
) -> None:
    # The samples for browsers are of a library that needs one.
    codes = [
        (year, code)
        for year, document in vendor.items()
        for code in samples.code_samples(document, "javascript")
        if "Node" in code.label
    ]
    sources = [code.source for _, code in codes]
    outcomes = run_node("samples", host=host, key=KEY, strict=True, sources=sources)
    assert outcomes == [BROKEN_NODE.get((year, code.place)) for year, code in codes]
    whole = [code.place[1:] for (year, code) in codes if (year, code.place) not in BROKEN_NODE]
    assert [call["type"] for call in sandbox.calls()] == whole
    assert set(whole) == {"identify", "track", "page", "group", "alias"}
    assert {request.verdict for request in sandbox.requests()} == {"accepted"}


def test_broken_lines_of_code_are_listed_in_the_docs() -> None:
    documented = CONTRADICTIONS.read_text("utf-8")
    for place in BROKEN_PYTHON:
        assert f"`{place} python`" in documented
    for year, place in BROKEN_NODE:
        assert f"`{place} node` ({year})" in documented
