"""Usage and rate by hand (trap: usage of a batch instead of a data set)."""

import math

import pytest
import torch

from vqzoo.metrics.codebook import codebook_stats, count_indices
from vqzoo.metrics.counts import by_codebook
from vqzoo.metrics.rate import rate


def test_counts_by_hand():
    indices = torch.tensor([[0, 2], [0, 1], [3, 2]]).view(1, 3, 1, 2)
    assert [column.tolist() for column in count_indices(indices, (4, 3))] == [[2, 0, 0, 1], [0, 1, 2]]


def test_counts_of_batches_add_up():
    indices = torch.randint(0, 7, (10, 3, 4, 5))
    parts = [torch.stack(count_indices(part, (7,) * 5)) for part in indices.split(3)]
    whole = torch.stack(count_indices(indices, (7,) * 5))
    assert torch.equal(sum(parts), whole) and whole.sum() == indices.numel()


def test_an_alphabet_too_large_to_count_is_not_counted():
    indices = torch.zeros(1, 1, 1, 1, dtype=torch.int64)
    assert count_indices(indices, (2**32,)) is None
    assert count_indices(indices, (2**20,)) is not None


@pytest.mark.parametrize("size", [1, 2, 17, 1024])
def test_perplexity_of_even_use_is_the_size(size):
    stats = codebook_stats([torch.full((size,), 3)], (0,))
    assert stats.perplexity == pytest.approx(size) and stats.usage == 1 and stats.dead == 0


def test_one_codevector_for_everything():
    stats = codebook_stats([torch.tensor([0, 9, 0, 0])], (0,))
    assert (stats.usage, stats.dead, stats.perplexity) == (0.25, 3, 1.0)


def test_uneven_use_by_hand():
    stats = codebook_stats([torch.tensor([1, 1, 2, 0])], (0,))
    assert stats.perplexity == pytest.approx(math.exp(0.5 * math.log(4) + 0.5 * math.log(2)))
    assert (stats.usage, stats.dead) == (0.75, 1)


def test_counts_of_columns_become_those_of_codebooks_by_hand():
    """Five columns of two codebooks of different sizes, the later number first."""
    columns = [[0, 0, 7], [1, 2], [0, 1, 0], [3, 0], [5, 0, 0]]
    books = by_codebook([torch.tensor(column) for column in columns], (4, 1, 4, 1, 4))
    assert [book.tolist() for book in books] == [[4, 2], [5, 1, 7]]


def test_columns_of_one_codebook_are_one():
    """Together 1, 2, 1 of three codevectors; apart neither column uses all."""
    counts = torch.tensor([[1, 1, 0], [0, 1, 1]])
    together = codebook_stats(counts, (0, 0))
    assert (together.usage, together.dead) == (1.0, 0)
    assert together.perplexity == pytest.approx(2**1.5)
    apart = codebook_stats(counts, (0, 1))
    assert (apart.usage, apart.dead) == (4 / 6, 2) and apart.perplexity == pytest.approx(2)


def test_codebooks_of_different_sizes():
    counts = [torch.tensor([1, 1]), torch.tensor([2, 0, 0, 2])]
    stats = codebook_stats(counts, (0, 1))
    assert (stats.usage, stats.dead, stats.perplexity) == (4 / 6, 2, pytest.approx(2))


def test_shared_and_separate_codebooks_together():
    counts = torch.tensor([[4, 0], [0, 4], [8, 0]])
    stats = codebook_stats(counts, (0, 0, 1))
    assert (stats.usage, stats.dead) == (3 / 4, 1) and stats.perplexity == pytest.approx((2 + 1) / 2)


def test_nothing_counted_is_an_error():
    with pytest.raises(ValueError, match="at least one image"):
        codebook_stats(torch.zeros(2, 4, dtype=torch.int64), (0, 1))


def test_rates_by_hand():
    vq = rate(640, 3, 32 * 32)
    assert (vq.bits_per_image, vq.bits_per_pixel, vq.share_of_raw) == (640, 0.625, 640 / 24576)
    more_than_raw = rate(65536, 3, 32 * 32)
    assert (more_than_raw.bits_per_pixel, more_than_raw.share_of_raw) == (64.0, pytest.approx(2.6667, abs=1e-4))
    assert rate(8 * 28 * 28, 1, 28 * 28).share_of_raw == 1
