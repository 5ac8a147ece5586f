"""The table of the zoo: models and codecs in one order, and what could not be had said."""

from pathlib import Path

from vqzoo.hub.registry import Model
from vqzoo.hub.table import zoo_table


def metrics(bits: float, psnr: float, **more) -> dict:
    return {"bits_per_image": bits, "share_of_raw": bits / 24_576, "psnr": psnr, "ssim": 0.5, "lpips": 0.25, **more}


def model(name: str, dataset: str, bits: float) -> Model:
    training = {"images": 1200, "full_budget_images": 4}
    record = {"dataset": dataset, "training": training, "metrics": metrics(bits, 20, usage=0.5)}
    return Model(name, Path(name), {}, record)


def codec(name: str, bits: int, true_bits: float, met: float) -> dict:
    measured = metrics(true_bits, 30, quality=12.4, met=met)
    return {"codec": name, "dataset": "b", "bits": bits, "metrics": measured}


def test_codecs_stand_behind_the_models_whose_bits_they_were_given():
    models = [model("b-two", "b", 4096), model("b-one", "b", 640)]
    codecs = [codec("JPEG", 4096, 4000, 1.0), codec("AVIF", 640, 2500, 0.25)]
    heading, rule, *rows = zoo_table(models, codecs).splitlines()
    assert [row.split("|")[1].strip() for row in rows] == [
        "[b-one](model_cards/b-one/README.md)",
        "*AVIF at 640 bits*",
        "[b-two](model_cards/b-two/README.md)",
        "*JPEG at 4,096 bits*",
    ]
    assert {row.count("|") for row in (heading, rule, *rows)} == {9}
    avif, jpeg = rows[1], rows[3]
    assert "| 2,500 |" in avif and "| no codebook |" in avif and avif.endswith("| 75% cannot go so low |")
    assert "| 4,000 | 16.3% | 30.00 |" in jpeg and jpeg.endswith("| quality 12 |")
    assert rows[0].endswith("| 50.0% | 1,200 |")
