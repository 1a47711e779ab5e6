"""Each notebook runs as it is committed: with nothing set, and against a workspace that a key is for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from cio_facade.sandbox import Sandbox
from scripts import notebooks

NAMES = [path.stem for path in sorted(notebooks.FOLDER.glob("[0-9]*.ipynb"))]
Execute = Callable[..., subprocess.CompletedProcess[str]]
# What people have, and what would be left of them.
_TABLES = ("people", "objects", "devices", "relationships", "anonymous_relationships", "suppressed", "merges")


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    found = nbformat.read(path, as_version=4)
    return [output for cell in found.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("name", NAMES)
def test_a_new_user_runs_it_with_nothing_set(name: str, folder: Path, execute: Execute) -> None:
    before = {path.name for path in folder.rglob("*")}
    done = execute(folder / f"{name}.ipynb")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.rglob("*")} == before
    assert not [output for output in outputs(folder / f"{name}.ipynb") if output.get("name") == "stderr"]


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_against_a_real_workspace_and_leaves_nothing(name: str, folder: Path, execute: Execute) -> None:
    """Another sandbox stands for it: the notebook is told its address and a key, and starts none of its own."""
    with Sandbox(api_keys=["a-key-of-mine"]) as real:
        done = execute(folder / f"{name}.ipynb", CIO_API_KEY="a-key-of-mine", CIO_BASE_URL=real.url)
        assert done.returncode == 0, done.stderr
        assert real.counts().accepted > 5
        left = {table: real.sql(f"SELECT * FROM {table}") for table in _TABLES}
        assert not {table: rows for table, rows in left.items() if rows}
        named = real.sql("SELECT DISTINCT user_id FROM received WHERE user_id IS NOT NULL AND user_id <> ''")
        assert not [row["user_id"] for row in named if not row["user_id"].startswith("notebook-")]
    said = (folder / f"{name}.ipynb").read_text(encoding="utf-8")
    assert "a-key-of-mine" not in said
    assert "only the sandbox can show this" in said


_FAILING = """# %% [markdown]
# # A notebook that fails

# %%
from cio_facade.sandbox.notebook import open_workspace

# %%
workspace = open_workspace()
cio = workspace.client
cio.identify(workspace.id("u1"), {"plan": "pro"})
cio.group(workspace.id("u1"), workspace.id("acme"))

# %%
1 / 0

# %%
workspace.close()
"""


def test_a_notebook_that_fails_in_the_midst_leaves_nothing_in_a_real_workspace(
    tmp_path: Path, execute: Execute
) -> None:
    path = tmp_path / "10_failing.ipynb"
    nbformat.write(notebooks.notebook_of(notebooks.parse(_FAILING)), path)
    with Sandbox() as real:
        done = execute(path, CIO_API_KEY="a-key-of-mine", CIO_BASE_URL=real.url)
        assert done.returncode != 0
        assert "ZeroDivisionError" in done.stderr
        assert real.counts().by_type["group"] == 1
        assert not [table for table in _TABLES if real.sql(f"SELECT * FROM {table}")]
