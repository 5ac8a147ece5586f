"""The one place of the app that computes: models loaded once, one device, one lock around it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import psutil
import torch

from vqzoo.analysis.codecs import parse_label
from vqzoo.analysis.images import fit, load_image
from vqzoo.analysis.photograph import Result, code, reconstruct
from vqzoo.hub.registry import Model, load
from vqzoo.metrics import perceptual
from vqzoo.tokenizer import Tokenizer

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The last `size` values that were made, by key."""

    def __init__(self, size: int):
        self.size = size
        self._values: OrderedDict[K, V] = OrderedDict()

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
    """What computes, and its memory in bytes."""

    name: str
    used: int
    total: int


class Engine:
    """Runs registered models on photographs, one at a time, whichever visitor asks.

    Gradio frees its slot when a visitor cancels although the function goes on, so its own limits do not keep two
    computations off one device; the lock here does. What is kept is bounded: models, photographs, results.
    """

    def __init__(self, models: list[Model]):
        self.models = {model.name: model for model in models}
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._lock = threading.Lock()
        self._tokenizers: Recent[str, Tokenizer] = Recent(16)
        self._photos: Recent[Hashable, Photo] = Recent(16)
        self._results: Recent[Hashable, Result] = Recent(128)

    def photo(self, path: str, longest: int) -> Photo:
        """The picture in a file, no side over `longest` pixels; raises ImageError for a file that cannot be used."""
        with self._lock:
            return self._photos.get((path, longest), lambda: _read(path, longest))

    def run(self, name: str, photo: Photo, position: bool = True) -> Result:
        """The model called `name`, or a codec by its `codecs.label`, on a photograph.

        `position=False` decodes without the model's positional encoding.
        Raises ValueError for damaged model files and for a photograph that the device has no memory for.
        """
        with self._lock:
            try:
                return self._results.get((name, photo.key, position), lambda: self._reconstruct(name, photo, position))
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                raise ValueError(
                    f"{name}: the photograph needs more memory than there is; choose a smaller side"
                ) from None

    def describe_device(self) -> Device:
        """The GPU and what torch has reserved on it, or the CPU and what this process holds."""
        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
            return Device(torch.cuda.get_device_name(self.device), torch.cuda.memory_reserved(self.device), total)
        used = psutil.Process().memory_info().rss
        return Device(f"CPU, {torch.get_num_threads()} threads", used, psutil.virtual_memory().total)

    def _reconstruct(self, name: str, photo: Photo, position: bool) -> Result:
        network = perceptual("squeeze")
        if network is not None:
            network.to(self.device)
        if codec := parse_label(name):
            return code(codec[0], photo.pixels, codec[1], network)
        return reconstruct(self._tokenizer(name), photo.pixels, network, position)

    def _tokenizer(self, name: str) -> Tokenizer:
        return self._tokenizers.get(name, lambda: load(self.models[name].source).to(self.device))


def _read(path: str, longest: int) -> Photo:
    loaded = load_image(path)
    pixels, shrunk = fit(loaded.pixels, longest)
    height, width = pixels.shape[:2]
    notes = [*loaded.notes, *([shrunk] if shrunk else [])]
    said = f": {'; '.join(notes)}" if notes else ""
    return Photo(pixels, f"{width} × {height} pixels{said}.", (path, longest))
