"""What a training run is: a typed record, saved beside the run as recipe.json."""

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
"""Terms that compare a reconstruction with its original; the best checkpoint is chosen by their weighted sum."""


@dataclass(frozen=True)
class Adversary:
    """The discriminator of recipes that weigh an "adversarial" term; the others have none."""

    start: int = 10_000
    """Generator updates before either side of the game begins."""
    loss: Literal["hinge", "non-saturating"] = "hinge"
    adaptive: bool = True
    """Scale the term so that its gradient at the last layer is as long as that of the image terms (VQGAN, eq. 7)."""
    width: int = 64
    layers: int = 3
    lecam: float = 0.0
    """Weight of the LeCam regulariser."""
    learning_rate: float = 0.0
    """Peak of the discriminator's Adam; 0: the recipe's learning rate."""


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of weights that are no kernels; 0: the recipe's learning rate."""

    vectors: float = 0.0
    """Biases, scales and positional encodings."""
    projections: float = 0.0
    """Matrices and kernels inside a quantizer."""
    codebooks: float = 0.0
    """Codevectors that learn by gradient."""


@dataclass(frozen=True)
class Recipe:
    """One checkpoint's training, complete. Every field can be overridden on the command line."""

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
    """Of an image that is no square take the centre, put black beside it (pad), or change its proportions (squash)."""
    crop: int = 0
    """Side of the random crop that a training step takes of each image; 0: whole images."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest share of an image's area that a training step sees, resized to `side` (random resized crop);
    (1, 1): no resizing."""
    flip: bool = False
    """Mirror images, left to right, with a chance of one half."""
    train_images: int = 0
    """How many images of the train split to learn from, the first ones; 0: all that are not held out."""
    latent_dim: int = 128
    start_from: str = ""
    """A checkpoint (name, folder or Hub id) that lends its weights wherever key and shape agree; none: from scratch."""
    weights: dict[str, float] = field(default_factory=dict)
    """Weight of each loss term, by the name it is logged under: reconstruction (mean squared difference of pixels in
    [0, 1]), l1, perceptual (LPIPS), adversarial, and the quantizer's own. The first four are left out at 0."""
    lpips: Literal["squeeze", "alex", "vgg"] = "squeeze"
    """Network of the perceptual term."""
    layer_weights: tuple[float, ...] = ()
    """Weight of each layer of the perceptual network; none: 1 each. In a second phase they no longer apply."""
    adversary: Adversary = Adversary()
    second_phase: int = 0
    """Generator updates after which encoder and quantizer are frozen (SeQ-GAN); 0: never."""
    freeze: tuple[Literal["encoder", "quantizer", "decoder"], ...] = ()
    """Parts that stay as they start, as those of `start_from`; with encoder and quantizer frozen no token changes."""
    steps: int = 10_000
    """The full training budget, in optimizer steps."""
    batch_size: int = 256
    """Images a step, over all processes."""
    accumulate: int = 1
    """Parts that a step's batch goes through the network in, one after the other, to need less memory; gradients add
    up, codebooks that learn by statistics learn after each part."""
    optimizer: Literal["adam", "muon"] = "adam"
    """adam: Adam for all weights; muon: Muon for kernels, AdamW for all others."""
    learning_rate: float = 3e-4
    """Peak learning rate of the kernels and, with adam, of whatever `rates` leaves at 0."""
    rates: Rates = Rates()
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """After the warm-up: a cosine or a line to zero at the last step, or the peak to the end."""
    warmup: int = 100
    """Steps of linear warm-up."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of Adam and AdamW, for the tokenizer and the discriminator."""
    average: float = 0.0
    """Decay of a moving average of the weights, which is then what is evaluated and published; 0: no average."""
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

    @property
    def side(self) -> int:
        """Side in pixels of what a training step sees of an image."""
        return self.crop or self.resolution

    def build(self) -> "Tokenizer":
        """Return the fresh tokenizer; parts are built in an order that gives twins the same initial weights."""
        # Here, not above: a command's help needs recipes and not the seconds that torch takes.
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
        """Whether the update after `step` others changes the decoder alone."""
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
        """Return the parts that the update after `step` others leaves as they are."""
        return frozenset({"encoder", "quantizer"} if self.in_second_phase(step) else self.freeze)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Recipe":
        """The recipe that `to_dict` was called on, or recipe.json holds; fields that came later have their defaults."""
        nested: dict[str, Any] = {
            "adversary": Adversary(**fields.get("adversary", {})),
            "rates": Rates(**fields.get("rates", {})),
        }
        if "betas" in fields:
            nested["betas"] = tuple(fields["betas"])
        return cls(**fields | nested)

    def to_dict(self) -> dict[str, Any]:
        """Every field, as recipe.json has it: tuples are lists."""
        return json.loads(json.dumps(asdict(self)))
