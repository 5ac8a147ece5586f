"""Two hundred generated folders: each becomes a model or one clear sentence, and nothing in it is touched."""

import hashlib
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqzoo.cli import main

FORMATS = {
    "png": "PNG",
    "jpg": "JPEG",
    "JPG": "JPEG",
    "webp": "WEBP",
    "bmp": "BMP",
    "gif": "GIF",
    "tif": "TIFF",
    "ppm": "PPM",
}
MODES = ["RGB", "RGB", "RGB", "L", "RGBA", "P", "1", "CMYK", "I;16", "LA"]
TREES = [
    [""],
    [""],
    ["cats/", "dogs/"],
    ["train/", "test/"],
    ["train/a/", "train/b/", "test/a/"],
    ["train/", "validation/"],
    ["Train/", "VAL/", "Test/"],
    ["test/", "control/"],
    ["2024 trip/", "été/", "日本/"],
    ["deep/er/and/deeper/", "deep/"],
    ["train/", "extra/"],
    ["photos/photos/"],
]
NAMES = ["{n}", "IMG_{n:04d}", "train {n}", "test-{n}", "a b{n}", "{n}.final", "-{n}", "ünï{n}", "validation_{n}"]
DAMAGE = [
    "none",
    "none",
    "none",
    "none",
    "one cut",
    "one empty",
    "many cut",
    "no image",
    "a link",
    "a pipe",
    "strangers",
]


def picture(random: random.Random, kind: str) -> bytes:
    width, height = (random.choice([8, 16, 17, 24, 32, 40]) for _ in range(2))
    if random.random() < 0.05:
        width = random.choice([1, 3, 300])
    numbers = np.random.default_rng(random.randrange(10**9)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, mode = Image.fromarray(numbers), random.choice(MODES)
    if mode == "I;16":
        image = Image.fromarray(numbers[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    file = io.BytesIO()
    try:
        image.save(file, FORMATS[kind])
    except (OSError, ValueError):  # the format has no such mode
        Image.fromarray(numbers).save(file, FORMATS[kind])
    return file.getvalue()


def build(number: int, folder: Path) -> None:
    choose = random.Random(number)
    places, damage = choose.choice(TREES), choose.choice(DAMAGE)
    count = choose.choice([0, 1, 2, 3, 5, 8, 12, 20, 30])
    folder.mkdir()
    files: list[Path] = []
    for n in range(count):
        kind = choose.choice(list(FORMATS))
        path = folder / places[n % len(places)] / (choose.choice(NAMES).format(n=n) + f".{kind}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[-1].read_bytes() if files and choose.random() < 0.08 else picture(choose, kind))
        files.append(path)
    for path in choose.sample(files, min(len(files), {"one cut": 1, "one empty": 1, "many cut": 9}.get(damage, 0))):
        path.write_bytes(b"" if damage == "one empty" else path.read_bytes()[: path.stat().st_size // 2])
    if damage == "no image" and files:
        files[0].write_bytes(b"not an image, whatever its name says")
    if damage == "a link" and files:
        (folder / "link.png").symlink_to(files[0])
        (folder / "nowhere.png").symlink_to(folder / "gone.png")
    if damage == "a pipe":
        import os

        os.mkfifo(folder / "pipe.png")
    if damage == "strangers":
        (folder / "notes.txt").write_text("no picture")
        (folder / ".hidden.png").write_bytes(b"hidden")
        (folder / "Thumbs.db").write_bytes(b"\0" * 10)


def contents(folder: Path) -> dict[str, str]:
    actual = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            actual[str(path.relative_to(folder))] = hashlib.sha1(path.read_bytes()).hexdigest()
    return actual


@pytest.mark.parametrize("number", range(0, 200))
def test_a_model_or_one_sentence(number, tmp_path, capfd):
    photos = tmp_path / "photos"
    build(number, photos)
    before = contents(photos)
    places = ["--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards"), "--workers", "0"]
    code = main(["train", str(photos), "--bits", "128", "--steps", "1", "--name", "model", *places])
    out, err = capfd.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert contents(photos) == before
    assert "Traceback" not in err
    if code:
        assert code == 1 and len(errors) == 1 and len(errors[0]) > 40, err
        assert not (tmp_path / "cards").exists()
        return
    assert not errors
    record = json.loads((tmp_path / "cards" / "model" / "metrics.json").read_text())
    counts, images = record["data"]["images"], [name for name in before if not name.split("/")[-1].startswith(".")]
    pictures = [name for name in images if not name.endswith((".txt", ".db"))]
    named = {name.split("/")[0].lower() for name in pictures if "/" in name}
    split = "train" in named and named <= {"train", "test", "validation", "val"}
    assert record["data"]["divided"] == (not split or named == {"train"})
    links = sum(path.is_symlink() and not path.exists() for path in photos.rglob("*")) + (photos / "pipe.png").exists()
    if record["data"]["divided"]:
        assert sum(counts.values()) == len(pictures) + links
    assert f"{counts['test']:,} to measure on" in out
