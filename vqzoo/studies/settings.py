"""The setting that a row of a study's table is about, and the settings that a tokenizer has."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COLUMNS = ("source", "dataset", "method", "codebook_size", "codevector_dim", "codebooks", "beta")
"""Columns of a setting in reported.csv and results.csv; a cell is empty where a row does not state it."""


class Setting(NamedTuple):
    """A row's study (`source`), data set, method and sizes; None where the row does not state them.

    `codebook_size` is K, `codevector_dim` d, `beta` LooC's interpolation factor.
    """

    source: str
    dataset: str
    method: str
    codebook_size: int | None = None
    codevector_dim: int | None = None
    codebooks: int | None = 1
    beta: int | None = None

    @property
    def label(self) -> str:
        """Method and sizes, such as "looc 256x4, factor 2" or, without a codebook, "none-4x4 16 dimensions"."""
        parts = [self.method]
        if self.codebook_size is not None:
            parts.append(f"{self.codebook_size}x{self.codevector_dim}")
        elif self.codevector_dim is not None:
            parts.append(f"{self.codevector_dim} dimensions")
        if self.codebooks not in (None, 1):
            parts.append(f"in {self.codebooks} codebooks")
        return " ".join(parts) + ("" if self.beta is None else f", factor {self.beta}")

    def to_row(self) -> dict[str, str]:
        """Return the columns of a CSV row."""
        return {name: "" if value is None else str(value) for name, value in zip(COLUMNS, self, strict=True)}

    @staticmethod
    def from_row(row: Mapping[str, str]) -> "Setting":
        """Return the setting of a CSV row; raise ValueError for a size that is not a whole number above 0."""
        sizes = [_size(name, row[name]) for name in COLUMNS[3:]]
        return Setting(row["source"], row["dataset"], row["method"], *sizes)


def settings_of(dataset: str, config: Mapping[str, Any], weights: Mapping[str, float]) -> Iterable[Setting]:
    """Return the settings of all studies that a tokenizer's config.json and loss weights match exactly.

    Only the papers' small-image backbones match: 128 channels at stride 4, or the residual one of the study of residual
    quantization, without a positional encoding. A tokenizer that differs in anything which the tables do not state (a
    rotated gradient, another start) matches none.
    """
    network, quantizer = config["autoencoder"], config["quantizer"]
    if isinstance(quantizer, list) or config["position"]["name"] != "none":
        return []
    options = {key: value for key, value in quantizer.items() if key not in ("name", "dim")}
    name, dim, size = quantizer["name"], quantizer["dim"], quantizer.get("codebook_size")
    plain = weights == {"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25}
    if network["name"] == "squeeze" and network["width"] == 32 and plain:
        cells = config["resolution"] >> network["halvings"]
        as_in_study = (options.get("start"), options.get("revival")) == ("kmeans", "restart")
        if name == "none" or (name in ("ema", "rvq") and as_in_study):
            return [Setting("rvq", dataset, f"{name}-{cells}x{cells}", size, dim, options.get("levels", 1))]
    if (network["name"], network.get("stride"), network.get("width")) != ("conv", 4, 128):
        return []
    matches: list[Setting] = []
    if network["latent_dim"] == dim == 128 and plain:
        if name == "vq" and [options[key] for key in _PLAIN] == list(_PLAIN.values()):
            matches.append(Setting("looc", dataset, "vq-vae", size, 128))
        if name == "cvq" and options["estimator"] == "straight-through":
            matches.append(Setting("looc", dataset, "cvq-vae", size, 128))
        if name == "looc" and options["revival"] in _UPDATES and options["rule"] == "gradient":
            method = _UPDATES[options["revival"]]
            matches.append(Setting("looc", dataset, method, size, 128 // options["segments"], 1, options["factor"]))
        if name == "pq" and options.get("budget") == "total":
            matches.append(Setting("looc", dataset, "pq", size, 128 // options["segments"], options["segments"]))
    if name == "sq" and dim == 128:  # its loss has terms of its own
        matches.append(Setting("looc", dataset, "sq-vae", size, 128))
    if name == "hvq" and dim == 128 and (options["levels"], options["rule"]) == (2, "ema"):
        matches.append(Setting("looc", dataset, "hvq-vae", size, 128))
    if name == "adaptive" and dim == 128 and options["codebooks"] == 8 and options["revival"] == "none":
        matches += [Setting("adaptive", dataset, method) for method in _ablations(network, options, weights)]
    started = (options.get("start"), options.get("revival")) == ("latents", "none")
    if name == "ema" and plain and started and size is not None and size * dim == 65536:
        matches.append(Setting("adaptive", dataset, "vq-ema-fixed", size, dim))
    return matches


_PLAIN = {"estimator": "straight-through", "start": "uniform", "revival": "none", "metric": "l2"}
_UPDATES = {"closest": "looc", "none": "looc-without-cvq-update"}
_COMMITMENT = {
    0.25: "base",
    0.5: "alpha=0.5",
    0.75: "alpha=0.75",
    1.0: "alpha=1.0",
    5.0: "alpha=5",
    10.0: "alpha=10",
    0.0025: "beta=0.01",
    0.05: "beta=0.2",
    1.25: "beta=5",
}
"""Weight of the commitment, which is alpha times beta -> row of the adaptive study's table 3."""


def _ablations(network: Mapping[str, Any], options: Mapping[str, Any], weights: Mapping[str, float]) -> list[str]:
    """Return the rows of the adaptive study's tables 2 and 3 that differ from its base in one thing alone."""
    base = {"capacity": 65536, "blocks": (2, 0), "rule": "ema"}
    blocks = network["residual_blocks"], network.get("inception_blocks", 0)
    actual = {"rule": "ema", **options, "blocks": blocks}
    changed = [name for name, value in base.items() if actual[name] != value]
    ablation = _COMMITMENT.get(weights.get("commitment", 0.0))
    if ablation is None or weights.get("reconstruction") != 1.0 or len(changed) + (ablation != "base") > 1:
        return []
    if not changed:
        return ["adaptive", "adaptive:base"] if ablation == "base" else [f"adaptive:{ablation}"]
    if changed == ["capacity"]:
        return [f"adaptive:W={options['capacity']}"]
    if changed == ["rule"]:
        return ["adaptive:without-ema"]
    return {(0, 0): ["adaptive:cnn"], (0, 2): ["adaptive:cnn+inception"]}.get(blocks, [])


def _size(name: str, text: str) -> int | None:
    if text and not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"{name}={text!r}: expected a whole number above 0, or nothing")
    return int(text) if text else None
