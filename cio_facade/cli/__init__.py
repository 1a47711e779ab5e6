"""The command line: ``cio-facade``. Each module of `cio_facade.cli.commands` is a command."""

from __future__ import annotations

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
    root(prog_name="cio-facade")
