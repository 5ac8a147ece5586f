"""A moving average of a model's weights, which usually evaluates better than the weights themselves."""

from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn

from vqzoo.ops.check import check_fraction


class WeightAverage(AveragedModel):
    """`module` is a copy of `model` in evaluation mode whose parameters are the moving average of the model's.

    After n updates the next one keeps min(decay, (1 + n) / (10 + n)) of the average; the first one copies. Buffers are
    copied at every update: what codebooks keep there (codevectors that are moving averages already, counts, usage) is
    consistent as a whole only. `state_dict` holds all of it, the number of updates included.
    """

    module: nn.Module

    def __init__(self, model: nn.Module, decay: float = 0.9999):
        super().__init__(model, multi_avg_fn=self._average)
        self.decay = check_fraction("decay", decay)
        self.requires_grad_(False).eval()

    def update(self, model: nn.Module) -> None:
        """To be called after each of the optimizer's steps."""
        self.update_parameters(model)

    def copy_to(self, model: nn.Module) -> None:
        """Give the model the averaged parameters and the buffers of the last update."""
        model.load_state_dict(self.module.state_dict())

    def _average(self, averages: PARAM_LIST, values: PARAM_LIST, updates: Tensor | int) -> None:
        updates = int(updates)
        get_ema_multi_avg_fn(min(self.decay, (1 + updates) / (10 + updates)))(averages, values, updates)
