"""The flowers study's network: an encoding of the column alone, where it stands, and dropout in training only."""

import math

import pytest
import torch
from torch import Tensor, nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.blocks import Attention, ResidualBlock
from vqzoo.autoencoders.study import ColumnEncoding, columns

SMALL = {"latent_dim": 6, "width": 4, "multipliers": (1, 1, 2, 3), "blocks": 2, "attention": (8,)}


def test_columns_by_hand():
    encoding = columns(4, 6)
    assert encoding.shape == (4, 1, 6)
    for column in range(6):
        slow = column / 100  # 10000^(-2 / 4)
        expected = [math.sin(column), math.cos(column), math.sin(slow), math.cos(slow)]
        assert encoding[:, 0, column].tolist() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(columns(3, 6)[0], columns(4, 6)[0]) and columns(3, 6).shape == (3, 1, 6)


def test_it_tells_columns_apart_and_no_rows():
    """The fault that the study's code has and that this network repeats."""
    encoding = ColumnEncoding().eval()(torch.zeros(1, 8, 5, 7))[0]
    assert torch.equal(encoding, encoding[:, :1].expand_as(encoding))
    assert all(not torch.allclose(encoding[..., i], encoding[..., i + 1]) for i in range(6))


def test_half_is_dropped_in_training_and_nothing_in_evaluation():
    encoding, x = ColumnEncoding(), torch.randn(1, 8, 50, 50)
    full = x + columns(8, 50)
    assert torch.equal(encoding.eval()(x), full)
    dropped = encoding.train()(x)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(dropped[dropped != 0], 2 * full[dropped != 0])


@pytest.mark.parametrize(("blocks", "behind"), [(1, 2), (2, 2), (3, 3)])
@pytest.mark.parametrize("attention", [(), (8,), (4, 8)])
def test_it_stands_at_four_places(blocks, behind, attention):
    """With 2 blocks, as in the study, the last one is behind the second of three."""
    autoencoder = build_autoencoder("vqgan-study", **{**SMALL, "blocks": blocks, "attention": attention}).eval()
    seen: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(tuple(output.shape[1:]))

    for module in autoencoder.modules():
        if isinstance(module, ColumnEncoding):
            module.register_forward_hook(note)
    autoencoder.decode(autoencoder.encode(torch.rand(1, 3, 16, 32)))
    assert seen == [(4, 16, 32), (8, 2, 4), (12, 2, 4), (8, 4, 8)]

    layers = list(autoencoder.decoder.layers)
    first, second = (i for i, layer in enumerate(layers) if isinstance(layer, ColumnEncoding))
    assert first == 0 and isinstance(layers[second - 1], ResidualBlock)
    up = next(i for i, layer in enumerate(layers) if not isinstance(layer, (ResidualBlock, Attention, ColumnEncoding)))
    assert sum(isinstance(layer, ResidualBlock) for layer in layers[up:second]) == behind


def test_all_else_is_vqgan_without_the_decoders_head():
    plain, study = (build_autoencoder(name, **SMALL) for name in ("vqgan", "vqgan-study"))
    assert {k: v.shape for k, v in plain.encoder.named_parameters() if "layers" not in k} == {
        k: v.shape for k, v in study.encoder.named_parameters() if "layers" not in k
    }
    for half, head in (("encoder", 0), ("decoder", 3)):
        theirs, ours = (
            [(type(layer), [p.shape for p in layer.parameters()]) for layer in getattr(network, half).layers]
            for network in (plain, study)
        )
        assert [layer for layer in ours if layer[0] is not ColumnEncoding] == theirs[head:]
