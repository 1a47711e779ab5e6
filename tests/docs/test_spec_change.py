"""The guide for a spec that changes, gone to the letter in a copy of what it touches."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks
from sessions import commands, run

pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")
pytest.importorskip("openapi_python_client", reason="needs the extra [generate]")

from cio_facade.sandbox import Sandbox

PAGE = ROOT / "docs" / "how-to" / "spec-change.md"
TOUCHED = ("scripts", "generated", "cio_pipelines_api.json", "pyproject.toml", "CHANGELOG.md")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the guide's commands read and write, with the environment of this run."""
    for part in TOUCHED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, tmp_path / part)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def test_the_guide_is_gone_from_the_file_to_the_call(clone: Path) -> None:
    before = (ROOT / "cio_pipelines_api.json").read_bytes()
    generated = {"PYTHONPATH": str(clone / "generated")}
    with Sandbox() as sandbox:
        address = sandbox.url.removeprefix("http://").removesuffix("/v1")
        for block in blocks(PAGE):
            if block.file:
                (clone / block.file).write_text(block.text, "utf-8")
            elif block.language == "console":
                for command in commands(block.text):
                    run(command, clone, address, **generated)
        assert sandbox.counts().by_event == {"Order Packed": 1, "Order Completed": 1}
        assert sandbox.counts().refused == 0
    assert (ROOT / "cio_pipelines_api.json").read_bytes() == before
    assert b"Order Packed" in (clone / "cio_pipelines_api.json").read_bytes()
