"""The recipes that are rows of the studies' tables, in the order in which they are trained."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from trainers.recipes import RECIPES, adaptive, flowers, looc, residual
from trainers.recipes.recipe import Recipe
from vqzoo.ops.check import check_choice
from vqzoo.studies import STUDIES
from vqzoo.studies.reported import tables
from vqzoo.studies.settings import Setting, settings_of

_MODULES = {"looc": looc.recipes, "adaptive": adaptive.recipes, "rvq": residual.recipes, "vqgan": flowers.ablation}
"""Study -> its recipes."""


@dataclass(frozen=True)
class Row:
    """A recipe of a study, and the settings in the study's tables that it reproduces."""

    study: str
    recipe: Recipe
    settings: tuple[Setting, ...]

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows, those that most claims depend on first; a recipe of two studies is a row of each."""
    rows_by_recipe: dict[tuple[str, str], Row] = {}
    for study, recipes in _MODULES.items():
        for each in recipes():
            recipe = RECIPES[each.name]()
            rows_by_recipe.setdefault((study, recipe.name), Row(study, recipe, _settings(study, recipe)))
    return tuple(sorted(rows_by_recipe.values(), key=_priority))


def _settings(study: str, recipe: Recipe) -> tuple[Setting, ...]:
    if study == "vqgan":
        return (_ablation(recipe),)
    settings = settings_of(recipe.dataset, recipe.build().config, recipe.weights)
    return tuple(setting for setting in settings if setting.source == study)


def _ablation(recipe: Recipe) -> Setting:
    """Return the setting of a recipe in the study of VQGANs, which has no tables.

    "flowers-vqgan-1024x256-nerf" has the method "vqgan-nerf".
    """
    size, dim = recipe.quantizer["codebook_size"], recipe.latent_dim
    assert isinstance(size, int)
    method = recipe.name.removeprefix(f"{recipe.dataset}-").replace(f"-{size}x{dim}", "")
    return Setting("vqgan", recipe.dataset, method, size, dim)


def selected(names: Sequence[str]) -> list[Row]:
    """Return the rows of these names, in the order of `rows`.

    A name is "all", a study ("looc"), a table ("looc.table5") or a recipe. The rows of a table are the settings that it
    reports, also with other interpolation factors. Raises ValueError for an unknown name.
    """
    wanted = [_matching(name) for name in names]
    return [row for row in rows() if any(wants(row) for wants in wanted)]


def _matching(name: str) -> Callable[[Row], bool]:
    if name == "all":
        return lambda row: True
    study, _, table = name.partition(".table")
    if table:
        of_study = tables()[check_choice("study", study, STUDIES)]
        if not of_study:
            raise ValueError(f"row {name!r}: study {study!r} has no tables; {study} alone are all of its rows")
        settings = _any_factor(row.setting for row in of_study[check_choice("table", table, of_study)])
        return lambda row: not settings.isdisjoint(_any_factor(row.settings))
    if name in _MODULES:
        return lambda row: row.study == name
    check_choice("row", name, ["all", *_MODULES, *(row.name for row in rows())])
    return lambda row: row.name == name


def _any_factor(settings: Iterable[Setting]) -> set[Setting]:
    return {setting._replace(beta=None) for setting in settings}


_FIRST = (
    "vq-1024x128-plain looc-256x4 pq-32x8 looc-256x4-without-update looc-256x4-factor2 looc-32x4 cvq-1024x128 "
    "looc-256x64 looc-1024x4 looc-256x16 ema-512x128 ema-16384x4 ema-65536x1 adaptive-65536 ema-8192x8 "
    "ema-32768x2 ema-2048x32 "
    "none-4x4x4 none-4x4x64 none-4x4x128 none-4x4x16 ema-4x4-4096x64 rvq-4x4-32x2 ema-4x4-4096x8 rvq-8x8-1x256 "
    "rvq-4x4-1x256 rvq-4x4-4x256 looc-8x4 looc-256x8 looc-256x32 looc-32x4-factor2 looc-1024x128 "
    "looc-1024x128-factor2 adaptive-65536-commitment-0.05 adaptive-65536-plain-cnn adaptive-65536-inception"
).split()
"""Recipes on CIFAR-10 that decide most claims for the least time."""
_BASELINES = {"vq-vae", "cvq-vae", "pq", "sq-vae", "hvq-vae"}


def _priority(row: Row) -> tuple[int, int, int]:
    """Return the sort key of a row: the recipes of `_FIRST`, then CIFAR-10 before other data sets."""
    methods = {setting.method for setting in row.settings}
    plain = row.recipe.quantizer.get("factor", 1) == 1
    if row.study == "vqgan":
        part = 0
    elif row.study == "looc":
        part = 0 if plain or methods & _BASELINES else 3
    elif row.study == "rvq":
        part = 1
    else:
        part = 2 if methods & {"vq-ema-fixed", "adaptive"} else 4
    short = row.name.removeprefix("cifar10-")
    first = _FIRST.index(short) if short in _FIRST else len(_FIRST)
    return first, 0 if row.recipe.dataset == "cifar10" else 1, part
