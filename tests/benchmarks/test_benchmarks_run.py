"""The benchmarks run, from end to end and with hardly any events: what they measure then means nothing."""

import gzip
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from benchmarks import documents, sinks
from benchmarks.contenders import CONTENDERS
from benchmarks.report import Figure, Target
from benchmarks.scale import Scale

ROOT = Path(__file__).parents[2]
PEERS = ("customerio", "segment", "rudderstack", "posthog", "async_customerio")

needs_compiler = pytest.mark.skipif(
    sinks.compiler() is None, reason="NO C COMPILER: the sink of the benchmarks needs one"
)
needs_peers = pytest.mark.skipif(
    any(find_spec(peer) is None for peer in PEERS), reason=f"NOT ALL OF {PEERS} ARE INSTALLED (extra: bench)"
)


def benchmarks(tmp_path, *runs):
    """What the command wrote, as a table and as JSON; only customerio may be missing, which is installed elsewhere."""
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file), *runs]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    missing = {figure["who"] for figure in content["figures"] if not figure["values"]}
    assert missing <= {"customerio: not measured"}, done.stderr
    page = (ROOT / "docs" / "performance.md").read_text()
    assert {figure["run"] for figure in content["figures"]} <= set(documents.blocks(page))
    content["figures"] = [figure for figure in content["figures"] if figure["values"]]
    return done.stdout, content


@needs_compiler
def test_long_streams_splitting_profile_and_single_calls_are_measured(tmp_path):
    text, content = benchmarks(tmp_path, "long", "endless", "splitting", "profile", "single", "compressors")

    runs = [figure["run"] for figure in content["figures"]]
    assert [(run, runs.count(run)) for run in dict.fromkeys(runs)] == [
        ("long stream", 1),
        ("endless stream", 1),
        ("splitting", 2),
        ("profile, small events", 8),
        ("profile, large events", 8),
        ("single call", 2),
        ("compressing a body of small events", 4),
        ("compressing a body of large events", 4),
    ]
    assert [figure["values"]["lost"] for figure in content["figures"][:2]] == [0, 0]
    assert content["machine"]["cores"] >= 1
    assert all(figure["who"] in text for figure in content["figures"])


@needs_compiler
def test_single_calls_of_many_tasks_are_measured_over_several_transports(tmp_path):
    _, content = benchmarks(tmp_path, "concurrent")

    assert [figure["who"] for figure in content["figures"][:2]] == ["CustomerIO, one thread", "AsyncCustomerIO"]
    assert all(figure["values"]["calls_per_second"] > 0 for figure in content["figures"])


@needs_compiler
@needs_peers
def test_all_contenders_deliver_all_events(tmp_path):
    _, content = benchmarks(tmp_path, "small")

    assert len(content["figures"]) >= len(CONTENDERS) - 1
    assert {figure["values"]["lost"] for figure in content["figures"]} == {0}
    assert [target["wanted"] for target in content["targets"]] == [20, 13, 10, 5, 0.7, 0]


@needs_compiler
@needs_peers
def test_all_rows_are_loaded(tmp_path):
    text, content = benchmarks(tmp_path, "loading")

    assert len(content["figures"]) == 5
    assert {figure["values"]["lost"] for figure in content["figures"]} == {0}
    assert [target["wanted"] for target in content["targets"]] == [1, 20, 0.5, 0.5, 0]
    assert "rows/s" in text


@needs_compiler
@needs_peers
def test_a_server_far_away_sees_few_connections_and_loses_nothing(tmp_path):
    _, content = benchmarks(tmp_path, "far", "defaults")

    assert {figure["run"] for figure in content["figures"]} == {"10 ms an answer", "defaults"}
    assert {figure["values"]["lost"] for figure in content["figures"]} == {0}
    assert all(figure["values"].get("reconnections", 0) == 0 for figure in content["figures"])
    assert max(figure["values"].get("most_in_flight", 0) for figure in content["figures"]) <= 16


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing-of-this-name"], "nothing-of-this-name"),
        (["--quick", "--docs", "docs"], "one whole run"),
        (["small", "--docs", "docs"], "one whole run"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(arguments, told):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr


def row(number):
    return f'{{"order_id": "o-{number}"}}'


@needs_compiler
def test_the_sink_counts_events_whatever_the_path_and_however_they_are_packed():
    bodies = [row(1), f'{{"batch":[{",".join(map(row, range(20_000)))}]}}']
    with sinks.running() as sink:
        with httpx.Client(base_url=sink.origin, trust_env=False) as client:
            for path in ("/v1/batch", "/api/v1/customers/u1/events"):
                for body in bodies:
                    answer = client.post(path, content=body)
                    assert (answer.status_code, answer.content) == (200, b"{}")
            packed = gzip.compress(bodies[1].encode())
            client.post("/v1/batch", content=packed, headers={"Content-Encoding": "gzip"})
            client.post("/v1/batch", content=b"no gzip", headers={"Content-Encoding": "gzip"})
        counts = sink.counts()
        assert counts._replace(quiet=0.0) == sinks.Counts(
            requests=6,
            bytes=2 * sum(map(len, bodies)) + len(packed) + len(b"no gzip"),
            events=2 * 20_001 + 20_000,
            unread=1,
            connections=1,
            most_open=1,
            most_in_flight=1,
            quiet=0.0,
        )
        sink.reset()
        assert sink.counts().requests == 0


@needs_compiler
def test_the_sink_takes_its_time_and_sees_who_reconnects():
    with sinks.running(delay_ms=20) as sink:
        for _ in range(3):
            assert httpx.post(sink.origin, content=b"", trust_env=False).elapsed.total_seconds() >= 0.02
        counts = sink.counts()
    assert (counts.requests, counts.connections, counts.most_open) == (3, 3, 1)


def test_without_a_compiler_and_nginx_there_is_no_sink(monkeypatch):
    monkeypatch.setattr(sinks.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="C compiler"), sinks.running():
        pass


@pytest.fixture
def docs(tmp_path):
    """A copy of the page, with figures for each of its blocks but those that a run writes anyway."""
    page = tmp_path / "performance.md"
    page.write_text((ROOT / "docs" / "performance.md").read_text())
    names = [name for name in documents.blocks(page.read_text()) if name not in {"machine", "targets"}]
    figures = [
        Figure(run=name, who=who, values={"events_per_second": rate})
        for name in names
        for who, rate in (("swift", 123_456.0), ("slow & small", 12.0))
    ]
    return page, figures, [Target("to be swift", 1, 2)]


def test_the_page_gets_the_tables_and_the_picture_and_keeps_its_words(docs):
    page, figures, targets = docs
    words = page.read_text().partition("<!-- figures")[0]

    for _ in range(2):  # what is written can be written again
        assert documents.write(page.parent, figures, targets, "a fine machine") == []

    text = page.read_text()
    assert text.startswith(words)
    assert text.count("| swift | 123 000 |") == len({figure.run for figure in figures})
    assert text.count("a fine machine") == 1
    assert "| to be swift | at least 1 | 2 | met |" in text
    picture = "".join(ElementTree.parse(page.with_suffix(".svg")).getroot().itertext())
    assert "swift" in picture
    assert "slow & small" in picture


def test_figures_without_a_place_on_the_page_are_named(docs):
    page, figures, targets = docs
    assert documents.write(page.parent, [*figures, Figure(run="else", who="x", values={})], targets, "") == ["else"]


def test_a_place_on_the_page_without_figures_is_named_and_stays_as_it_is(docs):
    page, figures, targets = docs
    documents.write(page.parent, figures, targets, "")

    left = [figure for figure in figures if figure.run != "splitting"]
    assert documents.write(page.parent, left, targets, "") == ["splitting"]
    assert page.read_text().count("| swift |") == len({figure.run for figure in figures})


def test_all_runs_have_a_place_on_the_page():
    page = documents.blocks((ROOT / "docs" / "performance.md").read_text())
    far = {f"{delay} ms an answer" for delay in Scale().delays}
    assert {"machine", "targets", "small events", "large events", "import", *far} <= set(page)
    assert len(page) == len(set(page))


@needs_compiler
def test_the_sandbox_is_measured(tmp_path):
    _, content = benchmarks(tmp_path, "sandbox")

    whose = ["kept in a file", "kept in memory", "only counted"]
    assert [(figure["run"], figure["who"]) for figure in content["figures"]] == [
        (f"sandbox, {way}", who) for way in ("batches", "singles") for who in whose
    ]
    assert all(figure["values"]["calls_per_second"] > 0 for figure in content["figures"])
