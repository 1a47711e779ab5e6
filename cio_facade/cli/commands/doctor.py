"""``cio-facade doctor``: is everything as it must be, and if not, what helps."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from cio_facade._version import __version__
from cio_facade.cli.helping import Described
from cio_facade.cli.settings import dotenv_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cio_facade.cli.examining import Finding

__all__ = ["command"]

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_DISTRIBUTION = "cio-facade"
_SEEN = ("httpx", "aiohttp", "attrs", "orjson")
"""Packages whose versions tell most when something is odd."""


@click.command(
    cls=Described,
    short_help="Check the installation, the settings and the way to the server.",
    exits={
        0: "All is well, apart from warnings.",
        1: "The server does not heed strict mode.",
        2: "A setting is missing or wrong.",
        3: "The key is refused.",
        4: "The server is not reached, or fails.",
    },
)
@click.option("--offline", is_flag=True, help="Leave out what needs the network.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object on standard output.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For each step on the way to the server.",
)
@dotenv_option
def command(*, offline: bool, as_json: bool, timeout: float, dotenv: str | None) -> None:
    """Check the installation, the settings and the way to the server, line by line, with what helps.

    What is sent: one POST to /identify with your key, in strict mode, whose body is {}. It names nobody, so that no
    server can create or change anything by it. One in strict mode refuses it with 400, which shows that it was reached,
    that the key was accepted and that strict mode is heeded. The key is never shown.
    """
    from cio_facade.cli import examining  # noqa: PLC0415  HTTP costs time that ``--help`` need not take

    findings: list[Finding] = []
    for finding in _findings(dotenv, timeout, offline=offline):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    worst = examining.worst(findings)
    if as_json:
        fields = attrs.filters.exclude("failure")
        found = [attrs.asdict(finding, filter=fields) for finding in findings]
        click.echo(json.dumps({"ok": worst is None, "findings": found}, indent=2))
    if worst is not None:
        raise worst.failure(f"{worst.check}: {worst.detail}")


def _findings(dotenv: str | None, timeout: float, *, offline: bool) -> Iterator[Finding]:
    """Go through the checks, in the order in which one needs another."""
    from cio_facade.cli import examining  # noqa: PLC0415  as above
    from cio_facade.config import Settings, from_env  # noqa: PLC0415  as above
    from cio_facade.errors import ValidationError  # noqa: PLC0415  as above

    found = {"cio-facade": __version__, "Python": sys.version.partition(" ")[0]}
    yield examining.versions({**found, **{name: _version(name) for name in _SEEN}})
    yield examining.extras(metadata.requires(_DISTRIBUTION) or (), lambda name: _version(name) is not None)
    try:
        given = from_env(dotenv)
        settings = Settings.resolve(**given, strict=True, timeout=timeout)
    except (ValidationError, ImportError) as error:
        yield examining.unset(str(error), nearby=dotenv is None and Path(".env").is_file())
        return
    origin = dotenv if dotenv is not None and not os.environ.get("CIO_API_KEY") else "the environment"
    yield examining.key(settings, origin)
    yield examining.server(settings, given)
    if offline:
        yield examining.Finding("network", "skipped", "--offline")
        return
    from cio_facade.cli.reaching import reach  # noqa: PLC0415  as above

    yield from reach(settings)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _tell(finding: Finding) -> None:
    verdict = click.style(f"{finding.verdict:<8}", fg=_COLOURS[finding.verdict])
    click.echo(f"{verdict}{finding.check:<14}{finding.detail}")
    if finding.hint:
        click.echo(f"{'':<22}{finding.hint}")
