"""Puts what a run gave where the documentation has room for it, so that no figure is typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.plot import plot
from benchmarks.report import figure_table, target_table

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Figure, Target

__all__ = ["blocks", "write"]

_BLOCK = re.compile(r"(<!-- figures: (?P<name>[^>]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def blocks(text: str) -> list[str]:
    """Give the names of the blocks of a page."""
    return [found["name"] for found in _BLOCK.finditer(text)]


def write(folder: Path, figures: list[Figure], targets: list[Target], machine: str) -> list[str]:
    """Fill the blocks of ``performance.md``, and draw ``performance.svg`` beside it.

    Returns
    -------
    list of str
        Blocks that the run gave nothing for, which stay as they are, and runs that have no block.
    """
    tables = {"machine": machine, "targets": target_table(targets)}
    for run in dict.fromkeys(figure.run for figure in figures):
        tables[run] = figure_table([figure for figure in figures if figure.run == run])
    page = folder / "performance.md"
    text = page.read_text()
    page.write_text(_BLOCK.sub(lambda found: _filled(found, tables), text))
    (folder / "performance.svg").write_text(plot(figures))
    return sorted(tables.keys() ^ set(blocks(text)))


def _filled(block: re.Match[str], tables: dict[str, str]) -> str:
    table = tables.get(block["name"])
    return block[0] if table is None else f"{block[1]}\n{table}\n\n{block[3]}"
