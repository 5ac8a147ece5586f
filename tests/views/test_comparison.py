"""What the page computes, without a browser."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.analysis.codecs import compress
from vqzoo.analysis.formats import PCA, label, rate_groups
from vqzoo.hub.registry import list_models
from vqzoo.ui import app
from vqzoo.views.comparison import (
    COLUMNS,
    SORTS,
    Comparison,
    Status,
    beside,
    compare,
    first_models,
    stopped,
)
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import Picture, viewer_value

NAMES = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-none-128"]


def decoded(uri: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


@pytest.mark.parametrize(("shape", "kind"), [((5, 7, 3), "webp"), ((1, 16384, 3), "png")])
def test_pictures_travel_without_loss(shape, kind):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (picture,) = viewer_value([Picture("noise", pixels)])["pictures"]
    assert picture["uri"].startswith(f"data:image/{kind};base64,")
    assert np.array_equal(decoded(picture["uri"]), pixels)


def names_of(step: dict) -> list[str]:
    """Of the rows, which stand in the order of the pictures behind the original."""
    names = [row[0] for row in step["table"]]
    assert [picture["name"] for picture in step["viewer"]["pictures"]] == ["original", *names]
    return names


def test_models_arrive_one_by_one_cheapest_first(path):
    engine = Engine(list_models())
    steps = list(compare(engine, path, 64, NAMES))
    assert [step["status"] for step in steps] == [
        *(Status("running", f"{name}: {number} of 3 models") for number, name in enumerate(NAMES, 1)),
        Status("done", "3 models."),
    ], "what is computed is told before it is"
    assert [names_of(step) for step in steps] == [NAMES[:n] for n in range(4)], "ordered by true bits"
    assert [step["viewer"]["waiting"] for step in steps] == [NAMES[n:] for n in range(4)]
    assert [step["listed"] for step in steps] == [Comparison(path, 64, tuple(NAMES[:n])) for n in range(4)]
    assert set(steps[-1]) > {"usage", "shown", "device"}


def test_what_is_known_comes_at_once(path, monkeypatch):
    engine, asked = Engine(list_models()), []
    list(compare(engine, path, 32, NAMES[:2]))
    real = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, name, *rest: asked.append(name) or real(self, name, *rest))
    first, last = compare(engine, path, 32, NAMES)
    assert names_of(first) == NAMES[:2] and first["viewer"]["waiting"] == NAMES[2:]
    assert first["status"] == Status("running", f"{NAMES[2]}: 3 of 3 models")
    assert names_of(last) == NAMES and asked == NAMES[2:]


def test_nothing_behind_the_model_of_a_stop_is_computed(path, monkeypatch):
    engine, asked = Engine(list_models()), []
    real = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, name, *rest: asked.append(name) or real(self, name, *rest))
    steps = compare(engine, path, 32, NAMES)
    now = [next(steps), next(steps)][-1]["listed"]
    steps.close()
    assert asked == NAMES[:1]
    before = Comparison("another", 64, ("one",))
    assert stopped(now, before) == (now, Status("stopped", "Stopped after 1 model: these are what is shown."))
    now = Comparison(path, 32, tuple(NAMES[:2]), (label("JPEG", 100),))
    shown, status = stopped(now, before)
    assert shown == Comparison(path, 32, tuple(NAMES[:2])), "other pages look at models"
    assert status.text == "Stopped after 2 models and 1 row of codecs: these are what is shown."
    assert stopped(Comparison(path, 32, ()), before) == (before, Status("stopped", "Stopped before the first model."))


@pytest.mark.parametrize("worst_first", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_rows_can_be_ordered_by_every_metric(engine, path, sort, worst_first):
    *_, last = compare(engine, path, 32, NAMES, codecs=True, sort=sort, worst_first=worst_first)
    metric, more = SORTS[sort]
    photo = engine.photo(path, 32)
    values = {name: engine.run(name, photo).metrics[metric] for name in names_of(last)}
    known = [name for name in names_of(last) if values[name] is not None]
    assert names_of(last)[: len(known)] == known, "what has no such value stands last"
    ordered = [values[name] for name in known if sort != "true bits" or name in NAMES]
    assert ordered == sorted(ordered, reverse=more != worst_first)
    if sort not in ("LPIPS", "MS-SSIM"):  # whose weights are not everywhere; which needs larger photographs
        assert len(ordered) >= 2
    assert last["viewer"]["orders"][sort] == (known[::-1] if worst_first else known), (
        "what the page turns round by itself"
    )
    assert last["viewer"]["orders"].keys() == SORTS.keys()


def test_a_row_holds_true_figures(engine, path):
    *_, last = compare(engine, path, 64, NAMES)
    headings = list(COLUMNS)
    rows = {row[0]: dict(zip(headings, row, strict=True)) for row in last["table"]}
    # A 64 x 64 photograph has 16 x 16 latents.
    assert rows["cifar10-vq-1024x128"]["true bits"] == 256 * 10
    assert rows["cifar10-looc-256x4"]["true bits"] == 256 * 32 * 8
    assert rows["cifar10-none-128"]["true bits"] == 256 * 128 * 32
    assert rows["cifar10-looc-256x4"]["% of raw"] == pytest.approx(66.67)
    assert rows["cifar10-looc-256x4"]["bits / pixel"] == 16
    assert rows["cifar10-none-128"]["usage here"] == "no codebook"
    result = engine.run("cifar10-vq-1024x128", engine.photo(path, 64))
    error = result.pixels.astype(float) - engine.photo(path, 64).pixels
    assert rows["cifar10-vq-1024x128"]["PSNR, dB"] == pytest.approx(
        -10 * np.log10((error**2).mean() / 255**2), abs=0.006
    )


def test_codecs_stand_behind_the_models_whose_bits_they_have(engine, path):
    *_, last = compare(engine, path, 64, NAMES, codecs=True)
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in last["table"]}
    labels = [label(codec, bits) for bits in (2560, 65_536) for codec in beside(engine)]
    # 64 x 64 photographs have 98,304 raw bits, under those of the model that quantizes nothing.
    half = len(beside(engine))
    assert names_of(last) == [NAMES[0], *labels[:half], NAMES[1], *labels[half:], NAMES[2]]
    assert last["listed"] == Comparison(path, 64, tuple(NAMES), tuple(labels))
    assert last["shown"] == Comparison(path, 64, tuple(NAMES))
    assert last["status"].text == f"3 models and {2 * half} rows of codecs."
    behind = last["viewer"]["behind"]
    assert {name: set(codecs) for name, codecs in behind.items()} == {
        NAMES[0]: set(labels[:half]),
        NAMES[1]: set(labels[half:]),
    }
    for codecs in behind.values():
        psnr = [rows[name]["PSNR, dB"] for name in codecs]
        assert psnr == sorted(psnr, reverse=True), "the best of them first"
    fine = rows[label("JPEG", 65_536)]
    assert fine["true bits"] <= 65_536 and fine["images seen"].startswith("quality ") and fine["PSNR, dB"] > 30
    assert rows[label("JPEG", 2560)]["images seen"] == "cannot go lower"
    assert rows[label("JPEG", 2560)]["true bits"] > 2560, "the smallest file, at its own true bits"
    assert fine["usage here"] == fine["usage on test split"] == "no codebook"


def test_pca_is_a_fitted_model_within_the_bits(engine, path):
    *_, last = compare(engine, path, 64, NAMES[:1], codecs=True)
    row = dict(zip(COLUMNS, last["table"][-1], strict=True))
    assert row["model"] == label(PCA, 2560) and row["true bits"] <= 2560
    count, of, total, *_, basis = row["images seen"].split()
    assert of == "of" and int(count) <= int(total) and basis in engine.linear()
    alone = Engine([engine.models[name] for name in NAMES])
    assert PCA not in beside(alone), "where there is no fitted model there is no such row"


def test_the_figures_of_a_codec_are_those_of_its_file(engine, path):
    photo = engine.photo(path, 64)
    result = engine.run("WebP at 20,000 bits", photo)
    original = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    coded = compress("WebP", original, 20_000)
    assert np.array_equal(result.pixels, coded.image.permute(1, 2, 0).numpy())
    assert result.metrics["bits_per_image"] == coded.bits and result.metrics["quality"] == coded.quality
    error = result.pixels.astype(float) - photo.pixels
    assert result.metrics["psnr"] == pytest.approx(-10 * np.log10((error**2).mean() / 255**2), abs=1e-3)


def test_rates_that_hardly_differ_are_one():
    assert rate_groups([640, 638, 4096, 640, 669, 4300]) == [669, 4300]
    assert rate_groups([640, 680]) == [640, 680] and rate_groups([]) == []


def test_lpips_is_not_available_without_weights(engine, path, monkeypatch):
    monkeypatch.setattr("vqzoo.views.compute.perceptual", lambda net: None)
    *_, last = compare(Engine(list_models()), path, 32, NAMES[:1])
    assert dict(zip(COLUMNS, last["table"][0], strict=True))["LPIPS"] == "not available"


@pytest.mark.parametrize(
    ("photograph", "names", "says"),
    [(None, NAMES, "Choose a photograph"), ("", NAMES, "Choose a photograph"), ("example", [], "Tick at least one")],
)
def test_what_is_missing_is_said(engine, path, photograph, names, says):
    with pytest.raises(ValueError, match=says):
        next(compare(engine, path if photograph == "example" else photograph, 64, names))


def test_an_unusable_file_is_said(engine, tmp_path):
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(ValueError) as caught:
        next(compare(engine, str(empty), 64, NAMES))
    assert str(tmp_path) not in str(caught.value), "a message never tells where the server keeps its files"


def test_the_page_opens_on_one_model_of_each_kind(engine):
    first = first_models(list(engine.models.values()))
    kinds = [engine.models[name].config["quantizer"]["name"] for name in first]
    assert sorted(kinds) == sorted(set(kinds)) and len(first) >= 3


def test_an_empty_registry_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("VQZOO_CARDS", str(tmp_path))
    with pytest.raises(ValueError, match="holds no models; train one"):
        app.build_app()
