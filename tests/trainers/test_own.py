"""`vqzoo train`: from a folder of pictures to a model card that says what is so."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

import vqzoo
from trainers.own import train as own
from trainers.own.images import dataset_name, inspect_images
from trainers.own.options import TrainOptions
from trainers.own.pace import Pace
from trainers.own.plan import STRIDES, ImageStatistics, choose, network, true_bits
from trainers.recipes.recipe import Recipe
from vqzoo.cli import main
from vqzoo.hub.registry import cards_folder

ROOT = Path(__file__).parents[2]


def photograph(seed: int, width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def write(folder, num: int, side: int = 20, kind: str = "png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num):
        photograph(number, side + 4 + number % 3, side).save(folder / f"{number}.{kind}")
    return folder


@pytest.fixture
def run(tmp_path, capfd):
    """run(*arguments): the exit code, and what `vqzoo train` printed."""

    def call(*arguments: str) -> tuple[int, str, str]:
        given = ["train", *map(str, arguments), "--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
        code = main([*given, "--workers", "0"])
        return code, *capfd.readouterr()

    return call


def record(tmp_path, name: str) -> dict:
    return json.loads((tmp_path / "cards" / name / "metrics.json").read_text())


NAME = "photos-ema-1024x48"


def test_one_command_from_a_flat_folder_to_a_card(tmp_path, run, monkeypatch):
    photos = write(tmp_path / "photos", 30)
    code, out, err = run(photos, "--bits", "250", "--steps", "3")
    assert code == 0, err
    told = dict(line.split(None, 1) for line in out.splitlines() if line[:1].isalpha() and "  " in line)
    assert told["resolution"].startswith("20 x 20, crop") and told["true"].endswith("an image, 0.625 a pixel")
    card = tmp_path / "cards" / NAME
    assert f"finished: {NAME}, PSNR " in out and f"{card}/README.md" in out and f"/?models={NAME}" in out
    assert (tmp_path / "runs" / NAME / "contact_sheet.png").is_file()
    assert "images held out" in err

    made = record(tmp_path, NAME)
    counts = made["data"]["images"]
    assert sum(counts.values()) == 30 and made["metrics"]["num_images"] == counts["test"]
    assert made["training"]["images"] == 48 and not made["training"]["full_budget_images"]
    assert made["hub_id"] is None and made["license"] is None
    assert made["metrics"]["bits_per_image"] == 250
    text = (card / "README.md").read_text()
    for false in ("full budget", "apache", "license", "cifar", str(tmp_path)):
        assert false not in text
    assert f"On the {counts['test']} images of photos (a local data set, not one of the Hub)" in text
    assert f"{counts['train']} to learn from, {counts['held_out']} held out" in text
    assert "`vqzoo train photos --bits 250 --steps 3`" in text and "0 minutes on CPU" in text

    monkeypatch.setenv("VQZOO_CARDS", str(tmp_path / "cards"))
    assert [model.name for model in vqzoo.list_models()] == [NAME]
    assert vqzoo.load(NAME).resolution == 20


def test_the_command_of_the_card_makes_the_same_model(tmp_path, run):
    photos = write(tmp_path / "photos", 12)
    assert run(photos, "--bits", "250", "--steps", "2", "--name", "a")[0] == 0
    (first,) = (line for line in (tmp_path / "cards/a/README.md").read_text().splitlines() if "vqzoo train" in line)
    words = first.split("`")[1].split()[2:]
    shutil.rmtree(tmp_path / "runs")
    assert words[0] == "photos" and run(photos, *words[1:], "--name", "b")[0] == 0
    a, b = (vqzoo.load(tmp_path / "cards" / name).state_dict() for name in "ab")
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_steps_are_those_that_fit_into_the_minutes():
    """Hand-computed: 60 s less 10 passed, 5 to start, 8 evaluations of 20 images and 5 + 6 x 30 of measuring."""
    pace = Pace(start=5.0, step=0.5, evaluation=0.01, held_out=20)
    assert pace.steps(1.0, 10.0, 8, 30) == int(0.9 * (60 - 10 - 5 - 1.6 - 5 - 1.8) / 0.5)
    with pytest.raises(ValueError, match="minutes=0.5: 20 steps and the measuring take 0.6 minutes on this machine"):
        pace.steps(0.5, 10.0, 8, 30)


def test_too_few_minutes(tmp_path, run):
    write(tmp_path / "photos", 12)
    code, _, err = run(tmp_path / "photos", "--bits", "250", "--minutes", "0.001")
    assert code == 1 and "minutes=0.001: 20 steps and the measuring take" in err
    assert not (tmp_path / "cards").exists()


def test_a_run_past_its_deadline_ends_with_a_card(tmp_path, run, monkeypatch):
    write(tmp_path / "photos", 12)
    # As on a machine that was a thousand times as fast while the steps were timed.
    monkeypatch.setattr(own, "measure_pace", lambda *_: Pace(0.0, 1e-6, 0.0, 1))
    code, _, err = run(tmp_path / "photos", "--bits", "250", "--minutes", "0.25")
    assert code == 0, err
    training = record(tmp_path, NAME)["training"]
    assert 0 < training["steps"] < 500_000 and training["images"] == 16 * training["steps"]
    assert "--minutes 0.25" in training["full_command"] and "--steps" not in training["full_command"]


def test_resume_goes_on_bit_for_bit(tmp_path, run):
    photos = write(tmp_path / "photos", 12)
    assert run(photos, "--bits", "250", "--steps", "6", "--name", "whole")[0] == 0
    code, _, err = run(photos, "--bits", "250", "--steps", "6", "--name", "parts", "--resume")
    assert code == 1 and "nothing to resume" in err
    assert run(photos, "--bits", "250", "--steps", "6", "--name", "parts")[0] == 0
    for path in sorted((tmp_path / "runs/parts/checkpoints").iterdir())[1:]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(tmp_path / "cards/parts")
    code, _, err = run(photos, "--bits", "250", "--name", "parts", "--resume")
    assert code == 0, err
    a, b = (vqzoo.load(tmp_path / "cards" / name).state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a)

    photograph(99, 24, 20).save(photos / "new.png")
    code, _, err = run(photos, "--bits", "250", "--name", "parts", "--resume")
    assert code == 1 and "other images" in err


def test_a_card_is_never_replaced_by_one_of_other_images(tmp_path, run):
    assert run(write(tmp_path / "a" / "photos", 12), "--bits", "250", "--steps", "2")[0] == 0
    before = record(tmp_path, NAME)
    shutil.rmtree(tmp_path / "runs")
    code, _, err = run(write(tmp_path / "b" / "photos", 13), "--bits", "250", "--steps", "2")
    assert code == 1 and "trained on other images; give this one another --name" in err
    assert record(tmp_path, NAME) == before


def test_fine_tuning_with_frozen_encoder_and_quantizer_keeps_every_token(tmp_path, run):
    photos = write(tmp_path / "photos", 12)
    assert run(photos, "--bits", "250", "--steps", "4", "--name", "base")[0] == 0
    frozen = ("--freeze", "encoder", "quantizer")
    start = ("--start-from", tmp_path / "cards/base", "--name", "tuned")
    code, out, err = run(photos, "--steps", "4", *start, *frozen)
    assert code == 0, err
    assert "encoder, quantizer" in out and "tensors taken" in out
    base, tuned = (vqzoo.load(tmp_path / "cards" / name) for name in ("base", "tuned"))
    images = torch.rand(3, 3, 20, 20) * 2 - 1
    assert torch.equal(base.encode(images).grids[0], tuned.encode(images).grids[0])
    assert not torch.equal(base.decode(base.encode(images)), tuned.decode(base.encode(images)))
    text = (tmp_path / "cards/tuned/README.md").read_text()
    assert "It started from the weights of `base`" in text and str(tmp_path) not in text


def test_a_converted_tokenizer_is_the_start_and_the_settings(tmp_path, run):
    """It has a configuration and weights, and nothing else; its tokens stay what they are."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(cards_folder() / "cifar10-vq-1024x128" / name, theirs)
    photos = write(tmp_path / "photos", 12, side=32)
    frozen = ("--freeze", "encoder", "quantizer")
    code, out, err = run(photos, "--start-from", theirs, "--steps", "2", "--name", "tuned", *frozen)
    assert code == 0, err
    assert re.search(r"start_from \S+theirs: (\d+) of \1 tensors taken", out)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    one, other = vqzoo.load(theirs), vqzoo.load(tmp_path / "cards" / "tuned")
    assert torch.equal(one.encode(images).grids[0], other.encode(images).grids[0])


def test_a_start_of_which_little_fits_is_an_error(tmp_path, run):
    photos = write(tmp_path / "photos", 12, side=32)
    arguments = ("--like", "cifar10-vq-1024x128", "--start-from", "flowers-none-256", "--steps", "2")
    code, _, err = run(photos, *arguments)
    assert code == 1 and re.search(r"\d+ of the \d+ tensors of the autoencoder fit", err)


def test_a_webdataset_and_a_parquet_file(tmp_path, run):
    photos = write(tmp_path / "photos", 20)
    with tarfile.open(tmp_path / "shots.tar", "w") as tar:
        for path in sorted(photos.iterdir()):
            tar.add(path, arcname=path.name)
    rows = datasets.Dataset.from_dict({"image": [str(path) for path in sorted(photos.iterdir())]})
    rows.cast_column("image", datasets.Image()).to_parquet(tmp_path / "shots.parquet")
    for kind in ("tar", "parquet"):
        code, out, err = run(tmp_path / f"shots.{kind}", "--bits", "250", "--steps", "1", "--name", kind)
        assert code == 0, err
    counts = [record(tmp_path, kind)["data"]["images"] for kind in ("tar", "parquet")]
    assert sum(counts[0].values()) == sum(counts[1].values()) == 20


def test_two_processes_train_one_model(tmp_path):
    photos = write(tmp_path / "photos", 12)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = [photos, "--bits", "250", "--steps", "2", "--runs", tmp_path / "runs", "--cards", tmp_path / "cards"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*launch, str(ROOT / "trainers" / "train.py"), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished: ") == done.stdout.count("model        ") == 1
    assert record(tmp_path, NAME)["training"]["processes"] == 2


def test_settings_of_a_recipe(tmp_path, run):
    photos = write(tmp_path / "photos", 12, side=32)
    code, out, err = run(photos, "--like", "cifar10-rvq-8x256", "--steps", "2")
    assert code == 0, err
    assert record(tmp_path, "photos-rvq-8x256")["training"]["recipe"]["quantizer"]["levels"] == 8
    assert run(photos, "--like", "cifar10-rvq-8x25")[0] == 1


@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_the_card_tells_what_became_of_the_shape(tmp_path, run, fit):
    photos = write(tmp_path / "photos", 12)
    assert run(photos, "--bits", "250", "--steps", "2", "--fit", fit, "--license", "cc-by-4.0")[0] == 0
    text = (tmp_path / "cards" / NAME / "README.md").read_text()
    assert {"pad": "had black put beside them", "squash": "proportions changed"}[fit] in text
    assert "license: cc-by-4.0" in text


def test_validation_serves_as_test_and_the_card_says_so(tmp_path, run):
    write(tmp_path / "set" / "train", 12)
    for number in range(4):
        path = tmp_path / "set" / "validation" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        photograph(100 + number, 20, 20).save(path)
    code, out, err = run(tmp_path / "set", "--bits", "250", "--steps", "2")
    assert code == 0, err
    assert "validation to measure on" in out
    text = (tmp_path / "cards" / "set-ema-1024x48" / "README.md").read_text()
    assert "4 images of the validation split of set (a local data set, not one of the Hub), which has no split" in text


def test_a_duplicate_between_splits_is_an_error(tmp_path, run):
    write(tmp_path / "set" / "train", 12)
    (tmp_path / "set" / "test").mkdir()
    shutil.copy(tmp_path / "set/train/3.png", tmp_path / "set/test/copy.png")
    code, _, err = run(tmp_path / "set", "--bits", "250", "--steps", "2")
    assert code == 1 and "3.png of train and copy.png of test" in err and "--splits divide" in err
    assert run(tmp_path / "set", "--bits", "250", "--steps", "2", "--splits", "divide")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-folder"], "'no-such-folder': no such folder; expected a folder of pictures"),
        (["{photos}", "--bits", "0"], "bits=0: expected"),
        (["{photos}", "--bits", "9999999"], "bits=9999999: expected from 25 to 4,000 for images of 20 x 20"),
        (["{photos}", "--minutes", "-1"], "minutes=-1.0: expected a number above 0"),
        (["{photos}", "--name", "../x"], "name='../x': expected letters, digits"),
        (["{photos}", "--splits", "train=a"], "expected both train=NAME and test=NAME"),
        (["{photos}", "--column", "img"], "column='img': expected an image column"),
        (["{photos}", "--start-from", "no-such-model"], "no-such-model"),
        (["{empty}"], "empty: no pictures in this folder; expected files such as .jpg"),
        (["{text}"], "text: no pictures in this folder; expected files such as .jpg"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, run, arguments, message):
    write(tmp_path / "photos", 12)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.docx").write_text("no image")
    folders = {name: tmp_path / name for name in ("photos", "empty", "text")}
    code, _, err = run(*(argument.format(**folders) for argument in arguments))
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1 and len(lines) == 1 and message in lines[0] and "Traceback" not in err
    assert not (tmp_path / "cards").exists()


# The plan


@pytest.mark.parametrize("side", [16, 28, 32, 64, 100, 128, 200, 256, 3000])
@pytest.mark.parametrize("bits", [64, 640, 2560, 4096, 10_000])
def test_the_bits_come_out_near(side, bits):
    try:
        recipe = choose("photos", ImageStatistics([side] * 5, False), bits)
    except ValueError as error:
        assert "expected from" in str(error) and bits > 2560
        return
    made = true_bits(recipe)
    # Whole bits a level: a level of 8 bits or more is off by at most half a bit, a single codebook by half of one.
    assert abs(made - bits) / bits <= 0.1 or made / bits < 1.35 and recipe.quantizer["name"] == "ema"
    assert (
        recipe.resolution <= min(256, max(16, side)) and recipe.resolution % recipe.build().autoencoder.strides[0] == 0
    )


def test_few_images_are_enlarged():
    recipe = choose("photos", ImageStatistics([40, 300, 300, 300, 300, 300, 300, 300], False), 2560)
    assert recipe.resolution == 256


def test_grey_images_get_one_channel_and_no_perceptual_loss():
    recipe = choose("scans", ImageStatistics([300], True), 2560)
    assert recipe.channels == 1 and "perceptual" not in recipe.weights
    assert "perceptual" in choose("scans", ImageStatistics([300], False), 2560).weights
    assert "perceptual" not in choose("scans", ImageStatistics([64], False), 2560).weights, "of small images"


@pytest.mark.parametrize("stride", STRIDES)
def test_every_stride_has_a_network(stride):
    recipe = replace(choose("a", ImageStatistics([64], False), 640), autoencoder=network(stride))
    assert recipe.build().autoencoder.strides == (stride,)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("2024 trip", "2024-trip"),
        ("Фото", "images"),
        ("a.b", "a.b"),
        ("flowers", "my-flowers"),
        ("x" * 99, "x" * 40),
    ],
)
def test_a_data_set_is_called_as_its_folder(tmp_path, path, name):
    (tmp_path / path).mkdir()
    assert dataset_name(str(tmp_path / path)) == name


def test_names_of_known_and_published_data_sets():
    assert dataset_name("cifar10") == "cifar10" and dataset_name("somebody/pictures") == "somebody/pictures"


def test_sizes_are_those_of_the_headers(tmp_path):
    write(tmp_path / "photos", 12)
    (tmp_path / "photos" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    images = inspect_images("photos", TrainOptions(str(tmp_path / "photos")))
    assert set(images.statistics.sides) == {20} and not images.statistics.grey
    assert sum(images.facts["images"].values()) == 13


def test_a_recipe_that_says_how_images_are_fitted_survives_its_file():
    recipe = choose("photos", ImageStatistics([64], False), 640)
    assert Recipe.from_dict(replace(recipe, fit="pad").to_dict()).fit == "pad"
