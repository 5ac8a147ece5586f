"""A picture's tokens as a file and back: the same tokens, few bytes, or one sentence."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.hub.registry import list_models, load
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens import vqz
from vqzoo.tokens.header import Header, check_pixels, facts, seal, unseal
from vqzoo.tokens.layers import layers
from vqzoo.tokens.neighbours import Table, around_sizes, read, write
from vqzoo.tokens.vqz import Shipped, compress, decompress
from vqzoo.views.vqz import shipped

ROOT = Path(__file__).parents[2]
WEIGHTS = "ab" * 32
SIZE = (37, 50)


def toy(quantizer: str, **settings) -> Tokenizer:
    torch.manual_seed(0)
    autoencoder = build_autoencoder("conv", latent_dim=8, stride=4, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build(quantizer, dim=8, **settings), build_position("none", dim=8), 32).eval()


def tables(tokenizer: Tokenizer, dim: int = 4) -> list[Table]:
    """Tables as learnt ones, of numbers that were drawn."""
    sizes, generator = [layer.size for layer in layers(tokenizer, SIZE)], np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return generator.integers(-127, 128, shape).astype(np.int8)

    return [
        Table(
            generator.integers(-3000, 0, size).astype(np.int16),
            drawn(size, dim),
            tuple(drawn(of + 1, dim) for of in around_sizes(sizes, number)),
        )
        for number, size in enumerate(sizes)
    ]


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    """A residual tokenizer, what it ships with, and the tokens of a picture."""
    tokenizer = toy("rvq", codebook_size=16, levels=3)
    path = tmp_path_factory.mktemp("card") / "neighbours.safetensors"
    write(path, tables(tokenizer), WEIGHTS)
    counts = [[number * level for number in range(16)] for level in range(3)]
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return tokenizer, Shipped("toy-rvq-3x16", WEIGHTS, counts, path), tokenizer.encode(image)


def same(one, other) -> bool:
    pairs = zip(one.grids, other.grids, strict=True)
    return one.size == other.size and all(torch.equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("model", ["even", "usage", "neighbours", None])
def test_the_same_tokens_come_back_within_a_percent_of_the_cross_entropy(residual, model):
    tokenizer, of, tokens = residual
    file = compress(tokenizer, tokens, of, model=model)
    assert file.model == model or (model is None and file.model == "neighbours"), "the best is the default"
    assert same(decompress(file.data, tokenizer, of), tokens)
    header = facts(file.data)["header_bytes"]
    assert 0 <= 8 * (len(file.data) - header) - file.model_bits <= 64, "two words of the coder"


@pytest.mark.parametrize("name", [model.name for model in list_models()])
def test_every_model_of_the_zoo(name):
    tokenizer, of = load(name), shipped(name)
    image = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0)) * 2 - 1
    tokens = tokenizer.encode(image)
    file = compress(tokenizer, tokens, of)
    back = decompress(file.data, tokenizer, of)
    assert same(back, tokens)
    assert torch.equal(tokenizer.decode(back), tokenizer.decode(tokens))
    assert file.model == ("neighbours" if of.neighbours else "usage" if of.counts else "even")


def test_even_symbols_cost_the_true_bits(residual):
    tokenizer, of, tokens = residual
    assert compress(tokenizer, tokens, of, model="even").model_bits == tokenizer.bits(tokens).item()


@pytest.mark.parametrize(
    ("quantizer", "settings", "columns"),
    [("rvq", {"codebook_size": 16, "levels": 3}, 2), ("multiscale", {"codebook_size": 16, "scales": [1, 2, 4]}, 5)],
)
def test_the_first_levels_alone(quantizer, settings, columns):
    tokenizer = toy(quantizer, **settings)
    tokens = tokenizer.encode(torch.rand(1, 3, *SIZE) * 2 - 1)
    of = Shipped("toy", WEIGHTS, None)
    file = compress(tokenizer, tokens, of, levels=2)
    back = decompress(file.data, tokenizer, of)
    assert back.grids[0].shape[-1] == columns and same(back, tokenizer.first_levels(tokens, 2))
    assert len(file.data) < len(compress(tokenizer, tokens, of).data)
    with pytest.raises(ValueError, match="levels=4: this tokenizer has 3; choose from 1 to 3"):
        compress(tokenizer, tokens, of, levels=4)


def test_only_sums_of_levels_have_first_ones():
    tokenizer = toy("vq", codebook_size=16)
    with pytest.raises(ValueError, match="no sum of levels"):
        compress(tokenizer, tokenizer.encode(torch.zeros(1, 3, *SIZE)), Shipped("toy", WEIGHTS), levels=1)


def test_one_image_a_file(residual):
    tokenizer, of, _ = residual
    with pytest.raises(ValueError, match="tokens of 2 images: a file holds one"):
        compress(tokenizer, tokenizer.encode(torch.zeros(2, 3, *SIZE)), of)


def test_what_came_often_costs_less(residual, tmp_path):
    """Tables that expect every symbol alike, and a picture of one symbol a level."""
    tokenizer, of, tokens = residual
    blank = [replace(each, bias=each.bias * 0, vectors=each.vectors * 0) for each in tables(tokenizer)]
    write(tmp_path / "blank", blank, WEIGHTS)
    plain = tokenizer.encode(torch.zeros(1, 3, 128, 128))
    plain = replace(plain, grids=(plain.grids[0][:, :1, :1].expand_as(plain.grids[0]).contiguous(),))
    of = replace(of, neighbours=tmp_path / "blank")
    assert compress(tokenizer, plain, of).model_bits < 0.1 * compress(tokenizer, plain, of, model="even").model_bits
    assert same(decompress(compress(tokenizer, plain, of).data, tokenizer, of), plain)


def test_another_process_with_other_threads_reads_the_same_tokens(tmp_path):
    names = ["cifar10-rvq-8x256", "cifar10-ema-1024x128"]
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    hashes = {}
    for name in names:
        tokenizer = load(name)
        tokens = tokenizer.encode(image)
        (tmp_path / name).write_bytes(compress(tokenizer, tokens, shipped(name)).data)
        hashes[name] = hashlib.sha256(tokens.grids[0].numpy().tobytes()).hexdigest()
    code = f"""
import hashlib, json, torch
torch.set_num_threads(3)
from vqzoo.hub.registry import load
from vqzoo.tokens.vqz import decompress
from vqzoo.views.vqz import shipped
hashes = {{}}
for name in {names}:
    with open({str(tmp_path)!r} + "/" + name, "rb") as file:
        tokens = decompress(file.read(), load(name), shipped(name))
    hashes[name] = hashlib.sha256(tokens.grids[0].numpy().tobytes()).hexdigest()
print(json.dumps(hashes))
"""
    variables = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ | variables
    )
    assert json.loads(done.stdout) == hashes


# --- What is refused --------------------------------------------------------------------------------------------------


def test_every_cut_and_every_flipped_bit_is_noticed(residual):
    tokenizer, of, tokens = residual
    data = compress(tokenizer, tokens, of).data
    damaged = [data[:end] for end in range(len(data))]
    for position in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            damaged.append(bytes(changed))
    for each in (*damaged, data + b"\0", data[1:]):
        with pytest.raises(ValueError, match="no .vqz file|version|damaged"):
            unseal(each)


def resealed(data: bytes, **changes) -> bytes:
    """A file whose header says something else, with the right checksum."""
    header, payload = unseal(data)
    return seal(replace(header, **changes), payload)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weights": "cd" * 32}, r"was made with toy-rvq-3x16 of the weights cdcdcdcdcdcd...; toy-rvq-3x16 has the"),
        ({"tables": 1}, "was made with other tables of the model 'neighbours'"),
        ({"model": "usage"}, "was made with other tables of the model 'usage'"),
        ({"levels": 7}, "levels=7: this tokenizer has 3"),
        ({"size": (8, 8)}, "its symbols do not end where its picture does"),
        ({"size": (8000, 3000)}, r"3000 x 8000 pixels has 4,500,000 indices; at most 4,194,304"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_in_a_sentence(residual, changes, sentence):
    tokenizer, of, tokens = residual
    data = resealed(compress(tokenizer, tokens, of).data, **changes)
    with pytest.raises(ValueError, match=sentence) as error:
        decompress(data, tokenizer, of)
    assert "\n" not in str(error.value)


def test_a_future_version_is_named(residual):
    tokenizer, of, tokens = residual
    body = bytearray(compress(tokenizer, tokens, of).data[:-4])
    body[4] = 9
    with pytest.raises(
        ValueError, match="version 9 of the format, or is damaged; this version of vqzoo reads version 1"
    ):
        decompress(bytes(body) + struct.pack("<I", zlib.crc32(body)), tokenizer, of)


def test_tables_of_other_weights_are_left_alone(residual):
    tokenizer, of, tokens = residual
    other = replace(of, weights="cd" * 32)
    assert compress(tokenizer, tokens, other).model == "usage"
    with pytest.raises(ValueError, match="has no tables of the model 'neighbours', or they are of other weights"):
        compress(tokenizer, tokens, other, model="neighbours")


def test_damaged_tables_are_named(residual, tmp_path):
    tokenizer, of, _ = residual
    path, sizes = tmp_path / "neighbours.safetensors", [16, 16, 16]
    path.write_bytes(of.neighbours.read_bytes()[:-3])
    with pytest.raises(ValueError, match="neighbours.safetensors of .* is damaged"):
        read(path, WEIGHTS, sizes)
    write(path, [replace(table, bias=table.bias[:3]) for table in tables(tokenizer)], WEIGHTS)
    with pytest.raises(ValueError, match=r"is damaged: expected '0.bias' of type int16 and shape \(16,\)"):
        read(path, WEIGHTS, sizes)


def test_what_a_file_can_ask_for_is_bounded(residual):
    """The largest picture, whose symbols nobody wrote: under 200 MB, though the file is small."""
    tokenizer, of, tokens = residual
    data = resealed(compress(tokenizer, tokens, of, model="even").data, size=(5000, 4400))
    layers(tokenizer, SIZE)  # imports
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="its symbols do not end where its picture does"):
            decompress(data, tokenizer, of)
        assert tracemalloc.get_traced_memory()[1] < 150e6
    finally:
        tracemalloc.stop()


def test_sizes_are_checked_before_the_tokenizer_is_asked():
    for size in ((0, 5), (8193, 1), (8000, 8000)):
        with pytest.raises(ValueError, match="holds at most 24 megapixels and 8192 pixels a side"):
            check_pixels(*size)
    with pytest.raises(ValueError, match="holds at most"):
        unseal(_forged(height=8000, width=8000))
    with pytest.raises(ValueError, match="its header makes no sense"):
        unseal(_forged(model=3))
    with pytest.raises(ValueError, match="its header makes no sense"):
        unseal(_forged(name=b"\xff\xfe"))


def _forged(height: int = 8, width: int = 8, model: int = 0, name: bytes = b"toy") -> bytes:
    """docs/vqz.md, "Header", written out."""
    fields = struct.pack("<4sBBBIHH32sB", b"\x89vqz", 1, model, 0, 0, height, width, bytes(32), len(name))
    return fields + name + struct.pack("<I", zlib.crc32(fields + name))


def test_the_header_is_the_documented_one():
    header, payload = unseal(_forged())
    assert header == Header("toy", "00" * 32, (8, 8), 0, "even", 0) and payload == b""
    assert seal(header, b"") == _forged()
    assert vqz.SYMBOLS == 2**22
