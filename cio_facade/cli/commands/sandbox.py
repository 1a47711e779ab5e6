"""``cio-facade sandbox``: the API on this machine, for development."""

from __future__ import annotations

import sqlite3

import click

from cio_facade.cli.failures import Misused, extra

__all__ = ["command"]


@click.command(short_help="Run the API on this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, metavar="PORT", help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--db", type=click.Path(dir_okay=False), help="SQLite file that keeps what arrives; memory without it.")
@click.option(
    "--api-key", "api_keys", multiple=True, metavar="KEY", help="A key to accept; any without it. Repeatable."
)
@click.option("--rate/--no-rate", default=True, show_default=True, help="Enforce the API's rate limit.")
def command(*, port: int, host: str, db: str | None, api_keys: tuple[str, ...], rate: bool) -> None:
    """Run a local server that speaks the Data Pipelines API and checks every call.

    It prints its URL and runs until Ctrl-C. Point a client at it with CIO_BASE_URL and any CIO_API_KEY.
    """
    with extra("sandbox"):
        from cio_facade.sandbox import serve  # noqa: PLC0415
    try:
        serve(host, port, db, api_keys=api_keys or None, rate=rate)
    except (ValueError, sqlite3.Error) as error:
        raise Misused(f"{db or host}: {error}") from error
