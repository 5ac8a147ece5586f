"""What a row of a study's table is about: data set, method and sizes; and which of them a tokenizer is."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COLUMNS = ("source", "dataset", "method", "codebook_size", "codevector_dim", "codebooks", "beta")
"""Of a setting, in reported.csv and in results.csv alike; what a row does not say is empty."""


class Setting(NamedTuple):
    """source: the study. codebook_size K, codevector_dim d, beta: LooC's interpolation factor. None: not said."""

    source: str
    dataset: str
    method: str
    codebook_size: int | None = None
    codevector_dim: int | None = None
    codebooks: int | None = 1
    beta: int | None = None

    @property
    def label(self) -> str:
        """Method and sizes: "looc 256x4, factor 2"; without a codebook "none-4x4 16 dimensions"."""
        parts = [self.method]
        if self.codebook_size is not None:
            parts.append(f"{self.codebook_size}x{self.codevector_dim}")
        elif self.codevector_dim is not None:
            parts.append(f"{self.codevector_dim} dimensions")
        if self.codebooks not in (None, 1):
            parts.append(f"in {self.codebooks} codebooks")
        return " ".join(parts) + ("" if self.beta is None else f", factor {self.beta}")

    def to_row(self) -> dict[str, str]:
        return {name: "" if value is None else str(value) for name, value in zip(COLUMNS, self, strict=True)}

    @staticmethod
    def from_row(row: Mapping[str, str]) -> "Setting":
        """Of a row of a CSV; ValueError for a size that is no whole number above 0."""
        sizes = [_size(name, row[name]) for name in COLUMNS[3:]]
        return Setting(row["source"], row["dataset"], row["method"], *sizes)


def settings_of(dataset: str, config: Mapping[str, Any], weights: Mapping[str, float]) -> Iterable[Setting]:
    """The settings that a tokenizer's config.json and its recipe's loss weights are exactly, in any of the studies.

    Those of the papers' small-image backbones alone: 128 channels at stride 4, or the residual one of the study of
    residual quantization; no positional encoding. A setting that differs in one thing which the tables do not say (a
    rotated gradient, another start) is none of them.
    """
    network, quantizer = config["autoencoder"], config["quantizer"]
    if isinstance(quantizer, list) or config["position"]["name"] != "none":
        return []
    said = {key: value for key, value in quantizer.items() if key not in ("name", "dim")}
    name, dim, size = quantizer["name"], quantizer["dim"], quantizer.get("codebook_size")
    plain = weights == {"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25}
    if network["name"] == "squeeze" and network["width"] == 32 and plain:
        cells = config["resolution"] >> network["halvings"]
        as_there = (said.get("start"), said.get("revival")) == ("kmeans", "restart")
        if name == "none" or (name in ("ema", "rvq") and as_there):
            return [Setting("rvq", dataset, f"{name}-{cells}x{cells}", size, dim, said.get("levels", 1))]
    if (network["name"], network.get("stride"), network.get("width")) != ("conv", 4, 128):
        return []
    found: list[Setting] = []
    if network["latent_dim"] == dim == 128 and plain:
        if name == "vq" and (said["estimator"], said["start"], said["revival"]) == _PLAIN and said["metric"] == "l2":
            found.append(Setting("looc", dataset, "vq-vae", size, 128))
        if name == "cvq" and said["estimator"] == "straight-through":
            found.append(Setting("looc", dataset, "cvq-vae", size, 128))
        if name == "looc" and said["revival"] in _UPDATES and said["rule"] == "gradient":
            method = _UPDATES[said["revival"]]
            found.append(Setting("looc", dataset, method, size, 128 // said["segments"], 1, said["factor"]))
        if name == "pq" and said.get("budget") == "total":
            found.append(Setting("looc", dataset, "pq", size, 128 // said["segments"], said["segments"]))
    if name == "sq" and dim == 128:  # its loss has terms of its own
        found.append(Setting("looc", dataset, "sq-vae", size, 128))
    if name == "hvq" and dim == 128 and (said["levels"], said["rule"]) == (2, "ema"):
        found.append(Setting("looc", dataset, "hvq-vae", size, 128))
    if name == "adaptive" and dim == 128 and said["codebooks"] == 8 and said["revival"] == "none":
        found += [Setting("adaptive", dataset, method) for method in _ablations(network, said, weights)]
    started = (said.get("start"), said.get("revival")) == ("latents", "none")
    if name == "ema" and plain and started and size is not None and size * dim == 65536:
        found.append(Setting("adaptive", dataset, "vq-ema-fixed", size, dim))
    return found


_PLAIN = ("straight-through", "uniform", "none")
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


def _ablations(network: Mapping[str, Any], said: Mapping[str, Any], weights: Mapping[str, float]) -> list[str]:
    """Rows of the adaptive study's tables 2 and 3: those in which one thing alone differs from the base."""
    base = {"capacity": 65536, "blocks": (2, 0), "rule": "ema"}
    blocks = network["residual_blocks"], network.get("inception_blocks", 0)
    here = {"rule": "ema", **said, "blocks": blocks}
    changed = [name for name, value in base.items() if here[name] != value]
    ablation = _COMMITMENT.get(weights.get("commitment", 0.0))
    if ablation is None or weights.get("reconstruction") != 1.0 or len(changed) + (ablation != "base") > 1:
        return []
    if not changed:
        return ["adaptive", "adaptive:base"] if ablation == "base" else [f"adaptive:{ablation}"]
    if changed == ["capacity"]:
        return [f"adaptive:W={said['capacity']}"]
    if changed == ["rule"]:
        return ["adaptive:without-ema"]
    return {(0, 0): ["adaptive:cnn"], (0, 2): ["adaptive:cnn+inception"]}.get(blocks, [])


def _size(name: str, text: str) -> int | None:
    if text and not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"{name}={text!r}: expected a whole number above 0, or nothing")
    return int(text) if text else None
