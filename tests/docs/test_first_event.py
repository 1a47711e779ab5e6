"""README.md's first event, followed to the letter in an empty folder; and what README.md claims."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, Block, blocks
from sessions import SHOWN, commands, environment, run

README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
INSTALLING = ("python3 -m venv", ". .venv", "pip install")
PROOF = re.compile(r"\[`(?P<test>test_\w+)`\]\((?P<path>tests/[\w/]+\.py)\)")


def _first() -> list[Block]:
    """The blocks before the second section."""
    end = TEXT.count("\n", 0, [found.start() for found in re.finditer(r"^## ", TEXT, re.MULTILINE)][1])
    return [block for block in blocks(README) if block.line < end]


def test_the_first_event_is_delivered_as_it_says(tmp_path: Path) -> None:
    pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")
    import httpx

    start, program, then = _first()
    assert program.file == "first.py"
    (tmp_path / program.file).write_text(program.text, "utf-8")
    typed = [command for command in commands(start.text) if not command.text.startswith(INSTALLING)]
    assert [command.text for command in typed] == ["cio-facade sandbox"]
    sandbox = [Path(sys.executable).with_name("cio-facade"), "sandbox", "--port", "0"]
    with subprocess.Popen(sandbox, stdout=subprocess.PIPE, text=True, env=environment("")) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().split("/")[2]
            page = process.stdout.readline().strip()
            variables: dict[str, str] = {}
            for command in commands(then.text):
                if command.text.startswith("export "):
                    words = command.text.replace(SHOWN, address).split()[1:]
                    variables |= dict(word.split("=", 1) for word in words)
                elif not command.text.startswith(INSTALLING):
                    run(command, tmp_path, address, **variables)
            assert set(variables) == {"CIO_API_KEY", "CIO_BASE_URL"}
            assert f"`http://{SHOWN}/`" in TEXT
            assert page == f"http://{address}/"
            assert "Order Completed" in httpx.get(page).raise_for_status().text
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_first_event_comes_on_the_first_screen() -> None:
    before = TEXT.partition("![")[0].splitlines()
    assert len(before) < 45


@pytest.mark.parametrize(("test", "path"), PROOF.findall(TEXT))
def test_what_no_other_client_does_is_a_test(test: str, path: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_claim_has_its_proof() -> None:
    table = TEXT.partition("## What no other client does")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 8
    assert [row for row in rows if not PROOF.search(row) and "docs/performance.md" not in row] == []


def test_the_speed_is_near_the_measured_one() -> None:
    """A measurement differs a little from the next; README.md need not be changed for that."""
    ((said, times),) = re.findall(r"\| ([\d ]+) events a second on two cores, (\d+) times as many", TEXT)
    measured = (ROOT / "docs" / "performance.md").read_text("utf-8").partition("## Small events")[2]
    ((second, official),) = re.findall(r"^\| send_many \| [\d ]+ \| ([\d ]+) \| ([\d.]+) \|", measured, re.MULTILINE)[
        :1
    ]
    assert int(said.replace(" ", "")) == pytest.approx(int(second.replace(" ", "")), rel=0.2)
    assert int(times) == pytest.approx(float(official), rel=0.2)
