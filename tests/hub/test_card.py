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
        "rfid": 4.567,
        "rfid_squeeze": 8433.18,
        "usage": 0.625,
        "dead": 96,
        "perplexity": 101.26,
        "bits_per_image": 16384.0,
        "bits_per_pixel": 16.0,
        "share_of_raw": 2 / 3,
    },
    "stored_as": "int8",
    "training": {
        "images": 96_000,
        "full_budget_images": 24_000_000,
        "steps": 1500,
        "best_step": 1000,
        "seconds": 600.0,
        "device": "CPU",
        "recipe": {"held_out": 1000, "weights": {"reconstruction": 1.0, "commitment": 0.25}},
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
        "| rFID | 4.57 |",
        "| rFID of SqueezeNet features | 8,433.2 |",
        "| true bits per image | 16,384 |",
        "| share of raw 8-bit pixels | 66.7% |",
        "| codebook usage | 62.5% |",
        "| perplexity | 101.3 |",
        "| dead codevectors | 96 |",
        'vqzoo.load("cifar10-looc-256x4")',
        "10,000 images of the test split of cifar10",
        "LPIPS is lpips-squeeze-v0.1",
        "as they are stored (matrices as int8, one scale a row)",
        "rFID compares the 2,048 features of all images.",
        "rFID of SqueezeNet features compares the 512 features of all images.",
    ):
        assert row in text, row


def test_the_choice_among_codebooks_is_on_the_card():
    record = copy.deepcopy(RECORD)
    record["metrics"]["selection"] = {"512 x 128": 0.25, "1024 x 64": 0.75}
    assert "| chosen codebook | 512 x 128: 25.0%, 1024 x 64: 75.0% |" in model_card(record, CONFIG)
    assert "chosen codebook" not in model_card(RECORD, CONFIG)


def test_too_few_images_for_the_features_are_named():
    record = copy.deepcopy(RECORD)
    assert "too few" not in model_card(record, CONFIG)
    for number, squeeze, inception, message in (
        (512, 1.0, None, True),
        (513, 1.0, None, False),
        (513, None, 1.0, True),
    ):
        record["metrics"] |= {"num_images": number, "rfid_squeeze": squeeze, "rfid": inception}
        assert (f"{number:,} images are too few for that many" in model_card(record, CONFIG)) == message


def test_levels_are_on_the_card():
    record = copy.deepcopy(RECORD)
    record["metrics"]["levels"] = [
        {"usage": 1.0, "dead": 0, "perplexity": 300.25, "selection": {"4 x 2": 0.25, "8 x 1": 0.75}},
        {"usage": 0.5, "dead": 256, "perplexity": 99.0},
    ]
    config = CONFIG | {"quantizer": [{"name": "adaptive"}, {"name": "looc"}]}
    text = model_card(record, config)
    assert "| level 1 of 2, the coarsest | codebook usage 100.0%, perplexity 300.2, dead codevectors 0 |\n" in text
    assert "| level 1 of 2, the coarsest: chosen codebook | 4 x 2: 25.0%, 8 x 1: 75.0% |\n" in text
    assert "| level 2 of 2 | codebook usage 50.0%, perplexity 99.0, dead codevectors 256 |\n" in text
    assert "quantizer `adaptive` and `looc`, autoencoder\n`conv`" in text
    assert {"quantizer:adaptive", "quantizer:looc"} <= set(ModelCard(text).data.tags)
    alike = ModelCard(model_card(record, CONFIG | {"quantizer": [{"name": "vq"}] * 2})).data.tags
    assert [tag for tag in alike if tag.startswith("quantizer:")] == ["quantizer:vq"]
    assert "level 1" not in model_card(RECORD, CONFIG)


def test_a_record_from_before_there_were_distances_of_features_is_read():
    record = copy.deepcopy(RECORD)
    del record["metrics"]["rfid"], record["metrics"]["rfid_squeeze"]
    text = model_card(record, CONFIG)
    assert "rFID" not in text and "compares the" not in text


def test_front_matter_can_be_read_back():
    data = ModelCard(model_card(RECORD, CONFIG)).data
    assert data.library_name == "vqzoo" and data.datasets == ["uoft-cs/cifar10"]
    assert {"quantizer:looc", "pe:sinusoidal"} <= set(data.tags)
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    assert results["psnr"] == 27.654 and results["bits_per_image"] == 16384.0 and len(results) == 12


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


def test_a_fit_says_so_and_what_variance_it_holds_of_either_split():
    record = copy.deepcopy(RECORD)
    record["training"] = {
        "images": 40,
        "full_budget_images": 40,
        "seconds": 90.0,
        "device": "CPU",
        "explained_variance": {"train": [0.5, 0.98765], "test": [0.4, 0.91]},
        "recipe": {"stride": 8, "components": 2, "bits": 640},
    }
    config = CONFIG | {"quantizer": {"name": "uniform", "levels": [9, 4]}}
    text = " ".join(model_card(record, config).split())
    assert "blocks of 8 x 8 pixels of 40 images, in 1.5 minutes on CPU. The 2 components" in text
    assert (
        "hold 98.77% of the variance of the images of the train split" in text and "91.00% of the test split's" in text
    )
    assert "of 4 to 9 values" in text and "at 640 bits" in text
    assert "python trainers/baselines/pca.py cifar10-looc-256x4" in text and "accelerate" not in text


def test_a_local_data_set_is_not_said_to_be_that_of_the_hub():
    text = model_card(RECORD | {"hub_id": None}, CONFIG)
    data = ModelCard(text).data
    assert data.datasets is None and "uoft-cs" not in text
    assert {result.dataset_type for result in data.eval_results} == {"cifar10"}
    assert "test split of cifar10 (a local data set, not one of the Hub)" in text


def test_how_it_was_trained():
    assert "the best by squared error on\n1,000 images held out" in model_card(RECORD, CONFIG)
    recipe = {"held_out": 64, "weights": {"l1": 2.0, "perceptual": 1.0}, "crop": 128, "start_from": "flowers-none-256"}
    text = model_card({**RECORD, "training": {**RECORD["training"], "recipe": recipe}}, CONFIG)
    assert "the best by absolute error and LPIPS on\n64 images held out" in text
    assert "random crops of 128 x 128 pixels. It started from the weights of `flowers-none-256`." in text
