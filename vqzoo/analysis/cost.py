"""Computational cost of a tokenizer, from its configuration alone."""

import json
import math
from functools import lru_cache
from typing import Any

import torch

from vqzoo.autoencoders import build_autoencoder
from vqzoo.ops.budget import Budget
from vqzoo.quantizers import build
from vqzoo.quantizers.cost import Cost

_MOST = 4096
"""Maximum number of tensors of a network, as a configuration from a stranger can ask for any number."""


def cost(config: dict[str, Any], height: int, width: int) -> Cost:
    """Return the cost of a config.json's tokenizer for an image of height x width pixels; no weights are needed.

    Raises ValueError if no tokenizer can be built from the config.
    """
    levels = config["quantizer"] if isinstance(config["quantizer"], list) else [config["quantizer"]]
    strides = _strides(json.dumps(config["autoencoder"], sort_keys=True))
    with Budget(_MOST), torch.device("meta"):
        quantizers = [build(**level) for level in levels]
    multiple = math.lcm(*(stride * part.multiple for stride, part in zip(strides, quantizers, strict=True)))
    total = Cost()
    for stride, quantizer in zip(strides, quantizers, strict=True):
        cells = math.prod(-(-side // multiple) * multiple // stride for side in (height, width))
        total += quantizer.cost(cells)
    return total


@lru_cache(64)
def _strides(autoencoder: str) -> tuple[int, ...]:
    """Return the strides of an autoencoder, given its config as JSON; cached, as many models share one."""
    with Budget(_MOST), torch.device("meta"):
        return build_autoencoder(**json.loads(autoencoder)).strides
