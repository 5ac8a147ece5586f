"""A prior's training: it learns, resumes bit for bit, and two processes equal one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainers.loop.signals import Stopped
from trainers.priors.data import Rows, batch, divide
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import PriorRecipe, prior_recipe
from trainers.priors.session import PriorSession
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.sequences import Sequences

RECIPE = PriorRecipe(
    name="toy-ar-tiny",
    prior={"name": "ar", "width": 16, "depth": 1, "heads": 2},
    steps=12,
    batch_size=8,
    warmup=2,
    held_out=16,
    evaluate_every=4,
)
MASKGIT = {"name": "maskgit", "width": 16, "depth": 1, "heads": 2}


@pytest.fixture(scope="module")
def sequences() -> Sequences:
    autoencoder = build_autoencoder("conv", stride=4, channels=3, latent_dim=4)
    tokenizer = Tokenizer(autoencoder, build("vq", dim=4, codebook_size=8), build_position("none", dim=4), 16)
    return Sequences(tokenizer, classes=2)


@pytest.fixture(scope="module")
def data(sequences):
    """Images whose cells are all equal, of class 0 below 4 and of class 1 from 4: 4 bits at first, 2 when learned."""
    values = torch.arange(80) % 8
    tokens = Tokens((values[:, None, None, None].expand(80, 4, 4, 1),), (16, 16))
    return divide(RECIPE, Rows(sequences.flatten(tokens, (values >= 4).long())))


def options(folder: Path, **settings) -> PriorOptions:
    return PriorOptions(runs=folder, log_every=1, **settings)


def test_a_prior_learns_what_there_is_to_learn(sequences, data, tmp_path):
    recipe = replace(RECIPE, steps=150, evaluate_every=50, learning_rate=0.02)
    session = PriorSession(recipe, options(tmp_path), sequences, data)
    session.fit()
    session.load_best()
    held_out = data.held_out.sequences.long()
    bits = session.prior.position_bits(held_out)
    assert bits[:, 2].mean().item() == pytest.approx(2, abs=0.4), "one of four, as the class is known"
    assert bits[:, 3:].sum(1).mean().item() < 6, "the others follow from the first: 45 before, as one of eight"


@pytest.mark.parametrize("prior", [RECIPE.prior, MASKGIT, {"name": "diffusion", "width": 16}])
def test_a_run_that_stopped_goes_on_bit_for_bit(prior, sequences, data, tmp_path):
    recipe = replace(RECIPE, prior=prior)
    whole = PriorSession(recipe, options(tmp_path / "whole"), sequences, data)
    whole.fit()
    first = PriorSession(recipe, options(tmp_path / "parts"), sequences, data)
    poll = first.signals.poll
    first.signals.poll = lambda done: (True, Stopped("test", 75)) if done == 5 else poll(done)  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        first.fit()
    second = PriorSession(recipe, options(tmp_path / "parts", resume=True), sequences, data)
    assert second.start == 5
    second.fit()
    for key, weight in whole.prior.state_dict().items():
        assert torch.equal(second.prior.state_dict()[key], weight), key
    logs = [(tmp_path / name / RECIPE.name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_a_run_is_not_overwritten_and_not_resumed_with_other_settings(sequences, data, tmp_path):
    PriorSession(RECIPE, options(tmp_path), sequences, data).fit()
    with pytest.raises(ValueError, match="holds a run at step 12: go on with --resume"):
        PriorSession(RECIPE, options(tmp_path), sequences, data)
    other = replace(RECIPE, batch_size=4)
    with pytest.raises(ValueError, match="batch_size is 4 now and was 8"):
        PriorSession(other, options(tmp_path, resume=True), sequences, data)


def test_every_epoch_shows_every_image_once_and_processes_share_a_batch(sequences, data):
    recipe = replace(RECIPE, drop_class=0.5)
    whole = [batch(recipe, data, sequences, step, 0, 1) for step in range(8)]
    shown = torch.cat([each.rows.sequences for each in whole])
    without_class = [sequence[[0, *range(2, 18)]].tolist() for sequence in shown]
    expected = [sequence[[0, *range(2, 18)]].tolist() for sequence in data.train.sequences.long()]
    assert sorted(without_class) == sorted(expected) and without_class != expected
    assert 0.3 < (shown[:, 1] == sequences.pad).float().mean().item() < 0.7
    halves = [batch(recipe, data, sequences, 3, rank, 2) for rank in range(2)]
    assert torch.equal(torch.stack([each.rows.sequences for each in halves], 1).flatten(0, 1), whole[3].rows.sequences)
    numbers = [[generator.random() for generator in each.generators] for each in (*halves, whole[3], whole[4])]
    assert [*numbers[0], *numbers[1]] == [*numbers[2][::2], *numbers[2][1::2]] and not set(numbers[2]) & set(numbers[3])
    another = batch(recipe, data, sequences, 8, 0, 1).rows.sequences
    assert not torch.equal(another, whole[0].rows.sequences), "another order"


def test_images_held_out_are_not_learned_from(sequences):
    tokens = Tokens((torch.arange(64).view(64, 1, 1, 1).expand(64, 4, 4, 1) % 8,), (16, 16))
    first = torch.arange(64).view(64, 1).expand(64, 16).clone() % 8
    first[:, 1] = torch.arange(64) // 8  # each image is another one
    tokens = Tokens((first.view(64, 4, 4, 1),), (16, 16))
    images = torch.arange(64, dtype=torch.uint8)[:, None, None, None]
    data = divide(RECIPE, Rows(sequences.flatten(tokens, torch.zeros(64, dtype=torch.long)), images))
    train, held_out = ({tuple(row) for row in part.sequences.tolist()} for part in (data.train, data.held_out))
    for part in (data.train, data.held_out):
        assert part.images.flatten().tolist() == [8 * row[3] + row[2] for row in part.sequences.tolist()], "its own"
    assert len(train) == 48 and len(held_out) == 16 and not train & held_out


def test_a_masked_prior_learns_what_there_is_to_learn(sequences, data, tmp_path):
    recipe = replace(RECIPE, prior=MASKGIT, steps=150, evaluate_every=50, learning_rate=0.02)
    session = PriorSession(recipe, options(tmp_path), sequences, data)
    session.fit()
    assert session.best < 28, "48 before, and 32 if tokens said nothing of each other but their class"


def test_recipes_by_name():
    assert prior_recipe("ar-tiny").prior == {"name": "ar", "width": 64, "depth": 3, "heads": 4}
    assert prior_recipe("ar-scale-tiny").order == "by-level" and "heads" not in prior_recipe("diffusion-tiny").prior
    with pytest.raises(ValueError, match="size of a prior='huge'"):
        prior_recipe("ar-huge")
