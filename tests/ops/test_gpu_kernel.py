"""The kernel for short vectors on a GPU, in Triton's interpreter on a CPU."""

import importlib.util
import os
import subprocess
import sys

import pytest

CODE = """
import torch
import torch.nn.functional as F
from vqzoo.ops import gpu_kernel

torch.manual_seed(0)
for n, k, d in [(1, 1, 1), (65, 3, 2), (10, 129, 4)]:
    latents, codebook, bias = torch.randn(n, d), torch.randn(k, d), torch.randn(k)
    z, e = latents.double(), codebook.double()
    half = -e.square().sum(1) / 2
    for rows, added in ((codebook, half.float()), (F.normalize(codebook), None), (codebook, bias)):
        scores = z @ rows.double().T + (0 if added is None else added.double())
        values, indices = gpu_kernel.search(latents, rows, added)
        assert torch.equal(indices, scores.argmax(1)), (n, k, d)
        torch.testing.assert_close(values, scores.amax(1).float())
    # Whole numbers have many ties, of which the first counts, and no rounding.
    whole, table = torch.randint(-2, 3, (n, d)).float(), torch.randint(-2, 3, (k, d)).float()
    assert torch.equal(gpu_kernel.search(whole, table, None)[1], (whole @ table.T).argmax(1)), (n, k, d)
nothing = torch.full((3, 4), float("nan"))
assert not gpu_kernel.search(nothing, codebook[:, :4], None)[1].any()
"""


@pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="no Triton, which comes with torch on Linux")
def test_it_finds_the_first_of_the_best():
    """In a process of its own, because Triton asks whether to interpret when it is imported."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
