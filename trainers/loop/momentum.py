"""Reset the optimizer's momentum of revived codevectors."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vqzoo.quantizers.codebook import named_codebooks


@torch.no_grad()
def reset_momentum(optimizer: Optimizer, model: nn.Module) -> None:
    """Shrink the momentum of each codevector by the share of the way to data that a revival moved it.

    Otherwise momentum from before the revival would drive the codevector away from the data again.
    """
    for codebook in named_codebooks(model).values():
        if codebook.pulled is not None and codebook.learns_by_gradient:
            for moment in optimizer.state[codebook.weight].values():
                if isinstance(moment, Tensor) and moment.shape == codebook.weight.shape:
                    moment.mul_(1 - codebook.pulled[:, None])
