"""docs/how-to/bulk-load.md: its commands, one after the other, on its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from documents import ROOT, blocks
from sessions import commands, run

pytest.importorskip("duckdb", reason="needs the extra [load]")

_PAGE = ROOT / "docs" / "how-to" / "bulk-load.md"
_REJECTING = "|| [ $? -eq 3 ]"  # the page's file has a row that is rejected


def test_the_commands_load_as_the_page_says(tmp_path: Path, cio_sandbox) -> None:
    (table,) = (block for block in blocks(_PAGE) if block.language == "csv")
    (tmp_path / "people.csv").write_text(table.text, encoding="utf-8")
    told = [command for block in blocks(_PAGE) if block.language == "console" for command in commands(block.text)]
    address = cio_sandbox.url.removeprefix("http://").removesuffix("/v1")
    state = str(tmp_path / "state")
    for command in told:
        if command.text.startswith("pip"):
            continue
        reject = "people.csv --as" in command.text
        one = command._replace(text=f"{command.text} {_REJECTING}" if reject else command.text)
        run(one, tmp_path, address, CIO_STATE=state)
        if "--dry-run" in command.text:
            assert cio_sandbox.counts().requests == 0
    assert len(told) > 5
    assert {*cio_sandbox.people} == {"u1", "u2", "u3"}
    assert [call["userId"] for call in cio_sandbox.calls("identify")].count("u2") == 2, json.dumps(told)
    cio_sandbox.assert_nothing_refused()
