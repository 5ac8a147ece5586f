"""The indices of a photograph, compressed as for a file."""

from dataclasses import dataclass

import numpy as np
import torch

from vqzoo.analysis.lossless import Compressed, compress
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class IndexFile:
    """Indices of an image. grids: (n, q) for each level, coarsest first; sizes: alphabet sizes of their columns."""

    grids: list[np.ndarray]
    sizes: list[tuple[int, ...]]

    def compress(self) -> Compressed:
        """Compress each level with the compressor that yields the fewest bytes, and concatenate the results."""
        parts = [compress(grid, sizes) for grid, sizes in zip(self.grids, self.sizes, strict=True)]
        return Compressed(
            ", ".join(dict.fromkeys(part.method for part in parts)), b"".join(part.data for part in parts)
        )


@torch.inference_mode()
def index_file(tokenizer: Tokenizer, original: np.ndarray) -> IndexFile:
    """Encode `Result.original`, uint8 (h, w, 3), which is grey if the tokenizer is."""
    image = torch.from_numpy(original).to(next(tokenizer.parameters()).device).permute(2, 0, 1)
    tokens = tokenizer.encode(from_bytes(image[None, : tokenizer.autoencoder.channels]))
    grids = [grid.flatten(0, 2).cpu().numpy() for grid in tokens.grids]
    return IndexFile(grids, [quantizer.index_sizes for quantizer in tokenizer.quantizers])
