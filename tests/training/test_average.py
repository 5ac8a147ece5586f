"""Averaged weights: parameters are averaged, what codebooks count is copied."""

import pytest
import torch
from torch import nn

from vqzoo.quantizers import build
from vqzoo.training import WeightAverage


def step(model: nn.Module, value: float) -> None:
    for parameter in model.parameters():
        parameter.data.fill_(value)


def test_by_hand():
    """The first copies; then min(0.5, 2/11) and min(0.5, 3/12) of the average are kept, and half from 1/2 on."""
    model = nn.Linear(2, 1)
    average = WeightAverage(model, decay=0.5)
    stored = [0, *(min(0.5, (1 + n) / (10 + n)) for n in range(1, 12))]
    assert stored[1] == 2 / 11 and stored[-1] == 0.5
    expected = 0.0
    for number, keep in enumerate(stored):
        step(model, float(number**2))
        average.update(model)
        expected = keep * expected + (1 - keep) * number**2
        torch.testing.assert_close(average.module.weight, torch.full((1, 2), expected))
    assert average.n_averaged == len(stored)


def test_the_model_is_left_alone_and_so_is_the_average():
    model = nn.Linear(2, 1)
    average = WeightAverage(model)
    average.update(model)
    before = average.module.weight.clone()
    step(model, 3)
    assert torch.equal(average.module.weight, before) and (model.weight == 3).all()
    assert model.training and model.weight.requires_grad
    assert not average.module.training and not average.module.weight.requires_grad


@pytest.mark.parametrize(
    ("name", "settings"), [("vq", {"revival": "probrandom"}), ("ema", {}), ("cvq", {}), ("simvq", {}), ("gumbel", {})]
)
def test_statistics_of_codebooks_are_copied_and_parameters_averaged(name, settings):
    quantizer, encoder = build(name, dim=8, codebook_size=16, **settings), nn.Linear(8, 8)
    model = nn.ModuleList([encoder, quantizer])
    average = WeightAverage(model, decay=0.9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(4):
        out = quantizer(encoder(torch.randn(2, 4, 4, 8)))
        (sum(out.losses.values()) + out.latents.square().mean()).backward()
        optimizer.step()
        optimizer.zero_grad()
        average.update(model)
    buffers = dict(model.named_buffers())
    for key, value in average.module.named_buffers():
        assert torch.equal(value, buffers[key]), key
    for key, value in model.named_parameters():
        averaged = average.module.get_parameter(key)
        assert not torch.equal(value, averaged) and averaged.isfinite().all(), key


def test_resumed_it_goes_on_as_if_nothing_had_happened():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average, other = WeightAverage(model, 0.9), WeightAverage(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), 0.9)
    for number in range(6):
        if number == 3:
            other.load_state_dict(average.state_dict())
        model(torch.randn(4, 2))
        step(model, number)
        average.update(model)
        if number >= 3:
            other.update(model)
    for key, value in average.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize("decay", [1, -0.1, "0.9"])
def test_a_wrong_decay_is_refused(decay):
    with pytest.raises(ValueError, match="decay="):
        WeightAverage(nn.Linear(1, 1), decay)
