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
        """Method and sizes: "looc 256x4, factor 2"."""
        parts = [self.method]
        if self.codebook_size is not None:
            parts.append(f"{self.codebook_size}x{self.codevector_dim}")
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

    Those of the papers' small-image backbone alone: 128 channels at stride 4, no positional encoding. A setting that
    differs in one thing which the tables do not say (a rotated gradient, another start) is none of them.
    """
    network, quantizer = config["autoencoder"], config["quantizer"]
    if isinstance(quantizer, list) or config["position"]["name"] != "none":
        return []
    if (network["name"], network.get("stride"), network.get("width")) != ("conv", 4, 128):
        return []
    said = {key: value for key, value in quantizer.items() if key not in ("name", "dim")}
    name, dim, size = quantizer["name"], quantizer["dim"], quantizer.get("codebook_size")
    plain = weights == {"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25}
    found: list[Setting] = []
    if network["latent_dim"] == dim == 128 and plain:
        if name == "vq" and (said["estimator"], said["start"], said["revival"]) == _PLAIN and said["metric"] == "l2":
            found.append(Setting("looc", dataset, "vq-vae", size, 128))
        if name == "cvq" and said["estimator"] == "straight-through":
            found.append(Setting("looc", dataset, "cvq-vae", size, 128))
        if name == "looc" and said["revival"] == "closest" and said["rule"] == "gradient":
            found.append(Setting("looc", dataset, "looc", size, 128 // said["segments"], 1, said["factor"]))
        if name == "pq" and said.get("budget") == "total":
            found.append(Setting("looc", dataset, "pq", size, 128 // said["segments"], said["segments"]))
        if name == "adaptive" and said["codebooks"] == 8 and said["revival"] == "none":
            if said["capacity"] == 65536:
                found += [Setting("adaptive", dataset, method) for method in ("adaptive", "adaptive:base")]
            else:
                found.append(Setting("adaptive", dataset, f"adaptive:W={said['capacity']}"))
    if name == "sq" and dim == 128:  # its loss has terms of its own
        found.append(Setting("looc", dataset, "sq-vae", size, 128))
    if name == "ema" and plain and size is not None and size * dim == 65536:
        found.append(Setting("adaptive", dataset, "vq-ema-fixed", size, dim))
    return found


_PLAIN = ("straight-through", "uniform", "none")


def _size(name: str, text: str) -> int | None:
    if text and not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"{name}={text!r}: expected a whole number above 0, or nothing")
    return int(text) if text else None
