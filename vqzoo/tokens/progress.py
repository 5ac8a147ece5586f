"""The progress of `vqzoo tokenize`: a bar on a terminal, otherwise a line for each finished file."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

from vqzoo.tokens.picture import Unit
from vqzoo.tokens.shard import Footer


class Progress:
    """A context that shows how many images of `units` are done, how many a second, and the time to finish.

    `todo` are the units that are left. Where the number of images is not known, as in a stream, there is no time to
    finish. `quiet` shows neither bar nor lines, but broken pictures still.
    """

    def __init__(self, units: list[Unit], todo: list[Unit], quiet: bool):
        known = [unit.images for unit in units if unit.images is not None]
        self.left = sum(unit.images or 0 for unit in todo)
        self.total = sum(known) if len(known) == len(units) else None
        self.terminal = sys.stderr.isatty() and not quiet
        self.lines = not self.terminal and not quiet
        if len(todo) < len(units) and not quiet:
            self._write(f"{len(units) - len(todo)} of {len(units)} files are there; going on with the others")

    def __enter__(self) -> "Progress":
        done = None if self.total is None else self.total - self.left
        self.bar = tqdm(total=self.total, initial=done or 0, unit=" images", disable=not self.terminal)
        self.start, self.images = time.monotonic(), 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def advance(self, images: int) -> None:
        """Count images that were read."""
        self.images += images
        self.bar.update(images)

    def finished(self, unit: Unit, footer: Footer) -> None:
        """Name a unit's broken pictures and, in a log, the unit."""
        for key, reason in footer.broken:
            self._write(f"{unit.split}: {key} cannot be read ({reason}) and has no row")
        if self.lines:
            rate = self.images / (time.monotonic() - self.start)
            rest = f", {(self.left - self.images) / rate:,.0f} s left" if self.total is not None else ""
            self._write(f"{unit.file}: {footer.images:,} images; {rate:,.1f} images a second{rest}")

    def _write(self, text: str) -> None:
        tqdm.write(text, sys.stderr)
