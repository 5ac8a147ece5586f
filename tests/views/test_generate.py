"""The page of generation, without a browser: images as they are drawn, surprises, and what there is to do without."""

import numpy as np
import pytest
import torch
from PIL import Image

import vqzoo
from vqzoo.files.storage import CONFIG
from vqzoo.generation.column import read_rows
from vqzoo.hub.registry import CARDS_VARIABLE, list_models
from vqzoo.ops.pixels import to_bytes
from vqzoo.views import generate, priors
from vqzoo.views.engine import Engine
from vqzoo.views.generate import DrawRequest, Settings, draw, middle
from vqzoo.views.priors import COLUMNS, Priors
from vqzoo.views.surprise import Surprises

from .priors import EMA, RVQ, cards_with_priors

SIDE = 16
FLAT, DEEP = f"{EMA}-ar-tiny", f"{RVQ}-ar-depth-tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = cards_with_priors(tmp_path_factory.mktemp("cards"), {EMA: "ar", RVQ: "ar-depth"}, SIDE)
        patch.setenv(CARDS_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def known(folder) -> Priors:
    return Priors(Engine(list_models(), torch.device("cpu")))


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(generate, "_EVERY", 0)
    monkeypatch.setattr(generate, "_SHARE", np.inf)


def bytes_of(images: torch.Tensor) -> np.ndarray:
    return to_bytes(images).permute(0, 2, 3, 1).numpy()


def test_images_come_token_by_token_and_are_those_of_the_prior(known, every_step):
    steps = list(draw(known, DrawRequest((FLAT, DEEP), "dog", 2, Settings(seed=5, top_k=50))))
    assert all(each.pixels is None for each in steps[0])
    progress = np.array([[each.progress for each in step] for step in steps[1:]])
    assert (np.diff(progress, axis=0) >= 0).all() and (progress[-1] == 1).all()
    assert progress[1, 0] == 1 / 16 and progress[1, 1] == 1 / 128, "each prior draws a token in turn"
    for each in steps[-1]:
        expected = vqzoo.generate(each.name, 2, "dog", seed=5, top_k=50)
        assert each.done and each.seconds > 0 and np.array_equal(each.pixels, bytes_of(expected))
    row = dict(zip(COLUMNS, known.table()[0], strict=True))
    assert row["prior"] == FLAT and row["true bits"] == 160 and row["saved, %"] == 50
    assert row["FID, SqueezeNet"] is None and row["agreement, %"] is None, "the column has no row of this prior"
    assert row["seconds an image"] == pytest.approx(steps[-1][0].seconds, rel=0.1)


def test_the_table_has_the_generation_column(monkeypatch):
    monkeypatch.delenv(CARDS_VARIABLE, raising=False)
    shown = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in Priors(Engine(list_models())).table()}
    measured = next(each for each in read_rows() if each.name in shown)
    shown = shown[measured.name]
    assert shown["FID, SqueezeNet"] == round(measured.samples["fid_squeeze"])
    assert shown["agreement, %"] == round(100 * measured.samples["agreement"], 1)


def test_what_is_not_drawn_is_hatched(known, every_step):
    steps = draw(known, DrawRequest((FLAT,), images=2))
    drawn = [next(steps) for _ in range(6)][-1][0]  # before the first token there are two steps
    assert drawn.progress == 4 / 16, "a row of cells"
    sheet = drawn.sheet()
    assert sheet.shape == (16, 33, 4)
    for left in (0, 17):
        assert (sheet[:4, left : left + 16, 3] == 255).all()
        assert set(sheet[4:, left : left + 16, 3].flat) == {round(255 * 0.35), round(255 * 0.12)}
    assert not sheet[:, 16, 3].any(), "the gap"
    steps.close()
    with known.engine.alone():
        pass  # nobody computes


def test_a_photograph_keeps_its_upper_half(known, path):
    *_, (flat, deep) = draw(known, DrawRequest((FLAT, DEEP), images=2), path)
    tokenizer, photo = vqzoo.load(EMA), middle(known.engine, path, (SIDE, SIDE))
    tokens = tokenizer.encode(photo.pixels)
    assert np.array_equal(flat.given, bytes_of(tokenizer.decode(tokens))[0])
    assert flat.done and deep.done and deep.pixels.shape == (2, SIDE, SIDE, 3)
    difference = np.abs(flat.pixels.astype(int) - flat.given).mean((0, 2, 3))
    assert difference[:4].mean() < difference[8:].mean() / 2
    assert not np.array_equal(flat.pixels[0], flat.pixels[1])


def test_the_middle_of_a_photograph(known, tmp_path):
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[:, 20:80] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    photo = middle(known.engine, str(tmp_path / "wide.png"), (30, 30))
    assert photo.pixels.shape == (30, 30, 3) and np.abs(photo.pixels[:, 1:-1].astype(int) - 200).max() < 5


def test_surprise_is_the_likelihood_of_the_tokens_cell_by_cell(known, path):
    for each, label in zip(Surprises(known).measure([FLAT, DEEP], path, "cat"), (0, 0), strict=True):
        loaded = vqzoo.generation.store.load_prior(each.name)
        tokens = loaded.tokenizer.encode(middle(known.engine, path, (SIDE, SIDE)).pixels)
        with torch.no_grad():
            expected = loaded.prior.log_likelihood(tokens, torch.tensor([label])).item()
        assert each.bits == each.cells.sum() == pytest.approx(expected, rel=1e-5)
        assert each.cells.shape == (4, 4) and each.true_bits == loaded.tokenizer.bits(tokens).item()
        assert each.file_bits > 8 * 8 and each.record()["cells"] == each.cells.tolist()


def test_one_prior_that_cannot_leaves_the_others(known, path, monkeypatch):
    def none(*_):
        raise ValueError("a prior of diffusion has no likelihood")

    monkeypatch.setattr("vqzoo.generation.autoregressive.DepthPrior.position_bits", none)
    flat, deep = Surprises(known).measure([FLAT, DEEP], path)
    assert flat.bits > 0 and deep.record() == {"prior": DEEP, "problem": "a prior of diffusion has no likelihood"}
    *_, (other,) = draw(known, DrawRequest((FLAT,), "horse"))
    assert other.problem == "There is no class 'horse' for this prior: it knows cat, dog." and other.pixels is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (DrawRequest(("/etc",)), "prior='/etc'"),
        (DrawRequest((f"{EMA}-ar-tinny",)), FLAT),
        (DrawRequest((FLAT,), images=17), "images=17: expected a whole number from 1 to 16"),
        (DrawRequest((FLAT,), settings=Settings(top_p=0)), "top_p=0: expected more than 0"),
        (DrawRequest((FLAT,), settings=Settings(seed=None)), "seed=None: expected a whole number"),
    ],
)
def test_mistakes_are_named(known, asked, message):
    with pytest.raises(ValueError, match=message):
        list(draw(known, asked))


def test_what_the_page_says_without_priors_and_without_transformers(known, folder, tmp_path, monkeypatch):
    assert known.problem == "" and known.first() == [FLAT] and known.classes() == ["cat", "dog"]
    monkeypatch.setattr(priors, "find_spec", lambda name: None)
    assert 'pip install -e ".[generation]"' in known.problem
    with pytest.raises(ValueError, match="transformers"):
        list(draw(known, DrawRequest(())))
    monkeypatch.undo()
    damaged = tmp_path / "x-ar-tiny"
    damaged.mkdir()
    (damaged / CONFIG).write_text('{"prior": {}, "size": [32]}')
    (damaged / "prior.json").write_text("{}")
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path))
    none = Priors(known.engine)
    assert "accelerate launch trainers/prior.py ar-small" in none.problem
    assert [each.name for each in none.damaged] == ["x-ar-tiny"] and "expected that of a prior" in none.damaged[0].why
