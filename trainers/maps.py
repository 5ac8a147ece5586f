"""Write model_cards/<name>/map.json: t-SNE and UMAP of the codevectors of models in the checkout.

    pip install umap-learn
    python -m trainers.maps [NAME ...]

Without names, of every model with a learned codebook. Maps are of the stored weights, of the codevectors that
`analysis.codebook_map.drawn` chooses, and in the quantizer's own metric.
"""

import sys
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.manifold import TSNE

from vqzoo.analysis.codebook_map import mapped_indices, record, to_grid
from vqzoo.analysis.usage import codebook_of
from vqzoo.files.storage import MAP, WEIGHTS, write_json
from vqzoo.hub.registry import Model, list_models, load, usage_counts

SEED = 0
_PERPLEXITY = 30
_NEIGHBOURS = 15


def make(model: Model) -> int | None:
    """Write the maps of a model and return the size of the file in bytes; None for a model without a codebook."""
    import umap  # here, as its import compiles for a minute

    tokenizer, counts = load(model), usage_counts(model)
    if counts is None or all(quantizer.innermost.fixed for quantizer in tokenizer.quantizers):
        return None
    assert model.source is not None
    books = [book for quantizer in tokenizer.quantizers for book in quantizer.codebooks()]
    metric = "cosine" if tokenizer.quantizers[0].innermost.metric == "cosine" else "euclidean"
    maps = []
    for number, book in enumerate(books):
        columns = [column for column, of in zip(counts, codebook_of(tokenizer), strict=True) if of == number]
        points = mapped_indices(np.sum(columns, axis=0))
        with torch.inference_mode():
            vectors = book(torch.from_numpy(points)).numpy()
        perplexity, neighbours = min(_PERPLEXITY, (len(points) - 1) / 3), min(_NEIGHBOURS, len(points) - 1)
        tsne = TSNE(perplexity=perplexity, metric=metric, init="random", random_state=SEED).fit_transform(vectors)
        flat = umap.UMAP(n_neighbors=neighbours, metric=metric, random_state=SEED, n_jobs=1).fit_transform(vectors)
        maps.append({"t-SNE": to_grid(tsne), "UMAP": to_grid(flat)})
    path = model.source / MAP
    write_json(path, record(model.source / WEIGHTS, _methods(metric), maps), indent=None)
    return path.stat().st_size


def _methods(metric: str) -> dict[str, Any]:
    shared = {"metric": metric, "seed": SEED}
    return {
        "t-SNE": {"library": f"scikit-learn {version('scikit-learn')}", "perplexity": _PERPLEXITY, **shared},
        "UMAP": {"library": f"umap-learn {version('umap-learn')}", "neighbours": _NEIGHBOURS, **shared},
    }


def main() -> None:
    """Write the maps of the models that the command line names."""
    for model in list_models():
        if len(sys.argv) == 1 or model.name in sys.argv[1:]:
            size = make(model)
            print(f"{model.name}: {'nothing to map' if size is None else f'{size:,} bytes'}", flush=True)


if __name__ == "__main__":
    main()
