"""Types and devices that a user asks for."""

import pytest
import torch

from vqzoo.ops.device import DTYPES, check_device, check_dtype


def test_what_torch_can_do_is_given_back():
    assert [check_dtype(dtype) for dtype in DTYPES] == list(DTYPES)
    assert check_device("cpu") == check_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("wrong", [torch.int8, torch.complex64, torch.float8_e4m3fn, "bfloat16", float, 16])
def test_a_type_that_no_network_computes_in(wrong):
    with pytest.raises(ValueError, match="dtype=.*: expected one of torch.float32, torch.bfloat16, torch.float16"):
        check_dtype(wrong)


@pytest.mark.parametrize("wrong", ["gpu", "cuda:99", "", 1.5])
def test_a_device_that_is_not_there(wrong):
    with pytest.raises(ValueError, match="device=.*: torch cannot use it here.*; 'cpu' always works"):
        check_device(wrong)
