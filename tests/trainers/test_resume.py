"""A run that was killed and resumed ends, bit for bit, where it would have ended."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from trainers.data.memory import load_images
from trainers.loop import checkpoint
from trainers.loop.finish import finish
from trainers.loop.fit import fit, train
from trainers.loop.options import Options
from trainers.loop.resume import find_checkpoint
from trainers.loop.session import Session
from trainers.recipes.recipe import Rates, Recipe, Settings
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json, write_json
from vqzoo.quantizers import QUANTIZERS

from .feeds import Killed, changed, fit_until, noisy
from .same import assert_same_runs, flat

NAME = "cifar10-vq-1024x128"


def train_noisily(recipe: Recipe, options: Options) -> None:
    """Train to the card from images that the global generator changes at every draw."""
    session = Session(recipe, options, changed(noisy))
    fit(session)
    test = load_images(recipe.dataset, "test", recipe.resolution, recipe.channels, options.data)
    finish(recipe, session.folder, options.cards, test, session.facts())


MORE: list[Settings] = [
    {"name": "vq", "start": "kmeans", "revival": "probrandom"},
    {"name": "cvq", "anchors": "random"},
]


@pytest.mark.parametrize(
    "settings", [*({"name": name} for name in QUANTIZERS), *MORE], ids=lambda s: "-".join(map(str, s.values()))
)
def test_killed_and_resumed(settings, data, tiny, tmp_path, forget_accelerator, capsys):
    """Every quantizer, every other one with Muon, the rest with Adam."""
    optimizer = "muon" if [*QUANTIZERS].index(settings["name"]) % 2 else "adam"
    recipe = tiny(settings["name"], evaluate_every=2, optimizer=optimizer)
    recipe = replace(recipe, quantizer=recipe.quantizer | settings)
    whole = Options(str(data), tmp_path / "whole", tmp_path / "cards", log_every=1)
    broken = replace(whole, runs=tmp_path / "broken")
    again = replace(broken, resume=True)
    train_noisily(recipe, whole)
    for step, options in ((5, broken), (7, again)):  # steps 5 and 7 are done and lost
        forget_accelerator()
        with pytest.raises(Killed):
            fit_until(step, recipe, options)
        rows = read(tmp_path / "broken" / NAME / "metrics.jsonl")
        assert rows[-1]["step"] == step
        assert checkpoint.read_latest(tmp_path / "broken" / NAME / "checkpoints")["step"] == step - 1
    forget_accelerator()
    train_noisily(recipe, again)
    assert_same_runs(tmp_path / "whole" / NAME, tmp_path / "broken" / NAME, 8)
    before, after = (
        flat(checkpoint.read(tmp_path / "whole" / NAME / f"checkpoints/step-0000000{n}.pt")) for n in (6, 8)
    )
    moved = [key for key in before if key.startswith("/model") and not torch.equal(before[key], after[key])]
    assert any("decoder" in key for key in moved), "nothing was learnt"
    assert any("quantizer" in key for key in moved) or settings["name"] in ("none", "uniform"), "nothing was learnt"
    assert "nothing to resume" not in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_an_adversarial_run_killed_and_resumed(adversarial, data, tmp_path, forget_accelerator, optimizer):
    """The discriminator, its optimizer, LeCam's averages, averaged weights and the phase go on where they were."""
    recipe = adversarial(average=0.9, position="learned", second_phase=6, optimizer=optimizer)
    whole, broken = (Options(str(data), tmp_path / part, tmp_path / "cards") for part in ("whole", "broken"))
    train_noisily(recipe, whole)
    for step, resume in ((5, False), (7, True)):
        forget_accelerator()
        with pytest.raises(Killed):
            fit_until(step, recipe, replace(broken, resume=resume))
    forget_accelerator()
    train_noisily(recipe, replace(broken, resume=True))
    assert_same_runs(tmp_path / "whole" / NAME, tmp_path / "broken" / NAME, 8)


def test_killed_before_the_card_was_written(data, tiny, run, tmp_path, forget_accelerator):
    options = Options(str(data), tmp_path / "runs", tmp_path / "cards")
    fit(Session(tiny(), options))
    assert not options.cards.exists()
    forget_accelerator()
    train(tiny(), Options(str(data), tmp_path / "runs", tmp_path / "cards", resume=True))
    assert_same_runs(run, tmp_path / "runs" / NAME, 8)
    assert (tmp_path / "cards" / NAME / "README.md").exists()


def test_with_nothing_to_resume_it_starts_afresh_and_says_so(data, tiny, run, tmp_path, capsys):
    train(tiny(), Options(str(data), tmp_path / "runs", tmp_path / "cards", resume=True))
    assert f"{tmp_path / 'runs' / NAME} has nothing to resume: starting afresh\n" in capsys.readouterr().out
    assert_same_runs(run, tmp_path / "runs" / NAME, 8)


def test_a_fresh_run_leaves_checkpoints_of_an_earlier_one_alone(data, tiny, run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="holds a run at step 8: go on with --resume, or start afresh after deleting"):
        train(tiny(), Options(str(data), run.parent, run.parent / "cards"))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_fresh_run_over_one_that_never_saved_is_as_if_it_had_not_been(data, tiny, run, tmp_path, forget_accelerator):
    options = Options(str(data), tmp_path / "runs", tmp_path / "cards")
    with pytest.raises(Killed):
        fit_until(1, tiny(), replace(options, log_every=1))
    assert len(read(tmp_path / "runs" / NAME / "metrics.jsonl")) == 1
    forget_accelerator()
    train(tiny(), options)
    assert_same_runs(run, tmp_path / "runs" / NAME, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 4},
        {"held_out": 4},
        {"seed": 1},
        {"latent_dim": 4},
        {"precision": "bf16"},
        {"optimizer": "muon"},
        {"rates": Rates(codebooks=1e-2)},
        {"quantizer": {"name": "vq", "codebook_size": 8}},
        {"weights": {"reconstruction": 2.0, "codebook": 1.0, "commitment": 0.25}},
    ],
    ids=str,
)
def test_another_recipe_is_not_resumed(tiny, run, change):
    (key,) = change
    with pytest.raises(ValueError, match=f"--resume: {key} is .* now and was .* when .* was started"):
        find_checkpoint(replace(tiny(), **change), run, resume=True)


def test_settings_that_are_lists_on_the_disk_are_tuples_in_the_recipe(tiny, run, tmp_path):
    recipe = tiny("fsq")
    assert recipe.quantizer["levels"] == (4, 3)
    shutil.copytree(run, tmp_path / NAME)
    write_json(tmp_path / NAME / "recipe.json", recipe.to_dict())
    assert read_json(tmp_path / NAME / "recipe.json") == recipe.to_dict()
    assert find_checkpoint(recipe, tmp_path / NAME, resume=True) is not None
    again = Recipe.from_dict(read_json(tmp_path / NAME / "recipe.json"))
    assert again.build().config == recipe.build().config
    assert find_checkpoint(again, tmp_path / NAME, resume=True) is not None
    with pytest.raises(ValueError, match=r"--resume: quantizer is .*\[4, 4\].* now and was .*\[4, 3\]"):
        find_checkpoint(replace(recipe, quantizer={"name": "fsq", "levels": (4, 4)}), tmp_path / NAME, resume=True)


def test_a_run_is_made_longer_and_not_shorter(tiny, run):
    saved = find_checkpoint(tiny(steps=20, learning_rate=1e-4, warmup=0, evaluate_every=10), run, resume=True)
    assert saved is not None and saved["step"] == 8
    with pytest.raises(ValueError, match="steps=4: the checkpoint to go on from is already at step 8"):
        find_checkpoint(tiny(steps=4), run, resume=True)


START = """
import json, os, sys
from pathlib import Path

os.sched_getaffinity = lambda process: {0}
from trainers.recipes.recipe import Recipe
from trainers.loop.options import Options
from trainers.loop.fit import train

recipe, data, runs, cards = sys.argv[1:]
train(Recipe.from_dict(json.loads(recipe)), Options(data, Path(runs), Path(cards)))
"""


def test_a_process_killed_by_the_system(data, tiny, tmp_path, forget_accelerator):
    """SIGKILL, which no handler sees, at a moment that nobody chose."""
    recipe, cards = tiny(steps=100, evaluate_every=10), tmp_path / "cards"
    arguments = [json.dumps(recipe.to_dict()), str(data), str(tmp_path / "broken"), str(cards)]
    process = subprocess.Popen([sys.executable, "-c", START, *arguments], stderr=subprocess.DEVNULL)
    checkpoints = tmp_path / "broken" / NAME / "checkpoints"
    try:
        while len(list(checkpoints.glob("step-*.pt"))) < 2:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.005)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.read_latest(checkpoints)["step"] < 100 and not cards.exists()

    train(recipe, Options(str(data), tmp_path / "broken", cards, resume=True))
    forget_accelerator()
    train(recipe, Options(str(data), tmp_path / "whole", cards))
    assert_same_runs(tmp_path / "whole" / NAME, tmp_path / "broken" / NAME, 100)
