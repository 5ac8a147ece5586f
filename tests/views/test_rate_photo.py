"""Models against codecs on one photograph, without a browser."""

from dataclasses import replace

import numpy as np
import pytest

from vqzoo.analysis.formats import available
from vqzoo.hub.registry import list_models
from vqzoo.tokens.header import seal, unseal
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.rate import Plotted, Point, Rates
from vqzoo.views.rate_against import against
from vqzoo.views.rate_photo import PHOTO_COLUMNS, RATES, PhotoRates, codec_jobs

SIDE = 64  # indices of fewer pixels are too few to be compressed
NAMES = ["cifar10-ema-1024x128", "cifar10-rvq-8x256", "cifar10-none-128"]


@pytest.fixture(scope="module")
def photo() -> PhotoRates:
    return PhotoRates(Rates(Engine(list_models())))


@pytest.fixture(scope="module")
def steps(photo, path) -> list[dict]:
    return list(photo.compute(Comparison(path, SIDE, tuple(NAMES)), "psnr"))


def rows(step: dict) -> dict[str, dict]:
    return {row[0]: dict(zip(PHOTO_COLUMNS, row, strict=True)) for row in step["table"]}


def test_models_come_one_by_one_and_then_the_curves(steps):
    assert [len(step["table"]) for step in steps[:3]] == [1, 2, 3]
    assert steps[0]["note"].endswith("1 of 3 models so far.") and "so far" not in steps[-1]["note"]
    compared = {row[0]: row for row in steps[-1]["against"]}
    assert compared["cifar10-rvq-8x256"][1] == 8 and compared["cifar10-rvq-8x256"][2] is not None, "a curve of levels"
    names = {trace.name for trace in steps[-1]["figure"].data}
    assert {*available(), ".vqz files"} <= names


def test_curves_are_set_against_codecs():
    """AVIF needs half of JPEG's bits everywhere, and one rate of WebP a quarter less at its quality."""

    def curve(series, factor, qualities=(20.0, 25.0, 27.0, 33.0)):
        return [Plotted(Point(series, "", series, {}, None, None, ""), factor * 2**q, q) for q in qualities]

    wasteful = Plotted(curve("JPEG", 1)[0].point, 2.0**40, 22.0)  # dearer than better ones
    actual = [*curve("JPEG", 1), wasteful, *curve("AVIF", 0.5), *curve("WebP", 0.75, (25.0,))]
    assert against(actual, "psnr") == [
        ["AVIF", 4, -50, None, None],
        ["JPEG", 4, None, None, 100],
        ["WebP", 1, -25, None, 50],
    ]
    assert against(actual[5:9], "psnr") == []


def test_every_number_is_that_of_the_result(photo, steps, path):
    drawn = {
        (name, x): y
        for trace in steps[-1]["figure"].data
        if trace.mode == "markers"
        for name, x, y in zip(trace.text, trace.x, trace.y, strict=True)
    }
    picture = photo.engine.photo(path, SIDE)
    for name in NAMES:
        metrics = photo.engine.run(name, picture).metrics
        assert drawn[name, metrics["bits_per_image"]] == metrics["psnr"]
        assert rows(steps[-1])[name]["PSNR, dB"] == round(metrics["psnr"], 2)
    for levels in range(1, 8):
        assert drawn[f"cifar10-rvq-8x256, first {levels} levels", 256 * 8 * levels] > 0
    qualities = [drawn[f"cifar10-rvq-8x256, first {levels} levels", 2048 * levels] for levels in (1, 4, 7)]
    assert qualities == sorted(qualities), "every level adds"


def test_bits_after_lossless_coding(photo, steps, path):
    actual = rows(steps[-1])
    for name in NAMES[:2]:
        row = actual[name]
        assert row["own entropy, bits"] <= row["with the test split's shares, bits"], name
        assert row["own entropy, bits"] <= row["true bits"]
        file = photo.files.write(name, photo.engine.photo(path, SIDE))
        assert row[".vqz file, bits"] == 8 * len(file.data) and row["symbols by"] == file.model == "neighbours"
    (marks,) = (trace for trace in steps[-1]["figure"].data if trace.name == ".vqz files")
    assert actual[NAMES[1]]["own entropy, bits"] < actual[NAMES[1]]["true bits"]
    assert dict(zip(marks.text, marks.x, strict=True)) == {n: actual[n][".vqz file, bits"] for n in NAMES[:2]}
    assert actual["cifar10-none-128"]["own entropy, bits"] is None, "floats are no indices"
    assert actual["cifar10-none-128"][".vqz file, bits"] is None


@pytest.mark.parametrize("name", ["cifar10-vq-1024x128", "cifar10-looc-32x4", "cifar10-fsq-8-5-5-5"])
def test_the_file_holds_what_is_shown(photo, path, name):
    """The pixels in the file are those of the reconstruction, whose bits the file stands in for."""
    picture = photo.engine.photo(path, SIDE)
    data = photo.files.write(name, picture).data
    assert np.array_equal(photo.files.read(data, SIDE**2), photo.engine.run(name, picture).pixels)
    with pytest.raises(ValueError, match="at most 10 are read here"):
        photo.files.read(data, 10)


def test_a_file_of_a_model_that_is_not_offered_is_refused(photo, path):
    header, payload = unseal(photo.files.write(NAMES[0], photo.engine.photo(path, SIDE)).data)
    with pytest.raises(ValueError, match="was made with 'owner/name', which is not among the models here"):
        photo.files.read(seal(replace(header, name="owner/name"), payload), SIDE**2)


def test_codecs_span_the_rates_of_the_models(photo, path):
    picture = photo.engine.photo(path, SIDE)
    results = [photo.engine.run(name, picture) for name in ("cifar10-vq-1024x128", "cifar10-rvq-8x256")]
    jobs = [job.name for job in codec_jobs(results, picture) if job.name.startswith("JPEG")]
    assert len(jobs) == RATES and jobs[0] == "JPEG at 2,560 bits" and jobs[-1] == "JPEG at 16,384 bits"
    alone = [job.name for job in codec_jobs(results[:1], picture) if job.name.startswith("JPEG")]
    assert alone[0] == "JPEG at 640 bits" and alone[-1] == "JPEG at 10,240 bits", "a curve around a single rate"


def test_another_metric_computes_nothing_anew(photo, steps, path, monkeypatch):
    def fails(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(photo.engine, "_compute", fails)
    figure = photo.last(Comparison(path, SIDE, tuple(NAMES)), "ssim")["figure"]
    assert figure.layout.yaxis.title.text == "SSIM"


def test_mistakes_say_what_to_do(photo, path):
    with pytest.raises(ValueError, match="Choose at least one model"):
        next(photo.compute(Comparison(path, SIDE, ()), "psnr"))
    with pytest.raises(ValueError, match="model='cifar10-vq'"):
        next(photo.compute(Comparison(path, SIDE, ("cifar10-vq",)), "psnr"))
    with pytest.raises(ValueError, match="metric='rfid'"):
        next(photo.compute(Comparison(path, SIDE, tuple(NAMES)), "rfid"))
