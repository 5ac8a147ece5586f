"""No (latents x codevectors) matrix ever exists: the largest tensor of a training step stays with its tile."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vqzoo.ops import entropy, tiles
from vqzoo.ops.search import search
from vqzoo.quantizers import build


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that any operation gives back, the gradient's included."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.numel = max([self.numel, *sizes])
        return result


def largest_of_a_step(quantizer, latents: torch.Tensor) -> tuple[int, int]:
    """The largest tensor that is made, and how many numbers in all are kept from the forward pass for the gradient."""
    latents.requires_grad_()
    stored: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        stored[tensor.data_ptr()] = tensor.numel()
        return tensor

    with Largest() as largest, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = quantizer(latents)
        kept_forward = sum(stored.values())
        (out.latents.square().mean() + sum(out.losses.values())).backward()
    assert latents.grad is not None
    return largest.numel, kept_forward


@pytest.fixture
def small_tiles(monkeypatch):
    """The smallest: 64 latents."""
    monkeypatch.setattr(tiles, "_TILE", 1)


def test_a_whole_matrix_would_be_seen():
    latents, codebook = torch.randn(100, 4, requires_grad=True), torch.randn(50, 4)
    with Largest() as largest:
        (latents @ codebook.T).square().mean().backward()
    assert largest.numel == 100 * 50


@pytest.mark.trap("T37", "ibq", "vq", "ema", "factorized", "simvq")
@pytest.mark.parametrize(
    "settings",
    [
        {"name": "ibq", "entropy_temperature": 0.01},
        {"name": "ibq", "entropy_temperature": 0.0},
        {"name": "vq", "entropy_temperature": 0.5},
        {"name": "ema", "entropy_temperature": 0.5, "start": "normal"},
        {"name": "vq", "metric": "cosine"},
        {"name": "factorized", "code_dim": 2, "entropy_temperature": 0.5},
        {"name": "simvq", "entropy_temperature": 0.5},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_a_training_step_holds_no_more_than_a_tile(settings: dict[str, Any], small_tiles):
    """Twice as many latents, and the largest tensor stays as it is, unless it is the latents."""
    size, actual = 512, []
    for side in (8, 16):
        quantizer, latents = build(dim=2, codebook_size=size, **settings), torch.randn(1, 64, side, 2)
        actual.append(largest_of_a_step(quantizer, latents))
    (few, kept_of_few), (many, kept_of_many) = actual
    assert many <= max(few, latents.numel()) <= 64 * size, "a tensor grows with the number of latents"
    assert max(kept_of_few, kept_of_many) < 64 * size, "tiles are kept for the gradient instead of made again"


@pytest.mark.trap("T37", "ibq", "vq", "ema", "factorized", "simvq")
def test_what_the_tiles_have_found_is_not_kept_for_each_of_them(small_tiles):
    """128 tiles of 64 latents: their sums side by side would be twice as large as a tile."""
    latents, codebook = torch.randn(8192, 2, requires_grad=True), torch.randn(512, 2, requires_grad=True)
    with Largest() as largest:
        sum(entropy.soft_entropies(latents, codebook, torch.zeros(512), 1.0)).backward()
    assert largest.numel == 64 * 512


@pytest.mark.trap("T37", "lfq", "bsq")
@pytest.mark.parametrize(("name", "bits", "most"), [("lfq", 18, 2**18), ("bsq", 18, 2**18), ("lfq", 40, 2**14)])
def test_two_to_the_eighteenth_codes_are_held_once_and_not_for_every_latent(name, bits, most):
    """40 bits are three groups of at most 14."""
    for side in (8, 16):
        latents = torch.randn(1, 8, side, bits)
        assert largest_of_a_step(build(name, dim=bits, bits=bits), latents)[0] <= most, side


@pytest.mark.trap("T37", "vq", "ema", "cvq", "pq", "rvq", "rq", "looc", "multiscale", "hvq")
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_a_search_holds_its_inputs_and_no_matrix(metric):
    latents, codebook = torch.randn(4096, 4), torch.randn(4096, 4)
    with Largest() as largest:
        search(latents, codebook, None, metric)
    assert largest.numel <= latents.numel()


def test_an_encoding_holds_no_more_than_a_tile(small_tiles):
    """The soft choices belong to training; indices alone need none."""
    for name in ("ibq", "gumbel", "sq"):
        quantizer = build(name, dim=2, codebook_size=512).eval()
        with Largest() as largest:
            quantizer.encode(torch.randn(1, 64, 64, 2))
        assert largest.numel <= 64 * 512, name
