"""`vqzoo evaluate`: measure a model on any images, or again on those of its card."""

from pathlib import Path

import torch

from vqzoo.cli.arguments import Evaluate
from vqzoo.cli.show import bar, print_json, print_table
from vqzoo.hub.card import METRICS, labelled
from vqzoo.hub.registry import find, load
from vqzoo.tokenizer import Tokenizer

try:
    from trainers.data.source import Source
    from trainers.evaluate import is_own_data, reproduce
    from trainers.own.images import dataset_name
    from trainers.tools.measure import measure, write_card
except ModuleNotFoundError as error:
    raise ValueError(f'evaluate needs {error.name}: in the checkout, pip install -e ".[train]"') from None


def run(settings: Evaluate) -> int:
    """Measure a model and return the exit code.

    Raises ValueError if the figures differ from the model's card, or the data set is not available.
    """
    location, _ = find(settings.source)
    folder = Path(location)
    source = Source(settings.data, config=settings.config, column=settings.column, splits=settings.splits)
    if (folder / METRICS).is_file() and not settings.write_card and is_own_data(folder, source):
        return _compare(settings, folder)
    if settings.data is None:
        raise ValueError(f"{settings.source} has no {METRICS} that says what it was measured on; give --data FOLDER")
    if settings.write_card and not folder.is_dir():
        raise ValueError(f"{settings.source} is not in a folder here, into which a card could be written")
    dataset = dataset_name(settings.data)
    with bar(None, enabled=not settings.json) as step:
        step(f"measuring {settings.source}")
        measured = measure(_on_device(load(settings.source)), dataset, source, settings.max_side)
    if settings.json:
        print_json({"model": settings.source, "split": measured.split, **measured.facts, **measured.evaluation.metrics})
    else:
        metrics = measured.evaluation.metrics
        print(f"{settings.source}: {metrics['num_images']:,} images of {dataset}, split {measured.split}")
        print_table(("metric", "value"), labelled(metrics), texts=1)
    if settings.write_card:
        write_card(folder, dataset, measured)
        print(f"card: {folder}")
    return 0


def _compare(settings: Evaluate, folder: Path) -> int:
    with bar(None, enabled=True) as step:
        step(f"measuring {settings.source}")
        try:
            agrees = reproduce(folder, settings.data)
        except KeyError as error:
            raise ValueError(f"{METRICS} of {folder} has no entry {error}") from None
    if not agrees:
        raise ValueError(f"{settings.source} does not measure to what its {METRICS} says")
    return 0


def _on_device(tokenizer: Tokenizer) -> Tokenizer:
    return tokenizer.cuda() if torch.cuda.is_available() else tokenizer
