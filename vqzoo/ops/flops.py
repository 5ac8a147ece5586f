"""torch's FlopCounterMode, which counts the search for codevectors on a CPU as well."""

import torch
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

import vqzoo.ops.search  # noqa: F401  torch.ops.vqzoo.search

__all__ = ["FlopCounterMode"]


@register_flop_formula(torch.ops.vqzoo.search)
def _search(latents: torch.Size, codebook: torch.Size, *others: object, **shapes: object) -> int:
    """Of (n, d) latents and (k, d) codevectors; a product and its sum are two operations."""
    return 2 * latents[0] * codebook[0] * codebook[1]
