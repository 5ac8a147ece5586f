"""Load a run's checkpoint to resume it, or the weights of another model to start from."""

from pathlib import Path
from typing import Any

import vqzoo
from trainers.loop import checkpoint
from trainers.recipes.recipe import Recipe
from vqzoo.files.storage import read_json
from vqzoo.quantizers.codebook import named_codebooks
from vqzoo.tokenizer import Tokenizer

_MAY_CHANGE = {"steps", "evaluate_every", "learning_rate", "warmup"}


def find_checkpoint(recipe: Recipe, run: Path, resume: bool) -> dict[str, Any] | None:
    """Load the newest checkpoint of the run folder; None for a new run.

    Raises ValueError where a new run would overwrite checkpoints, and where the recipe of a resumed run has changed in
    more than its length and learning rate.
    """
    saved = checkpoint.read_latest(run / "checkpoints")
    if saved is None:
        return None
    if not resume:
        raise ValueError(
            f"{run} holds a run at step {saved['step']}: go on with --resume, or start afresh after deleting it or "
            "with another --runs FOLDER"
        )
    before = Recipe.from_dict(read_json(run / "recipe.json")).to_dict()
    for key, value in recipe.to_dict().items():
        if key not in _MAY_CHANGE and before[key] != value:
            raise ValueError(
                f"--resume: {key} is {value!r} now and was {before[key]!r} when {run} was started; going on, only "
                f"these may change: {', '.join(sorted(_MAY_CHANGE))}"
            )
    if saved["step"] > recipe.steps:
        raise ValueError(f"steps={recipe.steps}: the checkpoint to go on from is already at step {saved['step']}")
    return saved


def load_matching_weights(source: str, tokenizer: Tokenizer, cards: Path) -> str:
    """Copy every weight of another model that has the same key and shape; return a sentence on what was copied.

    `source` is the name of a folder in `cards`, or anything that `vqzoo.load` takes. A copied codebook is no longer
    started from data. Raises ValueError where the source cannot be loaded, or most of its autoencoder does not fit.
    """
    given = vqzoo.load(str(cards / source) if (cards / source).is_dir() else source).state_dict()
    own = tokenizer.state_dict()
    fitting = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
    codebooks = named_codebooks(tokenizer)
    for name in codebooks:
        if f"{name}.weight" not in fitting:  # then its counts and whether it has started are not its own either
            fitting = {key: value for key, value in fitting.items() if not key.startswith(f"{name}.")}
    network = [key for key in own if key.startswith("autoencoder.")]
    taken = sum(key in fitting for key in network)
    if 2 * taken < len(network):
        raise ValueError(
            f"start_from={source!r}: {taken} of the {len(network)} tensors of the autoencoder fit; expected a model of "
            f"the same autoencoder, as --like {source} makes one"
        )
    tokenizer.load_state_dict(own | fitting)
    for name, codebook in codebooks.items():
        if codebook.waits and f"{name}.weight" in fitting:
            codebook.started.fill_(True)
    fresh = [name for name, _ in tokenizer.named_parameters() if name not in fitting]
    message = f"start_from {source}: {len(fitting)} of {len(own)} tensors taken"
    return f"{message}; fresh are {', '.join(fresh[:8])}{', ...' if len(fresh) > 8 else ''}" if fresh else message
