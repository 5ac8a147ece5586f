"""The loader against files as people send them: each is made here, and its right answer is worked out by hand."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from vqzoo.files.images import OWN_MACHINE, SPACE, ImageError, fit, load_image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + png_chunk(b"IEND", b"")


def test_plain_png_comes_back_exactly_and_unremarked():
    picture = noise(31, 17)
    loaded = load_image(encoded(picture, "PNG"))
    assert loaded.pixels.dtype == np.uint8 and loaded.pixels.shape == (17, 31, 3)
    np.testing.assert_array_equal(loaded.pixels, np.asarray(picture))
    assert loaded.notes == ()


def test_path_and_bytes_agree(tmp_path: Path):
    data = encoded(noise(20, 10), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    for source in (tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(load_image(source).pixels, load_image(data).pixels)


@pytest.mark.parametrize("kind", [kind for kind in OWN_MACHINE.formats if kind != "HEIF"])
def test_every_accepted_format_is_read(kind: str):
    loaded = load_image(encoded(Image.new("RGB", (24, 16), (40, 120, 200)), kind))
    assert loaded.pixels.shape == (16, 24, 3)
    assert np.abs(loaded.pixels.astype(int) - (40, 120, 200)).max() <= 4
    assert loaded.notes == ()


def test_formats_that_are_not_accepted_are_refused():
    with pytest.raises(ImageError, match="a PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF or HEIC image is needed"):
        load_image(encoded(noise(16, 16), "PPM"), SPACE)
    with pytest.raises(ImageError, match="HEIC, PPM or JPEG 2000 image is needed"):
        load_image(encoded(noise(16, 16), "TGA"))


BROKEN = {
    "empty": (b"", "empty"),
    "text": (b"this is no picture at all\n" * 10, "cannot be read as an image"),
    "truncated png": (encoded(noise(64, 64), "PNG")[:6000], "cut short or damaged"),
    "truncated jpeg": (encoded(noise(64, 64), "JPEG")[:1500], "cut short or damaged"),
    "truncated webp": (encoded(noise(64, 64), "WEBP", lossless=True)[:6000], "cut short or damaged"),
    "header alone": (encoded(noise(64, 64), "PNG")[:20], "cut short or damaged"),
    "claims 30000 x 30000": (png(30000, 30000, 8, 2, b"\0"), "too large"),
    "claims 12000 x 9000": (png(12000, 9000, 8, 2, b"\0"), "too large"),
    "claims 5000 x 5000": (png(5000, 5000, 8, 2, b"\0"), "5000 x 5000 .* too large"),
    "claims 8193 x 8": (png(8193, 8, 8, 2, b"\0"), "8193 x 8 .* too large"),
    "tiny": (encoded(noise(4, 4), "PNG"), "4 x 4 .* too small"),
    "narrow": (encoded(noise(7, 100), "PNG"), "7 x 100 .* too small"),
    "floating point": (encoded(Image.fromarray(np.full((16, 16), 1.5, np.float32)), "TIFF"), "floating-point"),
    "32-bit": (encoded(Image.fromarray(np.full((16, 16), 65536, np.int32)), "TIFF"), "outside 0 to 65535"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN)
def test_unusable_files_are_refused_in_one_sentence(data: bytes, message: str, tmp_path: Path):
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path, SPACE)
    assert "upload" not in str(caught.value) and str(tmp_path) not in str(caught.value)
    assert str(caught.value).count(".") == 1 and str(caught.value).endswith(".")
    assert isinstance(caught.value, ValueError)


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_also_where_warnings_are_errors():
    with pytest.raises(ImageError, match="too large"):
        load_image(png(12000, 9000, 8, 2, b"\0"), SPACE)


def test_size_is_checked_before_any_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch):
    def load(self):
        raise AssertionError("decoded")

    data = png(5000, 5000, 8, 2, b"\0")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(ImageError, match="too large"):
        load_image(data, SPACE)


def test_byte_limit_is_the_last_size_that_passes(tmp_path: Path):
    data = encoded(noise(16, 16), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (data, path):
        load_image(source, replace(SPACE, bytes=len(data)))
        with pytest.raises(ImageError, match="MiB"):
            load_image(source, replace(SPACE, bytes=len(data) - 1))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(kind: str):
    frames = [Image.new("RGB", (16, 12), colour) for colour in (RED, GREEN, BLUE)]
    loaded = load_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert loaded.pixels.shape == (12, 16, 3)
    assert np.abs(loaded.pixels.astype(int) - RED).max() <= 2
    assert loaded.notes == ("several frames: only the first is used",)


def exif_with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


# A picture 40 wide, 20 high, whose only white block is at its top left. Where the block has to be shown, by the
# EXIF table: orientation n says which side of the scene the stored first row and first column are.
WHERE = {
    1: ("top", "left", 20),
    2: ("top", "right", 20),
    3: ("bottom", "right", 20),
    4: ("bottom", "left", 20),
    5: ("top", "left", 40),
    6: ("top", "right", 40),
    7: ("bottom", "right", 40),
    8: ("bottom", "left", 40),
}
SIDES = (("left", 1), ("right", -2))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", WHERE)
def test_exif_orientation(orientation: int, kind: str):
    stored = Image.new("RGB", (40, 20))
    stored.paste((255, 255, 255), (0, 0, 8, 8))
    loaded = load_image(encoded(stored, kind, exif=exif_with_orientation(orientation)))
    vertical, horizontal, height = WHERE[orientation]
    assert loaded.pixels.shape == (height, 60 - height, 3)
    corners = {(v, h): loaded.pixels[y, x, 0] for v, y in (("top", 1), ("bottom", -2)) for h, x in SIDES}
    assert {position for position, value in corners.items() if value > 128} == {(vertical, horizontal)}
    assert loaded.notes == (() if orientation == 1 else ("turned upright as its EXIF orientation says",))


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0"])
def test_unreadable_exif_does_not_cost_the_picture(exif: bytes):
    picture = noise(16, 16)
    np.testing.assert_array_equal(load_image(encoded(picture, "PNG", exif=exif)).pixels, np.asarray(picture))


def test_transparent_red_is_white_and_opaque_red_stays():
    picture = Image.new("RGBA", (16, 8), (*RED, 0))
    picture.paste((*RED, 255), (8, 0, 16, 8))
    picture.putpixel((0, 0), (*RED, 51))  # a fifth red on white: green and blue are 255 * 4 / 5
    loaded = load_image(encoded(picture, "PNG"))
    assert tuple(loaded.pixels[4, 4]) == (255, 255, 255)
    assert tuple(loaded.pixels[4, 12]) == RED
    assert tuple(loaded.pixels[0, 0]) == (255, 204, 204)
    assert loaded.notes == ("transparency composited on white",)


def test_an_opaque_alpha_channel_changes_nothing_and_is_not_mentioned():
    loaded = load_image(encoded(Image.new("RGBA", (8, 8), (*RED, 255)), "PNG"))
    assert (loaded.pixels == RED).all() and loaded.notes == ()


def test_grey_with_alpha():
    loaded = load_image(encoded(Image.new("LA", (8, 8), (10, 0)), "PNG"))
    assert (loaded.pixels == 255).all() and loaded.notes == ("transparency composited on white",)


def test_palette_and_palette_with_transparency():
    picture = Image.new("P", (16, 8), 1)
    picture.putpalette([*BLUE, *RED, *GREEN])
    picture.paste(2, (8, 0, 16, 8))
    loaded = load_image(encoded(picture, "PNG"))
    assert tuple(loaded.pixels[0, 0]) == RED and tuple(loaded.pixels[0, 15]) == GREEN
    assert loaded.notes == ()
    loaded = load_image(encoded(picture, "PNG", transparency=1))
    assert tuple(loaded.pixels[0, 0]) == (255, 255, 255) and tuple(loaded.pixels[0, 15]) == GREEN
    assert loaded.notes == ("transparency composited on white",)


def grey16(value: int, kind: str) -> bytes:
    if kind == "PNG":
        return png(8, 8, 16, 0, (b"\0" + struct.pack(">H", value) * 8) * 8)
    return encoded(Image.fromarray(np.full((8, 8), value, np.uint16 if kind == "TIFF" else np.int32)), "TIFF")


# 30000 / 257 = 116.7; 128 / 257 = 0.498 and 129 / 257 = 0.502 lie on both sides of a half.
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF of 32-bit integers"])
@pytest.mark.parametrize(("value", "expected"), [(0, 0), (128, 0), (129, 1), (30000, 117), (65535, 255)])
def test_sixteen_bit_grey_is_scaled(value: int, expected: int, kind: str):
    loaded = load_image(grey16(value, kind))
    assert (loaded.pixels == expected).all()
    assert loaded.notes == ("16-bit values scaled to 8 bits",)


def test_sixteen_bit_grey_with_a_transparent_value():
    rows = (b"\0" + struct.pack(">H", 30000) * 4 + struct.pack(">H", 30001) * 4) * 8
    loaded = load_image(png(8, 8, 16, 0, rows, png_chunk(b"tRNS", struct.pack(">H", 30000))))
    assert (loaded.pixels[:, :4] == 255).all() and (loaded.pixels[:, 4:] == 117).all()


def test_sixteen_bit_colour_says_what_was_lost():
    rows = (b"\0" + struct.pack(">HHH", 30000, 65535, 0) * 8) * 8
    loaded = load_image(png(8, 8, 16, 2, rows))
    assert (loaded.pixels == (117, 255, 0)).all()
    assert loaded.notes == ("16-bit values cut to their upper 8 bits",)


def test_one_bit():
    picture = Image.new("1", (16, 8), 0)
    picture.paste(1, (8, 0, 16, 8))
    loaded = load_image(encoded(picture, "PNG"))
    assert (loaded.pixels[:, :8] == 0).all() and (loaded.pixels[:, 8:] == 255).all()


def test_cmyk_jpeg_without_a_profile():
    # No cyan, full magenta and yellow, no black: red.
    loaded = load_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(loaded.pixels.astype(int) - RED).max() <= 6
    assert loaded.notes == ("CMYK converted to RGB without a profile, so that colours are approximate",)


def swapped_srgb() -> bytes:
    """An sRGB profile with the places of its red and blue primaries exchanged, so that red is shown as blue."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert data.count(b"rXYZ") == data.count(b"bXYZ") == 1
    return data.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def test_colour_profile_is_applied():
    loaded = load_image(encoded(Image.new("RGB", (8, 8), RED), "PNG", icc_profile=swapped_srgb()))
    assert np.abs(loaded.pixels.astype(int) - BLUE).max() <= 2
    assert loaded.notes == ("colours converted to sRGB from its colour profile",)


def test_colour_profile_and_transparency_together():
    picture = Image.new("RGBA", (16, 8), (*RED, 255))
    picture.paste((*RED, 0), (8, 0, 16, 8))
    loaded = load_image(encoded(picture, "PNG", icc_profile=swapped_srgb()))
    assert np.abs(loaded.pixels[:, :8].astype(int) - BLUE).max() <= 2 and (loaded.pixels[:, 8:] == 255).all()


def test_srgb_profile_leaves_pixels_exactly_as_they_are():
    picture = noise(16, 16)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = load_image(encoded(picture, "PNG", icc_profile=srgb))
    np.testing.assert_array_equal(loaded.pixels, np.asarray(picture))
    assert loaded.notes == ()


def test_grey_picture_with_a_colour_profile():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = load_image(encoded(Image.new("L", (8, 8), 90), "JPEG", icc_profile=srgb))
    assert np.abs(loaded.pixels.astype(int) - 90).max() <= 1 and loaded.notes == ()


@pytest.mark.parametrize(("mode", "colour"), [("RGB", RED), ("CMYK", (0, 255, 255, 0))])
def test_broken_or_unfitting_profile_is_ignored_with_a_word(mode: str, colour: tuple):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (b"no profile", srgb[:200]) + ((srgb,) if mode == "CMYK" else ()):
        loaded = load_image(encoded(Image.new(mode, (16, 16), colour), "JPEG", quality=95, icc_profile=profile))
        assert np.abs(loaded.pixels.astype(int) - RED).max() <= 6
        assert "its colour profile is broken or does not fit, and was ignored" in loaded.notes


def test_fit_shrinks_the_longer_side_and_says_so():
    flat = np.full((100, 400, 3), 77, np.uint8)
    small, note = fit(flat, 50)
    assert small.shape == (12, 50, 3) and (small == 77).all()  # 100 * 50 / 400 = 12.5, to even
    assert note == "shrunk from 400 x 100 to 50 x 12 pixels"
    tall, _ = fit(flat.transpose(1, 0, 2).copy(), 50)
    assert tall.shape == (50, 12, 3)


def test_fit_never_enlarges_and_keeps_a_pixel():
    pixels = np.asarray(noise(20, 10))
    for longest in (20, 21, 1000):
        same, note = fit(pixels, longest)
        assert same is pixels and note is None
    thread, _ = fit(np.zeros((8, 4000, 3), np.uint8), 100)
    assert thread.shape == (1, 100, 3)
    with pytest.raises(ValueError, match="longest"):
        fit(pixels, 0)
