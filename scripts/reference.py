"""Write the pages of the reference that the spec and the command line decide.

python scripts/reference.py           writes docs/reference/events/, cli.md and limits.md
python scripts/reference.py --check   fails when they are not what these say, and names them
"""

import argparse
import sys
from pathlib import Path

from scripts.generator.spec import Spec
from scripts.siting import commands, events, limits

__all__ = ["main", "pages"]

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs" / "reference"
_EVENTS = "events"
_SINGLE = ("cli.md", "limits.md")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _options().parse_args(arguments)
    wanted = pages(Spec.read(options.spec))
    kept = [*(options.out / _EVENTS).glob("*.md"), *(options.out / name for name in _SINGLE)]
    there = {
        path.relative_to(options.out).as_posix(): path.read_text(encoding="utf-8") for path in kept if path.exists()
    }
    differing = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if options.check:
        for name in differing:
            print(
                f"{options.out / name}: not what the spec and the command line say; run make generate", file=sys.stderr
            )
        return 1 if differing else 0
    for name in differing:
        path = options.out / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8")
    print(f"{options.out}: {len(differing)} of {len(wanted)} pages written")
    return 0


def pages(spec: Spec) -> dict[str, str]:
    """Return the text of each page, by its place in the reference."""
    found = {f"{_EVENTS}/{name}": text for name, text in events.pages(spec).items()}
    return {**found, "cli.md": commands.page(), "limits.md": limits.page(spec)}


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", type=Path, default=ROOT / "cio_pipelines_api.json", metavar="FILE")
    parser.add_argument("--out", type=Path, default=PLACE, metavar="DIR")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
