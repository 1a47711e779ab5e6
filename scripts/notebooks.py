"""Make the notebooks from their texts: cells from notebooks/NN_name.py, outputs from a run, NN_name.ipynb of both.

python scripts/notebooks.py               runs all and writes them
python scripts/notebooks.py 01 09         those whose names begin so
python scripts/notebooks.py --check       runs all, writes nothing, fails where a notebook is not what its text says
python scripts/notebooks.py --text 01     the other way: writes the text of a notebook that was edited as such

A cell that errors fails the command. Notebooks run against the sandbox: nothing of CIO_* is handed to them. What
chance decides in an output, such as a port, is written the same each time, so that a diff shows what has changed.
"""

import argparse
import asyncio
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, v4
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
AT_ONCE = 2
SECONDS = 120  # that a cell may take
LARGEST = 200_000  # bytes of a notebook

_MARK = re.compile(r"^# %%(?P<markdown> \[markdown\])?$")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Of a plot: text stays text, and what names its parts is the same in each run.
_MATPLOTLIB = "svg.fonttype: none\nsvg.hashsalt: cio\nfont.family: sans-serif\n"
_KERNEL = "c = get_config()\nc.InlineBackend.figure_formats = {'svg'}\n"
_EPOCH = "1767225600"  # what a plot says of when it was made

_TEMPORARY = str(Path(tempfile.gettempdir(), tempfile.gettempprefix()))
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # of a traceback
# What differs by chance in an output.
_CHANCE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}"), "8080"),
    (re.compile(r"\b0x[0-9a-f]{6,16}\b"), "0x0"),
    (re.compile(rf"{re.escape(_TEMPORARY)}[a-z0-9_]{{8}}\b"), "folder"),
    (re.compile(r"\bseconds=\d+\.\d+"), "seconds=0.1"),
    # A fraction of a second: a clock's time, and none of the data.
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}(?=Z|\+00:00)"), "2026-01-01T12:00:00.000"),
)
# Ids of messages, numbered as they come: what was the same stays the same.
_MADE = re.compile(r"\b[0-9a-f]{24}(?=-\d+\b)|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


class Cell(NamedTuple):
    """A cell without what came of it."""

    kind: str
    source: str


# Text and cells ------------------------------------------------------------------------------------------------------


def parse(text: str) -> list[Cell]:
    """Read cells from text in percent format.

    Raises
    ------
    ValueError
        There is text before the first cell, or markdown that is no comment.
    """
    cells: list[Cell] = []
    kind, lines = "", list[str]()
    for line in [*text.splitlines(), "# %%"]:
        if mark := _MARK.match(line):
            if kind or any(lines):
                cells.append(_cell(kind, lines))
            kind, lines = "markdown" if mark["markdown"] else "code", []
        else:
            lines.append(line)
    return cells


def _cell(kind: str, lines: list[str]) -> Cell:
    source = "\n".join(lines).strip("\n")
    if not kind:
        raise ValueError(f"text before the first cell: {source!r}")
    if kind == "code":
        return Cell(kind, source)
    said = source.splitlines()
    if bad := [line for line in said if line != "#" and not line.startswith("# ")]:
        raise ValueError(f"markdown that is no comment: {bad[0]!r}")
    return Cell(kind, "\n".join(line[2:] for line in said))


def write(cells: Iterable[Cell]) -> str:
    """Write cells as text in percent format."""
    return "\n\n".join(_block(cell) for cell in cells) + "\n"


def _block(cell: Cell) -> str:
    if cell.kind == "code":
        return f"# %%\n{cell.source}"
    return "\n".join(["# %% [markdown]", *(f"# {line}".rstrip() for line in cell.source.splitlines())])


def notebook_of(cells: Iterable[Cell]) -> NotebookNode:
    """Make a notebook without outputs; a cell keeps its id for as long as it keeps its text."""
    seen: dict[str, int] = {}
    made = []
    for cell in cells:
        name = hashlib.sha256(f"{cell.kind}\n{cell.source}".encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        id_ = name if seen[name] == 1 else f"{name}-{seen[name]}"
        make: Callable[..., NotebookNode] = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
        made.append(make(cell.source, id=id_))
    notebook: NotebookNode = v4.new_notebook(cells=made, metadata=_METADATA)
    return notebook


def cells_of(notebook: NotebookNode) -> list[Cell]:
    """Give the cells of a notebook."""
    return [Cell(cell.cell_type, cell.source) for cell in notebook.cells]


# Running -------------------------------------------------------------------------------------------------------------


@contextmanager
def surroundings(**more: str) -> Iterator[dict[str, str]]:
    """Give the environment of a kernel: nothing of CIO_*, and no settings of whoever runs this.

    Parameters
    ----------
    **more
        Further variables.
    """
    with tempfile.TemporaryDirectory(prefix="notebooks-") as folder:
        home = Path(folder)
        (home / "profile_default").mkdir()
        (home / "profile_default" / "ipython_kernel_config.py").write_text(_KERNEL)
        (home / "matplotlibrc").write_text(_MATPLOTLIB)
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("CIO_")},
            "IPYTHONDIR": folder,
            "MATPLOTLIBRC": folder,
            "SOURCE_DATE_EPOCH": _EPOCH,
            "CIO_STATE": str(home / "state"),  # no load is remembered
            "PYTHONHASHSEED": "0",
            "TZ": "UTC",
            **more,
        }


async def run(notebook: NotebookNode, folder: Path, environment: dict[str, str]) -> None:
    """Execute a notebook in place, by a kernel of this Python.

    Raises
    ------
    CellExecutionError, CellTimeoutError, DeadKernelError
        A cell failed.
    """
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # in how many goes something was printed is a matter of the moment
        resources={"metadata": {"path": str(folder)}},
        config=_way_to_kernel(environment["IPYTHONDIR"]),
    )
    await client.async_execute(env=environment)
    _settle(notebook)


def _way_to_kernel(folder: str) -> Config:
    """Reach a kernel by files rather than by ports, which others on this machine could reach too."""
    by_files = {"transport": "ipc", "ip": str(Path(folder, "kernel"))}
    return Config() if sys.platform == "win32" else Config(KernelManager=by_files)


def _settle(notebook: NotebookNode) -> None:
    """Leave of a run what the next one would say too."""
    notebook.metadata = v4.new_notebook(metadata=_METADATA).metadata
    said = "\n".join(cell.source for cell in notebook.cells)
    known: dict[str, str] = {}
    numbers = count(1)

    def numbered(found: re.Match[str]) -> str:
        made = found[0]
        if made not in known:
            digits = f"{next(numbers):032x}"
            dashed = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
            known[made] = made if made in said else dashed if "-" in made else digits[8:]
        return known[made]

    def steady(value: Any) -> Any:
        if isinstance(value, dict):
            return type(value)({name: steady(inner) for name, inner in value.items()})
        if isinstance(value, list):
            return [steady(inner) for inner in value]
        if not isinstance(value, str):
            return value
        for pattern, by in _CHANCE:
            value = pattern.sub(by, value)
        return _MADE.sub(numbered, value)

    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = [steady(output) for output in cell.outputs]


# The command ---------------------------------------------------------------------------------------------------------


def chosen(names: Sequence[str], folder: Path, suffix: str = ".py") -> list[Path]:
    """Find the texts whose names begin so; all without names.

    Raises
    ------
    SystemExit
        A name fits none.
    """
    every = sorted(folder.glob(f"[0-9][0-9]_*{suffix}"))
    for name in names:
        if not any(path.name.startswith(name) for path in every):
            sys.exit(f"no notebook begins with {name}; there are {', '.join(path.stem for path in every)}")
    return [path for path in every if not names or path.name.startswith(tuple(names))]


async def make(path: Path, *, check: bool) -> str | None:
    """Run the notebook of a text, and write or compare it.

    Returns
    -------
    str or None
        What is wrong.
    """
    target = path.with_suffix(".ipynb")
    try:
        notebook = notebook_of(parse(path.read_text(encoding="utf-8")))  # noqa: ASYNC240 - nobody waits meanwhile
    except ValueError as error:
        return f"{path.name}: {error}"
    if check and (wrong := disagreement(notebook, target)):
        return wrong
    try:
        with surroundings() as environment:
            await run(notebook, path.parent, environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return f"{path.name}: {_COLOUR.sub('', str(error))}"
    said = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    if len(said.encode()) > LARGEST:
        return f"{target.name}: {len(said.encode()):,} bytes, more than {LARGEST:,}: show less"
    if not check:
        target.write_text(f"{said}\n", encoding="utf-8")
    return None


def disagreement(notebook: NotebookNode, target: Path) -> str | None:
    """Say in what a notebook that was written is not what its text says; outputs are not compared."""
    if not target.exists():
        return f"{target.name} is missing: make notebooks"
    written = nbformat.read(target, as_version=4)
    if [(cell.id, *Cell(cell.cell_type, cell.source)) for cell in notebook.cells] != [
        (cell.id, *Cell(cell.cell_type, cell.source)) for cell in written.cells
    ]:
        return f"{target.name} is not what its text says: make notebooks"
    if any(cell.cell_type == "code" and cell.execution_count is None for cell in written.cells):
        return f"{target.name} was not run: make notebooks"
    return None


async def make_all(paths: Sequence[Path], *, check: bool) -> bool:
    """Make notebooks, two at a time; whether all went well."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(path: Path) -> bool:
        async with turn:
            wrong = await make(path, check=check)
        print(wrong or f"{path.stem}: {'as its text says' if check else 'written'}", file=sys.stderr if wrong else None)
        return wrong is None

    return all(await asyncio.gather(*map(one, paths)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="how the names begin, such as 01; all without")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--check", action="store_true", help="run and compare, and write nothing")
    way.add_argument("--text", action="store_true", help="write the texts of notebooks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are")
    asked = parser.parse_args(arguments)
    if asked.text:
        for path in chosen(asked.names, asked.folder, ".ipynb"):
            notebook = nbformat.read(path, as_version=4)
            path.with_suffix(".py").write_text(write(cells_of(notebook)), encoding="utf-8")
        return 0
    # The kernel of the environment that this runs in, before one of the same name in somebody's home.
    os.environ["JUPYTER_PATH"] = str(Path(sys.prefix, "share", "jupyter"))
    return 0 if asyncio.run(make_all(chosen(asked.names, asked.folder), check=asked.check)) else 1


if __name__ == "__main__":
    sys.exit(main())
