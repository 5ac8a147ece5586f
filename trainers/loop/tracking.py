"""Optional logging to trackio, on this machine alone, through accelerate."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from vqzoo.hub.offline import offline

PROJECT = "vqzoo"
_BINS = 64
_ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


def start(accelerator: Accelerator, name: str, config: dict[str, Any], resume: bool) -> None:
    """Open or resume the run `name`; does nothing if the accelerator was made without log_with="trackio".

    Raises ValueError where environment variables would make trackio send the run to another machine.
    """
    if not accelerator.log_with:
        return
    for variable in _ELSEWHERE:
        if os.environ.get(variable):
            raise ValueError(f"--track logs on this machine alone, and {variable} names another: unset {variable}")
    # embed: a notebook's dashboard would be a public page in some notebooks.
    settings = {"name": name, "resume": "allow" if resume else "never", "embed": False}
    with offline():  # trackio asks the Hub for the user's name where there is a token
        accelerator.init_trackers(PROJECT, config=config, init_kwargs={"trackio": settings})


def log_samples(accelerator: Accelerator, path: Path, step: int) -> None:
    """Log a PNG as "samples"; trackio copies the file."""
    if accelerator.trackers:
        import trackio

        accelerator.log({"samples": trackio.Image(path, caption=f"step {step}")}, step=step)


def log_use(accelerator: Accelerator, counts: Sequence[Tensor], step: int) -> None:
    """Log how evenly codevectors are used as "use", or as "use/0", "use/1", ... for several codebooks.

    `counts` has the counts (K,) of each codebook. Logs a histogram over the codevectors, most used first: the share of
    all choices in each of up to 64 bins. Codebooks without counts are left out.
    """
    if accelerator.trackers:
        import trackio

        counted = {f"use/{number}" if len(counts) > 1 else "use": book for number, book in enumerate(counts)}
        shares = {name: _by_rank(book) for name, book in counted.items() if book.any()}
        if shares:
            accelerator.log({name: trackio.Histogram(np_histogram=bins) for name, bins in shares.items()}, step=step)


def _by_rank(counts: Tensor) -> tuple[list[float], list[int]]:
    """Return (share of each bin, edges of the bins) of the codevectors ranked by their counts."""
    shares = counts.double().cpu().sort(descending=True).values / counts.sum().item()
    bins = min(_BINS, len(shares))
    edges = [round(len(shares) * edge / bins) for edge in range(bins + 1)]
    return [part.sum().item() for part in torch.tensor_split(shares, edges[1:-1])], edges
