"""The settings of a training run, saved in its folder as recipe.json."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from trainers.data.loading import Fit
from vqzoo.ops.check import check_int

if TYPE_CHECKING:
    from vqzoo.tokenizer import Tokenizer

Settings = dict[str, int | float | str | bool | tuple[int, ...]]


PIXEL_TERMS = ("reconstruction", "l1")
"""Mean squared and mean absolute difference of pixels in [0, 1]."""
IMAGE_TERMS = (*PIXEL_TERMS, "perceptual")
"""Terms that compare a reconstruction with its original; their weighted sum chooses the best checkpoint."""


@dataclass(frozen=True)
class Adversary:
    """The discriminator, for recipes with a weight for the "adversarial" term."""

    start: int = 10_000
    """Updates of the tokenizer before the discriminator trains and the adversarial term begins."""
    loss: Literal["hinge", "non-saturating"] = "hinge"
    adaptive: bool = True
    """Scale the term so that its gradient at the last layer has the norm of the image terms' (VQGAN, eq. 7)."""
    width: int = 64
    layers: int = 3
    lecam: float = 0.0
    """Weight of the LeCam regulariser."""
    learning_rate: float = 0.0
    """Peak learning rate of the discriminator's Adam; 0: the recipe's learning rate."""


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of weights other than kernels; 0: the recipe's learning rate."""

    vectors: float = 0.0
    """Biases, scales and positional encodings."""
    projections: float = 0.0
    """Matrices and kernels inside a quantizer."""
    codebooks: float = 0.0
    """Codevectors that learn by gradient."""


@dataclass(frozen=True)
class Recipe:
    """All settings that determine a checkpoint. Every field can be overridden on the command line."""

    name: str
    """Recipe, checkpoint folder, model card and Hub repository: <dataset>-<method>-<size>."""
    dataset: str
    """A key of `trainers.data.sets.HUB_IDS`, or any Hub id."""
    quantizer: Settings
    """Name and settings, as `vqzoo.quantizers.build` takes them, without dim."""
    position: Literal["none", "sinusoidal", "nerf", "learned"] = "none"
    """Positional encoding of the latent grid."""
    place: Literal["decoder", "encoder", "both"] = "decoder"
    """What the encoding is added to: the decoder's input, the encoder's output, or both."""
    autoencoder: Settings = field(default_factory=lambda: {"name": "conv", "stride": 4})
    """Name and settings, as `vqzoo.autoencoders.build_autoencoder` takes them, without channels and latent_dim."""
    channels: int = 3
    resolution: int = 32
    """Side in pixels; images of another size are resized to it, as `fit` says."""
    fit: Fit = "crop"
    """How an image becomes square: cut its centre out (crop), add black borders (pad), change its shape (squash)."""
    crop: int = 0
    """Side of the random crop that a training step takes of each image; 0: whole images."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Range of the share of an image's area in random resized crops, which are resized to `side`; (1, 1): none."""
    flip: bool = False
    """Mirror half of the images, left to right."""
    train_images: int = 0
    """Number of training images, the first ones of the train split; 0: all that are not held out."""
    latent_dim: int = 128
    start_from: str = ""
    """A model (name, folder or Hub id) to copy weights from where key and shape agree; "": start from scratch."""
    weights: dict[str, float] = field(default_factory=dict)
    """Weight of each loss term, by its name in the log: reconstruction (mean squared difference of pixels in [0, 1]),
    l1, perceptual (LPIPS), adversarial, and the quantizer's losses. At 0 the first four are not computed."""
    lpips: Literal["squeeze", "alex", "vgg"] = "squeeze"
    """Network of the perceptual term."""
    layer_weights: tuple[float, ...] = ()
    """Weight of each layer of the perceptual network; none: 1 each. In a second phase all are 1."""
    adversary: Adversary = Adversary()
    second_phase: int = 0
    """Updates after which encoder and quantizer are frozen (SeQ-GAN); 0: never."""
    freeze: tuple[Literal["encoder", "quantizer", "decoder"], ...] = ()
    """Parts that are not trained, usually with `start_from`; with encoder and quantizer frozen no token changes."""
    steps: int = 10_000
    """The full training budget, in optimizer steps."""
    batch_size: int = 256
    """Images a step, over all processes."""
    accumulate: int = 1
    """Parts into which a step's batch is divided to save memory. Gradients are accumulated; codebooks that learn by
    moving averages are updated after each part."""
    optimizer: Literal["adam", "muon"] = "adam"
    """adam: Adam for all weights; muon: Muon for kernels, AdamW for all others."""
    learning_rate: float = 3e-4
    """Peak learning rate of the kernels, and of the weights to which `rates` gives 0."""
    rates: Rates = Rates()
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Learning rate after the warm-up: cosine or linear decay to zero at the last step, or constant."""
    warmup: int = 100
    """Steps of linear warm-up."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Betas of Adam and AdamW, for the tokenizer and the discriminator."""
    average: float = 0.0
    """EMA decay of the weights; the averaged weights are evaluated and published. 0: no average."""
    held_out: int = 1000
    """Images held out of the train split, to choose the best checkpoint."""
    evaluate_every: int = 1000
    """Steps between held-out evaluations, each of which also saves a checkpoint."""
    seed: int = 42
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision of the autoencoder; quantizers always compute in float32."""

    @property
    def images(self) -> int:
        """Images seen in the whole training."""
        return self.steps * self.batch_size

    @property
    def side(self) -> int:
        """Side in pixels of a training image after cropping."""
        return self.crop or self.resolution

    def build(self) -> "Tokenizer":
        """Build an untrained tokenizer; models that differ in their positional encoding start with equal weights."""
        # Imported here, as a command's help needs recipes but must not wait for torch.
        from vqzoo.autoencoders import build_autoencoder, build_position
        from vqzoo.quantizers import build
        from vqzoo.tokenizer import Tokenizer

        settings = {"channels": self.channels, "latent_dim": self.latent_dim, **self.autoencoder}
        autoencoder = build_autoencoder(**settings)  # type: ignore[arg-type]
        levels = [build(dim=self.latent_dim, **self.quantizer) for _ in autoencoder.strides]  # type: ignore[arg-type]
        grid = {"grid": self.side // autoencoder.strides[-1], "place": self.place} if self.position != "none" else {}
        position = build_position(self.position, dim=self.latent_dim, **grid)
        return Tokenizer(autoencoder, levels if len(levels) > 1 else levels[0], position, self.side)

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return bool(self.weights.get("adversarial"))

    def in_second_phase(self, step: int) -> bool:
        """Return whether the update after `step` earlier ones changes the decoder alone."""
        return 0 < self.second_phase <= step

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "held_out", "evaluate_every"):
            check_int(name, getattr(self, name), 1, 2**40)
        for name in ("warmup", "train_images", "second_phase"):
            check_int(name, getattr(self, name), 0, 2**40)
        check_int("crop", self.crop, 0, self.resolution)
        check_int("adversary.start", self.adversary.start, 0, 2**40)
        if self.batch_size % self.accumulate:
            raise ValueError(f"accumulate={self.accumulate}: expected a divisor of batch_size={self.batch_size}")
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale={self.scale}: expected two shares of an area, 0 < smallest <= largest <= 1")
        if not any(self.weights.get(term) for term in PIXEL_TERMS):
            raise ValueError(f"weights: expected a weight of {' or '.join(map(repr, PIXEL_TERMS))}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average={self.average}: expected 0 (none) or a decay below 1")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate={self.learning_rate}: expected a finite number above 0")
        for name, rate in {**asdict(self.rates), "adversary": self.adversary.learning_rate}.items():
            if not 0 <= rate < math.inf:
                raise ValueError(f"learning rate of the {name}: {rate}; expected a finite number, 0 or above")

    def frozen(self, step: int) -> frozenset[str]:
        """Return the parts that are frozen in update number `step`, counted from 0."""
        return frozenset({"encoder", "quantizer"} if self.in_second_phase(step) else self.freeze)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Recipe":
        """Return the recipe of a recipe.json; fields that it does not have, as it is older, get their defaults."""
        nested: dict[str, Any] = {
            "adversary": Adversary(**fields.get("adversary", {})),
            "rates": Rates(**fields.get("rates", {})),
        }
        if "betas" in fields:
            nested["betas"] = tuple(fields["betas"])
        return cls(**fields | nested)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as stored in recipe.json, with lists in place of tuples."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return fields
