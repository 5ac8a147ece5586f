"""Evaluate image codecs at the mean bits of models: `python -m trainers.tools.measure_codecs MODEL ...`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import PIL
import torch
import tyro

from trainers.errors import fail
from trainers.evaluate import images_of
from vqzoo.analysis.codecs import evaluate_codec
from vqzoo.analysis.formats import CODECS, available
from vqzoo.analysis.measured_codecs import MEASURED
from vqzoo.files.storage import read_json
from vqzoo.hub.card import METRICS
from vqzoo.hub.registry import cards_folder
from vqzoo.metrics.fid import extractors
from vqzoo.metrics.perceptual import perceptual
from vqzoo.ops.check import check_choice


def measure(model: str, codec: str, data: str | None = None) -> dict[str, Any]:
    """Evaluate a codec on the images of a model's card, at the model's mean bits; return a row of codecs.json."""
    names = sorted(path.parent.name for path in cards_folder().glob(f"*/{METRICS}"))
    record = read_json(cards_folder() / check_choice("model", model, names) / METRICS)
    recipe = record["training"]["recipe"]
    images = images_of(record, recipe["channels"], data)
    bits = record["metrics"]["bits_per_image"]
    if torch.cuda.is_available():
        images = images.cuda()
    return {
        "codec": codec,
        "dataset": record["dataset"],
        "split": record["split"],
        "resolution": recipe["resolution"],
        "bits": round(bits),
        "model": model,
        "variants": CODECS[codec].variants,
        "pillow": PIL.__version__,
        "metrics": evaluate_codec(codec, images, bits, perceptual("squeeze"), extractors()),
    }


def merge(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a file of rows; it replaces the row of the same codec, images and bits."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    rows = [each for each in rows if _key(each) != _key(row)] + [row]
    path.write_text(json.dumps(sorted(rows, key=_key), indent=1) + "\n", encoding="utf-8")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["dataset"], row["resolution"], row["bits"], [*CODECS].index(row["codec"])


def main(
    models: Annotated[list[str], tyro.conf.Positional],
    codecs: tuple[str, ...] = tuple(CODECS),
    out: Path = MEASURED,
    data: str | None = None,
) -> int:
    """Evaluate image codecs at the mean bits of models, on the images of the models' cards.

    Args:
        models: names in model_cards/.
        codecs: the codecs to evaluate.
        out: the file of results, which gets a row for each model and codec; docs/draw.py plots them.
        data: local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub.
    """
    try:
        for codec in codecs:
            check_choice("codec", codec, available())
            for model in models:
                row = measure(model, codec, data)
                merge(out, row)
                metrics = row["metrics"]
                print(
                    f"{codec} at the {row['bits']:,} bits of {model}: {metrics['bits_per_image']:,.0f} bits, "
                    f"{metrics['psnr']:.2f} dB, {metrics['met']:.0%} of the images at so few"
                )
    except (ValueError, OSError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
