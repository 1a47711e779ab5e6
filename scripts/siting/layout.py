"""The pages of the site in one folder: a document outside ``docs/`` moves in, and the links move with it."""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from scripts.siting.notebooks import page_of

__all__ = ["GUESTS", "NOTEBOOKS", "external", "lay_out", "listing"]

GUESTS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
"""Documents beside the README that are pages of the site too, where they exist."""

NOTEBOOKS = "notebooks"
"""The folder of the notebooks, and of their pages."""

_FENCED = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2[^\n]*$", re.MULTILINE | re.DOTALL)
# An image in a link's text is left to itself: a link of its own.
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")
_EXTERNAL = re.compile(r"\]\((https?://[^)\s]+)\)|<(https?://[^>\s]+)>")
_EVERY = re.compile(r"^(?P<begin> *- )(?P<folder>\S+)/\*.*$", re.MULTILINE)


class Page(NamedTuple):
    """A page: the document it is made of, and its place in the site."""

    source: Path
    place: Path


def lay_out(root: Path, folder: Path) -> None:
    """Write the pages, and what they show, into a folder.

    Parameters
    ----------
    root : Path
        The project.
    folder : Path
        Where they go; it is made.
    """
    pages = {page.source: page.place for page in _pages(root)}
    shutil.copytree(root / "docs", folder)
    for source, place in pages.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        text = page_of(source, target) if source.suffix == ".ipynb" else source.read_text(encoding="utf-8")
        target.write_text(_relinked(text, source, _mover(root, pages, place)), encoding="utf-8")


def listing(settings: str, folder: Path) -> str:
    """Name the pages of a folder in the navigation where the settings say ``- folder/*``, its index first.

    Parameters
    ----------
    settings : str
        The text of ``mkdocs.yml``.
    folder : Path
        Where the pages are.
    """

    def lines(found: re.Match[str]) -> str:
        pages = sorted((folder / found["folder"]).glob("*.md"), key=lambda page: (page.name != "index.md", page.name))
        return "\n".join(f"{found['begin']}{page.relative_to(folder).as_posix()}" for page in pages)

    return _EVERY.sub(lines, settings)


def external(root: Path) -> dict[str, list[str]]:
    """Find the links that lead to other hosts, each with the pages that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for source, _ in _pages(root):
        if source.suffix == ".md":
            for match in _EXTERNAL.finditer(_FENCED.sub("", source.read_text(encoding="utf-8"))):
                found[match[1] or match[2]].append(source.relative_to(root).as_posix())
    return {link: sorted(set(found[link])) for link in sorted(found)}


def _pages(root: Path) -> Iterator[Page]:
    docs = root / "docs"
    for path in sorted(docs.rglob("*.md")):
        yield Page(path, path.relative_to(docs))
    for name in GUESTS:
        if (root / name).exists():
            yield Page(root / name, Path(name).with_suffix(".md"))
    if (overview := root / NOTEBOOKS / "README.md").exists():
        yield Page(overview, Path(NOTEBOOKS, "index.md"))
    for path in sorted((root / NOTEBOOKS).glob("*.ipynb")):
        yield Page(path, Path(NOTEBOOKS, f"{path.stem}.md"))


def _mover(root: Path, pages: dict[Path, Path], place: Path) -> Callable[[Path], str | None]:
    """Make what says where a document is from a page of the site; None where the site does not have it."""
    docs = root / "docs"

    def moved(target: Path) -> str | None:
        there = pages.get(target)
        if there is None and target == root / "README.md":
            there = Path("index.md")
        if there is None and target == root / NOTEBOOKS:
            there = Path(NOTEBOOKS, "index.md")
        if there is None and target.is_relative_to(docs):
            there = target.relative_to(docs)
        return None if there is None else Path(relpath(there, place.parent)).as_posix()

    return moved


def _relinked(text: str, source: Path, moved: Callable[[Path], str | None]) -> str:
    """Have links lead to the same documents; a link to a file that is no page becomes its text, which names it.

    Lines stay where they are, so that a complaint names the document's own.
    """

    def link(found: re.Match[str]) -> str:
        target = (source.parent / found["path"]).resolve()
        where = moved(target)
        if where is not None:
            return f"{found['image']}[{found['text']}]({where}{found['anchor'] or ''})"
        return found["text"] if target.exists() else found[0]

    parts: list[str] = []
    last = 0
    for fence in _FENCED.finditer(text):
        parts += [_LINK.sub(link, text[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, _LINK.sub(link, text[last:])])
