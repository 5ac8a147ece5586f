"""Evaluate a model anew and compare with its metrics.json: `python -m trainers.evaluate model_cards/NAME`."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from trainers.data.memory import load_images
from trainers.data.sets import open_splits
from trainers.data.source import Source
from vqzoo.analysis.evaluation import evaluate
from vqzoo.files.storage import read_json
from vqzoo.hub.card import METRICS as RECORD
from vqzoo.metrics.fid import extractors
from vqzoo.metrics.perceptual import perceptual
from vqzoo.metrics.table import METRICS, present, show
from vqzoo.tokenizer import Tokenizer


def reproduce(folder: Path, data: str | None = None) -> bool:
    """Print each metric recorded and measured, and whether all agree within the table's tolerances.

    Convolutions round differently from machine to machine, and a latent halfway between two codevectors then changes
    sides.

    A metric that cannot be computed here (LPIPS without its weights), or was not when the card was written, is named
    and not compared.
    """
    tokenizer = Tokenizer.from_pretrained(folder)
    if torch.cuda.is_available():
        tokenizer.cuda()
    record = read_json(folder / RECORD)
    images = images_of(record, tokenizer.autoencoder.channels, data)
    measured = evaluate(tokenizer, images, perceptual("squeeze"), extractors()).metrics
    agree = True
    print(f"{record['name']}: {len(images)} images of {record['dataset']} {record['split']}")
    for metric in present(measured | record["metrics"]):
        before, now = record["metrics"].get(metric), measured.get(metric)
        if before is None or now is None:
            verdict = "same" if before is now else "not compared"
        else:
            allowed = METRICS[metric].allowed(before)
            verdict = "same" if abs(before - now) <= allowed else f"DIFFERS by more than {allowed:.3g}"
        agree &= not verdict.startswith("DIFFERS")
        print(f"  {metric:16} recorded {show(metric, before):>14}  measured {show(metric, now):>14}  {verdict}")
    return agree


def images_of(record: Mapping[str, Any], channels: int, data: str | None = None) -> Tensor:
    """Load the images that a card was measured on; `record` is its metrics.json.

    Raises ValueError if the data set has another number of images here.
    """
    recipe = record["training"]["recipe"]  # not the tokenizer's resolution, which is that of its training crops
    fit = recipe.get("fit", "crop")
    images = load_images(record["dataset"], record["split"], recipe["resolution"], channels, data, fit=fit)
    if len(images) != record["metrics"]["num_images"]:
        raise ValueError(
            f"{record['dataset']} {record['split']} has {len(images)} images here; the card was measured on "
            f"{record['metrics']['num_images']}"
        )
    return images


def is_own_data(folder: Path, source: Source) -> bool:
    """Return whether a data set is the one that a card was measured on, judged by the number of images.

    A `source` without data is the data set that the card names.
    """
    record = read_json(folder / RECORD)
    if source.data is None:
        return True
    if "training" not in record:
        return False
    with suppress(ValueError):
        rows = open_splits(record["dataset"], [record["split"]], source)[record["split"]]
        return bool(len(rows) == record["metrics"]["num_images"])
    return False


def main(folder: Annotated[Path, tyro.conf.Positional], data: str | None = None) -> int:
    """Evaluate a model anew and compare with its metrics.json.

    Args:
        folder: a folder of model_cards/.
        data: local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub.
    """
    try:
        return 0 if reproduce(folder, data) else 1
    except KeyError as error:
        print(f"error: {RECORD} of {folder} has no entry {error}", file=sys.stderr)
    except (ValueError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
