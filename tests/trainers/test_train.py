"""A run from the first step to its card, and what it may look at on the way."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from trainers.data.memory import Batches, load_images
from trainers.loop import checkpoint, finish
from trainers.loop.fit import fit, train
from trainers.loop.objective import ImageTerms, held_out_terms
from trainers.loop.optimizer import schedule
from trainers.loop.options import Options
from trainers.loop.session import Session
from vqzoo.analysis.evaluation import evaluate as measure
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json
from vqzoo.hub.registry import read_model, usage_counts
from vqzoo.metrics.table import names
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer

from .same import assert_same_states

NAME = "cifar10-vq-1024x128"


def test_the_files_of_a_run(run, card, finished):
    files = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    inside = ["README.md", "config.json", "metrics.json", "model.safetensors", "usage.json"]
    assert files == sorted(
        ["best.pt", "metrics.jsonl", "recipe.json"]
        + [f"card/{name}" for name in inside]
        + [f"checkpoints/step-0000000{step}.pt" for step in (6, 8)]
        + [f"samples/step-0000000{step}.png" for step in (2, 4, 6, 8)]
    )
    assert sorted(path.name for path in card.iterdir()) == inside
    assert sorted(path.name for path in card.parent.iterdir()) == [NAME]
    told = "images: train 48, test 16; measured on test; column image"
    assert finished[1] == f"{told}\nfinished: {card}\n"


def test_the_recipe_is_written_down(run, tiny):
    assert read_json(run / "recipe.json") == tiny().to_dict()


def test_every_step_of_the_log(run, tiny):
    rows = read(run / "metrics.jsonl")
    assert [row["step"] for row in rows] == [2, 2, 4, 4, 6, 6, 8, 8]
    for losses, held_out in zip(rows[::2], rows[1::2], strict=True):
        terms = {"loss", "reconstruction", "commitment", "codebook"}
        others = {"step", "learning_rate", "usage", "perplexity", "images_per_second", "peak_memory_mib"}
        assert losses.keys() == terms | others
        assert 0 < losses["usage"] <= 1 <= losses["perplexity"] <= 16
        assert losses["images_per_second"] > 0 and losses["peak_memory_mib"] > 50
        weighted = sum(weight * losses[term] for term, weight in tiny().weights.items())
        assert losses["loss"] == pytest.approx(weighted, rel=1e-5)
        own = {f"held_out/{name}" for name in ("reconstruction", "commitment", "codebook")}
        assert held_out.keys() == {"step", "held_out", "gradient_gap", "seconds", *own}
        assert held_out["held_out"] == held_out["held_out/reconstruction"]
    rates = [tiny().learning_rate * schedule(tiny(), step) for step in (1, 3, 5, 7)]
    assert [row["learning_rate"] for row in rows[::2]] == rates


def test_samples_show_held_out_images_above_their_reconstructions(run, data, tiny):
    grid = np.asarray(Image.open(run / "samples" / "step-00000008.png"))
    assert grid.shape == (2 * 17 + 1, 8 * 17 + 1, 3)  # 16 pixels and a line between
    originals = load_images("pictures", "train", 16, 3, str(data))[-8:]
    tokenizer = tiny().build()
    tokenizer.load_state_dict(checkpoint.read(run / "checkpoints" / "step-00000008.pt")["model"])
    with torch.no_grad():
        restored = tokenizer.eval()(from_bytes(originals)).images
    for number in range(8):
        left = 1 + 17 * number
        shown = torch.from_numpy(grid[:, left : left + 16].copy()).permute(2, 0, 1)
        assert torch.equal(shown[:, 1:17], originals[number])
        assert (shown[:, 18:34] / 127.5 - 1 - restored[number]).abs().max() < 0.01


def test_the_best_checkpoint_is_the_one_of_the_lowest_held_out_loss(run, data, tiny):
    curve = {row["step"]: row["held_out"] for row in read(run / "metrics.jsonl") if "held_out" in row}
    best = checkpoint.read(run / "best.pt")
    assert best["loss"] == min(curve.values()) == curve[best["step"]]
    tokenizer = tiny().build()
    tokenizer.load_state_dict(best["model"])
    held_out = load_images("pictures", "train", 16, 3, str(data))[-8:]
    terms = held_out_terms(tokenizer, ImageTerms(tiny()), held_out, 8)
    assert terms["reconstruction"] == pytest.approx(best["loss"], rel=1e-5)


def test_metrics_are_those_of_the_stored_weights(card, data, run):
    record = read_json(card / "metrics.json")
    test = load_images("pictures", "test", 16, 3, str(data))
    again = measure(Tokenizer.from_pretrained(card), test)
    assert record["metrics"] == again.metrics and record["metrics"]["num_images"] == 16
    counts = usage_counts(read_model(card))
    assert counts == [column.tolist() for column in again.counts]
    assert sum(map(sum, counts)) == 16 * 4 * 4  # sixteen images of 4 x 4 latents
    rows = read(run / "metrics.jsonl")
    trained, held_out = (record["curves"][split] for split in ("train", "held_out"))
    assert trained["step"] == held_out["step"] == [2, 4, 6, 8]
    assert not {"images_per_second", "peak_memory_mib"} & trained.keys()
    assert trained["commitment"] == pytest.approx([row["commitment"] for row in rows[::2]], rel=1e-5)
    assert held_out["commitment"] == pytest.approx([row["held_out/commitment"] for row in rows[1::2]], rel=1e-5)
    assert held_out.keys() == {"step", "loss", "reconstruction", "commitment", "codebook", "gradient_gap"}


def test_what_the_record_says_of_the_training(card, run, tiny):
    training = read_json(card / "metrics.json")["training"]
    best = checkpoint.read(run / "best.pt")
    assert (training["best_step"], training["best_held_out"]) == (best["step"], best["loss"])
    assert (training["images"], training["steps"], training["full_budget_images"]) == (64, 8, 0)
    assert (training["device"], training["processes"]) == ("CPU", 1)
    assert training["recipe"] == tiny().to_dict() and training["seconds"] > 0


def test_weights_are_stored_in_a_byte_where_that_costs_little(card, run, data, tiny):
    assert read_json(card / "metrics.json")["stored_as"] == "int8"
    full = tiny().build()
    full.load_state_dict(checkpoint.read(run / "best.pt")["model"])
    test = load_images("pictures", "test", 16, 3, str(data))
    cost = measure(full.eval(), test).metrics["psnr"] - read_json(card / "metrics.json")["metrics"]["psnr"]
    assert 0 < abs(cost) <= 0.05
    full_size = sum(tensor.numel() * 4 for tensor in full.state_dict().values())
    assert (card / "model.safetensors").stat().st_size < 0.6 * full_size


@pytest.mark.parametrize(("scale", "stored_as"), [(2**10, "float16"), (2**40, "float32")])
def test_weights_that_narrow_numbers_would_break_are_stored_in_wider_ones(
    finished, data, tiny, tmp_path, scale, stored_as
):
    """Half of the decoder's last channels `scale` times as wide as the others, and scaled back by its last layer: too
    wide beside them for one scale a row, and at last for float16, whose numbers end at 65,504."""
    recipe, run = tiny(), tmp_path / NAME
    best = checkpoint.read(finished[0] / "runs" / NAME / "best.pt")
    exact = tiny().build()
    exact.load_state_dict(best["model"])
    *_, before, last = (layer for layer in exact.modules() if isinstance(layer, torch.nn.ConvTranspose2d))
    with torch.no_grad():
        before.weight[:, ::2] *= scale
        before.bias[::2] *= scale
        last.weight *= 30  # after eight steps pictures are hardly more than the bias
        last.weight[::2] /= scale
    checkpoint.write(run / "best.pt", best | {"model": exact.state_dict()})
    (run / "metrics.jsonl").write_text("")
    test = load_images("pictures", "test", 16, 3, str(data))
    folder = finish.finish(recipe, run, tmp_path / "cards", test, {"seconds": 1.0, "device": "CPU", "processes": 1})
    record = read_json(folder / "metrics.json")
    assert record["stored_as"] == stored_as
    tolerance = 0.01 if stored_as == "float16" else 0
    assert record["metrics"]["psnr"] == pytest.approx(measure(exact.eval(), test).metrics["psnr"], abs=tolerance)


def test_the_card_says_what_metrics_json_says(card):
    metrics = read_json(card / "metrics.json")["metrics"]
    low, high = metrics["intervals"]["psnr"]
    text = ModelCard.load(card / "README.md")
    results = {result.metric_type: result for result in text.data.eval_results}
    assert {name: result.metric_value for name, result in results.items()} == {name: metrics[name] for name in results}
    assert results.keys() == {"psnr", "ssim", "l1", *names("rate", "usage")}
    assert {(result.dataset_name, result.dataset_split) for result in results.values()} == {("pictures", "test")}
    assert text.data.model_name == NAME and "quantizer:vq" in text.data.tags
    assert low < metrics["psnr"] < high
    assert f"| PSNR, dB | {metrics['psnr']:.2f} ({low:.2f} to {high:.2f}) |" in text.text


def test_the_card_of_a_run_on_other_data_knows_no_full_budget(card):
    text = (card / "README.md").read_text()
    assert "It has seen 64 images" in text and "full" not in text


def test_lpips_of_images_that_are_too_small_is_not_available(card):
    metrics = read_json(card / "metrics.json")["metrics"]
    assert metrics["lpips"] is metrics["lpips_network"] is metrics["rfid"] is metrics["rfid_squeeze"] is None
    assert "| LPIPS | not available |" in (card / "README.md").read_text()


def test_a_card_of_more_training_is_not_replaced(finished, data, tiny, tmp_path, capsys):
    cards = tmp_path / "cards"
    for steps, kept in ((4, 4), (2, 4), (6, 6)):
        recipe = tiny(steps=steps)
        folder = tmp_path / f"run{steps}" / NAME
        checkpoint.write(folder / "best.pt", checkpoint.read(finished[0] / "runs" / NAME / "best.pt"))
        (folder / "metrics.jsonl").write_text("")
        test = load_images("pictures", "test", 16, 3, str(data))
        where = finish.finish(recipe, folder, cards, test, {"seconds": 1.0, "device": "CPU", "processes": 1})
        assert read_json(cards / NAME / "metrics.json")["training"]["steps"] == kept
        assert read_json(where / "metrics.json")["training"]["steps"] == steps
        assert ("kept" in capsys.readouterr().out) == (steps < kept)
        assert [path.name for path in cards.iterdir()] == [NAME]


def test_a_copy_that_dies_leaves_the_card_there_was(finished, tmp_path, monkeypatch):
    source = finished[0] / "runs" / NAME / "card"
    target = tmp_path / "cards" / NAME
    target.mkdir(parents=True)
    (target / "old").write_text("")

    def half(folder, fresh):
        Path(fresh).mkdir()
        (Path(fresh) / "metrics.json").write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finish.shutil, "copytree", half)
    with pytest.raises(OSError, match="No space"):
        finish._put(source, target, 64)
    assert [path.name for path in tmp_path.glob("cards/*/*")] == ["old"]
    assert [path.name for path in target.parent.iterdir()] == [NAME]


def test_nothing_is_chosen_by_the_test_split(data, tiny, run, tmp_path, write_dataset, pictures):
    """All of the training, the choice of the best checkpoint included, is the same beside another test split."""
    pixels = load_images("pictures", "train", 16, 3, str(data)).permute(0, 2, 3, 1).numpy()
    same = [Image.fromarray(image) for image in pixels]
    other = write_dataset(tmp_path / "pictures", train=same, test=pictures(16, seed=9))
    session = Session(tiny(), Options(str(other), tmp_path / "runs", tmp_path / "cards"))
    fit(session)
    for name in ("best.pt", "checkpoints/step-00000008.pt"):
        assert_same_states(checkpoint.read(session.folder / name), checkpoint.read(run / name))


def test_no_held_out_image_is_trained_on(data, tiny, tmp_path, monkeypatch):
    seen: set[bytes] = set()
    at = Batches.at

    def spy(self, step):
        batch = at(self, step)
        seen.update(image.numpy().tobytes() for image in batch)
        return batch

    monkeypatch.setattr(Batches, "at", spy)
    train(tiny(), Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    images = [image.numpy().tobytes() for image in load_images("pictures", "train", 16, 3, str(data))]
    assert seen == set(images[:40])


def test_mixed_precision_finishes_and_is_another_computation(data, run, tiny, tmp_path):
    train(tiny(precision="bf16"), Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    assert (tmp_path / "cards" / NAME / "README.md").exists()
    half, full = (read(folder / "metrics.jsonl") for folder in (tmp_path / "runs" / NAME, run))
    assert half[-1]["step"] == 8
    assert half[0]["reconstruction"] != full[0]["reconstruction"]
    assert half[0]["reconstruction"] == pytest.approx(full[0]["reconstruction"], rel=0.02)


def test_metrics_json_is_plain_json(card):
    def refuse(value):
        raise AssertionError(value)

    for name in ("metrics.json", "usage.json", "config.json"):
        json.loads((card / name).read_text(), parse_constant=refuse)  # no NaN, no Infinity


def test_a_card_says_how_the_images_were_set_apart(tmp_path, pictures, write_dataset, tiny):
    """Also where a recipe of the zoo is trained on a set that has no test split."""
    cards = tmp_path / "cards"
    for name, settings, expected in (
        ("a", {"train": pictures(48, 0), "validation": pictures(8, 1)}, "8 images of the validation split of pictures"),
        ("b", {"train": pictures(60, 0)}, "set apart by a hash of their content"),
    ):
        folder = write_dataset(tmp_path / name, **settings)
        train(tiny(steps=2, held_out=2), Options(str(folder), tmp_path / "runs" / name, cards / name))
        assert expected in (cards / name / NAME / "README.md").read_text()
