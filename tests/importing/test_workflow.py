"""The workflow that asks for the vendor's changes: its steps run here, with stand-ins for what leads outside."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOW = YAML(typ="safe", pure=True).load((ROOT / ".github" / "workflows" / "update-spec.yml").read_text("utf-8"))
JOB = WORKFLOW["jobs"]["update"]
SPEC = "cio_pipelines_api.json"
BRANCH = "update-spec/main"
BOT = "github-actions[bot]"

ADDRESS = "https://example.com/newest.json"
COMPATIBLE = "### Compatible\n\n- `theatre.SeatsBooked.row`: new property, string\n"
BREAKING = "### Breaking\n\n- `theatre.SeatsBooked.row`: type integer, was string\n"
KEPT = "### Kept\n\n- `theatre.SeatsBooked.row`: gone from the vendor's file; kept, goes with --prune\n"

IMPORTER = "import sys\nfrom scripts.import_spec import main\nsys.exit(main())\n"

RECORD = """#!/usr/bin/env bash
set -euo pipefail
(IFS=$'\\x1f'; printf '%s\\x1e' "${0##*/}$IFS$*") >> "$STAND_INS/calls"
"""
STAND_INS = {
    "curl": """
while (( $# )); do
  case $1 in
    --output) file=$2 ;;
    --url) url=$2 ;;
  esac
  shift
done
cp "$STAND_INS/served/${url##*/}" "$file" || exit 22
""",
    "git": f'exec {shutil.which("git")} "$@"\n',
    # What make would run is shown as make shows it; what it would have changed is laid over the tree.
    "make": f"""
if [[ $1 == update && -d $STAND_INS/made ]]; then cp -R "$STAND_INS/made/." .; fi
{shutil.which("make")} --dry-run "$@" > "$STAND_INS/plan"
while read -r line; do
  echo "$line"
  if [[ $FAILS_AT && $line == *"$FAILS_AT"* ]]; then exit 2; fi
done < "$STAND_INS/plan"
""",
    "gh": """
previous=
for word in "$@"; do
  if [[ $previous == --body-file ]]; then cp "$word" "$STAND_INS/body"; fi
  previous=$word
done
case "$1 $2" in
  'pr list') echo "$OPEN_PR" ;;
  'pr create') echo https://github.com/example/project/pull/7 ;;
  'label list') printf 'bug\\nbreaking\\ncompatible\\n' ;;
esac
""",
}


@dataclass
class Runner:
    """A runner of GitHub's with a clone of a small project."""

    folder: Path
    event: str = "workflow_dispatch"
    addresses: str = ADDRESS
    variable: str = ""
    prune: str = "false"
    fails_at: str = ""
    open_pr: str = ""
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    log: str = ""

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def stand_ins(self) -> Path:
        return self.folder / "stand_ins"

    def serve(self, name: str, content: str) -> None:
        (self.stand_ins / "served" / name).write_text(content, "utf-8")

    def report(self, text: str, exit_code: int) -> None:
        """Let the importer say this, instead of running it."""
        self.serve("newest.json", "{}")
        script = f"import sys\nprint({text!r}, end='')\nsys.exit({exit_code})\n"
        (self.clone / "scripts" / "import_spec.py").write_text(script, "utf-8")
        self.git("commit", "--quiet", "--all", "--message", "An importer for this test")

    def updated(self, **files: str) -> None:
        """Let ``make update`` write these files."""
        for name, content in files.items():
            path = self.stand_ins / "made" / name.replace("__", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, "utf-8")

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        command = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments]
        return subprocess.run(
            command, cwd=folder or self.clone, env=self._environment(), capture_output=True, text=True, check=True
        ).stdout.strip()

    def proposed(self, form: str = "%an") -> str:
        """What the pushed branch's newest commit is, by a format of git's; empty when nothing was pushed."""
        remote = self.folder / "remote.git"
        if not self.git("branch", "--list", BRANCH, folder=remote):
            return ""
        return self.git("log", "-1", f"--format={form}", BRANCH, folder=remote)

    def run(self) -> int:
        """Run the steps in their order until one fails, and return its exit code."""
        for number, step in enumerate(JOB["steps"]):
            if "if" in step and not self._value(step["if"]):
                continue
            if "run" in step and (code := self._step(step, self.folder / f"step{number}")):
                return code
        return 0

    def calls(self, name: str) -> list[str]:
        """What a stand-in was called with, as it would be written in a shell."""
        record = self.stand_ins / "calls"
        calls = record.read_text("utf-8").split("\x1e")[:-1] if record.exists() else []
        return [shlex.join(call.split("\x1f")[1:]) for call in calls if call.split("\x1f")[0] == name]

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text("utf-8")

    @property
    def body(self) -> str:
        return (self.stand_ins / "body").read_text("utf-8")

    def _step(self, step: Any, script: Path) -> int:
        script.write_text(step["run"], "utf-8")
        output = script.with_suffix(".output")
        output.touch()
        texts = {**JOB["env"], **step.get("env", {})}
        given = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self._value(found[1]), text)
            for name, text in texts.items()
        }
        done = subprocess.run(
            [word.replace("{0}", str(script)) for word in shlex.split(JOB["defaults"]["run"]["shell"])],
            cwd=self.clone,
            env=self._environment() | given | {"GITHUB_OUTPUT": str(output)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += done.stdout
        for line in output.read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode

    def _value(self, expression: str) -> str:
        """Evaluate an expression of the workflow: alternatives of what contexts hold."""
        steps = "|".join(step["id"] for step in JOB["steps"] if "id" in step)
        known = {
            "inputs.urls": self.addresses if self.event == "workflow_dispatch" else "",
            "inputs.prune": self.prune if self.event == "workflow_dispatch" else "",
            "vars.SPEC_URLS": self.variable,
            "github.token": "a token",
            "github.server_url": "https://github.com",
            "github.repository": "example/project",
            "github.run_id": "42",
        }
        for name in expression.split(" || "):
            value = self.outputs.get(name, "") if re.match(rf"steps\.({steps})\.outputs\.\w+$", name) else known[name]
            if value:
                return value
        return ""

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.stand_ins / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "STAND_INS": str(self.stand_ins),
            "FAILS_AT": self.fails_at,
            "OPEN_PR": self.open_pr,
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_REF_NAME": "main",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
        }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runner")
    runner = Runner(folder)
    (runner.stand_ins / "bin").mkdir(parents=True)
    (runner.stand_ins / "served").mkdir()
    for name, text in STAND_INS.items():
        executable(runner.stand_ins / "bin" / name, RECORD + text)
    runner.clone.mkdir()
    for name in ("Makefile", ".gitignore"):
        shutil.copy(ROOT / name, runner.clone)
    for name in ("pyproject.toml", "CHANGELOG.md", SPEC):
        (runner.clone / name).write_text("old\n", "utf-8")
    (runner.clone / "scripts").mkdir()
    (runner.clone / "scripts" / "import_spec.py").write_text(IMPORTER, "utf-8")
    (runner.clone / ".venv" / "bin").mkdir(parents=True)
    executable(runner.clone / ".venv" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (runner.clone / ".venv" / ".ready").touch()
    runner.git("init", "--quiet", "--template=", "--bare", "remote.git", folder=folder)
    runner.git("init", "--quiet", "--template=", "--initial-branch", "main")
    runner.git("remote", "add", "origin", "../remote.git")
    runner.git("add", "--all")
    runner.git("commit", "--quiet", "--message", "A small project")
    return folder


@pytest.fixture
def runner(template: Path, tmp_path: Path) -> Runner:
    folder = tmp_path / "runner"
    shutil.copytree(template, folder)
    (folder / "stand_ins" / "calls").unlink(missing_ok=True)
    return Runner(folder)


def executable(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(0o755)


def vendor_file(change: Callable[[Any], None] = lambda _: None) -> str:
    """The committed spec as the vendor may have it, with a change to the properties of an order."""
    spec = json.loads((ROOT / SPEC).read_text("utf-8"))
    change(spec["components"]["schemas"]["OrderCompleted"]["properties"])
    return json.dumps(spec)


# What the importer says decides what happens; here it is the importer itself


def test_without_a_change_nothing_is_updated(runner: Runner) -> None:
    runner.serve("newest.json", vendor_file())
    assert runner.run() == 0
    assert runner.calls("make") == ["setup"]
    assert runner.calls("gh") == []
    assert "No change." in runner.summary


def test_a_compatible_change_is_proposed(runner: Runner) -> None:
    runner.serve("newest.json", vendor_file(lambda order: order.update(sealing_wax={"type": "string"})))
    runner.updated(cio_pipelines_api__json="new\n", CHANGELOG__md="new\n")
    assert runner.run() == 0, runner.log
    assert runner.calls("make") == ["setup", "update SPEC=build/vendor/1"]
    assert [call for call in runner.calls("gh") if call.startswith("pr ")] == [
        f"pr list --head {BRANCH} --base main --state open --json number --jq '.[0].number // empty'",
        f"pr create --head {BRANCH} --base main --title 'Spec update, compatible' --body-file build/proposal.md",
        "pr edit https://github.com/example/project/pull/7 --add-label compatible",
        "pr edit https://github.com/example/project/pull/7 --remove-label breaking",
    ]
    assert runner.proposed() == BOT
    assert runner.git("diff", "--name-only", "HEAD~").splitlines() == ["CHANGELOG.md", SPEC]
    assert "### Compatible" in runner.body
    assert "`ecommerce.OrderCompleted.sealing_wax`: new property, string" in runner.body
    assert runner.body.strip() in runner.summary


def test_a_breaking_change_says_so(runner: Runner) -> None:
    runner.serve("newest.json", vendor_file(lambda order: order["total"].update(type="string")))
    runner.updated(cio_pipelines_api__json="new\n")
    assert runner.run() == 0, runner.log
    (created,) = [call for call in runner.calls("gh") if call.startswith("pr create")]
    assert "'Spec update, breaking'" in created
    assert runner.calls("gh")[-2:] == [
        "pr edit https://github.com/example/project/pull/7 --remove-label compatible",
        "pr edit https://github.com/example/project/pull/7 --add-label breaking",
    ]
    assert "`ecommerce.OrderCompleted.total`: type string, was number" in runner.body


def test_what_cannot_be_imported_fails_with_the_importers_line(runner: Runner) -> None:
    runner.serve("newest.json", "<html>We are moving: 100% done soon</html>")
    assert runner.run() == 1
    (error,) = re.findall("^::error.*", runner.log, re.MULTILINE)
    assert "::build/vendor/1: is markup" in error
    assert runner.calls("make") == ["setup"]
    assert runner.calls("gh") == []
    assert "build/vendor/1: is markup" in runner.summary


# The rest, with an importer that says what it is told to


def test_an_error_may_hold_signs_that_mean_something_to_github(runner: Runner) -> None:
    runner.report("", 1)
    script = runner.clone / "scripts" / "import_spec.py"
    script.write_text("raise SystemExit('first%0A\\n100%: wrong')", "utf-8")
    assert runner.run() == 1
    assert "::100%25: wrong\n" in runner.log
    assert "    first%0A\n    100%: wrong\n" in runner.summary


@pytest.mark.parametrize("exit_code", [1, 2, 30])
def test_any_other_exit_code_is_an_error(runner: Runner, exit_code: int) -> None:
    runner.report(COMPATIBLE, exit_code)
    assert runner.run() == 1
    assert runner.calls("make") == ["setup"]


@pytest.mark.parametrize("addresses", ["", "  \n "])
def test_on_schedule_it_is_no_error_that_no_address_is_known(runner: Runner, addresses: str) -> None:
    runner.event, runner.variable = "schedule", addresses
    assert runner.run() == 0
    assert runner.calls("curl") == runner.calls("make") == []
    assert "::notice::" in runner.log
    assert "SPEC_URLS" in runner.summary


def test_by_hand_an_address_must_be_known(runner: Runner) -> None:
    runner.addresses = ""
    assert runner.run() == 1
    assert runner.calls("curl") == runner.calls("make") == []
    assert "::error::" in runner.log


def test_the_repository_knows_the_addresses(runner: Runner) -> None:
    runner.report("No change.\n", 0)
    runner.event, runner.variable = "schedule", f"\n {ADDRESS}\n"
    assert runner.run() == 0
    assert [call.split()[-1] for call in runner.calls("curl")] == [ADDRESS]


def test_what_cannot_be_downloaded_is_not_imported(runner: Runner) -> None:
    runner.addresses = f"{ADDRESS} https://example.com/gone.json"
    runner.serve("newest.json", "{}")
    assert runner.run() == 1
    assert "::error::Address 2 of 2 " in runner.log
    assert runner.calls("make") == []


def test_an_address_is_nothing_but_an_address(runner: Runner) -> None:
    runner.report("No change.\n", 0)
    runner.addresses = "$(touch${IFS}hurt) --config * `touch${IFS}hurt`"
    assert runner.run() == 1
    assert [shlex.split(call)[-2:] for call in runner.calls("curl")] == [["--url", "$(touch${IFS}hurt)"]]
    assert not (runner.clone / "hurt").exists()


@pytest.mark.parametrize("prune", ["true", "false"])
def test_pruning_is_asked_for(runner: Runner, prune: str) -> None:
    runner.report(COMPATIBLE, 10)
    runner.addresses, runner.prune = f"{ADDRESS}\nhttps://example.com/older.json", prune
    runner.serve("older.json", "{}")
    assert runner.run() == 0, runner.log
    asked = " PRUNE=1" if prune == "true" else ""
    assert runner.calls("make")[-1] == f"update 'SPEC=build/vendor/1 build/vendor/2'{asked}"
    plan = (runner.stand_ins / "plan").read_text("utf-8")
    assert ("--prune" in plan) == (prune == "true")


def test_without_a_change_to_a_file_nothing_is_proposed(runner: Runner) -> None:
    runner.report(KEPT, 20)
    assert runner.run() == 0, runner.log
    assert runner.calls("make")[-1].startswith("update")
    assert runner.calls("gh") == []
    assert runner.proposed() == ""
    assert "changes no file" in runner.summary
    assert KEPT in runner.summary


def test_what_is_kept_breaks_nobody(runner: Runner) -> None:
    runner.report(COMPATIBLE + "\n" + KEPT, 20)
    runner.updated(cio_pipelines_api__json="new\n")
    assert runner.run() == 0, runner.log
    assert any("'Spec update, compatible'" in call for call in runner.calls("gh"))


@pytest.mark.parametrize("command", ["scripts/generate.py", ".venv/bin/mypy", "-m pytest"])
def test_a_failing_update_is_a_draft_that_says_where(runner: Runner, command: str) -> None:
    runner.report(BREAKING, 20)
    runner.updated(cio_pipelines_api__json="new\n")
    runner.fails_at = command
    assert runner.run() == 1
    (created,) = [call for call in runner.calls("gh") if call.startswith("pr create")]
    assert created.endswith(" --draft")
    assert runner.proposed() == BOT
    first = runner.body.splitlines()[0]
    assert re.search(rf"failed\*\* at `\.venv/bin/[^`]*{re.escape(command.removeprefix('.venv/bin/'))}", first), first
    assert "https://github.com/example/project/actions/runs/42" in first
    assert BREAKING in runner.body
    error = runner.log.splitlines()[-1]
    assert error.startswith("::error")
    assert command in error


def test_an_update_that_fails_before_it_writes_proposes_nothing(runner: Runner) -> None:
    runner.report(BREAKING, 20)
    runner.fails_at = "scripts/import_spec.py"
    assert runner.run() == 1
    assert runner.calls("gh") == []
    assert "failed before it changed any file" in runner.summary


@pytest.mark.parametrize(("fails_at", "ready"), [("", "pr ready 7"), ("-m pytest", "pr ready 7 --undo")])
def test_an_open_proposal_is_brought_up_to_date(runner: Runner, fails_at: str, ready: str) -> None:
    propose_earlier(runner, BOT, "41898282+github-actions[bot]@users.noreply.github.com")
    runner.report(BREAKING, 20)
    runner.updated(cio_pipelines_api__json="new\n")
    runner.fails_at = fails_at
    assert runner.run() == bool(fails_at), runner.log
    calls = [call for call in runner.calls("gh") if call.startswith("pr ")]
    assert calls[1:] == [
        "pr edit 7 --title 'Spec update, breaking' --body-file build/proposal.md",
        ready,
        "pr edit 7 --remove-label compatible",
        "pr edit 7 --add-label breaking",
    ]
    assert "breaking" in runner.proposed("%s")


def test_a_proposal_that_people_work_on_is_left_to_them(runner: Runner) -> None:
    propose_earlier(runner, "Ann", "ann@example.com")
    runner.report(BREAKING, 20)
    runner.updated(cio_pipelines_api__json="new\n")
    assert runner.run() == 0, runner.log
    assert [call.split()[:2] for call in runner.calls("gh")] == [["auth", "setup-git"], ["pr", "list"]]
    assert runner.proposed() == "Ann"
    assert "::warning::" in runner.log


def propose_earlier(runner: Runner, name: str, email: str) -> None:
    runner.open_pr = "7"
    runner.git(
        "-c", f"user.name={name}", "-c", f"user.email={email}", "commit", "--quiet", "--allow-empty", "-m", "Earlier"
    )
    runner.git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    runner.git("reset", "--quiet", "--hard", "HEAD~")


def test_a_report_too_long_for_github_is_cut_at_a_line(runner: Runner) -> None:
    line = "- `theatre.SeatsBooked.row`: new property, string\n"
    runner.report("### Compatible\n\n" + line * 2000, 10)
    runner.updated(cio_pipelines_api__json="new\n")
    assert runner.run() == 0, runner.log
    *report, _, rest = runner.body.splitlines()
    assert len(runner.body) < 65536
    assert report[-1] + "\n" == line
    assert "actions/runs/42" in rest


# What it may do


def test_scripts_have_what_others_wrote_in_variables_only() -> None:
    assert not [step["name"] for step in JOB["steps"] if "${{" in step.get("run", "")]


def test_it_may_do_no_more_than_it_must() -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOB["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert JOB["timeout-minutes"] <= 60
    assert WORKFLOW["concurrency"]["group"]
    actions = [step for step in JOB["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in actions)
    assert actions[0]["with"] == {"persist-credentials": False}
    assert [step["name"] for step in JOB["steps"] if "github.token" in str(step)] == ["Propose"]
