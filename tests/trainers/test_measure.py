"""`vqzoo evaluate` on any images: each at its own size, and a card for a model that has none."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import vqzoo
from vqzoo.analysis.evaluation import evaluate
from vqzoo.cli import main
from vqzoo.hub.registry import cards_folder, list_models

MODEL = "cifar10-vq-1024x128"


@pytest.fixture
def converted(tmp_path):
    """A model as `vqzoo convert` leaves it: configuration and weights, and nothing else."""
    folder = tmp_path / "models" / "theirs"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(cards_folder() / MODEL / name, folder)
    return folder


def write(folder, sizes):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    return pictures


def test_images_of_any_size_are_measured_as_they_are(tmp_path, converted, capfd):
    sizes = [(32, 32), (40, 24), (40, 24), (17, 33), (64, 12)]
    pictures = write(tmp_path / "photos", sizes)
    assert main(["evaluate", str(converted), "--data", str(tmp_path / "photos"), "--json"]) == 0
    actual = json.loads(capfd.readouterr().out)
    tokenizer = vqzoo.load(converted)
    singles = []
    for picture in pictures:
        images = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
        singles.append(evaluate(tokenizer, images).metrics)
    assert actual["num_images"] == 5 and actual["split"] == "all" and actual["sides"] == [12, 64]
    for metric in ("psnr", "ssim", "l1", "bits_per_image"):
        assert actual[metric] == pytest.approx(np.mean([single[metric] for single in singles]), rel=1e-5)
    tokens = [tokenizer.encode(torch.zeros(1, 3, height, width)) for width, height in sizes]
    bits = sum(float(tokenizer.bits(each)[0]) for each in tokens)
    assert actual["bits_per_pixel"] == pytest.approx(bits / sum(w * h for w, h in sizes))


def test_large_images_are_shrunk_and_bad_ones_named(tmp_path, converted, capfd):
    write(tmp_path / "photos", [(200, 100)] * 19)
    (tmp_path / "photos" / "bad.png").write_bytes(b"no image")
    settings = ["evaluate", str(converted), "--data", str(tmp_path / "photos"), "--max-side", "50", "--json"]
    assert main(settings) == 0
    out, err = capfd.readouterr()
    actual = json.loads(out[out.index("{") :])
    assert actual["sides"] == [25, 50] and actual["num_images"] == 19 and "1 of 20 images cannot be read" in out + err


def test_a_card_for_a_model_of_another_project(tmp_path, converted, capfd, monkeypatch):
    write(tmp_path / "photos", [(32, 32)] * 4)
    command = ["evaluate", str(converted), "--data", str(tmp_path / "photos"), "--write-card"]
    assert main(command) == 0
    text = (converted / "README.md").read_text()
    assert "On the 4 images of photos (a local data set, not one of the Hub), with sides from 32 to 32 pixels" in text
    assert "Not by vqzoo" in text and "license" not in text and "images seen" not in text
    monkeypatch.setenv("VQZOO_CARDS", str(converted.parent))
    (model,) = list_models()
    assert model.measured and not model.trained and model.metrics["metrics"]["num_images"] == 4
    for line in (["list"], ["info", "theirs"], ["load-check", "theirs"]):
        assert main(line) == 0
    out = capfd.readouterr().out
    assert "theirs" in out and "trained" not in out
    assert main(command) == 1
    assert "has a metrics.json, of other images" in capfd.readouterr().err


def test_the_images_of_the_card_are_compared_with_it(tmp_path, capfd):
    """Other images than those of its card are only measured."""
    write(tmp_path / "photos", [(32, 32)] * 4)
    assert main(["evaluate", MODEL, "--data", str(tmp_path / "photos")]) == 0
    out = capfd.readouterr().out
    assert f"{MODEL}: 4 images of photos, split all" in out and "recorded" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "has no metrics.json that says what it was measured on; give --data FOLDER"),
        (["--data", "{tmp}/none"], "no such"),
        (["--data", "{tmp}/empty"], "no pictures in this folder"),
    ],
)
def test_mistakes(tmp_path, converted, capfd, arguments, message):
    (tmp_path / "empty").mkdir()
    code = main(["evaluate", str(converted), *(each.format(tmp=tmp_path) for each in arguments)])
    err = capfd.readouterr().err
    assert code == 1 and message in err.replace("does not exist", "no such") and "Traceback" not in err
