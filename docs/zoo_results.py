"""The shipped models that are rows of the studies' tables, as lines of docs/studies/results.csv.

python docs/zoo_results.py    # writes the lines of budget "zoo" anew, and leaves all others as they are
"""

from collections.abc import Sequence

from vqzoo.hub.model import Model
from vqzoo.hub.registry import list_models
from vqzoo.studies.reported import settings
from vqzoo.studies.results import NUMBERS, Result, read_results, write_results
from vqzoo.studies.settings import settings_of


def zoo_results(models: Sequence[Model]) -> list[Result]:
    """A line for every setting of which anything is reported, and which a model is exactly."""
    known = settings()
    found = []
    for model in models:
        metrics, training = model.metrics["metrics"], model.metrics["training"]
        recipe = training["recipe"]
        share = training["images"] / training["full_budget_images"]
        said = {**metrics, **training, "share": share, "seed": recipe.get("seed")}
        numbers = {name: said[name] for name in NUMBERS if said.get(name) is not None}
        for setting in settings_of(model.metrics["dataset"], model.config, recipe.get("weights", {})):
            if setting in known:
                found.append(
                    Result(
                        model.name,
                        setting,
                        "zoo",
                        metrics["protocol"],
                        numbers,
                        metrics["lpips_network"] or "",
                        training["device"],
                        training["torch"],
                    )
                )
    return found


def main() -> None:
    others = [result for result in read_results() if result.budget != "zoo"]
    results = zoo_results(list_models())
    write_results([*others, *results])
    print(f"{len(results)} lines of shipped models, {len(others)} of other runs")


if __name__ == "__main__":
    main()
