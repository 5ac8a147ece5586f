"""Every test starts from the same random state, whatever ran before it."""

import os

import pytest
import torch

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import list_models
from vqzoo.views.engine import Engine

torch.set_num_threads(1)  # the networks here are so small that threads would only wait for each other
# Processes that tests start have as many threads as there are cores, and other tests beside them: threads that wait for
# each other then take most of the time, unless they sleep meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


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
