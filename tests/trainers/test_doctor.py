"""`vqzoo doctor`: findings with a command that works and the effect that it is known to have."""

import json
import re

import pytest
import torch
import tyro
from PIL import Image

import vqzoo
from trainers.own.options import TrainOptions
from trainers.recipes import get_recipe
from trainers.recipes.overrides import with_fields, with_settings
from trainers.tools import doctor
from trainers.tools.ablation import VARIANTS
from trainers.tools.retrain import LENGTH, retrain_own, retrain_recipe
from trainers.train import Run
from vqzoo.cli import main


def photographs(folder, num=12, side=20):
    folder.mkdir()
    for number in range(num):
        Image.effect_noise((6, 6), 90 + number).convert("RGB").resize((side, side)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def run(tmp_path):
    """A run of `vqzoo train` with a codebook that uses hardly any codevectors."""
    photos = photographs(tmp_path / "photos", 80)
    places = ["--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards"), "--workers", "0"]
    bad = ["--set", "quantizer.start=uniform", "quantizer.revival=none", "quantizer.codebook-size=32"]
    command = ["train", str(photos), "--bits", "250", "--steps", "3", "--name", "sick", *bad]
    assert main([*command, *places]) == 0
    return tmp_path / "runs" / "sick", places


def test_a_collapsed_run_warns_of_itself_and_the_advice_is_a_command(capfd, run, tmp_path):
    folder, places = run
    (warning,) = [line for line in capfd.readouterr().err.splitlines() if "warning: scale" in line]
    assert re.search(r"latents are \S+ times as long as codevectors", warning)
    words = warning.split("try ")[1].split(" (")[0].split()
    assert (
        words[:3] == ["vqzoo", "train", "photos"]
        and "quantizer.start=kmeans" in words
        and "quantizer.start=uniform" not in words
    )
    assert main(["train", str(tmp_path / "photos"), *words[3:], *places]) == 0
    assert (tmp_path / "cards" / "sick-2").is_dir() and "warning: scale" not in capfd.readouterr().err


def test_a_run_and_its_card_are_examined_alike(run, tmp_path, capfd):
    capfd.readouterr()
    photos = str(tmp_path / "photos")
    assert main(["doctor", str(run[0]), "--json"]) == 0
    of_run = json.loads(capfd.readouterr().out)
    assert main(["doctor", str(tmp_path / "cards" / "sick"), "--data", photos, "--json"]) == 0
    of_card = json.loads(capfd.readouterr().out)
    assert {finding["kind"] for finding in of_run["findings"]} >= {"scale", "apart"}
    assert {finding["kind"] for finding in of_card["findings"]} & {"scale", "apart"}
    assert main(["doctor", str(run[0])]) == 0
    out = capfd.readouterr().out
    assert "  try: vqzoo train photos" in out and "findings" in out


def test_every_remedy_is_a_command_that_works():
    settings = {"name": "vq", "codebook_size": 8, "start": "uniform", "revival": "none"}
    for changed in ({}, {"revival": "restart"}, {"revival": "restart", "start": "kmeans"}, None):
        for kind in (
            "unused",
            "apart",
            "scale",
            "saturated",
            "borders",
            "colour",
            "gradient",
            "over-fitting",
            "exploding",
        ):
            remedy = doctor._remedy(kind, {"name": "fsq"} if changed is None else settings | changed)
            field, value = remedy.field, remedy.value
            assert {remedy.tried, remedy.against} <= {(v.factor, v.setting) for v in VARIANTS}
            name = "cifar10-fsq-8-5-5-5" if changed is None else "cifar10-vq-1024x128"
            given = retrain_recipe(get_recipe(name))(field, value).split()[4:]
            recipe = tyro.cli(Run, default=Run(with_settings(get_recipe(name), given)), args=given).recipe
            again = retrain_own(TrainOptions("photos"), "a")(field, value)
            wishes = tyro.cli(TrainOptions, args=again.split()[2:])
            if field == LENGTH:
                assert recipe.steps == 2 * get_recipe(name).steps and wishes.minutes == 40
            else:
                assert with_fields(get_recipe(name), wishes.set) == recipe


def test_effects_are_those_of_the_ablation(tmp_path, monkeypatch):
    path = tmp_path / "fast.csv"
    path.write_text(
        "quantizer,factor,setting,seed,psnr\n"
        "vq,base,base,1,24\nvq,base,base,2,25\nvq,revival,none,1,22\nvq,revival,none,2,22.5\nema,base,base,1,24\n"
    )
    monkeypatch.setattr(doctor, "ABLATION", path)
    base, without = ("base", "base"), ("revival", "none")
    assert doctor.effect(base, without, "vq") == "+2.25 dB for vq in docs/training_fast.md"
    assert doctor.effect(base, without, "ema") == "+2.25 dB for vq in docs/training_fast.md"
    assert doctor.effect(without, base, "vq") == "-2.25 dB for vq in docs/training_fast.md"
    assert doctor.effect(base, ("start", "uniform"), "vq") == ""
    monkeypatch.setattr(doctor, "ABLATION", tmp_path / "none.csv")
    assert doctor.effect(base, without, "vq") == ""


def test_what_a_log_shows():
    train = [{"step": step, "loss": 1.0, "usage": usage} for step, usage in ((50, 0.9), (100, 0.8), (150, 0.1))]
    held_out = [{"step": step, "held_out": 1.0, "gradient_gap": gap} for step, gap in ((50, 0.1), (150, 0.5))]
    actual = dict(doctor._of_log([*train, *held_out]))
    assert actual["unused"].startswith(
        "10.0% of the codevectors are in use at the end, 90.0% were; most died after step 100"
    )
    assert actual["gradient"] == "the gradient gap grew from 0.1 to 0.5"
    assert doctor._of_log(train[:2]) == [] and doctor._of_log([]) == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["learning-rate"], "expected FIELD=VALUE"),
        (["learningrate=3"], "did you mean 'learning_rate'"),
        (["quantizer.revivall=none"], "did you mean 'revival'"),
        (["learning-rate=fast"], "a value that does not fit"),
    ],
)
def test_fields_that_cannot_be_set(pairs, message):
    with pytest.raises(ValueError, match=message):
        with_fields(get_recipe("cifar10-vq-1024x128"), pairs)


def test_a_model_that_says_nothing_of_its_data(tmp_path, capfd):
    folder = tmp_path / "theirs"
    tokenizer = vqzoo.load("cifar10-ema-1024x128")
    with torch.no_grad():
        tokenizer.quantizer.codebook.weight.mul_(5)
    folder.mkdir()
    tokenizer.save(folder)
    assert main(["doctor", str(folder)]) == 1
    assert "give --data FOLDER" in capfd.readouterr().err
    assert main(["doctor", str(folder), "--data", str(photographs(tmp_path / "photos", 250, 32))]) == 0
    assert "vqzoo train FOLDER --start-from" in capfd.readouterr().out
