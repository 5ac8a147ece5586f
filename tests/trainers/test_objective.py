"""What is minimised and how fast, worked out by hand."""

import math

import pytest
import torch

from trainers.loop.objective import ImageTerms, held_out_terms, objective, selection_loss
from trainers.loop.optimizer import schedule
from vqzoo.analysis import measurements
from vqzoo.metrics.fidelity import psnr
from vqzoo.ops.pixels import from_bytes, to_bytes


def test_terms_are_weighted_and_summed():
    terms = {"reconstruction": torch.tensor(2.0), "codebook": torch.tensor(3.0)}
    assert objective(terms, {"reconstruction": 1.5, "codebook": 0.5, "unused": 9.0}).item() == 1.5 * 2 + 0.5 * 3


def test_gradients_are_weighted_too():
    x = torch.tensor(3.0, requires_grad=True)
    objective({"a": x, "b": x.square()}, {"a": 2.0, "b": 0.5}).backward()
    assert x.grad == 2.0 + 0.5 * 2 * 3


def test_a_term_without_a_weight_is_named():
    with pytest.raises(ValueError, match="weights: the loss term 'codebook' has no weight; given are: commit, recon"):
        objective({"codebook": torch.tensor(1.0)}, {"recon": 1.0, "commit": 1.0})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.25),  # first of four warm-up steps, the cosine at its top
        (1, 0.5 * (1 + math.cos(math.pi / 100)) / 2),
        (3, (1 + math.cos(3 * math.pi / 100)) / 2),  # warm-up is over
        (25, (1 + math.sqrt(0.5)) / 2),
        (50, 0.5),
        (99, (1 - math.cos(math.pi / 100)) / 2),  # one step before zero
    ],
)
def test_the_learning_rate_follows_a_cosine(tiny, step, expected):
    assert schedule(tiny(steps=100, warmup=4), step) == pytest.approx(expected, rel=1e-12)


def test_no_warm_up_starts_at_the_peak(tiny):
    assert schedule(tiny(warmup=0), 0) == 1.0


def test_held_out_terms_are_means_over_images_whatever_the_batch(tiny, monkeypatch):
    images = torch.randint(256, (7, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    recipe = tiny(weights={"reconstruction": 1.0, "l1": 0.5, "codebook": 1.0, "commitment": 0.25})
    tokenizer = recipe.build().train()
    terms = held_out_terms(tokenizer, ImageTerms(recipe), images, 0)
    assert not tokenizer.training
    with torch.no_grad():
        out = tokenizer(from_bytes(images))
    difference = (out.images.double() + 1) / 2 - images.double() / 255
    assert terms.keys() == {"reconstruction", "l1", "codebook", "commitment", "psnr"}
    assert terms["psnr"] == pytest.approx(psnr(to_bytes(out.images), images).mean().item(), rel=1e-5)
    assert terms["reconstruction"] == pytest.approx(difference.square().mean().item(), rel=1e-5)
    assert terms["l1"] == pytest.approx(difference.abs().mean().item(), rel=1e-5)
    assert terms["commitment"] == pytest.approx(out.losses["commitment"].item(), rel=1e-5)
    monkeypatch.setattr(measurements, "_PIXELS", 3 * 16 * 16)
    assert held_out_terms(tokenizer, ImageTerms(recipe), images, 0) == pytest.approx(terms, rel=1e-5)


def test_the_best_checkpoint_is_chosen_by_the_terms_that_compare_images():
    terms = {"reconstruction": 2.0, "perceptual": 3.0, "commitment": 100.0}
    assert selection_loss(terms, {"reconstruction": 1.5, "perceptual": 0.5, "commitment": 1.0}) == 1.5 * 2 + 0.5 * 3
