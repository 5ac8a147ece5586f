"""Codevectors that fall out of use: who is brought back, when, to where, and that it lasts."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.quantizers import Quantizer, build
from vqzoo.quantizers.codebook import Codebook, EMACodebook
from vqzoo.quantizers.revival import anchors, first_usage, pull

DRAWN = ["restart", "random", "probrandom"]
ANCHORED = ["closest", "random", "probrandom"]
REVIVED = [*DRAWN, "closest"]
RULES = [Codebook, EMACodebook]
WITH_REVIVAL = ["vq", "ema", "cvq", "pq", "rvq", "rq", "looc", "adaptive", "factorized", "multiscale", "hvq"]
FAR = 100.0


def with_dead(rule: type[Codebook], revival: str) -> Codebook:
    """Four codevectors; nobody chooses the last two, far away, and their share is used up."""
    codebook = rule(4, 2, "uniform", revival)
    codebook.weight.data = torch.tensor([[0.0, 0.0], [1.0, 1.0], [FAR, 0.0], [0.0, FAR]])
    codebook.usage.copy_(torch.tensor([0.25, 0.25, 0.0, 0.0]))
    return codebook


def among(rows: Tensor, latents: Tensor) -> Tensor:
    """(k,) whether each row is, bit for bit, one of the latents."""
    return (rows[:, None] == latents[None]).all(-1).any(1)


@pytest.mark.trap("T7", *WITH_REVIVAL)
@pytest.mark.parametrize("rule", RULES)
def test_a_restarted_codevector_is_a_latent_of_the_batch_after_the_step(rule):
    """Not overwritten by an average of what was there before, in the same step or in the next ones."""
    codebook = with_dead(rule, "restart")
    latents = torch.rand(20, 2)
    indices = torch.arange(20) % 2
    codebook.update(latents, indices, "l2")
    assert among(codebook.weight[2:], latents).all() and len(codebook.weight[2:].unique(dim=0)) == 2
    assert codebook.usage[2:].tolist() == [0.25, 0.25], "and has time to be chosen"
    if rule is EMACodebook:
        assert codebook.counts[2:].tolist() == [1, 1], "as much as a codevector that has just started"
    position = codebook.weight[2:].detach().clone()
    for _ in range(20):
        codebook.update(torch.rand(20, 2), indices, "l2")
    assert torch.equal(codebook.weight[2:], position)


@pytest.mark.trap("T7", "ema", "rvq", "rq", "pq", "adaptive", "hvq")
def test_a_revived_moving_average_then_follows_its_new_latents():
    """decay 0.9: count 1 becomes 0.9 + 0.1 x 4 = 1.3, and the place 0.9 / 1.3 of the old one and 0.4 / 1.3 of 2."""
    codebook = EMACodebook(4, 2, "uniform", "restart", decay=0.9)
    codebook.load_state_dict(with_dead(EMACodebook, "restart").state_dict())
    codebook.counts[2] = 1e-6
    codebook.update(torch.rand(20, 2), torch.arange(20) % 2, "l2")
    position = codebook.weight[2].clone()
    codebook.update(torch.full((4, 2), 2.0), torch.full((4,), 2), "l2")
    torch.testing.assert_close(codebook.weight[2], (0.9 * position + 0.4 * 2) / 1.3)


@pytest.mark.trap("T7", *WITH_REVIVAL)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("revival", ANCHORED)
def test_an_anchored_codevector_is_next_to_a_latent_of_the_batch_after_the_step(rule, revival):
    """(1 - a) of where it was and a of the latent, a = exp(-0.001) for one that nobody has ever chosen."""
    codebook = with_dead(rule, revival)
    before = codebook.weight.detach().clone()
    latents = torch.rand(20, 2)
    codebook.update(latents, torch.arange(20) % 2, "l2")
    alpha = math.exp(-0.001)
    anchor = (codebook.weight[2:] - (1 - alpha) * before[2:]) / alpha
    assert torch.cdist(anchor, latents).min(1).values.max() < 1e-4
    if rule is EMACodebook:
        torch.testing.assert_close(codebook.counts[2:], torch.full((2,), 0.99 + alpha * 0.01))


@pytest.mark.parametrize("name", ["vq", "ema"])
@pytest.mark.parametrize("revival", REVIVED)
@pytest.mark.trap("T7", "vq", "ema")
def test_codevectors_out_of_reach_come_into_use(name, revival):
    """A fresh codebook around the origin, latents far from it: without a revival a few codevectors serve them all."""
    used = {}
    for each in ("none", revival):
        quantizer = build(name, dim=8, codebook_size=32, start="uniform", revival=each)
        for _ in range(300 if revival == "restart" else 60):
            quantizer(5 + torch.randn(1, 8, 8, 8))
        used[each] = len(quantizer.eval().encode(5 + torch.randn(1, 32, 32, 8)).unique())
    assert used[revival] > 16 > 8 > used["none"], used


def test_restarted_after_230_idle_steps_and_not_before():
    """The share of 1/K falls by a hundredth a step: 0.99^229 = 0.1001, 0.99^230 = 0.0991, and a tenth is the limit."""
    codebook = Codebook(2, 1, "uniform", "restart")
    codebook.weight.data = torch.tensor([[0.0], [FAR]])
    steps = 0
    while codebook.weight[1] == FAR:
        codebook.update(torch.rand(4, 1), torch.zeros(4, dtype=torch.int64), "l2")
        steps += 1
    assert steps == 230


@pytest.mark.trap("T8", *WITH_REVIVAL)
@pytest.mark.parametrize("revival", REVIVED)
def test_idle_for_1000_steps_no_codevector_is_lost(revival):
    """None shrinks towards the origin, leaves the latents or stops being a number."""
    codebook = with_dead(EMACodebook, revival)
    for _ in range(1000):
        codebook.update(5 + torch.rand(4, 2), torch.zeros(4, dtype=torch.int64), "l2")
    weight = codebook.weight.detach()
    assert weight.isfinite().all()
    assert (weight[1:] > 4.9).all() and (weight[1:] < 6.1).all(), weight


def test_shares_to_pulls_by_hand():
    """K = 4. restart: below 0.025 all the way. CVQ: exp(-4000 p - 0.001), cut off below 1e-8 at p = 0.0046."""
    usage = torch.tensor([0.0, 0.001, 0.024, 0.026])
    assert pull("restart", usage).tolist() == [1, 1, 1, 0]
    for revival in ANCHORED:
        assert pull(revival, usage).tolist() == pytest.approx([0.9990005, 0.01829733, 0, 0], abs=1e-6)
    assert (pull("closest", torch.tensor([0.0045, 0.0047] * 2)) > 0).tolist() == [True, False] * 2
    assert first_usage("restart", 4) == 0.25 and all(first_usage(revival, 4) == 0 for revival in ANCHORED)


@pytest.mark.parametrize("revival", REVIVED)
def test_evenly_used_codevectors_are_left_exactly_alone(revival):
    codebook = Codebook(4, 2, "normal", revival)
    codebook.usage.fill_(1 / 4)
    before = codebook.weight.detach().clone()
    for _ in range(5):
        codebook.update(torch.randn(8, 2), torch.arange(8) % 4, "l2")
    assert torch.equal(codebook.weight, before) and not codebook.pulled.any()


def test_closest_anchors_by_hand():
    codevectors = torch.tensor([[2.0, 0.0], [0.0, 9.0]])
    latents = torch.tensor([[1.0, 1.0], [5.0, 1.0], [0.1, 0.5]])
    # Squared distances: 2, 10, 3.86 and 65, 89, 72.26. Cosines: 0.71, 0.98, 0.20 and 0.71, 0.20, 0.98.
    assert anchors("closest", codevectors, latents, "l2", 0).tolist() == [[1, 1], [1, 1]]
    torch.testing.assert_close(anchors("closest", codevectors, latents, "cosine", 0), latents[[1, 2]])


def frequencies(drawn: Tensor, latents: Tensor) -> list[float]:
    return [(drawn == latent).all(1).float().mean().item() for latent in latents]


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_probrandom_draws_by_the_softmax_of_similarities(metric):
    """20,000 equal codevectors; a share's standard deviation is at most 0.0036."""
    codevector, latents = torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0], [0.0, 1.5], [-1.0, 0.2]])
    if metric == "l2":
        similarity = torch.tensor([-(0.4**2 + 0.8**2), -(0.6**2 + 0.7**2), -(1.6**2 + 0.6**2)])
    else:
        similarity = torch.tensor([0.6, 0.8, (-0.6 + 0.16) / 1.04**0.5])
    drawn = anchors("probrandom", codevector.expand(20_000, 2), latents, metric, 1)
    assert frequencies(drawn, latents) == pytest.approx(similarity.softmax(0).tolist(), abs=0.015)


@pytest.mark.parametrize("revival", ["random", "restart"])
def test_random_draws_any_latent_and_none_twice_while_there_are_enough(revival):
    latents = torch.randn(8, 3)
    chosen = torch.stack([anchors(revival, torch.zeros(3, 3), latents, "l2", seed) for seed in range(400)])
    assert all(len(draw.unique(dim=0)) == 3 for draw in chosen)
    assert frequencies(chosen.flatten(0, 1), latents) == pytest.approx([1 / 8] * 8, abs=0.03)


@pytest.mark.parametrize("revival", DRAWN)
def test_every_step_draws_anew(revival):
    codebook, latents, seen = with_dead(Codebook, revival), torch.rand(50, 2), []
    for _ in range(8):
        codebook.weight.data[2:] = 0.5
        codebook.usage[2:] = 0
        codebook.update(latents, torch.arange(50) % 2, "l2")
        seen.append(codebook.weight[2].detach().clone())
    assert len(torch.stack(seen).unique(dim=0)) > 4
    assert codebook.draws == 8


@pytest.mark.parametrize("revival", REVIVED)
def test_the_global_random_state_is_left_alone(revival):
    codebook, state = with_dead(Codebook, revival), torch.get_rng_state()
    codebook.update(torch.rand(20, 2, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2, "l2")
    assert torch.equal(torch.get_rng_state(), state)


def train(quantizer: Quantizer, data: torch.Generator, steps: int) -> Tensor:
    """The last output; codevectors fall out of use at every second step."""
    for step in range(steps):
        if step % 2 == 0:
            quantizer.codebook.usage[:3] = 0
        out = quantizer(torch.randn(1, 4, 4, 4, generator=data))
        if isinstance(quantizer.codebook.weight, torch.nn.Parameter):
            (gradient,) = torch.autograd.grad(out.losses["codebook"], quantizer.codebook.weight)
            quantizer.codebook.weight.data -= 0.1 * gradient
    return out.latents


@pytest.mark.trap("T34", *WITH_REVIVAL)
@pytest.mark.parametrize("name", ["vq", "ema"])
@pytest.mark.parametrize("revival", REVIVED)
def test_revivals_go_on_from_a_saved_state_as_if_never_interrupted(name, revival, tmp_path):
    """No pool of past latents and no place in a stream of random numbers that a checkpoint would lose."""
    whole = build(name, dim=4, codebook_size=8, start="kmeans", revival=revival)
    train(whole, torch.Generator().manual_seed(1), 4)
    torch.save(whole.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(7)
    resumed = build(name, dim=4, codebook_size=8, start="kmeans", revival=revival)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    outputs = [train(each, torch.Generator().manual_seed(2), 4) for each in (whole, resumed)]
    assert torch.equal(*outputs)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


@pytest.mark.parametrize("revival", REVIVED)
def test_the_loss_of_the_step_is_that_before_the_revival_and_its_gradient_is_right(revival):
    """A revival writes to the codebook between the forward and the backward pass."""
    quantizer = build("vq", dim=2, codebook_size=4, start="normal", revival=revival, entropy_temperature=1.0)
    latents, before = torch.randn(1, 3, 4, 2), quantizer.codebook.weight.detach().clone()
    losses = quantizer(latents).losses
    gradient = torch.autograd.grad(sum(losses.values()), quantizer.codebook.weight)[0]
    plain = build("vq", dim=2, codebook_size=4, start="uniform", revival="none", entropy_temperature=1.0)
    plain.codebook.weight.data = before
    expected = plain(latents).losses
    assert all(torch.equal(losses[name], expected[name]) for name in expected)
    assert torch.equal(gradient, torch.autograd.grad(sum(expected.values()), plain.codebook.weight)[0])


def test_unit_codevectors_are_revived_to_directions_of_the_batch():
    quantizer = build("factorized", dim=4, codebook_size=6, code_dim=3, revival="restart")
    codebook = quantizer.quantizer.quantizer.codebook
    codebook.usage.zero_()
    latents = torch.randn(1, 5, 5, 4)
    quantizer(latents)
    unit = F.normalize(quantizer.down(latents), dim=-1).view(-1, 3)
    near = (codebook.codevectors() @ unit.T).max(1).values
    torch.testing.assert_close(near, torch.ones(6))
