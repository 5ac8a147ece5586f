"""Product quantization by hand: a codebook for every segment (traps: mixed up axes, one codebook shared out)."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import Codebook
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.product import Product


def part(*rows: list[float]) -> NearestCodevector:
    codebook = Codebook(len(rows), len(rows[0]))
    codebook.weight.data = torch.tensor(rows)
    return NearestCodevector(codebook)


def test_two_segments_of_unequal_length_by_hand():
    """(0.9, 0.2, 4) is (1, 0) and 5 in the first and the second codebook; (0.1, 0.8, -2) is (0, 1) and 0."""
    quantizer = Product([part([0.0, 1.0], [1.0, 0.0]), part([0.0], [5.0], [9.0])]).eval()
    out = quantizer(torch.tensor([[0.9, 0.2, 4.0], [0.1, 0.8, -2.0]]).view(1, 2, 1, 3))
    assert out.indices.view(2, 2).tolist() == [[1, 1], [0, 0]]
    assert out.latents.view(2, 3).tolist() == [[1, 0, 5], [0, 1, 0]]
    # First part: (0.01 + 0.04 + 0.01 + 0.04) / 4 = 0.025; second: (1 + 4) / 2 = 2.5; their mean.
    for loss in ("commitment", "codebook"):
        assert out.losses[loss].item() == pytest.approx((0.025 + 2.5) / 2)
    assert quantizer.index_sizes == (2, 3) and quantizer.codebook_of == (0, 1)


def test_it_is_plain_quantizers_side_by_side():
    quantizer = build("pq", dim=12, codebook_size=16, segments=3)
    quantizer(torch.randn(2, 8, 8, 12))
    quantizer.eval()
    latents = torch.randn(2, 3, 5, 12)
    out = quantizer(latents)
    for number, each in enumerate(quantizer.parts):
        run = slice(4 * number, 4 * number + 4)
        alone = each(latents[..., run])
        assert torch.equal(alone.latents, out.latents[..., run])
        assert torch.equal(alone.indices, out.indices[..., number : number + 1])


@pytest.mark.parametrize(("budget", "each"), [("each", 256), ("total", 8)])
@pytest.mark.trap("T33", "pq")
def test_a_codebook_a_segment_or_one_shared_out_among_them(budget, each):
    """LooC's baseline at 32 segments: 256 codevectors in all are 8 a segment, 3 bits and not 8."""
    quantizer = build("pq", dim=128, codebook_size=256, segments=32, budget=budget, rule="gradient")
    assert quantizer.index_sizes == (each,) * 32 and quantizer.codebook_of == tuple(range(32))
    assert sum(parameter.numel() for parameter in quantizer.parameters()) == 32 * each * 4
    indices = quantizer.encode(torch.randn(1, 2, 3, 128))
    assert quantizer.bits(indices).item() == 2 * 3 * 32 * {256: 8, 8: 3}[each]


def test_segments_learn_from_their_own_channels_alone():
    quantizer = build("pq", dim=4, codebook_size=8, segments=2)
    quantizer(torch.cat([torch.randn(1, 9, 9, 2), 100 + torch.randn(1, 9, 9, 2)], -1))
    first, second = (each.codebook.weight for each in quantizer.parts)
    assert first.abs().max() < 10 and second.min() > 90


def test_segments_start_apart():
    """With the same draw for all, equal segments would have equal codebooks for ever."""
    quantizer = build("pq", dim=4, codebook_size=8, segments=2)
    latents = torch.randn(1, 9, 9, 2)
    quantizer(torch.cat([latents, latents], -1))
    first, second = (each.codebook.weight for each in quantizer.parts)
    assert not torch.equal(first, second)


@pytest.mark.trap("T21", "pq", "rvq", "rq", "looc")
@pytest.mark.parametrize("name", ["pq", "rvq", "rq", "looc"])
def test_a_cell_is_quantized_as_if_it_were_alone_whatever_the_grid(name):
    """Height, width and channels all differ, and none of them may be taken for another: by cell, and transposed."""
    settings = {"segments": 3} if name in ("pq", "looc") else {"levels": 2}
    quantizer = build(name, dim=6, codebook_size=16, **settings)
    quantizer(torch.randn(2, 8, 8, 6))
    quantizer.eval()
    latents = torch.randn(2, 4, 5, 6)
    out = quantizer(latents)
    for image, row, column in [(0, 0, 0), (0, 3, 1), (1, 0, 4), (1, 3, 4)]:
        cell = quantizer(latents[image, row, column].view(1, 1, 1, 6))
        assert torch.equal(cell.indices.flatten(), out.indices[image, row, column])
        assert torch.equal(cell.latents.flatten(), out.latents[image, row, column])
    turned = quantizer(latents.transpose(1, 2))
    assert torch.equal(turned.indices, out.indices.transpose(1, 2))
    assert torch.equal(turned.latents, out.latents.transpose(1, 2))


def test_at_one_rate_codebooks_of_their_own_serve_segments_that_differ_better_than_a_shared_one():
    """Segments of unequal spread; both have eight codevectors and three bits a segment."""
    spread = torch.tensor([1.0, 1.0, 8.0, 8.0])
    errors = {}
    for name in ("pq", "looc"):
        settings = {"rule": "ema", "metric": "l2", "start": "kmeans", "revival": "none"}
        quantizer = build(name, dim=4, codebook_size=8, segments=2, **settings)
        for _ in range(3):
            quantizer(torch.randn(1, 24, 24, 4) * spread)
        latents = torch.randn(1, 24, 24, 4) * spread
        errors[name] = F.mse_loss(quantizer.eval()(latents).latents / spread, latents / spread).item()
    assert errors["pq"] < 0.7 * errors["looc"], errors
