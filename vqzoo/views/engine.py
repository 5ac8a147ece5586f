"""The one place of the app that computes: models loaded once, one device, one lock around it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from vqzoo.analysis.result import Result
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.images import OWN_MACHINE, ImageLimits, load_image
from vqzoo.ops.collector import uncollected
from vqzoo.views.device import Device
from vqzoo.views.job import Job

if TYPE_CHECKING:
    import torch

    from vqzoo.tokenizer import Tokenizer

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The last `size` values that were made, by key."""

    def __init__(self, size: int):
        self.size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def forget(self, which: Callable[[K], bool]) -> None:
        """Drop the values of all keys that are so."""
        for key in [key for key in self._values if which(key)]:
            del self._values[key]

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


class Engine:
    """Runs registered models on photographs, one at a time, whichever visitor asks.

    Gradio frees its slot when a visitor cancels although the function goes on, so its own limits do not keep two
    computations off one device; the lock here does. What is kept is bounded: models, photographs, results.

    torch is imported when something is first computed, or by `warm`.
    """

    note_on_added = ""
    """What a visitor has to know of models that were added, in a sentence."""

    def __init__(
        self, models: list[Model], device: "torch.device | None" = None, image_limits: ImageLimits = OWN_MACHINE
    ):
        """`device`: without it the GPU, or the CPU where there is none. `image_limits`: on each photograph."""
        self.models: dict[str, Model] = _Offered((model.name, model) for model in models)
        self.loaded: tuple[str, ...] = ()
        """Names of those that came after the start, in their order."""
        self.changes = 0
        """How often models have come or gone since."""
        self.image_limits = image_limits
        self._asked = device
        self._lock, self._decoding = threading.Lock(), threading.Lock()
        self._tokenizers: Recent[str, Tokenizer] = Recent(16)
        self._photos: Recent[Hashable, Photo] = Recent(16)
        self._results: Recent[Hashable, Result] = Recent(128)
        self._counts: Recent[str, list[np.ndarray] | None] = Recent(64)
        self._shown: dict[tuple[str, Hashable], Result] = {}

    @cached_property
    def device(self) -> "torch.device":
        """What models are moved to."""
        from vqzoo.views.compute import best_device

        return self._asked or best_device()

    def warm(self, names: Sequence[str] = ()) -> threading.Thread:
        """Import torch and load what the first comparison of these models needs, on a thread of its own."""

        def load() -> None:
            # Under the lock: modules that two threads import at once may see each other half made.
            with self._lock, uncollected():
                from vqzoo.views.compute import network_on

                network_on(self.device)
            for name in names:
                with suppress(ValueError), self.borrow(name):  # a damaged model is told to whoever asks for it
                    pass

        thread = threading.Thread(target=load, name="vqzoo-warm", daemon=True)
        thread.start()
        return thread

    def show(self, results: Mapping[str, Result], photo: Photo) -> None:
        """Take these, computed elsewhere and on the page already, as what `recall` gives for this photograph.

        `run` computes them again, as their times are another machine's.
        """
        with self._lock:
            self._shown = {(name, photo.key): result for name, result in results.items()}

    def add(self, model: Model) -> None:
        """Offer one more model to everybody who asks from now on, in place of one of its name."""
        with self._lock:
            self._forget(model.name)
            self.models = _Offered({**self.models, model.name: model})  # whoever goes through the old one may go on
            self.loaded = (*(name for name in self.loaded if name != model.name), model.name)
            self.changes += 1

    def withdraw(self, name: str) -> None:
        """No longer offer a model that was added; whoever still asks for it is told."""
        with self._lock:
            if name in self.loaded:
                self._forget(name)
                self.models = _Offered((key, model) for key, model in self.models.items() if key != name)
                self.loaded = tuple(each for each in self.loaded if each != name)
                self.changes += 1

    def _forget(self, name: str) -> None:
        self._tokenizers.forget(lambda key: key == name)
        self._counts.forget(lambda key: key == name)
        self._results.forget(lambda key: isinstance(key, tuple) and key[0] == name)
        self._shown = {key: result for key, result in self._shown.items() if key[0] != name}

    @contextmanager
    def borrow(self, name: str) -> Iterator["Tokenizer"]:
        """A model, loaded and in evaluation mode, while nothing else computes; to be brief about it is only fair.

        Raises ValueError for damaged model files.
        """
        with self._lock:
            yield self._tokenizer(name)

    def photo(self, path: str, longest: int) -> Photo:
        """The picture in a file, no side over `longest` pixels; raises ImageError for a file that cannot be used."""
        with self._decoding:  # one at a time, for what it may take of memory; nobody who computes waits for it
            return self._photos.get((path, longest), lambda: _read(path, longest, self.image_limits))

    def run(self, name: str, photo: Photo, position: bool = True, levels: int | None = None) -> Result:
        """One `Job` on a photograph.

        Raises ValueError for damaged model files, for levels that a model does not have, and for a photograph that the
        device has no memory for.
        """
        job = Job(name, position, levels)
        with self._lock:
            return self._results.get(job.key(photo.key), partial(self._compute, job, photo.pixels))

    def run_all(self, jobs: Sequence[Job], photo: Photo) -> Iterator[Result]:
        """Each job as `run` does it, in their order; others get their turn in between."""
        for job in jobs:
            yield self.run(job.name, photo, job.position, job.levels)

    def recall(self, names: Sequence[str], photo: Photo) -> list[Result]:
        """Of each model or codec what has been shown of it, for its pixels; what is forgotten is computed again."""
        with self._lock:
            found = [
                self._results.find(Job(name).key(photo.key)) or self._shown.get((name, photo.key)) for name in names
            ]
        return [result or self.run(name, photo) for name, result in zip(names, found, strict=True)]

    def test_counts(self, name: str) -> list[np.ndarray] | None:
        """Of each column, how often each index was used on the test split; None where that is not known, as where the
        file of counts is damaged, which the Zoo page says."""
        model = self.models[name]

        def read() -> list[np.ndarray] | None:
            try:
                counts = usage_counts(model)
            except ValueError:
                return None
            return None if counts is None else [np.array(column, np.int64) for column in counts]

        with self._lock:
            return self._counts.get(name, read)

    def describe_device(self) -> Device:
        """The GPU and what torch has reserved on it, or the CPU and what this process holds."""
        from vqzoo.views.compute import describe

        return describe(self.device)

    def linear(self) -> list[str]:
        """Names of the fitted PCAs of colour images: what a row of PCA is made of, if there are any."""
        return [name for name, model in self.models.items() if _is_linear(model)]

    def _compute(self, job: Job, pixels: np.ndarray) -> Result:
        from vqzoo.views.compute import compute

        return compute(job, self._tokenizer, self.linear(), pixels, self.device)

    def _tokenizer(self, name: str) -> "Tokenizer":
        from vqzoo.views.compute import load_on

        return self._tokenizers.get(name, lambda: load_on(self.models[name], self.device))


class _Offered(dict[str, Model]):
    """Models by name; ValueError for a name that somebody's page still has and that is offered no longer."""

    def __missing__(self, name: str) -> Model:
        raise ValueError(f"{name} is no longer offered here; choose another model, or load it again on the Zoo page")


def _is_linear(model: Model) -> bool:
    return model.linear and model.config["autoencoder"].get("channels") == 3 and model.source is not None


def _read(path: str, longest: int, limits: ImageLimits) -> Photo:
    loaded = load_image(path, limits, longest=longest)
    height, width = loaded.pixels.shape[:2]
    said = f": {'; '.join(loaded.notes)}" if loaded.notes else ""
    return Photo(loaded.pixels, f"{width} × {height} pixels{said}.", (path, longest))
