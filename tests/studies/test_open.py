"""Tables for the open questions, from a handful of made-up records."""

from docs.studies.tables import by_images, factors, ranking, side_by_side
from vqzoo.studies.results import Result
from vqzoo.studies.settings import Setting


def record(name, bits, psnr, dataset="cifar10", **training):
    metrics = {"bits_per_image": bits, "psnr": psnr, "ssim": 0.5, "lpips": None, "usage": 0.25}
    return {"name": name, "dataset": dataset, "metrics": metrics, "training": training}


def test_a_ranking_has_what_is_at_the_rate_the_best_first():
    records = [
        record("ours", 640, 20.0, steps=1200, images=76_800),
        record("fitted", 634, 23.5),
        record("another rate", 633, 30.0),
        record("too many bits", 641, 30.0),
        record("another data set", 640, 30.0, dataset="mnist"),
    ]
    metrics = {"bits_per_image": 600.0, "psnr": 21.0, "ssim": 0.75, "lpips": 0.125}
    codec = {"codec": "WebP", "dataset": "cifar10", "bits": 640, "metrics": metrics | {"met": 1.0}}
    above = codec | {"codec": "JPEG", "metrics": metrics | {"met": 0.99}}
    assert ranking(records, [codec, above], "cifar10", 640, {"ours": "18.765"}).splitlines()[2:] == [
        "| 1 | fitted | 634 | 23.50 | 0.5000 | – | 25.0% | fitted | – |",
        "| 2 | *WebP* | 600 | 21.00 | 0.7500 | 0.1250 | – | no training | – |",
        "| 3 | ours | 640 | 20.00 | 0.5000 | – | 25.0% | 76,800 images | 18.77 |",
    ]


def test_twins_stand_in_the_order_that_was_asked_for():
    records = {"a": record("a", 640, 20.0, steps=1, images=1), "b": record("b", 2560, 10.0, steps=2, images=2)}
    names = [line.split(" | ")[0] for line in side_by_side(records, ["b", "a"]).splitlines()[2:]]
    assert names == ["| b", "| a"]


def run(factor, seed, psnr, size=256, protocol="lossless"):
    setting = Setting("looc", "cifar10", "looc", size, 4, 1, factor)
    numbers = {"seed": seed, "psnr": psnr, "bits_per_image": 16384.0 * factor**2}
    return Result("r", setting, "short", protocol, numbers)


def test_factors_are_compared_on_the_seeds_that_no_interpolation_has_too():
    lines = [run(1, 42, 22.0), run(1, 43, 21.0), run(1, 44, 1.0), run(2, 42, 21.5), run(2, 43, 20.5)]
    lines += [run(3, 42, 20.0), run(3, 45, 99.0)]  # one of three seeds, and one of none
    lines += [run(2, 42, 99.0, protocol="cvq-jpeg"), run(1, 42, 50.0, size=32)]  # another protocol; one factor alone
    assert factors(lines).splitlines()[2:] == [
        "| cifar10, 256 x 4 | short | 1 | 16,384 | 21.50 (21.00 to 22.00) | 2 |",
        "| cifar10, 256 x 4 | short | 2 | 65,536 | 21.00 (20.50 to 21.50) | 2 |",
        "| cifar10, 256 x 4 | short | 3 | 147,456 | 20.00 | 1 |",
    ]


def test_codevectors_in_use_by_size_and_images():
    ema, cvq = (
        "cifar10-ema-1024x128-train-images100-codebook-size64",
        "cifar10-cvq-1024x128-train-images0-codebook-size8",
    )
    runs = [
        {"name": cvq, "usage": "1.0", "psnr": "22.0"},
        {"name": ema, "usage": "0.5", "psnr": "20.0"},
        {"name": ema, "usage": "0.25", "psnr": "21.0"},
    ]
    assert by_images(runs).splitlines() == [
        "| training images | cvq, of 8 | ema, of 64 |",
        "| --- | --: | --: |",
        "| 100 | – | 24 · 20.50 dB |",
        "| all | 8 · 22.00 dB | – |",
    ]
