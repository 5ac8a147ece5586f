"""Codebook usage of a tokenizer; counts list the columns of all levels, coarsest level first."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor

from vqzoo.metrics.codebook import codebook_stats, count_indices
from vqzoo.quantizers import Quantizer
from vqzoo.quantizers.base import joint_codebooks
from vqzoo.tokenizer import Tokenizer, Tokens


def count(tokenizer: Tokenizer, tokens: Tokens) -> list[Tensor] | None:
    """Count the uses of each index, (K,) int64 for each column; None if a column cannot be counted."""
    counts: list[Tensor] = []
    for quantizer, grid in zip(tokenizer.quantizers, tokens.grids, strict=True):
        level = count_indices(grid, quantizer.index_sizes)
        if level is None:
            return None
        counts += level
    return counts


def add_counts(counts: list[Tensor] | None, more: list[Tensor] | None) -> list[Tensor] | None:
    """Add the counts of two batches; None stands for a batch without counts."""
    if counts is None or more is None:
        return more if counts is None else counts
    return [one + other for one, other in zip(counts, more, strict=True)]


def codebook_of(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the number of each column's codebook; levels do not share codebooks."""
    return joint_codebooks(tokenizer.quantizers)


def usage_metrics(tokenizer: Tokenizer, counts: Sequence[Tensor] | None) -> dict[str, Any]:
    """Return usage, dead and perplexity over all codebooks, each None without counts.

    With several levels, "levels" holds the same for each level, coarsest first. For a quantizer that chooses among
    codebooks, "selection" holds "K x d" -> share of the choices.
    """
    if counts is None:
        return {"usage": None, "dead": None, "perplexity": None}
    levels = []
    start = 0
    for quantizer in tokenizer.quantizers:
        end = start + len(quantizer.index_sizes)
        levels.append(_level(quantizer, counts[start:end]))
        start = end
    if len(levels) == 1:
        return levels[0]
    return {**asdict(codebook_stats(counts, codebook_of(tokenizer))), "levels": levels}


def _level(quantizer: Quantizer, counts: Sequence[Tensor]) -> dict[str, Any]:
    metrics: dict[str, Any] = asdict(codebook_stats(counts, quantizer.codebook_of))
    if shares := quantizer.shares(counts):
        metrics["selection"] = shares
    return metrics
