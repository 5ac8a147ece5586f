"""The registry's record of a tokenizer before it is loaded, validated so that it is safe to display."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vqzoo.files.storage import CONFIG, WEIGHTS, Folder, read_json
from vqzoo.hub.card import METRICS, quantizer_names
from vqzoo.hub.schema import CONFIG_FIELDS, METRICS_FIELDS, check_curves, check_fields, check_plain, is_name
from vqzoo.ops.check import is_sha
from vqzoo.ops.text import brief

_RATE = "bits_per_image"


@dataclass(frozen=True)
class Model:
    """A tokenizer that can be loaded.

    config, metrics: content of config.json and metrics.json, the latter empty without measurements. For a model from
    the Hub's list they hold only what its card says: names of quantizers and positional encoding, data set, metrics.
    source: its folder if "local". repo_id, revision: repository on the Hub and commit of a published model.
    size: bytes of model.safetensors, None if not known.
    """

    name: str
    source: Path | None
    config: dict[str, Any]
    metrics: dict[str, Any]
    origin: Literal["local", "snapshot", "hub"] = "local"
    repo_id: str | None = None
    revision: str | None = None
    size: int | None = None

    @property
    def author(self) -> str | None:
        """The user or organisation that published the model."""
        return None if self.repo_id is None else self.repo_id.split("/")[0]

    @property
    def networkless(self) -> bool:
        """Whether the latents are a rotation of blocks of pixels, as in baselines that are fitted and not trained."""
        return bool(self.config["autoencoder"]["name"] == "pca")

    @property
    def linear(self) -> bool:
        """Whether it is a PCA with rounded components, which can be coded at any lower rate."""
        return self.networkless and quantizer_names(self.config) == ["uniform"]

    @property
    def measured(self) -> bool:
        """Whether there is a complete metrics.json."""
        return self.trained or "num_images" in self.metrics.get("metrics", {})

    @property
    def trained(self) -> bool:
        """Whether its training is recorded, unlike that of models of other projects."""
        return "training" in self.metrics


@dataclass(frozen=True)
class Damaged:
    """A folder whose files do not fit the schema of a card. name: that of the folder; why: a sentence to display."""

    name: str
    why: str


def is_repo_id(text: object) -> bool:
    """Return whether a value is a text of the form "owner/name"."""
    return isinstance(text, str) and text.count("/") == 1 and all(map(is_name, text.split("/")))


def read_model(folder: Path) -> Model:
    """Read the model in a folder of model_cards/; ValueError names a damaged file and the damage."""
    name = folder.name
    if not is_name(name):
        raise ValueError(
            f"{brief(repr(name), 80)} is no name of a model: letters, digits, '.', '_' and '-', at most 96"
        )
    files = Folder(folder)
    config, metrics = (read_json(files.path(file), name) for file in (CONFIG, METRICS))
    check_record(name, config, metrics)
    weights = folder / WEIGHTS
    return Model(name, folder, config, metrics, size=weights.stat().st_size if weights.is_file() else None)


def check_record(name: str, config: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Raise ValueError unless config.json and metrics.json fit the schema.

    All numbers have to be finite, and texts free of markup and control characters.
    """
    check_config(name, config)
    _check_metrics(name, metrics)


def check_config(name: str, config: dict[str, Any]) -> None:
    """Raise ValueError unless config.json fits the schema."""
    where, quantizer = f"{CONFIG} of {name}", config.get("quantizer")
    check_plain(where, config)
    levels = quantizer if isinstance(quantizer, list) else [quantizer]
    check_fields(where, config | {"quantizer": levels}, CONFIG_FIELDS)


def _check_metrics(name: str, metrics: dict[str, Any]) -> None:
    where = f"{METRICS} of {name}"
    check_plain(where, metrics)
    trained = "training" in metrics  # models of other projects lack it
    check_fields(where, metrics, [each for each in METRICS_FIELDS if trained or not each.path.startswith("training")])
    check_curves(where, metrics.get("curves"))


def is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def matches(
    model: Model,
    quantizer: str | None = None,
    dataset: str | None = None,
    max_bits: float | None = None,
    max_megabytes: float | None = None,
    author: str | None = None,
) -> bool:
    """Return whether a model meets all filters; a value that is not known does not meet a limit.

    quantizer: name at any level. dataset: name in vqzoo or on the Hub. max_bits: true bits of an image of the test
    split.
    """
    bits = model.metrics.get("metrics", {}).get(_RATE)
    return (
        (quantizer is None or quantizer in quantizer_names(model.config))
        and (dataset is None or dataset in (model.metrics.get("dataset"), model.metrics.get("hub_id")))
        and _within(bits, max_bits)
        and _within(None if model.size is None else model.size / 1e6, max_megabytes)
        and (author is None or author == model.author)
    )


def _within(value: float | None, limit: float | None) -> bool:
    return limit is None or (value is not None and value <= limit)


def from_entry(entry: Mapping[str, Any]) -> Model:
    """Return a model of the shipped snapshot; ValueError for an incomplete entry."""
    name, repo_id, revision, size = (entry.get(key) for key in ("name", "repo_id", "revision", "size"))
    config, metrics = entry.get("config"), entry.get("metrics")
    if not is_name(name) or not is_repo_id(repo_id) or not is_sha(revision) or type(size) is not int:
        raise ValueError("an entry of the snapshot lacks its name, repo_id, revision or size")
    if not isinstance(config, dict) or not isinstance(metrics, dict):
        raise ValueError(f"the snapshot's entry {name!r} lacks its config or metrics")
    check_record(str(name), config, metrics)
    return Model(str(name), None, config, metrics, "snapshot", str(repo_id), str(revision), size)


def to_entry(model: Model) -> dict[str, Any]:
    """Return a model's entry for the snapshot, the inverse of `from_entry`."""
    keys = ("name", "repo_id", "revision", "size", "config", "metrics")
    return {key: getattr(model, key) for key in keys}
