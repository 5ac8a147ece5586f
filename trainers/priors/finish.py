"""Turn a finished run of a prior into a folder of model_cards/."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainers.loop.finish import put_folder
from trainers.priors.data import Rows
from trainers.priors.session import PriorSession
from trainers.priors.step import held_out
from vqzoo.analysis.log import curves
from vqzoo.files.remote import CARD
from vqzoo.files.storage import WEIGHTS, write_json
from vqzoo.files.weights import load_weights
from vqzoo.generation.card import PRIOR, prior_card
from vqzoo.generation.prior import Prior
from vqzoo.generation.store import TokenizerId, save_prior

_LADDER = {torch.int8: 1.002, torch.float16: 1.002, torch.float32: math.inf}
"""Types to store matrices in, smallest first, with the factor by which each may raise the prior's measure."""


def finish(
    session: PriorSession, measured: Rows, tokenizer: TokenizerId, classes: tuple[str, ...], about: dict[str, Any]
) -> Path:
    """Measure the best checkpoint on some images, write its card folder, and return the folder.

    Weights are stored in the smallest type that raises the prior's measure by at most 0.2 %; `about` is added to the
    measurements. The folder replaces an older one of the same name.
    """
    best_step = session.load_best()
    recipe, prior = session.recipe, session.prior
    exact = held_out(prior, measured).mean().item()
    folder = session.folder / "card"
    folder.mkdir(exist_ok=True)
    for dtype, factor in _LADDER.items():
        save_prior(prior, folder, tokenizer, classes, dtype)
        load_weights(prior, folder / WEIGHTS)
        values = held_out(prior, measured)
        if values.mean().item() <= factor * exact:
            break
        session.load_best()
    record = {
        "name": recipe.name,
        "tokenizer": asdict(tokenizer),
        **about,
        **_figures(prior, values),
        "weights": sum(map(torch.numel, prior.parameters())),
        "stored_as": str(dtype).removeprefix("torch."),
        "training": {
            "images": recipe.images,
            "steps": recipe.steps,
            "best_step": best_step,
            "best_held_out": session.best,
            "seconds": round(session.seconds, 1),
            "device": torch.cuda.get_device_name() if prior.device.type == "cuda" else "CPU",
            "processes": session.parts.accelerator.num_processes,
            "torch": torch.__version__.split("+")[0],
            "recipe": recipe.to_dict(),
        },
        "curves": curves(session.folder / "metrics.jsonl"),
    }
    write_json(folder / PRIOR, record)
    (folder / CARD).write_text(prior_card(record), encoding="utf-8")
    target = session.options.cards / recipe.name
    put_folder(folder, target)
    return target


def _figures(prior: Prior, values: Tensor) -> dict[str, Any]:
    mean = values.mean().item()
    figures = {"measure": prior.measure, "standard_error": values.std().item() / len(values) ** 0.5}
    if prior.measure == "flow-matching loss":
        return {**figures, "flow_matching_loss": mean}
    height, width = prior.sequences.size
    bits = {"bits_per_image": mean, "bits_per_pixel": mean / (height * width)}
    return {**figures, **bits, "uniform_bits": prior.sequences.uniform_bits}
