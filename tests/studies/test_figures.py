"""The studies' figures: what is in them, and how it is drawn."""

import xml.etree.ElementTree as ET

import pytest

from docs.studies.chart import Curve, Panel, draw
from docs.studies.figures import panels_of
from vqzoo.studies.results import Result
from vqzoo.studies.settings import Setting


def run(setting, protocol="lossless", budget="short", seed=42, recipe="r", **numbers):
    message = {
        "seed": seed,
        "bits_per_image": 640.0,
        "reconstruction_loss": 1.57,
        "psnr": 20.0,
        "lpips": 0.25,
        **numbers,
    }
    return Result(recipe, setting, budget, protocol, message, "lpips-squeeze-v0.1")


def looc(size, factor=1, dim=4):
    return Setting("looc", "cifar10", "looc", size, dim, 1, factor)


def measured(panel):
    return [curve for curve in panel.curves if curve.kind != "reported"]


def test_a_mark_is_the_mean_of_a_settings_seeds():
    lines = [run(looc(256), psnr=20.0), run(looc(256), seed=43, psnr=21.0), run(looc(512), psnr=22.0)]
    lines += [run(looc(256), "cvq-jpeg", psnr=30.0), run(looc(256), budget="long", psnr=25.0)]
    lines += [run(looc(256), budget="zoo", psnr=99.0), run(looc(256, dim=8), "cvq-jpeg", psnr=98.0)]
    bits, psnr, used, shared = panels_of(lines, {})["looc"]
    assert measured(bits) == [
        Curve("looc, factor 1", [(640.0, 20.5), (640.0, 22.0)], "short"),
        Curve("looc, factor 1", [(640.0, 25.0)], "long"),
    ]
    assert measured(psnr) == [Curve("looc, factor 1", [(256, 30.0)])], "by the paper's protocol, of its 4 dimensions"
    assert (256, 34.51) in next(curve.points for curve in psnr.curves if curve.name == "looc, factor 2"), "table 5"
    assert not used.curves and not shared.curves


def test_usage_and_sharing_of_segments():
    uses = [{"segments": [1.0, 0.5], "sharing": [1.0, 0.5]}, {"segments": [0.0, 0.25], "sharing": [0.5, 0.0]}]
    curves = {("cifar10-looc-256x4", "long", 42 + n): {"curves": {}, "use": use} for n, use in enumerate(uses)}
    *_, used, shared = panels_of([], curves)["looc"]
    assert used.curves == [Curve("256 x 4", [(1, 1.0), (2, 0.5)], "long")], "of one seed: segments have no order"
    assert shared.curves == [Curve("256 x 4", [(1, 0.75), (2, 0.25)], "long")]


def test_single_codebooks_and_the_choice_among_them():
    settings = [Setting("adaptive", "cifar10", "vq-ema-fixed", *size) for size in ((1024, 64), (512, 128))]
    lines = [run(each, recipe=f"cifar10-ema-{each.codebook_size}", reconstruction_loss=2.0) for each in settings]
    curve = {"step": [2, 4], "gap": [0.5, 0.25], "quantization": [1.0, None]}
    chosen = {"step": [2, 4], "selection/512 x 128": [0.75, 0.25], "gap": [0.5, 0.5]}
    curves = {("cifar10-ema-512", "short", seed): {"curves": curve, "use": {}} for seed in (42, 43)}
    curves |= {("cifar10-adaptive-65536", b, 42): {"curves": chosen, "use": {}} for b in ("short", "long")}
    single, gap, quantization, choices, *others = panels_of(lines, curves)["adaptive"]
    assert measured(single) == [Curve("cifar10", [(1024, 2.0), (512, 2.0)])]
    assert (512, 0.606) in next(curve.points for curve in single.curves if curve.name == "cifar10"), "table 1"
    assert gap.curves == [
        Curve("512 x 128", [(2, 0.5), (4, 0.25)]),
        Curve("choice among them", [(2, 0.5), (4, 0.5)]),
    ]
    assert quantization.curves == [Curve("512 x 128", [(2, 1.0)])], "without the moment that was not measured"
    assert choices.curves == [Curve("512 x 128", [(2, 0.75), (4, 0.25)], "long")], "the longest training"
    assert [panel.curves for panel in others] == [[], []]


def test_residual_codebooks_over_three_axes():
    rvq = [Setting("rvq", "cifar10", "rvq-4x4", 4, 64, levels) for levels in (1, 2)]
    lines = [run(rvq[0], bits_per_image=32.0), run(rvq[1], bits_per_image=64.0, reconstruction_loss=0.785)]
    lines += [run(Setting("rvq", "cifar10", "rvq-8x8", 4, 64), bits_per_image=128.0)]
    lines += [run(Setting("rvq", "cifar10", "none-4x4", None, 8)), run(Setting("rvq", "cifar10", "ema-4x4", 16, 2))]
    actual = [panel.curves for panel in panels_of(lines, {})["rvq"]]
    assert actual == [
        [Curve("4 x 4 cells", [(8, 0.01)])],
        [Curve("2 dimensions", [(16, 0.01)])],
        [Curve("codebooks of 4", [(1, 0.01), (2, 0.005)])],
        [Curve("codebooks of 4", [(4, 0.01), (8, 0.005)])],
        [Curve("codebooks of 4", [(32.0, 0.01), (64.0, 0.005)])],
        [Curve("4 x 4 cells", [(4, 0.01)]), Curve("8 x 8 cells", [(4, 0.01)])],
        [Curve("4 x 4 cells", [(32.0, 0.01)]), Curve("8 x 8 cells", [(128.0, 0.01)])],
    ]


def test_sizes_dimensions_and_numbers_of_photographs():
    lines = [run(Setting("vqgan", "flowers", "vqgan", 8192, 256), usage=0.5)]
    lines += [run(Setting("vqgan", "flowers", "vqgan-65-images", 8192, 256), usage=0.25)]
    actual = [panel.curves for panel in panels_of(lines, {})["vqgan"]]
    assert actual == [
        [Curve("256 dimensions", [(8192, 0.25)])],
        [Curve("8192 codevectors", [(256, 0.25)])],
        [Curve("8192 x 256", [(2440, 0.5), (65, 0.25)])],
    ]


def message(image):
    return [each.text for each in image.iter() if each.tag.endswith("text")]


def drawn(panels):
    """The image, and where its marks are: x and y, in points from the upper left corner."""
    image = ET.fromstring(draw(panels))
    marks = [each for each in image.iter() if each.tag.endswith("use")]
    return image, [(float(mark.get("x")), float(mark.get("y"))) for mark in marks]


@pytest.mark.parametrize("log_x", [False, True])
def test_points_stand_in_their_order_where_their_numbers_say(log_x):
    points = [(64, 3.0), (1, 1.0), (8, 2.0)]
    image, marks = drawn([Panel("a < b", "x", "y", [Curve("one", points)], log_x=log_x)])
    (left, middle, right), ups = zip(*marks, strict=True)
    assert (middle - left) / (right - left) == pytest.approx(3 / 6 if log_x else 7 / 63, abs=0.01)
    assert (ups[0] - ups[1]) / (ups[0] - ups[2]) == pytest.approx(1 / 2, abs=0.01)
    width, height = (float(image.get(name).removesuffix("pt")) for name in ("width", "height"))
    assert all(0 < x < width and 0 < y < height for x, y in marks)
    assert {"a < b", "x", "y"} <= {*message(image)}


def test_a_legend_says_what_those_before_it_have_not():
    first = Panel("", "", "", [Curve("left", [(1, 1)]), Curve("right", [(1, 2)])])
    second = Panel("", "", "", [Curve("left", [(1, 1)]), Curve("new", [(1, 2)]), Curve("new", [(1, 3)], "long")])
    alone = Panel("", "", "", [Curve("told by the title", [(1, 1)])])
    words = [word for word in message(drawn([first, second, alone])[0]) if word.isalpha()]
    assert words == ["left", "right", "new", "short", "long"]


def test_curves_of_dense_points_have_dashes_for_marks():
    curves = [Curve("one", [(1, 0.5), (2, 0.25)], kind) for kind in ("short", "long")]
    image, marks = drawn([Panel("", "", "", curves, percent=True, dense=True)])
    assert not marks and "stroke-dasharray" in ET.tostring(image, encoding="unicode")
    assert "50%" in message(image)


def test_an_empty_panel_says_so_and_a_figure_is_the_same_every_time():
    panels = [Panel("", "", "", []), Panel("", "", "", [Curve("one", [(1, 0.01), (2, 0.002)])], log_y=True)]
    assert "nothing is measured yet" in message(drawn(panels)[0])
    assert {"0.002", "0.005", "0.01"} <= {*message(drawn(panels)[0])}
    assert draw(panels) == draw(panels)
