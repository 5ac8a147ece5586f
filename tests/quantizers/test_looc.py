"""LooC's two parts, segments and smoothing, by hand (trap: a factor that multiplies the tokens and is not counted)."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.metrics.codebook import codebook_stats, count_indices
from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import Codebook, EMACodebook
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.segmented import Segmented
from vqzoo.quantizers.smoothed import Smoothed


def line(*values: float) -> NearestCodevector:
    """Codevectors on a line."""
    codebook = Codebook(len(values), 1)
    codebook.weight.data = torch.tensor(values)[:, None]
    return NearestCodevector(codebook)


def assert_same(one, other):
    assert torch.equal(one.latents, other.latents) and torch.equal(one.indices, other.indices)
    assert one.losses.keys() == other.losses.keys()
    assert all(torch.equal(one.losses[name], other.losses[name]) for name in one.losses)


@pytest.mark.trap("T22", "looc")
@pytest.mark.trap("T33", "looc")
@pytest.mark.parametrize("grouping", ["channels", "subpixels"])
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_tokens_and_bits_by_hand(factor, grouping):
    """A factor of 2 costs four times the tokens; tokens x log2 K are the bits, whatever a segment is made of."""
    quantizer = build("looc", dim=12, codebook_size=16, segments=3, factor=factor, grouping=grouping)
    indices = quantizer.encode(torch.randn(2, 4, 5, 12))
    shapes = {"channels": (2, 4 * factor, 5 * factor, 3), "subpixels": (2, 4, 5, 3 * factor**2)}
    assert indices.shape == shapes[grouping]
    assert quantizer.bits(indices).tolist() == [4 * 5 * factor**2 * 3 * 4] * 2
    assert quantizer.bits(indices).tolist() == [indices[0].numel() * 4] * 2
    assert quantizer.codebook_of == (0,) * shapes[grouping][-1]


@pytest.mark.trap("T22", "looc")
def test_segments_of_subpixels_by_hand():
    """dim 2 in segments of 2, factor 2, two latents side by side: channel 0 is 0 and 8, channel 1 is 0 and -8.

    Enlarged, each row of channel 0 is 0, 2, 6, 8. Its left latent became the cells 0, 2 / 0, 2, the right one
    6, 8 / 6, 8, and these four numbers are two segments, one a row: (0, 2), (0, 2) and (6, 8), (6, 8); channel 1 has
    the same with a minus. Codevectors (0, 2), (6, 9), (-6, -8): averages over the four are (0 + 2) / 2 and so on.
    Segments of channels would be (0, 0), (2, -2), (6, -6) and (8, -8) instead.
    """
    quantizer = build("looc", dim=2, codebook_size=3, segments=1, factor=2, grouping="subpixels", metric="l2").eval()
    quantizer.quantizer.quantizer.codebook.weight.data = torch.tensor([[0.0, 2.0], [6.0, 9.0], [-6.0, -8.0]])
    out = quantizer(torch.tensor([[0.0, 0.0], [8.0, -8.0]]).view(1, 1, 2, 2))
    assert out.indices.tolist() == [[[[0, 0, 0, 0], [1, 1, 2, 2]]]]
    assert out.latents.tolist() == [[[[1.0, 1.0], [7.5, -7.0]]]]
    # Squared distances of the enlarged grid: (0, -2) to (0, 2) 16 twice, (6, 8) to (6, 9) 1 twice, of 16 numbers.
    assert out.losses["commitment"].item() == pytest.approx(34 / 16)


@pytest.mark.trap("T22", "looc")
def test_a_segment_is_of_one_channel_or_of_one_cell():
    """Which indices change with channel 0: a quarter of them in either grouping, but not the same ones."""
    latents = torch.randn(1, 3, 3, 16)
    other = latents.clone()
    other[..., 0] = -latents[..., 0]
    for grouping, changed in (("channels", [0]), ("subpixels", [0])):
        settings = {"segments": 4, "factor": 2, "metric": "l2", "start": "normal", "grouping": grouping}
        quantizer = build("looc", dim=16, codebook_size=256, **settings).eval()
        differ = (quantizer.encode(latents) != quantizer.encode(other)).flatten(0, 2).any(0)
        assert differ.nonzero().view(-1).tolist() == changed
        assert len(differ) == {"channels": 4, "subpixels": 16}[grouping]


@pytest.mark.trap("T22", "looc")
def test_without_enlarging_both_groupings_are_the_same():
    latents, state = torch.randn(2, 3, 5, 12), None
    outputs = []
    for grouping in ("channels", "subpixels"):
        quantizer = build("looc", dim=12, codebook_size=16, segments=3, grouping=grouping).eval()
        state = state or quantizer.state_dict()
        quantizer.load_state_dict(state)
        outputs.append(quantizer(latents))
    assert_same(*outputs)


def test_one_small_codebook_for_all_segments():
    quantizer = build("looc", dim=128, codebook_size=256, segments=32)
    assert sum(parameter.numel() for parameter in quantizer.parameters()) == 256 * 4
    assert quantizer.codebook_of == (0,) * 32 and quantizer.index_sizes == (256,) * 32


def test_usage_counts_the_shared_codebook_once():
    quantizer = build("looc", dim=4, codebook_size=8, segments=2)
    indices = torch.tensor([[0, 3], [0, 3]]).view(1, 1, 2, 2)
    stats = codebook_stats(count_indices(indices, quantizer.index_sizes), quantizer.codebook_of)
    assert (stats.usage, stats.dead) == (2 / 8, 6) and stats.perplexity == pytest.approx(2)


def test_segments_are_runs_of_neighbouring_channels():
    quantizer = Segmented(line(0.0, 1.0, 2.0), 3).eval()
    out = quantizer(torch.tensor([[1.9, 0.1, 0.8], [0.2, 2.2, 2.4]]).view(1, 2, 1, 3))
    assert out.indices.view(2, 3).tolist() == [[2, 0, 1], [0, 2, 2]]
    assert out.latents.view(2, 3).tolist() == [[2, 0, 1], [0, 2, 2]]
    pairs = NearestCodevector(Codebook(2, 2))
    pairs.codebook.weight.data = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    out = Segmented(pairs, 3).eval()(torch.tensor([0.0, 2.0, 0.0, 2.0, 2.0, 0.0]).view(1, 1, 1, 6))
    assert out.indices.flatten().tolist() == [0, 0, 1] and out.latents.flatten().tolist() == [0, 1, 0, 1, 1, 0]


def test_every_segment_of_every_latent_counts_as_one_latent():
    segmented = Segmented(NearestCodevector(EMACodebook(4, 2)), 3)
    plain = NearestCodevector(EMACodebook(4, 2))
    latents = torch.randn(2, 3, 5, 6)
    segmented(latents)
    plain(latents.view(2, 3, 15, 2))
    assert torch.equal(segmented.quantizer.codebook.weight, plain.codebook.weight)
    assert segmented.quantizer.codebook.counts.sum().item() == pytest.approx(4 * 0.99 + 0.01 * 90)


def test_one_segment_is_the_plain_quantizer():
    plain = build("vq", dim=6, codebook_size=9).eval()
    latents = torch.randn(2, 3, 5, 6)
    assert_same(Segmented(plain, 1).eval()(latents), plain(latents))


def test_factor_one_is_the_inner_quantizer():
    plain = build("vq", dim=6, codebook_size=9).eval()
    latents = torch.randn(2, 3, 5, 6)
    assert_same(Smoothed(plain, 1).eval()(latents), plain(latents))


def test_factor_two_by_hand():
    """The row 0, 4 becomes 0, 1, 3, 4, twice; quantized to 0, 0, 2.5, 4; averaged in pairs to 0, 3.25."""
    quantizer = Smoothed(line(0.0, 2.5, 4.0), 2).eval()
    out = quantizer(torch.tensor([0.0, 4.0]).view(1, 1, 2, 1))
    assert out.indices.view(2, 4).tolist() == [[0, 0, 1, 2]] * 2
    assert out.latents.flatten().tolist() == [0.0, 3.25]
    # Means over the enlarged grid: 0, 1, 0.25, 0 squared distances.
    assert out.losses["commitment"].item() == pytest.approx(1.25 / 4)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_enlarged_and_averaged_as_torch_does_it(factor):
    inner = build("vq", dim=6, codebook_size=9).eval()
    inner.codebook.weight.data.normal_()
    latents = torch.randn(2, 3, 5, 6)
    planes = F.interpolate(
        latents.permute(0, 3, 1, 2), size=(3 * factor, 5 * factor), mode="bilinear", align_corners=False
    )
    enlarged = inner(planes.permute(0, 2, 3, 1))
    out = Smoothed(inner, factor).eval()(latents)
    assert torch.equal(out.indices, enlarged.indices)
    blocks = enlarged.latents.view(2, 3, factor, 5, factor, 6).mean((2, 4))
    torch.testing.assert_close(out.latents, blocks)


def test_smoothing_is_what_makes_values_between_codevectors():
    quantizer = Smoothed(line(0.0, 1.0), 4).eval()
    values = quantizer(torch.rand(1, 8, 8, 1)).latents.unique()
    assert len(values) > 4 and torch.equal(values * 16, (values * 16).round())


def test_a_grid_that_does_not_divide_by_the_factor_cannot_be_decoded():
    quantizer = build("looc", dim=4, codebook_size=8, segments=2, factor=2)
    with pytest.raises(ValueError, match="multiples of 2"):
        quantizer.decode(torch.zeros(1, 4, 5, 2, dtype=torch.int64))
