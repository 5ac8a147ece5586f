"""torch's FlopCounterMode, extended by the codevector search on a CPU."""

import torch
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

import vqzoo.ops.search  # noqa: F401  registers torch.ops.vqzoo.search

__all__ = ["FlopCounterMode"]


@register_flop_formula(torch.ops.vqzoo.search)
def _search(latents: torch.Size, codebook: torch.Size, *others: object, **shapes: object) -> int:
    """Return the operations for (n, d) latents and (k, d) codevectors: a multiply-add counts as two."""
    return 2 * latents[0] * codebook[0] * codebook[1]
