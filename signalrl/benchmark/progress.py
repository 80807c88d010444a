"""Shows how a benchmark goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

LINE_EVERY_S = 5.0


class BenchmarkProgress:
    """Episodes done, running and failed, the last result, and the time left.

    Args:
        total: Episodes to run.
        console: Where to show it.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._total, self._console = total, console
        self._done = self._failed = 0
        self._last = ""
        self._bar = Progress(
            TextColumn("episodes"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[rest]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("episodes", total=total, rest="")
        self._began_s = self._line_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def ended(self, last: str, failed: bool = False) -> None:
        """Count an episode; ``last`` says what came of it."""
        self._done += 1
        self._failed += failed
        self._last = last

    def show(self, running: int) -> None:
        """Bring the display up to date."""
        now_s = time.monotonic()
        rest = ", ".join(filter(None, (self._left(now_s), self._failures(), self._last)))
        if not self._bar.disable:
            self._bar.update(self._task, completed=self._done, rest=rest)
        elif now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            self._console.print(
                f"episodes {self._done} of {self._total}, {running} running"
                + (f", {rest}" if rest else ""),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    def _left(self, now_s: float) -> str:
        if not self._done:
            return ""
        left_s = (now_s - self._began_s) / self._done * (self._total - self._done)
        return f"{int(left_s) // 60}:{int(left_s) % 60:02d} left"

    def _failures(self) -> str:
        return f"{self._failed} failed" if self._failed else ""
