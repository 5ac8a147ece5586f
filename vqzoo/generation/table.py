"""The table of priors: name -> class. To add one, write its file and add its row."""

from collections.abc import Callable
from functools import partial
from typing import Any

from vqzoo.generation.autoregressive import AutoregressivePrior, DelayPrior, DepthPrior
from vqzoo.generation.diffusion import DiffusionPrior
from vqzoo.generation.maskgit import MaskedPrior
from vqzoo.generation.prior import Prior
from vqzoo.generation.scale import ScalePrior
from vqzoo.generation.signs import SignsPrior
from vqzoo.ops.build import build_from
from vqzoo.tokens.sequences import Sequences

PRIORS: dict[str, type[Prior]] = {
    "ar": AutoregressivePrior,
    "ar-delay": DelayPrior,
    "ar-depth": DepthPrior,
    "ar-signs": SignsPrior,
    "ar-scale": ScalePrior,
    "maskgit": MaskedPrior,
    "diffusion": DiffusionPrior,
}


def build_prior(name: str, sequences: Sequences, **settings: Any) -> Prior:
    """Return the prior called `name`, untrained; raise ValueError for an unknown name or setting."""
    table: dict[str, Callable[..., Prior]] = {known: partial(builder, sequences) for known, builder in PRIORS.items()}
    return build_from(table, "prior", name, settings)
