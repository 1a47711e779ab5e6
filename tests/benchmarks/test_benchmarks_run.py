"""The benchmarks run, from end to end and with hardly any events: what they measure then means nothing."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from benchmarks import sinks

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sinks.compiler() is None, reason="NO C COMPILER: the sink of the benchmarks needs one")


def benchmarks(tmp_path, *runs):
    """What the command wrote, as a table and as JSON."""
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file), *runs]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_long_streams_and_single_calls_are_measured(tmp_path):
    text, content = benchmarks(tmp_path, "long", "single")

    assert [figure["who"] for figure in content["figures"]] == ["send_many", "CustomerIO.track", "httpx.Client.post"]
    assert content["figures"][0]["values"]["lost"] == 0
    assert content["machine"]["cores"] >= 1
    assert all(figure["who"] in text for figure in content["figures"])


@pytest.mark.skipif(find_spec("customerio") is None, reason="customerio-cdp-analytics is not installed (extra: bench)")
def test_all_contenders_deliver_all_events(tmp_path):
    _, content = benchmarks(tmp_path, "small")

    assert len(content["figures"]) == 6
    assert {figure["values"]["lost"] for figure in content["figures"]} == {0}
    assert len(content["targets"]) == 2


def test_an_unknown_run_is_named(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "nothing-of-this-name"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "nothing-of-this-name" in done.stderr


def test_the_sink_for_machines_without_a_compiler_counts_as_the_compiled_one_does(monkeypatch, capsys):
    counted = []
    for compiler in (sinks.compiler(), None):
        monkeypatch.setattr(sinks, "compiler", lambda found=compiler: found)
        monkeypatch.setattr(sinks.shutil, "which", lambda _: None)
        with sinks.running() as sink:
            for body in (b'{"messageId":1}', b'{"batch":[{"messageId":1},{"messageId":2}]}' * 20_000):
                answer = httpx.post(f"{sink.origin}/v1/batch", content=body, trust_env=False)
                assert (answer.status_code, answer.content) == (200, b"{}")
            counted.append(sink.counts()._replace(quiet=0.0))
            sink.reset()
            assert sink.counts().requests == 0
    assert counted[0] == counted[1] == (2, 15 + 43 * 20_000, 40_001, 0.0)
    assert "BOUNDS THE FIGURES" in capsys.readouterr().err
