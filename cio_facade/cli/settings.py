"""Options that several commands share."""

from __future__ import annotations

import click

__all__ = ["dotenv_option"]

dotenv_option = click.option(
    "--dotenv",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with CIO_API_KEY, CIO_REGION and CIO_BASE_URL; the environment wins over it.",
)
