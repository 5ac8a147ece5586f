"""The progress of a run: a bar if standard error is a terminal, otherwise a line for each row of the log."""

import sys
import time
from types import TracebackType
from typing import Any

from rich import progress
from rich.console import Console
from rich.table import Column


class Progress:
    """A context that shows the progress of run `name` from step `start` to step `total`, if `enabled`.

    Rich draws the bar in a thread of its own, ten times a second, so that it costs a training step nothing.
    """

    def __init__(self, name: str, start: int, total: int, enabled: bool = True):
        self.name, self.start, self.total, self.enabled = name, start, total, enabled
        self.done = start
        self.console = Console(stderr=True)
        self.bar: progress.Progress | None = None

    def __enter__(self) -> "Progress":
        self.start_time = time.perf_counter()
        if self.enabled and self.console.is_interactive:
            self.bar = progress.Progress(  # on a narrow terminal first the bar shrinks, then the name
                progress.TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis")),
                progress.BarColumn(bar_width=None),
                progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
                progress.TextColumn("{task.fields[figures]}", markup=False),
                progress.TimeRemainingColumn(elapsed_when_finished=True, table_column=Column(no_wrap=True)),
                console=self.console,
                expand=True,
                redirect_stdout=sys.stdout.isatty(),  # a pipe or a file must get standard output unchanged
            )
            self.bar.add_task(self.name, total=self.total, completed=self.start, figures="")
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None

    def advance(self, values: dict[str, float] | None = None) -> None:
        """Count one step; `values` is the row of the log that the step completed, if any."""
        self.done += 1
        if not self.enabled:
            return
        figures = _figures(values or {})
        if self.bar:
            fields: dict[str, Any] = {"figures": figures} if figures else {}
            self.bar.update(progress.TaskID(0), completed=self.done, **fields)
        elif figures:
            left = (time.perf_counter() - self.start_time) / (self.done - self.start) * (self.total - self.done)
            self.print(f"step {self.done:,} of {self.total:,}  {figures}  {_clock(left)} to go")

    def print(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.enabled:
            self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _figures(values: dict[str, float]) -> str:
    figures = []
    if "loss" in values:
        figures.append(f"loss {values['loss']:.4g}")
    if "images_per_second" in values:
        figures.append(f"{values['images_per_second']:,.0f} images/s")
    return "  ".join(figures)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
