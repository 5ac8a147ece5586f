"""The header of a safetensors file, read without the file: what of it is believed."""

import json
import struct

import pytest
import torch
from safetensors.torch import save

from vqzoo.files.header import HEADER_LIMIT, MAX_TENSORS, TensorInfo, header_length, parse_header, read_header

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def start(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def test_it_says_what_the_library_wrote(tmp_path):
    tensors = {"a": torch.ones(2, 3), "b": torch.ones(4, dtype=torch.int8), "c": torch.tensor(1.0), "d": torch.ones(0)}
    data = save(tensors, {"format": "pt"})
    (tmp_path / "x").write_bytes(data)
    expected = {"a": ("F32", (2, 3)), "b": ("I8", (4,)), "c": ("F32", ()), "d": ("F32", (0,))}
    expected = {name: TensorInfo(*info) for name, info in expected.items()}
    assert read_header(tmp_path / "x") == expected
    length = header_length(data[:8], len(data))
    assert parse_header(data[: 8 + length], len(data)) == expected, "the tensors' bytes are not needed"


@pytest.mark.parametrize(
    ("header", "extra", "message"),
    [
        ({"a": F32, "b": F32}, 8, "overlap"),
        ({"a": F32, "b": {**F32, "data_offsets": [4, 12]}}, 12, "overlap"),
        ({"a": F32, "b": {**F32, "data_offsets": [16, 24]}}, 24, "gaps"),
        ({"a": {**F32, "data_offsets": [8, 16]}}, 16, "gaps"),
        ({"a": F32}, 7, "elsewhere than the file"),
        ({"a": F32}, 9, "elsewhere than the file"),
        ({"a": {**F32, "shape": [3]}}, 8, "tensor 'a' has offsets that do not fit"),
        ({"a": {**F32, "shape": [2.0]}}, 8, "not a few whole numbers"),
        ({"a": {**F32, "shape": [True, 2]}}, 8, "not a few whole numbers"),
        ({"a": {**F32, "shape": [-1, -2]}}, 8, "not a few whole numbers"),
        ({"a": {**F32, "shape": [1] * 8 + [2]}}, 8, "not a few whole numbers"),
        ({"a": {**F32, "dtype": "X"}}, 8, "type that is not known"),
        ({"a": {**F32, "more": 1}}, 8, "not described by"),
        ({"a": 5}, 8, "not described by"),
        ([], 8, "no JSON object"),
        ({str(i): {**F32, "shape": [0], "data_offsets": [0, 0]} for i in range(MAX_TENSORS + 1)}, 0, "at most 16,384"),
    ],
)
def test_what_is_not_believed(header, extra, message):
    data = start(header)
    with pytest.raises(ValueError, match=message):
        parse_header(data, len(data) + extra)


@pytest.mark.parametrize(
    ("length", "size", "message"),
    [
        (0, 7, "too few"),
        (2**40, 2**20, "too few"),
        (93, 100, "too few"),
        (HEADER_LIMIT + 1, 2**30, "at most 2,097,152"),
    ],
)
def test_lengths_that_are_not_believed(length, size, message):
    with pytest.raises(ValueError, match=message):
        header_length(struct.pack("<Q", length)[:size], size)
