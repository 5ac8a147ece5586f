"""How far a run is: a bar where standard error is a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import Any

from rich import progress
from rich.console import Console
from rich.table import Column


class Progress:
    """A context in which steps `start` to `total` of the run `name` are done; silent unless `enabled`.

    The bar is drawn by a thread of its own, ten times a second: a step does nothing but count.
    """

    def __init__(self, name: str, start: int, total: int, enabled: bool = True):
        self.name, self.start, self.total, self.enabled = name, start, total, enabled
        self.done = start
        self.console = Console(stderr=True)
        self.bar: progress.Progress | None = None

    def __enter__(self) -> "Progress":
        self.began = time.perf_counter()
        if self.enabled and self.console.is_interactive:
            self.bar = progress.Progress(  # where it is narrow, first the bar and then the name shrink
                progress.TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis")),
                progress.BarColumn(bar_width=None),
                progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
                progress.TextColumn("{task.fields[figures]}", markup=False),
                progress.TimeRemainingColumn(elapsed_when_finished=True, table_column=Column(no_wrap=True)),
                console=self.console,
                expand=True,
                redirect_stdout=sys.stdout.isatty(),  # in a pipe or a file it has to stay what it is
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
        """One step is done; `values` are the metrics row that it closed, if it closed one."""
        self.done += 1
        if not self.enabled:
            return
        shown = _figures(values or {})
        if self.bar:
            fields: dict[str, Any] = {"figures": shown} if shown else {}
            self.bar.update(progress.TaskID(0), completed=self.done, **fields)
        elif shown:
            left = (time.perf_counter() - self.began) / (self.done - self.start) * (self.total - self.done)
            self.say(f"step {self.done:,} of {self.total:,}  {shown}  {_clock(left)} to go")

    def say(self, text: str) -> None:
        """A line for the reader, above the bar where there is one."""
        if self.enabled:
            self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _figures(values: dict[str, float]) -> str:
    shown = []
    if "loss" in values:
        shown.append(f"loss {values['loss']:.4g}")
    if "images_per_second" in values:
        shown.append(f"{values['images_per_second']:,.0f} images/s")
    return "  ".join(shown)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
