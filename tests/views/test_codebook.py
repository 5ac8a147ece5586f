"""What the page of codebooks shows, without a browser: for every shipped model, what direct calls give."""

import base64
import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.analysis.encode import encode
from vqzoo.analysis.encoded_image import sharing
from vqzoo.analysis.sample import sample
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.hub.registry import list_models, load, usage_counts
from vqzoo.metrics.counts import by_codebook
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.views.codebook import report, words
from vqzoo.views.codebook_figures import columns_figure, sharing_figure, use_figure
from vqzoo.views.codebook_map import map_value
from vqzoo.views.comparison import Comparison
from vqzoo.views.edits import Edit, edited
from vqzoo.views.engine import Engine
from vqzoo.views.inspector import Inspector
from vqzoo.views.patches import codevector_page, decoded_alone, patch, uses
from vqzoo.views.tokens import tokens_value

MODELS = [model.name for model in list_models()]
PLAIN = [model.name for model in list_models() if model.config["quantizer"]["name"] == "none"]
COUNTED = [name for name in MODELS if name not in PLAIN]
VQ, LOOC, RVQ, SCALES = (f"cifar10-{x}" for x in ("vq-1024x128", "looc-256x4", "rvq-8x256", "multiscale-1024x128"))


@pytest.fixture(scope="module")
def inspector(engine) -> Inspector:
    return Inspector(engine)


@pytest.fixture
def shown(path) -> Comparison:
    return Comparison(path, 40, ())


def pixels_of(uri: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def tensors(inspector: Inspector, shown: Comparison) -> torch.Tensor:
    pixels = inspector.engine.photo(shown.photo, shown.side).pixels
    return from_bytes(torch.from_numpy(pixels).permute(2, 0, 1)[None])


@pytest.mark.parametrize("name", COUNTED)
@torch.inference_mode()
def test_cells_are_those_of_the_tokenizer(inspector, shown, name):
    tokenizer = load(name)
    tokens = tokenizer.encode(tensors(inspector, shown))
    actual = inspector.inspect(name, shown)
    (grid,) = tokens.grids
    assert np.array_equal(actual.grids[0], grid[0].numpy())
    layer = actual.layers[-1]
    value = tokens_value(actual, layer, inspector.test_counts(name), None)
    cells = unpacked(value["indices"], "<u4" if value["bytes"] == 4 else "<u2")
    assert np.array_equal(cells, grid[0].numpy().reshape(-1)[layer.positions].reshape(-1))
    assert (
        list(map(len, (value["used"], value["here"], value["norms"], value["test"]))) == [len(set(cells.tolist()))] * 4
    )
    assert sum(value["here"]) == len(cells)
    usage = usage_counts(inspector.engine.models[name])
    total = sum(np.array(usage[column]) for column in range(len(actual.codebook_of))
                if actual.codebook_of[column] == layer.codebook)  # fmt: skip
    assert value["test"] == [total[index] for index in value["used"]]
    nearest = unpacked(value["distances"], "<u2") / 65535 * value["farthest"]
    assert np.allclose(nearest, actual.distance(layer).reshape(-1), atol=value["farthest"] / 65535 + 1e-7)
    assert sum(counts.sum() for counts in actual.counts) == grid.numel()


@pytest.mark.parametrize("name", COUNTED)
@torch.inference_mode()
def test_a_changed_token_is_decoded_as_the_tokenizer_does_it(inspector, shown, name):
    tokenizer = load(name)
    tokens = tokenizer.encode(tensors(inspector, shown))
    actual = inspector.inspect(name, shown)
    first, last = actual.layers[0], actual.layers[-1]
    new = [Edit(first.label, 0, 0, first.size - 1), Edit(last.label, last.positions.shape[0] - 1, 0, 0)]
    value = edited(inspector, name, shown, new)
    grid = tokens.grids[0].clone(memory_format=torch.contiguous_format)
    for layer, row, index in ((first, 0, first.size - 1), (last, last.positions.shape[0] - 1, 0)):
        grid.view(-1)[int(layer.positions[row, 0])] = index
    for number, expected in ((0, tokens), (1, Tokens((grid,), tokens.size))):
        direct = to_bytes(tokenizer.decode(expected))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(pixels_of(value["pictures"][number]["uri"]), direct)
    assert value["pictures"][2]["of"] == [0, 1]
    assert "row 1, column 1:" in value["note"] and f"became {first.size - 1:,}" in value["note"]


@pytest.mark.parametrize("name", COUNTED)
@torch.inference_mode()
def test_decoded_alone_is_a_grid_of_it_and_of_the_most_used(inspector, shown, name):
    actual = inspector.inspect(name, shown)
    layer = actual.layers[-1]
    index = layer.size - 1
    picture, what = decoded_alone(inspector, name, actual, layer, index)
    tokenizer, side = load(name), inspector.engine.models[name].config["resolution"]
    (shape,) = [grid.shape for grid in tokenizer.encode(torch.zeros(1, 3, side, side)).grids]
    grid = torch.tensor([int(np.argmax(column)) for column in usage_counts(inspector.engine.models[name])]).expand(
        shape
    )
    grid = grid.clone()
    grid[..., list(layer.columns)] = index
    expected = to_bytes(tokenizer.decode(Tokens((grid,), (side, side))))[0].permute(1, 2, 0).numpy()
    assert np.array_equal(picture, expected)
    assert ("on the test split" in what) == (len(layer.columns) < shape[-1])


@pytest.mark.parametrize("name", COUNTED)
def test_figures_are_those_that_were_measured(inspector, shown, name):
    actual = report(inspector, name, shown)
    measured = inspector.engine.models[name].metrics["metrics"]
    for metric in ("usage", "perplexity", "dead"):
        assert actual["test"][metric] == pytest.approx(measured[metric], rel=1e-6), metric
    result = inspector.engine.run(name, inspector.engine.photo(shown.photo, shown.side))
    assert actual["here"]["usage"] == pytest.approx(result.metrics["usage"])
    assert len(actual["columns"]) == len(inspector.inspect(name, shown).layers)
    message = words(inspector.inspect(name, shown), actual)
    assert f"{actual['test']['used']:,} of {actual['test']['codevectors']:,}" in message


@pytest.mark.parametrize("name", COUNTED)
def test_the_map_has_every_codevector_or_4096(inspector, shown, name):
    actual = inspector.inspect(name, shown)
    value = map_value(inspector, name, shown, actual, actual.layers[-1], 3)
    points = unpacked(value["indices"], "<u4")
    assert len(points) == min(4096, len(by_codebook(actual.counts, actual.codebook_of)[actual.layers[-1].codebook]))
    assert len(value["counts"]) == len(value["here"]) == len(points) and value["picked"] == 3
    assert all(len(unpacked(text, "<u2")) == 2 * len(points) for text in value["maps"].values())
    assert ("UMAP" in value["maps"]) != ("fixed grid" in value["note"])
    if len(points) == 4096:
        assert "4,096 are drawn" in value["note"]


@pytest.mark.parametrize("name", PLAIN)
def test_without_a_codebook_it_is_said(inspector, shown, name):
    with pytest.raises(ValueError, match="has no codebook to look at: .* Choose another model"):
        inspector.inspect(name, shown)


def test_a_stale_map_is_not_shown(inspector, shown, monkeypatch):
    actual = inspector.inspect(VQ, shown)
    monkeypatch.setattr("vqzoo.views.codebook_map._hash", lambda path, changed: "other")
    value = map_value(Inspector(inspector.engine), VQ, shown, actual, actual.layers[0], None)
    assert list(value["maps"]) == ["PCA"] and "of other weights" in value["note"]


def test_a_model_that_takes_anothers_name_is_looked_at_anew(path):
    models = {model.name: model for model in list_models()}
    inspector = Inspector(Engine([models[VQ]]))
    before = inspector.inspect(VQ, Comparison(path, 32, ()))
    assert inspector.inspect(VQ, Comparison(path, 32, ())) is before
    inspector.engine.add(dataclasses.replace(models[RVQ], name=VQ))
    assert len(inspector.inspect(VQ, Comparison(path, 32, ())).layers) == 8 and len(inspector.test_counts(VQ)) == 8
    inspector.engine.withdraw(VQ)
    with pytest.raises(ValueError, match="no longer offered"):
        inspector.inspect(VQ, Comparison(path, 32, ()))


def test_the_sharing_curve_by_hand():
    counts = [np.array(column) for column in ([5, 0, 0, 1], [1, 2, 0, 0], [9, 0, 0, 0], [1, 1, 1, 1])]
    assert sharing(counts, [0, 0, 0, 1]) == [[0.75, 0.25, 0.25]], "of codebook 1 nothing is shared"


def test_columns_are_drawn_where_there_are_several(inspector, shown):
    assert columns_figure(report(inspector, VQ, shown)) is None and sharing_figure(report(inspector, VQ, shown)) is None
    looc = report(inspector, LOOC, shown)
    bars, curve = columns_figure(looc), sharing_figure(looc)
    assert [len(trace.x) for trace in bars.data] == [32, 32] and [len(trace.x) for trace in curve.data] == [32, 32]
    assert list(curve.data[0].y) == looc["sharing"]["test"][0]
    counts = np.array(usage_counts(inspector.engine.models[LOOC]))
    assert curve.data[0].y[-1] == (counts > 0).all(0).mean() and bars.data[0].y[3] == (counts[3] > 0).mean()
    rvq = report(inspector, RVQ, shown)
    assert len(columns_figure(rvq).data[0].x) == 8 and sharing_figure(rvq) is None
    assert use_figure(RVQ, inspector.inspect(RVQ, shown), inspector.test_counts(RVQ)).data


def test_scales_lie_over_the_image_each_with_its_own_cells(inspector, shown):
    actual = inspector.inspect(SCALES, shown)
    assert [layer.positions.shape for layer in actual.layers] == [(2, 2), (4, 4), (8, 8), (16, 16)]
    assert actual.padded == (64, 64) and actual.pixels.shape == (40, 40, 3)
    assert actual.box(actual.layers[0], 1, 0) == (0, 32, 32, 64) and actual.box(actual.layers[3], 0, 2) == (8, 0, 12, 4)
    assert [len(layer.columns) for layer in actual.layers] == [1, 4, 16, 64]


def test_patches_show_the_cell_with_its_surroundings(inspector, shown):
    actual = inspector.inspect(VQ, shown)
    pixels, inner = patch(actual, actual.layers[0], 2, 3)
    assert np.array_equal(pixels, actual.pixels[4:16, 8:20]) and inner == pytest.approx((1 / 3,) * 4)
    pixels, inner = patch(actual, actual.layers[0], 0, 0)
    assert pixels.shape == (8, 8, 3) and inner == (0, 0, 0.5, 0.5)
    scales = inspector.inspect(SCALES, shown)
    pixels, inner = patch(scales, scales.layers[3], 15, 15)
    assert min(pixels.shape) > 0, "a cell of the padding has no pixels of its own"


def test_every_patch_that_uses_a_codevector_is_counted(inspector, shown):
    actual = inspector.inspect(LOOC, shown)
    rows = uses(actual, actual.layers[4], inspector.test_counts(LOOC))
    index = rows[0][0]
    assert rows[0][1] == (actual.indices(actual.layers[4]) == index).sum() == max(row[1] for row in rows)
    page = codevector_page(inspector, LOOC, shown, actual.layers[4].label, index)
    here = sum(int((actual.indices(layer) == index).sum()) for layer in actual.layers)
    images, looks = inspector.sample(LOOC)
    there = sum(int((grid == index).sum()) for each in looks for grid in each.grids)
    assert f"In this image: {here:,} cells" in page and f"{images.name}: {there:,} cells" in page
    shown_here, shown_there = min(here, 24), min(there, 24)
    assert 0 < shown_here and page.count("cb-patch") == shown_here + shown_there == page.count("<img") - 1
    tokenizer = load(LOOC)
    with torch.inference_mode():
        every = from_bytes(torch.from_numpy(images.images.copy()).permute(0, 3, 1, 2))
        # One by one and laid out as they are looked at: else sums may be rounded otherwise.
        direct = [tokenizer.encode(image).grids[0][0].numpy() for image in every.contiguous().split(1)]
    assert np.array_equal(np.stack([each.grids[0] for each in looks]), np.stack(direct))


def test_an_unused_codevector_is_called_dead(inspector, shown, monkeypatch):
    counts = inspector.test_counts(VQ)[0].copy()
    unused = int(np.setdiff1d(np.arange(len(counts)), inspector.inspect(VQ, shown).grids[0])[0])
    counts[unused] = 0
    monkeypatch.setattr(inspector, "test_counts", lambda name: [counts])
    page = codevector_page(inspector, VQ, shown, None, unused)
    assert "never: it is dead" in page and "In this image: not used" in page


def test_the_sample_is_the_start_of_the_test_split():
    actual = sample("cifar10")
    assert actual.images.shape == (64, 32, 32, 3) and actual.name == "the first 64 images of the test split of cifar10"
    assert "example photographs" in sample("flowers").name and len(sample("flowers").images) == 6


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("segment 9", 0, 0, 0), "is no column here"),
        (("the only one", 0, 0, 1024), "from 0 to 1023"),
        (("the only one", 0, 0, -1), "from 0 to 1023"),
        (("the only one", 10, 0, 0), "row 11, column 1: the grid has 10 rows and 10 columns"),
        (("the only one", 0, -1, 0), "column 0: the grid"),
    ],
)
def test_what_cannot_be_changed_is_said(inspector, shown, edit, says):
    with pytest.raises(ValueError, match=says):
        edited(inspector, VQ, shown, [Edit(*edit)])


def test_an_index_out_of_the_alphabet_is_said(inspector, shown):
    with pytest.raises(ValueError, match="codevector 1024: expected a whole number from 0 to 1023"):
        codevector_page(inspector, VQ, shown, None, 1024)
    assert "Pick a cell" in codevector_page(inspector, VQ, shown, None, None)


@torch.inference_mode()
def test_two_levels_are_two_grids():
    autoencoder = build_autoencoder(name="hierarchical", latent_dim=8, width=16, residual_width=8, residual_blocks=1)
    parts = [build("vq", dim=8, codebook_size=16), build("rvq", dim=8, codebook_size=4, levels=2)]
    tokenizer = Tokenizer(autoencoder, parts, build_position(name="none", dim=8), 32).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 33, 3), np.uint8)
    actual = encode(tokenizer, pixels)
    tokens = tokenizer.encode(from_bytes(torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    assert [layer.label for layer in actual.layers] == [
        "grid 1 of 2", "grid 2 of 2, level 1 of 2", "grid 2 of 2, level 2 of 2",
    ]  # fmt: skip
    assert [layer.columns for layer in actual.layers] == [(0,), (1,), (2,)]
    assert [layer.codebook for layer in actual.layers] == [0, 1, 2]
    for layer, (grid, column) in zip(actual.layers, ((0, 0), (1, 0), (1, 1)), strict=True):
        assert np.array_equal(actual.indices(layer), tokens.grids[grid][0, ..., column].numpy())


@torch.inference_mode()
def test_a_grey_model_is_shown_grey_and_a_huge_alphabet_stays_small():
    autoencoder = build_autoencoder(
        name="conv", channels=1, latent_dim=18, width=8, residual_width=8, residual_blocks=1
    )
    position = build_position(name="none", dim=18)
    tokenizer = Tokenizer(autoencoder, build("lfq", dim=18, bits=18), position, 32).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    actual = encode(tokenizer, pixels)
    assert np.array_equal(actual.pixels[..., 0], actual.pixels[..., 2])
    value = tokens_value(actual, actual.layers[0], None, None)
    assert value["bytes"] == 4 and value["test"] is None and len(value["used"]) <= 64
    assert encode(Tokenizer(autoencoder, build("lfq", dim=18, bits=40), position, 32).eval(), pixels) is None
