"""A moving average of a model's weights, which usually scores better than the weights themselves."""

from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn

from vqzoo.ops.check import check_fraction


class WeightAverage(AveragedModel):
    """Exponential moving average of a model; `module` is the averaged copy, in evaluation mode.

    After n updates the next one keeps min(decay, (1 + n) / (10 + n)) of the average; the first one copies. Buffers are
    copied at every update, because a codebook's buffers (averaged codevectors, counts, usage) are consistent only as a
    whole. `state_dict` includes the number of updates.
    """

    module: nn.Module

    def __init__(self, model: nn.Module, decay: float = 0.9999):
        super().__init__(model, multi_avg_fn=self._average)
        self.decay = check_fraction("decay", decay)
        self.requires_grad_(False).eval()

    def update(self, model: nn.Module) -> None:
        """Update the average; call it after each optimizer step."""
        self.update_parameters(model)

    def _average(self, averages: PARAM_LIST, values: PARAM_LIST, updates: Tensor | int) -> None:
        updates = int(updates)
        get_ema_multi_avg_fn(min(self.decay, (1 + updates) / (10 + updates)))(averages, values, updates)
