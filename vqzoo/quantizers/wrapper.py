"""What composites of one quantizer share."""

from torch import Tensor

from vqzoo.quantizers.base import Quantizer, Visit
from vqzoo.quantizers.cost import Cost


class Wrapper(Quantizer):
    """A composite of one quantizer, which gets the latents in another form; the indices are those of that quantizer.

    Subclasses write `inner_latents` and `quantize`, and `lookup` where its result has to be mapped back.
    """

    enlargement: int = 1
    """Cells that the inner quantizer is given for each cell of a latent grid."""

    def __init__(self, quantizer: Quantizer):
        super().__init__()
        self.quantizer = quantizer
        self.dim = quantizer.dim
        self.multiple = quantizer.multiple
        self.index_sizes = quantizer.index_sizes
        self.codebook_of = quantizer.codebook_of
        self.column_word = quantizer.column_word

    def inner_latents(self, latents: Tensor) -> Tensor:
        """Return what the inner quantizer gets of latents (b, h, w, dim)."""
        raise NotImplementedError

    def assign(self, latents: Tensor) -> Tensor:
        return self.quantizer.assign(self.inner_latents(latents))

    def lookup(self, indices: Tensor) -> Tensor:
        return self.quantizer.lookup(indices)

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return (self.quantizer,)

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        return self.quantizer.visit(self.inner_latents(latents), indices, at_leaf)

    def index_grids(self, height: int, width: int) -> list[Tensor]:
        return self.quantizer.index_grids(height, width)

    def index_cells(self, cells: int) -> int:
        return self.quantizer.index_cells(cells * self.enlargement)

    def search_cost(self, cells: int) -> Cost:
        return self.quantizer.search_cost(cells * self.enlargement)
