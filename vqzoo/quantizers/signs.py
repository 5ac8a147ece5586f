"""Lookup-free quantization: one bit a channel, its sign."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_int, check_positive
from vqzoo.ops.entropy import bit_entropies
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer


class Signs(Quantizer):
    """Rounds channel i to +-`scale` by its sign; bit i of the index is 1 where it is above 0.

    LFQ (MAGVIT-v2, arXiv:2310.05737) with scale 1; on the sphere with scale 1 / sqrt(bits) BSQ (arXiv:2406.07548).
    Losses: "commitment" |z - sg(q)|^2, a mean over all numbers; "sample_entropy" and "entropy_deficit" of
    softmax(-|z - c|^2 / temperature) over the 2^bits codes, in nats, without ever making a codebook.
    """

    fixed = True
    rounds_to = "signs"

    def __init__(self, bits: int, scale: float = 1.0, temperature: float = 0.01):
        super().__init__()
        self.dim = check_int("bits", bits, 1, 62)
        self.scale = scale
        self.temperature = check_positive("temperature", temperature)
        self.index_sizes = (2**bits,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        places = torch.arange(self.dim, device=latents.device)
        return ((latents > 0).long() << places).sum(-1, keepdim=True)

    def lookup(self, indices: Tensor) -> Tensor:
        places = torch.arange(self.dim, device=indices.device)
        return torch.where((indices >> places) & 1 == 1, self.scale, -self.scale)

    def quantize(self, latents: Tensor) -> Quantized:
        signs = torch.where(latents.detach() > 0, self.scale, -self.scale)
        # |z - c|^2 = const - 2 z.c, and bit i moves it by 4 z_i scale.
        logits = latents.reshape(-1, self.dim) * (4 * self.scale / self.temperature)
        sample_entropy, entropy_deficit = bit_entropies(logits)
        losses = {
            "commitment": F.mse_loss(latents, signs),
            "sample_entropy": sample_entropy,
            "entropy_deficit": entropy_deficit,
        }
        return Quantized(straight_through(latents, signs), self.assign(latents), losses)
