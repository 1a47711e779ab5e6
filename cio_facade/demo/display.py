"""What the demo says: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cio_facade.demo.checking import Check
    from cio_facade.demo.loading import Loaded, Refusal
    from cio_facade.demo.sample import Line

__all__ = ["Display"]


class Display:
    """Writes to a console.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def say(self, text: str = "") -> None:
        """Write a line, however wide the terminal."""
        self._console.print(text, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Write a heading."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]", soft_wrap=True)

    def progress(self, name: str, rows: Iterable[Line], count: int) -> Iterator[Line]:
        """Hand on the rows of a table, with a bar that counts them."""
        columns = (TextColumn(f"  {name:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            task = bar.add_task(name, total=count)
            for row in rows:
                yield row
                bar.advance(task)

    def loaded(self, part: Loaded) -> None:
        """Write what became of a table."""
        report = part.report
        figures = f"{report.accepted:>6} rows {report.delivered:>6} delivered {report.rejected:>4} refused"
        self.say(f"  {part.table.name:<18}{figures} {report.requests:>4} requests")

    def refusals(self, refusals: Iterable[Refusal]) -> None:
        """Write each row that was refused, with the reason."""
        for refusal in refusals:
            self.say(f"  {refusal.file + ' line ' + str(refusal.line):<24}{refusal.reason}")

    def figures(self, figures: Mapping[str, int]) -> None:
        """Write counts by name."""
        for name, count in figures.items():
            self.say(f"  {count:>6}  {name}")

    def check(self, check: Check) -> None:
        """Write a question with its answer."""
        mark = "[green]ok[/green]" if check.ok else "[bold red]NO[/bold red]"
        self._console.print(f"  {mark}  {escape(check.what)}: {escape(check.detail)}", soft_wrap=True)
