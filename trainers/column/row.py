"""One row of the column, from a data set and a tokenizer to a JSON file; what is done is not done again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainers.column.measure import NEAR_SHARE, Judge, Measured
from trainers.column.plan import DATASETS, Planned
from trainers.column.samples import decoded, draw
from trainers.column.tokens import tokenize_dataset
from trainers.data.labelled import LABEL
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import PriorRecipe, prior_recipe
from trainers.priors.run import train_prior
from vqzoo.files.storage import WEIGHTS, cards_folder, read_json, sha256, write_json
from vqzoo.generation.card import PRIOR
from vqzoo.generation.column import FORMAT
from vqzoo.generation.prior import Sampling
from vqzoo.generation.store import Loaded, load_prior
from vqzoo.generation.table import PRIORS
from vqzoo.hub.card import METRICS
from vqzoo.ops.device import best_device
from vqzoo.tokens.token_set import TokenSet

_ROWS = 500
_OF_TOKENIZER = ("bits_per_image", "psnr", "ssim", "lpips", "rfid", "rfid_squeeze", "usage", "perplexity")
"""What is copied from the tokenizer's card, to be compared with what is generated."""


@dataclass(frozen=True)
class Settings:
    """What all rows have in common. samples: images of a row, the same number of each class."""

    recipe: Callable[[str], PriorRecipe] = prior_recipe
    samples: int = 5000
    work: Path = Path("runs/column")
    cards: Path = Path("runs/column/cards")


def run_row(row: Planned, settings: Settings, judge: Judge, folder: Path) -> None:
    """Measure a row and write its file into `folder`; raises what `train_prior` raises."""
    record = _real(judge, settings) if not row.tokenizer else _generated(row, settings, judge)
    protocol = {
        **record.pop("protocol"),
        "samples": settings.samples,
        "reference": f"train split, {len(judge.train['fid_squeeze']):,} images",
        "classifier": {"accuracy": judge.classifier["accuracy"], "test_images": judge.classifier["test_images"]},
        "inception": "fid" in judge.extractors,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
    }
    folder.mkdir(parents=True, exist_ok=True)
    head = {"format": FORMAT, "name": row.name, "dataset": row.dataset, "protocol": protocol}
    write_json(folder / f"{row.name}.json", {**head, **record})


def _real(judge: Judge, settings: Settings) -> dict[str, Any]:
    """Measure as many test images as rows have samples."""
    images, labels = judge.split("test")
    rows = spread(settings.samples, len(images))
    measured = judge.measure(images[rows], labels[rows])
    return {"protocol": {}, "samples": measured.metrics, "seconds": {}}


def spread(number: int, of: int) -> list[int]:
    """Return `number` rows of a split of `of` rows, evenly spread: MNIST's first 5,000 are easier than the others."""
    number = min(number, of)
    return [row * of // number for row in range(number)]


def _generated(row: Planned, settings: Settings, judge: Judge) -> dict[str, Any]:
    tokens = settings.work / "tokens" / row.tokenizer
    tokenize_dataset(row.tokenizer, row.dataset, DATASETS[row.dataset], tokens)
    card = _trained(row, settings, tokens)
    loaded = load_prior(card)
    loaded.prior.to(best_device())
    loaded.tokenizer.to(best_device())
    images, labels, seconds = draw(loaded, settings.samples, _samples(settings, row, card))
    control = _control(settings, judge, loaded, tokens)
    floor = control.nearest.quantile(NEAR_SHARE).item()
    samples = judge.measure(images, labels, floor)
    record = read_json(card / PRIOR)
    sampling = {key: value for key, value in asdict(Sampling()).items() if key != "seed"}
    return {
        "protocol": {"images": record["training"]["images"], "sampling": sampling},
        "tokenizer": _tokenizer_facts(row, record),
        "prior": _prior_facts(row, record),
        "samples": samples.metrics,
        "reconstructions": control.metrics,
        "seconds": {"training": record["training"]["seconds"], "image": seconds},
    }


def _tokenizer_facts(row: Planned, record: dict[str, Any]) -> dict[str, Any]:
    metrics = read_json(cards_folder() / row.tokenizer / METRICS)["metrics"]
    return {**record["tokenizer"], "tokens": row.tokens, **{name: metrics.get(name) for name in _OF_TOKENIZER}}


def _prior_facts(row: Planned, record: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "kind": row.prior,
        "weights": record["weights"],
        "prior_bits": record.get("bits_per_image"),  # a prior of latents has none
        "intervals": {},
        "uniform_bits": record.get("uniform_bits"),
        "measured_on": f"{record['split']}, {record['num_images']:,} images",
    }
    if facts["prior_bits"] is not None:
        margin = 1.96 * record["standard_error"]
        facts["intervals"] = {"prior_bits": [facts["prior_bits"] - margin, facts["prior_bits"] + margin]}
    return facts


def _trained(row: Planned, settings: Settings, tokens: Path) -> Path:
    """Return the prior's card, trained before or now."""
    recipe = settings.recipe(row.prior)
    card = settings.cards / row.name
    weights = sha256(cards_folder() / row.tokenizer / WEIGHTS)
    if (card / PRIOR).is_file():
        record = read_json(card / PRIOR)
        if (record["training"]["steps"], record["tokenizer"]["sha256"]) == (recipe.steps, weights):
            return card
        raise ValueError(f"{card} has another number of steps or another tokenizer; delete it to train anew")
    images = row.dataset if PRIORS[str(recipe.prior["name"])].learns_latents else ""
    options = PriorOptions(
        tokens=tokens, images=images, label=LABEL, runs=settings.work / "runs", cards=settings.cards, resume=True
    )
    return train_prior(row.prior, recipe, options)


def _samples(settings: Settings, row: Planned, card: Path) -> Path:
    """Return the folder of a prior's samples; one with other weights has another folder."""
    return settings.work / "samples" / f"{row.name}-{sha256(card / WEIGHTS)[:12]}"


def _control(settings: Settings, judge: Judge, loaded: Loaded, tokens: Path) -> Measured:
    """Measure test images that went through the tokenizer: what samples would be if the prior were perfect."""
    test = TokenSet(tokens, "test", label=LABEL)
    rows = spread(settings.samples, len(test))
    parts = (test.tokens(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS))
    labels = torch.tensor(test.rows[LABEL])[rows]
    return judge.measure(decoded(loaded, parts), labels)
