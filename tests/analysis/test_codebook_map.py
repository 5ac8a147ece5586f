"""Maps of codebooks: what is drawn, PCA, and the file that holds the slow ones."""

import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vqzoo.analysis.codebook_map import MOST, mapped_indices, packed, pca, read, record, to_grid
from vqzoo.analysis.usage import codebook_of
from vqzoo.files.storage import MAP, WEIGHTS, sha256
from vqzoo.hub.registry import list_models, load, usage_counts
from vqzoo.metrics.counts import by_codebook


def test_a_small_codebook_is_drawn_whole():
    assert mapped_indices(np.zeros(5, int)).tolist() == [0, 1, 2, 3, 4]
    assert len(mapped_indices(np.ones(MOST, int))) == MOST


@pytest.mark.parametrize(
    ("size", "used", "shown"), [(9000, 100, 100), (9000, 4000, 3072), (9000, 8900, 3996), (9000, 9000, 4096)]
)
def test_of_a_large_one_the_most_used_and_some_of_the_unused(size, used, shown):
    counts = np.zeros(size, int)
    counts[:used] = np.arange(used, 0, -1)
    points = mapped_indices(counts)
    assert len(points) == MOST == len(set(points.tolist())) and (np.diff(points) > 0).all()
    assert points[:shown].tolist() == list(range(shown)) and (counts[points[shown:]] == 0).all()
    assert np.array_equal(points, mapped_indices(counts))
    if shown < min(used, MOST):
        assert points[shown] >= used
    rest = points[shown:]
    if len(rest) > 1000:
        assert abs(rest.mean() - (used + size) / 2) < 150, "a sample of all unused ones, not the first of them"


def test_pca_is_that_of_scikit_learn():
    vectors = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * np.arange(1, 8)
    reference = PCA(2).fit(vectors)
    places, share = pca(vectors)
    assert np.allclose(np.abs(places), np.abs(reference.transform(vectors)), atol=1e-3)
    assert share == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-5)
    assert np.allclose(pca(-vectors)[0], -places), "the sign is that of the directions, not of chance"


def test_pca_of_one_number_and_of_equal_vectors():
    places, share = pca(np.array([[1.0], [4.0]]))
    assert places.tolist() == [[-1.5, 0], [1.5, 0]] and share == 1
    assert pca(np.ones((3, 4)))[1] == 0
    assert to_grid(np.ones((3, 2))).tolist() == [[32768, 32768]] * 3


def test_places_keep_their_proportions_in_16_bits():
    assert to_grid(np.array([[0.0, 0.0], [10.0, 5.0]])).tolist() == [[0, 16384], [65535, 49151]]


def test_a_map_comes_back_and_only_for_its_weights(tmp_path):
    weights = tmp_path / "w"
    weights.write_bytes(b"weights")
    places = np.array([[0, 65535], [7, 8]], np.uint16)
    value = json.loads(json.dumps(record(weights, {"t-SNE": {"seed": 0}}, [{"t-SNE": places}])))
    (actual,) = read(value, sha256(weights), [2])
    assert np.array_equal(actual["t-SNE"], places)
    assert read(value, sha256(weights)[::-1], [2]) is None
    for sizes in ([3], [2, 2]):
        with pytest.raises(ValueError, match=MAP):
            read(value, sha256(weights), sizes)
    value["codebooks"][0]["t-SNE"] = "no base64!"
    with pytest.raises(ValueError, match="is damaged"):
        read(value, sha256(weights), [2])


def test_numbers_are_packed_low_byte_first():
    assert packed(np.array([1, 256], np.uint16)) == packed(np.array([1, 0, 0, 1], np.uint8))


def test_shipped_maps_are_of_the_weights_beside_them_and_small():
    total = 0
    for model in list_models():
        path = model.source / MAP
        counts = usage_counts(model)
        if counts is None:
            assert not path.exists()
            continue
        tokenizer = load(model)
        if all(quantizer.innermost.fixed for quantizer in tokenizer.quantizers):
            assert not path.exists()
            continue
        assert path.is_file(), f"run `python -m trainers.maps {model.name}`"
        total += path.stat().st_size
        books = by_codebook([np.array(column) for column in counts], codebook_of(tokenizer))
        assert len(books) == sum(len(quantizer.codebooks()) for quantizer in tokenizer.quantizers)
        actual = read(
            json.loads(path.read_text()), sha256(model.source / WEIGHTS), [len(mapped_indices(book)) for book in books]
        )
        assert actual is not None, f"stale: run `python -m trainers.maps {model.name}`"
        for each in actual:
            assert set(each) == {"t-SNE", "UMAP"}
            for places in each.values():
                assert (places.max(0) - places.min(0)).max() == 65535
    assert total < 350_000
