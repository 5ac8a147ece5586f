"""What a training run is: a typed record, saved beside the run as recipe.json."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.ops.check import check_int
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

Settings = dict[str, int | float | str | bool | tuple[int, ...]]


@dataclass(frozen=True)
class Recipe:
    """One checkpoint's training, complete. Every field can be overridden on the command line."""

    name: str
    """Recipe, checkpoint folder, model card and Hub repository: <dataset>-<method>-<size>."""
    dataset: str
    """A key of `trainers.data.HUB_IDS`, or any Hub id."""
    quantizer: Settings
    """Name and settings, as `vqzoo.quantizers.build` takes them, without dim."""
    position: Literal["none", "sinusoidal", "learned"] = "none"
    """Positional encoding at the decoder's input."""
    autoencoder: Settings = field(default_factory=lambda: {"name": "conv", "stride": 4})
    """Name and settings, as `vqzoo.autoencoders.build_autoencoder` takes them, without channels and latent_dim."""
    channels: int = 3
    resolution: int = 32
    """Side in pixels; images of another size are shrunk and centre-cropped to it."""
    latent_dim: int = 128
    weights: dict[str, float] = field(default_factory=dict)
    """Weight of each loss term, by the name it is logged under."""
    steps: int = 10_000
    """The full training budget, in optimizer steps."""
    batch_size: int = 256
    """Images a step, over all processes."""
    learning_rate: float = 3e-4
    """Peak of Adam's rate: linear warm-up, then a cosine to zero at the last step."""
    warmup: int = 100
    """Steps of linear warm-up."""
    held_out: int = 1000
    """Images of the train split kept back to choose the best checkpoint by."""
    evaluate_every: int = 1000
    """Steps between held-out evaluations, each of which also saves a checkpoint."""
    seed: int = 42
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision of the autoencoder; quantizers always compute in float32."""

    @property
    def images(self) -> int:
        """Images seen over the whole training."""
        return self.steps * self.batch_size

    def build(self) -> Tokenizer:
        """The fresh tokenizer; parts are built in an order that gives twins the same initial weights."""
        settings = {"channels": self.channels, "latent_dim": self.latent_dim, **self.autoencoder}
        autoencoder = build_autoencoder(**settings)  # type: ignore[arg-type]
        quantizer = build(dim=self.latent_dim, **self.quantizer)  # type: ignore[arg-type]
        grid = {} if self.position == "none" else {"grid": self.resolution // autoencoder.stride}
        position = build_position(self.position, dim=self.latent_dim, **grid)
        return Tokenizer(autoencoder, quantizer, position, self.resolution)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "held_out", "evaluate_every"):
            check_int(name, getattr(self, name), 1, 2**40)
        check_int("warmup", self.warmup, 0, 2**40)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate={self.learning_rate}: expected a finite number above 0")

    def to_dict(self) -> dict[str, Any]:
        """Every field, as recipe.json has it: tuples are lists."""
        return json.loads(json.dumps(asdict(self)))
