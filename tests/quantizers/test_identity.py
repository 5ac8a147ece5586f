"""No quantization: every float32 there is comes back from its pattern, bit for bit."""

import struct

import pytest
import torch

from vqzoo.quantizers import build

SPECIAL = [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 0.1]


@pytest.mark.parametrize(
    ("value", "pattern"),
    [(0.0, 0), (-0.0, 0x80000000), (1.0, 0x3F800000), (-2.0, 0xC0000000), (3.4028235e38, 0x7F7FFFFF), (1e-45, 1)],
)
def test_patterns_by_hand(value, pattern):
    quantizer = build("none", dim=1)
    assert quantizer.encode(torch.tensor(value).view(1, 1, 1, 1)).item() == pattern
    (back,) = struct.unpack("<I", struct.pack("<f", quantizer.decode(torch.tensor(pattern).view(1, 1, 1, 1)).item()))
    assert back == pattern


def test_special_numbers_and_random_patterns_survive():
    patterns = torch.randint(-(2**31), 2**31, (4096,)).to(torch.int32)
    values = torch.cat([torch.tensor(SPECIAL), patterns.view(torch.float32)])
    values = values[values.isfinite()].view(1, 1, -1, 1)
    assert values.numel() > 4000
    quantizer = build("none", dim=1)
    indices = quantizer.encode(values)
    assert (indices >= 0).all() and (indices < 2**32).all()
    assert torch.equal(quantizer.decode(indices).view(torch.int32), values.view(torch.int32))


def test_nothing_is_lost_and_nothing_is_charged():
    quantizer = build("none", dim=5)
    latents = torch.randn(2, 3, 4, 5)
    out = quantizer(latents)
    assert torch.equal(out.latents, latents) and out.losses == {}
    assert quantizer.bits(out.indices).tolist() == [3 * 4 * 5 * 32] * 2
