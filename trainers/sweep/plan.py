"""The runs of a sweep: recipes at the points of a grid, and which of them are finished."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import tyro

from trainers.pending import pending
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.overrides import field_arguments
from trainers.recipes.recipe import Recipe
from trainers.train import Run
from vqzoo.files.storage import read_json
from vqzoo.hub.card import METRICS
from vqzoo.ops.check import check_choice

_LENGTH = {"steps", "evaluate_every"}
"""Fields in which a card's recipe may differ, as a longer training than the wanted one is accepted."""


@dataclass(frozen=True)
class Job:
    """A run: its recipe, and its arguments of trainers/train.py."""

    recipe: Recipe
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name


def choose(patterns: Sequence[str], cards: Path) -> list[str]:
    """Return the names of recipes that match, each once, in the order of the patterns and then of the table.

    Raises ValueError with the nearest names for a pattern that matches none.
    """
    if not patterns:
        raise ValueError('no recipe: expected names, wildcards such as "cifar10-*", or pending')
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if pattern == "pending":
            names = [row.name for row in pending(cards)]
        else:
            names = [name for name in RECIPES if fnmatchcase(name, pattern)]
            if not names:
                check_choice("pattern", pattern, ["pending", *RECIPES])
        chosen |= dict.fromkeys(names)
    return list(chosen)


def grid_points(grid: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return all combinations of the values in texts FIELD=V,V,..., the last field changing fastest.

    Each is (suffix of the recipe's name, arguments of trainers/train.py). Raises ValueError for other texts.
    """
    axes: dict[str, list[str]] = {}
    for text in grid:
        key, _, values = text.partition("=")
        key, split = key.strip().replace("_", "-"), [value.strip() for value in values.split(",")]
        if not re.fullmatch(r"\w[\w.-]*", key) or not all(split):
            raise ValueError(f"grid {text!r}: expected FIELD=VALUE,VALUE,... as in quantizer.codebook-size=256,512")
        if key in axes:
            raise ValueError(f"grid {text!r}: {key} is there twice; expected all its values after one =")
        axes[key] = split
    last = [key.rpartition(".")[2] for key in axes]
    labels = [name if last.count(name) == 1 else key.replace(".", "-") for key, name in zip(axes, last, strict=True)]
    points = []
    for point in itertools.product(*axes.values()):
        suffix = "".join(
            f"-{label}{re.sub(r'[^A-Za-z0-9.+-]+', '-', value)}" for label, value in zip(labels, point, strict=True)
        )
        points.append((suffix, tuple(itertools.chain.from_iterable(map(field_arguments, axes, point)))))
    return points


def plan(patterns: Sequence[str], grid: Sequence[str], arguments: Sequence[str], runs: Path, cards: Path) -> list[Job]:
    """Return a job for every chosen recipe at every point of the grid; all get `arguments`.

    Raises ValueError for unknown recipes, invalid values, and runs of the same name. Unknown settings end the program
    with tyro's message, as in trainers/train.py.
    """
    jobs: dict[str, Job] = {}
    points = grid_points(grid)
    for name in choose(patterns, cards):
        for suffix, settings in points:
            line = [*arguments, *settings]
            line += ["--name", name + suffix] if suffix else []
            line += ["--runs", str(runs), "--cards", str(cards), "--resume"]
            try:
                recipe = tyro.cli(Run, default=Run(get_recipe(name)), args=line, prog=f"train.py {name}").recipe
            except ValueError as error:
                raise ValueError(f"{name}{suffix}: {error}") from error
            if recipe.name in jobs:
                raise ValueError(f"two runs would be named {recipe.name}; expected a name and a grid value once each")
            jobs[recipe.name] = Job(recipe, (name, *line))
    return list(jobs.values())


def decide(job: Job, runs: Path, cards: Path) -> tuple[str, str]:
    """Return the state of a run before the sweep, and the reason.

    "skipped": a card trained on at least as many images has the same recipe. "differs": such a card has another recipe,
    and would be replaced. "waiting": the run is to be started or resumed.
    """
    path = cards / job.name / METRICS
    if path.exists():
        training = read_json(path)["training"]
        if training["images"] >= job.recipe.images:
            before = Recipe.from_dict(training["recipe"]).to_dict()
            for key, value in job.recipe.to_dict().items():
                if key not in _LENGTH and before[key] != value:
                    return "differs", (
                        f"{path.parent} was trained on as many images with {key}={before[key]!r}, not {value!r}: "
                        "move it away, or give another --cards folder"
                    )
            return "skipped", f"has a card of {training['images']:,} images"
    started = any((runs / job.name / "checkpoints").glob("step-*.pt"))
    return "waiting", "goes on from its checkpoint" if started else "starts"
