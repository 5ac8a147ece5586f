"""The ablation: each run changes one thing, is judged without the test split, and is not done twice."""

from dataclasses import replace

import pytest

from trainers.studies.run import DataCache
from trainers.tools import ablation, ablation_tables
from trainers.tools.ablation import (
    BASES,
    CONTINUOUS,
    IMAGES,
    PATH,
    SEEDS,
    VARIANTS,
    Job,
    jobs,
    read_lines,
    run,
    write_lines,
)

TRAINING = {"steps", "batch_size", "warmup", "evaluate_every"}
CHANGES = {
    "base": set(),
    "batch": TRAINING,
    "batch and rate of kernels": TRAINING | {"learning_rate"},
    "optimizer": {"optimizer", "learning_rate", "rates"},
    "rate of kernels": {"learning_rate"},
    "rate of vectors": {"rates"},
    "rate of projections": {"rates"},
    "rate of codebooks": {"rates"},
    "schedule": {"schedule", "average"},
    "averaged weights": {"average"},
    "commitment": {"weights"},
    "quantization": set(),
    "end": {"second_phase"},
    "network": {"autoencoder"},
    "rule, by gradient": {"quantizer", "weights"},
    "start of the network": {"start_from"},
    "crops": TRAINING | {"crop"},
    "training": TRAINING | {"learning_rate"},
    "loss": {"weights"},
    "images": {"steps"},
    "images to learn from": {"train_images", "flip"},
}
"""Factor -> fields that it may change; all others are settings of the quantizer."""


@pytest.mark.parametrize("job", [*jobs([42])], ids=lambda job: " ".join(job.key))
def test_a_run_differs_from_its_base_in_one_thing(job):
    recipe, base = job.recipe, BASES[job.quantizer]
    changed = {name for name, value in recipe.to_dict().items() if value != base.to_dict()[name]} - {"name"}
    assert changed <= CHANGES.get(job.variant.factor, {"quantizer"})
    assert changed or job.variant.setting in ("base", CONTINUOUS)
    if changed == {"quantizer"}:
        keys = {key for key, value in recipe.quantizer.items() if value != base.quantizer.get(key)}
        assert len(keys) == 1 or job.variant.factor == "rule"
    pixels, expected = recipe.images * recipe.side**2, base.images * base.side**2
    assert pixels == expected or job.variant.factor in ("training", "images")
    assert recipe.build()


def test_every_run_has_a_name_and_a_key_of_its_own():
    every = list(jobs(SEEDS))
    assert len({job.recipe.name for job in every}) == len({job.key for job in every}) == len(every)


def test_the_lines_of_the_csv_are_runs_of_the_table():
    lines = read_lines()
    assert lines, f"{PATH} is empty"
    keys = [tuple(line[name] for name in ablation.FIELDS[:4]) for line in lines]
    assert len(set(keys)) == len(keys) and set(keys) <= {job.key for job in jobs(SEEDS)}
    for line in lines:
        assert int(line["images"]) == IMAGES or line["quantizer"] == "photographs" or line["factor"] == "images"
        assert 10 < float(line["psnr"]) < 60


@pytest.fixture
def small(tiny, monkeypatch):
    for name in ("none", "vq"):
        monkeypatch.setitem(BASES, name, tiny(name, name=f"cifar10-{name}-128"))


@pytest.mark.parametrize("setting", ["base", CONTINUOUS])
def test_a_run_becomes_a_line(small, data, tmp_path, setting):
    variant = next(each for each in VARIANTS if each.setting == setting)
    line = run(Job("vq", variant, 43), tmp_path, str(data), DataCache())
    assert line.keys() == set(ablation.FIELDS)
    assert (line["quantizer"], line["setting"], line["seed"]) == ("vq", setting, "43")
    assert float(line["psnr"]) > 0 and 0 < float(line["usage"]) <= 1 and float(line["seconds"]) > 0
    write_lines([line], tmp_path / "lines.csv")
    assert read_lines(tmp_path / "lines.csv") == [{name: str(value) for name, value in line.items()}]


def test_what_has_a_line_is_not_trained_again(small, data, tmp_path, monkeypatch, capsys):
    variants = (VARIANTS[0], replace(VARIANTS[0], setting="again"))
    monkeypatch.setattr(ablation, "VARIANTS", tuple(replace(each, quantizers=("vq",)) for each in variants))
    where = {"seeds": (42,), "data": str(data), "runs": tmp_path / "runs", "results": tmp_path / "lines.csv"}
    assert ablation.main(**where) == 0
    before = read_lines(tmp_path / "lines.csv")
    assert [line["setting"] for line in before] == ["base", "again"]
    assert before[0]["psnr"] == before[1]["psnr"], "the same recipe under two names"
    write_lines(before[:1], tmp_path / "lines.csv")
    capsys.readouterr()
    assert ablation.main(**where) == 0
    assert "again" in capsys.readouterr().out
    after = read_lines(tmp_path / "lines.csv")
    assert after[0] == before[0] and after[1]["psnr"] == before[1]["psnr"]


def test_the_page_is_what_the_csv_says():
    assert ablation_tables.page() == ablation_tables.TARGET.read_text(encoding="utf-8"), (
        "run: python -m trainers.tools.ablation_tables"
    )


def test_a_difference_is_that_of_the_same_seeds():
    lines = [
        {"quantizer": "vq", "factor": factor, "setting": setting, "seed": seed, "psnr": psnr, "usage": "0.5"}
        for factor, setting, seed, psnr in (
            ("base", "base", "42", "24"),
            ("base", "base", "43", "26"),
            ("batch", "32", "43", "27.5"),
        )
    ]
    base, batch = ablation_tables.ablation_table(lines).splitlines()[2:]
    assert base.split(" | ")[3] == "25.00 ± 1.00"
    assert batch.split(" | ")[3] == "+1.50", "seed 42 has no run of the other batch"
