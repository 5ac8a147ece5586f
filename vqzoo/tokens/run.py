"""Tokenize a data set into a folder: what is finished is skipped, and any number of workers take part."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vqzoo.tokens.manifest import MANIFEST, check_same, write_manifest
from vqzoo.tokens.picture import Unit
from vqzoo.tokens.progress import Progress
from vqzoo.tokens.shard import Encoder, Footer, read_footer
from vqzoo.tokens.store import Store

_NAMED = 100
"""Broken pictures that the manifest names; the footers of the shards name all of them."""
_WORKERS = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
    ("RANK", "WORLD_SIZE", ""),  # accelerate and torchrun
    ("SLURM_PROCID", "SLURM_NTASKS", ""),
)


@dataclass(frozen=True)
class Worker:
    """One of several workers that share the units of a data set."""

    number: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Worker":
        """Return the worker that "i/N" names, i from 0."""
        number, slash, of = text.partition("/")
        if not slash or not all(part.isascii() and part.isdigit() for part in (number, of)) or int(number) >= int(of):
            raise ValueError(f"shard={text!r}: expected i/N, with i from 0 to N - 1")
        return cls(int(number), int(of))

    @classmethod
    def of_environment(cls, variables: Mapping[str, str] = os.environ) -> "Worker":
        """Return the worker that Slurm, accelerate or torchrun says this process is; without them the only one."""
        for number, of, first in _WORKERS:
            if number in variables and of in variables:
                return cls(int(variables[number]) - int(variables.get(first, "0")), int(variables[of]))
        return cls()

    def share(self, units: list[Unit]) -> list[Unit]:
        """Return the units of this worker: consecutive ones, so that files are read from one end to the other."""
        start, end = (len(units) * number // self.of for number in (self.number, self.number + 1))
        return units[start:end]


def unfinished(store: Store, units: list[Unit]) -> list[Unit]:
    """Return the units without a shard."""
    existing = store.names("data")
    return [unit for unit in units if unit.file not in existing]


def write_shard(
    encoder: Encoder, store: Store, unit: Unit, advance: Callable[[int], object] = lambda images: None
) -> Footer:
    """Tokenize one unit into its shard; `advance` is called with the number of images as they are read."""
    content, footer = encoder.shard(unit, advance)
    store.write(unit.file, content)
    return footer


def begin(store: Store, manifest: dict[str, Any]) -> None:
    """Write the manifest, or check that the one that is there is the same; ValueError if it is not."""
    check_same(store, manifest)
    if not store.has(MANIFEST):
        write_manifest(store, manifest)


def tokenize(encoder: Encoder, store: Store, units: list[Unit], progress: Progress) -> None:
    """Write the shards of units that are not there."""
    for unit in unfinished(store, units):
        progress.finished(unit, write_shard(encoder, store, unit, progress.advance))


def finish(store: Store, manifest: dict[str, Any], units: list[Unit]) -> dict[str, Any] | None:
    """Add the counts to the manifest once all shards are there and return it; None while some are missing."""
    if unfinished(store, units):
        return None
    counts: dict[str, dict[str, int]] = {}
    broken: list[dict[str, str]] = []
    bits = 0.0
    for unit, footer in _footers(store, units):
        count = counts.setdefault(unit.split, {"images": 0, "rows": 0, "broken": 0})
        for name, number in (("images", footer.images), ("rows", footer.rows), ("broken", len(footer.broken))):
            count[name] += number
        broken += [{"split": unit.split, "key": key, "reason": reason} for key, reason in footer.broken]
        bits += footer.bits
    rows = sum(count["rows"] for count in counts.values())
    whole = {**manifest, "counts": counts, "bits_per_image": bits / rows if rows else None, "broken": broken[:_NAMED]}
    write_manifest(store, whole)
    store.tidy()
    return whole


def _footers(store: Store, units: list[Unit]) -> Iterator[tuple[Unit, Footer]]:
    for unit in units:
        with store.open(unit.file) as file:
            yield unit, read_footer(file)
