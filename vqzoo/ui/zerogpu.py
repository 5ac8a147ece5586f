"""The engine on a ZeroGPU Space, where a GPU is lent for one call and its seconds are of the visitor's quota.

What `spaces` makes of that: models moved to "cuda" at start-up are packed, and each call runs in a forked process of
its own that has them on a GPU; arguments and results are pickled on the way. Elsewhere its decorator does nothing.
"""

import copy
import math
from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext

import numpy as np
import torch
from spaces.config import Config

import spaces
from vqzoo.analysis.codecs import parse_label
from vqzoo.analysis.photograph import Result, reconstruct
from vqzoo.hub.registry import Model, load
from vqzoo.metrics import Perceptual, perceptual
from vqzoo.tokenizer import Tokenizer
from vqzoo.views.engine import Device, Engine, Job, Photo, Recent, out_of_memory

LONGEST_CALL = 60
"""Seconds that a call asks for at most."""


def on_zerogpu() -> bool:
    """Whether this process is a ZeroGPU Space."""
    return Config.zero_gpu


def seconds(jobs: Sequence[Job], pixels: np.ndarray) -> int:
    """What a call asks for: an estimate on the safe side, as a call that takes longer is cut off.

    A visitor's quota has to hold this many seconds; it loses only those that are used.
    """
    return min(LONGEST_CALL, math.ceil(5 + len(jobs) * (0.5 + 2 * pixels.size / 3e6)))


class ZeroGpuEngine(Engine):
    """Computes on the CPU until `pack`, for the page that everybody opens; from then on, one call for a GPU a click.

    Results of before and after are not mixed, as their times do not compare.
    """

    def __init__(self, models: list[Model]):
        super().__init__(models, torch.device("cpu"))
        self._packed: dict[str, Tokenizer] = {}
        self._gpu_network: Perceptual | None = None
        self._opening = self._results
        # mypy takes the repository's folder spaces/ for the library.
        self._on_gpu = spaces.GPU(self._reconstruct_all, duration=seconds)  # type: ignore[attr-defined]

    def pack(self) -> None:
        """Move every model to the GPU that later calls are lent; once, before the app is served."""
        self._packed = {name: load(model).to("cuda") for name, model in self.models.items()}
        network = perceptual("squeeze")  # the one that stays here measures codecs
        self._gpu_network = None if network is None else copy.deepcopy(network).to("cuda")
        self._results = Recent(128)

    def run_all(self, jobs: Sequence[Job], photo: Photo) -> Iterator[Result]:
        """As they are done; those that need a GPU and are not remembered, in one call."""
        if not self._packed:
            yield from super().run_all(jobs, photo)
            return
        known = self._remembered(jobs, photo, self._results)
        needed = tuple(dict.fromkeys(job for job in jobs if job not in known and not parse_label(job[0])))
        call: AbstractContextManager[Iterator[Result | str]] = nullcontext(iter(()))
        if needed:
            call = closing(self._on_gpu(needed, photo.pixels))
        with call as lent:
            for job in jobs:
                if job not in known:
                    known[job] = self.run(job[0], photo) if parse_label(job[0]) else self._received(lent, job, photo)
                yield known[job]
            assert next(lent, None) is None, "as many results as were asked for"

    def recall(self, names: Sequence[str], photo: Photo) -> list[Result]:
        """Also what the page opened with: pixels need no GPU's times."""
        jobs = [(name, True) for name in names]
        known = self._remembered(jobs, photo, self._opening) | self._remembered(jobs, photo, self._results)
        forgotten = [job for job in jobs if job not in known]
        known |= zip(forgotten, self.run_all(forgotten, photo), strict=True)
        return [known[job] for job in jobs]

    def describe_device(self) -> Device:
        """What the next call runs on, of whose memory this process knows nothing."""
        return Device("A GPU lent by ZeroGPU at every click") if self._packed else super().describe_device()

    def _reconstruct_all(self, jobs: tuple[Job, ...], pixels: np.ndarray) -> Iterator[Result | str]:
        """What runs on the GPU, in another process; the last is a message where it failed, as only a gr.Error keeps its
        words on the way back. Takes no lock: one that was held at the fork stays so."""
        for name, position in jobs:
            try:
                yield reconstruct(self._packed[name], pixels, self._gpu_network, position)
            except torch.OutOfMemoryError:
                yield out_of_memory(name)
                return
            except ValueError as error:
                yield str(error)
                return

    def _received(self, lent: Iterator[Result | str], job: Job, photo: Photo) -> Result:
        outcome = next(lent)
        if isinstance(outcome, str):
            raise ValueError(outcome)
        with self._lock:
            return self._results.get((job[0], photo.key, job[1]), lambda: outcome)

    def _remembered(self, jobs: Sequence[Job], photo: Photo, memory: Recent[Hashable, Result]) -> dict[Job, Result]:
        with self._lock:
            found = {job: memory.find((job[0], photo.key, job[1])) for job in jobs}
        return {job: result for job, result in found.items() if result is not None}
