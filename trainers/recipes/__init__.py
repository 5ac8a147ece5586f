"""The table of recipes, which are functions that return a `Recipe`, one module for each study."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from trainers.recipes import adaptive, cifar10, flowers, looc, residual
from trainers.recipes.recipe import Recipe
from vqzoo.ops.check import check_choice

RECIPES: dict[str, Callable[[], Recipe]] = {
    "cifar10-vq-1024x128": cifar10.vq,
    "cifar10-looc-256x4": cifar10.looc,
    "cifar10-cvq-1024x128": cifar10.cvq,
    "cifar10-ema-1024x128": cifar10.ema,
    "cifar10-rvq-8x256": cifar10.rvq,
    "cifar10-none-128": cifar10.none,
    "cifar10-looc-32x4": cifar10.looc_32,
    "cifar10-looc-256x4-factor2": cifar10.looc_factor2,
    "cifar10-cvq-1024x128-sinusoidal": cifar10.cvq_sinusoidal,
    "cifar10-cvq-1024x128-learned": cifar10.cvq_learned,
    "cifar10-fsq-8-5-5-5": cifar10.fsq,
    "cifar10-simvq-1024x128": cifar10.simvq,
    "cifar10-pq-8x256": cifar10.pq,
    "cifar10-rq-8x256": cifar10.rq,
    "cifar10-factorized-1024x32": cifar10.factorized,
    "cifar10-vq-1024x128-rotation": cifar10.rotation,
    "cifar10-sq-1024x128": cifar10.sq,
    "cifar10-bsq-10": cifar10.bsq,
    "cifar10-lfq-10": cifar10.lfq,
    "cifar10-ibq-1024x128": cifar10.ibq,
    "cifar10-gumbel-1024x128": cifar10.gumbel,
    "cifar10-multiscale-1024x128": cifar10.multiscale,
    "cifar10-hvq-1024x128": cifar10.hvq,
    "cifar10-adaptive-65536": cifar10.adaptive,
    "flowers-none-256": flowers.none,
    "flowers-vqgan-1024x256": flowers.vqgan,
    "flowers-vqgan-1024x256-sinusoidal": flowers.sinusoidal,
    "flowers-vqgan-8192x256": partial(flowers.vqgan, 8192),
    "flowers-vqgan-8192x256-sinusoidal": flowers.size_8192_sinusoidal,
    "flowers-looc-256x4": flowers.looc,
    "flowers-none-256-sinusoidal": flowers.none_sinusoidal,
    "flowers-looc-256x4-sinusoidal": flowers.looc_sinusoidal,
    "flowers-vqgan-1024x256-learned": flowers.learned,
    "flowers-movq-1024x64": flowers.movq,
    "flowers-rq-4x2048": flowers.rq,
    "flowers-vit-8192x32": flowers.vit,
    "flowers-seqgan-1024x256": flowers.seqgan,
    "flowers-vqvae2-512x64": flowers.hierarchical,
    "flowers-vqgan-1024x256-study-code": flowers.study_code,
    "flowers-vqgan-512x256": partial(flowers.vqgan, 512),
    "flowers-vqgan-2048x256": partial(flowers.vqgan, 2048),
    "flowers-vqgan-4096x256": partial(flowers.vqgan, 4096),
    "flowers-vqgan-1024x64": partial(flowers.vqgan, 1024, 64),
    "flowers-vqgan-1024x128": partial(flowers.vqgan, 1024, 128),
    "flowers-vqgan-1024x512": partial(flowers.vqgan, 1024, 512),
    "flowers-vqgan-8192x64": partial(flowers.vqgan, 8192, 64),
    "flowers-vqgan-8192x128": partial(flowers.vqgan, 8192, 128),
    "flowers-vqgan-8192x512": partial(flowers.vqgan, 8192, 512),
    "flowers-vqgan-8192x256-185-images": flowers.images_185,
    "flowers-vqgan-8192x256-65-images": flowers.images_65,
    "flowers-vqgan-8192x256-sinusoidal-185-images": flowers.size_8192_sinusoidal_185,
    "flowers-vqgan-1024x256-deep": flowers.deep,
    "flowers-vqgan-1024x256-sinusoidal-both": flowers.sinusoidal_both,
    "flowers-vqgan-1024x256-nerf": flowers.nerf,
}
for _dataset in ("mnist", "fashion_mnist"):
    for _of_zoo in (cifar10.vq, cifar10.ema, cifar10.rvq, cifar10.looc, cifar10.fsq):
        _small = cifar10.on(_dataset, _of_zoo())
        RECIPES[_small.name] = partial(replace, _small)
for _row in (*looc.recipes(), *adaptive.recipes(), *residual.recipes()):
    RECIPES.setdefault(_row.name, partial(replace, _row))
"""Name -> function that returns the recipe, in the order in which `trainers.pending` lists them."""


def get_recipe(name: str) -> Recipe:
    """Return the recipe of this name; ValueError with the nearest names for an unknown one."""
    recipe = RECIPES[check_choice("recipe", name, RECIPES)]()
    assert recipe.name == name
    return recipe


def full_budget(recipe: Recipe) -> int:
    """Return the number of images in the full training of a recipe's entry in the table; 0 if it has none.

    Overrides of a run do not count. A name that continues another recipe's after a dash, as names of sweeps do, has
    that recipe's entry if their data set is the same.
    """
    parent = _parent(recipe)
    return parent.images if parent else 0


def full_command(recipe: Recipe) -> str | None:
    """Return the command that trains a recipe at full length, with its overrides; None if not in the table."""
    parent = _parent(recipe)
    if parent is None:
        return None
    words = ["accelerate launch trainers/train.py", parent.name]
    if parent.name != recipe.name:
        before, now = _flags(parent.to_dict()), _flags(recipe.to_dict())
        words += [f"{flag} {now[flag]}" for flag in now if now[flag] != before.get(flag) and flag not in _LENGTH]
    return " ".join(words)


_LENGTH = {"--steps", "--evaluate-every"}


def _parent(recipe: Recipe) -> Recipe | None:
    """Return the recipe of the table with this name, or with the longest name that this one continues."""
    parents = [known for known in RECIPES if f"{recipe.name}-".startswith(f"{known}-")]
    parent = RECIPES[max(parents, key=len)]() if parents else None
    return parent if parent and parent.dataset == recipe.dataset else None


def _flags(fields: dict[str, Any], prefix: str = "--") -> dict[str, str]:
    """Return the fields of a recipe as flags of the command line."""
    flags: dict[str, str] = {}
    for name, value in fields.items():
        flag = prefix + name.replace("_", "-")
        if isinstance(value, dict):
            flags |= _flags(value, f"{flag}.")
        else:
            flags[flag] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return flags
