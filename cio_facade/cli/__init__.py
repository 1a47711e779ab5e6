"""The command line: ``cio-facade``. Each module of `cio_facade.cli.commands` is a command."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line. Needs the extra ``cli``."""
    try:
        from cio_facade.cli.root import root  # noqa: PLC0415  so that a missing extra is one line, no traceback
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        sys.stderr.write(f"cio-facade: the command line needs {missing.name}: pip install 'cio-facade[cli]'\n")
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that a narrow encoding lacks is told by its number
            stream.reconfigure(errors="backslashreplace")
    root(prog_name="cio-facade")
