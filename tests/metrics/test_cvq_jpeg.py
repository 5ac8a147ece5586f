"""The papers' own pipeline, against scikit-image and Pillow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vqzoo.metrics.cvq_jpeg import CvqJpeg, cut_off, cut_off_originals, ssim_uniform, through_jpeg


def pictures(channels: int, side: int = 28, number: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """(reconstructions float in about [-1, 1], originals uint8), smooth and noisy."""
    chance = np.random.default_rng(channels)
    rows, columns = np.mgrid[:side, :side]
    waves = [
        np.sin(chance.uniform(0.1, 0.5) * rows + chance.uniform(0.1, 0.5) * columns) for _ in range(number * channels)
    ]
    smooth = np.reshape(waves, (number, channels, side, side))
    restored = torch.from_numpy(smooth + chance.normal(0, 0.15, smooth.shape)).float()
    return restored, torch.from_numpy((smooth * 127.5 + 127.5).astype(np.uint8))


def test_bytes_are_cut_off():
    values = torch.tensor([-1.2, -1.0, -0.999, 0.0, 0.9999, 1.0, 1.5])
    assert cut_off(values).tolist() == [0, 0, 0, 127, 254, 255, 255]


def test_originals_lose_at_most_one_level():
    every = torch.arange(256, dtype=torch.uint8)
    lost = every.int() - cut_off_originals(every).int()
    assert set(lost.tolist()) <= {0, 1}


@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_are_those_of_the_files(channels):
    """Written and read by hand, measured by scikit-image with the papers' settings."""
    restored, originals = pictures(channels)

    def file(picture: torch.Tensor) -> np.ndarray:
        shown = np.repeat(picture.permute(1, 2, 0).numpy(), 3 // channels, axis=2)
        stored = io.BytesIO()
        Image.fromarray(shown).save(stored, "JPEG", quality=75)
        return np.asarray(Image.open(stored).convert("RGB"))

    ours = [file(each) for each in ((restored.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8)]
    theirs = [file(each) for each in cut_off_originals(originals)]
    measured = CvqJpeg()
    measured.add(restored[:3], originals[:3])
    measured.add(restored[3:], originals[3:])
    metrics = measured.metrics()
    pairs = [(a / 255, b / 255) for a, b in zip(ours, theirs, strict=True)]
    window = {"win_size": 11, "channel_axis": 2, "data_range": 1.0}
    expected = {
        "l1": np.mean([np.abs(a - b).mean() for a, b in pairs]),
        "psnr": np.mean([peak_signal_noise_ratio(b, a, data_range=1.0) for a, b in pairs]),
        "ssim": np.mean([structural_similarity(b, a, **window) for a, b in pairs]),
    }
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, rel=1e-5), name
    assert metrics["protocol"] == "cvq-jpeg" and metrics["num_images"] == 4
    assert metrics["lpips"] is metrics["rfid"] is metrics["lpips_network"] is None


def test_the_file_is_lossy():
    """Or this protocol would be the other one."""
    _, originals = pictures(3)
    assert (through_jpeg(originals) != originals).any()


def test_what_is_too_small_or_empty_is_refused():
    small = torch.zeros(1, 3, 10, 12, dtype=torch.uint8)
    with pytest.raises(ValueError, match="sides of at least 11"):
        ssim_uniform(small, small)
    with pytest.raises(ValueError, match="the set is empty"):
        CvqJpeg().metrics()
