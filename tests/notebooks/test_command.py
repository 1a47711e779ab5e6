"""The command that makes the notebooks: texts and cells, errors, and what it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from scripts import notebooks
from scripts.notebooks import Cell

TEXT = """# %% [markdown]
# # Numbers
#
# What a cell gives, and what differs by chance.

# %%
import os
import tempfile
import uuid

# %% [markdown]
# What differs, and what does not.

# %%
print(sorted(name for name in os.environ if name.startswith("CIO_")))
print("http://127.0.0.1:45678/", uuid.uuid4(), "0123456789abcdef01234567-3", "2026-11-21T13:28:56.443Z")
print(tempfile.mkdtemp(), object())
6 * 7
"""


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, notebooks.__file__, "--folder", str(folder), *arguments],
        check=False,
        env={**os.environ, "CIO_API_KEY": "a-key", "CIO_BASE_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "00_numbers.py").write_text(TEXT)
    return tmp_path


def said(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.get("text", "") or output["data"]["text/plain"] for output in outputs)


def test_text_and_cells_say_the_same() -> None:
    cells = notebooks.parse(TEXT)
    assert [cell.kind for cell in cells] == ["markdown", "code", "markdown", "code"]
    assert cells[0] == Cell("markdown", "# Numbers\n\nWhat a cell gives, and what differs by chance.")
    assert cells[1] == Cell("code", "import os\nimport tempfile\nimport uuid")
    assert notebooks.write(cells) == TEXT
    assert notebooks.cells_of(notebooks.notebook_of(cells)) == cells


@pytest.mark.parametrize(
    ("text", "problem"),
    [("import os\n# %%\n1", "before the first cell"), ("# %% [markdown]\nTitle\n", "no comment")],
)
def test_what_is_no_such_text_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        notebooks.parse(text)


def test_a_cell_keeps_its_id_when_others_come_and_go() -> None:
    cells = notebooks.parse(TEXT)
    more = [Cell("markdown", "New."), *cells, cells[1]]
    ids = [cell.id for cell in notebooks.notebook_of(cells).cells]
    assert [cell.id for cell in notebooks.notebook_of(more).cells][1:5] == ids
    nbformat.validate(notebooks.notebook_of(more))


def test_a_notebook_is_run_without_our_variables_and_says_the_same_each_time(folder: Path) -> None:
    path = folder / "00_numbers.ipynb"
    assert command(folder).returncode == 0
    first = path.read_text()
    assert "['CIO_STATE']" in said(path)
    assert "42" in said(path)
    assert "\nfolder <object object at 0x0>\n" in said(path)
    assert "http://127.0.0.1:8080/ 00000000-0000-0000-0000-000000000001 " in said(path)
    assert command(folder, "00").returncode == 0
    assert path.read_text() == first
    assert sorted(path.name for path in folder.iterdir()) == ["00_numbers.ipynb", "00_numbers.py"]


def test_what_is_printed_in_several_goes_is_one_output(folder: Path) -> None:
    (folder / "00_numbers.py").write_text("# %%\nprint('first', flush=True)\nprint('second')\n")
    assert command(folder).returncode == 0
    (output,) = nbformat.read(folder / "00_numbers.ipynb", as_version=4).cells[0].outputs
    assert output.text == "first\nsecond\n"


def test_a_check_writes_nothing_and_finds_what_differs(folder: Path) -> None:
    path = folder / "00_numbers.ipynb"
    missing = command(folder, "--check")
    assert (missing.returncode, path.exists()) == (1, False)
    assert "00_numbers.ipynb is missing" in missing.stderr
    assert command(folder).returncode == 0
    before = path.read_text()
    assert command(folder, "--check").returncode == 0
    (folder / "00_numbers.py").write_text(TEXT.replace("6 * 7", "6 * 8"))
    other = command(folder, "--check")
    assert other.returncode == 1
    assert "is not what its text says" in other.stderr
    assert path.read_text() == before


def test_a_cell_that_errors_fails_the_command_and_the_others_are_made(folder: Path) -> None:
    (folder / "01_wrong.py").write_text("# %%\nvalue = 1\n\n# %%\nvalue / 0\n")
    (folder / "02_ended.py").write_text("# %%\nimport os\nos._exit(3)\n")
    failed = command(folder)
    assert failed.returncode == 1
    assert "ZeroDivisionError: division by zero" in failed.stderr
    assert "02_ended.py: Kernel died" in failed.stderr
    assert [path.name for path in sorted(folder.glob("*.ipynb"))] == ["00_numbers.ipynb"]


def test_a_notebook_that_grows_too_large_is_not_written(folder: Path) -> None:
    (folder / "00_numbers.py").write_text("# %%\nprint('of many lines\\n' * 30_000)\n")
    failed = command(folder)
    assert failed.returncode == 1
    assert "show less" in failed.stderr
    assert not (folder / "00_numbers.ipynb").exists()


def test_a_name_that_fits_none_is_an_error_that_says_what_there_is(folder: Path) -> None:
    failed = command(folder, "77")
    assert failed.returncode != 0
    assert "there are 00_numbers" in failed.stderr


def test_a_notebook_that_was_edited_as_such_becomes_text(folder: Path) -> None:
    cells = [Cell("markdown", "# Edited\n\nHere."), Cell("code", "1 + 1")]
    nbformat.write(notebooks.notebook_of(cells), folder / "00_numbers.ipynb")
    assert command(folder, "--text", "00").returncode == 0
    assert notebooks.parse((folder / "00_numbers.py").read_text()) == cells
