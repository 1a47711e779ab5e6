"""Delivering what waits in an outbox, while somebody looks on."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cio_facade.answers import Answer, error_for
from cio_facade.client import CustomerIO
from cio_facade.glance import glance
from cio_facade.observing import Observer
from cio_facade.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Generator

    from cio_facade.observing import Attempt
    from cio_facade.outcomes import Report

__all__ = ["drain"]

_STEP = 5.0  # seconds between two lines that say how far it is
_STALLED = 60.0


def drain(
    path: str, timeout: float | None, *, dead_letters: str | None, redact: tuple[str, ...], dotenv: str | None
) -> tuple[Report, str]:
    """Deliver what waits; gives the account, and what went wrong last."""
    last = _LastFailure()
    with CustomerIO.from_env(dotenv, observer=last) as cio, _warnings_told():
        if glance(path).delivering:
            click.echo("another process has the outbox and delivers; waiting for that", err=True)
        outbox = Outbox(cio, path, dead_letters=dead_letters, redact=redact)
        try:
            _deliver(outbox, timeout)
        finally:
            report = outbox.close(timeout=0)
    return report, last.words


class _LastFailure(Observer):
    """Keeps what went wrong last, until something goes well."""

    words = ""

    def on_request(self, request: Attempt) -> None:
        well = 200 <= request.status < 300
        self.words = "" if well else str(error_for(Answer(request.status, (request.error,) if request.error else ())))


def _deliver(outbox: Outbox, timeout: float | None) -> None:
    """Wait until nothing is left, telling how far it is."""
    end = None if timeout is None else time.monotonic() + timeout
    settled, since = -1, time.monotonic()
    while True:
        report = outbox.flush(timeout=_STEP if end is None else max(0, min(_STEP, end - time.monotonic())))
        now = time.monotonic()
        if not report.pending or (end is not None and now >= end):
            return
        if report.accepted - report.pending != settled:
            settled, since = report.accepted - report.pending, now
        elif end is None and now - since > _STALLED:
            click.echo("nothing got through for a minute", err=True)
            return
        click.echo(f"{report.delivered:,} delivered, {report.pending:,} left", err=True)


@contextmanager
def _warnings_told() -> Generator[None]:
    """Tell what the library warns of meanwhile: that nothing gets through, and why."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("cio_facade")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
