"""How far a load is, while somebody looks on: a bar on a terminal, a line now and then elsewhere, JSON for programs."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Live
from rich.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cio_facade.loading.report import Progress

__all__ = ["Bar", "Display", "JsonLines", "Lines", "clock_time", "display_for"]

_EVERY = 5.0  # seconds between two lines
_COLUMNS = (
    SpinnerColumn(),
    TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", max_width=24)
    ),
    BarColumn(bar_width=None, table_column=Column(ratio=1)),  # the bar has what the figures leave
    TaskProgressColumn(),
    TextColumn("{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
)


class Display:
    """Shows nothing; the others show more.

    Examples
    --------
    >>> with Display() as display, display.paused():
    ...     pass
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def update(self, progress: Progress) -> None:
        """Learn how far it is."""

    @contextmanager
    def paused(self) -> Generator[None]:
        """Keep the terminal free, such as for a question."""
        yield


class Lines(Display):
    """Says every few seconds how far it is, on standard error.

    Parameters
    ----------
    label : str
        What is loaded.
    clock : callable
        Time, in seconds.
    """

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label, self._clock = label, clock
        self._told = clock()

    def update(self, progress: Progress) -> None:
        """Say it, when it was not said lately."""
        now = self._clock()
        if now - self._told >= _EVERY:
            self._told = now
            self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        figures = f"{progress.settled:,} of {progress.rows:,} rows, {_figures(progress)}"
        click.echo(f"{self._label}: {figures}", err=True)


class JsonLines(Lines):
    """`Lines` for programs: an object each."""

    def _tell(self, progress: Progress) -> None:
        click.echo(json.dumps({"progress": attrs.asdict(progress)}), err=True)


class Bar(Display):
    """Draws a bar on a terminal.

    Parameters
    ----------
    label : str
        What is loaded.
    console : rich.console.Console
        The terminal.
    """

    def __init__(self, label: str, console: Console) -> None:
        self._live = Live(*_COLUMNS, console=console, transient=True, expand=True)
        self._task = self._live.add_task(label, total=None, figures="reading")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, progress: Progress) -> None:
        """Draw it anew."""
        self._live.update(self._task, total=progress.rows, completed=progress.settled, figures=_figures(progress))

    @contextmanager
    def paused(self) -> Generator[None]:
        """Take the bar away for so long."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()


def display_for(label: str, *, quiet: bool, as_json: bool, console: Console | None = None) -> Display:
    """Choose how to show it: by what is asked for, and by whether standard error is a terminal."""
    if quiet:
        return Display()
    if as_json:
        return JsonLines(label)
    console = console or Console(stderr=True)
    return Bar(label, console) if console.is_terminal and not console.is_dumb_terminal else Lines(label)


def clock_time(seconds: float) -> str:
    """Say a time as clocks do.

    Examples
    --------
    >>> clock_time(3725.4), clock_time(0.2)
    ('1:02:05', '0:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _figures(progress: Progress) -> str:
    figures = [f"{progress.delivered:,} delivered"]
    figures += [f"{progress.rejected:,} rejected"] if progress.rejected else []
    figures += [f"{progress.failed:,} failed"] if progress.failed else []
    figures += [f"{progress.rate:,.0f} rows a second"]
    figures += [f"{clock_time(progress.left)} left"] if progress.left is not None else []
    return ", ".join(figures)
