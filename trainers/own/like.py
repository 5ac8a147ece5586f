"""The recipe of a training from another recipe, or from an existing model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from trainers.own.plan import LARGE, WEIGHTS
from trainers.recipes import RECIPES
from trainers.recipes.recipe import Rates, Recipe
from vqzoo.hub.card import METRICS
from vqzoo.ops.check import check_choice


def like(source: str, dataset: str, cards: Path) -> Recipe:
    """Return the recipe `source`, or one that trains the network and quantizer of the model `source`.

    A model is a name, a folder or a Hub id. The result is named after the source, with `dataset` in place of the
    source's data set. Raises ValueError for a source that is neither a recipe nor a model.
    """
    if source in RECIPES:
        recipe = RECIPES[source]()
    else:
        recipe = _of_model(source, cards)
    method = recipe.name.partition("-")[2] or recipe.name
    return replace(recipe, name=f"{dataset}-{method}")


def _of_model(source: str, cards: Path) -> Recipe:
    import vqzoo
    from vqzoo.files.storage import read_json

    where = str(cards / source) if (cards / source).is_dir() else source
    try:
        config = vqzoo.load(where).config
    except ValueError as error:
        if "/" not in source and not Path(source).exists():
            check_choice("recipe", source, RECIPES)
        raise error
    record = Path(where) / METRICS
    trained = read_json(record).get("training", {}).get("recipe") if record.is_file() else None
    if trained and "weights" in trained:
        return Recipe.from_dict({key: value for key, value in trained.items() if key in Recipe.__dataclass_fields__})
    return _of_config(Path(source).name, config)


def _of_config(name: str, config: dict[str, Any]) -> Recipe:
    """Return a recipe that trains a tokenizer with this config.json, with default training settings."""
    levels = config["quantizer"] if isinstance(config["quantizer"], list) else [config["quantizer"]]
    if any(level != levels[0] for level in levels):
        raise ValueError(f"{name} has different quantizers at its levels, which a recipe cannot describe")
    autoencoder, quantizer, position = dict(config["autoencoder"]), dict(levels[0]), dict(config["position"])
    channels, latent_dim = autoencoder.pop("channels"), autoencoder.pop("latent_dim")
    quantizer.pop("dim", None)
    resolution = config["resolution"]
    return Recipe(
        name=f"like-{name}",
        dataset="",
        quantizer=quantizer,
        position=position["name"],
        place=position.get("place", "decoder"),
        autoencoder=autoencoder,
        channels=channels,
        resolution=resolution,
        crop=min(resolution, 2 * LARGE) if resolution > LARGE else 0,
        latent_dim=latent_dim,
        weights={"reconstruction": 1.0, **WEIGHTS},
        optimizer="muon",
        learning_rate=0.002,
        rates=Rates(vectors=3e-4, projections=3e-4, codebooks=3e-4),
        batch_size=8,
    )
