"""Diffusion of latents: a perfect network finds its point, and what there is no answer to is refused."""

import numpy as np
import pytest
import torch

from tests.generation.toys import prior
from vqzoo.generation.diffusion import DiffusionPrior
from vqzoo.generation.prior import Sampling
from vqzoo.tokenizer import Tokens

SMALL = {"width": 16, "steps": 4}


def diffusion(quantizer: str = "vq", classes: int = 0, resolution: int = 16) -> DiffusionPrior:
    model = prior(quantizer, classes=classes, resolution=resolution, kind="diffusion", network=SMALL)
    assert isinstance(model, DiffusionPrior)
    return model


def images(number: int = 8, side: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (number, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def generators(number: int) -> list[np.random.Generator]:
    return [np.random.default_rng([1, image]) for image in range(number)]


def test_a_network_that_knows_the_velocity_finds_the_latents(monkeypatch):
    """From x at time t the straight path to z goes on with (z - x) / (1 - t), wherever the noise was."""
    model, pictures = diffusion(), images(1)
    tokens = model.sequences.tokenizer.encode(pictures)
    model.prepare(model.sequences.flatten(tokens), pictures)
    latents = model.latents(model.sequences.flatten(tokens), pictures)
    target = ((latents - model.mean) / model.deviation).permute(0, 3, 1, 2).double()
    monkeypatch.setattr(
        DiffusionPrior, "velocity", lambda _, states, time, labels: (target - states) / (1 - time[:, None, None, None])
    )
    states = list(model.draw(model.sequences.prompt(3), Sampling(seed=1)))
    assert len(states) == 4 and all(state.shape == (3, 17) for state in states)
    expected = model.sequences.flatten(tokens).expand(3, -1)
    assert all(torch.equal(state, expected) for state in states), "each is where the path will end"


def test_the_loss_is_the_error_of_the_velocity(monkeypatch):
    model, pictures = diffusion(), images(2)
    sequences = model.sequences.flatten(model.sequences.tokenizer.encode(pictures))
    seen = {}

    def velocity(_, states, time, labels):
        seen.update(states=states, time=time, labels=labels)
        return torch.zeros_like(states)

    monkeypatch.setattr(DiffusionPrior, "velocity", velocity)
    losses = model.held_out(sequences, generators(2), pictures)
    latents = model.latents(sequences, pictures)
    for image, generator in enumerate(generators(2)):
        time, noise = generator.random(), torch.from_numpy(generator.standard_normal((4, 4, 4))).float()
        end = latents[image].permute(2, 0, 1)
        assert seen["time"][image].item() == pytest.approx(time, abs=1e-6)
        torch.testing.assert_close(seen["states"][image], (1 - time) * noise + time * end)
        torch.testing.assert_close(losses[image], (end - noise).square().mean())
    assert seen["labels"].tolist() == [-1, -1]


def test_latents_are_those_before_the_quantizer_or_those_of_tokens():
    model, pictures = diffusion(), images()
    tokenizer = model.sequences.tokenizer
    tokens = tokenizer.encode(pictures)
    sequences = model.sequences.flatten(tokens)
    before, after = model.latents(sequences, pictures), model.latents(sequences)
    assert torch.equal(tokenizer.quantizers[0].encode(before), tokens.grids[0]) and not torch.equal(before, after)
    assert torch.equal(after, tokenizer.quantizers[0].decode(tokens.grids[0]))


def test_channels_are_normalised_by_what_is_learned_from():
    model, pictures = diffusion(), images(64)
    sequences = model.sequences.flatten(model.sequences.tokenizer.encode(pictures))
    model.prepare(sequences, pictures)
    normalised = (model.latents(sequences, pictures) - model.mean) / model.deviation
    torch.testing.assert_close(normalised.mean((0, 1, 2)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std((0, 1, 2)), torch.ones(4))
    assert {"mean", "deviation"} < model.state_dict().keys() and not any("token" in key for key in model.state_dict())


@pytest.mark.parametrize(("quantizer", "resolution"), [("rvq", 16), ("multiscale", 16), ("vq", 12)])
def test_neither_the_batch_nor_the_number_changes_a_sample(quantizer, resolution):
    """At 12 pixels the grid is 3 x 3, which cannot be halved."""
    model = diffusion(quantizer, 2, resolution)
    labels, sampling = torch.arange(8) % 2, Sampling(guidance=2, seed=5)
    together = model.sample(labels, sampling, batch_size=8)
    alone = model.sample(labels[:3], sampling, batch_size=1)
    assert torch.equal(together[:3].grids[0], alone.grids[0])
    other = model.sample(labels[:3], Sampling(guidance=2, seed=6))
    assert not torch.equal(alone.grids[0], other.grids[0])


def test_guidance_is_between_the_class_and_none():
    model = diffusion(classes=2)
    labels = torch.ones(16, dtype=torch.long)
    without = model.sample(-labels, Sampling(seed=3)).grids[0]
    assert torch.equal(model.sample(labels, Sampling(seed=3, guidance=0)).grids[0], without)
    assert not torch.equal(model.sample(labels, Sampling(seed=3)).grids[0], without)


def test_what_has_no_answer_is_refused():
    model = diffusion()
    tokens = Tokens((torch.zeros(1, 4, 4, 1, dtype=torch.long),), (16, 16))
    with pytest.raises(ValueError, match="diffusion has no likelihood of tokens: expected another prior"):
        model.log_likelihood(tokens)
    with pytest.raises(ValueError, match="top_k=5, top_p=1.0: diffusion takes neither"):
        model.sample(1, Sampling(top_k=5))
    with pytest.raises(ValueError, match="diffusion draws whole images: expected no tokens to go on from"):
        next(model.draw(model.sequences.flatten(tokens)[:, :3], Sampling()))
    with pytest.raises(ValueError, match="width=24: expected a multiple of 16"):
        prior(kind="diffusion", network={"width": 24})
