"""What the registry knows of a tokenizer before it is loaded, checked so that whoever shows it need not be careful."""

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

    config, metrics: its config.json and metrics.json, the latter empty where nothing was measured; of a model that is
    known from the Hub's list alone no more than what its card says: names of quantizers and positional encoding,
    dataset, and such metrics as it has.
    source: its folder, for "local" ones alone. repo_id, revision: of the others, a commit of a repository on the Hub.
    size: of model.safetensors in bytes, None if not known.
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
        """The user or organisation that published it."""
        return None if self.repo_id is None else self.repo_id.split("/")[0]

    @property
    def networkless(self) -> bool:
        """Whether its latents are blocks of pixels, at most turned: a baseline that was fitted and not trained."""
        return self.config["autoencoder"]["name"] == "pca"

    @property
    def linear(self) -> bool:
        """Whether it is a PCA whose components are rounded, and that anything may be made coarser of."""
        return self.networkless and quantizer_names(self.config) == ["uniform"]

    @property
    def measured(self) -> bool:
        """Whether there is a whole metrics.json."""
        return self.trained or "num_images" in self.metrics.get("metrics", {})

    @property
    def trained(self) -> bool:
        """Whether it is known how it was trained; of a model of another project it is not."""
        return "training" in self.metrics


@dataclass(frozen=True)
class Damaged:
    """A folder whose files do not fit the schema of a card. name: of the folder; why: one sentence. Both are safe to
    show."""

    name: str
    why: str


def is_repo_id(text: object) -> bool:
    """Whether a text is an "owner/name"."""
    return isinstance(text, str) and text.count("/") == 1 and all(map(is_name, text.split("/")))


def read_model(folder: Path) -> Model:
    """The model in a folder of model_cards/; ValueError names the file that is damaged and says how."""
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
    """ValueError unless both files hold what tables and pages show, in types that they can show.

    Numbers are finite, and no text has markup or control characters, whoever wrote it.
    """
    check_config(name, config)
    _check_metrics(name, metrics)


def check_config(name: str, config: dict[str, Any]) -> None:
    """The part of `check_record` that is about config.json."""
    where, quantizer = f"{CONFIG} of {name}", config.get("quantizer")
    check_plain(where, config)
    levels = quantizer if isinstance(quantizer, list) else [quantizer]
    check_fields(where, config | {"quantizer": levels}, CONFIG_FIELDS)


def _check_metrics(name: str, metrics: dict[str, Any]) -> None:
    where = f"{METRICS} of {name}"
    check_plain(where, metrics)
    told = "training" in metrics  # which nobody knows of a model of another project
    check_fields(where, metrics, [each for each in METRICS_FIELDS if told or not each.path.startswith("training")])
    check_curves(where, metrics.get("curves"))


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def matches(
    model: Model,
    quantizer: str | None = None,
    dataset: str | None = None,
    max_bits: float | None = None,
    max_megabytes: float | None = None,
    author: str | None = None,
) -> bool:
    """Whether a model is all that is asked for; what is not known of it does not match a limit.

    quantizer: of any level. dataset: as vqzoo or as the Hub calls it. max_bits: true bits of an image of its test
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
    """A model of the shipped snapshot; ValueError for an entry that is not whole."""
    name, repo_id, revision, size = (entry.get(key) for key in ("name", "repo_id", "revision", "size"))
    config, metrics = entry.get("config"), entry.get("metrics")
    if not is_name(name) or not is_repo_id(repo_id) or not is_sha(revision) or type(size) is not int:
        raise ValueError("an entry of the snapshot lacks its name, repo_id, revision or size")
    if not isinstance(config, dict) or not isinstance(metrics, dict):
        raise ValueError(f"the snapshot's entry {name!r} lacks its config or metrics")
    check_record(str(name), config, metrics)
    return Model(str(name), None, config, metrics, "snapshot", str(repo_id), str(revision), size)


def to_entry(model: Model) -> dict[str, Any]:
    """What `from_entry` reads."""
    keys = ("name", "repo_id", "revision", "size", "config", "metrics")
    return {key: getattr(model, key) for key in keys}
