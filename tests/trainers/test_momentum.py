"""Adam's memory of codevectors that a revival has moved."""

import pytest
import torch
from torch import Tensor

from trainers.loop.momentum import reset_momentum
from vqzoo.quantizers import Quantizer, build

FAR = 100.0


def prepared(revival: str, **settings) -> tuple[Quantizer, torch.optim.Adam, Tensor]:
    """Four codevectors, the last one far from all latents and never chosen, with momentum for each of them."""
    quantizer = build("vq", dim=2, codebook_size=4, start="uniform", revival=revival, **settings)
    weight = quantizer.codebook.weight
    weight.data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [FAR, FAR]])
    quantizer.codebook.usage[:] = torch.tensor([0.25, 0.25, 0.25, 0.0])
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.1)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    return quantizer, optimizer, weight


def moments(optimizer: torch.optim.Adam, weight: Tensor) -> tuple[Tensor, Tensor]:
    return optimizer.state[weight]["exp_avg"], optimizer.state[weight]["exp_avg_sq"]


@pytest.mark.trap("T35", "vq", "cvq", "pq", "rvq", "rq", "looc", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize("revival", ["restart", "closest", "random", "probrandom"])
def test_a_codevector_that_was_moved_loses_its_momentum_and_the_others_keep_theirs(revival):
    quantizer, optimizer, weight = prepared(revival)
    before = [moment.clone() for moment in moments(optimizer, weight)]
    quantizer(torch.rand(1, 4, 4, 2))
    reset_momentum(optimizer, quantizer)
    left = 1 - (1.0 if revival == "restart" else 0.9990005)
    for moment, old in zip(moments(optimizer, weight), before, strict=True):
        assert torch.equal(moment[:3], old[:3]) and old[3].all()
        torch.testing.assert_close(moment[3], left * old[3], rtol=1e-3, atol=0)
    assert optimizer.state[weight]["step"] == 1, "how far Adam is stays what it was"


@pytest.mark.trap("T35", "vq", "cvq", "pq", "rvq", "rq", "looc", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize("forget", [True, False])
def test_a_restarted_codevector_stays_at_its_latent_where_momentum_would_drive_it_off(forget):
    quantizer, optimizer, weight = prepared("restart")
    out = quantizer(torch.rand(1, 4, 4, 2))
    position = weight[3].detach().clone()
    out.losses["codebook"].backward()
    weight.grad[:] = 0  # this step's own
    if forget:
        reset_momentum(optimizer, quantizer)
    optimizer.step()
    moved = (weight[3] - position).norm().item()
    assert moved == 0 if forget else moved > 0.05


@pytest.mark.trap("T35", "vq", "pq", "rvq", "looc", "hvq")
def test_codebooks_inside_others_are_found():
    quantizer = build("pq", dim=4, codebook_size=4, segments=2, rule="gradient", start="normal", revival="restart")
    optimizer = torch.optim.Adam(quantizer.parameters())
    for each in quantizer.parts:
        each.codebook.weight.grad = torch.ones_like(each.codebook.weight)
        each.codebook.usage.zero_()
    optimizer.step()
    quantizer(torch.randn(1, 2, 2, 4))
    reset_momentum(optimizer, quantizer)
    for each in quantizer.parts:
        unused = each.codebook.pulled.bool()
        assert unused.any()
        for moment in moments(optimizer, each.codebook.weight):
            assert not moment[unused].any() and moment[~unused].all()


@pytest.mark.parametrize("settings", [{"name": "vq"}, {"name": "ema", "revival": "restart"}, {"name": "cvq"}])
def test_where_nothing_was_moved_or_there_are_no_moments_yet_nothing_happens(settings):
    quantizer = build(dim=4, codebook_size=4, **settings)
    parameters = list(quantizer.parameters()) or [torch.zeros(1, requires_grad=True)]
    optimizer = torch.optim.Adam(parameters)
    reset_momentum(optimizer, quantizer)
    quantizer(torch.randn(1, 4, 4, 4))
    reset_momentum(optimizer, quantizer)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
