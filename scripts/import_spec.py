"""Import the vendor's OpenAPI files into the canonical specification, and say what that changes.

python scripts/import_spec.py FILE...          writes cio_pipelines_api.json; the newest file first
python scripts/import_spec.py FILE... --check  writes nothing; exits 0 for no change, 10 for compatible, 20 for breaking
python scripts/import_spec.py FILE... --prune  what the files no longer have goes
python scripts/import_spec.py FILE... --json   the report for programs
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from scripts.importer import account
from scripts.importer.changelog import with_report
from scripts.importer.document import Json, SourceError
from scripts.importer.importing import Facts, import_documents
from scripts.importer.read import read

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "cio_pipelines_api.json"
FACTS = ROOT / "scripts" / "importer" / "facts"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _options().parse_args(arguments)
    try:
        return _run(options)
    except SourceError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except RecursionError:
        problem = f"{', '.join(map(str, options.files))}: schemas in schemas, more of them than can be followed"
    print(problem, file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    out: Path = options.out or options.spec
    _check_place(out)
    changelog = _text(options.changelog) if options.changelog else ""
    documents = {str(path): _read(path) for path in options.files}
    committed = _read(options.spec) if options.spec.exists() else {}
    found = import_documents(documents, committed, _facts(options), pruned=options.prune)
    if options.json:
        print(json.dumps(account.as_json(found), indent=2, ensure_ascii=False))
    else:
        print(account.text(found), end="")
    if losses := account.lost(found):
        print("\n".join(losses), file=sys.stderr)
        return 1
    if options.check:
        return account.exit_code(found)
    if options.changelog:
        _write(options.changelog, with_report(changelog, account.entry(found)))
    if _write(out, json.dumps(found.spec, indent=2, ensure_ascii=False) + "\n"):
        print(f"{out}: written", file=sys.stderr)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the vendor's, JSON or YAML, newest first")
    parser.add_argument("--check", action="store_true", help="write nothing; the exit code is the verdict")
    parser.add_argument("--prune", action="store_true", help="remove what the files no longer have")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument("--spec", type=Path, default=SPEC, metavar="PATH", help="the committed specification")
    parser.add_argument("--out", type=Path, metavar="PATH", help="where to write instead")
    parser.add_argument("--facts", type=Path, metavar="DIR", help="what is known besides; by default, named as --spec")
    parser.add_argument("--changelog", type=Path, metavar="PATH", help="where to add what changed for callers")
    return parser


def _read(path: Path) -> Json:
    try:
        return read(path)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


def _facts(options: argparse.Namespace) -> Facts:
    folder: Path = options.facts or FACTS / options.spec.stem
    # Most APIs need none, so that only a folder that was asked for must be there.
    if options.facts and not folder.is_dir():
        raise SourceError(f"{folder}: is no folder")
    return Facts.read(folder)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8") from error


def _check_place(path: Path) -> None:
    """Refuse early a place where nothing can be written."""
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is no regular file")
    if not path.parent.is_dir():
        raise SourceError(f"{path}: cannot be written: {path.parent} is no folder")


def _write(path: Path, text: str) -> bool:
    """Write a file in one step, unless it says so already; return whether it was written."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    # Only within a file system is a rename one step.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        written = Path(new.name)
    try:
        written.write_text(text, "utf-8")
        written.chmod(path.stat().st_mode if path.exists() else 0o644)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
