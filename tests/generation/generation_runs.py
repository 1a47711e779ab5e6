"""How the tests run the generation, and read what came of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "cio_pipelines_api.json"
STAND_IN = Path(__file__).with_name("data") / "stand_in.json"


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def python(*arguments: object, first: Path | None = None, **variables: str) -> str:
    """Run Python in a process of its own, with a folder in front of its path, and return what it prints."""
    environment = {**os.environ, **variables, "PYTHONPATH": str(first or "")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def generate(spec: Path, out: Path, **variables: str) -> Path:
    """Run the script, and return the folder that holds the package."""
    python(ROOT / "scripts" / "generate.py", "--spec", spec, "--out", out, **variables)
    return out


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes, compiled ones aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
