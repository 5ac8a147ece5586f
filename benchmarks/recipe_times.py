"""Measure how long every network of the zoo trains: images a second of each recipe, in turn in one process.

    python benchmarks/recipe_times.py [RECIPE ...] [--turns 3]

By default all networks of the zoo. A turn is twenty updates; the first one is not counted, as codebooks start in it.
Minutes are those of all images of the recipe at its median pace, without the final measurement.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from optimizers import PACE_STEPS, Run
from side_by_side import machine

from trainers.recipes import get_recipe
from vqzoo.hub.registry import list_models


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    names = options.recipes or [model.name for model in list_models() if not model.networkless]
    print(f"## {machine()}\n\n| recipe | images | images a second | minutes |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: Run(get_recipe(name), Path(folder, name)) for name in names}
        paces: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(options.turns + 1):
            for name, run in runs.items():
                before = run.seconds
                for _ in range(PACE_STEPS):
                    run.step()
                if turn:
                    paces[name].append(PACE_STEPS * run.recipe.batch_size / (run.seconds - before))
        for name, run in runs.items():
            run.batches.close()
            images, pace = run.recipe.steps * run.recipe.batch_size, statistics.median(paces[name])
            print(f"| {name} | {images:,} | {pace:.0f} | {images / pace / 60:.0f} |")


if __name__ == "__main__":
    main()
