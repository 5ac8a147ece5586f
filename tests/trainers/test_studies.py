"""Rows of the studies: which there are, how long they are trained, and that a run ends in lines of results.csv."""

import math
from dataclasses import replace

import pytest
import torch

from trainers.loop.fit import fit
from trainers.loop.session import Session
from trainers.loop.signals import Stopped
from trainers.recipes import RECIPES
from trainers.studies import budgets, rows, run
from trainers.studies.budgets import budgeted
from trainers.studies.measure import measure, use_of
from trainers.studies.rows import Row, selected
from trainers.studies.run import PROTOCOLS, missing, run_rows
from vqzoo.ops.pixels import from_bytes
from vqzoo.studies.curves import read_curves
from vqzoo.studies.outside import outside
from vqzoo.studies.reported import settings
from vqzoo.studies.results import read_results
from vqzoo.studies.settings import Setting

VQ = Setting("looc", "cifar10", "vq-vae", 1024, 128)


def names(*wanted):
    return [row.name for row in selected(wanted)]


def test_every_reported_row_has_a_recipe_or_a_reason():
    trained = {setting for row in rows.rows() for setting in row.settings}
    for setting in settings():
        assert (setting in trained) != bool(outside(setting)), setting


def test_every_row_is_a_setting_of_its_study():
    every = rows.rows()
    assert len({(row.study, row.name) for row in every}) == len(every) > 240
    for row in every:
        assert row.settings and {setting.source for setting in row.settings} == {row.study}, row.name


def test_rows_of_the_study_without_tables_are_told_apart_by_what_differs():
    settings = {row.name: row.settings for row in selected(["vqgan"])}
    label = Setting("vqgan", "flowers", "vqgan-sinusoidal-185-images", 8192, 256)
    assert settings["flowers-vqgan-8192x256-sinusoidal-185-images"] == (label,)
    assert len({*settings.values()}) == len(settings) == 21


def test_what_decides_claims_comes_first():
    assert names("all")[: len(rows._FIRST)] == [f"cifar10-{name}" for name in rows._FIRST]


def test_rows_are_selected_by_table_study_and_name():
    table = names("looc.table5")
    assert {"cifar10-looc-8x4", "cifar10-looc-8x4-factor2", "mnist-cvq-1024x128"} <= {*table}
    assert "cifar10-looc-256x64" not in table
    assert names("adaptive.table1", "cifar10-vq-1024x128-plain") == names(
        "cifar10-vq-1024x128-plain", "adaptive.table1"
    )
    assert {*names("rvq")} == {row.name for row in rows.rows() if row.study == "rvq"}


@pytest.mark.parametrize("name", ["loc", "looc.table99", "rcq.table1", "cifar10-vq-1024x12"])
def test_an_unknown_selection_is_named(name):
    with pytest.raises(ValueError, match="did you mean|known"):
        selected([name])


@pytest.mark.parametrize("study", ["rvq", "vqgan"])
def test_a_table_of_a_study_that_has_none_is_named(study):
    with pytest.raises(ValueError, match=f"{study}.table1.* has no tables; {study} alone"):
        selected([f"{study}.table1"])


LENGTH = ("steps", "evaluate_every", "seed", "quantizer", "accumulate")


def test_short_fits_the_schedule_and_nothing_else():
    for row in rows.rows():
        short = budgeted(row.recipe, row.study, "short", 7)
        assert short.warmup < short.steps and short.steps % short.evaluate_every == 0
        assert replace(short, **{name: getattr(row.recipe, name) for name in LENGTH}) == row.recipe
    by_study = {
        study: {budgeted(r.recipe, study, "short", 1).images for r in selected([study])} for study in rows._MODULES
    }
    assert all(len(images) == 1 for images in by_study.values())
    full = budgeted(RECIPES["cifar10-sq-1024x128"](), "looc", "full", 42)
    short = budgeted(full, "looc", "short", 42)
    assert short.quantizer["anneal_steps"] / short.steps == pytest.approx(0.5, abs=0.01)
    assert full.quantizer["anneal_steps"] / full.steps == pytest.approx(0.5, abs=0.01)
    assert (full.optimizer, full.batch_size, full.images) == ("adam", 256, 500 * 49_000 // 256 * 256)
    with pytest.raises(ValueError, match="budget='zoo'"):
        budgeted(full, "looc", "zoo", 1)


def test_long_is_one_schedule_for_all_small_images():
    long = {row.study: [] for row in rows.rows() if row.study != "vqgan"}
    for row in rows.rows():
        if row.study in long:
            each = budgeted(row.recipe, row.study, "long", 7)
            assert each.steps % each.evaluate_every == 0 and each.seed == 7
            short = budgeted(row.recipe, row.study, "short", 7)
            assert replace(each, **{name: getattr(short, name) for name in LENGTH}) == short
            long[row.study].append(each.images)
    assert {image for images in long.values() for image in images} == {RECIPES["cifar10-vq-1024x128"]().images}
    with pytest.raises(ValueError, match="'vqgan' has no budget long"):
        budgeted(RECIPES["flowers-vqgan-1024x256"](), "vqgan", "long", 42)


@pytest.fixture
def row(tiny, data, monkeypatch) -> Row:
    """The first row, at a size that trains in a second."""
    monkeypatch.setenv("VQZOO_DATA", str(data.parent))
    monkeypatch.setitem(budgets.SHORT, "looc", {"steps": 10})
    monkeypatch.setitem(budgets._TRAIN_IMAGES, "pictures", 48)
    return Row("looc", tiny(), (VQ, VQ._replace(codebook_size=16)))


def test_a_row_becomes_two_lines_a_setting_and_is_not_trained_again(row, tmp_path, capsys):
    results = tmp_path / "results.csv"
    assert run_rows([row], "short", [42, 43], tmp_path / "runs", results=results) == 2
    lines = read_results(results)
    assert len(lines) == 2 * 2 * 2
    assert {line.protocol for line in lines} == {*PROTOCOLS} and {line.numbers["seed"] for line in lines} == {42, 43}
    for line in lines:
        numbers = line.numbers
        assert (line.budget, numbers["steps"], numbers["images"], numbers["bits_per_image"]) == ("short", 10, 80, 64)
        assert numbers["psnr"] > 0 and ("reconstruction_loss" in numbers) == (line.protocol == "lossless")
        assert numbers["share"] == pytest.approx(80 / (500 * 40 // 256 * 256), rel=0.01)
    stored = read_curves(tmp_path / "curves.jsonl")
    assert [*stored] == [(row.name, "short", 42), (row.name, "short", 43)]
    assert stored[row.name, "short", 42]["curves"]["step"] == [2, 4, 6, 8, 10]
    assert {"loss", "gap", "quantization", "usage"} < stored[row.name, "short", 42]["curves"].keys()
    assert missing([row], "short", [42, 43], results) == []
    assert run_rows([row], "short", [42, 43], tmp_path / "runs", results=results) == 0
    assert not list(tmp_path.rglob("*.pt"))


def test_what_was_measured_is_used_unless_the_budget_has_changed(row, tmp_path, monkeypatch):
    """A process that ends between measuring and writing down has lost nothing."""
    first, second, third = (tmp_path / f"{number}.csv" for number in (1, 2, 3))
    run_rows([row], "short", [42], tmp_path / "runs", results=first)
    train_row = run.train_row
    monkeypatch.setattr(run, "train_row", None)
    run_rows([row], "short", [42], tmp_path / "runs", results=second)
    assert first.read_text() == second.read_text()
    monkeypatch.setattr(run, "train_row", train_row)
    monkeypatch.setitem(budgets.SHORT, "looc", {"steps": 5})
    run_rows([row], "short", [42], tmp_path / "runs", results=third)
    assert {line.numbers["steps"] for line in read_results(third)} == {5}


def test_a_row_that_was_interrupted_goes_on(row, tmp_path, monkeypatch):
    """Ended in the middle, then the same call again: the same numbers as in one go."""
    results = [tmp_path / name / "results.csv" for name in ("one", "two")]
    for path in results:
        path.parent.mkdir()
    run_rows([row], "short", [42], tmp_path / "whole", results=results[0])

    train_row, stops = run.train_row, iter([True])

    def stopping(recipe, options, keeper):
        if next(stops, False):
            fit(Session(replace(recipe, steps=4), options, keeper.open_feed))
            raise Stopped("asked to end", 75)
        train_row(recipe, options, keeper)

    monkeypatch.setattr(run, "train_row", stopping)
    with pytest.raises(Stopped):
        run_rows([row], "short", [42], tmp_path / "runs", results=results[1])
    assert read_results(results[1]) == []
    run_rows([row], "short", [42], tmp_path / "runs", results=results[1])
    assert [line.numbers["steps"] for line in read_results(results[1])] == [10] * 4


def test_a_row_that_diverges_leaves_the_others(row, tmp_path, monkeypatch, capsys):
    def failing(*arguments):
        raise FloatingPointError("no longer a number at step 3")

    monkeypatch.setattr(run, "train_row", failing)
    assert run_rows([row], "short", [42], tmp_path / "runs", results=tmp_path / "results.csv") == 0
    assert "failed cifar10-vq-1024x128: no longer a number" in capsys.readouterr().out


def test_the_sum_over_batches_of_64(tiny):
    """70 images: the mean of the first 64, and the mean of the last 6, added up."""
    tokenizer = tiny().build().eval()
    images = torch.randint(0, 256, (70, 3, 16, 16), dtype=torch.uint8, generator=torch.manual_seed(0))
    with torch.inference_mode():
        error = ((tokenizer(from_bytes(images)).images - from_bytes(images)) / 2).square().flatten(1).mean(1)
    measured = measure(tokenizer, images)["lossless"]["reconstruction_loss"]
    assert measured == pytest.approx((error[:64].mean() + error[64:].mean()).item(), rel=1e-5)


def test_sharing_by_hand(tiny):
    """Three codevectors of 8 used by the first segment, of them one by the second, too."""
    tokenizer = tiny("looc").build()
    counts = [torch.tensor([1, 2, 3, 0, 0, 0, 0, 0]), torch.tensor([0, 0, 4, 0, 0, 0, 0, 0])]
    assert use_of(tokenizer, counts) == {"segments": [0.375, 0.125], "sharing": [0.375, 0.125]}
    assert use_of(tiny().build(), counts[:1]) == {} and use_of(tokenizer, None) == {}
    assert math.isclose(sum(use_of(tokenizer, counts)["segments"]) * 8, 4)
