"""Training with an adversary, averaged weights, a second phase, random crops and a borrowed start."""

import math
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from trainers.data.open import open_feed
from trainers.loop import checkpoint
from trainers.loop.discriminator import Discriminator
from trainers.loop.fit import train
from trainers.loop.objective import ImageTerms, held_out_gap
from trainers.loop.options import Options
from trainers.loop.resume import load_matching_weights
from trainers.recipes.recipe import Adversary
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json
from vqzoo.tokenizer import Tokenizer

NAME = "cifar10-vq-1024x128"


def states(root, *steps):
    return [checkpoint.read(root / NAME / f"checkpoints/step-{step:08d}.pt") for step in steps]


def test_the_adversary_sets_in_at_its_start(adversarial, data, tmp_path):
    train(adversarial(evaluate_every=8), Options(str(data), tmp_path, tmp_path / "cards", log_every=1))
    rows = [row for row in read(tmp_path / NAME / "metrics.jsonl") if "held_out" not in row]
    game = {"adversarial", "adversarial_weight", "discriminator", "lecam", "real_logits", "fake_logits"}
    assert [game <= row.keys() for row in rows] == [False] * 3 + [True] * 5
    assert all(not game & row.keys() for row in rows[:3])
    for row in rows[3:]:
        weights = {"l1": 2.0, "codebook": 1.0, "commitment": 0.25, "adversarial": row["adversarial_weight"]}
        assert row["loss"] == pytest.approx(sum(weight * row[name] for name, weight in weights.items()), rel=1e-4)


@pytest.mark.trap("T27")
@pytest.mark.parametrize("adaptive", [True, False])
def test_each_side_learns_by_its_own_loss_alone(adversarial, adaptive):
    """Nothing of the discriminator's step reaches the tokenizer, nor of the tokenizer's the discriminator."""
    recipe = adversarial(adversary=Adversary(start=0, width=4, layers=1, adaptive=adaptive))
    torch.manual_seed(0)
    accelerator = Accelerator()
    tokenizer = recipe.build().train()
    discriminator = Discriminator(recipe, accelerator)
    images = torch.rand(4, 3, 12, 12) * 2 - 1
    restored = tokenizer(images).images
    term = discriminator.generator_term(restored)
    main = (restored - images).abs().mean()
    weight = discriminator.generator_weight(main, term, tokenizer.autoencoder.last_layer)
    assert bool(weight == 0.8) is (not adaptive)
    (main + weight * term).backward()
    assert all(p.grad is None for p in discriminator.network.parameters())
    before = {name: p.grad.clone() for name, p in tokenizer.named_parameters() if p.grad is not None}
    assert before
    weights = [p.clone() for p in discriminator.network.parameters()]
    discriminator.step([(images, restored.detach())], 1.0)
    assert any(not torch.equal(a, b) for a, b in zip(weights, discriminator.network.parameters(), strict=True))
    for name, parameter in tokenizer.named_parameters():
        assert name not in before or torch.equal(parameter.grad, before[name])


def test_in_the_second_phase_only_the_decoder_moves(adversarial, data, tmp_path):
    recipe = adversarial(second_phase=4, quantizer={"name": "ema", "codebook_size": 16})
    recipe = replace(recipe, weights={"l1": 2.0, "adversarial": 0.8, "commitment": 0.25})
    train(recipe, Options(str(data), tmp_path, tmp_path / "cards"))
    before, after = (state["model"] for state in states(tmp_path, 6, 8))
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved and all(key.startswith("autoencoder.decoder.") for key in moved)


def test_averaged_weights_are_what_is_judged_and_published(adversarial, data, tmp_path):
    train(adversarial(average=0.9), Options(str(data), tmp_path, tmp_path / "cards"))
    (state,) = states(tmp_path, 8)
    best = checkpoint.read(tmp_path / NAME / "best.pt")
    if best["step"] == 8:
        averaged = {key.removeprefix("module."): value for key, value in state["average"].items() if "." in key}
        assert all(torch.equal(best["model"][key], averaged[key]) for key in best["model"])
    key = "autoencoder.decoder.conv_out.weight"
    assert not torch.equal(state["average"][f"module.{key}"], state["model"][key])
    stored = Tokenizer.from_pretrained(tmp_path / "cards" / NAME).state_dict()[key]
    torch.testing.assert_close(stored, best["model"][key], rtol=0.02, atol=0.02)


def test_a_start_is_borrowed_where_it_fits(adversarial, card, tmp_path, tiny):
    given = Tokenizer.from_pretrained(card)
    other = replace(tiny(), quantizer={"name": "vq", "codebook_size": 8}).build()
    fresh = other.quantizer.codebook.weight.clone()
    load_matching_weights(str(card), other, tmp_path)
    for name, value in other.autoencoder.state_dict().items():
        assert torch.equal(value, given.autoencoder.state_dict()[name])
    assert torch.equal(other.quantizer.codebook.weight, fresh), "another shape is left alone"
    assert not other.quantizer.codebook.started
    taken = load_matching_weights(str(card), same := tiny().build(), tmp_path)
    assert torch.equal(same.quantizer.codebook.weight, given.quantizer.codebook.weight)
    assert taken == f"start_from {card}: {len(given.state_dict())} of {len(given.state_dict())} tensors taken"
    with pytest.raises(ValueError, match="start_from=.*: 0 of the .* tensors of the autoencoder fit"):
        load_matching_weights(
            str(card),
            adversarial(quantizer={"name": "fsq", "levels": (4, 3)}, latent_dim=4).build(),
            tmp_path,
        )
    with pytest.raises(ValueError, match="model='cifar10-nothing'"):
        load_matching_weights("cifar10-nothing", other, tmp_path)


def test_a_borrowed_codebook_is_not_started_again(tiny, card, tmp_path):
    """Also where it comes from a tokenizer whose codebook did not start from data, as converted ones do not."""
    settings = {"name": "vq", "codebook_size": 16, "start": "uniform", "revival": "none"}
    plain = replace(tiny(), quantizer=settings).build()
    folder = tmp_path / "plain"
    folder.mkdir()
    plain.save(folder)
    tokenizer = tiny().build()
    taken = load_matching_weights(str(folder), tokenizer, tmp_path)
    assert tokenizer.quantizer.codebook.started and "of" in taken
    before = tokenizer.quantizer.codebook.weight.clone()
    tokenizer.train()(torch.rand(4, 3, 16, 16))
    survived = (tokenizer.quantizer.codebook.weight == before).all(1)
    assert survived.all(), "k-means of the first batch would have replaced every one"


def test_a_run_with_a_borrowed_start(tiny, data, card, tmp_path):
    """Its first update is made from the borrowed weights; the recipe tells whose they are."""
    recipe = tiny(start_from=str(card), steps=1, learning_rate=1e-12)
    train(recipe, Options(str(data), tmp_path, tmp_path / "cards"))
    (state,) = states(tmp_path, 1)
    given = Tokenizer.from_pretrained(card).state_dict()
    for key, value in state["model"].items():
        if key.startswith("autoencoder."):
            torch.testing.assert_close(value, given[key], rtol=0, atol=1e-9)
    assert read_json(tmp_path / "cards" / NAME / "metrics.json")["training"]["recipe"]["start_from"] == str(card)


def test_the_number_of_training_images(tiny, data):
    for number, expected in ((0, 40), (7, 7)):
        feed, held_out = open_feed(tiny(train_images=number), str(data))
        assert (len(feed.images), len(held_out)) == (expected, 8)
    with pytest.raises(ValueError, match="train_images=41: there are 40 that are not held out"):
        open_feed(tiny(train_images=41), str(data))


def test_nothing_quantized_has_no_gradient_gap(tiny):
    images = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    assert held_out_gap(tiny("none").build().eval(), images) == 0
    gap = held_out_gap(tiny("vq").build().eval(), images)
    assert gap is not None and 0 < gap < math.inf


def test_a_recipe_needs_a_term_that_compares_pixels(tiny):
    with pytest.raises(ValueError, match="weights: expected a weight of 'reconstruction' or 'l1'"):
        tiny(weights={"perceptual": 1.0})
    assert ImageTerms(tiny(weights={"l1": 1.0})).names == ["l1"]
