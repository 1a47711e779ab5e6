"""Build the documentation's site: ``docs/``, the documents beside the README and the notebooks, as pages to click.

python scripts/docs.py               writes build/site; a warning, such as a link that leads nowhere, fails
python scripts/docs.py --site DIR    writes DIR instead
python scripts/docs.py --external    lists the links that lead to other hosts, and builds nothing

The pages are laid out in a folder of their own first, since the site is of one folder and the project is not.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.siting.layout import external, lay_out, listing

__all__ = ["build", "main"]

ROOT = Path(__file__).resolve().parents[1]
_SETTINGS = "mkdocs.yml"
_PAGES, _SITE = "docs", "site"  # as the settings name them

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COMPLAINT = re.compile(r"^(?:Warning|Error): (?P<what>.+)\n *╭─\[ (?P<place>\S+) \]", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _options().parse_args(arguments)
    if options.external:
        print("\n".join(f"{link}  ({', '.join(pages)})" for link, pages in external(ROOT).items()))
        return 0
    said = build(options.site)
    if said is not None:
        print(said, file=sys.stderr)
        return 1
    print(f"{options.site / 'index.html'}: open it in a browser; no server is needed")
    return 0


def build(site: Path, root: Path = ROOT) -> str | None:
    """Build the site into a folder, which is replaced, unless something is wrong.

    Parameters
    ----------
    site : Path
        Where the site goes.
    root : Path
        The project whose documents these are.

    Returns
    -------
    str or None
        What is wrong; None when the site was written.
    """
    with tempfile.TemporaryDirectory(prefix="cio-facade-docs-") as folder:
        work = Path(folder)
        lay_out(root, work / _PAGES)
        settings = listing((root / _SETTINGS).read_text(encoding="utf-8"), work / _PAGES)
        (work / _SETTINGS).write_text(settings, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            check=False,
            cwd=work,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            return _complaints(done.stdout)
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(work / _SITE, site)
    return None


def _complaints(said: str) -> str:
    """Return what the builder complains of, a line each, where it has that form; else all that it said."""
    plain = _COLOUR.sub("", said).partition("Traceback (most recent call last)")[0].strip()
    found = [f"{place['place']}: {place['what']}" for place in _COMPLAINT.finditer(plain)]
    return "\n".join(found) or plain


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "site", metavar="DIR")
    parser.add_argument("--external", action="store_true", help="list the links to other hosts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
