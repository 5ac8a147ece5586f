"""Images from a prior: `vqzoo.generate` and `vqzoo sample`."""

import numpy as np
import pytest
import torch
from PIL import Image

import vqzoo
from vqzoo.cli import main
from vqzoo.files.storage import WEIGHTS, cards_folder, sha256
from vqzoo.generation.store import TokenizerId, load_prior, save_prior
from vqzoo.generation.table import build_prior
from vqzoo.tokens.sequences import Sequences

NAME = "cifar10-ema-1024x128"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    prior = build_prior("ar", Sequences(vqzoo.load(NAME), classes=2), width=16, depth=1, heads=2)
    folder = tmp_path_factory.mktemp("prior")
    save_prior(prior, folder, TokenizerId(NAME, sha256(cards_folder() / NAME / WEIGHTS)), ("cat", "dog"))
    return folder


def test_images_are_those_of_the_drawn_tokens(folder):
    loaded = load_prior(folder)
    images = vqzoo.generate(loaded, 3, ["cat", "dog", "cat"], seed=4)
    tokens = loaded.prior.sample(torch.tensor([0, 1, 0]), vqzoo.generation.prior.Sampling(seed=4))
    assert torch.equal(images, loaded.tokenizer.decode(tokens))
    again = vqzoo.generate(folder, 3, ["cat", "dog", "cat"], seed=4, batch_size=2)
    torch.testing.assert_close(images, again, rtol=0, atol=1e-4)  # another batch rounds otherwise in the decoder


def test_the_command_writes_a_grid(folder, tmp_path):
    target = tmp_path / "grid.png"
    assert main(["sample", str(folder), "--n", "3", "--label", "dog", "--seed", "1", "-o", str(target)]) == 0
    pixels = np.asarray(Image.open(target))
    assert pixels.shape == (2 * 33 + 1, 2 * 33 + 1, 3)
    first = vqzoo.generate(folder, 1, "dog", seed=1)[0].permute(1, 2, 0)
    np.testing.assert_allclose(pixels[1:33, 1:33], (first / 2 + 0.5).numpy() * 255, atol=0.51)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "cta"], "label='cta'"),
        (["--n", "0"], "n=0: expected a whole number"),
        (["--top-p", "2"], "top_p=2.0: expected more than 0"),
    ],
)
def test_mistakes_are_named(folder, capsys, arguments, message):
    assert main(["sample", str(folder), *arguments]) == 1
    assert message in capsys.readouterr().err
