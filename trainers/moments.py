"""Adam's memory of codevectors that were moved behind its back."""

import torch
from torch import nn
from torch.optim import Optimizer

from vqzoo.quantizers.codebook import Codebook


@torch.no_grad()
def forget_moved(optimizer: Optimizer, model: nn.Module) -> None:
    """Shrink the moments of each codevector by how far the last update moved it to data.

    A codevector that was put somewhere else keeps the momentum of its old place otherwise, and is driven off again.
    """
    for codebook in model.modules():
        if isinstance(codebook, Codebook) and codebook.pulled is not None and codebook.learns_by_gradient:
            for moment in optimizer.state[codebook.weight].values():
                if moment.shape == codebook.weight.shape:
                    moment.mul_(1 - codebook.pulled[:, None])
