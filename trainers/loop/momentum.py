"""The optimizer's momentum of codevectors that a revival has moved."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vqzoo.quantizers.codebook import named_codebooks


@torch.no_grad()
def reset_momentum(optimizer: Optimizer, model: nn.Module) -> None:
    """Shrink the momentum of each codevector by how far the last update moved the codevector to data.

    A codevector that was moved keeps the momentum of its old place otherwise, and is driven off again.
    """
    for codebook in named_codebooks(model).values():
        if codebook.pulled is not None and codebook.learns_by_gradient:
            for moment in optimizer.state[codebook.weight].values():
                if isinstance(moment, Tensor) and moment.shape == codebook.weight.shape:
                    moment.mul_(1 - codebook.pulled[:, None])
