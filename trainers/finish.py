"""From a finished run to a folder of model_cards/, laid out as the Hub repository it will be."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from trainers import checkpoint
from trainers.data import HUB_IDS
from trainers.log import read
from trainers.recipe import Recipe
from trainers.recipes import full_budget
from vqzoo.analysis.evaluation import Evaluation, evaluate
from vqzoo.hub.card import CARD, METRICS, USAGE, model_card
from vqzoo.metrics import perceptual
from vqzoo.storage import read_json, write_json
from vqzoo.tokenizer import Tokenizer

_HALF_TOLERANCE = 0.01  # dB that storing matrices as float16 may cost


def finish(recipe: Recipe, run: Path, cards: Path, test: Tensor, facts: dict[str, Any]) -> Path:
    """Evaluate the best checkpoint on the test split and write its card folder; returns where it is.

    Weights are stored as float16 where the PSNR of the stored ones stays within 0.01 dB; the metrics are always those
    of the stored weights. A card that was trained on more images is not replaced: the new one stays in the run folder.
    """
    best = checkpoint.read(run / "best.pt")
    tokenizer = recipe.build().to(test.device)
    tokenizer.load_state_dict(best["model"])
    folder = run / "card"
    folder.mkdir(exist_ok=True)
    full = evaluate(tokenizer.eval(), test)
    stored = store(tokenizer, folder, torch.float16, test)
    dtype = "float16"
    if abs(stored.metrics["psnr"] - full.metrics["psnr"]) > _HALF_TOLERANCE:
        stored, dtype = store(tokenizer, folder, torch.float32, test), "float32"

    record = {
        "name": recipe.name,
        "dataset": recipe.dataset,
        "hub_id": HUB_IDS.get(recipe.dataset, recipe.dataset),
        "split": "test",
        "metrics": stored.metrics,
        "stored_as": dtype,
        "training": {
            "images": recipe.images,
            "full_budget_images": full_budget(recipe.name),
            "steps": recipe.steps,
            "best_step": best["step"],
            "best_held_out": best["loss"],
            **facts,
            "torch": torch.__version__.split("+")[0],
            "recipe": recipe.to_dict(),
        },
        "curve": [[row["step"], row["held_out"]] for row in read(run / "metrics.jsonl") if "held_out" in row],
    }
    write_json(folder / METRICS, record)
    counts = stored.counts.tolist() if stored.counts is not None else None
    write_json(folder / USAGE, {"split": "test", "counts": counts}, indent=None)
    (folder / CARD).write_text(model_card(record, tokenizer.config), encoding="utf-8")
    return _put(folder, cards / recipe.name, recipe.images)


def store(tokenizer: Tokenizer, folder: Path, dtype: torch.dtype, test: Tensor) -> Evaluation:
    """Save with matrices as `dtype`, load that again, and measure what was loaded."""
    tokenizer.save(folder, dtype)
    return evaluate(Tokenizer.from_pretrained(folder).to(test.device), test, perceptual("squeeze"))


def _put(folder: Path, target: Path, images: int) -> Path:
    """Copy `folder` to `target`, which is a whole card at any moment but that of two renames."""
    if (target / METRICS).exists():
        before = read_json(target / METRICS)["training"]["images"]
        if before > images:
            print(f"kept {target}: it was trained on {before} images, this run on {images}")
            return folder
    # One level deeper than the registry looks, so that it never lists half a card.
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=".partial-") as aside:
        fresh, old = Path(aside, "fresh"), Path(aside, "old")
        shutil.copytree(folder, fresh)
        if target.exists():
            os.replace(target, old)
        os.replace(fresh, target)
    return target
