"""Images come as they are, each decoded once, and batches are a function of the step."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from trainers.data import pictures as pictures_of
from trainers.data.memory import Batches, load_images
from trainers.data.sets import hub_id, open_splits
from vqzoo.files.images import load_image


def channels_first(images: list[Image.Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)


@pytest.mark.parametrize("split", ["train", "test"])
def test_pixels_and_order_are_those_of_the_files(data, pictures, split):
    expected = channels_first(pictures(48, 0) if split == "train" else pictures(16, 1))
    images = load_images("pictures", split, 16, 3, str(data))
    assert images.dtype == torch.uint8 and torch.equal(images, expected)


def test_each_image_is_decoded_once(data, monkeypatch):
    opened = []
    monkeypatch.setattr(pictures_of, "load_image", lambda *args, **how: opened.append(args) or load_image(*args, **how))
    load_images("pictures", "test", 16, 3, str(data))
    assert len(opened) == 16


def test_a_column_of_any_name(tmp_path, pictures, write_dataset):
    folder = write_dataset(tmp_path / "named", column="img", test=pictures(3, 5))
    assert torch.equal(load_images("named", "test", 16, 3, str(folder)), channels_first(pictures(3, 5)))


def test_colour_to_grey_and_grey_to_colour(tmp_path, data, write_dataset):
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    grey = Image.new("L", (16, 16), 77)
    folder = write_dataset(tmp_path / "mixed", test=[red, grey])
    assert load_images("mixed", "test", 16, 3, str(folder)).amax((2, 3)).tolist() == [[255, 0, 0], [77, 77, 77]]
    # Luma of ITU-R 601: 0.299 of red.
    assert load_images("mixed", "test", 16, 1, str(folder)).amax((2, 3)).tolist() == [[76], [77]]


def test_other_sizes_are_cropped_in_the_centre_and_shrunk(tmp_path, pictures, write_dataset):
    wide = Image.new("RGB", (24, 16))
    wide.paste(pictures(1, 2)[0], (4, 0))
    (large,) = pictures(1, 3, side=32)
    folder = write_dataset(tmp_path / "sizes", test=[wide, large])
    images = load_images("sizes", "test", 16, 3, str(folder))
    assert torch.equal(images[:1], channels_first(pictures(1, 2)))
    means = channels_first([large]).float().unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    assert (images[1:].float() - means)[:, :, 1:-1, 1:-1].abs().max() < 3


def test_a_folder_that_is_not_there():
    with pytest.raises(ValueError, match="data folder '/no/such' does not exist"):
        load_images("pictures", "train", 16, 3, "/no/such")


def test_a_folder_without_files(tmp_path):
    with pytest.raises(ValueError, match="no pictures in this folder; expected files such as .jpg"):
        load_images("pictures", "train", 16, 3, str(tmp_path))


def test_a_damaged_file(tmp_path, pictures, write_dataset):
    folder = write_dataset(tmp_path / "cut", test=pictures(2, 0))
    file = folder / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match="'cut' could not be loaded"):
        load_images("cut", "test", 16, 3, str(folder))


def test_a_split_that_is_not_there(data):
    with pytest.raises(ValueError, match="no split 'valid'; it has: train, test"):
        load_images("pictures", "valid", 16, 3, str(data))
    with pytest.raises(ValueError, match="no split 'valid'"):
        open_splits("pictures", ["train", "valid"], str(data))


def test_no_column_of_images(tmp_path):
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(ValueError, match="no image column; its columns: text, label"):
        load_images("words", "train", 16, 3, str(tmp_path))


def test_where_data_is_looked_for(data, tmp_path, monkeypatch):
    sources = []

    def load_dataset(source, **_):
        sources.append(source)
        raise ConnectionError("no network")

    def shown_codebook(dataset, given=None):
        with pytest.raises(ValueError, match="no network.*--data FOLDER or set VQZOO_DATA"):
            open_splits(dataset, ["train"], given)
        return sources[-1]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert shown_codebook("cifar10") == "uoft-cs/cifar10"
    assert shown_codebook("somebody/pictures") == "somebody/pictures"
    monkeypatch.setenv("VQZOO_DATA", str(data.parent))
    assert shown_codebook("pictures") == str(data)
    assert shown_codebook("cifar10") == "uoft-cs/cifar10"  # not in that folder
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "images.json").touch()
    assert shown_codebook("pictures", str(tmp_path / "other")) == str(tmp_path / "other")  # what is given goes first
    monkeypatch.setenv("VQZOO_DATA", "/no/such")
    with pytest.raises(ValueError, match="VQZOO_DATA='/no/such' is no folder"):
        open_splits("cifar10", ["train"])


def numbered(num: int) -> torch.Tensor:
    """Images that say which they are: value n."""
    return torch.arange(num, dtype=torch.uint8).view(-1, 1, 1, 1)


def drawn(batches: Batches, steps: range) -> list[int]:
    return torch.cat([batches.at(step) for step in steps]).view(-1).tolist()


@pytest.mark.parametrize("batch_size", [4, 5, 12, 30])
def test_an_epoch_has_every_image_once_and_a_batch_is_always_full(batch_size):
    batches = Batches(numbered(12), batch_size, seed=0)
    order = drawn(batches, range(10))
    assert len(order) == 10 * batch_size
    epochs = [order[start : start + 12] for start in range(0, len(order) - 11, 12)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == len(epochs), "an order came twice"


def test_a_batch_is_a_function_of_the_step_alone():
    batches = Batches(numbered(12), 5, seed=0)
    forwards = [drawn(batches, range(step, step + 1)) for step in range(9)]
    backwards = [drawn(batches, range(step, step + 1)) for step in reversed(range(9))]
    assert forwards == backwards[::-1]
    assert forwards[7] == drawn(Batches(numbered(12), 5, seed=0), range(7, 8))


def test_the_seed_changes_the_order():
    orders = [drawn(Batches(numbered(12), 12, seed), range(1)) for seed in (0, 1, 2)]
    assert len(set(map(tuple, orders))) == 3


@pytest.mark.parametrize("world_size", [2, 3, 6])
def test_shares_joined_in_the_order_of_ranks_are_the_batch(world_size):
    whole = Batches(numbered(10), 6, seed=3)
    shares = [Batches(numbered(10), 6, 3, rank, world_size) for rank in range(world_size)]
    for step in range(8):
        assert torch.equal(torch.cat([share.at(step) for share in shares]), whole.at(step))


def test_a_batch_that_processes_cannot_share():
    with pytest.raises(ValueError, match="batch_size=6: expected a multiple of the 4 processes"):
        Batches(numbered(10), 6, 0, 0, 4)


def test_a_local_set_of_another_size_is_not_that_of_the_hub():
    assert hub_id("flowers", 1020) == "nkirschi/oxford-flowers" and hub_id("flowers", 278) is None
    assert hub_id("cifar10", 10_000) == "uoft-cs/cifar10" and hub_id("somebody/pictures", 7) == "somebody/pictures"
