"""Going on with a run, or starting one, without mixing two."""

from pathlib import Path
from typing import Any

from trainers import checkpoint
from trainers.recipe import Recipe
from vqzoo.storage import read_json

_MAY_CHANGE = {"steps", "evaluate_every", "learning_rate", "warmup"}


def find_checkpoint(recipe: Recipe, run: Path, resume: bool) -> dict[str, Any] | None:
    """The newest checkpoint of the run folder, or None to start afresh.

    Raises ValueError where a fresh run would overwrite checkpoints, and where the recipe to go on with has changed in
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
    before = read_json(run / "recipe.json")
    for key, value in recipe.to_dict().items():
        if key not in _MAY_CHANGE and before.get(key) != value:
            raise ValueError(
                f"--resume: {key} is {value!r} now and was {before.get(key)!r} when {run} was started; going on, only "
                f"these may change: {', '.join(sorted(_MAY_CHANGE))}"
            )
    if saved["step"] > recipe.steps:
        raise ValueError(f"steps={recipe.steps}: the checkpoint to go on from is already at step {saved['step']}")
    return saved
