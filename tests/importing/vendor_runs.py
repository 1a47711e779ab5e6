"""How the tests run the importer as a person does: in a process, on files, with a copy of the committed spec."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "cio_pipelines_api.json"
VENDOR = ROOT.parent / "shared" / "vendor"


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), "utf-8")
    return path


def committed(folder: Path) -> Path:
    """A copy of the committed spec, under its own name: the facts about an API are found by that."""
    return Path(shutil.copy(SPEC, folder))


def python(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )


def import_spec(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(ROOT / "scripts" / "import_spec.py", *arguments, **variables)


def generate(spec: Path, out: Path) -> Path:
    """Generate the client, and return the folder that holds the package."""
    done = python(ROOT / "scripts" / "generate.py", "--spec", spec, "--out", out)
    assert done.returncode == 0, done.stderr
    return out
