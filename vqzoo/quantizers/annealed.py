"""A temperature that falls while a quantizer trains."""

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int, check_positive


class Annealed(nn.Module):
    """Falls geometrically from `first` to `last` over `steps` training steps, then stays; both are above 0."""

    step: Tensor

    def __init__(self, first: float, last: float, steps: int):
        super().__init__()
        self.first = check_positive("temperature", first)
        self.last = check_positive("last_temperature", last)
        self.steps = check_int("anneal_steps", steps, 1, 2**40)
        self.register_buffer("step", torch.tensor(0))

    def forward(self) -> float:
        """Return the temperature of this training step; the next call returns that of the next step."""
        done = min(1.0, self.step.item() / self.steps)
        self.step.add_(1)
        result: float = self.first * (self.last / self.first) ** done
        return result
