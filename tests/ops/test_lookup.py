"""Nearest-codevector search against the full distance matrix, and what happens where two are equally near."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.ops.lookup import highest, nearest, similarity_factors, sums_by_index

SIZES = [
    (1, 1, 3),
    (7, 3, 2),
    (300, 5, 8),
    (1000, 1024, 4),
    (4099, 1024, 4),
    (4097, 256, 4),
    (513, 2048, 4),
    (257, 512, 128),
]
"""(latents, codevectors, length): none, whole and broken blocks of 48 latents and 8 codevectors on a CPU."""


@pytest.mark.parametrize(("n", "k", "d"), SIZES)
def test_l2_agrees_with_the_distance_matrix(n, k, d):
    latents, codebook = torch.randn(n, d), torch.randn(k, d)
    expected = torch.cdist(latents.double(), codebook.double(), compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    assert torch.equal(nearest(latents, codebook), expected)


@pytest.mark.parametrize(("n", "k", "d"), SIZES)
def test_cosine_agrees_with_the_similarity_matrix(n, k, d):
    latents, codebook = torch.randn(n, d), torch.randn(k, d) * torch.rand(k, 1)
    expected = (F.normalize(latents.double()) @ F.normalize(codebook.double()).T).argmax(1)
    assert torch.equal(nearest(latents, codebook, "cosine"), expected)


@pytest.mark.parametrize(("n", "k", "d"), SIZES)
def test_the_index_that_faiss_finds(n, k, d):
    import faiss

    faiss.omp_set_num_threads(1)
    latents, codebook = torch.randn(n, d), torch.randn(k, d) * (0.1 + torch.rand(k, 1))
    queries = {"l2": (faiss.IndexFlatL2(d), codebook), "cosine": (faiss.IndexFlatIP(d), F.normalize(codebook, dim=1))}
    for metric, (index, rows) in queries.items():
        index.add(rows.numpy())
        _, actual = index.search(latents.numpy(), 1)
        assert nearest(latents, codebook, metric).tolist() == actual[:, 0].tolist(), metric
    index = faiss.IndexFlatIP(d)
    index.add(codebook.numpy())
    assert highest(latents, codebook).tolist() == index.search(latents.numpy(), 1)[1][:, 0].tolist()


@pytest.mark.parametrize(("n", "k", "d"), SIZES)
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_a_softmax_of_nearness_is_one_of_similarities(metric, n, k, d):
    """And its largest entry is at what `nearest` finds."""
    latents, codebook = torch.randn(n, d), torch.randn(k, d)
    if metric == "l2":
        similarity = -torch.cdist(latents.double(), codebook.double()).square()
    else:
        similarity = F.normalize(latents.double(), dim=1) @ F.normalize(codebook.double(), dim=1).T
    z, e, bias = similarity_factors(latents, codebook, metric)
    torch.testing.assert_close((z @ e.T + bias).softmax(1), similarity.softmax(1).float(), rtol=1e-4, atol=1e-6)
    assert torch.equal((z @ e.T + bias).argmax(1), nearest(latents, codebook, metric))


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_of_equally_near_codevectors_the_first_is_chosen(metric):
    codebook = torch.tensor([[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    latents = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, -2.0]])
    assert nearest(latents, codebook, metric).tolist() == [1, 2, 1, 0]


def test_numbers_are_searched_as_vectors_are():
    """Codevectors of length 1 are sorted first: within them, outside them, between equal ones, in a larger array."""
    codebook = torch.cat([torch.randn(300), torch.randn(20).repeat(3), torch.tensor([5.0, -5.0, 5.0, -5.0])])
    wide = torch.cat([torch.randn(400, 3), torch.tensor([[9.0], [-9.0]]).expand(2, 3)])
    for latents in (wide[:, 1:2], wide[:, 1:2].contiguous()):
        expected = (latents.double() - codebook.double()).abs().argmin(1)
        assert torch.equal(nearest(latents, codebook[:, None]), expected)
    assert nearest(torch.zeros(1, 1), torch.tensor([[3.0], [1.0], [-1.0]])).tolist() == [1]


def test_equal_codevectors_are_all_the_first_one():
    assert not nearest(torch.randn(600, 4), torch.ones(33, 4)).any()


def test_length_matters_to_l2_and_not_to_cosine():
    codebook = torch.tensor([[10.0, 0.0], [0.6, 0.8]])
    latent = torch.tensor([[1.0, 0.0]])
    assert nearest(latent, codebook, "l2").tolist() == [1]
    assert nearest(latent, codebook, "cosine").tolist() == [0]


def test_a_codevector_of_zeros_is_no_direction():
    codebook = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert nearest(torch.tensor([[2.0, 1.0]]), codebook, "cosine").tolist() == [1]


def test_counts_and_sums_by_hand():
    latents = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    counts, sums = sums_by_index(latents, torch.tensor([2, 0, 2]), 4)
    assert counts.tolist() == [1, 0, 2, 0] and counts.dtype == torch.float32
    assert sums.tolist() == [[3, 4], [0, 0], [6, 8], [0, 0]]
