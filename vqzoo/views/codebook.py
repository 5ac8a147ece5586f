"""Codebook usage of one model, as numbers and as text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vqzoo.analysis.encoded_image import EncodedImage, Layer, sharing
from vqzoo.metrics.counts import by_codebook
from vqzoo.ops.text import table_of
from vqzoo.views.comparison import Comparison
from vqzoo.views.inspector import Inspector

ABOUT = (
    "A distance is Euclidean, and taken where the choice is made: behind projections and normalisation, of a residual "
    "quantizer between what the levels before left over and the level's codevector. It need not be what decides: some "
    "quantizers choose by angle, dot product or a learnt score. A cell's pixels are those it lies over; the decoder "
    "sees its neighbours, too. Usage on the test split is that of the whole split, as it ships with the model."
)


def figures(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> dict[str, Any]:
    """Return usage, dead and perplexity as `metrics.codebook_stats`, and counts: used, codevectors and choices."""
    from torch import from_numpy

    from vqzoo.metrics.codebook import codebook_stats

    stats = codebook_stats([from_numpy(column) for column in counts], codebook_of)
    size = sum(map(len, by_codebook(counts, codebook_of)))
    return {
        "usage": stats.usage,
        "used": size - stats.dead,
        "dead": stats.dead,
        "perplexity": stats.perplexity,
        "codevectors": size,
        "choices": int(sum(column.sum() for column in counts)),
    }


def report(inspector: Inspector, name: str, shown: Comparison) -> dict[str, Any]:
    """Return usage statistics of a model's codebooks.

    Keys: "here" for this image, "test" for the test split (None if unknown), "columns" for both of them per column of
    the indices, "sharing" for the curves of `sharing`. Raises ValueError for a model without a codebook.
    """
    encoded, test = inspector.inspect(name, shown), inspector.test_counts(name)
    return {
        "model": name,
        "layers": [layer.label for layer in encoded.layers],
        "here": figures(encoded.counts, encoded.codebook_of),
        "test": None if test is None else figures(test, encoded.codebook_of),
        "columns": [
            {
                "layer": layer.label,
                "here": _column(encoded.counts, layer),
                "test": None if test is None else _column(test, layer),
            }
            for layer in encoded.layers
        ],
        "sharing": {
            "here": sharing(encoded.counts, encoded.codebook_of),
            "test": None if test is None else sharing(test, encoded.codebook_of),
        },
    }


def _column(counts: Sequence[np.ndarray], layer: Layer) -> dict[str, float]:
    total = sum((counts[column] for column in layer.columns), np.zeros(layer.size, np.int64))
    shares = total[total > 0] / max(total.sum(), 1)
    return {"usage": float((total > 0).mean()), "perplexity": float(np.exp(-(shares * np.log(shares)).sum()))}


def words(encoded: EncodedImage, stats: dict[str, Any]) -> str:
    """Return a table of the statistics of `report` and a summary, as Markdown."""
    here, test = stats["here"], stats["test"]
    num_books = len(set(encoded.codebook_of))
    rows = [
        ("indices counted", *(f"{each['choices']:,}" if each else "not known" for each in (here, test))),
        (
            "used codevectors",
            *(f"{each['used']:,} of {each['codevectors']:,}" if each else "" for each in (here, test)),
        ),
        ("usage", *(f"{each['usage']:.1%}" if each else "" for each in (here, test))),
        (
            "perplexity" + (", mean" if num_books > 1 else ""),
            *(f"{e['perplexity']:,.1f}" if e else "" for e in (here, test)),
        ),
        ("dead codevectors", "", f"{test['dead']:,}" if test else ""),
    ]
    return f"{table_of(['', 'this image', 'test split'], rows)}\n\n{_sentence(encoded, here, test, num_books)}"


def _sentence(encoded: EncodedImage, here: dict[str, Any], test: dict[str, Any] | None, num_books: int) -> str:
    columns = len(encoded.codebook_of)
    if columns == 1:
        text = f"One codebook of {here['codevectors']:,} codevectors, one index a latent."
    elif num_books == 1:
        text = f"One codebook of {here['codevectors']:,} codevectors, shared by {columns} columns of indices."
    else:
        text = f"{num_books} codebooks, {here['codevectors']:,} codevectors in all, {columns} columns of indices."
    if here["choices"] < here["codevectors"]:
        text += f" This image has {here['choices']:,} indices, so it cannot use more codevectors than that."
    if test and test["dead"]:
        text += f" {test['dead'] / test['codevectors']:.0%} of the codevectors are dead: no test image uses them."
    elif test:
        text += " No codevector is dead: each is used on the test split."
    return text
