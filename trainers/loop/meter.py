"""Metrics of the steps since the last row of the log, fetched from the device once a row."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from vqzoo.analysis.usage import codebook_of, count, usage_metrics
from vqzoo.metrics.counts import by_codebook
from vqzoo.ops.distributed import all_reduce
from vqzoo.tokenizer import Tokenizer, Tokens


class Meter:
    """Means over processes and steps since the last `take`; codebook usage in these steps; speed and memory."""

    def __init__(self, accelerator: Accelerator, tokenizer: Tokenizer):
        self.accelerator, self.tokenizer = accelerator, tokenizer
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.used: list[Tensor] | None = []
        """Counts of the indices of each column; None where an alphabet is too large to count."""
        self.books: list[Tensor] = []
        """Counts of the codevectors of each codebook in the steps of the last row."""
        self.seconds = 0.0
        """Time spent in training steps, including those before the run was resumed."""
        self._images, self._seconds_then = 0, 0.0
        self._clock = time.perf_counter()

    def add(self, values: dict[str, Tensor]) -> None:
        """Add one step's values."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach().float()
            self.counts[name] = self.counts.get(name, 0) + 1

    def count(self, tokens: Tokens, images: int) -> None:
        """Count the indices of this process's batch; `images` is the size of the batch over all processes."""
        self._images += images
        if self.used is not None:
            counted = count(self.tokenizer, tokens)
            if counted and self.used:
                counted = [before + now for before, now in zip(self.used, counted, strict=True)]
            self.used = counted

    def take(self) -> dict[str, Any]:
        """Return a row and start the next: means, usage, perplexity, selection/<part>, images_per_second, memory."""
        values = torch.stack([total / self.counts[name] for name, total in self.sums.items()])
        row: dict[str, Any] = dict(zip(self.sums, self.accelerator.reduce(values, "mean").tolist(), strict=True))
        if self.used:
            used = [all_reduce(column) for column in self.used]
            row |= _flat(usage_metrics(self.tokenizer, used))
            self.books = by_codebook(used, codebook_of(self.tokenizer))
        self._tick()
        row["images_per_second"] = round(self._images / (self.seconds - self._seconds_then), 2)
        row["peak_memory_mib"] = round(_peak_memory() / 2**20)
        self._empty()
        return row

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock of training time inside this context."""
        self._tick()
        yield
        self._clock = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return the sums over all processes, with which any number of processes can resume."""
        self._tick()
        sums = {name: self.accelerator.reduce(total, "mean") for name, total in self.sums.items()}
        used = None if self.used is None else [all_reduce(column) for column in self.used]
        return {"sums": sums, "counts": dict(self.counts), "used": used, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        device = self.accelerator.device
        self.sums = {name: total.to(device) for name, total in state["sums"].items()}
        self.counts = dict(state["counts"])
        used, mine = state["used"], self.accelerator.is_main_process
        # The counts are sums over all processes: one process takes them, the others start at zero.
        self.used = used and [column.to(device) if mine else torch.zeros_like(column, device=device) for column in used]
        self.seconds = self._seconds_then = state["seconds"]
        self._clock = time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds += now - self._clock
        self._clock = now

    def _empty(self) -> None:
        self.sums, self.counts = {}, {}
        self.used = None if self.used is None else []
        self._images, self._seconds_then = 0, self.seconds


def _flat(usage: dict[str, Any]) -> dict[str, float]:
    """Return usage, perplexity and selection of `usage_metrics` as columns of the log."""
    row = {name: usage[name] for name in ("usage", "perplexity")}
    return row | {f"selection/{name}": share for name, share in usage.get("selection", {}).items()}


def _peak_memory() -> float:
    """Return the peak in bytes of memory allocated on the GPU, or of resident memory without a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
