"""Write results of shipped models that are rows of the studies' tables to vqzoo/studies/data/results.csv.

python -m trainers.studies.zoo    # replaces the lines of budget "zoo"

Metrics of protocol lossless are those of the model cards. Those of the papers' protocol, and the adaptive study's
reconstruction loss, are measured here with the shipped weights, on the test split ($VQZOO_DATA or the Hub's).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trainers.evaluate import images_of
from trainers.studies.measure import measure
from vqzoo.hub.card import trained_share
from vqzoo.hub.model import Model
from vqzoo.hub.registry import list_models, load
from vqzoo.metrics import PROTOCOL
from vqzoo.metrics.cvq_jpeg import CVQ_JPEG
from vqzoo.ops.device import best_device
from vqzoo.studies.reported import settings
from vqzoo.studies.results import Result, read_results, result, write_results
from vqzoo.studies.settings import Setting, settings_of

Measures = Mapping[str, Mapping[str, Any]]
"""Protocol -> metrics, as `trainers.studies.measure.measure` returns them."""


def settings_of_model(model: Model) -> list[Setting]:
    """Return the settings in the studies' tables that the model has exactly."""
    weights = model.metrics["training"]["recipe"].get("weights", {})
    reported = settings()
    return [setting for setting in settings_of(model.metrics["dataset"], model.config, weights) if setting in reported]


def zoo_results(models: Sequence[Model], measures: Mapping[str, Measures]) -> list[Result]:
    """Return a line of results for each setting of `settings_of_model` and each protocol; measures: by model name."""
    results = []
    for model in models:
        for setting in settings_of_model(model):
            card, training = model.metrics["metrics"], model.metrics["training"]
            share = trained_share(training)
            if share is None:  # not trained by a recipe of the table
                continue
            facts = {**training, "share": share, "seed": training["recipe"].get("seed")}
            costs = {name: card[name] for name in ("bits_per_image", "usage", "perplexity")}
            for protocol, measured in measures[model.name].items():
                measurements = {**measured, **(card if protocol == card["protocol"] else {}), **costs, **facts}
                results.append(result(model.name, setting, "zoo", protocol, measurements))
    return results


def measures_of(model: Model) -> Measures:
    """Evaluate the shipped weights by both protocols, on all images of the split that the card names."""
    device = best_device()
    tokenizer = load(model).to(device)
    images = images_of(model.metrics, tokenizer.autoencoder.channels).to(device)
    results = measure(tokenizer, images)
    return {protocol: results[protocol] for protocol in (PROTOCOL, CVQ_JPEG)}


def main() -> None:
    """Replace the lines of budget "zoo"."""
    models = [model for model in list_models() if settings_of_model(model)]
    results = zoo_results(models, {model.name: measures_of(model) for model in models})
    others = [line for line in read_results() if line.budget != "zoo"]
    write_results([*others, *results])
    print(f"{len(results)} lines of shipped models, {len(others)} of other runs")


if __name__ == "__main__":
    main()
