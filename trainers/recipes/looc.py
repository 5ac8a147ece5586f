"""LooC's tables (arXiv:2601.00222) on small images, a recipe for each row, with backbone and training of `cifar10`.

The paper has interpolation factor 2, while its authors' scripts for Tables 3 to 5 do not interpolate. So each size is
here at factor 1 and at factor 2, which needs four times the bits. The row of PQ has the budget of the authors' code:
256 codevectors divided among 32 codebooks.
"""

from collections.abc import Iterator
from dataclasses import replace

from trainers.recipes import cifar10
from trainers.recipes.cifar10 import on
from trainers.recipes.recipe import Recipe, Settings

DATASETS = ("cifar10", "mnist", "fashion_mnist")

TABLE_3 = ((256, 4), (256, 8), (256, 16), (256, 32), (256, 64))
"""(K, d): one codebook size, several dimensions of a codevector."""
TABLE_4 = ((256, 128), (512, 64), (1024, 32), (2048, 16), (4096, 8), (8192, 4))
"""(K, d) with the same product."""
TABLE_5 = ((8, 4), (16, 4), (32, 4), (64, 4), (128, 4), (256, 4), (512, 4), (1024, 4))
"""(K, d): one dimension of a codevector, several codebook sizes."""


def looc(dataset: str, codebook_size: int, code_dim: int, factor: int = 1) -> Recipe:
    """Return LooC with codevectors of `code_dim` dimensions, 128 / code_dim of which make a latent."""
    name = f"cifar10-looc-{codebook_size}x{code_dim}" + (f"-factor{factor}" if factor > 1 else "")
    quantizer: Settings = {"name": "looc", "codebook_size": codebook_size, "segments": 128 // code_dim}
    if factor > 1:
        quantizer["factor"] = factor
    return on(dataset, replace(cifar10.looc(), name=name, quantizer=quantizer))


def without_update(dataset: str) -> Recipe:
    """Return `looc` without revival of unused codevectors."""
    parent = looc(dataset, 256, 4)
    return replace(parent, name=f"{parent.name}-without-update", quantizer=parent.quantizer | {"revival": "none"})


def pq(dataset: str) -> Recipe:
    """Return 32 segments of 4 dimensions with a codebook of 8 codevectors each."""
    quantizer: Settings = {"name": "pq", "segments": 32, "codebook_size": 256, "budget": "total"}
    return on(dataset, replace(cifar10.pq(), name="cifar10-pq-32x8", quantizer=quantizer))


def recipes() -> Iterator[Recipe]:
    """Yield the rows of Tables 1, 3, 4, 5 and 8 on three data sets, and those of Tables 6 and 7 on CIFAR-10."""
    for dataset in DATASETS:
        for baseline in (cifar10.plain_vq, cifar10.cvq, cifar10.sq, cifar10.hvq):
            yield on(dataset, baseline())
        yield pq(dataset)
        for factor in (1, 2):
            for size, dim in sorted({*TABLE_3, *TABLE_4, *TABLE_5}):
                yield looc(dataset, size, dim, factor)
    for factor in (1, 2, 3, 4):
        yield looc("cifar10", 256, 4, factor)
        yield looc("cifar10", 1024, 128, factor)
    yield without_update("cifar10")
