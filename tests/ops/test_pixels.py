"""Bytes and floats: every byte survives, and floats are rounded, not cut off."""

import torch

from vqzoo.ops.pixels import from_bytes, to_bytes


def test_every_byte_comes_back():
    bytes_ = torch.arange(256, dtype=torch.uint8)
    floats = from_bytes(bytes_)
    assert floats.dtype == torch.float32 and floats.min() == -1 and floats.max() == 1
    assert torch.equal(to_bytes(floats), bytes_)


def test_floats_are_rounded_and_clamped():
    floats = torch.tensor([-7.0, -1.0, 0.6 / 127.5 - 1, 0.4 / 127.5 - 1, 254.6 / 127.5 - 1, 1.0, 9.0])
    assert to_bytes(floats).tolist() == [0, 0, 1, 0, 255, 255, 255]


def test_what_goes_in_is_left_alone():
    bytes_, floats = torch.arange(256, dtype=torch.uint8), torch.linspace(-2, 2, 9)
    from_bytes(bytes_)
    to_bytes(floats)
    assert torch.equal(bytes_, torch.arange(256, dtype=torch.uint8)) and torch.equal(floats, torch.linspace(-2, 2, 9))
