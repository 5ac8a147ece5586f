"""Which images a run learns from, chooses by and measures on: named folders, or a division by content."""

import shutil

import datasets
import pytest
from PIL import Image

from trainers.data import division
from trainers.data.sets import open_splits
from trainers.data.source import Source


def write(folder, *names, start=0):
    for number, name in enumerate(names, start):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number % 256, number // 256, 7)).save(path)
    return folder


def names(rows):
    return [cell["path"].rsplit("/", 1)[-1] for cell in rows["image"]]


def parts(folder, **source):
    splits = open_splits("photos", ["train", "test"], Source(str(folder), **source))
    return {part: set(names(splits[part])) for part in ("train", "held_out", "test") if part in splits}


def test_a_flat_folder_is_divided_and_every_image_has_one_part(tmp_path):
    folder = write(tmp_path, *(f"{n}.png" for n in range(200)))
    actual = parts(folder)
    assert sum(map(len, actual.values())) == 200 and len(set.union(*actual.values())) == 200
    # Binomial: 200 draws with a chance of a tenth each are from 5 to 37 with all but one in 10,000.
    assert 5 <= len(actual["test"]) <= 37 and 5 <= len(actual["held_out"]) <= 37
    assert parts(folder) == actual


def test_more_images_move_none_and_names_do_not_matter(tmp_path):
    few = write(tmp_path / "few", *(f"{n}.png" for n in range(100)))
    more = tmp_path / "more"
    shutil.copytree(few, more)
    write(more, *(f"b/{n}.jpg" for n in range(100, 200)), start=100)
    before, after = parts(few), parts(more)
    assert all(before[part] <= after[part] for part in before)
    (few / "0.png").rename(few / "zzz.png")
    renamed = {part: {"0.png" if name == "zzz.png" else name for name in actual} for part, actual in parts(few).items()}
    assert renamed == before


def test_copies_stay_together_and_are_counted(tmp_path):
    folder = write(tmp_path, *(f"{n}.png" for n in range(60)))
    shutil.copytree(folder, folder / "copy")
    splits = open_splits("photos", ["train", "test"], str(folder))
    assert splits.copies == 60 and splits.divided
    for part in ("train", "held_out", "test"):
        assert all(names(splits[part]).count(name) == 2 for name in names(splits[part]))


@pytest.mark.parametrize("num", range(3, 12))
def test_the_fewest_images_have_all_three_parts(tmp_path, num):
    assert all(parts(write(tmp_path, *(f"{n}.png" for n in range(num)))).values())


def test_two_images_are_too_few(tmp_path):
    write(tmp_path, "a.png", "b.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "c.png")
    with pytest.raises(ValueError, match="3 images, 2 of them different, .* at least 3 different ones are needed"):
        parts(tmp_path)


def test_a_hash_decides():
    """Hand-computed: shares below a tenth are test, below two tenths held_out."""
    contents = [f"{int(share * 2**64):016x}{number:016x}" for number, share in enumerate((0.05, 0.15, 0.25, 0.95))]
    assert division.divide(contents) == {"test": [0], "held_out": [1], "train": [2, 3]}
    assert division.divide(contents[2:] + contents[1:2]) == {"test": [2], "held_out": [0], "train": [1]}


def test_no_more_are_measured_than_is_worth_it(monkeypatch):
    monkeypatch.setitem(division.MOST, "test", 2)
    contents = [f"{int(share * 2**64):016x}{0:016x}" for share in (0.03, 0.01, 0.02, 0.15, 0.5)]
    assert division.divide(contents) == {"test": [1, 2], "held_out": [3], "train": [4]}


def test_names_of_classes_and_files_are_no_splits(tmp_path):
    kinds = tmp_path / "kinds"
    for split, start in (("train", 0), ("test", 10)):
        write(kinds / split, *(f"{kind}/{n}.png" for kind in ("healthy", "test_strip") for n in range(5)), start=start)
    splits = open_splits("kinds", ["train", "test"], str(kinds))
    assert len(splits["train"]) == len(splits["test"]) == 10 and not splits.divided
    assert all("/kinds/train/" in cell["path"] for cell in splits["train"]["image"])

    flat = write(tmp_path / "flat", "train.png", "crash_test_dummy.png", *(f"img{n}.png" for n in range(20)))
    assert sum(map(len, parts(flat).values())) == 22
    classes = write(tmp_path / "classes", *(f"{kind}/{n}.png" for kind in ("test", "control") for n in range(9)))
    assert open_splits("classes", ["train", "test"], str(classes)).divided  # two classes, of which one is called test


def test_one_folder_within_another_is_passed_through(tmp_path):
    write(tmp_path / "unpacked" / "photos" / "Train", "a.png", "b.png")
    write(tmp_path / "unpacked" / "photos" / "test", "c.png", start=7)
    assert parts(tmp_path) == {"train": {"a.png", "b.png"}, "test": {"c.png"}}


def test_images_beside_the_folder_train(tmp_path):
    write(tmp_path, "train/a.png", "test/b.png", "extra/c.png", "d.png")
    with pytest.raises(ValueError, match="2 images are in none of train, test and validation"):
        parts(tmp_path)


@pytest.mark.parametrize("name", ["validation", "val", "Valid", "dev"])
def test_validation_is_measured_on_where_there_is_no_test(tmp_path, name):
    write(tmp_path, "train/a.png", "train/b.png", f"{name}/c.png")
    splits = open_splits("photos", ["train", "test"], str(tmp_path))
    assert names(splits["test"]) == ["c.png"] and splits.test == "validation" and not splits.divided


def test_splits_by_name(tmp_path, write_dataset, pictures):
    folder = write_dataset(tmp_path / "named", seen=pictures(6, 0), new=pictures(4, 1), rest=pictures(2, 2))
    with pytest.raises(ValueError, match="no split 'train'; it has: .*--splits train=NAME,test=NAME"):
        open_splits("photos", ["train", "test"], str(folder))
    splits = open_splits("photos", ["train"], Source(str(folder), splits="train=seen,test=new,held_out=rest"))
    assert [len(splits[part]) for part in ("train", "test", "held_out")] == [6, 4, 2] and splits.test == "new"
    divided = open_splits("photos", ["train"], Source(str(folder), splits="divide"))
    assert divided.divided and sum(len(divided[part]) for part in ("train", "held_out", "test")) == 12


def test_what_is_used_for_what_is_told(tmp_path, write_dataset, pictures):
    folder = write_dataset(tmp_path / "a", train=pictures(12, 0), validation=pictures(4, 1))
    told = open_splits("photos", ["train", "test"], str(folder)).sentence()
    assert told == "images: train 12, validation 4; measured on validation; column image"
    told = open_splits(
        "photos", ["train", "test"], str(write(tmp_path / "b", *(f"{n}.png" for n in range(40))))
    ).sentence()
    assert told.startswith("images: train ") and told.endswith("; divided by content; column image")
    streamed = open_splits("photos", ["train", "test"], str(folder), streaming=True).sentence()
    assert streamed == "images: train, validation; measured on validation; column image"


@pytest.mark.parametrize("wrong", ["train", "train=a", "train=a,test=", "train=a,test=b,other=c", "train=a,train=b"])
def test_splits_that_cannot_be_understood(tmp_path, wrong):
    with pytest.raises(ValueError, match="splits=.*: expected"):
        open_splits("photos", ["train"], Source(str(write(tmp_path, "a.png")), splits=wrong))


def test_an_image_in_two_splits_is_named_in_both(tmp_path):
    write(tmp_path, "train/a.png", "train/b.png", "test/c.png")
    shutil.copy(tmp_path / "train" / "b.png", tmp_path / "test" / "d.png")
    splits = open_splits("photos", ["train", "test"], str(tmp_path))
    with pytest.raises(
        ValueError, match="1 images are in two splits, such as b.png of train and d.png of test: .*divide"
    ):
        division.check_disjoint({part: splits[part] for part in ("train", "test")})
    (tmp_path / "test" / "d.png").unlink()
    splits = open_splits("photos", ["train", "test"], str(tmp_path))
    division.check_disjoint({part: splits[part] for part in ("train", "test")})


def table(path, **columns):
    """A parquet file whose columns are lists of pictures."""
    features = datasets.Features({name: datasets.Image() for name in columns})
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return path.parent


def test_the_column_called_image_goes_first(tmp_path, pictures):
    folder = table(tmp_path / "train.parquet", annotation=pictures(20, 0), Image=pictures(20, 1))
    splits = open_splits("masks", ["train", "test"], str(folder))
    assert splits.column == "Image"
    assert open_splits("masks", ["train"], Source(str(folder), column="annotation")).column == "annotation"
    with pytest.raises(ValueError, match="column='label': expected an image column .*: annotation, Image"):
        open_splits("masks", ["train"], Source(str(folder), column="label"))


def test_no_column_is_taken_at_random(tmp_path, pictures):
    folder = table(tmp_path / "train.parquet", photo=pictures(4, 0), mask=pictures(4, 1))
    with pytest.raises(ValueError, match="several image columns: photo, mask; name one with --column"):
        open_splits("masks", ["train"], str(folder))


def test_a_data_set_of_several_configurations(tmp_path, pictures):
    for name, seed in (("low", 0), ("high", 1)):
        (tmp_path / name).mkdir()
        table(tmp_path / name / "train.parquet", image=pictures(20, seed))
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: low\n  data_files: low/*.parquet\n"
        "- config_name: high\n  data_files: high/*.parquet\n---\n"
    )
    with pytest.raises(ValueError, match="several configurations; expected --config low or --config high"):
        open_splits("two", ["train", "test"], str(tmp_path))
    with pytest.raises(ValueError, match="several configurations; expected --config low or --config high"):
        open_splits("two", ["train", "test"], Source(str(tmp_path), config="middle"))
    assert open_splits("two", ["train", "test"], Source(str(tmp_path), config="high")).divided


def test_a_file_of_its_own(tmp_path, pictures):
    folder = table(tmp_path / "shots.parquet", image=pictures(20, 0))
    assert open_splits("shots", ["train", "test"], str(folder / "shots.parquet")).divided
    (tmp_path / "notes.txt").write_text("no images")
    with pytest.raises(ValueError, match="expected a folder, or a .parquet or .tar file"):
        open_splits("shots", ["train"], str(tmp_path / "notes.txt"))


def test_folders_of_one_name_and_files_that_change_are_not_mixed_up(tmp_path, write_dataset, pictures):
    """The data library's own cache knows a folder by its name and its README, which are the same here."""
    folders = [tmp_path / "a" / "photos", tmp_path / "b" / "photos"]
    for folder, num in zip(folders, (5, 9), strict=True):
        write_dataset(folder, train=pictures(num, num), test=pictures(2, 0))
    assert [len(open_splits("photos", ["train"], str(folder))["train"]) for folder in folders] == [5, 9]
    shutil.rmtree(folders[0])
    write_dataset(folders[0], train=pictures(7, 1), test=pictures(2, 0))
    assert len(open_splits("photos", ["train"], str(folders[0]))["train"]) == 7


def test_pictures_and_data_files_in_one_folder(tmp_path, pictures):
    write(table(tmp_path / "shots.parquet", image=pictures(4, 0)), "a.png")
    with pytest.raises(ValueError, match="both pictures .as a.png. and data files .as shots.parquet."):
        open_splits("shots", ["train"], str(tmp_path))
