"""The training step by itself: what the docs show, and the same as a step written out by hand."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator

from trainers.loop.options import Options
from trainers.loop.session import build_accelerator
from trainers.recipes.recipe import Rates
from trainers.step import build_parts, part_of, train_step
from vqzoo.ops.pixels import from_bytes

DOCS = Path(__file__).parents[2] / "docs"


def pixels(num: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (num, 3, 16, 16), dtype=torch.uint8, generator=generator)


def test_the_example_of_the_docs_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "training.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["terms"].keys() == {"loss", "reconstruction", "commitment"}
    assert all(term.isfinite() for term in names["terms"].values())


@pytest.mark.parametrize("quantizer", ["none", "vq", "fsq"])
def test_a_step_with_adam_is_the_step_written_out(tiny, quantizer):
    recipe = tiny(quantizer, warmup=0, rates=Rates(codebooks=2e-3), schedule="constant")
    torch.manual_seed(0)
    tokenizer = recipe.build()
    torch.manual_seed(0)
    by_hand = recipe.build().train()
    result = train_step(build_parts(recipe, tokenizer), [pixels(8)], 3)

    codebooks = [p for name, p in by_hand.named_parameters() if "codebook" in name]
    others = [p for name, p in by_hand.named_parameters() if "codebook" not in name]
    groups = [{"params": others, "lr": recipe.learning_rate}, {"params": codebooks, "lr": 2e-3}]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
    images = from_bytes(pixels(8)).contiguous(memory_format=torch.channels_last)
    out = by_hand(images)
    terms = {"reconstruction": F.mse_loss(out.images, images) / 4, **out.losses}
    loss = sum(recipe.weights[name] * term for name, term in terms.items())
    loss.backward()
    optimizer.step()
    assert result.terms.keys() == {"loss", *terms}
    torch.testing.assert_close(result.terms["loss"], loss.detach(), rtol=1e-6, atol=0)
    assert torch.equal(result.tokens[0].grids[0], out.tokens.grids[0])
    for (name, ours), other in zip(tokenizer.named_parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(
            ours, other, rtol=1e-5, atol=1e-7, msg=lambda message, name=name: f"{name}: {message}"
        )


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_batch_in_parts_is_the_batch(tiny, optimizer):
    """Gradients add up, and terms are means over the parts."""
    weights, terms = [], []
    for parts in (1, 2):
        recipe = tiny("none", optimizer=optimizer, accumulate=parts, weights={"reconstruction": 1.0})
        torch.manual_seed(0)
        tokenizer = recipe.build()
        result = train_step(build_parts(recipe, tokenizer, Accelerator()), pixels(8).chunk(parts), 1)
        terms.append(result.terms["loss"])
        weights.append(torch.cat([parameter.detach().flatten() for parameter in tokenizer.parameters()]))
    torch.testing.assert_close(terms[0], terms[1], rtol=1e-5, atol=0)
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=2e-5)


@pytest.mark.parametrize("frozen", [("encoder", "quantizer"), ("decoder",), ("encoder",), ("quantizer",)])
@pytest.mark.parametrize("quantizer", ["ema", "fsq", "cvq"])
def test_frozen_parts_stay_as_they_are_and_the_others_move(tiny, quantizer, frozen):
    recipe = tiny(quantizer, freeze=frozen, optimizer="muon", position="learned", place="both")
    tokenizer = recipe.build()
    parts = build_parts(recipe, tokenizer)
    for step in range(2):
        before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
        train_step(parts, [pixels(8, step)], step + 2)
    moved = {part_of(name) for name, value in tokenizer.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"encoder", "quantizer", "decoder"} - set(frozen)


def test_with_encoder_and_quantizer_frozen_no_token_changes(tiny):
    recipe = tiny("vq", freeze=("encoder", "quantizer"), learning_rate=0.01)
    tokenizer = recipe.build()
    parts = build_parts(recipe, tokenizer)
    images = from_bytes(pixels(32, seed=5))
    tokens, restored = tokenizer.eval().encode(images), tokenizer(images).images
    for step in range(20):
        train_step(parts, [pixels(8, step)], step)
    assert torch.equal(tokenizer.eval().encode(images).grids[0], tokens.grids[0])
    assert not torch.equal(tokenizer(images).images, restored)


def test_in_the_second_phase_a_step_changes_the_decoder_alone(tiny):
    recipe = tiny("ema", second_phase=2, optimizer="muon")
    tokenizer = recipe.build()
    parts = build_parts(recipe, tokenizer)
    train_step(parts, [pixels(8)], 1)
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    train_step(parts, [pixels(8, seed=1)], 2)
    moved = {name for name, value in tokenizer.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith("autoencoder.decoder.") for name in moved)


def test_a_run_on_a_cpu_computes_with_zeros_where_numbers_are_denormal(tiny):
    """1e-40 is a denormal float32."""
    small = torch.full((4,), 1e-20)
    torch.set_flush_denormal(False)
    assert (small * small).all()
    build_accelerator(tiny(), Options())
    assert not (small * small).any()
