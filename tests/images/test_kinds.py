"""One file has the same pixels everywhere, whatever kind it is, and large ones are shrunk while they are decoded."""

import io
import os
import socket
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from trainers.data.pictures import Form, Unreadable, decode
from vqzoo.files.images import OWN_MACHINE, SPACE, ImageError, load_image
from vqzoo.views.engine import Engine

SIDE = 16


def ramp(mode: str = "RGB") -> Image.Image:
    """A picture of smooth colours, 16 x 16."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] * 16
    pixels = np.stack([rows, columns, 255 - rows], -1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(image: Image.Image, kind: str, **settings) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def transparent() -> Image.Image:
    image = ramp("RGBA")
    image.putalpha(Image.fromarray((np.mgrid[0:SIDE, 0:SIDE][1] * 17).astype(np.uint8)))
    return image


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def tiff12(values: list[int]) -> bytes:
    """A grey TIFF of 12 bits a pixel, two of which are in three bytes, 16 pixels a row."""
    pairs = zip(values[::2], values[1::2], strict=True)
    row = b"".join(((first << 12) | second).to_bytes(3, "big") for first, second in pairs)
    tags = [(256, 16), (257, 16), (258, 12), (259, 1), (262, 1), (273, 8 + 2 + 9 * 12 + 4), (277, 1), (278, 16)]
    tags.append((279, 16 * len(row)))
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + row * 16


WIDE = (np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).astype(np.uint16)

KINDS = {
    "grey": saved(ramp("L"), "PNG"),
    "grey JPEG": saved(ramp("L"), "JPEG"),
    "one bit": saved(ramp("1"), "PNG"),
    "palette": saved(ramp("P"), "PNG"),
    "palette, transparent": saved(ramp("P"), "PNG", transparency=5),
    "16 bits": saved(Image.fromarray(WIDE), "PNG"),
    "16 bits, TIFF": saved(Image.fromarray(WIDE), "TIFF"),
    "12 bits": tiff12(list(range(0, 4096, 256))),
    "floats": saved(Image.fromarray((WIDE / 65535).astype(np.float32)), "TIFF"),
    "alpha": saved(transparent(), "PNG"),
    "grey and alpha": saved(transparent().convert("LA"), "PNG"),
    "alpha, WebP": saved(transparent(), "WEBP", lossless=True),
    "alpha, TIFF": saved(transparent(), "TIFF"),
    "CMYK": saved(ramp("CMYK"), "JPEG"),
    "CMYK, TIFF": saved(ramp("CMYK"), "TIFF"),
    "turned": saved(ramp(), "JPEG", exif=turned()),
    "turned, TIFF": saved(ramp(), "TIFF", exif=turned()),
    "animated": saved(ramp(), "GIF", save_all=True, append_images=[ramp().rotate(90)]),
    "LZW": saved(ramp(), "TIFF", compression="tiff_lzw"),
    "AVIF": saved(ramp(), "AVIF"),
    "BMP": saved(ramp(), "BMP"),
    "PPM": saved(ramp(), "PPM"),
    "JPEG 2000": saved(ramp(), "JPEG2000"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_trainer_sees_what_the_app_shows(kind, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(KINDS[kind])
    shown = Engine([]).photo(str(path), 512).pixels
    for cell in ({"bytes": KINDS[kind], "path": None}, {"bytes": None, "path": str(path)}):
        assert np.array_equal(decode(cell, Form(SIDE, 3)), shown.transpose(2, 0, 1))
        luminance = np.asarray(Image.fromarray(shown).convert("L"))
        assert np.abs(decode(cell, Form(SIDE, 1))[0].astype(int) - luminance).max() == 0


def test_what_each_kind_looks_like():
    """By hand: the table above could be all black and pass."""
    pixels = {kind: load_image(data).pixels for kind, data in KINDS.items()}
    every = np.arange(256).reshape(16, 16)
    for kind in ("16 bits", "16 bits, TIFF", "floats"):
        assert np.array_equal(pixels[kind][..., 0], every), kind
    assert pixels["12 bits"][0, :, 0].tolist() == [round(value * 255 / 4095) for value in range(0, 4096, 256)]
    for kind in ("alpha", "alpha, WebP", "alpha, TIFF"):
        assert (pixels[kind][:, 0] == 255).all() and np.array_equal(pixels[kind][:, 15], np.asarray(ramp())[:, 15]), (
            kind
        )
    for kind in ("LZW", "BMP", "PPM", "JPEG 2000"):
        assert np.abs(pixels[kind].astype(int) - np.asarray(ramp())).max() <= (4 if kind == "JPEG 2000" else 0), kind
    for kind in ("turned", "turned, TIFF"):
        upright = np.asarray(ramp().transpose(Image.Transpose.ROTATE_270)).astype(int)
        assert np.abs(pixels[kind].astype(int) - upright).max() <= 40, kind
    for kind in ("CMYK", "CMYK, TIFF", "animated", "AVIF"):
        assert np.abs(pixels[kind].astype(int) - np.asarray(ramp())).max() <= 40, kind


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_plain_pictures_are_what_pillow_decodes(kind, mode):
    """So that data sets of 8 bits, as CIFAR-10 and MNIST, keep their pixels."""
    data = saved(ramp(mode), kind)
    for channels, other in ((1, "L"), (3, "RGB")):
        expected = np.asarray(Image.open(io.BytesIO(data)).convert(other)).reshape(SIDE, SIDE, channels)
        assert np.array_equal(decode({"bytes": data, "path": None}, Form(SIDE, channels)), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("values", [[[1.5]], [[-0.1]], [[float("nan")]]])
def test_floats_outside_the_unit_interval_say_what_is_wanted(values):
    data = saved(Image.fromarray(np.full((16, 16), values, np.float32)), "TIFF")
    with pytest.raises(ImageError, match=r"outside \[0, 1\]; scale them to \[0, 1\]"):
        load_image(data)
    with pytest.raises(Unreadable, match="scale them"):
        decode({"bytes": data, "path": None}, Form(SIDE, 3))


def test_a_background_of_choice():
    data = saved(Image.new("RGBA", (16, 16), (9, 9, 9, 0)), "PNG")
    for background, colour in (("white", (255, 255, 255)), ("black", (0, 0, 0)), ("#102030", (16, 32, 48))):
        loaded = load_image(data, background=background)
        assert (loaded.pixels == colour).all() and loaded.notes == (f"transparency composited on {background}",)
    with pytest.raises(ValueError, match="unknown color"):
        load_image(data, background="whitish")


# --- large pictures --------------------------------------------------------------------------------------------------


def smooth(width: int, height: int) -> Image.Image:
    return ramp().resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("JPEG", {}), ("PNG", {}), ("TIFF", {}), ("GIF", {}), ("PNG alpha", {}), ("JPEG turned", {"exif": turned()})],
)
def test_a_shrunk_picture_is_that_of_shrinking_it_whole(kind, settings):
    image = smooth(1200, 800)
    if kind == "PNG alpha":
        image.putalpha(image.getchannel("R"))
    data = saved(image, kind.split()[0], **settings)
    whole = Image.fromarray(load_image(data).pixels)
    loaded = load_image(data, longest=100)
    size = (67, 100) if kind == "JPEG turned" else (100, 67)
    difference = loaded.pixels.astype(int) - np.asarray(whole.resize(size, Image.Resampling.LANCZOS))
    assert np.abs(difference).max() <= 4 if kind != "GIF" else np.abs(difference).mean() < 8
    assert loaded.notes[-1] == f"shrunk from {whole.width} x {whole.height} to {size[0]} x {size[1]} pixels"


def test_jpegs_are_decoded_at_a_fraction_of_their_size(monkeypatch):
    sizes, draft = [], JpegImagePlugin.JpegImageFile.draft

    def spy(self, *arguments):
        result = draft(self, *arguments)
        sizes.append(self.size)
        return result

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", spy)
    data = saved(smooth(2400, 1600), "JPEG")
    assert load_image(data, longest=200).pixels.shape == (133, 200, 3)
    assert load_image(data, longest=2400).pixels.shape == (1600, 2400, 3)
    assert load_image(data, shortest=100).pixels.shape[0] >= 300
    assert sizes == [(600, 400), (600, 400)]


@pytest.mark.parametrize("resolution", [16, 100])
def test_the_trainer_crops_large_pictures_as_before(resolution):
    data = saved(smooth(1800, 1000), "JPEG")
    seen = decode({"bytes": data, "path": None}, Form(resolution, 3))
    middle = Image.open(io.BytesIO(data)).crop((400, 0, 1400, 1000))
    expected = np.asarray(middle.resize((resolution, resolution), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    assert np.abs(seen.astype(int) - expected).max() <= 6


def test_photographs_of_phones_pass_here_and_not_on_a_space():
    """24.47 megapixels, and 108; the second of one colour, which is decoded faster."""
    small, large = (saved(Image.new("RGB", size, (90, 60, 30)), "JPEG") for size in [(5712, 4284), (12000, 9000)])
    for data in (small, large):
        assert load_image(data, longest=64).pixels.shape == (48, 64, 3)
        with pytest.raises(ImageError, match="too large; at most 24 megapixels and 8192 pixels a side"):
            load_image(data, SPACE, longest=64)


def test_what_decoding_would_need_is_held_against_the_memory():
    data = saved(smooth(1000, 1000), "PNG")
    load_image(data, replace(OWN_MACHINE, memory=10_000_000))
    with pytest.raises(ImageError, match="1000 x 1000 pixels needs more than 9 MiB to be decoded"):
        load_image(data, replace(OWN_MACHINE, memory=9_999_999))


def test_the_engine_holds_its_limits(tmp_path):
    path = tmp_path / "wide.png"
    Image.new("L", (8193, 8)).save(path)
    assert Engine([]).photo(str(path), 1024).pixels.shape == (1, 1024, 3)
    with pytest.raises(ImageError, match="8192 pixels a side"):
        Engine([], image_limits=SPACE).photo(str(path), 1024)


# --- what is no file, and what needs another package -----------------------------------------------------------------


def test_what_is_no_file_is_refused_and_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        position = os.path.relpath(tmp_path / "socket")  # such a name may have a hundred letters
        server.bind(min(position, str(tmp_path / "socket"), key=len))
        for path, word in (
            (tmp_path / "pipe", "named pipe"),
            (tmp_path / "socket", "socket"),
            (Path("/dev/zero"), "device"),
        ):
            with pytest.raises(ImageError, match=f"This is a {word}"):
                load_image(path)
            with pytest.raises(Unreadable, match=word):
                decode({"bytes": None, "path": str(path)}, Form(SIDE, 3))
    with pytest.raises(IsADirectoryError):
        load_image(tmp_path)


HEIC_HEADER = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(64)


def test_heic_without_its_package_says_what_to_install(monkeypatch, tmp_path):
    from vqzoo.files.images.formats import open_as

    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow-heif"):
        open_as("HEIF", HEIC_HEADER)
    # Also where the loader's own process finds none.
    (tmp_path / "pillow_heif.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    from vqzoo.files.images import worker

    monkeypatch.setattr(worker, "_idle", type(worker._idle)(list))
    with pytest.raises(ImageError) as caught:
        load_image(HEIC_HEADER)
    assert str(caught.value) == "To read a HEIC picture, pip install pillow-heif."
    for started in worker._idle[os.getpid()]:
        started.end()


def test_heic_where_its_package_is_installed():
    pillow_heif = pytest.importorskip("pillow_heif")
    expected = np.asarray(smooth(256, 128))
    file, ten_bits = io.BytesIO(), io.BytesIO()
    pillow_heif.from_pillow(smooth(256, 128)).save(file, quality=95)
    pillow_heif.encode("RGB;16", (256, 128), (expected.astype(np.uint16) * 257).tobytes(), ten_bits, quality=95)
    for each in (file, ten_bits):
        assert np.abs(load_image(each.getvalue()).pixels.astype(int) - expected).mean() < 4
    square = decode({"bytes": file.getvalue(), "path": None}, Form(SIDE, 3))
    assert square.shape == (3, SIDE, SIDE)
    with pytest.raises(ImageError, match="damaged"):
        load_image(file.getvalue()[:300])
