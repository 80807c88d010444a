"""Shows how a training goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 10.0


class TrainingProgress:
    """Progress over rows, with the learning curve's last value and the time left.

    Args:
        total: Rows to learn from.
        console: Where to show it.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._total, self._console = total, console
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[delay]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=total, delay="")
        self._delay = "first episode"
        self._began = self._line_s = time.monotonic()
        self._first: int | None = None

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def advance(self, rows: int) -> None:
        """Show that so many rows are done."""
        if self._first is None:
            self._first = rows
        now = time.monotonic()
        if not self._bar.disable:
            self._bar.update(self._task, completed=rows, delay=self._delay)
        elif now - self._line_s >= LINE_EVERY_S and rows > self._first:
            self._line_s = now
            left = (now - self._began) * (self._total - rows) / (rows - self._first)
            self._console.print(
                f"training {100 * rows / self._total:.0f} %, {self._delay}, "
                f"{max(left, 0):.0f} s left",
                highlight=False,
            )

    def episode(self, mean_delay_s: float) -> None:
        """Show the mean delay of an episode that ended."""
        self._delay = f"delay {mean_delay_s:.1f} s"
