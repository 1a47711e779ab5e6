"""``cio-facade demo``: the main job, from files to proof."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from cio_facade.cli.failures import Failure, Interrupted, extra
from cio_facade.cli.settings import dotenv_option

if TYPE_CHECKING:
    from cio_facade.demo.display import Display
    from cio_facade.demo.live import Plan

__all__ = ["command"]


@click.command(short_help="Load a sample and prove that it arrived.")
@click.option("--live", is_flag=True, help="Use the real API: create a few test people, then delete them.")
@click.option("--yes", is_flag=True, help="With --live: do not ask.")
@dotenv_option
def command(*, live: bool, yes: bool, dotenv: str | None) -> None:
    """Load a sample of people, companies and orders, and prove that it arrived.

    Without options it runs on this machine alone: a sandbox on a free port takes the calls and checks each of them.
    Some rows of the sample are spoilt on purpose, to show what is refused and why.
    """
    ok = _on_the_real_api(dotenv, yes=yes) if live else _on_this_machine()
    if not ok:
        raise Failure("the demo did not end as it should; see above")


def _on_this_machine() -> bool:
    """Run against a sandbox that lives as long as the demo."""
    with extra("cli,sandbox"):
        from cio_facade.demo import embedded  # noqa: PLC0415
        from cio_facade.demo.display import Display  # noqa: PLC0415
        from cio_facade.sandbox import Sandbox  # noqa: PLC0415
    with Sandbox() as sandbox:
        return embedded.run(sandbox, Display())


def _on_the_real_api(dotenv: str | None, *, yes: bool) -> bool:
    """Run against the API that the environment names, once the user agrees."""
    with extra("cli"):
        from cio_facade import CustomerIO  # noqa: PLC0415
        from cio_facade.demo import live  # noqa: PLC0415
        from cio_facade.demo.brake import Stopped  # noqa: PLC0415
        from cio_facade.demo.display import Display  # noqa: PLC0415
    display, plan = Display(), live.plan()
    connect = partial(CustomerIO.from_env, dotenv)
    with connect() as cio:
        _announce(plan, str(cio.api.get_httpx_client().base_url).rstrip("/"), display)
    if not (yes or _agreed()):
        raise Failure("nothing was created; --yes goes ahead without asking")
    try:
        return live.run(connect, plan, display)
    except Stopped:
        raise Interrupted("stopped; what was created until then is deleted") from None


def _agreed() -> bool:
    """Ask; no answer is a no."""
    try:
        return click.confirm("Go ahead?")
    except click.Abort:
        click.echo()
        return False


def _announce(plan: Plan, url: str, display: Display) -> None:
    """Say what is going to be created, and where."""
    display.say(f"This creates in the workspace of your key, at {url}, and deletes afterwards:")
    display.figures({table.name: len(rows) for table, rows in plan.parts.items()})
    display.say(f"All ids begin with {plan.name}; the people are unsubscribed, with addresses at example.com.")
