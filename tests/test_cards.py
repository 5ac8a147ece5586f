"""A shipped checkpoint measures again to what its card says."""

from pathlib import Path

import pytest
import torch

from trainers.evaluate import reproduce
from vqzoo.hub.registry import cards_folder
from vqzoo.metrics.perceptual import perceptual
from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE
from vqzoo.metrics.table import recorded

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def all_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(torch.multiprocessing.cpu_count())
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not (DATA / "cifar10").is_dir(), reason="needs ../shared/data/cifar10")
def test_a_checkpoint_reproduces_its_metrics(monkeypatch, capsys, all_threads):
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(DATA / "weights"))
    perceptual.cache_clear()
    assert reproduce(cards_folder() / "cifar10-looc-256x4", str(DATA / "cifar10")), capsys.readouterr().out
    message = capsys.readouterr().out
    assert message.count("  same") == len(set(recorded()) - {"ms_ssim"}), "every metric was compared: " + message
    perceptual.cache_clear()
