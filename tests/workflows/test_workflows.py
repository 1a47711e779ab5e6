"""GitHub's workflows: what they are made of exists, and each may do only what it must.

What the steps of update-spec.yml do is shown by tests/importing/test_workflow.py, which runs them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: YAML(typ="safe", pure=True).load(path.read_text("utf-8")) for path in FOLDER.iterdir()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")

# Who may do more than read the clone, and why is written beside it.
WRITES = {
    ("docs.yml", "publish"): {"pages", "id-token"},
    ("release.yml", "publish"): {"id-token", "attestations"},
    ("update-spec.yml", "update"): {"contents", "pull-requests"},
}

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def _jobs() -> Iterator[tuple[str, str, Any]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield name, job, content


def _steps(uses: str = "") -> Iterator[tuple[str, str, Any]]:
    for name, job, content in _jobs():
        for step in content.get("steps", []):
            if step.get("uses", "").startswith(uses):
                yield name, job, step


def _tool(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name}, of the extra [dev]")
    return str(path)


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_workflow
def test_a_workflow_is_what_github_takes_for_one(name: str) -> None:
    _run(_tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", f".github/workflows/{name}")


def test_no_workflow_has_a_hole_that_is_known_by_name() -> None:
    _run(_tool("zizmor"), "--offline", "--strict-collection", "--no-progress", "--quiet", ".github/workflows")


@pytest.mark.parametrize("step", [step for *_, step in _steps() if "run" in step], ids=lambda step: step.get("name"))
def test_a_step_is_a_script_that_bash_can_read(step: Any) -> None:
    script = re.sub(r"\$\{\{.*?\}\}", "value", step["run"])
    _run("bash", "-n", "-c", script)


def test_what_the_steps_make_are_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    made = {
        (name, target)
        for name, _, step in _steps()
        for target in re.findall(r"\bmake ([a-z-]+)", re.sub(r"(?m)#.*$|echo .*$", "", step.get("run", "")))
    }
    assert {("tests.yml", "test"), ("docs.yml", "docs"), ("docs.yml", "notebooks"), ("release.yml", "release")} <= made
    assert {target for _, target in made} <= targets


def test_the_tests_run_on_each_python_that_the_package_says_it_is_for() -> None:
    told = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert WORKFLOWS["tests.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == told
    assert PROJECT["requires-python"] == f">={told[0]}"


def test_a_python_that_a_job_names_is_one_of_them() -> None:
    known = WORKFLOWS["tests.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    for name, _, step in _steps("actions/setup-python@"):
        assert step["with"]["python-version"] in [*known, "${{ matrix.python }}"], name


def test_packages_are_cached_by_what_the_project_asks_for_and_never_for_a_release() -> None:
    for name, _, step in _steps("actions/setup-python@"):
        if name in {"tests.yml", "docs.yml"}:
            assert "pip" in step["with"]["cache"]
            assert step["with"]["cache-dependency-path"] == "pyproject.toml"
        else:
            assert "cache" not in step["with"], name
        if name == "tests.yml":
            assert "github.ref_type != 'tag'" in step["with"]["cache"]


@every_workflow
def test_a_workflow_may_do_nothing_and_its_jobs_only_what_is_listed(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    for job, content in WORKFLOWS[name]["jobs"].items():
        wanted = content["permissions"]
        writes = {what for what, how in wanted.items() if how == "write"}
        assert writes == WRITES.get((name, job), set())
        assert {what: how for what, how in wanted.items() if how != "write"} in ({}, {"contents": "read"})


@every_workflow
def test_a_workflow_knows_no_secret_and_leaves_no_token_behind(name: str) -> None:
    assert "secrets" not in (FOLDER / name).read_text("utf-8")
    for where, _, step in _steps("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False, where


def test_an_action_is_pinned_to_one_commit_with_its_version_beside_it() -> None:
    pins: dict[str, set[str]] = {}
    for name in WORKFLOWS:
        for line in re.findall(r"uses: (.+)$", (FOLDER / name).read_text("utf-8"), re.MULTILINE):
            if line.startswith("./"):
                assert (ROOT / line.partition(" #")[0]).is_file()
                continue
            found = re.fullmatch(r"([\w./-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
            assert found, f"{name}: {line}"
            pins.setdefault(found[1], set()).add(found[2])
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}


@every_workflow
def test_every_job_has_an_end(name: str) -> None:
    for job, content in WORKFLOWS[name]["jobs"].items():
        assert "uses" in content or content["timeout-minutes"] <= 60, job


def test_only_a_tag_is_released_and_only_what_was_tested_and_built_is_published() -> None:
    workflow = WORKFLOWS["release.yml"]
    assert workflow[True if True in workflow else "on"] == {"push": {"tags": ["v[0-9]*"]}}
    jobs = workflow["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/tests.yml"
    assert set(jobs["publish"]["needs"]) == {"test", "build"}
    assert not [step for step in jobs["publish"]["steps"] if "run" in step]
    assert [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]] == [
        "actions/download-artifact",
        "actions/attest-build-provenance",
        "pypa/gh-action-pypi-publish",
    ]
    assert [step["with"]["attestations"] for *_, step in _steps("pypa/gh-action-pypi-publish@")] == [True]


def test_what_a_job_hands_on_is_what_another_takes() -> None:
    given = {(name, step["with"]["name"]) for name, _, step in _steps("actions/upload-artifact@")}
    taken = {(name, step["with"]["name"]) for name, _, step in _steps("actions/download-artifact@")}
    assert taken == given == {("release.yml", "dist")}
