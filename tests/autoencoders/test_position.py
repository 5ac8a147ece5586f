"""Positional encodings of the latent grid (trap: one that varies along one axis only)."""

import math

import pytest
import torch

from vqzoo.autoencoders import POSITIONS, build_position
from vqzoo.ops.position import sinusoidal_2d

SETTINGS = {"none": {}, "sinusoidal": {"grid": 8}, "nerf": {"grid": 8}, "learned": {"grid": 8}}


def test_every_encoding_of_the_table_is_tested():
    assert SETTINGS.keys() == POSITIONS.keys()


@pytest.mark.parametrize("name", POSITIONS)
@pytest.mark.parametrize("size", [(8, 8), (3, 5), (16, 1), (32, 24)])
def test_any_grid_gets_an_encoding_that_can_be_added(name, size):
    encoding = build_position(name, dim=12, **SETTINGS[name])(*size)
    assert torch.broadcast_shapes(encoding.shape, (*size, 12)) == (*size, 12)
    assert name == "none" or encoding.shape == (*size, 12)


@pytest.mark.parametrize("name", [name for name in POSITIONS if name != "none"])
@pytest.mark.parametrize("size", [(8, 8), (5, 11)])
def test_it_varies_from_row_to_row_and_from_column_to_column(name, size):
    encoding = build_position(name, dim=12, **SETTINGS[name])(*size)
    assert all(not torch.allclose(encoding[row], encoding[row + 1]) for row in range(size[0] - 1))
    assert all(not torch.allclose(encoding[:, i], encoding[:, i + 1]) for i in range(size[1] - 1))


def test_none_adds_nothing():
    latents = torch.randn(2, 4, 4, 6)
    assert torch.equal(latents + build_position("none", dim=6)(4, 4), latents)


def test_sinusoidal_has_whole_coordinates_on_the_trained_grid():
    position = build_position("sinusoidal", dim=16, grid=8)
    assert torch.equal(position(8, 8), sinusoidal_2d(torch.arange(8), torch.arange(8), 16))
    # dim 16: channel 0 is the sine of the row, channel 8 that of the column.
    assert position(8, 8)[3, 5, 0].item() == pytest.approx(math.sin(3))
    assert position(8, 8)[3, 5, 8].item() == pytest.approx(math.sin(5))


def test_sinusoidal_lays_a_larger_grid_over_the_same_range():
    """Twice as many rows: cell centres at -0.25, 0.25, 0.75, ... of the trained grid's; columns as before."""
    encoding = build_position("sinusoidal", dim=16, grid=8)(16, 8)
    rows = [math.sin(-0.25 + 0.5 * row) for row in range(16)]
    assert encoding[:, 2, 0].tolist() == pytest.approx(rows, abs=1e-6)
    assert encoding[4, :, 8].tolist() == pytest.approx([math.sin(column) for column in range(8)], abs=1e-6)


def test_learned_is_its_table_on_the_trained_grid_and_interpolated_on_others():
    position = build_position("learned", dim=2, grid=2)
    corners = torch.tensor([[[0.0, 0.0], [4.0, 0.0]], [[0.0, 8.0], [4.0, 8.0]]])
    position.table.data.copy_(corners)
    assert torch.equal(position(2, 2), corners)
    by_column, by_row = position(4, 4).unbind(-1)
    assert torch.equal(by_column, torch.tensor([0.0, 1.0, 3.0, 4.0]).expand(4, 4))
    assert torch.equal(by_row, torch.tensor([0.0, 2.0, 6.0, 8.0])[:, None].expand(4, 4))


def test_learned_learns_and_the_others_have_nothing_to_learn():
    position = build_position("learned", dim=4, grid=3)
    for size in ((3, 3), (5, 7)):
        (gradient,) = torch.autograd.grad(position(*size).square().sum(), position.table)
        assert gradient.abs().min() > 0
    for name in ("none", "sinusoidal"):
        assert not build_position(name, dim=4, **SETTINGS[name]).state_dict()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sinusoidal", {"dim": 6, "grid": 8}, "dim=6: a 2-D sinusoidal encoding needs a multiple of 4"),
        ("sinusoidal", {"dim": 8, "grid": 0}, "grid=0: expected a whole number from 1"),
        ("learned", {"dim": 8, "grid": 10**9}, "grid=1000000000: expected a whole number"),
        ("learned", {"dim": 8, "gird": 8}, "did you mean 'grid'"),
        ("learned", {"dim": 8}, "missing a required argument: 'grid'"),
        ("none", {"dim": True}, "dim=True: expected a whole number"),
        ("sinusoid", {"dim": 8}, "did you mean 'sinusoidal'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build_position(name, **settings)


def test_nerf_octaves_by_hand():
    """grid 8: three octaves; cells at -7/8, -5/8, ... 7/8; the other channels are zero."""
    encoding = build_position("nerf", dim=16, grid=8)(8, 8)
    row, column = -7 / 8 + 2 * 3 / 8, -7 / 8 + 2 * 5 / 8
    expected = [f(2**k * math.pi * x) for x in (row, column) for f in (math.sin, math.cos) for k in range(3)]
    assert encoding[3, 5].tolist() == pytest.approx([*expected, 0, 0, 0, 0], abs=1e-6)


def test_neighbouring_cells_are_half_a_period_apart_at_the_highest_octave():
    encoding = build_position("nerf", dim=16, grid=8)(8, 8)
    assert torch.allclose(encoding[1:, :, 2], -encoding[:-1, :, 2], atol=1e-5)


def test_a_place_is_one_of_three():
    for name in ("sinusoidal", "nerf", "learned"):
        assert build_position(name, dim=16, grid=8).place == "decoder"
        with pytest.raises(ValueError, match="place='decodr': did you mean 'decoder'"):
            build_position(name, dim=16, grid=8, place="decodr")
    with pytest.raises(ValueError, match="dim=8: the 3 octaves of grid=8 need at least 12"):
        build_position("nerf", dim=8, grid=8)
