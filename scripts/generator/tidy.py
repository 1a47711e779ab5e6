"""Ruff over the generated package: no setting of the project or of the machine decides a byte."""

import subprocess
import sys
import textwrap
from pathlib import Path

from scripts.generator.spec import SpecError

# A file that is named is the only one that counts: what lies in or above the package is not looked for.
SETTINGS = ("--config", str(Path(__file__).with_name("generated.toml")), "--no-cache")


def tidy(package: Path) -> None:
    """Mend and format the package, and make sure that nothing is left to mend.

    Raises
    ------
    SpecError
        Ruff finds what it cannot mend: something in the spec does not become Python.
    """
    _ruff(package, "check", "--fix-only")
    _ruff(package, "format")
    _ruff(package, "check")


def _ruff(package: Path, *command: str) -> None:
    line = [sys.executable, "-P", "-m", "ruff", *command, *SETTINGS, "."]
    done = subprocess.run(line, cwd=package, capture_output=True, text=True, check=False)
    if done.returncode:
        said = textwrap.shorten(done.stderr or done.stdout, 400, placeholder=" ...")
        raise SpecError(f"ruff {command[0]}: {said}")
