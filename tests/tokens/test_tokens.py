"""Tokens in memory and on disk, and tokens that do not fit refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vqzoo
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokens
from vqzoo.tokens import Sequences

NAMES = [model.name for model in vqzoo.list_models()]


def made(images: int = 5) -> Tokens:
    grid = torch.arange(images * 6).view(images, 2, 3, 1)
    return Tokens((grid, grid.repeat(1, 2, 2, 1)), (8, 12))


def same(left: Tokens, right: Tokens) -> bool:
    pairs = zip(left.grids, right.grids, strict=True)
    return left.size == right.size and all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_parts_of_tokens_and_together_again():
    tokens = made()
    assert len(tokens) == 5 and tokens[1:3].grids[0].shape == (2, 2, 3, 1)
    assert tokens[-1].grids[0].flatten().tolist() == list(range(24, 30))
    assert same(Tokens.cat([tokens[:2], tokens[[2]], tokens[torch.tensor([3, 4])]]), tokens)
    assert same(Tokens.cat(list(tokens)), tokens)  # iteration ends
    with pytest.raises(IndexError):
        tokens[5]
    with pytest.raises(ValueError, match=r"different sizes: \(8, 8\).* and \(8, 12\)"):
        Tokens.cat([tokens, Tokens(tokens.grids, (8, 8))])
    with pytest.raises(ValueError, match="nothing to concatenate"):
        Tokens.cat([])


@pytest.mark.parametrize(("most", "stored"), [(255, torch.uint8), (256, torch.uint16), (65536, torch.uint32)])
def test_a_file_has_the_narrowest_type_and_comes_back(tmp_path, most, stored):
    from safetensors import safe_open

    tokens = Tokens((torch.tensor([[[[0], [most]]]]),), (4, 8))
    tokens.save(tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.get_tensor("grid.0").dtype == stored
    assert same(Tokens.load(tmp_path / "a.safetensors"), tokens)


def test_what_is_no_file_of_tokens_is_refused(tmp_path):
    path = tmp_path / "a"
    good = {"format": "vqzoo tokens 1", "height": "8", "width": "12"}
    grid = torch.zeros(1, 2, 3, 1, dtype=torch.uint8)
    wrong = [
        ({"grid.1": grid}, good, r"tensors \['grid.1'\]; expected grid.0"),
        ({"grid.0": grid[0]}, good, r"a grid of shape \(2, 3, 1\)"),
        ({"grid.0": grid.float()}, good, "type torch.float32"),
        ({"grid.0": grid, "grid.1": grid.repeat(2, 1, 1, 1)}, good, "for one number of images"),
        ({"grid.0": grid}, {}, "its format is None"),
        ({"grid.0": grid}, {**good, "format": "vqzoo tokens 2"}, "reads 'vqzoo tokens 1'"),
        ({"grid.0": grid}, {**good, "width": "-3"}, "a width of '-3'; expected pixels"),
    ]
    for tensors, metadata, match in wrong:
        save_file(tensors, path, metadata)
        with pytest.raises(ValueError, match=f"{path} is no file of tokens: .*{match}"):
            Tokens.load(path)
    made().save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:40], whole[:-1], whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no file of tokens"):
            Tokens.load(path)
    with pytest.raises(ValueError, match="no such file"):
        Tokens.load(tmp_path / "b")
    with pytest.raises(ValueError, match="indices from -1 to 0"):
        Tokens((torch.tensor([[[[-1, 0]]]]),), (4, 4)).save(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_tokenizer_there_and_back(name, tmp_path):
    """Three forms of an image, a file and every order of a sequence give the same tokens; pictures bit for bit."""
    tokenizer = vqzoo.load(name)
    side = 2 * tokenizer.multiple
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side - 3, 3), dtype=np.uint8)
    tokens = tokenizer.encode([Image.fromarray(each) for each in pixels])
    nchw = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    assert same(tokenizer.encode(pixels), tokens)
    assert same(tokenizer.encode(nchw), tokens) and same(tokenizer.encode(from_bytes(nchw)), tokens)
    tokens.save(tmp_path / "a.safetensors")
    back = Tokens.load(tmp_path / "a.safetensors")
    assert same(back, tokens) and torch.equal(tokenizer.decode(back), tokenizer.decode(tokens))
    several_grids = len(tokenizer.quantizer.index_grids(8, 8)) > 1 and "multiscale" in name
    for order in ("raster", "by-level", "interleaved", *(() if several_grids else ("delayed",))):
        sequences = Sequences(tokenizer, tokens.size, order, classes=7)
        flat = sequences.flatten(tokens, torch.tensor([3, -1]))
        assert flat.max() < sequences.vocabulary_size
        assert same(sequences.unflatten(flat), tokens)


@pytest.mark.parametrize("size", [(24, 32), (32, 32), (64, 64), (33, 32)])
def test_a_size_that_does_not_fit_is_refused_with_what_does(size):
    tokenizer = vqzoo.load("cifar10-vq-1024x128")
    tokens = tokenizer.encode(torch.zeros(1, 3, 30, 31))  # padded to 32 x 32: 8 x 8 indices
    if size == (32, 32):
        assert tokenizer.decode(Tokens(tokens.grids, size)).shape == (1, 3, 32, 32)
        return
    rows, columns = (-(-side // 4) for side in size)
    right = rf"of height {size[0]} and width {size[1]} have \(1, {rows}, {columns}, 1\)"
    with pytest.raises(ValueError, match=r"a grid of shape \(1, 8, 8, 1\); images " + right):
        tokenizer.decode(Tokens(tokens.grids, size))


def test_what_are_no_tokens_is_refused_with_what_to_do():
    tokenizer = vqzoo.load("cifar10-vq-1024x128")
    for wrong in (torch.zeros(1, 8, 8, 1), np.zeros(3), [1, 2]):
        with pytest.raises(ValueError, match=rf"tokens of type {type(wrong).__name__}: .*vqzoo.Tokens\(\(grid,\)"):
            tokenizer.decode(wrong)
    with pytest.raises(ValueError, match="a size of 0 x 8 pixels"):
        tokenizer.decode(Tokens((torch.zeros(1, 0, 2, 1, dtype=torch.long),), (0, 8)))
    with pytest.raises(ValueError, match=r"\(1, 8, 8\); images .* have \(1, 8, 8, 1\)"):
        tokenizer.decode(Tokens((torch.zeros(1, 8, 8, dtype=torch.long),), (32, 32)))
