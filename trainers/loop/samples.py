"""Sample grids: originals above their reconstructions, as a PNG."""

from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer


@torch.inference_mode()
def save_samples(tokenizer: Tokenizer, originals: Tensor, path: Path) -> None:
    """Write a PNG with uint8 images (n, c, h, w) in one row and their reconstructions in the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tokenizer(...)`, whose losses wait for all processes: only one of them writes samples.
    restored = to_bytes(tokenizer.decode(tokenizer.encode(from_bytes(originals))))
    grid = make_grid(torch.cat([originals, restored]), nrow=len(originals), padding=1, pad_value=255)
    save_image(grid.float() / 255, path)
