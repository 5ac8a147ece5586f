"""The indices of a photograph, as something to be stored."""

from dataclasses import dataclass

import numpy as np
import torch

from vqzoo.analysis.lossless import Compressed, compress
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class IndexFile:
    """grids: indices (n, q) of each level, coarsest first; sizes: the alphabets of their columns."""

    grids: list[np.ndarray]
    sizes: list[tuple[int, ...]]

    def compress(self) -> Compressed:
        """Level after level, each the smallest that any compressor makes of it."""
        parts = [compress(grid, sizes) for grid, sizes in zip(self.grids, self.sizes, strict=True)]
        return Compressed(
            ", ".join(dict.fromkeys(part.method for part in parts)), b"".join(part.data for part in parts)
        )


@torch.inference_mode()
def index_file(tokenizer: Tokenizer, original: np.ndarray) -> IndexFile:
    """The indices of `Result.original`, uint8 (h, w, 3), which is grey where the tokenizer is."""
    image = torch.from_numpy(original).to(next(tokenizer.parameters()).device).permute(2, 0, 1)
    tokens = tokenizer.encode(from_bytes(image[None, : tokenizer.autoencoder.channels]))
    grids = [grid.flatten(0, 2).cpu().numpy() for grid in tokens.grids]
    return IndexFile(grids, [quantizer.index_sizes for quantizer in tokenizer.quantizers])
