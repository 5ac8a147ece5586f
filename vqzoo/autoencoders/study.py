"""The network of a study of VQGAN on flowers (arXiv:2308.05242), with its positional encoding as its code has it."""

import torch
from torch import Tensor, nn

from vqzoo.autoencoders.blocks import Downsample, Norm, Upsample
from vqzoo.autoencoders.vqgan import Decoder, Encoder, Shape, VQGANAutoencoder


def columns(dim: int, width: int) -> Tensor:
    """(dim, 1, width): sines in the even channels and cosines in the odd ones, of the column alone."""
    angles = torch.arange(width)[:, None] * 10000.0 ** -(torch.arange(0, dim, 2) / dim)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :dim].T[:, None]


class ColumnEncoding(nn.Module):
    """Adds the encoding of the column and, in training, drops half of the features with it."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        return self.dropout(x + columns(x.shape[1], x.shape[3]).to(x))


class StudyEncoder(Encoder):
    """VQGAN's with an encoding behind the first convolution and one where the coarsest grid begins."""

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__(shape, norm)
        coarsest = max(i for i, layer in enumerate(self.layers) if isinstance(layer, Downsample)) + 1
        self.layers.insert(coarsest, ColumnEncoding())
        self.layers.insert(0, ColumnEncoding())


class StudyDecoder(Decoder):
    """VQGAN's with an encoding in place of its head (residual, attention, residual) and one amid the next scale."""

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__(shape, norm)
        del self.layers[: 2 + shape.middle_attention]
        next_scale = min(i for i, layer in enumerate(self.layers) if isinstance(layer, Upsample)) + 1
        middle = (shape.blocks + 1) // 2
        attended = 2 ** (len(shape.widths) - 2) in shape.attention
        self.layers.insert(next_scale + middle * (1 + attended) + 1, ColumnEncoding())
        self.layers.insert(0, ColumnEncoding())


class StudyAutoencoder(VQGANAutoencoder):
    """VQGAN's autoencoder as the study of positional encodings on flowers changed it: for repeating it, not for use.

    What the study calls a 2-D encoding tells the column alone, stands at four places inside the network instead of on
    the latents, and comes with a dropout of one half at each; the decoder lost its head on the way. A comparison with
    "vqgan" therefore compares all of that at once. The study never left training mode, so that its pictures and losses
    were made with dropout; here it acts in training alone, and evaluation is deterministic.
    Not repeated, because the study had it with and without the encoding: attention without a projection behind it, and
    a decoder whose residual blocks end at half of the resolution.
    """

    encoder_type = StudyEncoder
    decoder_type = StudyDecoder
