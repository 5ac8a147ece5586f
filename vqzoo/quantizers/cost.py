"""What a quantizer costs beside bits: codebooks to store and multiplications to find codevectors.

The formulas are those of LooC's supplement (arXiv:2601.00222, sections 1.1 and 1.2): a codebook of K codevectors of d
numbers takes 32 K d bits, and finding the nearest of them for n latents takes n K d multiplications; additions are
left out. With m segments that share a codebook of K' x d / m, n m K' d / m = n K' d.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Book:
    """`size` codevectors of `code_dim` numbers; not `stored` where a formula gives them, as it does for signs."""

    size: int
    code_dim: int
    stored: bool = True


@dataclass(frozen=True)
class Cost:
    """Cost of one image.

    books: every codebook once, however many indices point into it; an alphabet of scalars is one of code_dim 1, and a
    plain autoencoder has none. searches: multiplications that find codevectors, n K d for each codebook; rounding takes
    none. maps: multiplications of the quantizer's learnt linear maps and convolutions, encoding and decoding together.
    log2_choices: log2 of the number of different index grids. latents: cells of the latent grids of all levels.
    indices: that are stored.
    """

    books: tuple[Book, ...] = ()
    searches: int = 0
    maps: int = 0
    log2_choices: float = 0.0
    latents: int = 0
    indices: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Cost)))

    @property
    def storage(self) -> int:
        """Bytes of the codebooks that have to be stored, at 32 bits a number."""
        return 4 * sum(book.size * book.code_dim for book in self.books if book.stored)

    @property
    def codevectors(self) -> int:
        """Codevectors of all codebooks together."""
        return sum(book.size for book in self.books)

    @property
    def codebook_size(self) -> int:
        """K, of the largest codebook; 0 without one."""
        return max((book.size for book in self.books), default=0)
