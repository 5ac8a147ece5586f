"""Output of commands: tables and JSON on standard output, progress and notes on standard error."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> None:
    """Print aligned columns at full width; the first `texts` are words, aligned left, the others numbers."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.ljust(width) if number < texts else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def print_json(value: Any) -> None:
    """Print one JSON document; NaN and infinity become null."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def note(text: str) -> None:
    """Print a line on standard error for the reader, apart from the results."""
    print(text, file=sys.stderr)


@contextmanager
def bar(total: int | None, enabled: bool) -> Iterator[Callable[[str], None]]:
    """Context manager with a progress bar of `total` steps, or an indeterminate one for None.

    It yields a function to be called with a label as each step begins. Nothing is drawn unless `enabled` and both
    standard output and standard error are terminals.
    """
    from rich import progress  # imported here because most commands need no bar
    from rich.console import Console

    console = Console(stderr=True)
    if not (enabled and sys.stdout.isatty() and console.is_interactive):
        yield lambda label: None
        return
    shown = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    done = iter(range(10**9))
    with shown:
        task = shown.add_task("", total=total)
        yield lambda label: shown.update(task, description=label, completed=next(done))
