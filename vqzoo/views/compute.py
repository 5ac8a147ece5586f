"""The parts of the engine that need torch: imported late, as torch takes seconds and the app is served before."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import psutil
import torch

from vqzoo.analysis.formats import PCA, parse_label
from vqzoo.analysis.photograph import code, code_linear, reconstruct
from vqzoo.analysis.reach import Part, reach
from vqzoo.analysis.result import Result
from vqzoo.hub.registry import Model, load
from vqzoo.metrics.perceptual import Perceptual, perceptual
from vqzoo.tokenizer import Tokenizer
from vqzoo.views.crop import ALIGNED
from vqzoo.views.device import Device
from vqzoo.views.job import Job

_PIXELS_AT_A_TIME = 2**21
"""Pixels that are reconstructed at the same time by several models; each model needs some hundred bytes a pixel."""
_PIXELS_BEFORE_OTHERS = 2**20
"""Pixels that are reconstructed for one visitor before others have their turn: about a second on two cores."""


def load_on(model: Model, device: torch.device) -> Tokenizer:
    """Load a tokenizer in evaluation mode; raises ValueError for damaged model files."""
    return load(model).to(device)


def network_on(device: torch.device) -> Perceptual | None:
    """Return the network of LPIPS; None without its weights."""
    network = perceptual("squeeze")
    return None if network is None else network.to(device)


def at_a_time(pixels: np.ndarray, device: torch.device) -> int:
    """Return how many jobs on a photograph run fastest at a time: one a thread of a CPU while memory allows it."""
    threads = torch.get_num_threads()
    return threads if device.type == "cpu" and threads * pixels[..., 0].size <= _PIXELS_AT_A_TIME else 1


def before_others(pixels: np.ndarray, device: torch.device) -> int:
    """Return how many jobs on a photograph run before other visitors have their turn; at least `at_a_time`."""
    return max(at_a_time(pixels, device), _PIXELS_BEFORE_OTHERS // pixels[..., 0].size)


def compute(
    job: Job,
    tokenizer: Callable[[str], Tokenizer],
    linear: Sequence[str],
    pixels: np.ndarray,
    device: torch.device,
    part: Part | None = None,
) -> Result:
    """Run a job on a photograph; `tokenizer` loads a model by name, `linear` are the names of the fitted PCAs.

    Of a `part` at 1:1 the metrics of a model include "alone": whether it was reconstructed as a picture of its own.
    Raises ValueError for a photograph that is too large for the device's memory.
    """
    try:
        network = network_on(device)
        if codec := parse_label(job.name):
            if codec[0] == PCA:
                return code_linear({name: tokenizer(name) for name in linear}, pixels, codec[1], network)
            return code(codec[0], pixels, codec[1], network)
        return run(tokenizer(job.name), job, pixels, part, network)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        raise ValueError(out_of_memory(job.name)) from None


def run(tokenizer: Tokenizer, job: Job, pixels: np.ndarray, part: Part | None, network: Perceptual | None) -> Result:
    """Run a model's job on a photograph, or on a part of one as it is in the whole where the model allows that."""
    if part is None:
        return reconstruct(tokenizer, pixels, network, job.position, job.levels)
    if tokenizer not in _reaches:
        _reaches[tokenizer] = reach(tokenizer)
    pixels_around = _reaches[tokenizer]
    around = None
    if pixels_around is not None and pixels_around <= part.margin:
        around = part.within(-(-pixels_around // ALIGNED) * ALIGNED)
    result = reconstruct(tokenizer, pixels, network, job.position, job.levels, around)
    return replace(result, metrics=result.metrics | {"alone": around is None})


_reaches: WeakKeyDictionary[Tokenizer, int | None] = WeakKeyDictionary()


def out_of_memory(name: str) -> str:
    """Return the error message for a photograph that is too large for the device's memory."""
    return f"{name}: the photograph needs more memory than there is; choose a smaller side"


def describe(device: torch.device) -> Device:
    """Return the GPU and the memory reserved by torch, or the CPU and the memory of this process."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return Device(torch.cuda.get_device_name(device), torch.cuda.memory_reserved(device), total)
    used = psutil.Process().memory_info().rss
    return Device(f"CPU, {torch.get_num_threads()} threads", used, psutil.virtual_memory().total)
