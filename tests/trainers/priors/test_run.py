"""A prior from the command line: from pictures to a card, and images from that."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import trainers
import vqzoo
from trainers.prior import main
from trainers.priors.data import read_rows
from vqzoo.cli import main as vqzoo_main
from vqzoo.files.storage import read_json
from vqzoo.tokens.token_set import TokenSet

MODEL = "cifar10-vq-1024x128"
SETTINGS = ["--steps", "6", "--batch-size", "8", "--held-out", "8", "--evaluate-every", "3", "--warmup", "1"]
PRIOR = str(Path(trainers.__file__).parent / "prior.py")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory) -> Path:
    """A token set of 40 pictures in two classes to learn from, and 12 to measure on."""
    root, generator = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    for split, number in (("train", 40), ("test", 12)):
        for each in range(number):
            path = root / "pictures" / split / ("cat", "dog")[each % 2] / f"{each}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    assert vqzoo_main(["tokenize", str(root / "pictures"), "--model", MODEL, "--out", str(root / "tokens")]) == 0
    return root / "tokens"


@pytest.fixture(scope="module")
def cards(tokens, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("prior")
    folders = ["--runs", str(root / "runs"), "--cards", str(root / "cards")]
    assert main(["ar-tiny", "--tokens", str(tokens), "--label", "label", *SETTINGS, *folders]) == 0
    return root / "cards"


def test_the_card_says_what_was_measured(cards):
    folder = cards / f"{MODEL}-ar-tiny"
    record, text = read_json(folder / "prior.json"), (folder / "README.md").read_text()
    assert record["uniform_bits"] == 64 * 10 and record["num_images"] == 12 and record["split"] == "test"
    assert f"{record['bits_per_image']:,.1f} ±" in text and record["tokenizer"]["sha256"] in text
    assert record["training"]["images"] == 48 and record["training"]["recipe"]["steps"] == 6
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors", "prior.json"
    ]  # fmt: skip


def test_images_of_a_class_come_out(cards):
    images = vqzoo.generate(cards / f"{MODEL}-ar-tiny", 2, "dog", seed=1)
    assert images.shape == (2, 3, 32, 32) and images.abs().max() <= 1


def test_diffusion_learns_latents_of_images(tokens, tmp_path):
    pictures = ["--images", str(tokens.parent / "pictures")]
    folders = ["--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    words = ["diffusion-tiny", "--tokens", str(tokens), "--label", "label", *SETTINGS, *folders, *pictures]
    assert main(words) == 0
    folder = tmp_path / "cards" / f"{MODEL}-diffusion-tiny"
    record, text = read_json(folder / "prior.json"), (folder / "README.md").read_text()
    assert record["measure"] == "flow-matching loss" and "bits_per_image" not in record
    assert record["latents"] == "before quantization" and "learned latents before quantization" in text
    assert f"{record['flow_matching_loss']:.4f} ±" in text and "no likelihood" in text
    assert vqzoo.generate(folder, 1, "dog", seed=1).shape == (1, 3, 32, 32)


def test_images_have_to_be_those_that_were_tokenized(tokens, tmp_path):
    for split, number in (("train", 40), ("test", 12)):
        for each in range(number):
            path = tmp_path / "others" / split / ("cat", "dog")[each % 2] / f"{each}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 32, 3), each, dtype=np.uint8)).save(path)
    with pytest.raises(ValueError, match="other images than those of the token set"):
        read_rows(TokenSet(tokens), str(tmp_path / "others"))


def test_two_processes_learn_what_one_learns(tokens, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    words = ["ar-tiny", "--tokens", str(tokens), "--label", "label", *SETTINGS]
    folders = [["--runs", str(tmp_path / name / "runs"), "--cards", str(tmp_path / name / "cards")] for name in "12"]
    done = subprocess.run([*torchrun, PRIOR, *words, *folders[1]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert main([*words, *folders[0]]) == 0
    one, two = (
        torch.load(tmp_path / name / "runs" / f"{MODEL}-ar-tiny" / "best.pt", weights_only=True) for name in "12"
    )
    assert one["step"] == two["step"] and one["held_out"] == pytest.approx(two["held_out"], rel=1e-5)
    for key, weight in one["model"].items():
        torch.testing.assert_close(two["model"][key], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ar-tiny"], "--tokens: expected a folder that `vqzoo tokenize` wrote"),
        (["ar-tiny", "--tokens", "/nowhere"], "/nowhere"),
        (["arr-tiny", "--tokens", "{tokens}"], "prior='arr'"),
        (["ar-tiny", "--tokens", "{tokens}", "--held-out", "40"], "held_out=40: the token set has 40 images"),
        (["ar-tiny", "--tokens", "{tokens}", "--label", "name"], "label='name'"),
        (["ar-tiny", "--tokens", "{tokens}", "--images", "x"], "--images: ar learns from tokens alone"),
        (["ar-signs-tiny", "--tokens", "{tokens}", "--held-out", "8"], "indices of vq are no signs"),
    ],
)
def test_mistakes_are_told_in_a_line(tokens, tmp_path, capsys, words, message):
    folders = ["--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    assert main([word.format(tokens=tokens) for word in words] + folders) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "cards").exists()
