"""What the page of the registry shows: its table, one model's facts and card, the Hub's state, and what is on disk."""

from collections.abc import Iterator
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
"""Where a model can be found -> how the page calls it."""
PATIENCE = 5.0
"""Seconds that a card of the Hub is waited for."""
_BEAT = 0.25  # seconds between two reports of a download


@dataclass(frozen=True)
class Filters:
    """What is looked for; an empty text and None ask for nothing. Of a model what is not known does not match."""

    text: str = ""
    quantizer: str | None = None
    dataset: str | None = None
    max_bits: float | None = None
    max_megabytes: float | None = None
    author: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Loading:
    """A download that is under way: bytes that have come, of how many if that is known."""

    done: int
    total: int | None


@dataclass(frozen=True)
class Shown:
    """One model as the page shows it. model: all that is known of it. card: its README.md, None where there is none.
    note: why there is no more, in a sentence; empty where there is."""

    entry: Entry
    model: Model
    card: str | None = None
    note: str = ""


class Zoo:
    """The registry of all visitors. `hub`: whether the Hub may be asked what there is beyond the shipped snapshot.
    `most`: how many models may be added to those that the app was started with.

    What is on this machine and what the Hub last said is known at once; `look` reads it again, `ask` asks the Hub.
    """

    def __init__(self, engine: Engine, hub: bool, most: int | None = None):
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

    def look(self) -> None:
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
        """Have the Hub's list, in a few seconds at most; `again` does not take a young answer from the disk."""
        if self.hub:
            self.now = listing(fresh=0) if again else listing()
            self._merge()

    def _merge(self) -> None:
        self.entries = {
            entry.model.name: entry for entry in catalog(self._local, self._shipped, self.now, self._cached)
        }

    def entry(self, name: str | None) -> Entry:
        """Of a row's name; ValueError where there is none."""
        if not name:
            raise ValueError("Choose a model first: a row of the table, or a name in the list above it.")
        if damaged := next((each for each in self.damaged if each.name == name), None):
            raise ValueError(f"{name} is damaged and left out: {damaged.why}")
        if name not in self.entries:
            raise ValueError(f"{name[:100]}: no model of this name is listed; clear the filters, or ask the Hub again")
        return self.entries[name]

    # The table.

    def choices(self) -> dict[str, list[str]]:
        """What each filter can be set to, of all entries."""
        entries = self.entries.values()
        return {
            "quantizer": sorted({name for entry in entries for name in quantizer_names(entry.model.config)}),
            "dataset": sorted({name for entry in entries if (name := self._dataset(entry.model))}),
            "author": sorted({entry.model.author for entry in entries if entry.model.author}),
            "origin": [name for key, name in ORIGINS.items() if any(key in places(entry) for entry in entries)],
        }

    def found(self, filters: Filters) -> list[Entry]:
        """The entries that match, by name."""
        words = filters.text.lower().split()
        origin = next((key for key, name in ORIGINS.items() if name == filters.origin), filters.origin)
        return [
            entry
            for entry in self.entries.values()
            if matches(
                entry.model, filters.quantizer, None, filters.max_bits, filters.max_megabytes, filters.author or None
            )
            and (filters.dataset is None or filters.dataset == self._dataset(entry.model))
            and (origin is None or origin in places(entry))
            and all(word in self._words(entry) for word in words)
        ]

    def rows(self, filters: Filters) -> list[list[Any]]:
        """The table's rows, one an entry that matches; None for a number that is not known. Behind them is a row for
        each folder whose files are damaged, of which nobody knows more than where it is."""
        rows = [self._row(entry) for entry in self.found(filters)]
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
            ", ".join(ORIGINS[place] for place in places(entry)),
            *(METRICS[name].rounded(metrics.get(name)) for name in _FIGURES),
            show_images(model.metrics),
            None if model.size is None else float(f"{model.size / 1e6:.2g}"),
            model.author or "",
        ]

    def _dataset(self, model: Model) -> str | None:
        """By vqzoo's name of it, where a model that is known whole tells which that is."""
        said = model.metrics.get("dataset")
        known = (m.metrics for m in (*self._local, *self._shipped))
        return next((each["dataset"] for each in known if said and each.get("hub_id") == said), said)

    def _words(self, entry: Entry) -> str:
        cells = self._row(entry)
        position = entry.model.config.get("position", {}).get("name", "")
        ids = [str(model.repo_id) for model in (entry.model, *entry.others) if model.repo_id]
        return " ".join([*(str(cell) for cell in cells if isinstance(cell, str)), position, *ids]).lower()

    # One model.

    def show(self, name: str) -> Iterator[Shown]:
        """What is known of a model now; then, of one that is not on this machine, what its files say, with its card."""
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
        """The name under which the pages offer a model; None if they do not."""
        offered = self.engine.models.items()
        return next((name for name, each in list(offered) if _place(each) == _place(model)), None)

    def load(self, model: Model) -> Iterator[Loading | str]:
        """Download a model at its commit, check it, and offer it on every page; at last its name there.

        Raises ValueError that says what is wrong with it; then nothing is offered.
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
            self.look()
        yield name

    def load_from(self, text: str, folders: bool) -> Iterator[Loading | str]:
        """The same for "owner/name", "owner/name@revision" or (with `folders`) a folder."""
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
        """What of a model the cache of the Hub holds, in words; empty for nothing."""
        return " and ".join(
            f"{each.repo_id} ({each.commits} {'commit' if each.commits == 1 else 'commits'}, {megabytes(each.size)})"
            for each in entry.cached
        )

    def remove(self, name: str) -> str:
        """Delete what the cache of the Hub holds of a model, and offer it no longer; a sentence with what that freed.

        Folders of models are never touched. Raises ValueError where there is nothing to delete.
        """
        entry = self.entry(name)
        if not entry.cached:
            raise ValueError(f"{name}: the local cache of the Hub holds nothing of it")
        freed = sum(remove(each.repo_id) for each in entry.cached)
        gone = {each.repo_id for each in entry.cached}
        for offered in self.engine.loaded:
            if (model := self.engine.models.get(offered)) and model.source is None and model.repo_id in gone:
                self.engine.withdraw(offered)
        self.look()
        return f"Removed {' and '.join(sorted(gone))} from disk: {megabytes(freed)} freed."

    def disk(self) -> str:
        """How much room models take, in words."""
        folder = cards_folder()
        said = f"{folder.name}: {len(self._local)} models, {megabytes(size_of_folder(folder))}"
        number = len(self._cached)
        size = sum(each.size for each in self._cached)
        return f"{said} · downloaded from the Hub: {number} {'model' if number == 1 else 'models'}, {megabytes(size)}"


def places(entry: Entry) -> list[str]:
    """Keys of ORIGINS: the nearest place first."""
    origins = [entry.model.origin, *(other.origin for other in entry.others)]
    return list(dict.fromkeys([*origins, *(["cache"] if entry.cached else [])]))


def hub_line(now: Listing, asking: bool = False) -> str:
    """The Hub's state, in a sentence."""
    last = "" if now.age is None else f"{_number(len(now.models))} listed {ago(now.age)}"
    if asking:
        return f"Asking the Hub what is new … ({last})" if last else "Asking the Hub what there is …"
    if now.problem is None and now.age is not None:
        return f"The Hub answered {ago(now.age)}: {_number(len(now.models))} there."
    why = (now.problem or "the Hub was not asked yet").partition(" (")[0]
    kept_here = f"from its last answer: {last}" if last else "from this machine alone, as it has never answered here"
    return f"Offline: {why}. What you see is {kept_here}."


def ago(seconds: float) -> str:
    """How long ago, in the largest unit that is reached."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def megabytes(size: int) -> str:
    """Bytes in words."""
    if not size:
        return "0 MB"
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _number(models: int) -> str:
    return f"{models:,} model" if models == 1 else f"{models:,} models"


def _place(model: Model) -> tuple[Any, ...]:
    return (model.source,) if model.source is not None else (model.repo_id, model.revision)


def _names(model: Model) -> Iterator[str]:
    """Names for a model, the shortest first, as others may have that."""
    yield model.name
    if model.source is not None:
        yield from (f"{model.name} ({number})" for number in range(2, 10_000))
    else:
        yield str(model.repo_id)
        yield f"{model.repo_id}@{str(model.revision)[:7]}"
        yield f"{model.repo_id}@{model.revision}"


def _checked(model: Model) -> Model:
    """The same with all that its files say, once its weights are here and have been checked against its config."""
    whole = model if model.source is not None else published(str(model.repo_id), model.revision)
    load(whole)
    cache_usage(whole)
    return whole
