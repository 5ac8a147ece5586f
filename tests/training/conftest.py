"""SqueezeNet for LPIPS, drawn at random: most of what holds of the loss holds whatever the weights are."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory) -> Path:
    """A weights folder with the `features.*` of a SqueezeNet 1.1 that was never trained."""
    from torchvision.models import squeezenet1_1

    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = squeezenet1_1(weights=None).state_dict()
    features = {key: value for key, value in state.items() if key.startswith("features.")}
    save_file(features, folder / "squeezenet1_1-features.safetensors")
    return folder


@pytest.fixture
def random_weights(random_folder, monkeypatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(random_folder))
