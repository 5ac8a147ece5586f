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

import spaces
from vqzoo.analysis.reach import Part
from vqzoo.analysis.result import Result
from vqzoo.files.images import SPACE
from vqzoo.hub.registry import Model, load
from vqzoo.metrics.perceptual import Perceptual, perceptual
from vqzoo.tokenizer import Tokenizer
from vqzoo.views.compute import out_of_memory, run
from vqzoo.views.device import Device
from vqzoo.views.engine import Engine, Photo, Recent
from vqzoo.views.job import Job

LONGEST_CALL = 60
"""Seconds that a call asks for at most."""


def seconds(jobs: Sequence[Job], pixels: np.ndarray, part: Part | None = None) -> int:
    """Estimate the seconds of a call generously, as a call that takes longer is cut off.

    A visitor's quota must cover the estimate but is charged only for the time used.
    """
    return min(LONGEST_CALL, math.ceil(5 + len(jobs) * (0.5 + 2 * (part.around if part else pixels).size / 3e6)))


class ZeroGpuEngine(Engine):
    """Computes on the CPU until `pack`, for the page that everybody opens; from then on, one call for a GPU a click.

    Models that are added later are not packed, and are computed on the CPU.
    Results of before and after are not mixed, as their times do not compare.
    """

    note_on_added = "Models that are loaded here run on this Space's CPU: its GPU knows those that it started with."

    def __init__(self, models: list[Model]):
        super().__init__(models, torch.device("cpu"), SPACE)
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
        """Yield the results in order; jobs that need a GPU and are not cached share one call."""
        if not self._packed:
            yield from super().run_all(jobs, photo)
            return
        known = self._remembered(jobs, photo, self._results)
        needed = tuple(dict.fromkeys(job for job in jobs if job not in known and job.name in self._packed))
        call: AbstractContextManager[Iterator[Result | str]] = nullcontext(iter(()))
        if needed:
            call = closing(self._on_gpu(needed, photo.pixels, photo.part))
        with call as lent:
            for job in jobs:
                if job not in known:
                    packed = job.name in self._packed  # a codec never is
                    known[job] = (
                        self._received(lent, job, photo)
                        if packed
                        else self.run(job.name, photo, job.position, job.levels)
                    )
                yield known[job]
            assert next(lent, None) is None, "as many results as were asked for"

    def recall(self, names: Sequence[str], photo: Photo) -> list[Result]:
        """Return results as shown before, also those of the opening comparison, whose timings do not matter here."""
        jobs = [Job(name) for name in names]
        with self._lock:
            known = {job: self._shown[job.name, photo.key] for job in jobs if (job.name, photo.key) in self._shown}
        known |= self._remembered(jobs, photo, self._opening) | self._remembered(jobs, photo, self._results)
        forgotten = [job for job in jobs if job not in known]
        known |= zip(forgotten, self.run_all(forgotten, photo), strict=True)
        return [known[job] for job in jobs]

    def describe_device(self) -> Device:
        """Describe the device of the next call; the memory of a lent GPU is unknown in this process."""
        return Device("A GPU lent by ZeroGPU at every click") if self._packed else super().describe_device()

    def _reconstruct_all(
        self, jobs: tuple[Job, ...], pixels: np.ndarray, part: Part | None = None
    ) -> Iterator[Result | str]:
        """Run jobs on the GPU in a forked process; after a failure the last value is its message.

        Errors are yielded, as only a gr.Error keeps its message on the way back. No lock is taken, as one that was
        held at the fork would stay held.
        """
        for job in jobs:
            try:
                yield run(self._packed[job.name], job, pixels, part, self._gpu_network)
            except torch.OutOfMemoryError:
                yield out_of_memory(job.name)
                return
            except ValueError as error:
                yield str(error)
                return

    def _received(self, lent: Iterator[Result | str], job: Job, photo: Photo) -> Result:
        outcome = next(lent)
        if isinstance(outcome, str):
            raise ValueError(outcome)
        with self._lock:
            return self._results.get(job.key(photo.key), lambda: outcome)

    def _remembered(self, jobs: Sequence[Job], photo: Photo, memory: Recent[Hashable, Result]) -> dict[Job, Result]:
        with self._lock:
            cached = {job: memory.find(job.key(photo.key)) for job in jobs}
        return {job: result for job, result in cached.items() if result is not None}
