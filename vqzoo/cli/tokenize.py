"""`vqzoo tokenize`: write a whole data set as tokens."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vqzoo.cli.arguments import Tokenize, UsageError
from vqzoo.cli.show import print_json
from vqzoo.hub.registry import find, load
from vqzoo.ops.check import check_int
from vqzoo.ops.device import check_device

try:
    from trainers.data.rows import ImageRows
    from trainers.data.source import Source as DataSource
    from vqzoo.tokens.manifest import MANIFEST, Source, manifest_of
    from vqzoo.tokens.progress import Progress
    from vqzoo.tokens.run import Worker, begin, finish, tokenize, unfinished
    from vqzoo.tokens.shard import Encoder
    from vqzoo.tokens.store import Store
except ModuleNotFoundError as error:
    raise ValueError(f'tokenize needs {error.name}: in the checkout, pip install -e ".[tokens]"') from None


def run(settings: Tokenize) -> int:
    """Tokenize this worker's part of a data set; raise ValueError for what cannot be read or does not fit."""
    if settings.engine == "ray" and settings.shard:
        raise UsageError("--shard is for workers that are started one by one; --engine ray divides the work itself")
    if Path(settings.data).exists():
        settings = replace(settings, data=str(Path(settings.data).resolve()))
    if "://" not in settings.out:
        settings = replace(settings, out=str(Path(settings.out).resolve()))
    encoder, store = open_job(settings)
    location, revision = find(settings.model)
    source = Source.of(settings.model, location, revision)
    manifest = manifest_of(encoder.tokenizer, source, encoder.pictures, settings.batch_size)
    begin(store, manifest)
    units = encoder.pictures.units
    worker = Worker.parse(settings.shard) if settings.shard else Worker.of_environment()
    if settings.engine == "ray":
        from vqzoo.tokens.ray_engine import tokenize_on_ray

        gpus = int(encoder.tokenizer.device.type == "cuda")
        with Progress(units, unfinished(store, units), settings.json) as progress:
            tokenize_on_ray(partial(open_job, settings), store, units, settings.actors, gpus, progress)
    else:
        mine = worker.share(units)
        with Progress(mine, unfinished(store, mine), settings.json) as progress:
            tokenize(encoder, store, mine, progress)
    whole = finish(store, manifest, units)
    if whole is not None and whole["bits_per_image"] is None:
        raise ValueError(f"{settings.data}: none of the images can be read; {MANIFEST} of {store.url} has reasons")
    _print(settings, store, whole, worker)
    return 0


def open_job(settings: Tokenize) -> tuple[Encoder, Store]:
    """Return the encoder of a command line on its device, and the folder that it writes."""
    check_int("batch-size", settings.batch_size, 1, 2**16)
    check_int("images-per-file", settings.images_per_file, 1, 2**24)
    tokenizer = load(settings.model).to(_device(settings.device))
    side = tokenizer.resolution if settings.side is None else check_int("side", settings.side, 0, 2**14)
    local = Path(settings.data).exists()
    pictures = ImageRows(
        Path(settings.data).name if local else settings.data,
        DataSource(
            settings.data if local else None, config=settings.config, column=settings.column, splits=settings.splits
        ),
        side,
        tokenizer.autoencoder.channels,
        settings.fit,
        tuple(view.strip() for view in settings.views.split(",")),
        settings.stream,
        settings.images_per_file,
        settings.seed,
    )
    return Encoder(tokenizer, pictures, settings.batch_size), Store(settings.out)


def _device(name: str) -> torch.device:
    if name or not torch.cuda.is_available():
        return check_device(name or "cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _print(settings: Tokenize, store: Store, whole: dict[str, Any] | None, worker: Worker) -> None:
    if settings.json:
        print_json({"folder": store.url, "finished": whole is not None, **(whole or {})})
        return
    if whole is None:
        print(f"{store.url}: the part of worker {worker.number} of {worker.of} is there; other parts are missing")
        return
    for split, counts in whole["counts"].items():
        print(f"{split}: {counts['rows']:,} rows of {counts['images']:,} images, {counts['broken']:,} cannot be read")
    print(f"tokens: {store.url}")
