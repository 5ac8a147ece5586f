"""The comparison that the app opens on: what is shipped is what is computed, and of no other models."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqzoo.hub.registry import list_models
from vqzoo.views.comparison import COLUMNS
from vqzoo.views.engine import Engine
from vqzoo.views.opening import FOLDER, first, opened, pending, read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(list_models())


def test_what_is_shipped_is_what_is_computed(engine):
    """Pixels and metrics; another processor may round a few bytes differently.

    Where two codevectors are equally near but for that, it may also choose the other: seen in the pixels around it.
    """
    of = first(engine)
    names = of.models
    shipped = read(FOLDER, Path(of.photo), [engine.models[name] for name in names])
    assert shipped is not None, "made of other weights: python docs/make_opening.py"
    photo = engine.photo(of.photo, of.side)
    for name in names:
        computed, kept = engine.run(name, photo), shipped[name]
        difference = np.abs(kept.pixels.astype(int) - computed.pixels)
        moved = sum(np.abs(one - two).sum() // 2 for one, two in zip(kept.counts, computed.counts, strict=True))
        assert (difference > 2).sum() <= 200 * moved and (difference > 0).mean() < 0.01, name
        assert np.array_equal(kept.original, computed.original)
        assert kept.codebook_of == computed.codebook_of
        for one, two in zip(kept.counts, computed.counts, strict=True):
            assert one.shape == two.shape and np.abs(one - two).sum() <= 0.01 * two.sum()
        for metric in ("psnr", "ssim", "l1", "bits_per_image", "bits_per_pixel", "usage", "perplexity"):
            assert kept.metrics[metric] == pytest.approx(computed.metrics[metric], rel=1e-2), metric
        assert kept.metrics.keys() == computed.metrics.keys()
        assert kept.metrics["lpips"] is not None, "made where LPIPS could be measured"
        assert kept.metrics["encode_ms"] is kept.metrics["decode_ms"] is None, "times are of the machine that ran"


def test_the_page_opens_finished_and_whoever_compares_again_gets_times_of_this_machine(engine):
    fresh = Engine(list_models())
    last = opened(fresh)
    names = [picture["name"] for picture in last["viewer"]["pictures"][1:]]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in last["table"]]
    assert [row["model"] for row in rows] == names and set(names) == set(first(fresh).models)
    assert all(row["encode ms"] is None for row in rows)
    photo = fresh.photo(last["shown"].photo, last["shown"].side)
    shown = fresh.recall(names[:1], photo)[0]
    assert shown.metrics["encode_ms"] is None, "known without computing"
    assert fresh.run(names[0], photo).metrics["encode_ms"] > 0
    assert fresh.recall(names[:1], photo)[0].metrics["encode_ms"] > 0


def test_with_other_weights_or_another_photograph_it_is_not_used(engine, tmp_path):
    path, names = first(engine).photo, first(engine).models
    models = [engine.models[name] for name in names]
    assert read(FOLDER, Path(path), models[:-1]) is None
    other = tmp_path / "other.png"
    shutil.copy(Path(path).with_name("cat.webp"), other)
    assert read(FOLDER, other, models) is None
    changed = tmp_path / names[0]
    shutil.copytree(models[0].source, changed)
    weights = changed / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert read(FOLDER, Path(path), [replace(models[0], source=changed), *models[1:]]) is None
    assert read(tmp_path, Path(path), models) is None, "nothing shipped at all"
    assert opened(engine, tmp_path) is None
    values = pending(engine)
    assert values["viewer"]["pictures"] == [] and "being computed" in values["viewer"]["note"]


def test_the_page_shown_meanwhile_is_of_the_same_comparison(engine):
    page = json.loads((FOLDER / "page.json").read_text(encoding="utf-8"))
    value = json.loads(page["value"])
    expected = opened(engine)
    assert [picture["name"] for picture in value["pictures"]] == [p["name"] for p in expected["viewer"]["pictures"]]
    assert [picture["caption"] for picture in value["pictures"]] == [
        p["caption"] for p in expected["viewer"]["pictures"]
    ]
    assert all((FOLDER / picture["uri"]).is_file() for picture in value["pictures"][1:])
    assert "://" not in str(page), "nothing comes from another machine"


def test_it_is_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 370_000


def test_it_is_there_without_torch():
    code = (
        "import sys; from vqzoo.hub.registry import list_models; from vqzoo.views.engine import Engine\n"
        "from vqzoo.views.opening import opened\n"
        "last = opened(Engine(list_models())); print(len(last['table']), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["4", "False"]
