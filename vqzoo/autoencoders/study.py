"""The network of a study of VQGAN on flowers (arXiv:2308.05242), with the positional encoding of its code."""

import torch
from torch import Tensor, nn

from vqzoo.autoencoders.blocks import Downsample, Norm, Upsample
from vqzoo.autoencoders.vqgan import Decoder, Encoder, Shape, VQGANAutoencoder


def columns(dim: int, width: int) -> Tensor:
    """Return (dim, 1, width): sines in the even channels and cosines in the odd ones, of the column alone."""
    angles = torch.arange(width)[:, None] * 10000.0 ** -(torch.arange(0, dim, 2) / dim)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :dim].T[:, None]


class ColumnEncoding(nn.Module):
    """Add the encoding of the column and, in training, drop half of the features."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Map x (b, width, h, w) to the same shape."""
        result: Tensor = self.dropout(x + columns(x.shape[1], x.shape[3]).to(x))
        return result


class StudyEncoder(Encoder):
    """VQGAN's encoder with a column encoding behind the first convolution and one at the coarsest grid."""

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__(shape, norm)
        coarsest = max(i for i, layer in enumerate(self.layers) if isinstance(layer, Downsample)) + 1
        self.layers.insert(coarsest, ColumnEncoding())
        self.layers.insert(0, ColumnEncoding())


class StudyDecoder(Decoder):
    """VQGAN's decoder with a column encoding in place of its first blocks and one within the next scale.

    The replaced blocks are residual, attention, residual at the coarsest grid.
    """

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__(shape, norm)
        del self.layers[: 2 + shape.middle_attention]
        next_scale = min(i for i, layer in enumerate(self.layers) if isinstance(layer, Upsample)) + 1
        middle = (shape.blocks + 1) // 2
        attended = 2 ** (len(shape.widths) - 2) in shape.attention
        self.layers.insert(next_scale + middle * (1 + attended) + 1, ColumnEncoding())
        self.layers.insert(0, ColumnEncoding())


class StudyAutoencoder(VQGANAutoencoder):
    """VQGAN's autoencoder as the study of positional encodings on flowers changed it, for repeating that study.

    What the study calls a 2-D encoding depends on the column alone, is added at four layers inside the network instead
    of to the latents, and comes with a dropout of one half at each; the decoder lacks its first three blocks. A
    comparison with "vqgan" therefore compares all of that at once. The study never left training mode, so that its
    images and losses were computed with dropout; here dropout acts in training alone, and evaluation is deterministic.

    Two changes that the study made with and without the encoding are not repeated: attention without an output
    projection, and a decoder whose residual blocks end at half of the resolution.
    """

    encoder_type = StudyEncoder
    decoder_type = StudyDecoder
