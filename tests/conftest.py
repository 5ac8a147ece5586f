"""Every test starts from the same random state, whatever ran before it."""

import pytest
import torch

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import list_models
from vqzoo.views.engine import Engine

torch.set_num_threads(1)  # the networks here are so small that threads would only wait for each other


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    torch.set_flush_denormal(False)  # which training sets for its process


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The app's engine on the shipped models."""
    return Engine(list_models())


@pytest.fixture(scope="session")
def path() -> str:
    """A bundled photograph of 256 x 256 pixels."""
    return str(next(iter(examples().values())))
