"""Evaluate a finished run by both protocols, as the tables of the studies need it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainers.loop.best import load_best
from trainers.recipes.recipe import Recipe
from vqzoo.analysis.encoded_image import sharing
from vqzoo.analysis.log import columns, read
from vqzoo.analysis.measurements import Measurements, batches
from vqzoo.analysis.usage import add_counts, count, usage_metrics
from vqzoo.files.storage import write_json
from vqzoo.metrics import PROTOCOL
from vqzoo.metrics.cvq_jpeg import CVQ_JPEG, CvqJpeg
from vqzoo.metrics.fid import extractors
from vqzoo.metrics.perceptual import perceptual
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer

MEASURED = "measured.json"
"""File in the run folder: {"facts", "lossless", "cvq-jpeg", "use", "curves"}."""
LOSS_BATCH = 64
"""Batch size of `reconstruction_loss`, as in the adaptive study."""


def measure_run(recipe: Recipe, run: Path, test: Tensor, facts: dict[str, Any]) -> None:
    """Evaluate the best checkpoint on the test split, in float32, and write the metrics to the run folder."""
    best = load_best(recipe, run, test.device)
    all_facts = {**facts, "torch": torch.__version__.split("+")[0], "best_step": best.step}
    record = {"facts": all_facts, **measure(best.tokenizer, test), "curves": run_curves(run / "metrics.jsonl")}
    write_json(run / MEASURED, record, indent=None)


@torch.inference_mode()
def measure(tokenizer: Tokenizer, images: Tensor) -> dict[str, Any]:
    """Return {"lossless": metrics, "cvq-jpeg": metrics, "use": `use_of`} of uint8 images (n, c, h, w), in one pass.

    lossless also has reconstruction_loss: the sum over batches of 64 consecutive images of the mean squared error of
    the network's output, which is not rounded, on [0, 1].
    """
    device = images.device
    network = perceptual("squeeze")
    inception = [each for each in extractors() if each.metric == "rfid"]  # of others no table reports a distance
    lossless, jpeg = Measurements(device, network, inception), CvqJpeg(network, *inception)
    errors: list[Tensor] = []
    counts: list[Tensor] | None = None
    for batch in batches(images):
        originals = from_bytes(batch)
        out = tokenizer(originals)
        lossless.add(to_bytes(out.images), batch, tokenizer.bits(out.tokens))
        jpeg.add(out.images, batch)
        errors.append(((out.images.float() - originals) / 2).square().mean((1, 2, 3)).cpu())
        counts = add_counts(counts, count(tokenizer, out.tokens))
    usage = usage_metrics(tokenizer, counts)
    loss = sum(part.mean().item() for part in torch.cat(errors).double().split(LOSS_BATCH))
    return {
        PROTOCOL: lossless.metrics() | usage | {"reconstruction_loss": loss},
        CVQ_JPEG: jpeg.metrics(),
        "use": use_of(tokenizer, counts),
    }


def use_of(tokenizer: Tokenizer, counts: list[Tensor] | None) -> dict[str, Any]:
    """Return how the columns of indices use a codebook that they share: usage of each column, and `sharing`.

    Empty for a model without such a codebook.
    """
    if counts is None or len(tokenizer.quantizers) > 1:
        return {}
    owner = tokenizer.quantizers[0].codebook_of
    if len(owner) < 2 or len(set(owner)) > 1:
        return {}
    columns = [column.cpu().numpy() for column in counts]
    (curve,) = sharing(columns, owner)
    return {
        "segments": [round(float((column > 0).mean()), 3) for column in columns],
        "sharing": [round(share, 3) for share in curve],
    }


def run_curves(path: Path) -> dict[str, list[float | None]]:
    """Return the curves that the studies plot, with a value for each held-out evaluation.

    step; loss: held-out error; gap: gradient gap; quantization: held-out commitment; usage, and "selection/K x d": the
    share of choices, both of the steps before.
    """
    train, held_out = columns(read(path))
    keys = {"step": "step", "loss": "loss", "gap": "gradient_gap", "quantization": "commitment"}
    curves = {name: held_out[key] for name, key in keys.items() if key in held_out}
    selections = [name for name in train if name.startswith("selection/")]
    rows = {step: row for row, step in enumerate(train["step"])}
    for name in ("usage", *selections):
        if name in train:
            curves[name] = [train[name][rows[step]] if step in rows else None for step in held_out["step"]]
    return {name: [_short(value) for value in values] for name, values in curves.items()}


def _short(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.3g}")
