"""The model card says what the files say, and machines can read its front matter."""

import copy

import pytest
from huggingface_hub import ModelCard

from vqzoo.hub.card import model_card, show

RECORD = {
    "name": "cifar10-looc-256x4",
    "dataset": "cifar10",
    "hub_id": "uoft-cs/cifar10",
    "split": "test",
    "metrics": {
        "protocol": "lossless",
        "num_images": 10_000,
        "l1": 0.03125,
        "psnr": 27.654,
        "ssim": 0.91236,
        "lpips": 0.0875,
        "lpips_network": "lpips-squeeze-v0.1",
        "usage": 0.625,
        "dead": 96,
        "perplexity": 101.26,
        "bits_per_image": 16384.0,
        "bits_per_pixel": 16.0,
        "share_of_raw": 2 / 3,
    },
    "stored_as": "float16",
    "training": {
        "images": 96_000,
        "full_budget_images": 24_000_000,
        "steps": 1500,
        "best_step": 1000,
        "seconds": 600.0,
        "device": "CPU",
        "recipe": {"held_out": 1000},
    },
}
CONFIG = {
    "quantizer": {"name": "looc"},
    "position": {"name": "sinusoidal"},
    "autoencoder": {"name": "conv", "channels": 3},
}


def test_every_number_is_on_the_card():
    text = model_card(RECORD, CONFIG)
    for row in (
        "| PSNR, dB | 27.65 |",
        "| SSIM | 0.9124 |",
        "| LPIPS | 0.0875 |",
        "| true bits per image | 16,384 |",
        "| share of raw 8-bit pixels | 66.7% |",
        "| codebook usage | 62.5% |",
        "| perplexity | 101.3 |",
        "| dead codevectors | 96 |",
        'vqzoo.load("cifar10-looc-256x4")',
        "10,000 images of the test split of cifar10",
        "LPIPS is lpips-squeeze-v0.1",
    ):
        assert row in text, row


def test_the_choice_among_codebooks_is_on_the_card():
    record = copy.deepcopy(RECORD)
    record["metrics"]["selection"] = {"512 x 128": 0.25, "1024 x 64": 0.75}
    assert "| chosen codebook | 512 x 128: 25.0%, 1024 x 64: 75.0% |" in model_card(record, CONFIG)
    assert "chosen codebook" not in model_card(RECORD, CONFIG)


def test_front_matter_can_be_read_back():
    data = ModelCard(model_card(RECORD, CONFIG)).data
    assert data.library_name == "vqzoo" and data.datasets == ["uoft-cs/cifar10"]
    assert {"quantizer:looc", "pe:sinusoidal"} <= set(data.tags)
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    assert results["psnr"] == 27.654 and results["bits_per_image"] == 16384.0 and len(results) == 10


def test_a_short_training_says_so_and_a_full_one_does_not():
    assert "**A short training**: on 96,000 images, 0.4% of the full budget of 24,000,000." in model_card(
        RECORD, CONFIG
    )
    full = copy.deepcopy(RECORD)
    full["training"]["images"] = 24_000_000
    assert "short training" not in model_card(full, CONFIG)
    assert "On 24,000,000 images, the full budget." in model_card(full, CONFIG)


def test_what_was_not_measured_is_named_and_left_out_of_the_results():
    record = copy.deepcopy(RECORD)
    record["metrics"] |= {"lpips": None, "lpips_network": None, "usage": None, "dead": None, "perplexity": None}
    text = model_card(record, CONFIG)
    assert "| LPIPS | not available |" in text and "LPIPS is" not in text
    assert not {"lpips", "usage"} & {result.metric_type for result in ModelCard(text).data.eval_results}


@pytest.mark.parametrize(
    ("metric", "value", "text"), [("dead", 0, "0"), ("usage", 1.0, "100.0%"), ("psnr", None, "not available")]
)
def test_values_as_text(metric, value, text):
    assert show(metric, value) == text
