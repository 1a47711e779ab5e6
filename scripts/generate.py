"""Generate the typed client ``cio_pipelines`` from the API's specification.

python scripts/generate.py                        writes generated/cio_pipelines
python scripts/generate.py --check                fails when that is not what the spec gives, and names the files
python scripts/generate.py --spec FILE --out DIR  writes DIR/cio_pipelines from another spec
"""

import argparse
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path

from scripts.generator.build import build
from scripts.generator.publish import differences, publish
from scripts.generator.spec import Spec, SpecError

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "cio_pipelines"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _options().parse_args(arguments)
    _check_pins()
    place: Path = options.out / PACKAGE
    if not options.check:
        options.out.mkdir(parents=True, exist_ok=True)
    # What is to be published is made beside its place: only within a file system is a rename one step.
    with tempfile.TemporaryDirectory(dir=None if options.check else options.out, prefix=f".{PACKAGE}-") as folder:
        new = Path(folder, PACKAGE)
        try:
            build(Spec.read(options.spec), new)
        except SpecError as error:
            print(f"{options.spec}: {error}", file=sys.stderr)
            return 1
        if options.check:
            return _report(differences(place, new), place)
        print(f"{place}: {'written' if publish(new, place) else 'is up to date'}")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", type=Path, default=ROOT / "cio_pipelines_api.json", metavar="FILE")
    parser.add_argument("--out", type=Path, default=ROOT / "generated", metavar="DIR")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    return parser


def _check_pins() -> None:
    """Refuse other versions than the pinned ones: they would write other bytes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for pin in project["optional-dependencies"]["generate"]:
        name, _, pinned = pin.partition("==")
        if version(name) != pinned:
            sys.exit(f"needs {pin}, but {version(name)} is installed")


def _report(differing: list[str], place: Path) -> int:
    for line in differing:
        print(f"{place}/{line}", file=sys.stderr)
    if differing:
        print("generated/ is not what the spec gives: run make generate", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
