"""The settings of a prior's training run, saved in its folder as recipe.json."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from trainers.recipes.recipe import Rates, Settings
from vqzoo.ops.check import check_choice

SIZES: dict[str, Settings] = {
    "tiny": {"width": 64, "depth": 3, "heads": 4},
    "small": {"width": 96, "depth": 5, "heads": 4},
    "base": {"width": 256, "depth": 8, "heads": 8},
}
"""Settings of a Llama, by the last part of a prior's name."""
U_NETS: dict[str, Settings] = {
    "tiny": {"width": 32, "depth": 1},
    "small": {"width": 64, "depth": 1},
    "base": {"width": 128, "depth": 2},
}
"""Settings of the network of `diffusion`."""
_ORDERS = {"ar-delay": "delayed", "ar-scale": "by-level"}
"""Orders that priors need, where that is not "raster"."""


@dataclass(frozen=True)
class PriorRecipe:
    """All settings that determine a prior. Every field can be overridden on the command line."""

    name: str = ""
    """Run, checkpoint folder and card: <tokenizer>-<prior>-<size>; made of these where it is empty."""
    prior: Settings = field(default_factory=lambda: {"name": "ar", **SIZES["small"]})
    """Name and settings, as `vqzoo.generation.table.build_prior` takes them."""
    order: Literal["raster", "by-level", "interleaved", "delayed"] = "raster"
    """Order of the indices of an image in its sequence, see `vqzoo.tokens.Sequences`."""
    drop_class: float = 0.1
    """Share of training images whose class is not told, for classifier-free guidance."""
    steps: int = 1500
    """The full training budget, in optimizer steps."""
    batch_size: int = 64
    """Images a step, over all processes."""
    optimizer: Literal["adam", "muon"] = "muon"
    """adam: Adam for all weights; muon: Muon for matrices, AdamW for embeddings and scales."""
    learning_rate: float = 0.01
    """Peak learning rate of the matrices, and of the weights to which `rates` gives 0."""
    rates: Rates = Rates(vectors=0.003)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: int = 100
    """Steps of linear warm-up."""
    betas: tuple[float, float] = (0.9, 0.95)
    held_out: int = 1000
    """Images held out of the token set, to choose the best checkpoint."""
    evaluate_every: int = 500
    """Steps between held-out evaluations, each of which also saves a checkpoint."""
    seed: int = 42
    precision: Literal["no", "fp16", "bf16"] = "no"
    """Autocast type of the network, as accelerate names it."""

    def __post_init__(self) -> None:
        if not 0 <= self.drop_class < 1:
            raise ValueError(f"drop_class={self.drop_class}: expected 0 up to, and not including, 1")
        for name in ("steps", "batch_size", "held_out", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least 1")

    @property
    def images(self) -> int:
        """Number of images that the whole run learns from."""
        return self.steps * self.batch_size

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return asdict(self)


def prior_recipe(prior: str) -> PriorRecipe:
    """Return the recipe of a prior, "ar-small", say: the name in the table of priors and a key of `SIZES`."""
    kind, _, size = prior.rpartition("-")
    check_choice("size of a prior", size, SIZES)
    order: Any = _ORDERS.get(kind, "raster")
    sizes = U_NETS if kind == "diffusion" else SIZES
    return replace(PriorRecipe(), prior={"name": kind, **sizes[size]}, order=order)
