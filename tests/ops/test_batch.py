"""Pictures in every form that users hold them in: one batch, bit for bit, or one sentence that says what is right."""

import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.ops.batch import as_images
from vqzoo.ops.pixels import from_bytes

CPU = torch.device("cpu")


def images(pictures, channels=3, dtype=torch.float32) -> torch.Tensor:
    return as_images(pictures, channels, CPU, dtype)


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_tensor_of_the_right_kind_is_the_same_object():
    batch = torch.rand(2, 3, 4, 5)
    assert images(batch) is batch


@pytest.mark.parametrize("channels", [1, 3])
def test_every_form_of_the_same_pixels_is_the_same_batch(channels):
    array = pixels(2, 4, 5, channels)
    expected = from_bytes(torch.from_numpy(array).permute(0, 3, 1, 2).contiguous())
    pictures = [Image.fromarray(each.squeeze(-1) if channels == 1 else each) for each in array]
    assert pictures[0].size == (5, 4)
    backwards = np.ascontiguousarray(array[:, :, ::-1])[:, :, ::-1]  # a view with a negative stride
    fixed = array.copy()
    fixed.flags.writeable = False
    tensor = torch.from_numpy(array).permute(0, 3, 1, 2)
    for form in (array, backwards, fixed, pictures, tuple(pictures), tensor, expected.double(), expected):
        batch = images(form, channels)
        assert torch.equal(batch, expected) and batch.dtype == torch.float32
    for one in (array[0], pictures[0]):
        assert torch.equal(images(one, channels), expected[:1])
    assert all(images(form, channels).is_contiguous() for form in (array, pictures)), "layouts round differently"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_batch_has_the_type_that_is_asked_for(dtype):
    array = pixels(1, 4, 5, 3)
    expected = from_bytes(torch.from_numpy(array).permute(0, 3, 1, 2))
    for form in (array, Image.fromarray(array[0]), expected, expected.double()):
        batch = images(form, dtype=dtype)
        assert batch.dtype == dtype and torch.equal(batch, expected.to(dtype))


def test_a_gradient_reaches_what_was_given():
    batch = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    images(batch).sum().backward()
    assert torch.equal(batch.grad, torch.ones_like(batch))


@pytest.mark.parametrize(
    ("mode", "colour", "wanted"),
    [
        ("RGB", (255, 0, 51), [1.0, -1.0, -0.6]),
        ("L", 51, [-0.6] * 3),
        ("1", 1, [1.0] * 3),
        ("P", (255, 0, 0), [1.0, -1.0, -1.0]),
        ("CMYK", (0, 255, 255, 0), [1.0, -1.0, -1.0]),
        ("RGBA", (255, 0, 0, 255), [1.0, -1.0, -1.0]),
        ("RGBA", (255, 0, 0, 0), [1.0, 1.0, 1.0]),
        ("RGBA", (255, 0, 0, 51), [1.0, 0.6, 0.6]),
        ("LA", (0, 51), [0.6] * 3),
    ],
)
def test_a_picture_of_any_mode_of_eight_bits(mode, colour, wanted):
    picture = Image.new("RGB", (2, 2), colour).quantize(2) if mode == "P" else Image.new(mode, (2, 2), colour)
    torch.testing.assert_close(images(picture)[0, :, 0, 0], torch.tensor(wanted), rtol=0, atol=0.5 / 127.5)


def test_a_network_of_one_channel_sees_grey():
    picture = Image.new("RGB", (2, 2), (255, 0, 0))
    # Pillow's L = 0.299 R + 0.587 G + 0.114 B: 76
    torch.testing.assert_close(images(picture, 1), torch.full((1, 1, 2, 2), 76 / 127.5 - 1))


TENSOR = r"expected floating point in \[-1, 1\], or uint8, of shape \(batch, 3, height, width\)"
ARRAY = r"expected a NumPy array uint8 of shape \(height, width, 3\) or \(batch, height, width, 3\)"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(3, 8, 8), TENSOR + r"; one image as images\[None\]"),
        (torch.zeros(2, 8, 8, 3), TENSOR + r"; channels in front with .permute\(0, 3, 1, 2\)"),
        (torch.zeros(2, 1, 8, 8), TENSOR + "$"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int64), TENSOR + r"; integers from 0 to 255 as .to\(torch.uint8\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.bool), TENSOR),
        (torch.zeros(2, 3, 8, 8, dtype=torch.complex64), TENSOR),
        (torch.zeros(0, 3, 8, 8), "at least one image, of at least one pixel"),
        (torch.zeros(1, 3, 0, 8), "at least one image, of at least one pixel"),
        (np.zeros((8, 8), np.uint8), ARRAY + "$"),
        (np.zeros((3, 8, 8), np.uint8), ARRAY + "; channels come last, unlike a tensor's"),
        (np.zeros((2, 3, 8, 8), np.uint8), ARRAY + "; channels come last"),
        (np.zeros((8, 8, 3), np.float32), ARRAY + r"; floating point in \[-1, 1\] is taken as a tensor"),
        (np.zeros((8, 8, 3), np.int64), ARRAY),
        (np.zeros((0, 8, 8, 3), np.uint8), "at least one image"),
        ([], "images: an empty list: expected at least one picture"),
        ([torch.zeros(3, 8, 8)], r"a list with Tensor: expected pictures of Pillow's alone; tensors as torch.stack"),
        ([Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8))], r"2 pictures of different sizes \(8 x 8 and 9 x 8\)"),
        (Image.new("I;16", (8, 8)), "mode 'I;16' has more than 8 bits a channel"),
        (Image.new("F", (8, 8)), "mode 'F' has more than 8 bits"),
        ("cat.jpg", r"images of type str: expected a tensor.*; a file as PIL.Image.open\(file\)"),
        (None, "images of type NoneType: expected a tensor"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        images(wrong)
    assert "\n" not in str(caught.value)
