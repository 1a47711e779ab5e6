"""What the notebooks' README says: it names them all, its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, lines, prose, words

from cio_facade.sandbox.notebook import Workspace
from scripts import notebooks

README = notebooks.FOLDER / "README.md"


def test_it_names_all_notebooks_in_their_order() -> None:
    named = re.findall(r"\]\((\d\d_\w+)\.ipynb\)", README.read_text(encoding="utf-8"))
    assert named == [path.stem for path in sorted(notebooks.FOLDER.glob("*.ipynb"))]


def test_its_links_lead_somewhere() -> None:
    for path, anchor in re.findall(r"\]\(([^)#]+)(?:#([\w-]+))?\)", prose(README)):
        target = (README.parent / path).resolve()
        assert target.exists(), path
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_its_python_runs_with_nothing_set(tmp_path: Path) -> None:
    code = "\n".join(block.text for block in blocks(README) if block.language == "python")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIO_")}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path, env=environment, timeout=60)


def test_its_table_names_what_a_workspace_has() -> None:
    *_, table = re.findall(r"(?:^\|.*\n)+", README.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    told = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    own = {name for name in vars(Workspace) if not name.startswith("_")} | {"client", "live", "sandbox", "prefix"}
    assert own - told == {"prefix"}
    assert told <= own


@pytest.mark.parametrize("line", [*lines(README)])
def test_its_commands_are_there(line: str) -> None:
    program, *rest = words(line)
    if program == "make":
        made = subprocess.run(["make", "-n", *rest], check=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert "scripts/notebooks.py" in made.stdout
    elif program == "jupyter":
        assert (ROOT / rest[1]).exists()
        subprocess.run([sys.executable, "-m", *words(line)[:2], "--version"], check=True, timeout=60)
    elif program == "pip":
        assert rest[1] == "cio-facade[notebooks]"
    else:
        assert rest[:2] == ["scripts/notebooks.py", "--text"]
