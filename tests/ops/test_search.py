"""The search on a CPU: as many threads as one likes, any processor, and the same indices."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from vqzoo.ops import kernel, search

BY_HAND = {"l2": lambda z, e: -torch.cdist(z, e), "cosine": lambda z, e: z @ F.normalize(e, dim=1).T}
OTHERS = [kernel.Registers(4, 8, True), kernel.Registers(8, 4, True), kernel.Registers(4, 4, False)]
"""ARM, x86 with AVX2, x86 without: LLVM makes code of them for any processor."""


@pytest.fixture
def threads():
    """Three, each of which may take the smallest search."""
    before, most = torch.get_num_threads(), search._WORTH_A_THREAD
    torch.set_num_threads(3)
    search._WORTH_A_THREAD = 1
    yield
    torch.set_num_threads(before)
    search._WORTH_A_THREAD = most


def find(latents, codebook, metric="l2", bias=None):
    return search.search(latents, codebook, bias, metric)


@pytest.mark.parametrize("registers", OTHERS, ids=["arm", "avx2", "sse"])
@pytest.mark.parametrize("metric", BY_HAND)
def test_it_finds_on_other_processors_what_double_precision_finds(metric, registers, monkeypatch):
    code = kernel.kernel(registers)
    monkeypatch.setattr(kernel, "kernel", lambda: code)
    for n, k, d in [(1, 1, 1), (50, 3, 2), (25, 9, 7), (601, 130, 16)]:
        latents, codebook = torch.randn(n, d), torch.randn(k, d)
        expected = BY_HAND[metric](latents.double(), codebook.double()).argmax(1)
        assert torch.equal(find(latents, codebook, metric), expected), (n, k, d)


@pytest.mark.parametrize("size", range(1, 20))
def test_the_first_of_equal_codevectors_is_found_wherever_blocks_end(size):
    codebook, latents = torch.randn(size, 3), torch.randn(100, 3)
    once, thrice = find(latents, codebook), find(latents, codebook.repeat(3, 1))
    assert torch.equal(once, thrice)
    assert not find(latents, torch.ones(size, 3)).any()


@pytest.mark.parametrize("metric", [*BY_HAND, "product"])
@pytest.mark.parametrize("limits", [{"_COPIED": 1}, {"_CACHED": 1}, {"_COPIED": 2**12, "_CACHED": 1}])
def test_a_codebook_in_parts_is_one_codebook(metric, limits, monkeypatch):
    """Parts of 256 and of 1024 codevectors, the last of which has 188."""
    latents, codebook = torch.randint(-2, 3, (500, 4)).float(), torch.randint(-2, 3, (2236, 4)).float()
    bias = torch.randint(-2, 3, (2236,)).float() if metric == "product" else None
    whole = find(latents, codebook, metric, bias)
    for name, numbers in limits.items():
        monkeypatch.setattr(search, name, numbers)
    assert torch.equal(find(latents, codebook, metric, bias), whole)


def test_late_codevectors_are_found_as_early_ones_are():
    """Most latents have found theirs after some thousand codevectors, which is then looked at first."""
    latents, codebook = torch.randn(500, 3), torch.randn(9000, 3)
    expected = torch.cdist(latents.double(), codebook.double()).argmin(1)
    assert torch.equal(find(latents, codebook), expected) and (expected > 8000).any()
    backwards = find(latents, codebook.flip(0).repeat(2, 1))
    assert torch.equal(backwards, 8999 - expected)


def test_threads_find_what_one_finds(threads):
    latents, codebook = torch.randn(5000, 4), torch.randn(300, 4)
    actual = find(latents, codebook)
    torch.set_num_threads(1)
    assert torch.equal(find(latents, codebook), actual)
    assert torch.equal(torch.cat([find(part, codebook) for part in latents.split(777)]), actual)


def test_any_number_of_searches_at_once(threads):
    latents, codebooks = torch.randn(3000, 4), [torch.randn(64, 4) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            actual = list(pool.map(lambda codebook: find(latents, codebook), codebooks))
            for codebook, indices in zip(codebooks, actual, strict=True):
                assert torch.equal(indices, torch.cdist(latents.double(), codebook.double()).argmin(1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_a_forked_process_searches_with_threads_of_its_own(threads):
    latents, codebook = torch.randn(3000, 4), torch.randn(64, 4)
    expected = find(latents, codebook)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are threads is the point
        child = os.fork()
    if not child:
        os._exit(0 if torch.equal(find(latents, codebook), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_tiny_numbers_are_the_same_on_all_threads(threads):
    """Products of 1e-40 are zero where they are flushed, so that the first codevector is found, else the second."""
    latents, codebook = torch.full((20_000, 1), 1e-20), torch.tensor([[1e-21], [1e-20]])
    for flush in (True, False):
        assert torch.set_flush_denormal(flush)
        actual = find(latents, codebook, "product")
        torch.set_flush_denormal(False)
        assert (actual == (0 if flush else 1)).all()


def test_it_takes_tensors_that_are_not_contiguous():
    latents, codebook = torch.randn(4, 200).T, torch.randn(100, 8)[::2, ::2]
    bias = torch.randn(50, 2)[:, 0]
    expected = (latents.double() @ codebook.double().T + bias.double()).argmax(1)
    assert torch.equal(find(latents, codebook, "product", bias), expected)
    assert find(latents[:0], codebook).shape == (0,)


@pytest.mark.parametrize(
    ("latents", "codebook", "bias"),
    [
        (torch.zeros(2, 4), torch.zeros(3, 5), None),
        (torch.zeros(2, 4).double(), torch.zeros(3, 4).double(), None),
        (torch.zeros(2, 4), torch.zeros(0, 4), None),
        (torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(4)),
        (torch.zeros(2, 4, 4), torch.zeros(3, 4), None),
    ],
)
def test_what_does_not_fit_is_told(latents, codebook, bias):
    with pytest.raises(ValueError, match=r"expected \(n, d\), \(k, d\), \(k,\), all float32"):
        find(latents, codebook, "product", bias)
