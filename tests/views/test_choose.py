"""Which tokenizer for which wish: who is tried, in which order, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vqzoo.analysis.formats import parse_label
from vqzoo.analysis.result import Result
from vqzoo.hub.registry import list_models, load
from vqzoo.views.choice import BITS, QUALITY, SIZE, Choice, Wish
from vqzoo.views.choose import FEWEST, MOST, Candidate, candidates, choose, ranked, rounds
from vqzoo.views.engine import Engine, Photo

SIDE = 64


@pytest.fixture(scope="module")
def photo(engine, path) -> Photo:
    return engine.photo(path, SIDE)


@pytest.fixture(scope="module")
def known(engine, photo) -> list[Candidate]:
    return candidates(engine, photo)


def names(group: list[Candidate]) -> list[str]:
    return [each.model.name for each in group]


def choice(name: str, bits: float, lpips: float | None = 0.1, psnr: float = 30.0, meets: bool = True) -> Choice:
    result = Result(np.zeros(0), np.zeros(0), {"bits_per_image": bits, "lpips": lpips, "psnr": psnr}, None, ())
    return Choice(name, result, meets)


def test_bits_are_those_of_the_padded_photograph_before_a_model_is_loaded(engine, tmp_path):
    """61 x 90 pixels: every stride has to pad."""
    Image.fromarray(np.full((61, 90, 3), 99, np.uint8)).save(tmp_path / "odd.png")
    odd = engine.photo(str(tmp_path / "odd.png"), 256)
    bits = {each.model.name: each.bits for each in candidates(engine, odd)}
    for name in ("cifar10-vq-1024x128", "flowers-vqgan-1024x256", "cifar10-pca-32x256", "cifar10-multiscale-1024x128"):
        assert bits[name] == pytest.approx(engine.run(name, odd).metrics["bits_per_image"]), name
    adaptive = engine.run("cifar10-adaptive-65536", odd).metrics["bits_per_image"]
    assert adaptive <= bits["cifar10-adaptive-65536"], "the most where they depend on the photograph"
    assert bits["cifar10-vq-1024x128"] == 23 * 16 * 10


def test_models_without_tokens_grey_ones_and_those_elsewhere_are_out(engine, photo, known):
    assert not {"cifar10-none-128", "flowers-none-256"} & set(names(known)) and len(known) == len(list_models()) - 2
    model = engine.models["cifar10-vq-1024x128"]
    grey = replace(
        model, name="digits", config=model.config | {"autoencoder": {**model.config["autoencoder"], "channels": 1}}
    )
    elsewhere = replace(model, name="elsewhere", source=None)
    broken = replace(model, name="broken", config=model.config | {"quantizer": {"name": "vq"}})
    assert candidates(Engine([grey, elsewhere, broken]), photo) == []


def test_for_bits_the_highest_rate_that_fits_comes_first_and_then_the_best_by_their_cards(known, photo):
    (group,) = rounds(known, Wish(0.6), photo)
    assert len(group) == MOST and all(each.bits <= 1.05 * 0.6 * SIDE**2 for each in group)
    at_this_rate = [each for each in known if each.bits / SIDE**2 == pytest.approx(0.625, rel=0.05)]
    cards = {each.model.name: each.model.metrics["metrics"]["lpips"] for each in at_this_rate}
    assert names(group) == sorted(cards, key=cards.__getitem__)[:MOST]
    (sizes,) = rounds(known, Wish(0.6 * SIDE**2 / 8000, SIZE), photo)
    assert sizes == group, "the same wish in kilobytes"
    (own,) = rounds(known, Wish(0.6), photo, first=["cifar10-bsq-10"])
    assert names(own)[0] == "cifar10-bsq-10", "what a visitor has loaded is tried"


def test_what_nothing_fits_is_filled_up_with_the_nearest(known, photo):
    (group,) = rounds(known, Wish(0.001), photo)
    fewest = sorted(each.bits for each in known)[:FEWEST]
    assert sorted(each.bits for each in group) == pytest.approx(fewest, rel=0.05)


def test_for_a_quality_rates_are_tried_upwards_without_those_that_are_far_from_it(known, photo):
    groups = list(rounds(known, Wish(30.0, QUALITY), photo))
    lowest = [min(each.bits for each in group) for group in groups]
    assert lowest == sorted(lowest) and "cifar10-vq-1024x128" in names(groups[0]), "flowers' are at 20 dB"
    assert len(list(rounds(known, Wish(1e6, QUALITY), photo))) == 1, "the highest rate is tried whatever is asked for"


def test_the_order_is_that_of_the_metric_and_what_is_over_the_wish_comes_last():
    one, two, over = choice("one", 10, 0.2, 31), choice("two", 20, 0.1, 30), choice("over", 30, 0.0, 40, meets=False)
    assert ranked([over, one, two], Wish(1.0)) == [two, one, over]
    assert ranked([over, one, two], Wish(1.0, BITS, "psnr")) == [one, two, over]
    assert ranked([over, one, two], Wish(30.0, QUALITY)) == [one, two, over], "fewest bits first"
    small = [replace_lpips(each) for each in (over, one, two)]
    assert [each.name for each in ranked(small, Wish(1.0))] == ["one", "two", "over"], "too small for LPIPS"


def replace_lpips(each: Choice) -> Choice:
    return choice(each.name, each.result.metrics["bits_per_image"], None, each.result.metrics["psnr"], each.meets)


def test_the_answer_is_measured_on_the_photograph_with_the_best_codec_at_the_bits_of_the_first(engine, path, photo):
    *steps, answer = choose(engine, path, SIDE, Wish(0.6))
    assert [len(step.choices) for step in steps[:3]] == [1, 2, 3] and all(step.progress for step in steps)
    assert answer.progress == "" and answer.shown.models == tuple(each.name for each in answer.choices)
    values = [each.result.metrics["lpips"] for each in answer.choices]
    assert values == sorted(values) and FEWEST <= len(values) <= MOST
    first = answer.choices[0]
    assert np.array_equal(first.result.pixels, engine.run(first.name, photo).pixels)
    assert first.name in answer.headline and f"{values[0]:.4f}" in answer.headline
    bits = first.result.metrics["bits_per_image"]
    assert parse_label(answer.codec.name)[1] == bits
    others = [engine.run(f"{codec} at {bits:,.0f} bits", photo) for codec in ("JPEG", "WebP", "AVIF")]
    fitting = [each.metrics["lpips"] for each in others if each.metrics["met"]]
    assert answer.codec.meets == bool(fitting)
    if fitting:
        assert answer.codec.result.metrics["lpips"] == min(fitting)
    assert "6 of the 28 colour models" in answer.why and "Trained on cifar10, 32 × 32 pixels" in first.trained
    assert first.record().keys() == {
        *("name", "meets", "use", "trained", "lpips", "psnr"),
        *("bits_per_image", "bits_per_pixel", "encode_ms", "decode_ms"),
    }


def test_a_quality_is_reached_with_the_fewest_bits_or_said_to_be_out_of_reach(engine, path):
    *_, answer = choose(engine, path, SIDE, Wish(24.0, QUALITY))
    assert answer.choices[0].meets and answer.choices[0].result.metrics["psnr"] >= 24
    reaching = [each.result.metrics["bits_per_image"] for each in answer.choices if each.meets]
    assert reaching[0] == pytest.approx(min(reaching), rel=0.05)
    *_, answer = choose(engine, path, SIDE, Wish(90.0, QUALITY))
    assert answer.headline.startswith("No model here reaches 90 dB on this photograph; ")
    assert not any(each.meets for each in answer.choices)


def test_what_is_good_for_what(known):
    uses = {each.model.name: each.use for each in known}
    assert uses["cifar10-vq-1024x128"] == "Generators, with one token a cell: 256 tokens of 1,024 values."
    assert uses["cifar10-fsq-8-5-5-5"].startswith("Generators, without a codebook to learn")
    assert "8 levels" in uses["cifar10-rvq-8x256"] and "8 tokens a cell" in uses["cifar10-pq-8x256"]
    assert uses["cifar10-kmeans-4x1024"].startswith("A baseline without a network, of blocks of pixels")
    stride = load("cifar10-vq-1024x128").autoencoder.strides[0]
    assert (SIDE // stride) ** 2 == 256


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"unit": "bytes"}, "unit='bytes': did you mean 'kilobytes'. known: bits a pixel"),
        ({"order": "ssim"}, "order='ssim': "),
        ({"value": 0}, "value=0: expected a number above 0, of bits a pixel"),
        ({"value": float("nan")}, "value=nan: expected a number above 0"),
    ],
)
def test_a_wish_that_is_none_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        Wish(**wrong)


def test_without_a_photograph_or_a_model_it_says_what_to_do(engine, path):
    with pytest.raises(ValueError, match="Choose a photograph first"):
        next(choose(engine, None, SIDE, Wish()))
    with pytest.raises(ValueError, match="No model here suits colour photographs"):
        next(choose(Engine([]), path, SIDE, Wish()))
