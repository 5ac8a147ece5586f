"""The pyramid of grids: how it is packed into columns, what it sums to, and what it costs."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.quantizers import build
from vqzoo.quantizers.multiscale import MultiScale

SHAPES = [([1, 2, 4], 4, 12), ([1, 3, 5], 10, 5), ([2, 3], 6, 9), ([4], 4, 8), ([1], 3, 2)]
"""(scales, height, width): multiples of the last scale, not square."""


def multiscale(scales: list[int], **settings) -> MultiScale:
    return build(
        "multiscale", **{"dim": 3, "codebook_size": 16, "start": "normal", "scales": scales, **settings}
    ).eval()


def phi(quantizer: MultiScale, planes: Tensor) -> Tensor:
    return (planes + quantizer.phi(planes)) / 2


def sums_by_hand(quantizer: MultiScale, indices: Tensor, height: int, width: int) -> list[Tensor]:
    """(b, h, w, d) after each level."""
    table, total, sums = quantizer.level.codebook.weight, 0, []
    for grid in quantizer.levels(indices):
        planes = table[grid[..., 0]].permute(0, 3, 1, 2)
        if planes.shape[2:] != (height, width):
            planes = F.interpolate(planes, (height, width), mode="bicubic", align_corners=False)
        total = total + phi(quantizer, planes)
        sums.append(total.permute(0, 2, 3, 1))
    return sums


def test_indices_of_a_patch_are_its_grids_row_by_row_coarse_to_fine():
    """Two patches side by side, scales 1 and 2: (a | b c / d e) and (f | g h / i j)."""
    quantizer = multiscale([1, 2])
    coarse, fine = quantizer.levels(torch.tensor([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]).view(1, 1, 2, 5))
    assert coarse[0, ..., 0].tolist() == [[0, 5]]
    assert fine[0, ..., 0].tolist() == [[1, 2, 6, 7], [3, 4, 8, 9]]


@pytest.mark.parametrize(("scales", "height", "width"), SHAPES)
def test_levels_are_the_inverse_of_packing(scales, height, width):
    quantizer, last = multiscale(scales), scales[-1]
    latents = torch.randn(2, height, width, 3)
    indices = quantizer.encode(latents)
    assert indices.shape == (2, height // last, width // last, sum(scale**2 for scale in scales))
    grids = quantizer.levels(indices)
    assert [grid.shape for grid in grids] == [(2, height // last * s, width // last * s, 1) for s in scales]
    assert torch.equal(quantizer._packed(grids), indices)


@pytest.mark.parametrize(("scales", "height", "width"), SHAPES)
def test_the_value_is_the_sum_of_all_levels(scales, height, width):
    quantizer = multiscale(scales)
    out = quantizer(torch.randn(2, height, width, 3))
    torch.testing.assert_close(out.latents, sums_by_hand(quantizer, out.indices, height, width)[-1])


@pytest.mark.parametrize(("scales", "height", "width"), SHAPES)
def test_every_level_quantizes_the_mean_of_what_is_left_over(scales, height, width):
    """Each cell is the codevector nearest to the mean of its area."""
    quantizer, last = multiscale(scales), scales[-1]
    latents = torch.randn(2, height, width, 3)
    indices = quantizer.encode(latents)
    assert torch.equal(quantizer(latents).indices, indices)
    sums = [torch.zeros_like(latents), *sums_by_hand(quantizer, indices, height, width)]
    for scale, grid, total in zip(scales, quantizer.levels(indices), sums, strict=False):
        left_over = (latents - total).permute(0, 3, 1, 2)
        means = F.adaptive_avg_pool2d(left_over, (height // last * scale, width // last * scale)).permute(0, 2, 3, 1)
        distances = torch.cdist(means.reshape(-1, 3), quantizer.level.codebook.weight)
        assert torch.equal(grid.flatten(), distances.argmin(1)), scale


def test_losses_are_means_over_levels_of_the_sum_so_far():
    quantizer, latents = multiscale([1, 2, 4]).train(), torch.randn(2, 4, 12, 3, requires_grad=True)
    out = quantizer(latents)
    sums = sums_by_hand(quantizer, out.indices, 4, 12)
    codebook = sum((total - latents.detach()).square().mean() for total in sums) / 3
    commitment = sum((total.detach() - latents).square().mean() for total in sums) / 3
    torch.testing.assert_close(out.losses, {"commitment": commitment, "codebook": codebook})
    learning = [quantizer.level.codebook.weight, *quantizer.phi.parameters()]
    actual = torch.autograd.grad(out.losses["codebook"], [*learning, latents], allow_unused=True, retain_graph=True)
    assert actual[-1] is None, "the codebook loss must not pull latents"
    torch.testing.assert_close(actual[:-1], torch.autograd.grad(codebook, learning))
    actual = torch.autograd.grad(out.losses["commitment"], [latents, *learning], allow_unused=True)
    assert actual[1:] == (None,) * len(learning), "the commitment must not pull the codebook"
    torch.testing.assert_close(actual[0], torch.autograd.grad(commitment, latents)[0])


@pytest.mark.parametrize(
    ("tokens", "bits", "scales", "size", "height", "width"),
    [
        (85, 850, [1, 2, 4, 8], 1024, 8, 8),  # 1 + 4 + 16 + 64
        (680, 8160, [1, 2, 3, 4, 5, 6, 8, 10, 13, 16], 4096, 16, 16),  # VAR's 680 of 12 bits
        (170, 1700, [1, 2, 4, 8], 1024, 8, 16),
        (30, 120, [1, 2], 16, 4, 6),  # six patches of 5
    ],
)
def test_tokens_and_bits_by_hand(tokens, bits, scales, size, height, width):
    quantizer = multiscale(scales, codebook_size=size)
    indices = quantizer.encode(torch.randn(2, height, width, 3))
    assert indices[0].numel() == tokens
    assert quantizer.bits(indices).tolist() == [bits, bits]


def test_sides_that_are_no_multiple_are_refused():
    quantizer = multiscale([1, 2, 4])
    for shape in [(1, 6, 8, 3), (1, 8, 6, 3)]:
        with pytest.raises(ValueError, match="expected height and width in multiples of 4"):
            quantizer(torch.randn(shape))


def test_more_levels_come_nearer():
    latents = torch.randn(2, 8, 8, 3)
    quantizer = multiscale([1, 2, 4, 8], codebook_size=256)
    quantizer.phi.weight.data.zero_()
    quantizer.phi.bias.data.zero_()
    quantizer.level.codebook.weight.data *= 2  # phi halves
    totals = sums_by_hand(quantizer, quantizer.encode(latents), 8, 8)
    errors = [(total - latents).square().mean().item() for total in totals]
    assert errors[-1] < 0.5 * errors[0], errors


def test_the_codebook_learns_once_a_step_from_all_levels():
    quantizer = build("multiscale", dim=3, codebook_size=16, scales=[1, 2, 4], revival="restart")
    out = quantizer(torch.randn(2, 4, 8, 3))
    counts = torch.bincount(out.indices.flatten(), minlength=16) / out.indices.numel()
    torch.testing.assert_close(quantizer.level.codebook.usage, 0.99 / 16 + 0.01 * counts)
