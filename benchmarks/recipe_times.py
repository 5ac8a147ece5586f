"""Measure how long networks of the zoo train: images a second of each recipe, in turn in one process.

    python benchmarks/recipe_times.py [RECIPE ...]

By default all networks of the zoo. Minutes are those of all images of the recipe, without the final measurement.
"""

import argparse

from optimizers import paces
from side_by_side import machine

from trainers.recipes import get_recipe
from vqzoo.hub.registry import list_models


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    names = parser.parse_args().recipes or [model.name for model in list_models() if not model.networkless]
    recipes = {name: get_recipe(name) for name in names}
    print(f"## {machine()}\n\n| recipe | images | images a second | minutes |\n|---|--:|--:|--:|")
    for name, seconds in paces(recipes).items():
        recipe = recipes[name]
        images, pace = recipe.steps * recipe.batch_size, recipe.batch_size / seconds
        print(f"| {name} | {images:,} | {pace:.0f} | {images / pace / 60:.0f} |")


if __name__ == "__main__":
    main()
