"""The registry as its page shows it: a table of models, a model's card, downloads, and disk usage."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal

from vqzoo.hub.cache import CachedModel, bytes_underway, cached_models, remove, size_of_folder
from vqzoo.hub.card import quantizer_names, show_images
from vqzoo.hub.catalog import Entry, catalog
from vqzoo.hub.fetch import cache_usage, card_text, find, published
from vqzoo.hub.live import Listing, cached, listing
from vqzoo.hub.model import Damaged, Model, matches
from vqzoo.hub.registry import cards_folder, load, local_models, shipped_models
from vqzoo.metrics.table import METRICS
from vqzoo.views.background import Work
from vqzoo.views.engine import Engine, Recent

_FIGURES = ("bits_per_image", "bits_per_pixel", "psnr")

# Heading -> (type, share of the table's width).
COLUMNS: dict[str, tuple[Literal["str", "number"], str]] = {
    "model": ("str", "19%"),
    "quantizer": ("str", "10.5%"),
    "data set": ("str", "8.5%"),
    "where": ("str", "9.5%"),
    **{METRICS[name].head: ("number", "8%") for name in _FIGURES},
    "images seen": ("str", "10%"),
    "MB": ("number", "6.5%"),
    "author": ("str", "7.5%"),
}
ORIGINS = {"local": "this machine", "snapshot": "shipped list", "hub": "Hub", "cache": "downloaded"}
"""Origin of a model -> its label on the page."""
PATIENCE = 5.0
"""Timeout for a card of the Hub, in seconds."""
_BEAT = 0.25  # seconds between two reports of a download's progress


@dataclass(frozen=True)
class Filters:
    """Filters of the table; "" and None match every model, and an unknown value of a model matches no other filter."""

    text: str = ""
    quantizer: str | None = None
    dataset: str | None = None
    max_bits: float | None = None
    max_megabytes: float | None = None
    author: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Loading:
    """The progress of a download: bytes so far, and in total if known."""

    done: int
    total: int | None


@dataclass(frozen=True)
class Shown:
    """One model as the page shows it.

    Attributes:
        entry: its entry in the catalog.
        model: all that is known of it.
        card: its README.md; None without one.
        note: a sentence on why the card is missing, or "".
    """

    entry: Entry
    model: Model
    card: str | None = None
    note: str = ""


class Zoo:
    """The registry, shared by all visitors.

    Local models and the Hub's last answer are known at once; `refresh` reads them again, and `ask` asks the Hub.
    """

    def __init__(self, engine: Engine, hub: bool, most: int | None = None):
        """Let the Hub be asked if `hub` is true, and visitors add at most `most` models."""
        self.engine, self.hub, self.most = engine, hub, most
        self.damaged: list[Damaged] = []
        self._lock = Lock()
        self._local = [model for model in engine.models.values() if model.source is not None]
        self._shipped = shipped_models()
        self._cached: list[CachedModel] = []
        self._whole: Recent[tuple[str, str], tuple[Model, str | None]] = Recent(64)
        self.now = Listing((), None)
        self.entries: dict[str, Entry] = {}
        self._merge()

    def refresh(self) -> None:
        """Read the disk again: model folders, the cache of the Hub, and the Hub's last answer."""
        local, self.damaged = local_models()
        here = {model.source for model in local}
        added = [self.engine.models[name] for name in self.engine.loaded]
        self._local = [*local, *(model for model in added if model.source is not None and model.source not in here)]
        self._cached = cached_models()
        if self.hub and self.now.age is None:
            self.now = cached()
        self._merge()

    def ask(self, again: bool = False) -> None:
        """Update the Hub's list, which takes a few seconds at most; `again` ignores a recent answer on disk."""
        if self.hub:
            self.now = listing(fresh=0) if again else listing()
            self._merge()

    def _merge(self) -> None:
        self.entries = {
            entry.model.name: entry for entry in catalog(self._local, self._shipped, self.now, self._cached)
        }

    def entry(self, name: str | None) -> Entry:
        """Return the entry of a name; raises ValueError for a missing, damaged or unknown one."""
        if not name:
            raise ValueError("Choose a model first: a row of the table, or a name in the list above it.")
        if damaged := next((each for each in self.damaged if each.name == name), None):
            raise ValueError(f"{name} is damaged and left out: {damaged.why}")
        if name not in self.entries:
            raise ValueError(f"{name[:100]}: no model of this name is listed; clear the filters, or ask the Hub again")
        return self.entries[name]

    # The table.

    def choices(self) -> dict[str, list[str]]:
        """Return the values of each filter that occur among the entries."""
        entries = self.entries.values()
        return {
            "quantizer": sorted({name for entry in entries for name in quantizer_names(entry.model.config)}),
            "dataset": sorted({name for entry in entries if (name := self._dataset(entry.model))}),
            "author": sorted({entry.model.author for entry in entries if entry.model.author}),
            "origin": [name for key, name in ORIGINS.items() if any(key in origins(entry) for entry in entries)],
        }

    def matching(self, filters: Filters) -> list[Entry]:
        """Return the entries that match, by name."""
        words = filters.text.lower().split()
        origin = next((key for key, name in ORIGINS.items() if name == filters.origin), filters.origin)
        return [
            entry
            for entry in self.entries.values()
            if matches(
                entry.model, filters.quantizer, None, filters.max_bits, filters.max_megabytes, filters.author or None
            )
            and (filters.dataset is None or filters.dataset == self._dataset(entry.model))
            and (origin is None or origin in origins(entry))
            and all(word in self._words(entry) for word in words)
        ]

    def rows(self, filters: Filters) -> list[list[Any]]:
        """Return a row of `COLUMNS` for each matching entry, then one for each damaged folder; None if unknown."""
        rows = [self._row(entry) for entry in self.matching(filters)]
        here = filters.origin in (None, "local", ORIGINS["local"])
        if here and replace(filters, text="", origin=None) == Filters():
            words = filters.text.lower().split()
            damaged = [each for each in self.damaged if all(word in f"{each.name} damaged".lower() for word in words)]
            rows += [[each.name, "", "", ORIGINS["local"], None, None, None, "damaged", None, ""] for each in damaged]
        return rows

    def _row(self, entry: Entry) -> list[Any]:
        model, metrics = entry.model, entry.model.metrics.get("metrics", {})
        return [
            model.name,
            ", ".join(dict.fromkeys(quantizer_names(model.config))),
            self._dataset(model) or "not known",
            ", ".join(ORIGINS[origin] for origin in origins(entry)),
            *(METRICS[name].rounded(metrics.get(name)) for name in _FIGURES),
            show_images(model.metrics),
            None if model.size is None else float(f"{model.size / 1e6:.2g}"),
            model.author or "",
        ]

    def _dataset(self, model: Model) -> str | None:
        """Return vqzoo's name of the data set, translated from its Hub id if a local or shipped model gives both."""
        dataset = model.metrics.get("dataset")
        known = (m.metrics for m in (*self._local, *self._shipped))
        return next((each["dataset"] for each in known if dataset and each.get("hub_id") == dataset), dataset)

    def _words(self, entry: Entry) -> str:
        cells = self._row(entry)
        position = entry.model.config.get("position", {}).get("name", "")
        ids = [str(model.repo_id) for model in (entry.model, *entry.others) if model.repo_id]
        return " ".join([*(str(cell) for cell in cells if isinstance(cell, str)), position, *ids]).lower()

    # One model.

    def show(self, name: str) -> Iterator[Shown]:
        """Yield what is known of a model, and then, for one on the Hub, its files and card."""
        entry = self.entry(name)
        if entry.model.source is not None:
            yield Shown(entry, entry.model, card_text(entry.model))
            return
        if not (self.hub or entry.model.origin == "snapshot"):
            yield Shown(entry, entry.model, note="This app does not ask the Hub for it.")
            return
        key = str(entry.model.repo_id), str(entry.model.revision)
        whole = self._whole.find(key)
        if whole is None:
            yield Shown(entry, entry.model, note="Reading its files on the Hub …")
            work = Work(lambda: self._read(*key))
            try:
                if not work.is_done(PATIENCE):
                    raise ValueError(f"The Hub did not answer within {PATIENCE:g} s; choose the model again later")
                whole = work.result()
            except ValueError as error:
                yield Shown(entry, entry.model, note=f"No card: {error}.")
                return
        yield Shown(entry, *whole)

    def _read(self, repo_id: str, revision: str) -> tuple[Model, str | None]:
        model = published(repo_id, revision)
        whole = model, card_text(model)
        with self._lock:
            return self._whole.get((repo_id, revision), lambda: whole)

    def offered_as(self, model: Model) -> str | None:
        """Return the name under which the pages offer a model; None if they do not."""
        offered = self.engine.models.items()
        return next((name for name, each in list(offered) if _location(each) == _location(model)), None)

    def load(self, model: Model) -> Iterator[Loading | str]:
        """Download a model, check it and offer it on every page; yields the progress, and at last its name there.

        Raises ValueError, and offers nothing, for a damaged or unreachable model.
        """
        name = self.offered_as(model)
        if name is None:
            if self.most is not None and len(self.engine.loaded) >= self.most:
                raise ValueError(
                    f"This app has loaded {self.most} models and takes no more: run it on a machine of your own"
                )
            work = Work(lambda: _checked(model))
            while not work.is_done(_BEAT):
                done = 0 if model.repo_id is None else bytes_underway(model.repo_id)
                yield Loading(done, model.size)
            name = self._offer(work.result())
            self.refresh()
        yield name

    def load_from(self, text: str, folders: bool) -> Iterator[Loading | str]:
        """Load a model as `load` does, from "owner/name", "owner/name@revision" or (with `folders`) a folder."""
        if not self.hub:
            raise ValueError("This app loads what its list has: run it on a machine of your own for other models")
        work = Work(lambda: find(text, folders))
        while not work.is_done(_BEAT):
            yield Loading(0, None)
        yield from self.load(work.result())

    def _offer(self, model: Model) -> str:
        with self._lock:
            name = self.offered_as(model)
            if name is None:
                name = next(name for name in _names(model) if name not in self.engine.models)
                self.engine.add(replace(model, name=name))
        return name

    # The disk.

    def removable(self, entry: Entry) -> str:
        """Describe the files of a model in the cache of the Hub; "" without any."""
        return " and ".join(
            f"{each.repo_id} ({each.commits} {'commit' if each.commits == 1 else 'commits'}, {megabytes(each.size)})"
            for each in entry.cached
        )

    def remove(self, name: str) -> str:
        """Delete a model from the cache of the Hub and stop offering it; returns a sentence on the freed space.

        Model folders are never deleted. Raises ValueError if the cache holds nothing of the model.
        """
        entry = self.entry(name)
        if not entry.cached:
            raise ValueError(f"{name}: the local cache of the Hub holds nothing of it")
        freed = sum(remove(each.repo_id) for each in entry.cached)
        gone = {each.repo_id for each in entry.cached}
        for offered in self.engine.loaded:
            if (model := self.engine.models.get(offered)) and model.source is None and model.repo_id in gone:
                self.engine.withdraw(offered)
        self.refresh()
        return f"Removed {' and '.join(sorted(gone))} from disk: {megabytes(freed)} freed."

    def disk(self) -> str:
        """Describe the disk space that models take."""
        folder = cards_folder()
        local = f"{folder.name}: {len(self._local)} models, {megabytes(size_of_folder(folder))}"
        number = len(self._cached)
        size = sum(each.size for each in self._cached)
        return f"{local} · downloaded from the Hub: {number} {'model' if number == 1 else 'models'}, {megabytes(size)}"


def origins(entry: Entry) -> list[str]:
    """Return the origins of an entry, keys of `ORIGINS`, the nearest first."""
    known = [entry.model.origin, *(other.origin for other in entry.others)]
    return list(dict.fromkeys([*known, *(["cache"] if entry.cached else [])]))


def hub_line(now: Listing, asking: bool = False) -> str:
    """Return a sentence on the state of the Hub's list."""
    last = "" if now.age is None else f"{_number(len(now.models))} listed {ago(now.age)}"
    if asking:
        return f"Asking the Hub what is new … ({last})" if last else "Asking the Hub what there is …"
    if now.problem is None and now.age is not None:
        return f"The Hub answered {ago(now.age)}: {_number(len(now.models))} there."
    if now.problem is None:
        return (
            "These are the models of this machine and of the shipped list. The Hub is asked when you press the button."
        )
    why = now.problem.partition(" (")[0]
    source = f"from its last answer: {last}" if last else "from this machine alone, as it has never answered here"
    return f"Offline: {why}. What you see is {source}."


def ago(seconds: float) -> str:
    """Format an age in its largest unit, such as "2 hours ago"."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def megabytes(size: int) -> str:
    """Format a number of bytes in MB or kB."""
    if not size:
        return "0 MB"
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _number(models: int) -> str:
    return f"{models:,} model" if models == 1 else f"{models:,} models"


def _location(model: Model) -> Hashable:
    return model.source or (model.repo_id, model.revision)


def _names(model: Model) -> Iterator[str]:
    """Yield candidate names for a model, shortest first, as another model may have that one."""
    yield model.name
    if model.source is not None:
        yield from (f"{model.name} ({number})" for number in range(2, 10_000))
    else:
        yield str(model.repo_id)
        yield f"{model.repo_id}@{str(model.revision)[:7]}"
        yield f"{model.repo_id}@{model.revision}"


def _checked(model: Model) -> Model:
    """Download a model, check its weights against its config, and return it with all that its files say."""
    whole = model if model.source is not None else published(str(model.repo_id), model.revision)
    load(whole)
    cache_usage(whole)
    return whole
