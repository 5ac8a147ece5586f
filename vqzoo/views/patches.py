"""One codevector in pictures: the image patches that use it, and its own reconstruction."""

import html

import numpy as np

from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.metrics.counts import by_codebook
from vqzoo.views.comparison import Comparison
from vqzoo.views.inspector import Inspector
from vqzoo.views.pictures import Picture

_MOST = 24  # patches of each kind
_ROWS = 100  # in the table of the most used codevectors
_PIXELS = 60_000  # of all patches of a kind together, if there are more than six


def codevector_page(inspector: Inspector, name: str, shown: Comparison, label: str | None, index: int | None) -> str:
    """Return HTML with a codevector's counts, its reconstruction, and the patches that use it.

    Patches are those of this image and of the sample images. Raises ValueError for an index outside the alphabet.
    """
    if index is None:
        return '<p class="cb-empty">Pick a cell of the grid, a point of the map, or type an index.</p>'
    encoded = inspector.inspect(name, shown)
    layer = inspector.layer(encoded, label)
    check_index(layer, index)
    here = by_codebook(encoded.counts, encoded.codebook_of)[layer.codebook]
    test = inspector.test_counts(name)
    split = None if test is None else by_codebook(test, encoded.codebook_of)[layer.codebook]
    counted = f"Chosen {here[index]:,} of {here.sum():,} times in this image"
    if split is not None:
        rank = int((split > split[index]).sum()) + 1
        where = f"rank {rank:,} of {len(split):,}" if split[index] else "never: it is dead"
        counted += f", {split[index]:,} of {split.sum():,} times on the test split ({where})"
    images, samples = inspector.sample(name)
    alone, what = decoded_alone(inspector, name, encoded, layer, index)
    in_image = _sheet("In this image", [(encoded, *cell) for cell in encoded.cells(layer.codebook, index)])
    in_sample = _sheet(
        f"In {images.name}", [(each, *cell) for each in samples for cell in each.cells(layer.codebook, index)]
    )
    return (
        f"<p><strong>Codevector {index:,}.</strong> {counted}.</p>"
        f'<figure class="cb-alone"><figcaption>Decoded alone</figcaption>{_img(alone, "decoded alone", 128)}'
        f"<p>{html.escape(what)}</p></figure>{in_image}{in_sample}"
    )


def uses(encoded: EncodedImage, layer: Layer, test: list[np.ndarray] | None) -> list[list[int | str]]:
    """Return a row for each of the codevectors most used in a layer: index, count in it, count on the test split."""
    used, times = np.unique(encoded.indices(layer), return_counts=True)
    split = None if test is None else by_codebook(test, encoded.codebook_of)[layer.codebook]
    order = np.argsort(-times, kind="stable")[:_ROWS]
    return [
        [int(used[each]), int(times[each]), "not known" if split is None else f"{split[used[each]]:,}"]
        for each in order
    ]


def check_index(layer: Layer, index: int) -> None:
    """Raise ValueError for an index outside the codebook of a layer."""
    if not 0 <= index < layer.size:
        raise ValueError(f"codevector {index}: expected a whole number from 0 to {layer.size - 1}")


def usual_indices(encoded: EncodedImage, test: list[np.ndarray] | None) -> list[int]:
    """Return the index most used in each column on the test split, or in this image if that is unknown."""
    return [int(counts.argmax()) for counts in (encoded.counts if test is None else test)]


def decoded_alone(
    inspector: Inspector, name: str, encoded: EncodedImage, layer: Layer, index: int
) -> tuple[np.ndarray, str]:
    """Return the picture that a codevector decodes to, with the model's training resolution, and a description of it.

    Every cell of the layer holds the codevector. The other columns hold their most used index, as there is no token
    for a zero latent.
    """
    from vqzoo.analysis.encode import decode, empty_grids

    side = inspector.engine.models[name].config["resolution"]
    test = inspector.test_counts(name)
    usual = usual_indices(encoded, test)
    with inspector.engine.borrow(name) as tokenizer:
        grids = empty_grids(tokenizer, side)
        start = 0
        for number, grid in enumerate(grids):
            for column in range(start, start + grid.shape[2]):
                mine = number == layer.grid and column in layer.columns
                grid[..., column - start] = index if mine else usual[column]
            start += grid.shape[2]
        picture = decode(tokenizer, grids, (side, side))
    what = f"A grid for {side} × {side} pixels"
    if rest := len(usual) - len(layer.columns):
        of = "in this image" if test is None else "on the test split"
        columns = f"the other {rest} columns hold" if rest > 1 else "the other column holds"
        what += f": {layer.label} is this codevector in every cell, {columns} the index most used there {of}"
    else:
        what += ", every cell of it this codevector"
    return picture, f"{what}."


def patch(
    encoded: EncodedImage, layer: Layer, row: int, column: int
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Return the pixels around a cell, and the cell's left, top, width and height as shares of these pixels.

    The margin on each side is as wide as the cell, cut at the border of the picture.
    """
    left, top, right, bottom = encoded.box(layer, row, column)
    height, width = encoded.pixels.shape[:2]
    far_left, far_top = max(0, 2 * left - right), max(0, 2 * top - bottom)
    far_right, far_bottom = min(width, 2 * right - left), min(height, 2 * bottom - top)
    # A cell may lie wholly or partly in the padding.
    far_left, far_top = min(far_left, width - 1), min(far_top, height - 1)
    pixels = encoded.pixels[far_top : max(far_bottom, far_top + 1), far_left : max(far_right, far_left + 1)]
    tall, wide = pixels.shape[:2]
    inner = (
        min((left - far_left) / wide, 1),
        min((top - far_top) / tall, 1),
        max(min(right, width) - left, 0) / wide,
        max(min(bottom, height) - top, 0) / tall,
    )
    return pixels, inner


def _sheet(title: str, cells: list[tuple[EncodedImage, Layer, int, int]]) -> str:
    """Return a figure of evenly spaced cells, as many as are quick to send."""
    total, most = len(cells), _MOST
    if cells:
        most = min(_MOST, max(6, _PIXELS // patch(*cells[0])[0][..., 0].size))
    count = "not used" if not total else f"{total:,} {'cell' if total == 1 else 'cells'}"
    if total > most:
        count += f", {most} of them shown"
        cells = [cells[round(number)] for number in np.linspace(0, total - 1, most)]
    patches = "".join(_patch(*each) for each in cells)
    return (
        f'<figure class="cb-sheet"><figcaption>{html.escape(title)}: {count}</figcaption><div>{patches}</div></figure>'
    )


def _patch(encoded: EncodedImage, layer: Layer, row: int, column: int) -> str:
    pixels, (left, top, width, height) = patch(encoded, layer, row, column)
    where = f"{layer.label}, row {row + 1}, column {column + 1}"
    box = f"left:{left:.1%};top:{top:.1%};width:{width:.1%};height:{height:.1%}"
    return f'<span class="cb-patch" title="{html.escape(where)}">{_img(pixels, where, 60)}<i style="{box}"></i></span>'


def _img(pixels: np.ndarray, alt: str, width: int) -> str:
    return f'<img src="{Picture("", pixels).uri}" alt="{html.escape(alt)}" width="{width}">'
