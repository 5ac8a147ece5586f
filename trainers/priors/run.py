"""A prior from a token set to its card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainers.loop.lock import run_lock
from trainers.priors.data import divide, read_rows, with_weights
from trainers.priors.finish import finish
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import PriorRecipe
from trainers.priors.session import PriorSession
from vqzoo.generation.store import TokenizerId
from vqzoo.generation.table import PRIORS
from vqzoo.ops.check import check_choice
from vqzoo.tokens.token_set import TokenSet


def train_prior(prior: str, recipe: PriorRecipe, options: PriorOptions) -> Path:
    """Train a prior, measure its best checkpoint on the split `options.test`, and write its card folder; return that.

    `prior` is the end of the folder's name if the recipe has none: <tokenizer>-<prior>. Raises ValueError for settings
    or a folder that do not fit, and Stopped, after saving, when a signal ended the run.
    """
    kind = PRIORS[check_choice("prior", str(recipe.prior["name"]), PRIORS)]
    if options.images and not kind.learns_latents:
        raise ValueError(f"--images: {recipe.prior['name']} learns from tokens alone; expected none")
    tokens = TokenSet(options.tokens, order=recipe.order, label=options.label)
    tokenizer = TokenizerId(**{key: tokens.manifest["tokenizer"][key] for key in ("name", "sha256")})
    recipe = replace(recipe, name=recipe.name or f"{Path(tokenizer.name).name}-{prior}")
    with run_lock(options.runs / recipe.name):
        data = divide(recipe, read_rows(tokens, options.images))
        sequences = with_weights(tokens) if kind.learns_latents else tokens.sequences
        session = PriorSession(recipe, options, sequences, data)
        session.progress.print(
            f"{recipe.name}: {sum(map(torch.numel, session.prior.parameters())):,} weights, {len(data.train):,} images "
            f"of {tokens.sequences.indices:,} indices to learn from, {len(data.held_out):,} held out"
        )
        session.fit()
        session.parts.accelerator.end_training()
        if not session.is_main:
            return options.cards / recipe.name
        measured = data.held_out
        if options.test:
            test = TokenSet(options.tokens, options.test, recipe.order, options.label)
            measured = read_rows(test, options.images)
        about: dict[str, Any] = {"split": options.test or "held out of the train split", "num_images": len(measured)}
        if kind.learns_latents:
            about["latents"] = "before quantization" if options.images else "of tokens"
        classes = tuple(tokens.rows.features[options.label].names) if options.label else ()
        target = finish(session, measured, tokenizer, classes, about)
        print(f"finished: {target}")
        return target
