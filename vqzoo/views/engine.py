"""The one place of the app that computes: models loaded once, one device, one lock around it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import psutil
import torch

from vqzoo.analysis.codecs import parse_label
from vqzoo.analysis.images import fit, load_image
from vqzoo.analysis.photograph import Result, code, reconstruct
from vqzoo.hub.registry import Model, load
from vqzoo.metrics import Perceptual, perceptual
from vqzoo.tokenizer import Tokenizer

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Job = tuple[str, bool]
"""The name of a model, or of a codec by its `codecs.label`; False decodes without the model's positional encoding."""


class Recent(Generic[K, V]):
    """The last `size` values that were made, by key."""

    def __init__(self, size: int):
        self.size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def find(self, key: K) -> V | None:
        """The value of a key, if it is among the recent ones."""
        return self._values.get(key)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made if it is not among the recent ones."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self.size:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


@dataclass(frozen=True, eq=False)
class Photo:
    """pixels: uint8 (h, w, 3); note: what was done to the file's picture, in words; key: tells it from others."""

    pixels: np.ndarray
    note: str
    key: Hashable


@dataclass(frozen=True)
class Device:
    """What computes, and its memory in bytes, unless that is another process's."""

    name: str
    used: int | None = None
    total: int | None = None


class Engine:
    """Runs registered models on photographs, one at a time, whichever visitor asks.

    Gradio frees its slot when a visitor cancels although the function goes on, so its own limits do not keep two
    computations off one device; the lock here does. What is kept is bounded: models, photographs, results.
    """

    def __init__(self, models: list[Model], device: torch.device | None = None):
        """`device`: without it the GPU, or the CPU where there is none."""
        self.models = {model.name: model for model in models}
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._lock = threading.Lock()
        self._tokenizers: Recent[str, Tokenizer] = Recent(16)
        self._photos: Recent[Hashable, Photo] = Recent(16)
        self._results: Recent[Hashable, Result] = Recent(128)

    def add(self, model: Model) -> None:
        """Offer one more model to everybody who asks from now on, in place of one of its name."""
        with self._lock:
            self.models[model.name] = model

    @contextmanager
    def borrow(self, name: str) -> Iterator[Tokenizer]:
        """A model, loaded and in evaluation mode, while nothing else computes; to be brief about it is only fair.

        Raises ValueError for damaged model files.
        """
        with self._lock:
            yield self._tokenizer(name)

    def photo(self, path: str, longest: int) -> Photo:
        """The picture in a file, no side over `longest` pixels; raises ImageError for a file that cannot be used."""
        with self._lock:
            return self._photos.get((path, longest), lambda: _read(path, longest))

    def run(self, name: str, photo: Photo, position: bool = True) -> Result:
        """One job on a photograph.

        Raises ValueError for damaged model files and for a photograph that the device has no memory for.
        """
        with self._lock:
            make = partial(self._reconstruct, name, photo.pixels, position)
            return self._results.get((name, photo.key, position), make)

    def run_all(self, jobs: Sequence[Job], photo: Photo) -> Iterator[Result]:
        """Each job as `run` does it, in their order; others get their turn in between."""
        for name, position in jobs:
            yield self.run(name, photo, position)

    def recall(self, names: Sequence[str], photo: Photo) -> list[Result]:
        """Of each model or codec what has been shown of it, for its pixels; what is forgotten is computed again."""
        return list(self.run_all([(name, True) for name in names], photo))

    def describe_device(self) -> Device:
        """The GPU and what torch has reserved on it, or the CPU and what this process holds."""
        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
            return Device(torch.cuda.get_device_name(self.device), torch.cuda.memory_reserved(self.device), total)
        used = psutil.Process().memory_info().rss
        return Device(f"CPU, {torch.get_num_threads()} threads", used, psutil.virtual_memory().total)

    def _reconstruct(self, name: str, pixels: np.ndarray, position: bool) -> Result:
        try:
            if codec := parse_label(name):
                return code(codec[0], pixels, codec[1], self._network())
            return reconstruct(self._tokenizer(name), pixels, self._network(), position)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise ValueError(out_of_memory(name)) from None

    def _network(self) -> Perceptual | None:
        network = perceptual("squeeze")
        return None if network is None else network.to(self.device)

    def _tokenizer(self, name: str) -> Tokenizer:
        return self._tokenizers.get(name, lambda: load(self.models[name]).to(self.device))


def out_of_memory(name: str) -> str:
    """What a visitor is told."""
    return f"{name}: the photograph needs more memory than there is; choose a smaller side"


def _read(path: str, longest: int) -> Photo:
    loaded = load_image(path)
    pixels, shrunk = fit(loaded.pixels, longest)
    height, width = pixels.shape[:2]
    notes = [*loaded.notes, *([shrunk] if shrunk else [])]
    said = f": {'; '.join(notes)}" if notes else ""
    return Photo(pixels, f"{width} × {height} pixels{said}.", (path, longest))
