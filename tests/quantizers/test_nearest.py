"""Losses of the plain quantizer and where their gradients go (traps: beta on the wrong term, a loss taken after the
straight-through step), and a fresh codebook in half precision."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build, preset

METRICS = ["l2", "cosine"]


def losses_and_gradients(metric="l2"):
    quantizer = build("vq", dim=3, codebook_size=5, metric=metric)
    weight = quantizer.codebook.weight
    weight.data.normal_()
    latents = torch.randn(2, 4, 3, 3, requires_grad=True)
    out = quantizer(latents)
    codevectors = weight.detach()[out.indices.squeeze(-1)]
    return quantizer, latents, out, codevectors


@pytest.mark.parametrize("metric", METRICS)
def test_both_losses_are_the_mean_squared_distance(metric):
    _, latents, out, codevectors = losses_and_gradients(metric)
    distance = (latents - codevectors).square().mean()
    assert out.losses.keys() == {"commitment", "codebook"}
    for loss in out.losses.values():
        torch.testing.assert_close(loss, distance)


@pytest.mark.parametrize("metric", METRICS)
def test_commitment_pulls_the_latents_alone(metric):
    quantizer, latents, out, codevectors = losses_and_gradients(metric)
    to_latents, to_codebook = torch.autograd.grad(
        out.losses["commitment"], [latents, quantizer.codebook.weight], allow_unused=True
    )
    torch.testing.assert_close(to_latents, 2 * (latents.detach() - codevectors) / latents.numel())
    assert to_codebook is None


@pytest.mark.trap("T2", "vq", "cvq", "pq", "rvq", "rq", "looc")
@pytest.mark.parametrize("metric", METRICS)
def test_codebook_loss_pulls_each_codevector_to_its_latents_alone(metric):
    quantizer, latents, out, codevectors = losses_and_gradients(metric)
    to_latents, to_codebook = torch.autograd.grad(
        out.losses["codebook"], [latents, quantizer.codebook.weight], allow_unused=True
    )
    pulls = 2 * (codevectors - latents.detach()) / latents.numel()
    by_hand = torch.stack([pulls[out.indices.squeeze(-1) == k].sum(0) for k in range(5)])
    torch.testing.assert_close(to_codebook, by_hand)
    assert to_latents is None


@pytest.mark.trap("T1", "vq", "cvq", "pq", "rvq", "rq", "looc", "simvq", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize(("source", "to_latents", "to_codebook"), [("paper", 0.25, 1.0), ("paper_code", 1.0, 0.25)])
def test_beta_weighs_the_latents_in_the_paper_and_the_codebook_in_vqgans_code(source, to_latents, to_codebook):
    """Gradients of one latent and its codevector: opposite, and as beta to 1 or 1 to beta."""
    weights = preset("vqgan", source).weights
    quantizer = build("vq", dim=3, codebook_size=1)
    latents = torch.randn(1, 1, 1, 3, requires_grad=True)
    losses = quantizer(latents).losses
    sum(weights[name] * loss for name, loss in losses.items()).backward()
    pull = 2 * (latents.detach() - quantizer.codebook.weight.detach()).view(3) / 3
    torch.testing.assert_close(latents.grad.view(3), to_latents * pull)
    torch.testing.assert_close(quantizer.codebook.weight.grad.view(3), -to_codebook * pull)


@pytest.mark.trap("T12")
@pytest.mark.parametrize(
    "settings",
    [
        {"name": "vq", "codebook_size": 4},
        {"name": "rvq", "codebook_size": 4, "rule": "gradient", "levels": 3, "start": "normal"},
        {"name": "rq", "codebook_size": 4, "rule": "gradient", "levels": 3, "start": "normal", "revival": "none"},
        {"name": "ibq", "codebook_size": 4, "entropy_temperature": 0.0},
        {"name": "lfq"},
    ],
    ids=lambda settings: settings["name"],
)
def test_losses_are_means_so_that_a_weight_means_the_same_at_any_length(settings):
    """Latents and codevectors with every channel twice: a sum over channels would double."""
    losses = []
    latents = torch.randn(1, 4, 5, 6)
    for times in (1, 2):
        torch.manual_seed(0)
        lfq = {"bits": 6 * times} if settings["name"] == "lfq" else {}
        quantizer = build(dim=6 * times, **settings, **lfq).eval()
        for parameter in quantizer.parameters():
            parameter.data = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).repeat(1, times)
        out = quantizer(latents.repeat(1, 1, 1, times)).losses
        losses.append({name: out[name] for name in ("commitment", "codebook", "index") if name in out})
    assert losses[0].keys() == losses[1].keys()
    for name, loss in losses[0].items():
        torch.testing.assert_close(losses[1][name], loss)


def test_the_decoders_gradient_does_not_reach_the_codebook():
    quantizer, _, out, _ = losses_and_gradients()
    (gradient,) = torch.autograd.grad(out.latents.sum(), [quantizer.codebook.weight], allow_unused=True)
    assert gradient is None


def test_a_moving_average_has_no_codebook_loss_and_no_parameters():
    quantizer = build("ema", dim=3, codebook_size=5)
    assert quantizer(torch.randn(1, 2, 2, 3)).losses.keys() == {"commitment"}
    assert not list(quantizer.parameters())


@pytest.mark.trap("T13", "vq", "ema", "cvq", "pq", "rvq", "rq", "looc", "simvq", "multiscale", "hvq")
def test_cosine_chooses_by_angle_and_returns_the_codevector_as_it_is():
    quantizer = build("vq", dim=2, codebook_size=2, metric="cosine").eval()
    quantizer.codebook.weight.data = torch.tensor([[10.0, 0.0], [0.6, 0.8]])
    out = quantizer(torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
    assert out.indices.item() == 0 and out.latents.flatten().tolist() == [10.0, 0.0]
    assert torch.equal(quantizer.decode(out.indices), out.latents)
    # And the losses are those of what was returned, not of unit vectors.
    assert out.losses["commitment"].item() == pytest.approx(81 / 2)


@pytest.mark.trap("T13", "factorized")
@pytest.mark.parametrize("through", ["normalised", "raw"])
def test_unit_codevectors_come_out_as_they_are_looked_up_and_the_gradients_way_is_said(through):
    """normalised: the division's Jacobian (I - u u') / |z|, nothing along the latent; raw: the gradient as it is."""
    quantizer = build("factorized", dim=3, codebook_size=5, code_dim=3, through=through)  # nothing to project
    latents = 3 * torch.randn(1, 2, 4, 3)
    latents.requires_grad_()
    out = quantizer(latents)
    unit_table = F.normalize(quantizer.quantizer.codebook.weight, dim=1).detach()
    torch.testing.assert_close(out.latents, unit_table[out.indices.squeeze(-1)])
    wish = torch.randn(latents.shape)
    (gradient,) = torch.autograd.grad(out.latents, latents, wish)
    length = latents.detach().norm(dim=-1, keepdim=True)
    unit = latents.detach() / length
    turned = (wish - unit * (wish * unit).sum(-1, keepdim=True)) / length
    torch.testing.assert_close(gradient, turned if through == "normalised" else wish)


@pytest.mark.trap("T15", "vq")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fresh_codebook_is_used_as_widely_in_half_precision(dtype):
    """U(-1/K, 1/K) is so narrow that distances computed in bfloat16 all round to one value: one codevector for all."""
    quantizer = build("vq", dim=128, codebook_size=1024).eval()
    latents = torch.randn(2, 16, 16, 128).to(dtype)
    with torch.autocast("cpu", dtype):
        used = len(quantizer.encode(latents).unique())
    weight = quantizer.codebook.weight.detach().double()
    exact = torch.cdist(latents.reshape(-1, 128).double(), weight, compute_mode="donot_use_mm_for_euclid_dist")
    assert used == len(exact.argmin(1).unique()) > 50


@pytest.mark.trap("T14", "vq")
def test_a_large_codebook_of_short_vectors_is_searched_exactly_in_half_precision():
    quantizer = build("vq", dim=8, codebook_size=16384).eval()
    quantizer.codebook.weight.data.normal_()
    latents = torch.randn(1, 10, 10, 8).bfloat16()
    exact = torch.cdist(latents.view(-1, 8).double(), quantizer.codebook.weight.detach().double()).argmin(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer.encode(latents).flatten(), exact)
