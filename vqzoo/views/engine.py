"""The engine of the app: models loaded once, on one device, behind one lock."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from vqzoo.analysis.result import Result
from vqzoo.files.images import OWN_MACHINE, ImageLimits, load_image
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.ops.collector import uncollected
from vqzoo.views.crop import MARGIN, inside, split
from vqzoo.views.device import Device
from vqzoo.views.job import Job

if TYPE_CHECKING:
    import torch

    from vqzoo.analysis.reach import Part
    from vqzoo.tokenizer import Tokenizer

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A cache of the `size` most recently used values, by key; threads may share it."""

    def __init__(self, size: int):
        self.size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()

    def forget(self, which: Callable[[K], bool]) -> None:
        """Drop the values of all keys for which `which` is true."""
        for key in [key for key in self._values if which(key)]:
            del self._values[key]

    def find(self, key: K) -> V | None:
        """Return the cached value of a key, or None, without waiting for what is being made."""
        with suppress(KeyError):  # another thread may have dropped the key
            self._values.move_to_end(key)
        return self._values.get(key)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made by `make` if it is not cached."""
        with self._lock:
            value = self._values[key] if key in self._values else make()
            self.put(key, value)
            return value

    def put(self, key: K, value: V) -> None:
        """Cache a value as the most recently used one."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self.size:
            self._values.popitem(last=False)


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photograph: uint8 pixels (h, w, 3), a note on its size and preprocessing, and a cache key.

    part: of a part of a photograph at 1:1, its pixels with what is around them.
    """

    pixels: np.ndarray
    note: str
    key: Hashable
    part: "Part | None" = None


class Engine:
    """Runs registered models on photographs, one job at a time for all visitors.

    When a visitor cancels, Gradio frees its slot although the function goes on, so its own limits cannot keep two
    computations off one device; the lock here does. The caches of models, photographs and results are bounded.

    torch is imported by the first computation or by `warm`.
    """

    note_on_added = ""
    """A sentence for visitors on the models that were added after the start."""

    def __init__(
        self, models: list[Model], device: "torch.device | None" = None, image_limits: ImageLimits = OWN_MACHINE
    ):
        """Offer `models` on `device`: by default the GPU, or the CPU without one."""
        self.models: dict[str, Model] = _Offered((model.name, model) for model in models)
        self.loaded: tuple[str, ...] = ()
        """Names of the models added after the start, in order."""
        self.changes = 0
        """How often models were added or withdrawn."""
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
        """The device of the models."""
        from vqzoo.ops.device import best_device

        return self._asked or best_device()

    def warm(self, names: Sequence[str] = ()) -> threading.Thread:
        """Import torch and load what the first comparison of these models needs, on a thread of its own."""

        def load() -> None:
            # Under the lock: two threads that import a module at once may see it half initialized.
            with self._lock, uncollected():
                from vqzoo.views.compute import network_on

                network_on(self.device)
            for name in names:
                with suppress(ValueError), self.borrow(name):  # reported when a visitor chooses the damaged model
                    pass

        thread = threading.Thread(target=load, name="vqzoo-warm", daemon=True)
        thread.start()
        return thread

    def show(self, results: Mapping[str, Result], photo: Photo) -> None:
        """Store results computed on another machine, for `recall` alone.

        `run` computes them again, as their timings are those of the other machine.
        """
        with self._lock:
            self._shown = {(name, photo.key): result for name, result in results.items()}

    def add(self, model: Model) -> None:
        """Offer a model from now on, in place of any model of the same name."""
        with self._lock:
            self._forget(model.name)
            self.models = _Offered({**self.models, model.name: model})  # a copy: other threads may iterate the old one
            self.loaded = (*(name for name in self.loaded if name != model.name), model.name)
            self.changes += 1

    def withdraw(self, name: str) -> None:
        """Stop offering a model that was added; a later request for it raises ValueError."""
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
        """Yield a loaded model in evaluation mode while holding the lock, so keep the block short.

        Raises ValueError for damaged model files.
        """
        with self._lock:
            yield self._tokenizer(name)

    @contextmanager
    def alone(self) -> Iterator["torch.device"]:
        """Yield the device while nothing else is computed on it, so keep the block short."""
        with self._lock:
            yield self.device

    def photo(self, path: str, longest: int) -> Photo:
        """Read a photograph, shrunk to at most `longest` pixels a side, or a part of it at 1:1, see `views.crop`.

        Raises ImageError for an unusable file.
        """
        with self._decoding:  # one at a time to bound memory, without blocking computations
            return self._photos.get((path, longest), lambda: _read(path, longest, self.image_limits))

    def run(self, name: str, photo: Photo, position: bool = True, levels: int | None = None) -> Result:
        """Run one `Job` on a photograph, or return its cached result.

        Raises ValueError for damaged model files, for more levels than a model has, and for a photograph that is too
        large for the device's memory.
        """
        job = Job(name, position, levels)
        cached = self._results.find(job.key(photo.key))
        if cached is not None:
            return cached
        with self._lock:
            return self._results.get(job.key(photo.key), partial(self._compute, job, photo))

    def run_all(self, jobs: Sequence[Job], photo: Photo) -> Iterator[Result]:
        """Yield the results of jobs, in order; other visitors' jobs may run in between.

        On a CPU as many jobs of a small photograph run at a time as there are threads, ahead of the consumer.
        """
        from vqzoo.ops.prefetch import prefetch
        from vqzoo.views.compute import at_a_time

        if len(jobs) > 1 and at_a_time(photo.pixels, self.device) > 1:
            num = len(jobs) + 1  # after the last result the lock is released
            with (
                closing(self._together(jobs, photo)) as source,
                closing(prefetch(lambda _: next(source, None), range(num), depth=num, threads=1)) as results,
            ):
                yield from islice(filter(None, results), len(jobs))
        else:
            for job in jobs:
                yield self.run(job.name, photo, job.position, job.levels)

    def cached(self, names: Sequence[str], photo: Photo) -> dict[str, Result]:
        """Return the results of models and codecs that were computed here and are cached, by name."""
        with self._lock:
            results = {name: self._results.find(Job(name).key(photo.key)) for name in names}
        return {name: result for name, result in results.items() if result is not None}

    def recall(self, names: Sequence[str], photo: Photo) -> list[Result]:
        """Return the results of models and codecs as shown before; those no longer cached are computed again."""
        with self._lock:
            cached = [
                self._results.find(Job(name).key(photo.key)) or self._shown.get((name, photo.key)) for name in names
            ]
        return [result or self.run(name, photo) for name, result in zip(names, cached, strict=True)]

    def test_counts(self, name: str) -> list[np.ndarray] | None:
        """Return the counts (K,) of each column's indices on the test split.

        None if they are unknown or their file is damaged, which the Zoo page reports.
        """
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
        """Return the GPU and the memory reserved by torch, or the CPU and the memory of this process."""
        from vqzoo.views.compute import describe

        return describe(self.device)

    def linear(self) -> list[str]:
        """Return the names of the PCAs fitted to colour images, from which the rows of PCA are computed."""
        return [name for name, model in self.models.items() if _is_linear(model)]

    def _together(self, jobs: Sequence[Job], photo: Photo) -> Generator[Result, None, None]:
        """Yield the results of jobs, several computed at a time; other visitors wait for a group of them at most.

        The lock is held between results, so the consumer must not wait for anything.
        """
        from vqzoo.ops.prefetch import batch_a_core
        from vqzoo.views.compute import before_others

        number = before_others(photo.pixels, self.device)
        for start in range(0, len(jobs), number):
            group = jobs[start : start + number]
            with self._lock:
                results = batch_a_core(lambda job: self._find_or_compute(job, photo), group)
                for job, result in zip(group, results, strict=True):
                    self._results.put(job.key(photo.key), result)
                    yield result

    def _find_or_compute(self, job: Job, photo: Photo) -> Result:
        return self._results.find(job.key(photo.key)) or self._compute(job, photo)

    def _compute(self, job: Job, photo: Photo) -> Result:
        from vqzoo.views.compute import compute

        return compute(job, self._tokenizer, self.linear(), photo.pixels, self.device, photo.part)

    def _tokenizer(self, name: str) -> "Tokenizer":
        from vqzoo.views.compute import load_on

        return self._tokenizers.get(name, lambda: load_on(self.models[name], self.device))


class _Offered(dict[str, Model]):
    """Models by name; raises ValueError for a name that is no longer offered."""

    def __missing__(self, name: str) -> Model:
        raise ValueError(f"{name} is no longer offered here; choose another model, or load it again on the Zoo page")


def _is_linear(model: Model) -> bool:
    return model.linear and model.config["autoencoder"].get("channels") == 3 and model.source is not None


def _read(path: str, longest: int, limits: ImageLimits) -> Photo:
    whole, box = split(path)
    loaded = load_image(whole, limits, longest=None if box else longest)
    notes = f": {'; '.join(loaded.notes)}" if loaded.notes else ""
    height, width = loaded.pixels.shape[:2]
    if box is None:
        return Photo(loaded.pixels, f"{width:,} × {height:,} pixels{notes}.", (path, longest))
    return _part(loaded.pixels, box, notes, (path, longest))


def _part(pixels: np.ndarray, box: tuple[int, int, int, int], notes: str, key: Hashable) -> Photo:
    from vqzoo.analysis.reach import Part  # and torch

    height, width = pixels.shape[:2]
    (left, wide), (top, high) = inside(box[0], box[2], width), inside(box[1], box[3], height)
    first, row = max(0, left - MARGIN), max(0, top - MARGIN)
    around = pixels[row : top + high + MARGIN, first : left + wide + MARGIN].copy()  # lets go of the whole
    part = Part(around, top - row, left - first, high, wide, MARGIN)
    note = f"{wide:,} × {high:,} pixels at 1:1, from {left:,}, {top:,} of {width:,} × {height:,}{notes}."
    return Photo(part.pixels, note, key, part)
