"""Every test starts from the same random state, whatever ran before it."""

import pytest
import torch

torch.set_num_threads(1)  # the networks here are so small that threads would only wait for each other


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
