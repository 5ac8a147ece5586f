"""What the page computes, without a browser."""

import base64
import dataclasses
import io

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.analysis.codecs import available, compress, label
from vqzoo.hub.registry import list_models
from vqzoo.ui import app
from vqzoo.views.comparison import COLUMNS, compare, first_models, rate_groups, slide, trained_on
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import Picture, viewer_value

NAMES = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-none-128"]


def decoded(uri: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_pictures_travel_without_loss():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    (picture,) = viewer_value([Picture("noise", pixels)])["pictures"]
    assert picture["uri"].startswith("data:image/png;base64,")
    assert np.array_equal(decoded(picture["uri"]), pixels)


def test_models_arrive_one_by_one_cheapest_first(engine, path):
    steps = list(compare(engine, path, 64, NAMES))
    assert [len(step["table"]) for step in steps] == [1, 2, 3, 3]
    assert [len(step["viewer"]["pictures"]) for step in steps] == [2, 3, 4, 4]
    assert [row[0] for row in steps[-1]["table"]] == NAMES, "ordered by true bits"
    assert set(steps[-1]) > {"usage", "shown", "device"}


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
    assert rows["cifar10-vq-1024x128"]["PSNR dB"] == pytest.approx(
        -10 * np.log10((error**2).mean() / 255**2), abs=0.006
    )


def test_codecs_stand_behind_the_models_whose_bits_they_have(engine, path):
    *_, last = compare(engine, path, 64, NAMES, codecs=True)
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in last["table"]}
    labels = [label(codec, bits) for bits in (2560, 65_536) for codec in available()]
    # 64 x 64 photographs have 98,304 raw bits, under those of the model that quantizes nothing.
    half = len(available())
    assert list(rows) == [NAMES[0], *labels[:half], NAMES[1], *labels[half:], NAMES[2]]
    assert [picture["name"] for picture in last["viewer"]["pictures"]] == ["original", *rows]
    assert last["left"]["choices"] == ["original", *rows]
    fine = rows[label("JPEG", 65_536)]
    assert fine["true bits"] <= 65_536 and fine["trained"].startswith("quality ") and fine["PSNR dB"] > 30
    assert rows[label("JPEG", 2560)]["trained"] == "cannot go lower"
    assert rows[label("JPEG", 2560)]["true bits"] > 2560, "the smallest file, at its own true bits"
    assert fine["usage here"] == fine["usage on test split"] == "no codebook"
    one, two = slide(engine, last["shown"], "original", label("JPEG", 65_536))
    assert one.shape == two.shape and (one != two).any()


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
    monkeypatch.setattr("vqzoo.views.engine.perceptual", lambda net: None)
    *_, last = compare(Engine(list_models()), path, 32, NAMES[:1])
    assert dict(zip(COLUMNS, last["table"][0], strict=True))["LPIPS"] == "not available"


@pytest.mark.parametrize(
    ("photograph", "names", "says"),
    [(None, NAMES, "Choose a photograph"), ("", NAMES, "Choose a photograph"), ("example", [], "Tick at least one")],
)
def test_what_is_missing_is_said(engine, path, photograph, names, says):
    with pytest.raises(gr.Error, match=says):
        next(compare(engine, path if photograph == "example" else photograph, 64, names))


def test_an_unusable_file_is_said(engine, tmp_path):
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(gr.Error) as caught:
        next(compare(engine, str(empty), 64, NAMES))
    assert str(tmp_path) not in str(caught.value), "a message never tells where the server keeps its files"


def test_slider_pictures_have_one_size_and_whole_pixels(engine, path):
    one, two = slide(engine, (path, 32, tuple(NAMES)), "original", NAMES[0])
    assert one.shape == two.shape == (640, 640, 3)
    assert np.array_equal(one[::20, ::20], engine.photo(path, 32).pixels)


def test_a_group_tells_what_its_models_have_seen(engine):
    model = engine.models[NAMES[0]]
    larger = dataclasses.replace(model, config=model.config | {"resolution": 128})
    assert trained_on([model, model]) == "trained on cifar10, squares of 32 pixels"
    assert trained_on([larger, model]) == "trained on cifar10, squares of 32 or 128 pixels"


def test_the_page_opens_on_one_model_of_each_kind(engine):
    first = first_models(list(engine.models.values()))
    kinds = [engine.models[name].config["quantizer"]["name"] for name in first]
    assert sorted(kinds) == sorted(set(kinds)) and len(first) >= 3


def test_an_empty_registry_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("VQZOO_CARDS", str(tmp_path))
    with pytest.raises(ValueError, match="holds no models; train one"):
        app.build_app()
