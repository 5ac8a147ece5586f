"""The greedy hierarchy: what is stored, what is guessed from it, and that no layer disturbs those below it."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.quantizers import build
from vqzoo.quantizers.hvq import HVQ, RunningScale

SIZES = [(2, 4, 6), (3, 3, 6)]
"""(stride, height, width): not square."""


def hvq(**settings) -> HVQ:
    small = {"dim": 3, "codebook_size": 16, "width": 8, "rule": "gradient", "start": "latents"}
    return build("hvq", **{**small, **settings})


def with_scale(quantizer: HVQ) -> HVQ:
    """Far from the scale that it was built with, and in evaluation mode."""
    quantizer(5 + 3 * torch.randn(2, 6, 12, 3))
    return quantizer.eval()


def on_planes(network: torch.nn.Module, grid: Tensor) -> Tensor:
    return torch.stack([network(image.permute(2, 0, 1)[None])[0].permute(1, 2, 0) for image in grid])


def choose(table: Tensor, grid: Tensor) -> Tensor:
    return torch.cdist(grid.reshape(-1, 3), table).argmin(1).view(grid.shape[:-1])


@pytest.mark.parametrize(("stride", "height", "width"), SIZES)
def test_the_upper_layer_alone_is_stored_and_the_lower_one_guessed(stride, height, width):
    """The codevector nearest to what the decoder makes of the codevector nearest to what the encoder makes of z."""
    quantizer = with_scale(hvq(stride=stride))
    latents = 5 + 3 * torch.randn(2, height, width, 3)
    out = quantizer(latents)
    mean, deviation = quantizer.scale.mean, quantizer.scale.variance.sqrt()
    above, below = quantizer.upper.codebook.weight, quantizer.lower.codebook.weight
    expected = choose(above, on_planes(quantizer.encoder, (latents - mean) / deviation))
    assert out.indices.shape == (2, height // stride, width // stride, 1)
    assert torch.equal(out.indices[..., 0], expected) and len(expected.unique()) > 1
    guess = on_planes(quantizer.decoder, above[expected]) * deviation + mean
    torch.testing.assert_close(out.latents, below[choose(below, guess)])


@pytest.mark.parametrize("rule", ["gradient", "ema"])
def test_the_lower_layer_trains_as_it_does_alone(rule):
    """To the last bit: its output, its statistics, its gradients, and what the networks around it are told."""
    quantizer = hvq(rule=rule, start="latents", revival="restart").train()
    alone = copy.deepcopy(quantizer.lower)
    for _ in range(3):
        latents, wish = torch.randn(2, 4, 6, 3), torch.randn(2, 4, 6, 3)
        actual = []
        for each in (quantizer, alone):
            z = latents.clone().requires_grad_()
            out = each(z)
            loss = torch.stack([*out.losses.values(), (out.latents * wish).sum()]).sum()
            weights = [*(alone if each is alone else quantizer.lower).parameters()]
            actual.append([out.latents, *torch.autograd.grad(loss, [z, *weights])])
        assert all(torch.equal(one, other) for one, other in zip(*actual, strict=True))
    for key, value in alone.state_dict().items():
        assert torch.equal(quantizer.lower.state_dict()[key], value), key


@pytest.mark.parametrize("training", [True, False])
def test_losses_are_those_of_both_layers_and_of_the_guess_in_units_of_the_variance(training):
    quantizer = with_scale(hvq()).train(training)
    lower, upper = copy.deepcopy(quantizer.lower), copy.deepcopy(quantizer.upper)
    latents = 5 + 3 * torch.randn(2, 4, 6, 3)
    losses = quantizer(latents).losses
    z = (latents - quantizer.scale.mean) / quantizer.scale.variance.sqrt()
    y = on_planes(quantizer.encoder, z)
    below, above = lower(latents).losses, upper(y)
    expected = {name: below[name] + above.losses[name] for name in ("commitment", "codebook")}
    expected["guess"] = F.mse_loss(on_planes(quantizer.decoder, above.latents), z)
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("name", ["commitment", "codebook", "guess"])
def test_no_loss_of_the_upper_layer_reaches_below_it(name):
    quantizer = hvq(levels=3).train()
    latents = torch.randn(2, 4, 8, 3, requires_grad=True)
    losses, alone = quantizer(latents).losses, copy.deepcopy(quantizer.lower)(latents).losses
    (actual,) = torch.autograd.grad(losses[name], latents, allow_unused=True)
    if name == "commitment":
        assert torch.equal(actual, torch.autograd.grad(alone[name], latents)[0])
    else:
        assert actual is None


def test_a_third_layer_stands_above_the_second():
    quantizer = hvq(levels=3)
    assert isinstance(quantizer.upper, HVQ) and not isinstance(quantizer.upper.upper, HVQ)
    quantizer.eval()
    indices = quantizer.encode(torch.randn(2, 8, 12, 3))
    assert indices.shape == (2, 2, 3, 1)
    # Down the layers: what the third stands for, as the second's codevectors, is what the second layer's guess is of.
    middle = quantizer.upper.decode(indices)
    assert torch.equal(quantizer.decode(indices), quantizer._below(on_planes(quantizer.decoder, middle)))


def test_sides_that_are_no_multiple_are_refused():
    for settings, multiple in [({}, 2), ({"stride": 3}, 3), ({"levels": 3}, 4)]:
        quantizer = hvq(**settings)
        with pytest.raises(ValueError, match=f"expected height and width in multiples of {multiple}"):
            quantizer(torch.randn(1, 12, 13, 3))


def test_a_layer_learns_to_guess_what_repeats_itself():
    """Two kinds of 2 x 2 latents, so that one bit tells all of them."""
    patches = 4 * torch.randn(2, 2, 2, 3)
    quantizer = build("hvq", dim=3, codebook_size=16, width=16, start="kmeans").train()
    optimizer = torch.optim.Adam(quantizer.parameters(), 0.02)
    for _ in range(100):
        blocks = patches[torch.randint(2, (4, 2, 3))]  # (b, h / 2, w / 2, 2, 2, d)
        latents = blocks.permute(0, 1, 3, 2, 4, 5).reshape(4, 4, 6, 3)
        losses = quantizer(latents).losses
        optimizer.zero_grad()
        torch.stack([*losses.values()]).sum().backward()
        optimizer.step()
    error = (quantizer.eval()(latents).latents - latents).square().mean() / latents.var()
    assert losses["guess"] < 0.25 and error < 0.5, "1 is what guessing the mean would be"


def test_the_first_batch_starts_the_scale_and_the_others_move_it_by_a_hundredth():
    scale = RunningScale(2)
    scale.update(torch.tensor([[1.0, 10.0], [3.0, 10.0]]))
    assert scale.mean.tolist() == [2.0, 10.0] and scale.variance.item() == 0.5  # (1 + 1 + 0 + 0) / 4
    scale.update(torch.tensor([[0.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(scale.mean, torch.tensor([1.98, 9.9]))
    torch.testing.assert_close(scale.variance, torch.tensor(0.495))
    latents = torch.randn(5, 2)
    torch.testing.assert_close(scale.restored(scale.normalised(latents)), latents)


def test_the_scale_leaves_open_neither_where_latents_lie_nor_how_far_apart():
    """What the upper layer chooses and how well it guesses is the same for 1000 + 50 z as for z."""
    latents = torch.randn(2, 4, 6, 3, dtype=torch.float64)
    outs = []
    for moved in (latents, 1000 + 50 * latents):
        torch.manual_seed(5)
        outs.append(hvq()(moved.float()))
    assert torch.equal(outs[0].indices, outs[1].indices)
    torch.testing.assert_close(outs[0].losses["guess"], outs[1].losses["guess"], rtol=1e-3, atol=0)


def test_latents_that_are_all_the_same_are_fine():
    quantizer = hvq().train()
    out = quantizer(torch.full((1, 4, 4, 3), 7.0))
    assert out.latents.isfinite().all() and all(loss.isfinite() for loss in out.losses.values())
    assert quantizer.eval()(torch.full((1, 4, 4, 3), 7.0)).latents.isfinite().all()
