"""The table of metrics: a row is all that a new metric needs besides its function."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from vqzoo.metrics.table import METRICS, names, present, recorded, show, show_of

ROOT = Path(__file__).parents[2]

FUNCTION = """
def far(images, originals):
    \"\"\"Largest error.\"\"\"
    return (images.float() - originals.float()).abs().amax((1, 2, 3)) / 255
"""

# Nothing of vqzoo is imported before the row is there, as if it were in the table's file.
PROGRAM = """
import contextlib, io, json, runpy, sys
from vqzoo.metrics import table

table.METRICS["far"] = table.Metric("far", "farthest pixel", ".3f", "image", "lower", "far:far", bounds=(0, 1))

import numpy as np
import torch
import vqzoo
from trainers import evaluate
from vqzoo.analysis.evaluation import evaluate as measure
from vqzoo.cli import main
from vqzoo.files.storage import read_json
from vqzoo.hub.card import model_card
from vqzoo.hub.model import check_record
from vqzoo.hub.registry import list_models
from vqzoo.views.comparison import COLUMNS, compare
from vqzoo.views.engine import Engine
from PIL import Image

name = "cifar10-vq-1024x128"
model = next(model for model in list_models() if model.name == name)
images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
record = {**model.metrics, "metrics": measure(vqzoo.load(name), images).metrics}
check_record(name, model.config, record)
Image.fromarray(images[0].permute(1, 2, 0).numpy()).save("photo.png")
*_, last = compare(Engine([model]), "photo.png", 64, [name])

def printed(run, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run(*arguments)
    return out.getvalue()

evaluate.images_of, evaluate.read_json = (lambda *_: images), (lambda path: record)
print(json.dumps({
    "record": record["metrics"]["far"],
    "interval": record["metrics"]["intervals"]["far"],
    "list": printed(main, ["list", "--quantizer", "vq"]),
    "card": model_card(record, model.config),
    "column": dict(zip(COLUMNS, last["table"][0])),
    "sorted": last["viewer"]["orders"]["farthest pixel"],
    "compared": printed(evaluate.reproduce, model.source),
    "page": runpy.run_path("PAGE")["page"](),
}))
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory) -> dict:
    """Return what a process prints whose table has one more row."""
    folder = tmp_path_factory.mktemp("far")
    (folder / "far.py").write_text(FUNCTION)
    program = PROGRAM.replace("PAGE", str(ROOT / "docs" / "metrics.py"))
    # Without the networks of other metrics, which take seconds to import.
    where = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "VQZOO_WEIGHTS": "", "TORCH_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=where, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_one_row_is_in_records_cards_comparisons_the_command_line_the_app_and_the_docs(added):
    assert 0 < added["interval"][0] <= added["record"] <= added["interval"][1] <= 1
    low, high = (f"{bound:.3f}" for bound in added["interval"])
    assert f"| farthest pixel | {added['record']:.3f} ({low} to {high}) |" in added["card"]
    assert "type: far\n" in added["card"]
    assert "farthest pixel" in added["list"].splitlines()[0] and "not available" in added["list"].splitlines()[1]
    assert 0 < added["column"]["farthest pixel"] <= 1 and added["sorted"] == ["cifar10-vq-1024x128"]
    assert [line.split()[-1] for line in added["compared"].splitlines() if " far " in line] == ["same"]
    assert "| farthest pixel | `far` | each image | lower | – | 0.0001 | Largest error. |" in added["page"]


def test_names_are_those_of_the_rows():
    assert all(name == metric.name for name, metric in METRICS.items())
    assert names("image", table="models") == ("psnr", "ssim", "lpips")
    assert set(recorded()) == set(names("image", "set", "rate", "usage")) and "mse" not in recorded()


@pytest.mark.parametrize("name", METRICS)
def test_every_row_is_whole(name):
    metric = METRICS[name]
    assert (metric.kind == "image") == bool(metric.function) and (metric.kind == "set") == bool(metric.features)
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.rounded(1) == (100 if metric.format.endswith("%") else 1)
    assert not metric.function or callable(metric.computed)


def test_values_as_text():
    assert [show("psnr", 27.654), show("psnr", None), show("usage", None)] == ["27.65", "not available", "no codebook"]
    assert show_of("usage", {}) == "not available" and show_of("usage", {"usage": None}) == "no codebook"
    assert METRICS["psnr"].with_unit(20) == "20.00 dB" and METRICS["ssim"].with_unit(0.5) == "SSIM 0.5000"
    assert METRICS["share_of_raw"].rounded(0.12345) == 12.3 and METRICS["bits_per_image"].rounded(12345.6) == 12346
    assert METRICS["rfid"].allowed(50) == 0.5 and METRICS["psnr"].allowed(50) == 0.01
    assert present({"lpips": None, "psnr": 1, "mse": 2}) == ["psnr", "lpips"]
    assert [METRICS[name].head for name in ("psnr", "bits_per_image")] == ["PSNR, dB", "true bits"]


def test_the_page_is_what_the_table_says():
    page = runpy.run_path(str(ROOT / "docs" / "metrics.py"))["page"]()
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == page, "run: python docs/metrics.py"
