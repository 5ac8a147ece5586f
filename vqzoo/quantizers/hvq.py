"""A hierarchy of quantizers trained greedily: only the uppermost layer is stored, the layers below it are guessed."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.ops.distributed import all_reduce
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer, Visit
from vqzoo.quantizers.cost import Cost


class HVQ(Quantizer):
    """An upper layer of the Hierarchical Quantized Autoencoder (Williams et al., 2020, arXiv:2002.08111).

    `lower` quantizes the latents z. Above it stands an autoencoder of z: an encoder to a grid smaller by `stride`, the
    quantizer `upper`, and a decoder whose output is a guess at z. Only the indices of `upper` are stored; what decoding
    gives is the codevectors of `lower` nearest to the guess. With `upper` another HVQ there are more layers.

    Training is greedy. Nothing of the upper layer reaches z, and in training mode the latents that come out are those
    of `lower`, so that it and the networks around it learn as they do alone; the indices are those of `upper`, and in
    evaluation the latents are what they decode to. Losses: those of `lower` and `upper`, of one name added up, as no
    two layers share a parameter, and "guess", the mean squared error of the guess in units of z's variance.

    The paper trains one layer after the other; here all learn at once. It draws codevectors at random, from a softmax
    of -|z - e|^2, in evaluation, too, with a divergence that keeps the choices open; here the nearest one is taken.
    """

    def __init__(self, lower: Quantizer, upper: Quantizer, stride: int, width: int):
        super().__init__()
        assert lower.dim == upper.dim and lower.multiple == 1
        check_int("stride", stride, 2, 16)
        check_int("width", width, 1, 4096)
        self.lower = lower
        self.upper = upper
        self.dim = lower.dim
        self.multiple = stride * upper.multiple
        self.index_sizes = upper.index_sizes
        self.codebook_of = upper.codebook_of
        self.column_word = upper.column_word
        self.stride = stride
        self.scale = RunningScale(self.dim)
        self.encoder = nn.Sequential(
            nn.Conv2d(self.dim, width, 2 * stride - 1, stride, stride - 1),
            nn.Mish(),
            nn.Conv2d(width, self.dim, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(self.dim, width, 3, padding=1),
            nn.Mish(),
            nn.Upsample(scale_factor=stride),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Mish(),
            nn.Conv2d(width, self.dim, 3, padding=1),
        )

    def assign(self, latents: Tensor) -> Tensor:
        return self.upper.assign(self._above(latents))

    def lookup(self, indices: Tensor) -> Tensor:
        return self._below(_on_planes(self.decoder, self.upper.lookup(indices)))

    def quantize(self, latents: Tensor) -> Quantized:
        below = self.lower.quantize(latents)
        if self.training:
            self.scale.update(latents.detach().reshape(-1, self.dim))
        target = self.scale.normalised(latents.detach())
        above = self.upper.quantize(_on_planes(self.encoder, target))
        guess = _on_planes(self.decoder, above.latents)
        losses = {**below.losses, "guess": F.mse_loss(guess, target)}
        for name, loss in above.losses.items():
            losses[name] = losses[name] + loss if name in losses else loss
        restored = below.latents if self.training else straight_through(latents, self._below(guess))
        return Quantized(restored, above.indices, losses)

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return (self.upper,)

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        return self.upper.visit(self._above(latents), indices, at_leaf)

    def index_cells(self, cells: int) -> int:
        return self.upper.index_cells(cells // self.stride**2)

    def search_cost(self, cells: int) -> Cost:
        above = cells // self.stride**2
        # Convolutions one after the other: both of the encoder see the small grid, the first of the decoder, too.
        grids = [above, above, above, cells, cells]
        layers = [each for each in (*self.encoder, *self.decoder) if isinstance(each, nn.Conv2d)]
        maps = sum(count * layer.weight.numel() for count, layer in zip(grids, layers, strict=True))
        # Encoding does not search below; decoding does, for the codevectors nearest to its guess.
        return self.lower.search_cost(cells) + self.upper.search_cost(above) + Cost(maps=maps)

    def _above(self, latents: Tensor) -> Tensor:
        return _on_planes(self.encoder, self.scale.normalised(latents))

    def _below(self, guess: Tensor) -> Tensor:
        return self.lower.lookup(self.lower.assign(self.scale.restored(guess)))


class RunningScale(nn.Module):
    """Takes the running mean of each channel off, and divides by one running deviation of all channels.

    One deviation for all, so that what is near stays near. The first training batch starts both.
    """

    mean: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, dim: int, decay: float = 0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("started", torch.tensor(False))

    @torch.no_grad()
    def update(self, latents: Tensor) -> None:
        """Learn from the latents (n, d) of a training batch."""
        num = all_reduce(latents.new_tensor(len(latents)))
        mean = all_reduce(latents.sum(0)) / num
        variance = all_reduce((latents - mean).square().sum()) / (num * latents.shape[1])
        share = torch.where(self.started, 1 - self.decay, 1.0)
        self.mean.lerp_(mean, share)
        self.variance.lerp_(variance, share)
        self.started.fill_(True)

    def normalised(self, latents: Tensor) -> Tensor:
        return (latents - self.mean) / self._deviation()

    def restored(self, latents: Tensor) -> Tensor:
        return latents * self._deviation() + self.mean

    def _deviation(self) -> Tensor:
        # Latents that are all the same have none.
        return self.variance.sqrt().clamp(min=1e-6)


def _on_planes(network: nn.Module, grid: Tensor) -> Tensor:
    """`network`, which wants (b, c, h, w), of a grid (b, h, w, c)."""
    result: Tensor = network(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return result
